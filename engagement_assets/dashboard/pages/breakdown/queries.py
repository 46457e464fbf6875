"""Questions of the score breakdown."""

from __future__ import annotations

from engagement_assets.dashboard.questions import Customers, Filters, Within
from engagement_assets.dashboard.warehouse import Row, Warehouse, remembered
from engagement_assets.domain.contracts.engagement import SEGMENTS, STATUSES
from engagement_assets.domain.customer_filters import FILTERS
from engagement_assets.domain.score_parts import PARTS

#: More customers than this are drawn as a sample.
MOST_POINTS = 2_000

#: Groups shown at once; smaller ones are left out.
MOST_GROUPS = 12


@remembered
def points(warehouse: Warehouse, day: str, filters: Filters) -> list[Row]:
    """Sessions, orders, revenue and segment of the customers, or of an even sample of `MOST_POINTS` of them.

    The sample is the same each time: customers with the smallest hash of their identifier.
    """
    return Customers(warehouse, day, filters).rows(
        f"""
        SELECT customer_id, sessions_last_30_days AS sessions, total_orders AS orders,
               total_revenue::DOUBLE AS revenue, engagement_segment AS segment
        FROM {{scores}} s WHERE {{filters}} ORDER BY hash(customer_id), customer_id LIMIT {MOST_POINTS}
        """
    )


@remembered
def drivers(warehouse: Warehouse, day: str, filters: Filters) -> Row:
    """What the score of a day's customers is made of.

    `customers`, `score` (its mean) and `spread` (its variance); per part the mean of its contribution under its name, its share
    of the variance (`<part>_spread`: covariance with the score by the variance of the score; they add up to 1) and the mean of
    its own score; per measure the means of its score and of its value.
    """
    columns = ["count(*) AS customers", "avg(engagement_score) AS score", "var_pop(engagement_score) AS spread"]
    for part in PARTS:
        columns += [
            f"avg({part.contribution}) AS {part.name}",
            f"covar_pop({part.contribution}, engagement_score) / nullif(var_pop(engagement_score), 0) AS {part.name}_spread",
            f"avg({part.score}) AS {part.score}",
        ]
        for each in part.measures:
            columns += [f"avg({name}) AS {name}" for name in (each.score, each.column) if name != part.score]
    return Customers(warehouse, day, filters).one(f"SELECT {', '.join(columns)} FROM {{scores}} s WHERE {{filters}}")


@remembered
def groups(warehouse: Warehouse, day: str, filters: Filters, by: str, within: Within) -> list[Row]:
    """Customers, mean score and its contributions per group: in their own order, or (countries) the largest first."""
    rows = Customers(warehouse, day, filters, within).rows(
        f"""
        SELECT {FILTERS[by].sql} AS name, count(*) AS customers, avg(engagement_score) AS score,
               {", ".join(f"avg({part.contribution}) AS {part.name}" for part in PARTS)}
        FROM {{scores}} s WHERE {{filters}} GROUP BY 1 ORDER BY customers DESC, name LIMIT {MOST_GROUPS}
        """
    )
    order = {"segment": SEGMENTS, "status": STATUSES}.get(by)
    return sorted(rows, key=lambda row: order.index(row["name"])) if order else rows
