"""What the predictors said 30 days before a snapshot: from the snapshot itself, so that it needs no other one."""

from __future__ import annotations

from engagement_assets.domain.scoring_policy import ScoringPolicy

#: Predictors whose earlier value a snapshot knows: SQL over its rows with `score_then`. Null for customers who had not signed up
#: or had not ordered by then.
EARLIER = {
    "score": "score_then",
    "reference_score": "CASE WHEN score_then IS NOT NULL THEN reference_score_30_days_before END",
    "recency": "CASE WHEN score_then IS NOT NULL THEN -recency_days_30_days_before END",
    "frequency": "CASE WHEN score_then IS NOT NULL THEN total_orders_30_days_before END",
}


def _measures(policy: ScoringPolicy) -> dict[str, str]:
    """SQL of what was scored 30 days before, by name."""
    revenue = "total_revenue_30_days_before::DOUBLE"
    return {
        "silence": "recency_days_30_days_before::DOUBLE",
        "orders": "total_orders_30_days_before::DOUBLE",
        "visits": "sessions_previous_30_days::DOUBLE",
        "money": f"ln(1 + {revenue})" if policy.monetary_scale == "log1p" else revenue,
    }


def scale_then(policy: ScoringPolicy, chosen: str) -> str:
    """SQL over the rows of engagement_scores that fit a condition: the scale of each day's score of 30 days before, a row a day.

    It is that of the customers of that time. A day before which nobody had signed up has no row.
    """
    ends = ", ".join(f"min({sql}) AS {name}_low, max({sql}) AS {name}_high" for name, sql in _measures(policy).items())
    return (
        f"SELECT as_of_date, {ends} FROM engagement_scores "
        f"WHERE {chosen} AND signup_date <= as_of_date - {policy.activity_window_days} GROUP BY as_of_date"
    )


def score_then(policy: ScoringPolicy) -> str:
    """SQL of the score that a buyer had 30 days before, null for others; over engagement_scores joined with `scale_then`.

    The formula is that of `transforms.engagement_scores`.
    """
    scaled = {
        name: f"CASE WHEN {name}_high > {name}_low THEN ({sql} - {name}_low) / ({name}_high - {name}_low) ELSE 0 END"
        for name, sql in _measures(policy).items()
    }
    frequency = f"{policy.order_weight} * {scaled['orders']} + {policy.session_weight} * {scaled['visits']}"
    return (
        f"CASE WHEN signup_date <= as_of_date - {policy.activity_window_days} AND total_orders_30_days_before > 0 THEN "
        f"{policy.recency_weight} * (1 - {scaled['silence']}) + {policy.frequency_weight} * ({frequency}) "
        f"+ {policy.monetary_weight} * {scaled['money']} END"
    )
