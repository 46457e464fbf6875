"""Questions of the score breakdown."""

from __future__ import annotations

from engagement_assets.dashboard.questions import Filters, add_conditions, where
from engagement_assets.dashboard.warehouse import Row, Warehouse, remembered
from engagement_assets.domain.contracts import EngagementScores
from engagement_assets.domain.contracts.engagement import SEGMENTS, STATUSES
from engagement_assets.domain.score_parts import PARTS

#: More customers than this are drawn as a sample.
MOST_POINTS = 2_000

#: Groups shown at once; smaller ones are left out.
MOST_GROUPS = 12

_COLUMNS = {"segment": "engagement_segment", "country": "country", "status": "engagement_status"}

Within = tuple[tuple[str, str], ...]


@remembered
def points(warehouse: Warehouse, day: str, filters: Filters) -> list[Row]:
    """Sessions, orders, revenue and segment of the customers, or of an even sample of `MOST_POINTS` of them.

    The sample is the same each time: customers with the smallest hash of their identifier.
    """
    condition, parameters = where(filters)
    return warehouse.rows(
        f"""
        SELECT customer_id, sessions_last_30_days AS sessions, total_orders AS orders,
               total_revenue::DOUBLE AS revenue, engagement_segment AS segment
        FROM {{scores}} s WHERE {condition} ORDER BY hash(customer_id), customer_id LIMIT {MOST_POINTS}
        """,
        parameters,
        scores=(EngagementScores, [day]),
    )


@remembered
def groups(warehouse: Warehouse, day: str, filters: Filters, by: str, within: Within) -> list[Row]:
    """Customers, mean score and its contributions per group: in their own order, or (countries) the largest first."""
    condition, parameters = where(filters)
    condition = add_conditions(condition, parameters, within)
    rows = warehouse.rows(
        f"""
        SELECT {_COLUMNS[by]} AS name, count(*) AS customers, avg(engagement_score) AS score,
               {", ".join(f"avg({part.contribution}) AS {part.name}" for part in PARTS)}
        FROM {{scores}} s WHERE {condition} GROUP BY 1 ORDER BY customers DESC, name LIMIT {MOST_GROUPS}
        """,
        parameters,
        scores=(EngagementScores, [day]),
    )
    order = {"segment": SEGMENTS, "status": STATUSES}.get(by)
    return sorted(rows, key=lambda row: order.index(row["name"])) if order else rows
