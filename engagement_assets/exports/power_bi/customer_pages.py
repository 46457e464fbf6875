"""The pages that list customers, and the page of one."""

from __future__ import annotations

from engagement_assets.domain.score_parts import PARTS
from engagement_assets.domain.scoring_policy import ScoringPolicy
from engagement_assets.exports.power_bi.charts import (
    BANDED,
    COUNTRY,
    CUSTOMER,
    DATE,
    HIGH_RISK,
    HIGH_VALUE,
    LIFECYCLE,
    REASONS,
    SEGMENT,
    STATUS,
    VALUE_SEGMENT,
    bars,
    cards,
    line,
    measures,
    table,
    traffic_lights,
)
from engagement_assets.exports.power_bi.layout import Page
from engagement_assets.exports.power_bi.visuals import Visual, column, measure, properties


def at_risk(policy: ScoringPolicy) -> Page:
    """Who is slipping away, and why."""
    kpi = Visual(
        "kpi",
        "kpi",
        {
            "Indicator": measures("Daily high-risk share"),
            "TrendLine": [DATE],
            "Goal": measures("High-risk share 30 days before"),
        },
        "Share at high risk, against 30 days before",
        {"status": [properties(direction="Negative")]},
    )
    return Page(
        "At-risk customers",
        "Customers who have ordered before and are slipping away, and why.",
        [
            (
                0.35,
                [
                    (0.28, kpi),
                    (0.24, cards("figures", "High-risk customers", "Revenue at risk")),
                    (0.48, line("trend", "Customers at high risk over time", "Daily high-risk customers")),
                ],
            ),
            (
                0.65,
                [
                    (
                        1,
                        table(
                            "table",
                            "Customers at high risk, the most revenue first",
                            CUSTOMER,
                            COUNTRY,
                            REASONS,
                            *measures("Revenue", *BANDED),
                            by="Revenue",
                            lights=traffic_lights(policy),
                        ),
                    )
                ],
            ),
        ],
        filters=[(HIGH_RISK, [True])],
    )


def high_value(policy: ScoringPolicy) -> Page:
    """Who spends much and still comes, and who of them is slipping."""
    figures = ("High-value customers", "High-value share of buyers", "High-value revenue", "High-value slipping")
    listed = measures("Revenue", "Orders so far", "Average order", *BANDED)
    return Page(
        "High-value customers",
        "Who spends much and still comes, and who of them is slipping.",
        [
            (0.2, [(1, cards("figures", *figures))]),
            (
                0.8,
                [
                    (
                        0.72,
                        table(
                            "table",
                            "High-value customers, the most revenue first",
                            CUSTOMER,
                            COUNTRY,
                            VALUE_SEGMENT,
                            *listed,
                            by="Revenue",
                            lights=traffic_lights(policy),
                        ),
                    ),
                    (0.28, bars("countries", "By country", COUNTRY, "High-value customers", most_first=True)),
                ],
            ),
        ],
        filters=[(HIGH_VALUE, [True])],
    )


def customer() -> Page:
    """One customer; other pages lead here by drill-through."""
    facts = [
        "Average score",
        "Average percentile",
        "Revenue",
        "Orders so far",
        "Days since last order",
        "Average sessions",
    ]
    parts = [f"Average {part.name} score" for part in PARTS]
    orders = [column("Orders", "Order date"), column("Orders", "Order id"), measure("Order revenue")]
    return Page(
        "Customer",
        "One customer: score, reasons, orders, sessions. Right-click a customer on another page, Drill through.",
        [
            (0.2, [(1, cards("figures", *facts))]),
            (
                0.2,
                [
                    (
                        1,
                        table(
                            "profile",
                            "Who it is",
                            CUSTOMER,
                            COUNTRY,
                            SEGMENT,
                            VALUE_SEGMENT,
                            LIFECYCLE,
                            STATUS,
                            *measures(*parts, "Change of reference score"),
                            REASONS,
                        ),
                    )
                ],
            ),
            (
                0.6,
                [
                    (0.42, line("history", "Score over time", "Score on the day", "Reference score on the day")),
                    (0.28, bars("visits", "Sessions by day", DATE, "Sessions begun", kind="columnChart")),
                    (0.3, table("orders", "Orders", *orders)),
                ],
            ),
        ],
        drill_through_by=CUSTOMER,
    )
