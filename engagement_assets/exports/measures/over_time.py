"""Measures that follow days: totals of groups of customers, the score history, moves between segments, orders and sessions."""

from __future__ import annotations

from collections.abc import Iterator

from engagement_assets.exports.measures.base import LAST_DAY, LAST_DAY_SQL, Formulas, mean

#: Days between the figures that are compared.
_BEFORE_DAYS = 30

#: Key of a daily figure -> what is added up, and by what the sum is divided.
_DAILY: dict[str, tuple[str, str | None]] = {
    "daily_customers": ("Customers", None),
    "daily_buyers": ("Buyers", None),
    "daily_score": ("Score sum", "Customers"),
    "daily_reference_score": ("Reference score sum", "Customers"),
    "daily_sessions": ("Window sessions", "Customers"),
    "daily_revenue": ("Revenue", None),
    "daily_high_risk_customers": ("High risk customers", None),
    "daily_high_risk_share": ("High risk customers", "Customers"),
    "daily_slipping_customers": ("Slipping customers", None),
    "daily_slipping_share": ("Slipping customers", "Customers"),
    "daily_slipping_revenue": ("Slipping revenue", None),
}

#: Key of a figure of 30 days before -> that of the daily figure.
_BEFORE = {
    "high_risk_share_before": "daily_high_risk_share",
    "slipping_customers_before": "daily_slipping_customers",
}


def over_time() -> Iterator[Formulas]:
    """Figures of a day by country, segment and step of the score; the history; who changed segment or risk; what was done."""
    daily = {key: _of_day(*parts) for key, parts in _DAILY.items()}
    daily |= {key: _of_day(*_DAILY[now], back=_BEFORE_DAYS) for key, now in _BEFORE.items()}
    yield "Over time", "engagement_metrics", {"day_shown": ("MAX('Daily Metrics'[As of date])", "max(as_of_date)")}
    yield "Over time", "daily_groups", daily
    history = {
        "score_on_day": mean("Score History", "Engagement score"),
        "reference_score_on_day": mean("Score History", "Reference score"),
    }
    yield "Over time", "score_history", history

    def moved(condition: str, sql: str) -> tuple[str, str]:
        return f"CALCULATE(COUNTROWS('Segment Moves'), {condition})", f"count(*) FILTER ({sql})"

    moves = {
        "segment_moves": moved(
            "FILTER('Segment Moves', NOT(ISBLANK('Segment Moves'[Previous segment])) && "
            "'Segment Moves'[Previous segment] <> 'Segment Moves'[Engagement segment])",
            "previous_segment <> engagement_segment",
        ),
        "newly_at_risk": moved(
            "'Segment Moves'[Is high risk] = TRUE(), 'Segment Moves'[Previous is high risk] <> TRUE()",
            "is_high_risk AND previous_is_high_risk IS NOT TRUE",
        ),
        "recovered": moved(
            "'Segment Moves'[Is high risk] = FALSE(), 'Segment Moves'[Previous is high risk] = TRUE()",
            "NOT is_high_risk AND previous_is_high_risk",
        ),
    }
    yield "Moves", "segment_changes", moves


def _of_day(part: str, whole: str | None, back: int = 0) -> tuple[str, str]:
    """A sum, or a quotient of two, of the groups of the latest day shown, or of the day so many days before."""
    day, day_sql = (f"{last} - {back}" if back else last for last in ("LastDay", LAST_DAY_SQL))

    def added(name: str) -> tuple[str, str]:
        column = name.lower().replace(" ", "_")
        return (
            f"CALCULATE(SUM('Daily Groups'[{name}]), REMOVEFILTERS('Dates'), 'Daily Groups'[As of date] = {day})",
            f"sum({column}) FILTER (as_of_date = {day_sql})::DOUBLE",
        )

    (dax, sql) = added(part)
    if whole is not None:
        by, by_sql = added(whole)
        dax, sql = f"DIVIDE({dax}, {by})", f"{sql} / nullif({by_sql}, 0)"
    return LAST_DAY + dax, sql
