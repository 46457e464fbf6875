"""Measures that follow days: daily metrics, the score history, moves between segments."""

from __future__ import annotations

from engagement_assets.exports.measures.base import COUNT, SCORE, SHARE, Measure


def over_time() -> list[Measure]:
    """Daily totals and the limited score history."""

    def of(key: str, name: str, kind: str, description: str, column: str) -> Measure:
        dax = f"AVERAGE('Daily Metrics'[{column.capitalize().replace('_', ' ')}])"
        return Measure(key, name, "Over time", kind, description, dax, "engagement_metrics", f"avg({column})")

    month_before = (
        "VAR LastDay = MAX('Daily Metrics'[As of date]) "
        "RETURN CALCULATE(AVERAGE('Daily Metrics'[High risk share]), REMOVEFILTERS('Dates'), "
        "'Daily Metrics'[As of date] = LastDay - 30)"
    )
    return [
        of(
            "daily_customers",
            "Daily customers",
            COUNT,
            "Customers known on a day; of several days, the mean.",
            "customers",
        ),
        of(
            "daily_score",
            "Daily average score",
            SCORE,
            "Mean score of a day; of several days, the mean.",
            "average_score",
        ),
        of(
            "daily_reference_score",
            "Daily reference score",
            SCORE,
            "Mean reference score (fixed scale) of a day; of several days, the mean.",
            "average_reference_score",
        ),
        of(
            "daily_high_risk_customers",
            "Daily high-risk customers",
            COUNT,
            "Customers at high risk on a day; of several days, the mean.",
            "high_risk_customers",
        ),
        of(
            "daily_high_risk_share",
            "Daily high-risk share",
            SHARE,
            "Share of customers at high risk on a day; of several days, the mean.",
            "high_risk_share",
        ),
        Measure(
            "high_risk_share_before",
            "High-risk share 30 days before",
            "Over time",
            SHARE,
            "Share of customers at high risk 30 days before the latest day shown; blank if that day is not published.",
            month_before,
            "engagement_metrics",
            "avg(high_risk_share) FILTER (as_of_date = (SELECT max(as_of_date) FROM engagement_metrics) - 30)",
        ),
        Measure(
            "score_on_day",
            "Score on the day",
            "Over time",
            SCORE,
            "Mean score of the customers shown on the days shown, from the limited history.",
            "AVERAGE('Score History'[Engagement score])",
            "score_history",
            "avg(engagement_score)",
        ),
        Measure(
            "reference_score_on_day",
            "Reference score on the day",
            "Over time",
            SCORE,
            "Mean reference score of the customers shown on the days shown, from the limited history.",
            "AVERAGE('Score History'[Reference score])",
            "score_history",
            "avg(reference_score)",
        ),
    ]


def moves() -> list[Measure]:
    """Who changed segment or risk from one day to the next."""

    def of(key: str, name: str, description: str, dax: str, sql: str) -> Measure:
        return Measure(key, name, "Moves", COUNT, description, dax, "segment_changes", sql)

    rows = "COUNTROWS('Segment Moves')"
    return [
        of(
            "segment_moves",
            "Segment moves",
            "Changes of segment from one day to the next.",
            f"CALCULATE({rows}, FILTER('Segment Moves', NOT(ISBLANK('Segment Moves'[Previous segment])) && "
            "'Segment Moves'[Previous segment] <> 'Segment Moves'[Engagement segment]))",
            "count(*) FILTER (previous_segment <> engagement_segment)",
        ),
        of(
            "newly_at_risk",
            "Newly at risk",
            "Times that a customer came to be at high risk, from one day to the next.",
            f"CALCULATE({rows}, 'Segment Moves'[Is high risk] = TRUE(), 'Segment Moves'[Previous is high risk] <> TRUE())",
            "count(*) FILTER (is_high_risk AND previous_is_high_risk IS NOT TRUE)",
        ),
        of(
            "recovered",
            "Recovered",
            "Times that a customer got out of high risk, from one day to the next.",
            f"CALCULATE({rows}, 'Segment Moves'[Is high risk] = FALSE(), 'Segment Moves'[Previous is high risk] = TRUE())",
            "count(*) FILTER (NOT is_high_risk AND previous_is_high_risk)",
        ),
    ]
