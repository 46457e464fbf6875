"""What the predictors said 30 days before a snapshot: from the snapshot itself, so that it needs no other one."""

from __future__ import annotations

from engagement_assets.domain.score_parts import MEASURES, PARTS, ScoredMeasure
from engagement_assets.domain.scoring_policy import ScoringPolicy

#: Predictors whose earlier value a snapshot knows: SQL over its rows with `score_then`. Null for customers who had not signed up
#: or had not ordered by then.
EARLIER = {
    "score": "score_then",
    "reference_score": "CASE WHEN score_then IS NOT NULL THEN reference_score_30_days_before END",
    "recency": "CASE WHEN score_then IS NOT NULL THEN -recency_days_30_days_before END",
    "frequency": "CASE WHEN score_then IS NOT NULL THEN total_orders_30_days_before END",
}


def _value(measure: ScoredMeasure, policy: ScoringPolicy) -> str:
    """SQL of a measure of 30 days before, on the scale it is scored on."""
    value = f"{measure.column_before}::DOUBLE"
    return f"ln(1 + {value})" if policy.is_logarithmic(measure) else value


def scale_then(policy: ScoringPolicy, chosen: str) -> str:
    """SQL over the rows of engagement_scores that fit a condition: the scale of each day's score of 30 days before, a row a day.

    It is that of the customers of that time. A day before which nobody had signed up has no row.
    """
    ends = ", ".join(
        f"{end}({_value(measure, policy)}) AS {measure.name}_{end}" for measure in MEASURES for end in ("min", "max")
    )
    return (
        f"SELECT as_of_date, {ends} FROM engagement_scores "
        f"WHERE {chosen} AND signup_date <= as_of_date - {policy.activity_window_days} GROUP BY as_of_date"
    )


def score_then(policy: ScoringPolicy) -> str:
    """SQL of the score that a buyer had 30 days before, null for others; over engagement_scores joined with `scale_then`.

    The formula is that of `transforms.engagement_scores`.
    """

    def score(measure: ScoredMeasure) -> str:
        low, high = f"{measure.name}_min", f"{measure.name}_max"
        scaled = f"CASE WHEN {high} > {low} THEN ({_value(measure, policy)} - {low}) / ({high} - {low}) ELSE 0 END"
        return f"coalesce({f'1 - {scaled}' if measure.lower_is_better else scaled}, 0)"

    sums = [" + ".join(f"{policy.share(measure)} * {score(measure)}" for measure in part.measures) for part in PARTS]
    total = " + ".join(f"{policy.weight(part)} * ({of})" for part, of in zip(PARTS, sums, strict=True))
    return (
        f"CASE WHEN signup_date <= as_of_date - {policy.activity_window_days} AND total_orders_30_days_before > 0 "
        f"THEN {total} END"
    )
