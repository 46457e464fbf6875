"""Scoring: the weighted parts of `score_parts` on the scale of the snapshot; segments, stages, RFM, risk and reasons."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from functools import reduce
from operator import add

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from engagement_assets.domain.contracts import EngagementScores
from engagement_assets.domain.return_chance import (
    ORDER_DAYS_FROM,
    OUTCOME_DAYS,
    PRIOR_CUSTOMERS,
    SILENCE_FROM,
    known_from,
)
from engagement_assets.domain.score_parts import CONTRIBUTIONS, MEASURES, PARTS, ScoredMeasure, ScorePart
from engagement_assets.domain.scoring_policy import PROSPECT_SESSIONS, ScoringPolicy
from engagement_assets.transforms.lifecycle import lifecycle_stage
from engagement_assets.transforms.rfm import rfm_limits, with_rfm
from engagement_assets.transforms.steps import band, collected

#: Customers of a snapshot whose scores are sorted in one task. Those of more are sorted bucket by bucket of the score.
_MOST_IN_ONE_SORT = 2_000_000

#: Each bucket is a window, and many small windows cost more than a few large ones.
_PERCENTILE_BUCKETS = 64

#: Columns of `snapshot_bounds` that nothing needs once the scores and bands are known.
BOUNDS = tuple(f"{measure.name}_{end}" for measure in MEASURES for end in ("low", "high"))


def scaled(value: Column, measure: ScoredMeasure, policy: ScoringPolicy) -> Column:
    """A value on the scale it is scored on."""
    amount = value.cast("double")
    return F.log(F.lit(1.0) + amount) if policy.is_logarithmic(measure) else amount


def normalized(value: Column, low: Column, high: Column) -> Column:
    """`(value - low) / (high - low)`; 0 where all are equal."""
    return F.when(high > low, (value - low) / (high - low)).otherwise(F.lit(0.0))


def snapshot_bounds(features: DataFrame, policy: ScoringPolicy, *limits: Column) -> DataFrame:
    """Minimum and maximum of each measure per day, over the customers with a value, and what else of a day is asked for.

    Returns: as_of_date, customers, `BOUNDS` on the scales that are scored on, and the aggregates `limits`; computed once, a row
    per day that comes from the driver.
    """
    bounds = [
        scaled(aggregate(measure.column), measure, policy).alias(f"{measure.name}_{end}")
        for measure in MEASURES
        for end, aggregate in (("low", F.min), ("high", F.max))
    ]
    return collected(features.groupBy("as_of_date").agg(F.count(F.lit(1)).alias("customers"), *bounds, *limits))


def revenue_limit(policy: ScoringPolicy) -> Column:
    """Aggregate of a day's customers: the revenue from which on a buyer's band is High; null without buyers."""
    buyers_revenue = F.when(F.col("total_orders") > 0, F.col("total_revenue").cast("double"))
    return F.percentile(buyers_revenue, policy.revenue_band_percentile).alias("revenue_limit")


def _measure_score(measure: ScoredMeasure, column: str, value: Column, low: Column, high: Column) -> Column:
    """The score of a measure between two bounds; `value` is that of the column on the scale of the bounds."""
    score = normalized(value, low, high)
    if measure.lower_is_better:
        score = F.lit(1.0) - score
    return F.when(F.col(column).isNotNull(), score).otherwise(F.lit(0.0)) if measure.may_be_missing else score


def _part_score(part: ScorePart, scores: Mapping[str, Column], policy: ScoringPolicy) -> Column:
    """The score of a part from those of its measures, by their columns."""
    if len(part.measures) == 1:
        return scores[part.measures[0].score]
    return _sum(F.lit(policy.share(measure)) * scores[measure.score] for measure in part.measures)


def _sum(columns: Iterable[Column]) -> Column:
    """The sum from left to right: sums of doubles depend on the order."""
    return reduce(add, columns)


def reference_score(policy: ScoringPolicy, *, before: bool = False) -> Column:
    """The score on fixed bounds, of now or of 30 days before: it moves only when the customer does, not when others do."""

    def score(measure: ScoredMeasure) -> Column:
        column, bounds = measure.column_before if before else measure.column, policy.bounds(measure)
        low, high = (scaled(F.lit(float(end)), measure, policy) for end in (bounds.low, bounds.high))
        # Values beyond the bounds count as the bounds.
        clamped = F.least(F.greatest(scaled(F.col(column), measure, policy), low), high)
        return _measure_score(measure, column, clamped, low, high)

    scores = {measure.score: score(measure) for measure in MEASURES}
    return _sum(F.lit(policy.weight(part)) * _part_score(part, scores, policy) for part in PARTS)


def score_components(features: DataFrame, bounds: DataFrame, policy: ScoringPolicy) -> DataFrame:
    """Add the component scores, their weighted contributions, the score, and the reference scores to the features.

    `bounds` are the `snapshot_bounds` of these features; their columns are added too.
    """
    known_before = F.col("signup_date") <= F.date_sub("as_of_date", policy.activity_window_days)
    measured = {
        measure.score: _measure_score(
            measure,
            measure.column,
            scaled(F.col(measure.column), measure, policy),
            F.col(f"{measure.name}_low"),
            F.col(f"{measure.name}_high"),
        )
        for measure in MEASURES
    }
    scores = {name: F.col(name) for name in measured}
    return (
        features.join(F.broadcast(bounds), on="as_of_date", how="inner")
        .withColumns(
            {
                **measured,
                "reference_score": reference_score(policy),
                "reference_score_30_days_before": F.when(known_before, reference_score(policy, before=True)),
            }
        )
        .withColumns({part.score: _part_score(part, scores, policy) for part in PARTS})
        .withColumns(
            {
                **{part.contribution: F.lit(policy.weight(part)) * F.col(part.score) for part in PARTS},
                "reference_score_change": F.col("reference_score") - F.col("reference_score_30_days_before"),
            }
        )
        .withColumn("engagement_score", _sum(map(F.col, CONTRIBUTIONS)))
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
    """Engagement band by revenue band; every customer has exactly one.

    The band of a buyer is the segment, At Risk as Low. Customers without orders score low whatever they do: theirs is Medium from
    `PROSPECT_SESSIONS` engaged sessions in the activity window on, else Low. Reads total_orders, engaged_sessions_last_30_days.
    """
    valuable = revenue_band == "High"
    is_buyer, is_keen = F.col("total_orders") > 0, F.col("engaged_sessions_last_30_days") >= PROSPECT_SESSIONS
    low_band = F.when(is_buyer, engagement_segment.isin("Low", "At Risk")).otherwise(~is_keen)
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


def is_high_risk(policy: ScoringPolicy) -> Column:
    """Whether a buyer scores low, has not ordered for longer than the activity window, and hardly came in it."""
    return (
        (F.col("total_orders") > 0)
        & (F.col("engagement_score") < policy.high_risk_threshold)
        & (F.col("recency_days") > policy.activity_window_days)
        & (F.col("sessions_last_30_days") <= policy.low_sessions)
    )


def is_slipping(policy: ScoringPolicy) -> Column:
    """Whether a customer can still be saved: ordered on several days, silent for a while, not yet lapsed.

    Null where that hangs on order_days, and 0.1.0 built the day's features.
    """
    recency = F.coalesce("recency_days", F.lit(0))
    is_silent = (recency > policy.activity_window_days) & (recency < policy.lapsed_after_days)
    return is_silent & (F.col("order_days") >= policy.slipping_order_days)


def slipping_reasons(policy: ScoringPolicy) -> Column:
    """Why a customer is slipping, in words with numbers, rounded in whole units; reads what `with_return_chance` adds."""
    window = policy.activity_window_days
    silence = F.col("recency_days").cast("string")
    usual = F.floor(F.col("usual_gap_days") + 0.5).cast("bigint")
    rhythm = F.when(usual.isNull(), F.concat(F.lit("silent for "), silence, F.lit(" days"))).otherwise(
        F.concat(
            F.lit("usually orders every "),
            F.when(usual <= 1, "day").otherwise(F.concat(usual.cast("string"), F.lit(" days"))),
            F.lit(", silent for "),
            silence,
        )
    )
    before, now = F.col("sessions_previous_30_days"), F.col("sessions_last_30_days")
    fewer = F.when(
        now < before,
        F.concat(
            before.cast("string"),
            F.when(before == 1, " session").otherwise(" sessions"),
            F.lit(f" {window + 1} to {2 * window} days ago, "),
            F.when(now == 0, "none").otherwise(now.cast("string")),
            F.lit(" since"),
        ),
    )
    # What was counted where that is enough to speak of; the chance where others had to be asked too.
    stood, back = F.col("return_chance_customers"), F.col("came_back")
    share = (
        F.floor((F.lit(200) * back + stood) / (F.lit(2) * F.greatest(stood, F.lit(1)))).cast("bigint").cast("string")
    )
    chance = F.floor(F.col("return_chance") * 100 + 0.5).cast("bigint").cast("string")
    counted = F.when(
        stood >= PRIOR_CUSTOMERS,
        F.concat(
            *(F.lit("of "), stood.cast("string"), F.lit(" such customers "), share),
            F.lit(f" % came back within {OUTCOME_DAYS} days"),
        ),
    ).when(
        F.col("return_chance").isNotNull(),
        F.concat(F.lit("return chance "), chance, F.lit(" %, by customers much like them")),
    )
    return F.concat_ws("; ", rhythm, fewer, counted)


def with_return_chance(features: DataFrame, rates: DataFrame, start: date) -> DataFrame:
    """Add what the cell that a customer stands in says: the return chance, of how many, or why there is none; expected revenue.

    Parameters: `rates` has the columns of the contract `return_rates`, of the days of `features`; `start` is the first partition.
    """
    cells = rates.select(
        *("as_of_date", "silence_from_days", "order_days_from", "came_back", "revenue_factor"),
        F.col("chance").alias("return_chance"),
        F.col("customers").alias("return_chance_customers"),
    )
    known = known_from(start)
    why_missing = (
        F.when(F.col("total_orders") == 0, "never ordered")
        .when(F.col("order_days").isNull(), "release 0.1.0 built what it is counted from")
        .when(F.col("as_of_date") < F.lit(known), f"too early to tell, until {known}")
        .otherwise(f"nobody had ordered {OUTCOME_DAYS} days before")
    )
    return (
        features.withColumns(
            {
                "silence_from_days": band(F.col("recency_days"), SILENCE_FROM),
                "order_days_from": band(F.col("order_days"), ORDER_DAYS_FROM),
            }
        )
        .join(F.broadcast(cells), on=["as_of_date", "silence_from_days", "order_days_from"], how="left")
        .withColumns(
            {
                "return_chance_missing": F.when(F.col("return_chance").isNull(), why_missing),
                "expected_revenue_90_days": F.col("decayed_revenue") * F.col("revenue_factor"),
            }
        )
    )


def score_customers(features: DataFrame, rates: DataFrame, policy: ScoringPolicy, start: date) -> DataFrame:
    """Score each customer of each snapshot in `features`; snapshots do not touch each other.

    Parameters: `features` has the columns of the contract `customer_features`, whole snapshots only; `rates` those of
    `return_rates`, of the same days; `start` is the first partition.
    Returns: the columns of the contract `engagement_scores`.
    """
    score, buys = F.col("engagement_score"), F.col("total_orders") > 0
    status = F.when(buys, "Active").when(F.col("sessions_last_30_days") > 0, "Browsing Only").otherwise("Not Active")
    valuable = buys & (F.col("total_revenue").cast("double") >= F.col("revenue_limit"))
    bounds = snapshot_bounds(features, policy, revenue_limit(policy), *rfm_limits())
    banded = with_rfm(score_components(features, bounds, policy)).withColumn(
        "revenue_band", F.when(valuable, "High").otherwise("Low")
    )
    # The percentile sorts the rows, so what each row carries of its snapshot's limits goes before.
    scored = with_percentile(banded.drop("revenue_limit", *BOUNDS), most_customers(bounds))
    labelled: list[tuple[str, Column]] = [
        ("engagement_segment", segment(score, F.col("score_percentile"), policy)),
        ("engagement_status", status),
        ("value_segment", value_segment(F.col("engagement_segment"), F.col("revenue_band"))),
        ("lifecycle_stage", lifecycle_stage(policy)),
        ("is_high_risk", is_high_risk(policy)),
        ("risk_reasons", F.when(F.col("is_high_risk"), risk_reasons(policy))),
        ("is_slipping", is_slipping(policy)),
        ("slipping_reasons", F.when(F.col("is_slipping"), slipping_reasons(policy))),
    ]
    complete = reduce(
        lambda frame, column: frame.withColumn(*column), labelled, with_return_chance(scored, rates, start)
    )
    return complete.select(
        *[F.col(field.name).cast(field.dataType).alias(field.name) for field in EngagementScores.struct()]
    )
