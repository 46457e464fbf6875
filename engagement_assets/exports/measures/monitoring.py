"""Measures that tell whether the tables are complete and still look as they did."""

from __future__ import annotations

from collections.abc import Iterator

from engagement_assets.analysis.monitoring.stability import BANDS, EMPTY
from engagement_assets.exports.measures.base import ROWS, SCORES, Formulas

#: Days between the two snapshots that the stability index compares.
STABILITY_DAYS = 7


def monitoring() -> Iterator[Formulas]:
    """Rows, rejected rows, missing values, the stability of the score."""

    def empty(column: str, name: str) -> tuple[str, str]:
        dax = f"DIVIDE(CALCULATE({ROWS}, ISBLANK('Latest Scores'[{name}])), [Customers])"
        return dax, f"avg(({column} IS NULL)::INT)"

    rows = "coalesce(sum(rows), 0)::BIGINT"
    missing = {
        "never_ordered_share": empty("recency_days", "Recency days"),
        "no_session_share": empty("last_session_date", "Last session date"),
    }
    by_source = {
        SCORES: {"snapshot_day": ("MAX('Latest Scores'[As of date])", "max(as_of_date)")},
        "engagement_metrics": {"published_days": ("COUNTROWS('Daily Metrics')", "count(*)")},
        "table_rows": {"table_rows": ("SUM('Table Rows'[Rows])", rows)},
        "rejected_counts": {"rejected_rows": ("SUM('Rejected Rows'[Rows])", rows)},
    }
    for source, formulas in by_source.items():
        yield "Monitoring", source, formulas
    yield "Monitoring", SCORES, missing
    yield "Monitoring", "score_history", {"stability": (_stability_dax(), _stability_sql())}


def _stability_dax() -> str:
    def counted(day: str, band: str = "") -> str:
        return (
            f"CALCULATE(COUNTROWS('Score History'), REMOVEFILTERS('Dates'), 'Score History'[As of date] = {day}{band})"
        )

    band = ", 'Score History'[Score tenth] = Tenth"
    return (
        "VAR NewDay = CALCULATE(MAX('Score History'[As of date]), REMOVEFILTERS('Dates')) "
        f"VAR OldDay = NewDay - {STABILITY_DAYS} "
        f"VAR NewAll = {counted('NewDay')} "
        f"VAR OldAll = {counted('OldDay')} "
        f"RETURN IF(NewAll > 0 && OldAll > 0, SUMX(GENERATESERIES(0, {BANDS - 1}, 1), VAR Tenth = [Value] "
        f"VAR NewShare = MAX(DIVIDE({counted('NewDay', band)}, NewAll), {EMPTY:.4f}) "
        f"VAR OldShare = MAX(DIVIDE({counted('OldDay', band)}, OldAll), {EMPTY:.4f}) "
        "RETURN (NewShare - OldShare) * LN(NewShare / OldShare)))"
    )


def _stability_sql() -> str:
    share = "avg((score_tenth = band)::INT) FILTER (as_of_date = last_day{back})"
    return f"""
        SELECT sum((greatest(now, {EMPTY:.4f}) - greatest(was, {EMPTY:.4f}))
                   * ln(greatest(now, {EMPTY:.4f}) / greatest(was, {EMPTY:.4f})))
        FROM (
            SELECT {share.format(back="")} AS now, {share.format(back=f" - {STABILITY_DAYS}")} AS was
            FROM score_history, (SELECT max(as_of_date) AS last_day FROM score_history), range({BANDS}) bands(band)
            GROUP BY band
        ) WHERE now IS NOT NULL AND was IS NOT NULL
    """
