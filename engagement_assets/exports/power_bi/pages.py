"""The pages of the report, each from rows of visuals."""

from __future__ import annotations

from engagement_assets.domain.colours import SEGMENT_COLOURS, VALUE_COLOURS
from engagement_assets.domain.meanings import Meanings, enumerated
from engagement_assets.domain.score_parts import PARTS
from engagement_assets.domain.scoring_policy import ScoringPolicy
from engagement_assets.exports.power_bi.charts import (
    COUNTRY,
    CUSTOMER,
    DATE,
    HIGH_RISK,
    LIFECYCLE,
    REVENUE_BAND,
    SEGMENT,
    STATUS,
    VALUE_SEGMENT,
    bars,
    cards,
    line,
    measures,
    table,
)
from engagement_assets.exports.power_bi.customer_pages import at_risk, customer, high_value
from engagement_assets.exports.power_bi.layout import Page
from engagement_assets.exports.power_bi.model import CUSTOMER_TABLE, DATE_TABLE, STAGE_TABLE
from engagement_assets.exports.power_bi.visuals import Visual, colours_of, column, heat, measure, properties


def report_pages(policy: ScoringPolicy) -> list[Page]:
    """The pages in their order."""
    return [
        _overview(),
        _breakdown(policy),
        _segmentation(),
        _value_and_risk(),
        at_risk(policy),
        high_value(policy),
        _behaviour(policy),
        customer(),
        _monitoring(),
    ]


# ---- the pages -------------------------------------------------------------------------------------------------------


def _overview() -> Page:
    histogram = Visual(
        "histogram",
        "columnChart",
        {"Category": [column(CUSTOMER_TABLE, "Score bucket")], "Series": [SEGMENT], "Y": measures("Customers")},
        "Customers by engagement score",
        {"dataPoint": colours_of(SEGMENT, SEGMENT_COLOURS)},
    )
    donut = Visual(
        "segments",
        "donutChart",
        {"Category": [SEGMENT], "Y": measures("Customers")},
        "Customers by segment",
        {
            "dataPoint": colours_of(SEGMENT, SEGMENT_COLOURS),
            "labels": [properties(labelStyle="Category, data value, percent of total")],
        },
    )
    figures = ("Average score", "High-risk share", "Customers", "Average sessions", "Revenue at risk")
    return Page(
        "Executive overview",
        "How engaged customers are, how many may be lost, and what has changed.",
        [
            (0.2, [(1, cards("figures", *figures))]),
            (0.42, [(0.65, histogram), (0.35, donut)]),
            (
                0.38,
                [
                    (0.5, line("score", "Average score over time", "Daily average score", "Daily reference score")),
                    (0.5, line("risk", "Share at high risk over time", "Daily high-risk share")),
                ],
            ),
        ],
    )


def _breakdown(policy: ScoringPolicy) -> Page:
    scatter = Visual(
        "scatter",
        "scatterChart",
        {
            "Category": [CUSTOMER],
            "Series": [SEGMENT],
            "X": measures("Average sessions"),
            "Y": measures("Orders so far"),
            "Size": measures("Revenue"),
        },
        Meanings(policy).filled("Sessions in {window} against orders so far; the area is revenue"),
        {"dataPoint": colours_of(SEGMENT, SEGMENT_COLOURS)},
    )
    bands = [column(CUSTOMER_TABLE, f"{part.title} band") for part in PARTS]
    tree = Visual(
        "tree",
        "decompositionTreeVisual",
        {"Analyze": measures("Average score"), "ExplainBy": [*bands, SEGMENT, LIFECYCLE, STATUS, COUNTRY]},
        "What the average score is made of",
        {"analysis": [properties(aiEnabled=False)]},
    )
    contributions = [f"Average {part.name} contribution" for part in PARTS]
    return Page(
        "Score breakdown",
        f"What scores are made of: {enumerated(part.words for part in PARTS)}.",
        [
            (
                0.45,
                [
                    (0.5, scatter),
                    (
                        0.5,
                        bars(
                            "parts", "Contributions to the score by segment", SEGMENT, *contributions, kind="barChart"
                        ),
                    ),
                ],
            ),
            (0.55, [(1, tree)]),
        ],
    )


