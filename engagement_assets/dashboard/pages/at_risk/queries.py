"""Questions of the page on customers at risk."""

from __future__ import annotations

from engagement_assets.dashboard.questions import Customers, Filters
from engagement_assets.dashboard.warehouse import Row, Warehouse, remembered
from engagement_assets.domain.contracts import EngagementScores


@remembered
def crossings(warehouse: Warehouse, day: str, before: str, filters: Filters) -> Row:
    """Customers and revenue that came to be at high risk since a date (`new`), and that got out of it (`recovered`)."""
    return Customers(warehouse, day, filters).one(
        """
        SELECT count(*) FILTER (s.is_high_risk AND NOT coalesce(o.is_high_risk, false)) AS new,
               count(*) FILTER (NOT s.is_high_risk AND o.is_high_risk) AS recovered,
               coalesce(sum(s.total_revenue) FILTER (s.is_high_risk AND NOT coalesce(o.is_high_risk, false)), 0)::DOUBLE
                   AS new_revenue,
               coalesce(sum(s.total_revenue) FILTER (NOT s.is_high_risk AND o.is_high_risk), 0)::DOUBLE AS recovered_revenue
        FROM {scores} s LEFT JOIN {before} o USING (customer_id) WHERE {filters}
        """,
        before=(EngagementScores, [before]),
    )
