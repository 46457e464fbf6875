"""Questions of the page on value and risk."""

from __future__ import annotations

from engagement_assets.dashboard.questions import Customers, Filters
from engagement_assets.dashboard.warehouse import Row, Warehouse, remembered
from engagement_assets.domain.contracts import CampaignAudiences, EngagementScores
from engagement_assets.domain.customer_filters import ENGAGEMENT_BAND

#: Customers who signed up between two dates come from here.
NEW = "New"


@remembered
def matrix(warehouse: Warehouse, day: str, filters: Filters) -> list[Row]:
    """Customers and revenue per engagement band (`engagement`: High, Medium, Low) and revenue band (`revenue_band`)."""
    return Customers(warehouse, day, filters).rows(
        f"""
        SELECT {ENGAGEMENT_BAND} AS engagement, revenue_band, any_value(value_segment) AS value_segment,
               count(*) AS customers, sum(total_revenue)::DOUBLE AS revenue
        FROM {{scores}} s WHERE {{filters}} GROUP BY 1, 2 ORDER BY 1, 2
        """
    )


@remembered
def statuses(warehouse: Warehouse, day: str, filters: Filters) -> list[Row]:
    """Customers per `segment` and `status`."""
    return Customers(warehouse, day, filters).rows(
        "SELECT engagement_segment AS segment, engagement_status AS status, count(*) AS customers "
        "FROM {scores} s WHERE {filters} GROUP BY ALL ORDER BY ALL"
    )


@remembered
def value_segments(warehouse: Warehouse, day: str, filters: Filters) -> dict[str, Row]:
    """Customers, revenue, orders and customers at risk per value segment."""
    rows = Customers(warehouse, day, filters).rows(
        """
        SELECT value_segment AS name, count(*) AS customers, sum(total_revenue)::DOUBLE AS revenue,
               sum(total_orders)::BIGINT AS orders, avg(engagement_score) AS score
        FROM {scores} s WHERE {filters} GROUP BY 1 ORDER BY 1
        """
    )
    return {row["name"]: row for row in rows}


@remembered
def audiences(warehouse: Warehouse, day: str, filters: Filters) -> list[Row]:
    """Customers per value segment (`name`) and campaign audience, with its `action`; most customers first."""
    return Customers(warehouse, day, filters).rows(
        """
        SELECT s.value_segment AS name, audience, any_value(a.recommended_action) AS action, count(*) AS customers
        FROM {audiences} a JOIN {scores} s USING (customer_id) WHERE {filters} GROUP BY ALL ORDER BY customers DESC, audience
        """,
        audiences=(CampaignAudiences, [day]),
    )


@remembered
def moves(warehouse: Warehouse, day: str, before: str, filters: Filters) -> list[Row]:
    """Customers by segment before (`source`, `New` if not yet a customer) and on the day (`target`); filters as of the day."""
    return Customers(warehouse, day, filters).rows(
        f"""
        SELECT coalesce(o.engagement_segment, '{NEW}') AS source, s.engagement_segment AS target, count(*) AS customers
        FROM {{scores}} s LEFT JOIN {{before}} o USING (customer_id) WHERE {{filters}}
        GROUP BY ALL ORDER BY customers DESC, source, target
        """,
        before=(EngagementScores, [before]),
    )
