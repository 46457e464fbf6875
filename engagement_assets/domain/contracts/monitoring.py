"""Contracts of what watches the product itself: how well its scores predicted."""

import pandera.pyspark as pa
import pyspark.sql.types as T

from engagement_assets.domain.contracts.base import Contract

PREDICTORS = ("score", "reference_score", "recency", "frequency", "rfm_quintiles", "bg_nbd")

_SHARE = {"min_value": 0, "max_value": 1}
_UNDEFINED = "null where all or none of them ordered, and for a BG/NBD model that could not be fitted"


def _decile(number: int) -> T.DoubleType:
    text = f"share who ordered again in tenth {number} by this predictor; 1 is the highest, 10 the lowest"
    return pa.Field(nullable=True, in_range=_SHARE, description=text)


class ScoreBacktest(Contract):
    """One row per snapshot, horizon and predictor: how well it told which buyers ordered again in the days after the snapshot."""

    as_of_date: T.DateType() = pa.Field(nullable=False, description="the snapshot that is judged")
    horizon_days: T.IntegerType() = pa.Field(
        nullable=False, isin=[30, 60, 90], description="days after the snapshot in which customers were watched"
    )
    predictor: T.StringType() = pa.Field(
        nullable=False,
        isin=list(PREDICTORS),
        description="what is judged: the score, or what it has to beat, such as the purchases that a BG/NBD model expects",
    )
    customers: T.LongType() = pa.Field(nullable=False, ge=0, description="customers who had ordered by the snapshot")
    ordered_again: T.LongType() = pa.Field(
        nullable=False, ge=0, description="those of them who ordered in the days after"
    )
    base_rate: T.DoubleType() = pa.Field(nullable=True, in_range=_SHARE, description="share of them who ordered again")
    auc: T.DoubleType() = pa.Field(
        nullable=True,
        in_range=_SHARE,
        description=f"chance that one who ordered again ranks above one who did not; 0.5 is no better than by lot; {_UNDEFINED}",
    )
    auc_low: T.DoubleType() = pa.Field(
        nullable=True,
        in_range=_SHARE,
        description="lower end of the 95 % interval of auc, customers resampled; months' last days; score, recency, BG/NBD",
    )
    auc_high: T.DoubleType() = pa.Field(nullable=True, in_range=_SHARE, description="upper end of the interval of auc")
    auc_gain: T.DoubleType() = pa.Field(nullable=True, description="auc less that of recency alone")
    auc_gain_low: T.DoubleType() = pa.Field(
        nullable=True, description="lower end of the 95 % interval of auc_gain; months' last days; score, BG/NBD"
    )
    auc_gain_high: T.DoubleType() = pa.Field(nullable=True, description="upper end of the interval of auc_gain")
    average_precision: T.DoubleType() = pa.Field(
        nullable=True,
        in_range=_SHARE,
        description="area under the precision-recall curve; null where nobody ordered again",
    )
    lift_top_decile: T.DoubleType() = pa.Field(
        nullable=True, ge=0, description="how many times more often the top 10 % ordered again than all did"
    )
    spend_share_top_decile: T.DoubleType() = pa.Field(
        nullable=True, in_range=_SHARE, description="share of what was spent in the days after that the top 10 % spent"
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
    deciles_fall: T.BooleanType() = pa.Field(
        nullable=True, description="whether no tenth ordered again more often than the one above it"
    )
    high_risk_customers: T.LongType() = pa.Field(
        nullable=True, ge=0, description="customers at high risk on the snapshot; score only"
    )
    high_risk_precision: T.DoubleType() = pa.Field(
        nullable=True, in_range=_SHARE, description="share of those at high risk who did not order again; score only"
    )

    rank_persistence: T.DoubleType() = pa.Field(
        nullable=True,
        in_range={"min_value": -1, "max_value": 1},
        description="Spearman's correlation with the ranking of {window} before, over customers who had ordered by then; "
        "score, reference score, recency, frequency; null where all of them are equal",
    )

    _row_rules = {
        "those who ordered again are among the customers": "ordered_again <= customers",
        "the interval holds no less than nothing": "auc_low is null or auc_low <= auc_high",
    }

    class Config:
        name = "score_backtest"
        strict = True
        unique = ["as_of_date", "horizon_days", "predictor"]
