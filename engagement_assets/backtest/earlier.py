"""What the predictors said 30 days before a snapshot: from the snapshot itself, so that it needs no other one."""

from __future__ import annotations

from engagement_assets.settings import ScoringPolicy

#: Predictors whose earlier value a snapshot knows: SQL over its rows joined with those of `earlier_scores`. Null for customers
#: who had not signed up or had not ordered by then.
EARLIER = {
    "score": "score_then",
    "reference_score": "CASE WHEN score_then IS NOT NULL THEN reference_score_30_days_before END",
    "recency": "CASE WHEN score_then IS NOT NULL THEN -recency_days_30_days_before END",
    "frequency": "CASE WHEN score_then IS NOT NULL THEN total_orders_30_days_before END",
}


def earlier_scores(policy: ScoringPolicy) -> str:
    """SQL for customer_id and score_then of the buyers of 30 days before $day, on the scale of the customers of that time.

    Reads `snapshots`, rows of engagement_scores; the formula is that of `transforms.engagement_scores`.
    """
    money = (
        "ln(1 + total_revenue_30_days_before::DOUBLE)"
        if policy.monetary_scale == "log1p"
        else ("total_revenue_30_days_before::DOUBLE")
    )

    def scaled(name: str) -> str:
        low, high = f"min({name}) OVER ()", f"max({name}) OVER ()"
        return f"CASE WHEN {high} > {low} THEN ({name} - {low}) / ({high} - {low}) ELSE 0 END"

    frequency = f"{policy.order_weight} * {scaled('orders')} + {policy.session_weight} * {scaled('visits')}"
    return f"""
        SELECT customer_id, score_then FROM (
            SELECT customer_id, orders,
                   {policy.recency_weight} * (1 - {scaled("silence")}) + {policy.frequency_weight} * ({frequency})
                   + {policy.monetary_weight} * {scaled("money")} AS score_then
            FROM (
                SELECT customer_id, recency_days_30_days_before::DOUBLE AS silence,
                       total_orders_30_days_before::DOUBLE AS orders, sessions_previous_30_days::DOUBLE AS visits,
                       {money} AS money
                FROM snapshots
                WHERE as_of_date = $day AND signup_date <= $day - {policy.activity_window_days}
            )
        ) WHERE orders > 0
    """
