"""The daily partitions that every table shares: partition `T` is what was known at the end of day `T`."""

from __future__ import annotations

from datetime import date

from dagster import BackfillPolicy, DagsterRun, DailyPartitionsDefinition

from engagement_assets.dagster_internals.names import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    PARTITION_NAME_TAG,
)
from engagement_assets.domain.days import days_between
from engagement_assets.settings import Settings


def daily_partitions(settings: Settings) -> DailyPartitionsDefinition:
    """One partition per day from the first on, in the business time zone; today's exists once the day is over."""
    return DailyPartitionsDefinition(start_date=settings.start_date.isoformat(), timezone=settings.timezone)


#: A range of days is one run: one engine, one pass over the sources.
ONE_RUN_PER_RANGE = BackfillPolicy.single_run()


def range_tags(first: str, last: str) -> dict[str, str]:
    """The tags by which a run knows its partitions."""
    if first == last:
        return {PARTITION_NAME_TAG: first}
    return {ASSET_PARTITION_RANGE_START_TAG: first, ASSET_PARTITION_RANGE_END_TAG: last}


def days_of(run: DagsterRun) -> list[str]:
    """The days that a run was asked for."""
    day = run.tags.get(PARTITION_NAME_TAG)
    first, last = run.tags.get(ASSET_PARTITION_RANGE_START_TAG, day), run.tags.get(ASSET_PARTITION_RANGE_END_TAG, day)
    return days_between(date.fromisoformat(first), date.fromisoformat(last)) if first and last else []
