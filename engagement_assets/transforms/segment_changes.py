"""Segment changes: who moved between segments, stages or into high risk since the day before, and exactly why."""

from __future__ import annotations

from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from engagement_assets.domain.contracts import CustomerFeatures, SegmentChanges
from engagement_assets.domain.scoring_policy import ScoringPolicy
from engagement_assets.transforms.engagement_scores import (
    monetary_scale,
    most_customers,
    score_components,
    segment,
    snapshot_bounds,
    with_percentile,
)
from engagement_assets.transforms.lifecycle import lifecycle_stage
from engagement_assets.transforms.score_change import PARTS, Scale, ScoreChange, Standing, split_change

#: A part that rounds to less than this is left out of the words.
_SMALLEST = 0.001

_LABELS = ("engagement_segment", "is_high_risk", "lifecycle_stage")

#: What of a day is needed to tell its changes to the next one.
_NEEDED = (
    "engagement_score",
    *_LABELS,
    "total_orders",
    "total_revenue",
    "recency_days",
    "sessions_last_30_days",
    "recency_low",
    "recency_high",
    "orders_low",
    "orders_high",
    "sessions_low",
    "sessions_high",
    "revenue_low",
    "revenue_high",
)


def labelled(features: DataFrame, policy: ScoringPolicy) -> DataFrame:
    """Score, segment, risk and stage of each customer, with the bounds of their snapshot.

    Both days of a comparison are scored here, with the same settings: a change of settings is no change of a customer.
    """
    score, buys = F.col("engagement_score"), F.col("total_orders") > 0
    columns: list[tuple[str, Column]] = [
        ("engagement_segment", segment(score, F.col("score_percentile"), policy)),
        ("is_high_risk", buys & (score < policy.high_risk_threshold)),
        ("lifecycle_stage", lifecycle_stage(policy)),
    ]
    bounds = snapshot_bounds(features)
    scored = score_components(features, bounds, policy)
    if policy.segment_mode == "quantiles":
        scored = with_percentile(scored, most_customers(bounds))
    else:
        # Nothing depends on it, and it is the dearest of a score's columns.
        scored = scored.withColumn("score_percentile", F.lit(None).cast("double"))
    return reduce(lambda frame, column: frame.withColumn(*column), columns, scored)


def standing(policy: ScoringPolicy, prefix: str = "") -> Standing:
    """A customer in a snapshot, from columns of `labelled` with a prefix to their names."""

    def scale(name: str) -> Scale:
        low, high = F.col(f"{prefix}{name}_low"), F.col(f"{prefix}{name}_high")
        if name == "revenue":
            low, high = monetary_scale(low, policy), monetary_scale(high, policy)
        per_unit = F.when(high > low, F.lit(1.0) / (high - low)).otherwise(F.lit(0.0))
        return Scale(F.coalesce(low, F.lit(0.0)), per_unit)

    recency = F.col(f"{prefix}recency_days")
    return Standing(
        has_ordered=F.when(recency.isNotNull(), 1.0).otherwise(0.0),
        recency_days=F.coalesce(recency.cast("double"), F.lit(0.0)),
        orders=F.col(f"{prefix}total_orders").cast("double"),
        sessions=F.col(f"{prefix}sessions_last_30_days").cast("double"),
        money=monetary_scale(F.col(f"{prefix}total_revenue"), policy),
        recency_scale=scale("recency"),
        orders_scale=scale("orders"),
        sessions_scale=scale("sessions"),
        money_scale=scale("revenue"),
    )


def signed(amount: Column) -> Column:
    """A part of a score with its sign and three decimals, `-0.080`; the same text from every engine."""
    thousandths = F.floor(F.abs(amount) * 1000 + 0.5).cast("bigint")
    sign = F.when(amount < 0, "-").otherwise("+")
    whole = F.floor(thousandths / 1000).cast("bigint").cast("string")
    return F.concat(sign, whole, F.lit("."), F.lpad((thousandths % 1000).cast("string"), 3, "0"))


def _counted(number: Column, what: str) -> Column:
    """`3 fewer sessions`, `1 more order`."""
    size = F.abs(number)
    direction = F.when(number > 0, " more ").otherwise(" fewer ")
    return F.concat(size.cast("bigint").cast("string"), direction, F.when(size == 1, what).otherwise(F.lit(f"{what}s")))


