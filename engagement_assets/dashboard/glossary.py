"""What each measure means, in words for people who do not read SQL. Shown on hover and on focus."""

from __future__ import annotations

from engagement_assets.domain.scoring_policy import ScoringPolicy


def meanings(policy: ScoringPolicy) -> dict[str, str]:
    """The meaning of each measure under these settings."""
    window = policy.activity_window_days
    segments = (
        f"High from {policy.high_threshold:g}, Medium from {policy.medium_threshold:g}, Low from {policy.low_threshold:g}"
        if policy.segment_mode == "thresholds"
        else f"High the top {policy.high_share:.0%} of customers, Medium the next {policy.medium_share:.0%}, Low the next "
        f"{policy.low_share:.0%}"
    )
    return {
        "average_score": (
            f"Mean engagement score of the customers, from 0 to 1. A score is {policy.recency_weight:.0%} recency, "
            f"{policy.frequency_weight:.0%} frequency and {policy.monetary_weight:.0%} monetary value, each relative to "
            "the other customers of the same day."
        ),
        "reference_score": (
            "The same formula on fixed bounds instead of the day's own: it moves only when customers do, so trends are "
            "read from it."
        ),
        "high_risk_share": (
            f"Share of customers who have ordered before and now score below {policy.high_risk_threshold:g}."
        ),
        "customers": "Customers who had signed up by the end of the day, inactive ones too.",
        "average_sessions": f"Mean number of web sessions per customer in the {window} days up to the day. A silence of "
        f"more than {policy.session_gap_minutes} minutes starts a new session.",
        "revenue_at_risk": "What customers at high risk have spent so far, in the currency of the orders: what is lost if "
        "they all stay away.",
        "distribution": f"Customers by engagement score in steps of 0.05. Segments: {segments}, At Risk below.",
        "segments": f"Customers by engagement segment: {segments}, else At Risk.",
        "movers": "Groups whose average reference score (fixed scale) moved most since the comparison date. Members are "
        "counted as they were on each day.",
        "customer_movers": "Customers whose reference score (fixed scale) moved most since the comparison date.",
        "recency": "1 for the customer who ordered last, 0 for the one whose last order is longest ago; never-buyers have 0.",
        "frequency": f"{policy.order_weight:.0%} orders and {policy.session_weight:.0%} sessions of the last {window} days, "
        "each between the least and the most active customer of the day.",
        "monetary": "Revenue so far between the day's lowest and highest"
        + (", on a logarithmic scale." if policy.monetary_scale == "log1p" else "."),
        "contributions": "The weighted parts of the average score; they add up to it exactly.",
        "score_change": "How much of the change of the average score came from recency, from frequency and from monetary "
        "value.",
        "scatter": f"Each point is a customer: sessions in {window} days against orders so far; the area stands for revenue.",
        "matrix": f"Engagement band (At Risk counts as Low) by revenue band. Revenue is High at or above the "
        f"{policy.revenue_band_percentile:.0%} percentile of buyers' revenue.",
        "value_segments": "Engagement band by revenue band. Average order value is revenue by orders.",
        "moves": "Customers by segment on the comparison date and on this date. Customers who signed up in between come from "
        "“New”.",
        "at_risk": f"Customers who have ordered before and score below {policy.high_risk_threshold:g}.",
        "newly_at_risk": "At high risk on this date, but not on the comparison date.",
        "recovered": "At high risk on the comparison date, and no longer on this date.",
        "high_value": "Customers with revenue band High and engagement segment High or Medium: they spend much and still come.",
        "slipping": "High-value customers whose reference score (fixed scale) fell by more than 0.02 in 30 days. A buyer who "
        "does nothing for 30 days falls by about 0.03.",
        "funnel": f"The {window} days up to the date. A stage counts those who got at least that far: who checked out without "
        "a recorded cart counts there too. Sessions reach “order” where the customer ordered on the session's day.",
        "sessions_orders": f"Orders per customer in the last {window} days, by number of sessions in the same days.",
        "score_sessions": f"Customers by engagement score and by sessions in the last {window} days.",
        "activity": f"Sessions of the last {window} days by weekday and hour of their start, business time zone.",
        "engaged_sessions": f"Share of sessions longer than {policy.engaged_session_seconds:g} seconds, or with two page "
        "views, or with a checkout (the rule of Google Analytics 4).",
        "cohorts": "Of the customers who signed up in a month, the share who ordered in each month since. The last month of "
        "each row may not be over yet.",
        "lifecycle": f"By the dates of orders. Prospect: none yet. New: the first within {window} days. Active: one within "
        f"{window} days. Reactivated: active again after {policy.at_risk_until_days} days of silence. Slipping: silent for "
        f"less than {policy.slipping_until_days} days, At Risk: less than {policy.at_risk_until_days}, Lapsed: longer.",
        "transitions": "Customers who came to another stage since the day before, by the stage they came to. The CSV has them by "
        "the stage they came from too; from is empty for new customers.",
        "rfm": "Named by the quintiles of recency and of the number of orders among the day's buyers. Prospects have not "
        "ordered.",
        "audiences": "A customer is in the first audience whose rule fits. Held out: never contacted, so that the uplift of "
        "a campaign can be measured. To contact today: whose day it is, once in a few days. Value at stake: sum of the "
        "priorities, value times drop.",
        "changes": "The score's difference to the day before, without remainder: what passing days did, what the customer "
        "did, and what others did to the scale.",
        "explained": "The score's difference between the two dates, without remainder. Ageing: the days since the last order. "
        "Behaviour: orders, sessions, revenue. Rescaling: the smallest and largest values of the snapshot moved.",
        "backtest": "The snapshot's buyers are followed for 30, 60 and 90 days: who orders again? Shown is the latest last "
        "day of a month whose future is known, over its longest horizon.",
        "predictors": "AUC is the chance that a buyer who orders again ranks above one who does not; 0.5 is chance. Lift: how "
        "many times more often the top 10 % order again than all. Intervals: 95 %, customers resampled. Rank kept: Spearman's "
        "correlation with that of 30 days before. BG/NBD: a purchase model fitted to the orders up to the snapshot.",
        "deciles": "Buyers in tenths, the highest first: the share who ordered again should fall from left to right.",
        "auc": "The chance that a buyer who orders again within 30 days ranks above one who does not, for each snapshot.",
        "sensitivity": "Each of the three weights from 10 % up in steps of 10 %: 36 weightings of the same component scores, "
        "fixed thresholds.",
        "surest": "Customers who are High under each of the 36 weightings, those whose lowest rank is highest first. The CSV has "
        "the lowest and highest rank and segment of every customer.",
        "percentile": "Percent of customers with this score or a lower one.",
        "psi": "Population stability index between the comparison date and this date, over ten equal bands: below 0.1 "
        "stable, from 0.1 worth a look, from 0.25 the distribution has shifted.",
        "nulls": "Share of customers without a value. Some are meant: who never ordered has no last order.",
        "outliers": "Customers more than three interquartile ranges above the upper quartile of customers with a value "
        "above zero. Not errors by themselves: worth a look.",
        "rows": "Rows of each table on the day, against the mean of the seven days before. Gaps are days without a snapshot.",
        "rejected": "Source rows that were kept out, by reason; as of the latest reading of the sources.",
        "checks": "The latest result of each quality check for this day.",
        "runs": "The latest runs that Dagster recorded.",
    }
