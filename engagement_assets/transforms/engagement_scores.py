"""Scoring: recency 40 %, frequency 30 %, monetary 30 %, on the scale of the snapshot; segments, stages, RFM, risk and reasons."""

from __future__ import annotations

from functools import reduce

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from engagement_assets.domain.contracts import EngagementScores
from engagement_assets.domain.scoring_policy import Bounds, ScoringPolicy
from engagement_assets.transforms.lifecycle import lifecycle_stage
from engagement_assets.transforms.rfm import rfm_limits, with_rfm
from engagement_assets.transforms.steps import collected

#: Customers of a snapshot whose scores are sorted in one task. Those of more are sorted bucket by bucket of the score.
_MOST_IN_ONE_SORT = 2_000_000

#: Each bucket is a window, and many small windows cost more than a few large ones.
_PERCENTILE_BUCKETS = 64

#: Columns of `snapshot_bounds` that nothing needs once the components and bands are known.
_BOUNDS = tuple(
    f"{measure}_{end}" for measure in ("recency", "orders", "sessions", "revenue") for end in ("low", "high")
)


def monetary_scale(revenue: Column, policy: ScoringPolicy) -> Column:
    """Revenue on the scale it is scored on. Heavy-tailed as revenue is, the logarithm is the default."""
    amount = revenue.cast("double")
    return F.log(F.lit(1.0) + amount) if policy.monetary_scale == "log1p" else amount


def normalized(value: Column, low: Column, high: Column) -> Column:
    """`(value - low) / (high - low)`; 0 where all are equal."""
    return F.when(high > low, (value - low) / (high - low)).otherwise(F.lit(0.0))


def clamped(value: Column, bounds: Bounds) -> Column:
    """The value on a fixed scale from 0 to 1, values beyond the bounds counting as the bounds."""
    low, high = F.lit(float(bounds.low)), F.lit(float(bounds.high))
    return normalized(F.least(F.greatest(value.cast("double"), low), high), low, high)


def snapshot_bounds(features: DataFrame, *limits: Column) -> DataFrame:
    """Minimum and maximum of each measure per day, over the customers with a value, and what else of a day is asked for.

    Returns: as_of_date, customers, low/high of recency, orders, sessions, revenue, and the aggregates `limits`; computed once,
    a row per day that comes from the driver.
    """
    bounds = features.groupBy("as_of_date").agg(
        F.count(F.lit(1)).alias("customers"),
        F.min("recency_days").cast("double").alias("recency_low"),
        F.max("recency_days").cast("double").alias("recency_high"),
        F.min("total_orders").cast("double").alias("orders_low"),
        F.max("total_orders").cast("double").alias("orders_high"),
        F.min("sessions_last_30_days").cast("double").alias("sessions_low"),
        F.max("sessions_last_30_days").cast("double").alias("sessions_high"),
        F.min("total_revenue").alias("revenue_low"),
        F.max("total_revenue").alias("revenue_high"),
        *limits,
    )
    return collected(bounds)


def revenue_limit(policy: ScoringPolicy) -> Column:
    """Aggregate of a day's customers: the revenue from which on a buyer's band is High; null without buyers."""
    buyers_revenue = F.when(F.col("total_orders") > 0, F.col("total_revenue").cast("double"))
    return F.percentile(buyers_revenue, policy.revenue_band_percentile).alias("revenue_limit")


def reference_score(
    recency_days: Column, orders: Column, sessions: Column, revenue: Column, policy: ScoringPolicy
) -> Column:
    """The score on fixed bounds: it moves only when the customer does, not when others do."""
    recency = F.when(recency_days.isNotNull(), F.lit(1.0) - clamped(recency_days, policy.reference_recency_days))
    frequency = F.lit(policy.order_weight) * clamped(orders, policy.reference_orders) + F.lit(
        policy.session_weight
    ) * clamped(sessions, policy.reference_sessions)
    low = monetary_scale(F.lit(policy.reference_revenue.low), policy)
    high = monetary_scale(F.lit(policy.reference_revenue.high), policy)
    monetary = normalized(F.least(F.greatest(monetary_scale(revenue, policy), low), high), low, high)
    return (
        F.lit(policy.recency_weight) * F.coalesce(recency, F.lit(0.0))
        + F.lit(policy.frequency_weight) * frequency
        + F.lit(policy.monetary_weight) * monetary
    )


