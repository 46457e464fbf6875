"""Measures of sessions, orders and the funnel."""

from __future__ import annotations

from collections.abc import Iterator

from engagement_assets.domain.customer_filters import STAGES
from engagement_assets.domain.scoring_policy import ScoringPolicy
from engagement_assets.exports.measures.base import SCORES, Formulas

_VISITS = "COUNTROWS('Sessions'), 'Sessions'[Continues previous day] = FALSE()"
_BEGUN = "NOT continues_previous_day"
_WANTED = "VAR WantedStage = SELECTEDVALUE('Funnel Stages'[Stage number], 1) "


def behaviour(policy: ScoringPolicy) -> Iterator[Formulas]:
    """What customers do between looking and buying."""
    days = policy.activity_window_days
    since = (
        f"VAR LastDay = CALCULATE(MAX('Latest Scores'[As of date]), ALL('Latest Scores')) RETURN CALCULATE({_VISITS}, "
    )
    in_window = f"REMOVEFILTERS('Dates'), 'Sessions'[As of date] > LastDay - {days}"
    begun_in_window = f"{_BEGUN} AND as_of_date > (SELECT max(as_of_date) FROM engagement_scores) - {days}"

    def by_stage(also: str = "") -> str:
        counts = [f"count(*) FILTER (furthest_stage >= {number}{also})" for number in range(1, len(STAGES) + 1)]
        return f"[{', '.join(counts)}]"

    by_source = {
        "customers": {
            "customers_at_stage": (
                f"{_WANTED}RETURN CALCULATE(COUNTROWS('Customers'), 'Customers'[Furthest stage] >= WantedStage)",
                by_stage(),
            )
        },
        "sessions": {
            "sessions_at_stage": (
                f"{_WANTED}{since}'Sessions'[Furthest stage] >= WantedStage, {in_window})",
                by_stage(f" AND {begun_in_window}"),
            ),
            "sessions_in_window": (f"{since}{in_window})", f"count(*) FILTER ({begun_in_window})"),
            "sessions": (f"CALCULATE({_VISITS})", f"count(*) FILTER ({_BEGUN})"),
            "engaged_sessions": (
                f"CALCULATE({_VISITS}, 'Sessions'[Is engaged] = TRUE())",
                f"count(*) FILTER ({_BEGUN} AND is_engaged)",
            ),
            "engaged_share": (
                "DIVIDE([Engaged sessions], [Sessions begun])",
                f"count(*) FILTER ({_BEGUN} AND is_engaged) / nullif(count(*) FILTER ({_BEGUN}), 0)",
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
