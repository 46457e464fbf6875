"""Measures of sessions, orders and the funnel."""

from __future__ import annotations

from collections.abc import Iterator

from engagement_assets.domain.customer_filters import STAGES
from engagement_assets.domain.scoring_policy import ScoringPolicy
from engagement_assets.exports.measures.base import SCORES, Formulas

#: Columns of the sessions that reached each stage.
_REACHED = ("Page view sessions", "Cart sessions", "Checkout sessions", "Order sessions")

_WANTED = "VAR WantedStage = SELECTEDVALUE('Funnel Stages'[Stage number], 1) "
_SNAPSHOT = "VAR LastDay = CALCULATE(MAX('Latest Scores'[As of date]), ALL('Latest Scores')) "


def behaviour(policy: ScoringPolicy) -> Iterator[Formulas]:
    """What customers do between looking and buying."""
    days = policy.activity_window_days
    in_window = f"REMOVEFILTERS('Dates'), 'Session Days'[As of date] > LastDay - {days}"
    in_window_sql = f"as_of_date > (SELECT max(as_of_date) FROM engagement_scores) - {days}"
    by_stage = ", ".join(f"{number}, SUM('Session Days'[{name}])" for number, name in enumerate(_REACHED, 1))
    reached = [f"count(*) FILTER (furthest_stage >= {number})" for number in range(1, len(STAGES) + 1)]
    stages_sql = [
        f"coalesce(sum({name.lower().replace(' ', '_')}) FILTER ({in_window_sql}), 0)::BIGINT" for name in _REACHED
    ]
    by_source = {
        "customers": {
            "customers_at_stage": (
                f"{_WANTED}RETURN CALCULATE(COUNTROWS('Customers'), 'Customers'[Furthest stage] >= WantedStage)",
                f"[{', '.join(reached)}]",
            )
        },
        "session_days": {
            "sessions_at_stage": (
                f"{_WANTED}{_SNAPSHOT}RETURN CALCULATE(SWITCH(WantedStage, {by_stage}), {in_window})",
                f"[{', '.join(stages_sql)}]",
            ),
            "sessions_in_window": (
                f"{_SNAPSHOT}RETURN CALCULATE(SUM('Session Days'[Sessions]), {in_window})",
                f"coalesce(sum(sessions) FILTER ({in_window_sql}), 0)::BIGINT",
            ),
            "window_sessions": (
                f"{_SNAPSHOT}RETURN CALCULATE(SUM('Session Days'[Sessions]), "
                f"KEEPFILTERS('Session Days'[As of date] > LastDay - {days}))",
                f"coalesce(sum(sessions) FILTER ({in_window_sql}), 0)::BIGINT",
            ),
            "sessions": ("SUM('Session Days'[Sessions])", "coalesce(sum(sessions), 0)::BIGINT"),
        },
        "daily_activity": {
            "all_sessions": ("SUM('Daily Activity'[Sessions])", "coalesce(sum(sessions), 0)::BIGINT"),
            "all_orders": ("SUM('Daily Activity'[Orders])", "coalesce(sum(orders), 0)::BIGINT"),
            "all_order_revenue": ("SUM('Daily Activity'[Order revenue])", "coalesce(sum(order_revenue), 0)::DOUBLE"),
            "engaged_sessions": (
                "SUM('Daily Activity'[Engaged sessions])",
                "coalesce(sum(engaged_sessions), 0)::BIGINT",
            ),
            "engaged_share": (
                "DIVIDE([Engaged sessions], [All sessions])",
                "sum(engaged_sessions)::DOUBLE / nullif(sum(sessions), 0)",
            ),
        },
        "orders": {
            "orders_on_days": ("COUNTROWS('Orders')", "count(*)"),
            "order_revenue": ("SUM('Orders'[Order amount])", "coalesce(sum(order_amount), 0)::DOUBLE"),
        },
        SCORES: {
            "orders_per_customer": (
                "DIVIDE(SUM('Latest Scores'[Total orders]) - SUM('Latest Scores'[Total orders 30 days before]), [Customers])",
                "sum(total_orders - total_orders_30_days_before)::BIGINT / nullif(count(*), 0)",
            )
        },
    }
    for source, formulas in by_source.items():
        yield "Behaviour", source, formulas
