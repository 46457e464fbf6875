"""Measures of the latest snapshot: key figures, the parts of the score, value and risk."""

from __future__ import annotations

from engagement_assets.domain.bands import STEADY
from engagement_assets.domain.scoring_policy import ScoringPolicy
from engagement_assets.exports.measures.base import COUNT, DECIMAL, MONEY, ROWS, SCORE, SHARE, Measure
from engagement_assets.exports.star_schema import HIGH_VALUE


def key_figures(policy: ScoringPolicy) -> list[Measure]:
    """What the cards of the overview show, and what they are made of."""
    days = policy.activity_window_days

    def of(key: str, name: str, kind: str, description: str, dax: str, sql: str) -> Measure:
        return Measure(key, name, "Key figures", kind, description, dax, "engagement_scores", sql)

    return [
        of(
            "customers",
            "Customers",
            COUNT,
            "Customers who had signed up by the day of the snapshot.",
            ROWS,
            "count(*)",
        ),
        of(
            "average_score",
            "Average score",
            SCORE,
            "Mean engagement score, 0 to 1, relative to the other customers of the same day.",
            "AVERAGE('Latest Scores'[Engagement score])",
            "avg(engagement_score)",
        ),
        of(
            "average_reference_score",
            "Average reference score",
            SCORE,
            "Mean of the same formula on fixed bounds: it moves only when customers do.",
            "AVERAGE('Latest Scores'[Reference score])",
            "avg(reference_score)",
        ),
        of(
            "high_risk_customers",
            "High-risk customers",
            COUNT,
            f"Customers who have ordered and score below {policy.high_risk_threshold:g}.",
            f"CALCULATE({ROWS}, 'Latest Scores'[Is high risk] = TRUE())",
            "count(*) FILTER (is_high_risk)",
        ),
        of(
            "high_risk_share",
            "High-risk share",
            SHARE,
            "High-risk customers by customers.",
            "DIVIDE([High-risk customers], [Customers])",
            "avg(is_high_risk::INT)",
        ),
        of(
            "average_sessions",
            "Average sessions",
            DECIMAL,
            f"Mean web sessions per customer in the {days} days up to the snapshot.",
            "AVERAGE('Latest Scores'[Sessions last 30 days])",
            "avg(sessions_last_30_days)",
        ),
        of(
            "revenue",
            "Revenue",
            MONEY,
            "What the customers have spent so far, in the currency of the orders.",
            "SUM('Latest Scores'[Total revenue])",
            "coalesce(sum(total_revenue), 0)::DOUBLE",
        ),
        of(
            "revenue_at_risk",
            "Revenue at risk",
            MONEY,
            "What customers at high risk have spent so far.",
            "CALCULATE(SUM('Latest Scores'[Total revenue]), 'Latest Scores'[Is high risk] = TRUE())",
            "coalesce(sum(total_revenue) FILTER (is_high_risk), 0)::DOUBLE",
        ),
        of(
            "orders",
            "Orders so far",
            COUNT,
            "Orders of the customers up to the snapshot.",
            "SUM('Latest Scores'[Total orders])",
            "coalesce(sum(total_orders), 0)::BIGINT",
        ),
        of(
            "average_order",
            "Average order",
            MONEY,
            "Revenue by orders.",
            "DIVIDE([Revenue], [Orders so far])",
            "sum(total_revenue)::DOUBLE / nullif(sum(total_orders), 0)",
        ),
    ]


def parts(policy: ScoringPolicy) -> list[Measure]:
    """Recency, frequency and monetary value: mean scores and contributions."""
    found = []
    for part in ("recency", "frequency", "monetary"):
        weight = getattr(policy, f"{part}_weight")
        found += [
            Measure(
                part,
                f"Average {part} score",
                "Score parts",
                SCORE,
                f"Mean {part} score, 0 to 1.",
                f"AVERAGE('Latest Scores'[{part.capitalize()} score])",
                "engagement_scores",
                f"avg({part}_score)",
            ),
            Measure(
                f"{part}_part",
                f"Average {part} contribution",
                "Score parts",
                SCORE,
                f"Mean of {weight:g} times the {part} score; the three contributions add up to the score.",
                f"AVERAGE('Latest Scores'[{part.capitalize()} contribution])",
                "engagement_scores",
                f"avg({part}_contribution)",
            ),
        ]
    return found


def value_and_risk(policy: ScoringPolicy) -> list[Measure]:
    """High-value customers, those at risk, and what tells them apart."""

    def of(key: str, name: str, kind: str, description: str, dax: str, sql: str) -> Measure:
        return Measure(key, name, "Value and risk", kind, description, dax, "engagement_scores", sql)

    slipping = f"reference_score_change < -{STEADY}"
    return [
        of(
            "buyers",
            "Buyers",
            COUNT,
            "Customers who have ordered.",
            f"CALCULATE({ROWS}, 'Latest Scores'[Total orders] > 0)",
            "count(*) FILTER (total_orders > 0)",
        ),
        of(
            "high_value_customers",
            "High-value customers",
            COUNT,
            "Customers with revenue band High and segment High or Medium: they spend much and still come.",
            f"CALCULATE({ROWS}, 'Customers'[Is high value] = TRUE())",
            f"count(*) FILTER ({HIGH_VALUE})",
        ),
        of(
            "high_value_revenue",
            "High-value revenue",
            MONEY,
            "What the high-value customers have spent so far.",
            "CALCULATE([Revenue], 'Customers'[Is high value] = TRUE())",
            f"coalesce(sum(total_revenue) FILTER ({HIGH_VALUE}), 0)::DOUBLE",
        ),
        of(
            "high_value_share",
            "High-value share of buyers",
            SHARE,
            "High-value customers by customers who have ordered.",
            "DIVIDE([High-value customers], [Buyers])",
            f"count(*) FILTER ({HIGH_VALUE}) / nullif(count(*) FILTER (total_orders > 0), 0)",
        ),
        of(
            "high_value_slipping",
            "High-value slipping",
            COUNT,
            f"High-value customers whose reference score fell by more than {STEADY:g} in 30 days.",
            f"CALCULATE({ROWS}, 'Customers'[Is high value] = TRUE(), "
            f"'Latest Scores'[Reference score change] < -{STEADY:g})",
            f"count(*) FILTER ({HIGH_VALUE} AND {slipping})",
        ),
        of(
            "at_risk_vips",
            "At-risk VIPs",
            COUNT,
            "Customers of the value segment At-risk VIPs: high revenue, low engagement.",
            f"CALCULATE({ROWS}, 'Latest Scores'[Value segment] = \"At-risk VIPs\")",
            "count(*) FILTER (value_segment = 'At-risk VIPs')",
        ),
        of(
            "average_recency",
            "Days since last order",
            DECIMAL,
            "Mean days from the latest order to the snapshot, of customers who have ordered.",
            "AVERAGE('Latest Scores'[Recency days])",
            "avg(recency_days)",
        ),
        of(
            "average_change",
            "Change of reference score",
            "+0.000;-0.000;0.000",
            "Mean change of the reference score in 30 days.",
            "AVERAGE('Latest Scores'[Reference score change])",
            "avg(reference_score_change)",
        ),
        of(
            "average_percentile",
            "Average percentile",
            DECIMAL,
            "Percent of customers with this score or a lower one; of a group, the mean.",
            "AVERAGE('Latest Scores'[Score percentile])",
            "avg(score_percentile)",
        ),
    ]
