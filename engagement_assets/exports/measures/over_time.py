"""Measures that follow days: daily metrics, the score history, moves between segments."""

from __future__ import annotations

from collections.abc import Iterator

from engagement_assets.exports.measures.base import Formulas, mean

_DAILY = {
    "daily_customers": "Customers",
    "daily_score": "Average score",
    "daily_reference_score": "Average reference score",
    "daily_high_risk_customers": "High risk customers",
    "daily_slipping_customers": "Slipping customers",
    "daily_high_risk_share": "High risk share",
}


def over_time() -> Iterator[Formulas]:
    """Daily totals, the limited score history, and who changed segment or risk from one day to the next."""

    def moved(condition: str, sql: str) -> tuple[str, str]:
        return f"CALCULATE(COUNTROWS('Segment Moves'), {condition})", f"count(*) FILTER ({sql})"

    daily = {key: mean("Daily Metrics", name) for key, name in _DAILY.items()}
    for key, name in (("high_risk_share", "High risk share"), ("slipping_customers", "Slipping customers")):
        daily[f"{key}_before"] = (
            "VAR LastDay = MAX('Daily Metrics'[As of date]) "
            f"RETURN CALCULATE(AVERAGE('Daily Metrics'[{name}]), REMOVEFILTERS('Dates'), "
            "'Daily Metrics'[As of date] = LastDay - 30)",
            f"avg({key}) FILTER (as_of_date = (SELECT max(as_of_date) FROM engagement_metrics) - 30)",
        )
    yield "Over time", "engagement_metrics", daily
    history = {
        "score_on_day": mean("Score History", "Engagement score"),
        "reference_score_on_day": mean("Score History", "Reference score"),
    }
    yield "Over time", "score_history", history
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
