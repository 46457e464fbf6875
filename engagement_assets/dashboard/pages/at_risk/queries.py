"""Questions of the page on customers at risk."""

from __future__ import annotations

from engagement_assets.dashboard.questions import Customers, Filters
from engagement_assets.dashboard.warehouse import Row, Warehouse, remembered
from engagement_assets.domain.contracts import EngagementScores


@remembered
def crossings(warehouse: Warehouse, day: str, before: str, filters: Filters) -> Row:
    """Customers who came to be slipping since a date (`new`), who ordered again (`recovered`), and their revenue of a year."""
    return Customers(warehouse, day, filters).one(
        """
        SELECT count(*) FILTER (is_new) AS new, count(*) FILTER (is_back) AS recovered,
               coalesce(sum(revenue_last_365_days) FILTER (is_new), 0)::DOUBLE AS new_revenue,
               coalesce(sum(revenue_last_365_days) FILTER (is_back), 0)::DOUBLE AS recovered_revenue
        FROM (SELECT s.revenue_last_365_days, s.is_slipping AND NOT coalesce(o.is_slipping, false) AS is_new,
                     o.is_slipping AND s.lifecycle_stage IN ('Active', 'Reactivated') AS is_back
              FROM {scores} s LEFT JOIN {before} o USING (customer_id) WHERE {filters})
        """,
        before=(EngagementScores, [before]),
    )


@remembered
def beside(warehouse: Warehouse, day: str, filters: Filters) -> Row:
    """Customers who lapsed (`lapsed`), and slipping ones whose return chance cannot be told yet (`too_early`)."""
    return Customers(warehouse, day, filters).one(
        """
        SELECT count(*) FILTER (lifecycle_stage = 'Lapsed') AS lapsed,
               coalesce(sum(total_revenue) FILTER (lifecycle_stage = 'Lapsed'), 0)::DOUBLE AS lapsed_revenue,
               count(*) FILTER (is_slipping AND return_chance IS NULL) AS too_early
        FROM {scores} s WHERE {filters}
        """
    )
