"""The daily partitions that every table shares: partition `T` is what was known at the end of day `T`."""

from __future__ import annotations

from dagster import BackfillPolicy, DailyPartitionsDefinition

from engagement_assets.settings import Settings


def daily_partitions(settings: Settings) -> DailyPartitionsDefinition:
    """One partition per day from the first on, in the business time zone; today's exists once the day is over."""
    return DailyPartitionsDefinition(start_date=settings.start_date.isoformat(), timezone=settings.timezone)


#: A range of days is one run: one engine, one pass over the sources.
ONE_RUN_PER_RANGE = BackfillPolicy.single_run()
