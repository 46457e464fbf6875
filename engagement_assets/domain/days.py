"""The daily partitions that every table shares: partition `T` is what was known at the end of day `T`."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta

from dagster import BackfillPolicy, DailyPartitionsDefinition

from engagement_assets.settings import Settings


def daily_partitions(settings: Settings) -> DailyPartitionsDefinition:
    """One partition per day from the first on, in the business time zone; today's exists once the day is over."""
    return DailyPartitionsDefinition(start_date=settings.start_date.isoformat(), timezone=settings.timezone)


#: A range of days is one run: one engine, one pass over the sources.
ONE_RUN_PER_RANGE = BackfillPolicy.single_run()


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


def today(settings: Settings) -> date:
    """Today's date in the business time zone."""
    return datetime.now(settings.zone).date()
