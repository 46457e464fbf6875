"""Daily totals: what trends and KPI cards read, so that they never scan the snapshots."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from engagement_assets.domain.contracts import EngagementMetrics
from engagement_assets.domain.contracts.engagement import SEGMENTS, STATUSES, VALUE_SEGMENTS
from engagement_assets.domain.score_parts import CONTRIBUTIONS


def _column_name(prefix: str, label: str) -> str:
    return f"{prefix}_{label.lower().replace(' ', '_').replace('-', '_')}"


def _mean(column: str) -> Column:
    """The mean through an exact decimal sum: sums of doubles depend on the order of the rows."""
    total = F.sum(F.col(column).cast("decimal(28,18)")).cast("double")
    return total / F.count(F.lit(1))


def total_metrics(scores: DataFrame, days: Sequence[date]) -> DataFrame:
    """One row of totals per day of `days`, zero customers included.

    Parameters: `scores` has the columns of the contract `engagement_scores`, whole snapshots of these days.
    Returns: the columns of the contract `engagement_metrics`.
    """
    risky, slipping = F.col("is_high_risk"), F.col("is_slipping")

    def count_if(condition: Column) -> Column:
        return F.sum(F.when(condition, 1).otherwise(0))

    def money_if(condition: Column, amount: str) -> Column:
        return F.sum(F.when(condition, F.col(amount)).otherwise(F.lit(0).cast("decimal(18,2)")))

    all_known = count_if(slipping.isNull()) == 0
    counts = {
        **{_column_name("segment", label): count_if(F.col("engagement_segment") == label) for label in SEGMENTS},
        **{_column_name("status", label): count_if(F.col("engagement_status") == label) for label in STATUSES},
        **{_column_name("value", label): count_if(F.col("value_segment") == label) for label in VALUE_SEGMENTS},
        "customers": F.count(F.lit(1)),
        "buyers": count_if(F.col("total_orders") > 0),
        "high_risk_customers": count_if(risky),
        "slipping_customers": F.when(all_known, count_if(slipping)),
        "total_revenue": F.sum("total_revenue"),
        "revenue_at_risk": money_if(risky, "total_revenue"),
        "slipping_revenue": F.when(all_known, money_if(slipping, "revenue_last_365_days")),
    }
    expected = F.col("expected_revenue_90_days").cast("decimal(38,16)")
    means = {
        # Null while nobody's is known.
        "expected_revenue_slipping": F.when(
            F.count(expected) > 0, F.sum(F.when(slipping, expected).otherwise(F.lit(0).cast("decimal(38,16)")))
        ),
        "average_score": _mean("engagement_score"),
        "average_reference_score": _mean("reference_score"),
        **{f"average_{name}": _mean(name) for name in CONTRIBUTIONS},
        "average_sessions_last_30_days": _mean("sessions_last_30_days"),
    }
    totals = scores.groupBy("as_of_date").agg(*[value.alias(name) for name, value in {**counts, **means}.items()])
    asked = scores.sparkSession.createDataFrame([(day,) for day in days], "as_of_date date")
    is_empty = F.col("customers").isNull()
    filled = {name: F.when(is_empty, 0).otherwise(F.col(name)) for name in counts}
    filled["high_risk_share"] = F.when(~is_empty, F.col("high_risk_customers").cast("double") / F.col("customers"))
    return asked.join(totals, on="as_of_date", how="left").select(
        *[
            filled.get(field.name, F.col(field.name)).cast(field.dataType).alias(field.name)
            for field in EngagementMetrics.struct()
        ]
    )