def score_components(features: DataFrame, bounds: DataFrame, policy: ScoringPolicy) -> DataFrame:
    """Add the component scores, their weighted contributions, the score, and the reference scores to the features.

    `bounds` are the `snapshot_bounds` of these features; their columns are added too.
    """
    scaled = features.join(F.broadcast(bounds), on="as_of_date", how="inner")
    recency = F.when(
        F.col("recency_days").isNotNull(),
        F.lit(1.0) - normalized(F.col("recency_days").cast("double"), F.col("recency_low"), F.col("recency_high")),
    ).otherwise(F.lit(0.0))
    order = normalized(F.col("total_orders").cast("double"), F.col("orders_low"), F.col("orders_high"))
    session = normalized(F.col("sessions_last_30_days").cast("double"), F.col("sessions_low"), F.col("sessions_high"))
    monetary = normalized(
        monetary_scale(F.col("total_revenue"), policy),
        monetary_scale(F.col("revenue_low"), policy),
        monetary_scale(F.col("revenue_high"), policy),
    )
    known_before = F.col("signup_date") <= F.date_sub("as_of_date", policy.activity_window_days)
    before = reference_score(
        F.col("recency_days_30_days_before"),
        F.col("total_orders_30_days_before"),
        F.col("sessions_previous_30_days"),
        F.col("total_revenue_30_days_before"),
        policy,
    )
    now = reference_score(
        F.col("recency_days"), F.col("total_orders"), F.col("sessions_last_30_days"), F.col("total_revenue"), policy
    )
    return (
        scaled.withColumns(
            {
                "recency_score": recency,
                "order_score": order,
                "session_score": session,
                "monetary_score": monetary,
                "reference_score": now,
                "reference_score_30_days_before": F.when(known_before, before),
            }
        )
        .withColumn(
            "frequency_score",
            F.lit(policy.order_weight) * F.col("order_score") + F.lit(policy.session_weight) * F.col("session_score"),
        )
        .withColumns(
            {
                "recency_contribution": F.lit(policy.recency_weight) * F.col("recency_score"),
                "frequency_contribution": F.lit(policy.frequency_weight) * F.col("frequency_score"),
                "monetary_contribution": F.lit(policy.monetary_weight) * F.col("monetary_score"),
                "reference_score_change": F.col("reference_score") - F.col("reference_score_30_days_before"),
            }
        )
        .withColumn(
            "engagement_score",
            F.col("recency_contribution") + F.col("frequency_contribution") + F.col("monetary_contribution"),
        )
    )


def with_percentile(scored: DataFrame, most_customers: int) -> DataFrame:
    """Add `score_percentile`: percent of the day's customers with this score or a lower one.

    `scored` has as_of_date, customers (their number on the day) and engagement_score; `most_customers` is the largest number.
    """
    if most_customers <= _MOST_IN_ONE_SORT:
        from_above = Window.partitionBy("as_of_date").orderBy(F.col("engagement_score").desc())
        # The rank from above counts the higher scores, and one.
        up_to_own = F.col("customers") - F.rank().over(from_above) + 1
        return scored.withColumn("score_percentile", _percent(up_to_own))
    bucketed = scored.withColumn("_bucket", F.floor(F.col("engagement_score") * _PERCENTILE_BUCKETS).cast("int"))
    lower_buckets = Window.partitionBy("as_of_date").orderBy("_bucket").rowsBetween(Window.unboundedPreceding, -1)
    sizes = bucketed.groupBy("as_of_date", "_bucket").agg(F.count(F.lit(1)).alias("_size"))
    below = sizes.select(
        "as_of_date", "_bucket", "_size", F.coalesce(F.sum("_size").over(lower_buckets), F.lit(0)).alias("_below")
    )
    from_above = Window.partitionBy("as_of_date", "_bucket").orderBy(F.col("engagement_score").desc())
    # The rank from above counts the higher scores, and one: what is left of the bucket is this score or lower.
    up_to_own = F.col("_size") - F.col("_rank") + 1
    return (
        bucketed.withColumn("_rank", F.rank().over(from_above))
        .join(F.broadcast(below), on=["as_of_date", "_bucket"], how="inner")
        .withColumn("score_percentile", _percent(F.col("_below") + up_to_own))
        .drop("_bucket", "_below", "_size", "_rank")
    )


def _percent(customers: Column) -> Column:
    return F.lit(100.0) * (customers.cast("double") / F.col("customers"))


def most_customers(bounds: DataFrame) -> int:
    """Customers of the largest snapshot that `bounds` speak of."""
    return max((int(row["customers"]) for row in bounds.select("customers").collect()), default=0)


