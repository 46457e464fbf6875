"""Whether yesterday's snapshot is there by the hour that is set: judged by its partition in each table, not by the last run.

A freshness policy of Dagster looks at the latest materialisation of any partition, so that rebuilding an old day would make a
table look fresh. Here the tables themselves are asked, which costs a look at their logs and no run.

The check belongs to an asset of its own, which no run can build: a check of a table is part of every run that somebody starts for
that table, and building an old day says nothing of yesterday.
"""

import time
from datetime import date, datetime, timedelta

import dagster as dg

from engagement_assets.dagster_internals.names import UNFINISHED
from engagement_assets.dagster_internals.shop_runs import runs_of
from engagement_assets.domain.catalogue import asset_tags, daily_tables, parents
from engagement_assets.domain.remedies import DAILY_JOB
from engagement_assets.lake.tables import LakeResource
from engagement_assets.pipeline import alerts
from engagement_assets.settings import Settings

CHECK = "ready_by_hour"

SENSOR = "snapshot_is_late"

#: What the check speaks of: an asset that nothing builds.
ASSET = "yesterdays_snapshot"

_LOOK_SECONDS = 120

#: In the sensor's cursor: no day was there yet, or late.
_NEW = "new"


def check_key(settings: Settings) -> dg.AssetCheckKey:
    """The key of the check."""
    return dg.AssetCheckKey(dg.AssetKey(settings.asset_key(ASSET)), CHECK)


def due(settings: Settings, now: datetime) -> date:
    """The latest day whose snapshot has to be there: yesterday from the hour set on, before it the day before yesterday."""
    local = now.astimezone(settings.zone)
    return local.date() - timedelta(days=1 if local.hour >= settings.ready_by_hour else 2)


def judge(settings: Settings, lake: LakeResource, day: date) -> dg.AssetCheckEvaluation:
    """Whether a day is published in every table that has days, as the result of the check."""
    tables = daily_tables(settings.sources_there)
    missing = [table.table() for table in tables if day.isoformat() not in lake.partitions(table)]
    late = f"{day} was due by {settings.ready_by_hour:02d}:00 and is missing in: {', '.join(missing)}"
    return dg.AssetCheckEvaluation(
        asset_key=check_key(settings).asset_key,
        check_name=CHECK,
        passed=not missing,
        severity=dg.AssetCheckSeverity.ERROR,
        description=late if missing else f"{day} is published in all {len(tables)} tables",
        metadata={"partition": day.isoformat(), "missing_tables": len(missing)},
        blocking=False,
    )


def build_snapshot(settings: Settings) -> dg.AssetSpec:
    """What the check speaks of."""
    tables = daily_tables(settings.sources_there)
    read = {parent for table in tables for parent in parents(table, settings.sources_there)}
    return dg.AssetSpec(
        check_key(settings).asset_key,
        deps=[settings.asset_key(table.table()) for table in tables if table not in read],
        group_name="monitoring",
        owners=[settings.asset_owner],
        tags=asset_tags(ASSET, settings.asset_domain),
        description=f"Whether yesterday is published in every table by {settings.ready_by_hour:02d}:00: its check says it. "
        "Nothing builds it.",
    )


def build_readiness(
    settings: Settings, status: dg.DefaultSensorStatus
) -> tuple[dg.AssetChecksDefinition, dg.SensorDefinition]:
    """The check, which can be run by hand too, and the sensor that evaluates it once the hour has come.

    Until a first day was there in time, a day that was due before the sensor looked at all is not late, nor is one while a
    run of the job is under way.
    """
    hour = f"{settings.ready_by_hour:02d}:00"

    @dg.asset_check(
        asset=check_key(settings).asset_key,
        name=CHECK,
        description=f"Yesterday's snapshot is published in every table by {hour} in the business time zone. Evaluated by the "
        f"sensor {SENSOR}, and by hand.",
    )
    def ready_by_hour(lake: LakeResource) -> dg.AssetCheckResult:
        found = judge(settings, lake, due(settings, datetime.now(settings.zone)))
        return dg.AssetCheckResult(
            passed=found.passed, severity=found.severity, description=found.description, metadata=found.metadata
        )

    @dg.sensor(
        name=SENSOR,
        minimum_interval_seconds=_LOOK_SECONDS,
        default_status=status,
        target=None,
        description=f"Tells when yesterday's snapshot is not there by {hour} in the business time zone.",
    )
    def snapshot_is_late(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        day = due(settings, datetime.fromtimestamp(time.time(), settings.zone))
        if context.cursor == f"{day}:ready":
            return dg.SkipReason(f"{day} is published")
        found = judge(settings, LakeResource.of(settings), day)
        first_day, _, word = (context.cursor or f"{day}:{_NEW}").partition(":")
        if word == _NEW and not found.passed:
            under_way = dg.RunsFilter(job_name=DAILY_JOB, statuses=UNFINISHED)
            if first_day == str(day) or any(runs_of(context.instance, settings.asset_key_prefix, under_way)):
                context.update_cursor(f"{first_day}:{_NEW}")
                return dg.SkipReason(f"{day} is not there, and not late: the first build is under way or yet to come")
        state = f"{day}:{'ready' if found.passed else 'late'}"
        if context.cursor != state:
            context.instance.report_runless_asset_event(found)
            if not found.passed:
                alert = alerts.Alert(
                    "error",
                    f"Snapshot of {day} is late",
                    day.isoformat(),
                    (f"rule {CHECK} (error): {found.description}",),
                    f"{settings.dagster_url.rstrip('/')}/assets/{'/'.join(settings.asset_key(ASSET))}?view=checks",
                )
                alerts.send(settings, alert, context.instance.root_directory, context.log.warning)
            context.update_cursor(state)
        return dg.SkipReason(str(found.description))

    return ready_by_hour, snapshot_is_late
