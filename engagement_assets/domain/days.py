"""Days as partition keys (`YYYY-MM-DD`): ranges, spans of consecutive ones, chunks that are computed at once."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date, timedelta

ONE_DAY = timedelta(days=1)

Days = Collection[str]


def days_between(first: date, last: date) -> list[str]:
    """The keys of the days from `first` to `last`, both included."""
    return [(first + timedelta(days=offset)).isoformat() for offset in range((last - first).days + 1)]


def chunks(
    days: Sequence[str], size: int, rows: Mapping[str, int] | None = None, most_rows: int = sys.maxsize
) -> Iterator[list[str]]:
    """Runs of consecutive days: what is computed at once.

    Each is at most `size` days long and, where `rows` tells how many a day has, of at most `most_rows`; but never of no day.
    """
    chunk: list[str] = []
    held = 0
    for day in days:
        own = (rows or {}).get(day, 0)
        gap = chunk and date.fromisoformat(day) - date.fromisoformat(chunk[-1]) != timedelta(days=1)
        if chunk and (gap or len(chunk) == size or held + own > most_rows):
            yield chunk
            chunk, held = [], 0
        chunk.append(day)
        held += own
    if chunk:
        yield chunk


def as_date(text: str) -> date:
    """A partition key as a date. Raises ValueError for anything but YYYY-MM-DD."""
    parsed = date.fromisoformat(text)
    if parsed.isoformat() != text:
        raise ValueError(f"{text!r} is no date of the form YYYY-MM-DD")
    return parsed


def spans(days: Days) -> list[tuple[str, str]]:
    """Days as ranges of consecutive ones, first and last each."""
    found: list[tuple[str, str]] = []
    for day in sorted(days):
        if found and date.fromisoformat(day) - date.fromisoformat(found[-1][1]) == ONE_DAY:
            found[-1] = (found[-1][0], day)
        else:
            found.append((day, day))
    return found
