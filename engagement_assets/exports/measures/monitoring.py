"""Measures that tell whether the tables are complete and still look as they did."""

from __future__ import annotations

from collections.abc import Iterator

from engagement_assets.analysis.monitoring.stability import BANDS, EMPTY
from engagement_assets.exports.measures.base import ROWS, SCORES, TABLE_NAMES, Formulas
from engagement_assets.exports.star_schema import BUCKET, IDS_APART

#: Days between the two snapshots that the stability index compares.
STABILITY_DAYS = 7

#: Steps of the exported score that make a band of the index.
_STEPS = round(1 / BANDS / BUCKET)


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
    yield "Monitoring", "daily_groups", {"stability": (_stability_dax(), _stability_sql())}
    yield "Monitoring", "exported_files", {"files_that_differ": _files_that_differ()}


def _stability_dax() -> str:
    def counted(day: str, band: str = "") -> str:
        return (
            "CALCULATE(SUM('Daily Groups'[Customers]), REMOVEFILTERS('Dates'), "
            f"'Daily Groups'[As of date] = {day}{band})"
        )

    steps = "'Daily Groups'[Score bucket order]"
    band = f", {steps} >= {_STEPS} * Tenth, {steps} < {_STEPS} * Tenth + {_STEPS}"
    return (
        "VAR NewDay = CALCULATE(MAX('Daily Metrics'[As of date]), REMOVEFILTERS('Dates')) "
        f"VAR OldDay = NewDay - {STABILITY_DAYS} "
        f"VAR NewAll = {counted('NewDay')} "
        f"VAR OldAll = {counted('OldDay')} "
        f"RETURN IF(NewAll > 0 && OldAll > 0, SUMX(GENERATESERIES(0, {BANDS - 1}, 1), VAR Tenth = [Value] "
        f"VAR NewShare = MAX(DIVIDE({counted('NewDay', band)}, NewAll), {EMPTY:.4f}) "
        f"VAR OldShare = MAX(DIVIDE({counted('OldDay', band)}, OldAll), {EMPTY:.4f}) "
        "RETURN (NewShare - OldShare) * LN(NewShare / OldShare)))"
    )


def _stability_sql() -> str:
    share = f"""
        coalesce(sum(customers) FILTER (as_of_date = last_day{{back}} AND score_bucket_order // {_STEPS} = band), 0)
            / nullif(sum(customers) FILTER (as_of_date = last_day{{back}}), 0)
    """
    return f"""
        SELECT sum((greatest(now, {EMPTY:.4f}) - greatest(was, {EMPTY:.4f}))
                   * ln(greatest(now, {EMPTY:.4f}) / greatest(was, {EMPTY:.4f})))
        FROM (
            SELECT {share.format(back="")} AS now, {share.format(back=f" - {STABILITY_DAYS}")} AS was
            FROM daily_groups, (SELECT max(as_of_date) AS last_day FROM engagement_metrics), range({BANDS}) bands(band)
            GROUP BY band
        ) WHERE now IS NOT NULL AND was IS NOT NULL
    """


def _files_that_differ() -> tuple[str, str]:
    """How many files have other rows than the list of the files says: a refresh that began before an export and ended after."""
    files = [name for name in TABLE_NAMES if name != "exported_files"]
    rows = ", ".join(f"\"{name}\", COUNTROWS(ALL('{TABLE_NAMES[name]}'))" for name in files)
    dax = (
        f"COUNTROWS(FILTER(ALL('Exported Files'), 'Exported Files'[File] <> \"{IDS_APART}\" && 'Exported Files'[Rows] <> "
        f"SWITCH('Exported Files'[File], {rows}) + 0)) + 0"
    )
    counted = " UNION ALL ".join(f"SELECT '{name}' AS file, count(*) AS counted FROM {name}" for name in files)
    return dax, f"SELECT count(*) FILTER (counted <> rows) FROM exported_files JOIN ({counted}) USING (file)"