def segment(score: Column, percentile: Column, policy: ScoringPolicy) -> Column:
    """High, Medium, Low or At Risk: on the unrounded score or, in the mode `quantiles`, on its percentile.

    Customers with the same score are in the same segment either way, so that shares are met as far as ties let them.
    """
    if policy.segment_mode == "quantiles":
        shares = (policy.high_share, policy.medium_share, policy.low_share)
        # Rounded, because sums of shares are rarely exact in binary, and nobody's place is known to a millionth.
        above = [percentile > round(100.0 * (1.0 - sum(shares[: number + 1])), 6) for number in range(len(shares))]
    else:
        above = [score >= limit for limit in (policy.high_threshold, policy.medium_threshold, policy.low_threshold)]
    return F.when(above[0], "High").when(above[1], "Medium").when(above[2], "Low").otherwise("At Risk")


def value_segment(engagement_segment: Column, revenue_band: Column) -> Column:
    """Engagement band (At Risk counts as Low) by revenue band; every customer has exactly one."""
    valuable = revenue_band == "High"
    low_band = engagement_segment.isin("Low", "At Risk")
    return (
        F.when(valuable & (engagement_segment == "High"), "VIPs")
        .when(valuable & low_band, "At-risk VIPs")
        .when(valuable, "Core")
        .when(low_band, "Dormant")
        .otherwise("Converters-to-be")
    )


def risk_reasons(policy: ScoringPolicy) -> Column:
    """Why a customer is at high risk, in words with numbers. Numbers are rounded in whole units: no engine's own format."""
    silence = F.concat(
        F.lit("no order for "),
        F.col("recency_days").cast("string"),
        F.when(F.col("recency_days") == 1, " day").otherwise(" days"),
    )
    before, now = F.col("sessions_previous_30_days"), F.col("sessions_last_30_days")
    percent = F.floor((F.lit(200) * (before - now) + before) / (F.lit(2) * before)).cast("bigint")
    window = policy.activity_window_days
    fewer = F.when(
        (before > 0) & (now < before),
        F.concat(F.lit("sessions down "), percent.cast("string"), F.lit(f" % on the {window} days before")),
    )
    hundredths = F.floor(-F.col("reference_score_change") * 100 + 0.5).cast("bigint")
    amount = F.concat(
        F.floor(hundredths / 100).cast("bigint").cast("string"),
        F.lit("."),
        F.lpad((hundredths % 100).cast("string"), 2, "0"),
    )
    lower = F.when(hundredths >= 1, F.concat(F.lit("score down "), amount, F.lit(f" in {window} days")))
    return F.concat_ws("; ", silence, fewer, lower)


def score_customers(features: DataFrame, policy: ScoringPolicy) -> DataFrame:
    """Score each customer of each snapshot in `features`; snapshots do not touch each other.

    Parameters: `features` has the columns of the contract `customer_features`, whole snapshots only.
    Returns: the columns of the contract `engagement_scores`.
    """
    score, buys = F.col("engagement_score"), F.col("total_orders") > 0
    status = F.when(buys, "Active").when(F.col("sessions_last_30_days") > 0, "Browsing Only").otherwise("Not Active")
    valuable = buys & (F.col("total_revenue").cast("double") >= F.col("revenue_limit"))
    bounds = snapshot_bounds(features, revenue_limit(policy), *rfm_limits())
    banded = with_rfm(score_components(features, bounds, policy)).withColumn(
        "revenue_band", F.when(valuable, "High").otherwise("Low")
    )
    # The percentile sorts the rows, so what each row carries of its snapshot's limits goes before.
    scored = with_percentile(banded.drop("revenue_limit", *_BOUNDS), most_customers(bounds))
    labelled: list[tuple[str, Column]] = [
        ("engagement_segment", segment(score, F.col("score_percentile"), policy)),
        ("engagement_status", status),
        ("value_segment", value_segment(F.col("engagement_segment"), F.col("revenue_band"))),
        ("lifecycle_stage", lifecycle_stage(policy)),
        ("is_high_risk", buys & (score < policy.high_risk_threshold)),
        ("risk_reasons", F.when(F.col("is_high_risk"), risk_reasons(policy))),
    ]
    complete = reduce(lambda frame, column: frame.withColumn(*column), labelled, scored)
    return complete.select(
        *[F.col(field.name).cast(field.dataType).alias(field.name) for field in EngagementScores.struct()]
    )
