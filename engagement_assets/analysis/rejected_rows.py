"""Rejected rows for people: how many there are by source and reason, what each reason means, how to mend it, the rows."""

from __future__ import annotations

from dataclasses import dataclass

from engagement_assets.domain.contracts import RejectedRows
from engagement_assets.domain.sources import SOURCES
from engagement_assets.domain.verdicts import REASONS
from engagement_assets.lake.reading import opened
from engagement_assets.lake.tables import LakeResource
from engagement_assets.settings import Settings


class UnknownNameError(ValueError):
    """There is no such source or reason; the message names those that exist."""


@dataclass(frozen=True)
class Rejected:
    """Counts by source and reason, most first, and some of the rows."""

    #: Source, reason, rows kept out for it.
    counts: list[tuple[str, str, int]]
    #: Source, reason, file or folder, day, row.
    rows: list[tuple[str, str, str, str, str]]


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
    return Rejected(counts, rows)


def _require(name: str | None, known: tuple[str, ...], what: str) -> None:
    if name is not None and name not in known:
        raise UnknownNameError(f"there is no {what} {name!r}; the {what}s are {', '.join(known)}")


def one_line(text: str, most: int = 160) -> str:
    """Text of a source as it may be shown in a terminal: control characters told by their codes, long text cut."""
    shown = "".join(
        c if c.isprintable() else c.encode("unicode_escape", "backslashreplace").decode() for c in text[:most]
    )
    return shown + (f"… ({len(text):,} characters)" if len(text) > most else "")
