"""The measures that the dashboard and Power BI show: label, unit and meaning. How each is computed stands in exports/measures.

Texts hold the names of settings in braces; `Meanings` fills them in.
"""

from __future__ import annotations

from typing import NamedTuple

from engagement_assets.domain.score_parts import PARTS

SCORE, CHANGE = "score, 0 to 1", "change of a score"
COUNT, SHARE, MONEY, MEAN, RATIO, DAY = "count", "share", "currency units", "mean", "ratio", "day"
POINTS, TEXT = "difference of shares", "text"


class MeasureMeaning(NamedTuple):
    """A measure's name for people, its unit, and what it means."""

    label: str
    unit: str
    text: str


_STAGE = "got at least as far as a stage of the funnel in the {window} up to the snapshot; use it with the table Funnel Stages."

#: Of which day a daily figure is, and of what those are that are added up by day and hour.
_OF_DAY = ", on the latest of the days shown."
#: Of which results of campaigns a figure is.
_OF_RESULT = ", on the latest of the days shown, over the longest horizon chosen; blank of several audiences together."
_OF_RESULTS = ", on the latest of the days shown, over the longest horizon chosen."
_ALL = "on the days shown, of the countries and segments chosen; not to be split by customer."

#: Unit -> key of the measure -> its label and what it means.
_BY_UNIT: dict[str, dict[str, tuple[str, str]]] = {
    SCORE: {
        **{part.name: (f"Average {part.name} score", f"Mean {part.name} score: {part.meaning}.") for part in PARTS},
        **{
            f"{part.name}_part": (
                f"Average {part.name} contribution",
                f"Mean of {{{part.weight}}} times the {part.name} score; the contributions add up to the score.",
            )
            for part in PARTS
        },
        "average_score": ("Average score", "Mean engagement score of the customers. {score}"),
        "average_reference_score": ("Average reference score", "Mean reference score: {reference_score}."),
        "daily_score": ("Daily average score", f"Mean score{_OF_DAY}"),
        "daily_reference_score": ("Daily reference score", f"Mean reference score (fixed scale){_OF_DAY}"),
        "score_on_day": (
            "Score on the day",
            "Mean score of the customers shown on the days shown, from the limited history.",
        ),
        "reference_score_on_day": (
            "Reference score on the day",
            "Mean reference score of the customers shown on the days shown, from the limited history.",
        ),
        "stability": (
            "Stability index",
            "Population stability index of the score between the latest snapshot and the one a week before, over ten equal "
            "bands: {stability}.",
        ),
    },
    COUNT: {
        "customers": ("Customers", "Customers who had signed up by the end of the day, inactive ones too."),
        "high_risk_customers": (
            "High-risk customers",
            "Customers at high risk by their score. Each is {high_risk}.",
        ),
        "slipping_customers": ("Slipping customers", "Customers who can still be saved. Each is {slipping}."),
        "lapsed_customers": ("Lapsed customers", "Customers whose latest order is {lapsed_after} ago or longer."),
        "orders": ("Orders so far", "Orders of the customers up to the snapshot."),
        "buyers": ("Buyers", "Customers who have ordered."),
        "high_value_customers": (
            "High-value customers",
            "Customers with revenue band High and engagement segment High or Medium: they spend much and still come.",
        ),
        "high_value_declining": (
            "High-value declining",
            "High-value customers whose reference score (fixed scale) fell by more than {steady} in {window}. A buyer who "
            "does nothing for {window} falls by about {window_fall}.",
        ),
        "at_risk_vips": ("At-risk VIPs", "Customers of the value segment At-risk VIPs: high revenue, low engagement."),
        "daily_customers": ("Daily customers", f"Customers known{_OF_DAY}"),
        "daily_buyers": ("Daily buyers", f"Customers who have ordered{_OF_DAY}"),
        "daily_high_risk_customers": ("Daily high-risk customers", f"Customers at high risk{_OF_DAY}"),
        "daily_slipping_customers": ("Daily slipping customers", f"Customers who are slipping{_OF_DAY}"),
        "slipping_customers_before": (
            "Slipping customers 30 days before",
            "Slipping customers 30 days before the latest day shown; blank if that day is not published.",
        ),
        "segment_moves": ("Segment moves", "Changes of segment from one day to the next."),
        "newly_at_risk": (
            "Newly at high risk",
            "Times that a customer came to be at high risk, from one day to the next.",
        ),
        "recovered": ("Out of high risk", "Times that a customer got out of high risk, from one day to the next."),
        "customers_at_stage": ("Customers at stage", f"Customers who {_STAGE}"),
        "sessions_at_stage": ("Sessions at stage", f"Sessions that {_STAGE}"),
        "sessions_in_window": ("Sessions in the window", "Sessions that began in the {window} up to the snapshot."),
        "window_sessions": (
            "Sessions of the window",
            "Sessions that began on those of the days shown that lie in the {window} up to the snapshot.",
        ),
        "audience_customers": ("Customers in audiences", "Customers who are in a campaign audience of the snapshot."),
        "to_contact": (
            "To contact",
            "Customers in audiences whose day to be contacted the snapshot's is; held-out ones are not among them.",
        ),
        "held_out": ("Held out", "Customers in audiences who are never contacted, to measure what contacting does."),
        "results_treated": (
            "Treated",
            f"Customers who entered an audience on the days that a result counts, and were to be addressed{_OF_RESULTS}",
        ),
        "results_held_out": (
            "Held out to compare",
            f"Customers who entered an audience on the days that a result counts, and were held out{_OF_RESULTS}",
        ),
        "entries": (
            "Entries",
            "Entries of customers into audiences that a result of the snapshot counts; who entered twice counts twice.",
        ),
        "listed_customers": (
            "Customers in lists",
            "Customers of the snapshot who are in a list that has a name; one who is in two counts twice.",
        ),
        "sessions": ("Sessions begun", "Sessions that began on the days shown."),
        "all_sessions": ("All sessions", f"Sessions that began {_ALL}"),
        "all_orders": ("All orders", f"Orders {_ALL}"),
        "engaged_sessions": ("Engaged sessions", "Sessions {engaged}."),
        "orders_on_days": ("Orders on the days", "Orders on the days shown."),
        "published_days": ("Published days", "Days that have daily metrics."),
        "table_rows": ("Rows published", "Rows of a table on the days shown."),
        "rejected_rows": ("Rows kept out", "Source rows that were kept out, as of the latest reading."),
        "files_that_differ": (
            "Files of another export",
            "Files that have other rows than the list of files says: the refresh began before an export and ended after it. "
            "0 is right; otherwise refresh again.",
        ),
    },
    SHARE: {
        "high_risk_share": (
            "High-risk share",
            "Share of customers at high risk by their score. Each of them is {high_risk}.",
        ),
        "slipping_share": ("Slipping share", "Share of customers who can still be saved. Each of them is {slipping}."),
        "slipping_return_share": (
            "Slipping customers who come back",
            "Mean return chance of the slipping customers: of those who stood where they stand, in this shop's own past, the "
            "share who ordered again within 90 days.",
        ),
        "high_value_share": ("High-value share of buyers", "High-value customers by customers who have ordered."),
        "daily_high_risk_share": ("Daily high-risk share", f"Share of customers at high risk{_OF_DAY}"),
        "daily_slipping_share": ("Daily slipping share", f"Share of customers who are slipping{_OF_DAY}"),
        "high_risk_share_before": (
            "High-risk share 30 days before",
            "Share of customers at high risk 30 days before the latest day shown; blank if that day is not published.",
        ),
        "treated_ordered": ("Treated who ordered", f"Share of the treated who ordered within the horizon{_OF_RESULT}"),
        "held_out_ordered": (
            "Held out who ordered",
            f"Share of those held out who ordered within the horizon{_OF_RESULT}",
        ),
        "engaged_share": ("Engaged share", "Share of sessions {engaged}."),
        "never_ordered_share": (
            "Share without an order",
            "Share of customers without a value in the columns of the latest order: who never ordered has none.",
        ),
        "no_session_share": (
            "Share without a session",
            "Share of customers without a web event in the {two_windows} up to the snapshot.",
        ),
    },
    MONEY: {
        "revenue": ("Revenue", "What the customers have spent so far, in the currency of the orders."),
        "listed_revenue": (
            "Revenue of listed customers",
            "What the customers of the lists that have a name have spent so far, in the currency of the orders; of one who is in "
            "two, twice.",
        ),
        "revenue_at_risk": (
            "High-risk revenue",
            "What customers at high risk have spent so far, in the currency of the orders: what is lost if they all stay "
            "away.",
        ),
        "slipping_revenue": (
            "Slipping revenue",
            "What the slipping customers spent in the 365 days up to the snapshot, in the currency of the orders.",
        ),
        "expected_revenue_slipping": (
            "Expected revenue of slipping customers",
            "What the slipping customers are expected to spend in the 90 days after the snapshot, in the currency of the orders; "
            "blank while the shop's history is too short to tell.",
        ),
        "slipping_loss": (
            "Expected loss of slipping customers",
            "What the slipping customers spend in 90 days at the pace of their last year, times the chance that they do not come "
            "back within 90 days, in the currency of the orders.",
        ),
        "average_order": ("Average order", "Revenue by orders."),
        "daily_revenue": ("Daily revenue so far", f"What the customers had spent{_OF_DAY}"),
        "daily_slipping_revenue": (
            "Daily slipping revenue",
            f"What the slipping customers had spent in the 365 days up to it{_OF_DAY}",
        ),
        "all_order_revenue": ("All order revenue", f"Amount of the orders {_ALL}"),
        "high_value_revenue": ("High-value revenue", "What the high-value customers have spent so far."),
        "revenue_earned": (
            "Revenue earned",
            f"Revenue that the treated brought more than they would have, as far as those held out tell{_OF_RESULTS}",
        ),
        "revenue_earned_low": (
            "Revenue earned at least",
            f"Lower end of the {{results_level}} interval of the revenue earned{_OF_RESULT}",
        ),
        "revenue_earned_high": (
            "Revenue earned at most",
            f"Upper end of the {{results_level}} interval of the revenue earned{_OF_RESULT}",
        ),
        "order_revenue": ("Order revenue", "Amount of the orders on the days shown."),
    },
    MEAN: {
        "average_sessions": (
            "Average sessions",
            "Mean number of web sessions per customer in the {window} up to the day. A silence of more than {session_gap} "
            "starts a new session.",
        ),
        "daily_sessions": (
            "Daily sessions per customer",
            f"Mean number of sessions of {{window}} per customer{_OF_DAY}",
        ),
        "average_recency": (
            "Days since last order",
            "Mean days from the latest order to the snapshot, of customers who have ordered.",
        ),
        "orders_earned": (
            "Orders earned",
            f"Orders that the treated brought more than they would have, as far as those held out tell{_OF_RESULT}",
        ),
        "audience_priority": (
            "Priority",
            "How urgent it is to address a customer: what they are worth times the share of it at stake; the highest first.",
        ),
        "average_percentile": (
            "Average percentile",
            "Percent of customers with this score or a lower one; of a group, the mean.",
        ),
    },
    RATIO: {
        "orders_per_customer": (
            "Orders per customer in 30 days",
            "Orders of the {window} up to the snapshot, by customers.",
        )
    },
    CHANGE: {"average_change": ("Change of reference score", "Mean change of the reference score in {window}.")},
    POINTS: {
        "uplift": ("Uplift", f"Share who ordered within the horizon: treated less held out{_OF_RESULT}"),
        "uplift_low": ("Uplift at least", f"Lower end of the {{results_level}} interval of the uplift{_OF_RESULT}"),
        "uplift_high": ("Uplift at most", f"Upper end of the {{results_level}} interval of the uplift{_OF_RESULT}"),
    },
    TEXT: {"verdict": ("Verdict", f"What a result says, in words, with its numbers{_OF_RESULT}")},
    DAY: {
        "snapshot_day": ("Snapshot", "The day that the latest scores stand for."),
        "last_order_day": ("Latest order", "Day of the customers' latest order."),
        "day_shown": ("Day shown", "The latest of the days chosen: what the daily figures stand for."),
    },
}

MEASURES: dict[str, MeasureMeaning] = {
    key: MeasureMeaning(label, unit, text)
    for unit, measures in _BY_UNIT.items()
    for key, (label, text) in measures.items()
}
