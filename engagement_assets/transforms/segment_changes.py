"""Segment changes: who moved between segments and stages, into or out of high risk and slipping since the day before, and why."""

from __future__ import annotations

from functools import reduce
from operator import add

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from engagement_assets.domain.contracts import CustomerFeatures, SegmentChanges
from engagement_assets.domain.score_parts import CHANGES, KINDS, MEASURES, ScoredMeasure
from engagement_assets.domain.scoring_policy import ScoringPolicy
from engagement_assets.transforms.engagement_scores import (
    BOUNDS,
    is_high_risk,
    is_slipping,
    most_customers,
    scaled,
    score_components,
    segment,
    snapshot_bounds,
    with_percentile,
)
from engagement_assets.transforms.lifecycle import lifecycle_stage
from engagement_assets.transforms.score_change import Standing, split_change

#: A cause that rounds to less than this is left out of the words.
_SMALLEST = 0.001

_LABELS = ("engagement_segment", "is_high_risk", "is_slipping", "lifecycle_stage")

#: What the words of a change are told from, beside its amounts, and the same of the day before as `previous_<column>`.
TOLD_FROM = (*_LABELS, *dict.fromkeys(("total_orders", *(measure.column for measure in MEASURES))))

#: What of a day is needed to tell its changes to the next one.
_NEEDED = ("engagement_score", *TOLD_FROM, *BOUNDS)


def labelled(features: DataFrame, policy: ScoringPolicy) -> DataFrame:
    """Score, segment, risk, slipping and stage of each customer, with the bounds of their snapshot.

    Both days of a comparison are scored here, with the same settings: a change of settings is no change of a customer.
    """
    columns: list[tuple[str, Column]] = [
        ("engagement_segment", segment(F.col("engagement_score"), F.col("score_percentile"), policy)),
        ("is_high_risk", is_high_risk(policy)),
        ("is_slipping", is_slipping(policy)),
        ("lifecycle_stage", lifecycle_stage(policy)),
    ]
    bounds = snapshot_bounds(features, policy)
    scored = score_components(features, bounds, policy)
    if policy.segment_mode == "quantiles":
        scored = with_percentile(scored, most_customers(bounds))
    else:
        # Nothing depends on it, and it is the dearest of a score's columns.
        scored = scored.withColumn("score_percentile", F.lit(None).cast("double"))
    return reduce(lambda frame, column: frame.withColumn(*column), columns, scored)


def standing(measure: ScoredMeasure, policy: ScoringPolicy, prefix: str = "") -> Standing:
    """Where a customer stands by a measure, from columns of `labelled` with a prefix to their names."""
    value = F.col(f"{prefix}{measure.column}")
    low, high = F.col(f"{prefix}{measure.name}_low"), F.col(f"{prefix}{measure.name}_high")
    own = scaled(value, measure, policy)
    return Standing(
        value=F.coalesce(own, F.lit(0.0)) if measure.may_be_missing else own,
        low=F.coalesce(low, F.lit(0.0)),
        per_unit=F.when(high > low, F.lit(1.0) / (high - low)).otherwise(F.lit(0.0)),
        has_value=F.when(value.isNotNull(), 1.0).otherwise(0.0) if measure.may_be_missing else 1.0,
    )


def _signed(amount: str) -> str:
    """An amount of score with its sign and three decimals, `-0.080`."""
    thousandths = f"cast(floor(abs({amount}) * 1000 + 0.5) AS bigint)"
    return (
        f"CASE WHEN {amount} < 0 THEN '-' ELSE '+' END || cast(cast(floor({thousandths} / 1000) AS bigint) AS string) "
        f"|| '.' || lpad(cast({thousandths} % 1000 AS string), 3, '0')"
    )


def _cause(text: str, amount: str) -> str:
    """A cause and its amount; null for one that is too small to be told."""
    return f"CASE WHEN abs({amount}) >= {_SMALLEST / 2} THEN {text} || ' (' || {_signed(amount)} || ')' END"


def words_of_change() -> str:
    """SQL of a move and its causes in a fixed order: what the customer did by each measure, others, scales told by themselves.

    Spark and DuckDB run it alike. It reads `TOLD_FROM`, those of the day before, and the amounts of a `ScoreChange`.
    """
    own = [
        _cause(
            f"({m.told})",
            f"({' + '.join(f'{m.name}_{kind}' for kind in KINDS if kind in m.causes and kind != 'rescaling')})",
        )
        for m in MEASURES
    ]
    together = " + ".join(f"{m.name}_rescaling" for m in MEASURES if "rescaling" not in m.titles)
    others = _cause(f"CASE WHEN {together} < 0 THEN 'others rose' ELSE 'others fell' END", f"({together})")
    alone = [_cause(f"'{m.causes['rescaling']}'", f"{m.name}_rescaling") for m in MEASURES if "rescaling" in m.titles]
    causes = f"concat_ws(', ', {', '.join([*own, others, *alone])})"
    head = """concat_ws(', ',
        CASE WHEN engagement_segment = previous_engagement_segment THEN engagement_segment
             ELSE previous_engagement_segment || ' to ' || engagement_segment END,
        CASE WHEN is_high_risk AND NOT previous_is_high_risk THEN 'now at high risk'
             WHEN NOT is_high_risk AND previous_is_high_risk THEN 'no longer at high risk' END,
        CASE WHEN is_slipping AND NOT previous_is_slipping THEN 'now slipping'
             WHEN NOT is_slipping AND previous_is_slipping THEN 'no longer slipping' END,
        CASE WHEN lifecycle_stage <> previous_lifecycle_stage
             THEN 'stage ' || previous_lifecycle_stage || ' to ' || lifecycle_stage END)"""
    return f"concat_ws(': ', {head}, nullif({causes}, ''))"


def changes_between(before: DataFrame, now: DataFrame, policy: ScoringPolicy) -> DataFrame:
    """Who changed segment, high risk, slipping or stage between two snapshots, or is new, and why.

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
    then, today = ({m.name: standing(m, policy, prefix) for m in MEASURES} for prefix in ("previous_", ""))
    amounts = split_change(then, today, F.lit(1.0), policy).amounts
    score_change = F.col("engagement_score") - F.col("previous_engagement_score")
    words = F.when(is_new, F.concat(F.lit("new customer, "), F.col("engagement_segment"))).otherwise(
        F.expr(words_of_change())
    )
    explained = (
        joined.filter(is_new | differs)
        .withColumns({name: F.when(~is_new, amount) for name, amount in amounts.items()})
        .withColumns(
            {
                **{kind: reduce(add, map(F.col, columns)) for kind, columns in CHANGES.items()},
                "score_change": score_change,
                "movement": F.when(is_new, "New")
                .when(score_change > 0, "Up")
                .when(score_change < 0, "Down")
                .otherwise("Level"),
                "explanation": words,
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
