"""What runs by itself: a job for the whole chain, and its daily schedule."""

from __future__ import annotations

import dagster as dg

from engagement_assets.contracts import TABLES
from engagement_assets.partitions import daily_partitions
from engagement_assets.settings import Settings

DAILY_JOB = "daily_snapshot"

SERVING_JOB = "serve"

#: When yesterday is built, in the business time zone: after late events of the evening have arrived.
HOUR_OF_DAY = 2


def partitioned_tables() -> list[str]:
    """The assets that have daily partitions."""
    return [name for name, contract in TABLES.items() if "as_of_date" in contract.columns()]


def build_automation(settings: Settings) -> tuple[list[dg.UnresolvedAssetJobDefinition], list[dg.ScheduleDefinition]]:
    """The jobs and schedules for these settings."""
    daily = dg.define_asset_job(
        DAILY_JOB,
        selection=dg.AssetSelection.assets(*partitioned_tables()),
        partitions_def=daily_partitions(settings),
        description="Builds every table for a day or a range of days: sources, sessions, features, scores, metrics.",
    )
    serving = dg.define_asset_job(
        SERVING_JOB,
        selection=dg.AssetSelection.groups("serving"),
        description="Writes what BI tools read from the published tables.",
    )
    schedule = dg.build_schedule_from_partitioned_job(
        daily,
        name="daily_snapshot_schedule",
        hour_of_day=HOUR_OF_DAY,
        description=f"Builds yesterday's snapshot at {HOUR_OF_DAY:02d}:00 in the business time zone.",
    )
    return [daily, serving], [schedule]  # type: ignore[list-item]
