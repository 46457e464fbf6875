"""What the dashboard's charts and lists show, beside the measures. Shown on hover and on focus.

Texts hold the names of settings in braces; `Meanings` fills them in.
"""

from __future__ import annotations

from engagement_assets.domain.meanings.words import enumerated
from engagement_assets.domain.score_parts import PARTS

HELP: dict[str, str] = {
    "engagement_score": "Engagement score. {score}",
    "reference_score": "Reference score: {reference_score}.",
    "brief": "A change is better or worse where it is beyond the usual: two standard deviations around the mean of those of the "
    "twelve weeks before. What is as usual has no colour.",
    "distribution": "Customers by engagement score in steps of 0.05. Segments: {engagement_segment}.",
    "segments": "Customers by engagement segment: {engagement_segment}.",
    "movers": "Groups whose average reference score (fixed scale) moved most since the comparison date. Members are counted as "
    "they were on each day.",
    "customer_movers": "Customers whose reference score (fixed scale) moved most since the comparison date.",
    "drivers": "The weighted parts add up to the average score, and each part is made of measures. What tells customers apart: "
    "the covariance of a part with the score, by the variance of the score; over the parts it adds up to 100 %.",
    "conversion": "Of the sessions of a week, the share after which the customer ordered on the same or the next day, and within "
    "a week. The latest sessions are left out until that week is over.",
    "stages_by_week": "Of the customers who came in a week, the share who got in it at least as far as a cart, a checkout, an "
    "order on the day of a session.",
    "statuses": "Customers by segment and status: {engagement_status}.",
    "contributions": "The weighted parts of the average score; they add up to it exactly.",
    "score_change": "How much of the change of the average score came "
    f"{enumerated(f'from {part.words}' for part in PARTS)}.",
    "scatter": "Each point is a customer: sessions in {window} against orders so far; the area stands for revenue.",
    "matrix": "Engagement band ({engagement_band}) by revenue band: {revenue_band}.",
    "value_segments": "Engagement band ({engagement_band}) by revenue band. Average order value is revenue by orders.",
    "moves": "Customers by segment on the comparison date and on this date. Customers who signed up in between come from “New”.",
    "newly_slipping": "Slipping on this date, but not on the comparison date.",
    "came_back": "Slipping on the comparison date, and ordered since.",
    "return_chance": "Of customers who stood where this one stands (days since the last order, days with an order), in this "
    "shop's own past, the share who ordered again within 90 days. Thin groups are drawn towards what is like them.",
    "expected_revenue": "Revenue expected in the next 90 days: what was spent, the older the less, times what that brought "
    "in the shop's own past.",
    "funnel": "The {window} up to the date. A stage counts those who got at least that far: who checked out without a recorded "
    "cart counts there too. Sessions reach “order” where the customer ordered on the session's day.",
    "sessions_orders": "Orders per customer in the last {window}, by number of sessions in the same days.",
    "score_sessions": "Customers by engagement score and by sessions in the last {window}.",
    "activity": "Sessions of the last {window} by weekday and hour of their start, business time zone.",
    "cohorts": "Of the customers who signed up in a month, the share who ordered in each month since. The last month of each row "
    "may not be over yet.",
    "lifecycle": "By the dates of orders: {lifecycle_stage}.",
    "transitions": "Customers who came to another stage since the day before, by the stage they came to. The CSV has them by the "
    "stage they came from too; from is empty for new customers.",
    "rfm": "By the quintiles of recency / number of orders among the day's buyers, 5 is best: {rfm_segment}.",
    "audiences": "A customer is in the first audience whose rule fits. Held out: never contacted, so that the uplift of a "
    "campaign can be measured. To contact today: whose day it is, {contact_rhythm}. Value at stake: sum of the priorities, value "
    "times drop.",
    "campaign_results": "Who entered an audience on {results_window}, anew after {again_after} out of it, by what they did in "
    "{horizons} days after: who was to be addressed against who was held out, with {results_level} intervals. “works” and "
    "“harms” allow for all results of the day, “perhaps” does not. Where the draw failed, treated and held out were not alike "
    "when they entered, by more than lot explains.",
    "changes": "The score's difference to the day before, without remainder: what passing days did, what the customer did, and "
    "what others did to the scale.",
    "explained": "The score's difference between the two dates, without remainder. Ageing: the days since the last order. "
    "Behaviour: orders, sessions, revenue. Rescaling: the smallest and largest values of the snapshot moved.",
    "backtest": "The snapshot's buyers are followed for 30, 60 and 90 days: who orders again? Shown is the latest last day of a "
    "month whose future is known, over its longest horizon.",
    "predictors": "AUC is the chance that a buyer who orders again ranks above one who does not; 0.5 is chance. Lift: how many "
    "times more often the top 10 % order again than all. Intervals: 95 %, customers resampled. Rank kept: Spearman's correlation "
    "with that of {window} before. BG/NBD: a purchase model fitted to the orders up to the snapshot.",
    "lists": "Customers who were active a month before the snapshot (orders on two or more days, and at least half of those who "
    "stood there come back) and did not order until 60 days after it lapse. Each list has room for 5 % of the buyers: how many "
    "of those who lapse does it hold, and how much of what they spent in a year?",
    "calibration": "Buyers in tenths by return chance: what was predicted beside the share who ordered again.",
    "deciles": "Buyers in tenths, the highest first: the share who ordered again should fall from left to right.",
    "auc": "The chance that a buyer who orders again within 30 days ranks above one who does not, for each snapshot.",
    "sensitivity": "Each weight from 10 % up in steps of 10 %: every such weighting of the same component scores, fixed "
    "thresholds.",
    "surest": "Customers who are High under each of these weightings, those whose lowest rank is highest first. The CSV has the "
    "lowest and highest rank and segment of every customer.",
    "psi": "Population stability index between the comparison date and this date, over ten equal bands: {stability}.",
    "nulls": "Share of customers without a value. Some are meant: who never ordered has no last order.",
    "outliers": "Customers more than three interquartile ranges above the upper quartile of customers with a value above zero. "
    "Not errors by themselves: worth a look.",
    "rows": "Rows of each table on the day, against the mean of the seven days before. Gaps are days without a snapshot.",
    "rejected": "Source rows that were kept out, by reason; as of the latest reading of the sources.",
    "checks": "The latest result of each quality check for this day.",
    "runs": "The latest runs that Dagster recorded.",
    # Columns of the lists, and what the page of a customer says.
    "customer_sessions": "Web sessions in the {window} up to the date.",
    "last_change": "Change of the reference score (fixed scale) in {window}.",
}
