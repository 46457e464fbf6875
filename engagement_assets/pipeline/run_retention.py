"""Runs and their events that are older than a setting says, forgotten by Dagster."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import dagster as dg

from engagement_assets.dagster_internals.names import FINISHED
from engagement_assets.dagster_internals.shop_runs import runs_of
from engagement_assets.settings import Settings

SENSOR = "forget_old_runs"

_LOOK_SECONDS = 24 * 3600


def forget_old_runs(instance: dg.DagsterInstance, prefix: str, before: datetime) -> int:
    """Delete a shop's runs that were created before an instant and have ended, with their events; returns how many."""
    old = dg.RunsFilter(statuses=FINISHED, created_before=before)
    forgotten = [record.dagster_run.run_id for record in runs_of(instance, prefix, old)]
    for run_id in forgotten:
        instance.delete_run(run_id)
    return len(forgotten)


def build_run_retention(settings: Settings) -> list[dg.SensorDefinition]:
    """The sensor that forgets old runs, where the setting asks for it."""
    days = settings.run_retention_days
    if days is None:
        return []

    @dg.sensor(
        name=SENSOR,
        minimum_interval_seconds=_LOOK_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        target=None,
        description=f"Has Dagster forget runs and their events after {days} days (ENGAGEMENT_RUN_RETENTION_DAYS).",
    )
    def forget_old_runs_of_days(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        count = forget_old_runs(context.instance, settings.asset_key_prefix, datetime.now(UTC) - timedelta(days=days))
        return dg.SkipReason(f"{count} run(s) older than {days} days forgotten")

    return [forget_old_runs_of_days]
