"""Measures that tell whether the tables are complete and still look as they did."""

from __future__ import annotations

from engagement_assets.analysis.monitoring.stability import BANDS, EMPTY
from engagement_assets.exports.measures.base import COUNT, DAY, ROWS, SCORE, SHARE, Measure

#: Days between the two snapshots that the stability index compares.
STABILITY_DAYS = 7


def monitoring() -> list[Measure]:
    """Rows, rejected rows, missing values, the stability of the score."""

    def of(key: str, name: str, kind: str, description: str, dax: str, source: str, sql: str) -> Measure:
        return Measure(key, name, "Monitoring", kind, description, dax, source, sql)

    return [
        of(
            "snapshot_day",
            "Snapshot",
            DAY,
            "The day that the latest scores stand for.",
            "MAX('Latest Scores'[As of date])",
            "engagement_scores",
            "max(as_of_date)",
        ),
        of(
            "published_days",
            "Published days",
            COUNT,
            "Days that have daily metrics.",
            "COUNTROWS('Daily Metrics')",
            "engagement_metrics",
            "count(*)",
        ),
        of(
            "table_rows",
            "Rows published",
            COUNT,
            "Rows of a table on the days shown.",
            "SUM('Table Rows'[Rows])",
            "table_rows",
            "coalesce(sum(rows), 0)::BIGINT",
        ),
        of(
            "rejected_rows",
            "Rows kept out",
            COUNT,
            "Source rows that were kept out, as of the latest reading.",
            "SUM('Rejected Rows'[Rows])",
            "rejected_counts",
            "coalesce(sum(rows), 0)::BIGINT",
        ),
        of(
            "never_ordered_share",
            "Share without an order",
            SHARE,
            "Share of customers without a value in the columns of the latest order: who never ordered has none.",
            f"DIVIDE(CALCULATE({ROWS}, ISBLANK('Latest Scores'[Recency days])), [Customers])",
            "engagement_scores",
            "avg((recency_days IS NULL)::INT)",
        ),
        of(
            "no_session_share",
            "Share without a session",
            SHARE,
            "Share of customers without a web event in the two activity windows.",
            f"DIVIDE(CALCULATE({ROWS}, ISBLANK('Latest Scores'[Last session date])), [Customers])",
            "engagement_scores",
            "avg((last_session_date IS NULL)::INT)",
        ),
        of(
            "stability",
            "Stability index",
            SCORE,
            f"Population stability index of the score between the latest snapshot and the one {STABILITY_DAYS} days before, "
            f"over {BANDS} equal bands: below 0.1 stable, from 0.25 the distribution has shifted.",
            _stability_dax(),
            "score_history",
            _stability_sql(),
        ),
    ]


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
