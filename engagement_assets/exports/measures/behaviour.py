"""Measures of sessions, orders and the funnel."""

from __future__ import annotations

from engagement_assets.domain.scoring_policy import ScoringPolicy
from engagement_assets.exports.measures.base import COUNT, MONEY, SHARE, STAGES, Measure


def behaviour(policy: ScoringPolicy) -> list[Measure]:
    """What customers do between looking and buying."""
    days = policy.activity_window_days

    def of(key: str, name: str, kind: str, description: str, dax: str, source: str, sql: str) -> Measure:
        return Measure(key, name, "Behaviour", kind, description, dax, source, sql)

    numbers = range(1, len(STAGES) + 1)
    visits = "COUNTROWS('Sessions'), 'Sessions'[Continues previous day] = FALSE()"
    since = (
        f"VAR LastDay = CALCULATE(MAX('Latest Scores'[As of date]), ALL('Latest Scores')) RETURN CALCULATE({visits}, "
    )
    in_window = f"REMOVEFILTERS('Dates'), 'Sessions'[As of date] > LastDay - {days}"
    windowed = f"as_of_date > (SELECT max(as_of_date) FROM engagement_scores) - {days}"
    return [
        of(
            "customers_at_stage",
            "Customers at stage",
            COUNT,
            f"Customers who got at least as far as a stage of the funnel in the {days} days up to the snapshot; use it with "
            "the table Funnel Stages.",
            "VAR WantedStage = SELECTEDVALUE('Funnel Stages'[Stage number], 1) "
            "RETURN CALCULATE(COUNTROWS('Customers'), 'Customers'[Furthest stage] >= WantedStage)",
            "customers",
            f"[{', '.join(f'count(*) FILTER (furthest_stage >= {number})' for number in numbers)}]",
        ),
        of(
            "sessions_at_stage",
            "Sessions at stage",
            COUNT,
            f"Sessions that got at least as far as a stage of the funnel in the {days} days up to the snapshot; use it with "
            "the table Funnel Stages.",
            "VAR WantedStage = SELECTEDVALUE('Funnel Stages'[Stage number], 1) "
            f"{since}'Sessions'[Furthest stage] >= WantedStage, {in_window})",
            "sessions",
            "["
            + ", ".join(
                f"count(*) FILTER (furthest_stage >= {number} AND NOT continues_previous_day AND {windowed})"
                for number in numbers
            )
            + "]",
        ),
        of(
            "sessions_in_window",
            "Sessions in the window",
            COUNT,
            f"Sessions that began in the {days} days up to the snapshot.",
            f"{since}{in_window})",
            "sessions",
            f"count(*) FILTER (NOT continues_previous_day AND {windowed})",
        ),
        of(
            "sessions",
            "Sessions begun",
            COUNT,
            "Sessions that began on the days shown.",
            f"CALCULATE({visits})",
            "sessions",
            "count(*) FILTER (NOT continues_previous_day)",
        ),
        of(
            "engaged_sessions",
            "Engaged sessions",
            COUNT,
            f"Sessions longer than {policy.engaged_session_seconds:g} seconds, or with two page views, or with a checkout.",
            f"CALCULATE({visits}, 'Sessions'[Is engaged] = TRUE())",
            "sessions",
            "count(*) FILTER (NOT continues_previous_day AND is_engaged)",
        ),
        of(
            "engaged_share",
            "Engaged share",
            SHARE,
            "Engaged sessions by sessions.",
            "DIVIDE([Engaged sessions], [Sessions begun])",
            "sessions",
            "count(*) FILTER (NOT continues_previous_day AND is_engaged) "
            "/ nullif(count(*) FILTER (NOT continues_previous_day), 0)",
        ),
        of(
            "orders_on_days",
            "Orders on the days",
            COUNT,
            "Orders on the days shown.",
            "COUNTROWS('Orders')",
            "orders",
            "count(*)",
        ),
        of(
            "order_revenue",
            "Order revenue",
            MONEY,
            "Amount of the orders on the days shown.",
            "SUM('Orders'[Order amount])",
            "orders",
            "coalesce(sum(order_amount), 0)::DOUBLE",
        ),
        of(
            "orders_per_customer",
            "Orders per customer in 30 days",
            "0.00",
            "Orders of the 30 days up to the snapshot, by customers.",
            "DIVIDE(SUM('Latest Scores'[Total orders]) - SUM('Latest Scores'[Total orders 30 days before]), [Customers])",
            "engagement_scores",
            "sum(total_orders - total_orders_30_days_before)::BIGINT / nullif(count(*), 0)",
        ),
    ]
