"""Questions of the executive overview."""

from __future__ import annotations

from engagement_assets.analysis.brief import Brief, make_brief
from engagement_assets.dashboard.questions import Customers, Filters
from engagement_assets.dashboard.warehouse import Row, Warehouse, remembered
from engagement_assets.domain.contracts import EngagementMetrics, EngagementScores
from engagement_assets.domain.contracts.engagement import SEGMENTS
from engagement_assets.exports.star_schema import bucket_sql

#: Groups smaller than this on either date are left out of the comparison: their means jump.
SMALLEST_GROUP = 5

GROUPS_SHOWN = 8
CUSTOMERS_SHOWN = 5


@remembered
def brief(warehouse: Warehouse, day: str) -> list[Brief]:
    """The brief of a day, of all customers; none where the day has no totals."""
    return [make_brief(warehouse.settings, day)] if day in warehouse.days(EngagementMetrics) else []


@remembered
def distribution(warehouse: Warehouse, day: str, filters: Filters) -> list[Row]:
    """Customers per bar (`bin` 0 to 19) and segment. The bar from 0.95 holds 1 too."""
    return Customers(warehouse, day, filters).rows(
        f"""
        SELECT {bucket_sql("engagement_score")} AS bin,
               engagement_segment AS segment, count(*) AS customers
        FROM {{scores}} s WHERE {{filters}} GROUP BY ALL ORDER BY bin, segment
        """
    )


@remembered
def segments(warehouse: Warehouse, day: str, filters: Filters) -> dict[str, int]:
    """Customers per segment, all four, from High to At Risk."""
    found = Customers(warehouse, day, filters).rows(
        "SELECT engagement_segment, count(*) AS customers FROM {scores} s WHERE {filters} GROUP BY ALL"
    )
    counts = {row["engagement_segment"]: row["customers"] for row in found}
    return {segment: counts.get(segment, 0) for segment in SEGMENTS}


@remembered
def group_movers(warehouse: Warehouse, day: str, before: str, filters: Filters) -> list[Row]:
    """Groups by country, segment, value segment and status whose mean reference score moved most between two dates.

    `kind`, `name`, `customers`, `customers_change`, `score`, `score_change`, `slipping_change`.
    """
    return Customers(warehouse, day, filters).rows(
        f"""
        WITH totals AS (
            SELECT as_of_date, country, engagement_segment, value_segment, engagement_status,
                   grouping(country, engagement_segment, value_segment, engagement_status) AS which,
                   count(*) AS customers, avg(reference_score) AS score, count(*) FILTER (is_slipping) AS slipping
            FROM {{scores}} s WHERE {{filters}}
            GROUP BY GROUPING SETS ((as_of_date, country), (as_of_date, engagement_segment),
                                    (as_of_date, value_segment), (as_of_date, engagement_status))
        ), named AS (
            SELECT as_of_date,
                   CASE which WHEN 7 THEN 'Country' WHEN 11 THEN 'Segment' WHEN 13 THEN 'Value segment'
                              ELSE 'Status' END AS kind,
                   coalesce(country, engagement_segment, value_segment, engagement_status) AS name,
                   customers, score, slipping
            FROM totals
        )
        SELECT kind, name, n.customers, n.customers - o.customers AS customers_change, n.score,
               n.score - o.score AS score_change, n.slipping - o.slipping AS slipping_change
        FROM named n JOIN named o USING (kind, name)
        WHERE n.as_of_date = $day::DATE AND o.as_of_date = $before::DATE
          AND least(n.customers, o.customers) >= {SMALLEST_GROUP}
        ORDER BY abs(n.score - o.score) DESC, kind, name LIMIT {GROUPS_SHOWN}
        """,
        {"day": day, "before": before},
        scores=(EngagementScores, [before, day]),
    )


@remembered
def customer_movers(warehouse: Warehouse, day: str, before: str, filters: Filters) -> list[Row]:
    """The customers whose reference score fell and rose most between two dates; filters as of the later one."""
    return Customers(warehouse, day, filters).rows(
        f"""
        WITH moved AS (
            SELECT s.customer_id, s.engagement_segment AS segment, s.reference_score AS score,
                   s.reference_score - o.reference_score AS change
            FROM {{scores}} s JOIN {{before}} o USING (customer_id) WHERE {{filters}}
        ), falls AS (SELECT * FROM moved WHERE change < 0 ORDER BY change, customer_id LIMIT {CUSTOMERS_SHOWN}),
        rises AS (SELECT * FROM moved WHERE change > 0 ORDER BY change DESC, customer_id LIMIT {CUSTOMERS_SHOWN})
        SELECT * FROM (FROM falls UNION ALL FROM rises) ORDER BY change, customer_id
        """,
        before=(EngagementScores, [before]),
    )
