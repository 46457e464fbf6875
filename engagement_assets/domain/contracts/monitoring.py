"""Contracts of what watches the product itself: how well its scores predicted."""

import pyspark.sql.types as T

from engagement_assets.domain.contracts.base import SHARE, Contract, column, columns_of

PREDICTORS = ("score", "reference_score", "recency", "frequency", "rfm_quintiles", "bg_nbd")

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
    high_risk_customers: T.LongType() = column(
        "customers at high risk on the snapshot; score only",
        of=(*_scores("is_high_risk"), *_BUYERS),
        nullable=True,
        ge=0,
    )
    high_risk_precision: T.DoubleType() = column(
        "share of those at high risk who did not order again; score only",
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
