"""What runs by itself: a job for the whole chain, and its daily schedule."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import dagster as dg

from engagement_assets.dagster_internals.names import UNFINISHED
from engagement_assets.dagster_internals.shop_runs import runs_of, shop_tags
from engagement_assets.domain.catalogue import CATALOGUE, FACTS, daily_tables
from engagement_assets.domain.remedies import DAILY_JOB as DAILY_JOB
from engagement_assets.lake import staleness
from engagement_assets.lake.tables import LakeResource
from engagement_assets.pipeline import arrivals, readiness
from engagement_assets.pipeline.alerts import build_alert_sensors
from engagement_assets.pipeline.asset_factory import REBUILD_TAG
from engagement_assets.pipeline.brief_delivery import build_brief_delivery
from engagement_assets.pipeline.catch_up import build_catch_up
from engagement_assets.pipeline.checks.monitoring import build_monitoring_checks, build_monitoring_job
from engagement_assets.pipeline.deliveries import build_delivery_sensor
from engagement_assets.pipeline.partitions import range_tags
from engagement_assets.pipeline.run_retention import build_run_retention
from engagement_assets.settings import Settings, today

SERVING_JOB = "serve"

#: How often outdated days are looked for, seconds.
_REFRESH_SECONDS = 60

#: When yesterday is built, in the business time zone: after late events of the evening have arrived.
HOUR_OF_DAY = 2

#: What follows the published tables: as soon as a run has changed one, whether or not every day of the history is built.
AFTER_A_PUBLISH = dg.AutomationCondition.eager().without(~dg.AutomationCondition.any_deps_missing())


def build_automation(settings: Settings) -> dict[str, Any]:
    """What runs by itself or at a click, for these settings: jobs, schedules, sensors and checks, as Definitions take them."""
    watching = dg.DefaultSensorStatus.RUNNING if settings.run_daily else dg.DefaultSensorStatus.STOPPED
    examine_sources, new_source_files = arrivals.build_arrivals(settings, watching)
    ready_by_hour, snapshot_is_late = readiness.build_readiness(settings, watching)
    daily = dg.define_asset_job(
        DAILY_JOB,
        selection=dg.AssetSelection.assets(
            *(settings.asset_key(table.table()) for table in daily_tables(settings.sources_there))
        ),
        tags=shop_tags(settings.asset_key_prefix),
        description="Builds every table for a day or a range of days: sources, sessions, features, scores, metrics.",
    )
    serving = dg.define_asset_job(
        SERVING_JOB,
        selection=dg.AssetSelection.groups("serving"),
        tags=shop_tags(settings.asset_key_prefix),
        description="Writes what BI tools read from the published tables.",
    )
    schedule = dg.build_schedule_from_partitioned_job(
        daily,
        name="daily_snapshot_schedule",
        hour_of_day=HOUR_OF_DAY,
        default_status=dg.DefaultScheduleStatus.RUNNING if settings.run_daily else dg.DefaultScheduleStatus.STOPPED,
        description=f"Builds yesterday's snapshot at {HOUR_OF_DAY:02d}:00 in the business time zone.",
    )
    follow = dg.AutomationConditionSensorDefinition(
        "after_a_publish",
        target=dg.AssetSelection.groups("serving"),
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Writes what BI tools read as soon as a run has published new snapshots.",
    )
    refresh, delivery = _refresh_sensor(settings, watching), build_delivery_sensor(settings)
    return {
        "jobs": [daily, build_monitoring_job(settings), serving, examine_sources],
        "schedules": [schedule],
        "sensors": [
            follow,
            new_source_files,
            refresh,
            build_catch_up(settings, HOUR_OF_DAY, watching),
            snapshot_is_late,
            delivery,
            build_brief_delivery(settings, watching),
            *build_alert_sensors(settings),
            *build_run_retention(settings),
        ],
        "asset_checks": [*build_monitoring_checks(settings), ready_by_hour],
    }


def _refresh_sensor(settings: Settings, status: dg.DefaultSensorStatus) -> dg.SensorDefinition:
    """Rebuilds what a run has outdated, or an examination of the sources, a range at a time.

    It reads no source, and so sees what others have found there: late facts that the nightly run wrote into past days, and
    days that `examine_sources` found changed.
    """

    @dg.sensor(
        name="refresh_outdated",
        job_name=DAILY_JOB,
        minimum_interval_seconds=_REFRESH_SECONDS,
        default_status=status,
        description="Rebuilds published days that are older than what they were built from, in the order of the pipeline; with "
        "ENGAGEMENT_REFRESH_CHANGED_SETTINGS also those that other settings or other code made. `engagement refresh --dry-run` "
        "lists them all.",
    )
    def refresh_outdated(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        under_way = dg.RunsFilter(job_name=DAILY_JOB, statuses=UNFINISHED)
        if any(runs_of(context.instance, settings.asset_key_prefix, under_way)):
            return dg.SkipReason("a run is under way; what it leaves outdated comes after it")
        lake = LakeResource.of(settings)
        pending = arrivals.pending(lake)
        earliest = today(settings) - timedelta(days=settings.refresh_days)
        otherwise = staleness.made_otherwise(lake, settings) if settings.refresh_changed_settings else {}
        stale = staleness.since(staleness.outdated(lake, settings, staleness.merged(pending, otherwise)), earliest)
        if not stale:
            return dg.SkipReason("every published day is as new as what it was built from")
        # Days are built from earlier ones: the next range waits until this one is built.
        step = staleness.steps(stale, {contract: lake.partitions(contract) for contract in FACTS})[0]
        examined = arrivals.last_examination(lake)
        began = examined.began if examined and pending else 0
        newest = max(max(lake.written_at(contract).values(), default=0) for contract in CATALOGUE)
        return dg.RunRequest(
            # The same request is not made twice, so a range that fails is not tried again until something was written.
            run_key=f"{','.join(step.tables)}:{step.first}:{step.last}:{newest}:{began}",
            tags={**range_tags(step.first, step.last), **({REBUILD_TAG: "true"} if otherwise else {})},
            asset_selection=[dg.AssetKey(settings.asset_key(table)) for table in step.tables],
        )

    return refresh_outdated
