"""The measures that the dashboard and Power BI show: label, unit and meaning. How each is computed stands in exports/measures.

Texts hold the names of settings in braces; `Meanings` fills them in.
"""

from __future__ import annotations

from typing import NamedTuple

from engagement_assets.domain.score_parts import PARTS

SCORE, COUNT, SHARE, MONEY, MEAN, RATIO = "score, 0 to 1", "count", "share", "currency units", "mean", "ratio"
CHANGE, DAY = "change of a score", "day"


class MeasureMeaning(NamedTuple):
    """A measure's name for people, its unit, and what it means."""

    label: str
    unit: str
    text: str


_PER_DAY = "of several days, the mean."
_STAGE = "got at least as far as a stage of the funnel in the {window} up to the snapshot; use it with the table Funnel Stages."

MEASURES: dict[str, MeasureMeaning] = {
    name: MeasureMeaning(*meaning)
    for name, meaning in {
        # Key figures.
        "customers": ("Customers", COUNT, "Customers who had signed up by the end of the day, inactive ones too."),
        "average_score": ("Average score", SCORE, "Mean engagement score of the customers. {score}"),
        "average_reference_score": ("Average reference score", SCORE, "Mean reference score: {reference_score}."),
        "high_risk_customers": (
            "High-risk customers",
            COUNT,
            "Customers who have ordered and score below {high_risk_threshold}.",
        ),
        "high_risk_share": (
            "High-risk share",
            SHARE,
            "Share of customers who have ordered and score below {high_risk_threshold}.",
        ),
        "average_sessions": (
            "Average sessions",
            MEAN,
            "Mean number of web sessions per customer in the {window} up to the day. A silence of more than {session_gap} "
            "starts a new session.",
        ),
        "revenue": ("Revenue", MONEY, "What the customers have spent so far, in the currency of the orders."),
        "revenue_at_risk": (
            "Revenue at risk",
            MONEY,
            "What customers at high risk have spent so far, in the currency of the orders: what is lost if they all stay away.",
        ),
        "orders": ("Orders so far", COUNT, "Orders of the customers up to the snapshot."),
        "average_order": ("Average order", MONEY, "Revenue by orders."),
        # Score parts.
        **{
            part.name: (f"Average {part.name} score", SCORE, f"Mean {part.name} score: {part.meaning}.")
            for part in PARTS
        },
        **{
            f"{part.name}_part": (
                f"Average {part.name} contribution",
                SCORE,
                f"Mean of {{{part.weight}}} times the {part.name} score; the contributions add up to the score.",
            )
            for part in PARTS
        },
        # Value and risk.
        "buyers": ("Buyers", COUNT, "Customers who have ordered."),
        "high_value_customers": (
            "High-value customers",
            COUNT,
            "Customers with revenue band High and engagement segment High or Medium: they spend much and still come.",
        ),
        "high_value_revenue": ("High-value revenue", MONEY, "What the high-value customers have spent so far."),
        "high_value_share": (
            "High-value share of buyers",
            SHARE,
            "High-value customers by customers who have ordered.",
        ),
        "high_value_slipping": (
            "High-value slipping",
            COUNT,
            "High-value customers whose reference score (fixed scale) fell by more than {steady} in {window}. A buyer who does "
            "nothing for {window} falls by about {window_fall}.",
        ),
        "at_risk_vips": (
            "At-risk VIPs",
            COUNT,
            "Customers of the value segment At-risk VIPs: high revenue, low engagement.",
        ),
        "average_recency": (
            "Days since last order",
            MEAN,
            "Mean days from the latest order to the snapshot, of customers who have ordered.",
        ),
        "average_change": ("Change of reference score", CHANGE, "Mean change of the reference score in {window}."),
        "average_percentile": (
            "Average percentile",
            MEAN,
            "Percent of customers with this score or a lower one; of a group, the mean.",
        ),
        # Over time.
        "daily_customers": ("Daily customers", COUNT, f"Customers known on a day; {_PER_DAY}"),
        "daily_score": ("Daily average score", SCORE, f"Mean score of a day; {_PER_DAY}"),
        "daily_reference_score": (
            "Daily reference score",
            SCORE,
            f"Mean reference score (fixed scale) of a day; {_PER_DAY}",
        ),
        "daily_high_risk_customers": (
            "Daily high-risk customers",
            COUNT,
            f"Customers at high risk on a day; {_PER_DAY}",
        ),
        "daily_high_risk_share": (
            "Daily high-risk share",
            SHARE,
            f"Share of customers at high risk on a day; {_PER_DAY}",
        ),
        "high_risk_share_before": (
            "High-risk share 30 days before",
            SHARE,
            "Share of customers at high risk 30 days before the latest day shown; blank if that day is not published.",
        ),
        "score_on_day": (
            "Score on the day",
            SCORE,
            "Mean score of the customers shown on the days shown, from the limited history.",
        ),
        "reference_score_on_day": (
            "Reference score on the day",
            SCORE,
            "Mean reference score of the customers shown on the days shown, from the limited history.",
        ),
        # Moves.
        "segment_moves": ("Segment moves", COUNT, "Changes of segment from one day to the next."),
        "newly_at_risk": (
            "Newly at risk",
            COUNT,
            "Times that a customer came to be at high risk, from one day to the next.",
        ),
        "recovered": ("Recovered", COUNT, "Times that a customer got out of high risk, from one day to the next."),
        # Behaviour.
        "customers_at_stage": ("Customers at stage", COUNT, f"Customers who {_STAGE}"),
        "sessions_at_stage": ("Sessions at stage", COUNT, f"Sessions that {_STAGE}"),
        "sessions_in_window": (
            "Sessions in the window",
            COUNT,
            "Sessions that began in the {window} up to the snapshot.",
        ),
        "sessions": ("Sessions begun", COUNT, "Sessions that began on the days shown."),
        "engaged_sessions": ("Engaged sessions", COUNT, "Sessions {engaged}."),
        "engaged_share": ("Engaged share", SHARE, "Share of sessions {engaged}."),
        "orders_on_days": ("Orders on the days", COUNT, "Orders on the days shown."),
        "order_revenue": ("Order revenue", MONEY, "Amount of the orders on the days shown."),
        "orders_per_customer": (
            "Orders per customer in 30 days",
            RATIO,
            "Orders of the {window} up to the snapshot, by customers.",
        ),
        # Monitoring.
        "snapshot_day": ("Snapshot", DAY, "The day that the latest scores stand for."),
        "published_days": ("Published days", COUNT, "Days that have daily metrics."),
        "table_rows": ("Rows published", COUNT, "Rows of a table on the days shown."),
        "rejected_rows": ("Rows kept out", COUNT, "Source rows that were kept out, as of the latest reading."),
        "never_ordered_share": (
            "Share without an order",
            SHARE,
            "Share of customers without a value in the columns of the latest order: who never ordered has none.",
        ),
        "no_session_share": (
            "Share without a session",
            SHARE,
            "Share of customers without a web event in the {two_windows} up to the snapshot.",
        ),
        "stability": (
            "Stability index",
            SCORE,
            "Population stability index of the score between the latest snapshot and the one a week before, over ten equal "
            "bands: {stability}.",
        ),
    }.items()
}
