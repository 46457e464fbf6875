"""Rejected rows for people: how many there are by source and reason, what each reason means, how to mend it, the rows."""

from __future__ import annotations

from dataclasses import dataclass

from engagement_assets.domain.contracts import RejectedRows
from engagement_assets.domain.contracts.sources import SOURCES
from engagement_assets.lake.reading import opened
from engagement_assets.lake.tables import LakeResource
from engagement_assets.settings import Settings
from engagement_assets.sources import validating as examination

#: Reason -> what it means, and what to do at the source. docs/data_quality.md tells the same in a table.
REASONS: dict[str, tuple[str, str]] = {
    examination.MALFORMED_JSON: (
        "the line is not exactly one JSON object in UTF-8",
        "write one object per line, keys given once, nested at most 100 deep",
    ),
    examination.WRONG_TYPE: (
        "a value cannot be converted without loss",
        "write ids as text or whole numbers, dates as YYYY-MM-DD or ISO 8601 date-times, amounts as plain numbers",
    ),
    examination.MISSING_CUSTOMER: ("there is no customer_id", "fill it in; rows of guests belong to no customer"),
    examination.MISSING_ORDER: ("there is no order_id", "fill it in"),
    examination.MISSING_DATE: ("there is no date", "fill it in"),
    examination.NEGATIVE_AMOUNT: ("the amount is below zero", "keep refunds out of the orders, or write what was kept"),
    examination.AMOUNT_TOO_LARGE: (
        "the amount is above a trillion currency units",
        "write the amount in currency units",
    ),
    examination.NOT_A_NUMBER: ("the amount is NaN or infinite", "write the amount"),
    examination.OUTSIDE_WINDOW: (
        "the date is before the first partition, or in the future",
        "correct the date, or move ENGAGEMENT_START_DATE",
    ),
    examination.UNKNOWN_CUSTOMER: ("the customer is in no customers file", "add the customer, or correct the id"),
    examination.CONFLICT: (
        "another row with the same id and other contents was kept, the earliest of them",
        "leave one row per id",
    ),
    examination.UNREADABLE_FILE: ("the whole file cannot be read; the row says why", "write or copy the file again"),
}


class UnknownNameError(ValueError):
    """There is no such source or reason; the message names those that exist."""


@dataclass(frozen=True)
class RejectedCount:
    """Rows of one source that were kept out for one reason."""

    source: str
    reason: str
    rows: int


@dataclass(frozen=True)
class Rejected:
    """Counts by source and reason, most first, and some of the rows: source, reason, file or folder, day, row."""

    counts: list[RejectedCount]
    rows: list[tuple[str, str, str, str, str]]

    @property
    def total(self) -> int:
        """Rows counted."""
        return sum(count.rows for count in self.counts)


def rejected_rows(
    settings: Settings, source: str | None = None, reason: str | None = None, limit: int = 20
) -> Rejected:
    """What was kept out, of one source or all, for one reason or any; `limit` rows of it."""
    _require(source, SOURCES, "source")
    _require(reason, tuple(REASONS), "reason")
    lake = LakeResource.of(settings)
    chosen = "($source IS NULL OR source = $source) AND ($reason IS NULL OR reason = $reason)"
    parameters = {"source": source, "reason": reason}
    with opened(lake, {RejectedRows: [source] if source else None}) as connection:
        counts = connection.execute(
            f"SELECT source, reason, count(*) FROM rejected_rows WHERE {chosen} GROUP BY ALL ORDER BY 3 DESC, 1, 2",
            parameters,
        ).fetchall()
        rows = connection.execute(
            "SELECT source, reason, source_path, coalesce(row_date::VARCHAR, ''), raw FROM rejected_rows "
            f"WHERE {chosen} ORDER BY ALL LIMIT {int(limit)}",
            parameters,
        ).fetchall()
    return Rejected([RejectedCount(*count) for count in counts], rows)


def _require(name: str | None, known: tuple[str, ...], what: str) -> None:
    if name is not None and name not in known:
        raise UnknownNameError(f"there is no {what} {name!r}; the {what}s are {', '.join(known)}")


def one_line(text: str, most: int = 160) -> str:
    """Text of a source as it may be shown in a terminal: control characters told by their codes, long text cut."""
    shown = "".join(
        c if c.isprintable() else c.encode("unicode_escape", "backslashreplace").decode() for c in text[:most]
    )
    return shown + (f"… ({len(text):,} characters)" if len(text) > most else "")
