"""Questions of the page on high-value customers."""

from __future__ import annotations

from engagement_assets.dashboard.questions import Customers, Filters
from engagement_assets.dashboard.warehouse import Row, Warehouse, remembered
from engagement_assets.domain.customer_filters import HIGH_VALUE
from engagement_assets.exports.measures import STEADY

DECLINING_SHOWN = 10
COUNTRIES_SHOWN = 6


@remembered
def profile(warehouse: Warehouse, day: str, filters: Filters) -> dict[bool, Row]:
    """Means of the high-value customers (True) and of all other buyers (False)."""
    rows = Customers(warehouse, day, filters).rows(
        f"""
        SELECT ({HIGH_VALUE}) AS high_value, count(*) AS customers, sum(total_revenue)::DOUBLE AS revenue,
               sum(total_orders)::BIGINT AS orders, avg(total_orders) AS average_orders,
               sum(total_revenue)::DOUBLE / sum(total_orders) AS average_order, avg(recency_days) AS recency,
               avg(sessions_last_30_days) AS sessions, avg(tenure_days) AS tenure, avg(engagement_score) AS score,
               sum(engaged_sessions_last_30_days) / nullif(sum(sessions_last_30_days), 0) AS engaged,
               count(*) FILTER (reference_score_change < -{STEADY}) AS declining,
               coalesce(sum(total_revenue) FILTER (reference_score_change < -{STEADY}), 0)::DOUBLE AS declining_revenue
        FROM {{scores}} s WHERE {{filters}} AND total_orders > 0 GROUP BY 1
        """
    )
    return {row["high_value"]: row for row in rows}


@remembered
def countries(warehouse: Warehouse, day: str, filters: Filters) -> list[Row]:
    """Per country: high-value customers, and what share of the country's buyers they are."""
    return Customers(warehouse, day, filters).rows(
        f"""
        SELECT country, count(*) FILTER ({HIGH_VALUE}) AS high_value, count(*) AS buyers,
               avg(({HIGH_VALUE})::INT) AS share
        FROM {{scores}} s WHERE {{filters}} AND total_orders > 0 GROUP BY 1
        ORDER BY high_value DESC, country LIMIT {COUNTRIES_SHOWN}
        """
    )


@remembered
def declining(warehouse: Warehouse, day: str, filters: Filters) -> list[Row]:
    """The high-value customers who fell most in 30 days, the most revenue first among equals."""
    return Customers(warehouse, day, filters).rows(
        f"""
        SELECT customer_id, total_revenue AS revenue, recency_days, sessions_last_30_days AS sessions,
               sessions_previous_30_days AS sessions_before, reference_score_change AS change
        FROM {{scores}} s WHERE {{filters}} AND {HIGH_VALUE} AND reference_score_change < -{STEADY}
        ORDER BY reference_score_change, total_revenue DESC, customer_id LIMIT {DECLINING_SHOWN}
        """
    )