def _segmentation() -> Page:
    matrix = Visual(
        "matrix",
        "pivotTable",
        {"Rows": [SEGMENT], "Columns": [REVENUE_BAND], "Values": measures("Customers", "Revenue")},
        "Engagement by revenue band",
        {"values": [heat(measure("Customers"))]},
    )
    values = Visual(
        "values",
        "clusteredBarChart",
        {"Category": [VALUE_SEGMENT], "Y": measures("Customers")},
        "Customers by value segment",
        {"dataPoint": colours_of(VALUE_SEGMENT, VALUE_COLOURS), "labels": [properties(show=True)]},
    )
    figures = measures("Customers", "Revenue", "Average order", "Average score", "High-risk customers")
    moves = measures("Segment moves", "Newly at risk", "Recovered")
    return Page(
        "Segmentation",
        "Who is in which segment, what they are worth, and who moved.",
        [
            (0.48, [(0.5, matrix), (0.5, values)]),
            (
                0.52,
                [
                    (0.6, table("table", "Value segments", VALUE_SEGMENT, *figures, by="Revenue")),
                    (
                        0.4,
                        table(
                            "moves",
                            "Moves from day to day",
                            column("Segment Moves", "Previous segment"),
                            column("Segment Moves", "Engagement segment"),
                            *moves,
                            by="Segment moves",
                        ),
                    ),
                ],
            ),
        ],
    )


def _value_and_risk() -> Page:
    scatter = Visual(
        "scatter",
        "scatterChart",
        {
            "Category": [CUSTOMER],
            "Series": [VALUE_SEGMENT],
            "X": measures("Average score"),
            "Y": measures("Revenue"),
            "Size": measures("Orders so far"),
        },
        "Engagement score against revenue",
        {"dataPoint": colours_of(VALUE_SEGMENT, VALUE_COLOURS)},
    )
    matrix = Visual(
        "matrix",
        "pivotTable",
        {"Rows": [VALUE_SEGMENT], "Columns": [HIGH_RISK], "Values": measures("Customers", "Revenue")},
        "Value segment by high risk",
        {"values": [heat(measure("Revenue"))]},
    )
    return Page(
        "Customer value vs engagement risk",
        "Where revenue and risk meet: whom to reward, whom to win back.",
        [
            (0.2, [(1, cards("figures", "Revenue", "Revenue at risk", "High-value customers", "At-risk VIPs"))]),
            (
                0.8,
                [
                    (0.55, scatter),
                    (0.45, matrix),
                ],
            ),
        ],
    )


def _behaviour(policy: ScoringPolicy) -> Page:
    stage = column(STAGE_TABLE, "Stage")
    funnel = Visual(
        "funnel",
        "funnel",
        {"Category": [stage], "Y": measures("Customers at stage")},
        "Customers who got at least so far, in the window of the snapshot",
    )
    steps = Visual(
        "orders",
        "lineClusteredColumnComboChart",
        {
            "Category": [column(CUSTOMER_TABLE, "Sessions band")],
            "Y": measures("Customers"),
            "Y2": measures("Orders per customer in 30 days"),
        },
        Meanings(policy).filled("Orders by number of sessions in {window}"),
    )
    calendar = Visual(
        "heatmap",
        "pivotTable",
        {
            "Rows": [column(DATE_TABLE, "Weekday")],
            "Columns": [column("Sessions", "Start hour")],
            "Values": measures("Sessions begun"),
        },
        "Sessions by weekday and hour of their start",
        {"values": [heat(measure("Sessions begun"))]},
    )
    return Page(
        "Behaviour",
        "From looking to buying, and when people come.",
        [
            (
                0.5,
                [
                    (0.3, funnel),
                    (0.38, steps),
                    (
                        0.32,
                        Visual(
                            "visits",
                            "lineClusteredColumnComboChart",
                            {
                                "Category": [DATE],
                                "Y": measures("Sessions begun"),
                                "Y2": measures("Orders on the days"),
                            },
                            "Sessions and orders by day",
                        ),
                    ),
                ],
            ),
            (
                0.5,
                [
                    (0.72, calendar),
                    (0.28, cards("figures", "Engaged share", "Sessions in the window")),
                ],
            ),
        ],
    )


def _monitoring() -> Page:
    rows = Visual(
        "rows",
        "lineChart",
        {"Category": [DATE], "Series": [column("Table Rows", "Table name")], "Y": measures("Rows published")},
        "Rows of each table by day",
    )
    figures = (
        "Snapshot",
        "Published days",
        "Stability index",
        "Rows kept out",
        "Share without an order",
        "Share without a session",
    )
    rejected = table(
        "rejected",
        "Source rows that were kept out",
        column("Rejected Rows", "Source"),
        column("Rejected Rows", "Reason"),
        measure("Rows kept out"),
        by="Rows kept out",
    )
    return Page(
        "Monitoring",
        "Are the tables complete, and do they still look as they did?",
        [
            (0.2, [(1, cards("figures", *figures))]),
            (0.42, [(1, rows)]),
            (0.38, [(0.5, line("customers", "Customers over time", "Daily customers")), (0.5, rejected)]),
        ],
    )
