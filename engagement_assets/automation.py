"""What runs by itself: a job for the whole chain, and its daily schedule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import dagster as dg

from engagement_assets.contracts import TABLES
from engagement_assets.partitions import daily_partitions
from engagement_assets.settings import Settings

DAILY_JOB = "daily_snapshot"

SERVING_JOB = "serve"

#: When yesterday is built, in the business time zone: after late events of the evening have arrived.
HOUR_OF_DAY = 2


#: What follows the published tables: as soon as a run has changed one, whether or not every day of the history is built.
AFTER_A_PUBLISH = dg.AutomationCondition.eager().without(~dg.AutomationCondition.any_deps_missing())


def partitioned_tables() -> list[str]:
    """The assets that have daily partitions."""
    return [name for name, contract in TABLES.items() if "as_of_date" in contract.columns()]


@dataclass(frozen=True)
class Automation:
    """What runs by itself or at a click."""

    jobs: list[Any]
    schedules: list[Any]
    sensors: list[Any]


def build_automation(settings: Settings) -> Automation:
    """The jobs, schedules and sensors for these settings."""
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
    follow = dg.AutomationConditionSensorDefinition(
        "after_a_publish",
        target=dg.AssetSelection.groups("serving"),
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Writes what BI tools read as soon as a run has published new snapshots.",
    )
    return Automation([daily, serving], [schedule], [follow])
