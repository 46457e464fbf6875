"""Contracts of what watches the product itself: how well its scores predicted."""

import pyspark.sql.types as T

from engagement_assets.domain.contracts.base import SHARE, Contract, column, columns_of

PREDICTORS = (
    "score",
    "reference_score",
    "recency",
    "frequency",
    "rfm_quintiles",
    "return_chance",
    "expected_revenue",
    "bg_nbd",
)

_scores = columns_of("engagement_scores")

# Who is judged, by what, and what came after.
_BUYERS = (*_scores("total_orders"), "raw_orders.customer_id", "raw_orders.as_of_date")
_PREDICTORS = (
    *_scores(
        "engagement_score",
        "reference_score",
        "recency_days",
        "total_orders",
        "rfm_recency",
        "rfm_frequency",
        "rfm_monetary",
    ),
    "raw_orders.customer_id",
    "raw_orders.as_of_date",
)
_PREDICTORS_BEFORE = _scores(
    "signup_date",
    "reference_score_30_days_before",
    "recency_days_30_days_before",
    "total_orders_30_days_before",
    "sessions_previous_30_days",
    "total_revenue_30_days_before",
)

_UNDEFINED = "null where all or none of them ordered, and for a BG/NBD model that could not be fitted"


_OF_LISTS = "score, 60 days; null while nothing is known of a month before"
_LAPSING = (*_scores("recency_days", "order_days", "revenue_last_365_days"), "return_rates.chance", *_BUYERS)


def _predicted(number: int) -> T.DoubleType:
    text = f"mean return chance in tenth {number}; return chance, 90 days"
    return column(text, of=_scores("return_chance"), nullable=True, in_range=SHARE)


def _holds(which: str, *, revenue: bool = False) -> T.DoubleType:
    part = "their revenue of a year" if revenue else "the lapsing customers"
    text = f"share of {part} that {which} hold{'s' if revenue else ''}; {_OF_LISTS}"
    return column(text, of=tuple(dict.fromkeys((*_LAPSING, *_PREDICTORS))), nullable=True, in_range=SHARE)


def _decile(number: int) -> T.DoubleType:
    text = f"share who ordered again in tenth {number} by this predictor; 1 is the highest, 10 the lowest"
    return column(text, of=_PREDICTORS, nullable=True, in_range=SHARE)