def in_words(policy: ScoringPolicy) -> Column:
    """The move and its causes, the largest kinds first in a fixed order: silence, orders, sessions, revenue, the scale."""

    def moved(name: str, joint: str = " to ") -> Column:
        before, now = F.col(f"previous_{name}"), F.col(name)
        return F.when(before == now, now).otherwise(F.concat(before, F.lit(joint), now))

    risk = F.when(F.col("is_high_risk") & ~F.col("previous_is_high_risk"), "now at high risk").when(
        ~F.col("is_high_risk") & F.col("previous_is_high_risk"), "no longer at high risk"
    )
    stage = F.when(
        F.col("lifecycle_stage") != F.col("previous_lifecycle_stage"),
        F.concat(F.lit("stage "), F.col("previous_lifecycle_stage"), F.lit(" to "), F.col("lifecycle_stage")),
    )
    days = F.col("recency_days")
    silence = F.concat(
        days.cast("string"), F.when(days == 1, " day").otherwise(" days"), F.lit(" since the last order")
    )
    first_order = F.col("previous_recency_days").isNull()
    ordered = F.when(first_order, "first order").otherwise("ordered again")
    is_order = F.col("total_orders") != F.col("previous_total_orders")
    revenue = F.col("total_revenue") - F.col("previous_total_revenue")
    spent = F.concat(
        F.lit("revenue "),
        F.when(revenue < 0, "-").otherwise("+"),
        F.abs(revenue).cast("decimal(18,2)").cast("string"),
    )

    def cause(text: Column, amount: Column) -> Column:
        is_told = F.abs(amount) >= _SMALLEST / 2
        return F.when(is_told & text.isNotNull(), F.concat(text, F.lit(" ("), signed(amount), F.lit(")")))

    own_recency = F.col("recency_ageing") + F.col("recency_behaviour")
    others = F.col("orders_rescaling") + F.col("sessions_rescaling") + F.col("monetary_rescaling")
    causes = F.concat_ws(
        ", ",
        cause(F.when(is_order, ordered).when(days.isNotNull(), silence), own_recency),
        cause(_counted(F.col("total_orders") - F.col("previous_total_orders"), "order"), F.col("orders_behaviour")),
        cause(
            _counted(F.col("sessions_last_30_days") - F.col("previous_sessions_last_30_days"), "session"),
            F.col("sessions_behaviour"),
        ),
        cause(spent, F.col("monetary_behaviour")),
        cause(F.when(others < 0, "others rose").otherwise("others fell"), others),
        cause(F.lit("the recency scale moved"), F.col("recency_rescaling")),
    )
    head = F.concat_ws(", ", moved("engagement_segment"), risk, stage)
    told = F.when(causes != "", F.concat(head, F.lit(": "), causes)).otherwise(head)
    new = F.concat_ws(", ", F.lit("new customer"), F.col("engagement_segment"))
    return F.when(F.col("previous_engagement_score").isNull(), new).otherwise(told)


def changes_between(before: DataFrame, now: DataFrame, policy: ScoringPolicy) -> DataFrame:
    """Who changed segment, high risk or stage between two snapshots, or is new, and why.

    Parameters: `before` and `now` have the columns of the contract `customer_features`, whole snapshots; each day of `now` is
    compared with the day before it in `before`, which must be there.
    Returns: the columns of the contract `segment_changes`.
    """
    earlier = labelled(before, policy).select(
        F.date_add("as_of_date", 1).alias("as_of_date"),
        "customer_id",
        *[F.col(name).alias(f"previous_{name}") for name in _NEEDED],
    )
    joined = (
        labelled(now, policy)
        .select("as_of_date", "customer_id", *_NEEDED)
        .join(earlier, on=["as_of_date", "customer_id"], how="left")
    )
    is_new = F.col("previous_engagement_score").isNull()
    differs = reduce(lambda one, other: one | other, [F.col(name) != F.col(f"previous_{name}") for name in _LABELS])
    change: ScoreChange = split_change(standing(policy, "previous_"), standing(policy), F.lit(1.0), policy)
    parts = {name: F.when(~is_new, getattr(change, name)) for name in PARTS}
    score_change = F.col("engagement_score") - F.col("previous_engagement_score")
    explained = (
        joined.filter(is_new | differs)
        .withColumns({**parts, "score_change": score_change})
        .withColumns(
            {
                "ageing": F.col("recency_ageing"),
                "behaviour": F.col("recency_behaviour")
                + F.col("orders_behaviour")
                + F.col("sessions_behaviour")
                + F.col("monetary_behaviour"),
                "rescaling": F.col("recency_rescaling")
                + F.col("orders_rescaling")
                + F.col("sessions_rescaling")
                + F.col("monetary_rescaling"),
            }
        )
        .withColumns(
            {
                "movement": F.when(is_new, "New")
                .when(score_change > 0, "Up")
                .when(score_change < 0, "Down")
                .otherwise("Level"),
                "explanation": in_words(policy),
            }
        )
    )
    renamed = explained.withColumnRenamed("previous_engagement_score", "previous_score").withColumnRenamed(
        "previous_engagement_segment", "previous_segment"
    )
    return renamed.select(
        *[F.col(field.name).cast(field.dataType).alias(field.name) for field in SegmentChanges.struct()]
    )


#: The columns of a snapshot that its changes are told from.
FEATURES = tuple(CustomerFeatures.columns())