class ScoreBacktest(Contract):
    """One row per snapshot, horizon and predictor: how well it told which buyers ordered again in the days after the snapshot."""

    as_of_date: T.DateType() = column("the snapshot that is judged", of=_scores("as_of_date"))
    horizon_days: T.IntegerType() = column(
        "days after the snapshot in which customers were watched",
        of=(*_scores("as_of_date"), "raw_orders.as_of_date"),
        isin=[30, 60, 90],
    )
    predictor: T.StringType() = column(
        "what is judged: the score, or what it has to beat, such as the purchases that a BG/NBD model expects",
        of=(),
        isin=list(PREDICTORS),
    )
    customers: T.LongType() = column("customers who had ordered by the snapshot", of=_BUYERS, ge=0)
    ordered_again: T.LongType() = column("those of them who ordered in the days after", of=_BUYERS, ge=0)
    base_rate: T.DoubleType() = column("share of them who ordered again", of=_BUYERS, nullable=True, in_range=SHARE)
    auc: T.DoubleType() = column(
        f"chance that one who ordered again ranks above one who did not; 0.5 is no better than by lot; {_UNDEFINED}",
        of=_PREDICTORS,
        nullable=True,
        in_range=SHARE,
    )
    auc_low: T.DoubleType() = column(
        "lower end of the 95 % interval of auc, customers resampled; months' last days; score, recency, BG/NBD",
        of=_PREDICTORS,
        nullable=True,
        in_range=SHARE,
    )
    auc_high: T.DoubleType() = column("upper end of the interval of auc", of=_PREDICTORS, nullable=True, in_range=SHARE)
    auc_gain: T.DoubleType() = column("auc less that of recency alone", of=_PREDICTORS, nullable=True)
    auc_gain_low: T.DoubleType() = column(
        "lower end of the 95 % interval of auc_gain; months' last days; score, BG/NBD", of=_PREDICTORS, nullable=True
    )
    auc_gain_high: T.DoubleType() = column("upper end of the interval of auc_gain", of=_PREDICTORS, nullable=True)
    average_precision: T.DoubleType() = column(
        "area under the precision-recall curve; null where nobody ordered again",
        of=_PREDICTORS,
        nullable=True,
        in_range=SHARE,
    )
    lift_top_decile: T.DoubleType() = column(
        "how many times more often the top 10 % ordered again than all did", of=_PREDICTORS, nullable=True, ge=0
    )
    spend_share_top_decile: T.DoubleType() = column(
        "share of what was spent in the days after that the top 10 % spent",
        of=(*_PREDICTORS, "raw_orders.order_amount"),
        nullable=True,
        in_range=SHARE,
    )
    decile_1_rate: T.DoubleType() = _decile(1)
    decile_2_rate: T.DoubleType() = _decile(2)
    decile_3_rate: T.DoubleType() = _decile(3)
    decile_4_rate: T.DoubleType() = _decile(4)
    decile_5_rate: T.DoubleType() = _decile(5)
    decile_6_rate: T.DoubleType() = _decile(6)
    decile_7_rate: T.DoubleType() = _decile(7)
    decile_8_rate: T.DoubleType() = _decile(8)
    decile_9_rate: T.DoubleType() = _decile(9)
    decile_10_rate: T.DoubleType() = _decile(10)
    deciles_fall: T.BooleanType() = column(
        "whether no tenth ordered again more often than the one above it", of=_PREDICTORS, nullable=True
    )
    calibration_error: T.DoubleType() = column(
        "expected calibration error: mean distance of what was predicted and seen, over tenths; return chance, 90 days",
        of=(*_scores("return_chance"), *_BUYERS),
        nullable=True,
        in_range=SHARE,
    )
    decile_1_predicted: T.DoubleType() = _predicted(1)
    decile_2_predicted: T.DoubleType() = _predicted(2)
    decile_3_predicted: T.DoubleType() = _predicted(3)
    decile_4_predicted: T.DoubleType() = _predicted(4)
    decile_5_predicted: T.DoubleType() = _predicted(5)
    decile_6_predicted: T.DoubleType() = _predicted(6)
    decile_7_predicted: T.DoubleType() = _predicted(7)
    decile_8_predicted: T.DoubleType() = _predicted(8)
    decile_9_predicted: T.DoubleType() = _predicted(9)
    decile_10_predicted: T.DoubleType() = _predicted(10)
    predicted_total: T.DoubleType() = column(
        "sum of what was expected to be spent, currency units; expected revenue, 90 days",
        of=_scores("expected_revenue_90_days"),
        nullable=True,
        ge=0,
    )
    spent_total: T.DoubleType() = column(
        "what was spent, currency units; expected revenue, 90 days",
        of=("raw_orders.order_amount",),
        nullable=True,
        ge=0,
    )
    list_length: T.LongType() = column(
        f"customers that a list has room for: 5 % of the buyers; {_OF_LISTS}", of=_BUYERS, nullable=True, ge=0
    )
    lapsing_customers: T.LongType() = column(
        "customers who were active a month before (orders on two or more days, and at least half of those who stood there come "
        f"back) and did not order from then to 60 days after the snapshot; {_OF_LISTS}",
        of=_LAPSING,
        nullable=True,
        ge=0,
    )
    lapsing_revenue: T.DoubleType() = column(
        f"what they spent in the 365 days up to the snapshot, currency units; {_OF_LISTS}",
        of=_LAPSING,
        nullable=True,
        ge=0,
    )
    slipping_holds: T.DoubleType() = _holds("the slipping customers, most revenue of a year first,")
    slipping_holds_revenue: T.DoubleType() = _holds("the same list", revenue=True)
    high_risk_holds: T.DoubleType() = _holds("the customers at high risk, most revenue first,")
    high_risk_holds_revenue: T.DoubleType() = _holds("the same list", revenue=True)
    lowest_score_holds: T.DoubleType() = _holds("the buyers of the lowest score")
    lowest_score_holds_revenue: T.DoubleType() = _holds("the same list", revenue=True)
    longest_silence_holds: T.DoubleType() = _holds("the buyers of the longest silence")
    longest_silence_holds_revenue: T.DoubleType() = _holds("the same list", revenue=True)
    random_holds: T.DoubleType() = _holds("a list by lot, on average,")
    random_holds_revenue: T.DoubleType() = _holds("the same list", revenue=True)
    high_risk_customers: T.LongType() = column(
        "customers at high risk on the snapshot; score only",
        of=(*_scores("is_high_risk"), *_BUYERS),
        nullable=True,
        ge=0,
    )
    high_risk_precision: T.DoubleType() = column(
        "share of those at high risk, and active a month before, who did not order again; score only",
        of=(*_scores("is_high_risk"), *_BUYERS),
        nullable=True,
        in_range=SHARE,
    )

    rank_persistence: T.DoubleType() = column(
        "Spearman's correlation with the ranking of {window} before, over customers who had ordered by then; "
        "score, reference score, recency, frequency; null where all of them are equal",
        of=(*_scores("engagement_score", "reference_score", "recency_days", "total_orders"), *_PREDICTORS_BEFORE),
        nullable=True,
        in_range={"min_value": -1, "max_value": 1},
    )

    _row_rules = {
        "those who ordered again are among the customers": "ordered_again <= customers",
        "the interval holds no less than nothing": "auc_low is null or auc_low <= auc_high",
    }

    class Config:
        name = "score_backtest"
        strict = True
        unique = ["as_of_date", "horizon_days", "predictor"]
