"""Days without a snapshot, built by themselves, as far back as a setting says.

The schedule builds yesterday, once a day. What it does not build (the days before its first night, or while the machine was off)
is asked for here, a range of days in one run.
"""

from __future__ import annotations

import hashlib
import time
from datetime import UTC, datetime, timedelta
from functools import partial

import dagster as dg

from engagement_assets.dagster_internals.names import UNFINISHED
from engagement_assets.dagster_internals.shop_runs import runs_of
from engagement_assets.domain.catalogue import daily_tables
from engagement_assets.domain.days import days_between, spans
from engagement_assets.domain.remedies import DAILY_JOB, build
from engagement_assets.lake.tables import LakeResource
from engagement_assets.pipeline.arrivals import listing
from engagement_assets.pipeline.partitions import days_of, range_tags
from engagement_assets.settings import Settings
from engagement_assets.sources.finding import hash_of

SENSOR = "catch_up"

_FAILED = [dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]

#: How often missing days are looked for, seconds.
_LOOK_SECONDS = 30


def missing(settings: Settings, lake: LakeResource, local: datetime, scheduled_hour: int) -> list[str]:
    """The days that lack a table. Until an hour after the scheduled one, yesterday is the schedule's and not among them."""
    last = local.date() - timedelta(days=1 if local.hour > scheduled_hour else 2)
    first = max(settings.start_date, local.date() - timedelta(days=settings.catch_up_days))
    published = [lake.partitions(table) for table in daily_tables(settings.sources_there)]
    return [day for day in days_between(first, last) if not all(day in days for days in published)]


def build_catch_up(settings: Settings, scheduled_hour: int, status: dg.DefaultSensorStatus) -> dg.SensorDefinition:
    """The sensor that asks for runs of missing days; `scheduled_hour` is that of the schedule."""

    @dg.sensor(
        name=SENSOR,
        job_name=DAILY_JOB,
        minimum_interval_seconds=_LOOK_SECONDS,
        default_status=status,
        description="Builds the days that have no snapshot, as far back as ENGAGEMENT_CATCH_UP_DAYS says, a range in one run. "
        "Where that fails, it waits for other source files.",
    )
    def catch_up(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        files = listing(settings)
        seen = hashlib.sha256(",".join(files.values()).encode()).hexdigest()[:16]
        # Remembered: the files as they were last, and since when.
        before, _, since = (context.cursor or "").partition(":")
        if seen != before:
            context.update_cursor(f"{seen}:{time.time()}")
            return dg.SkipReason("source files are new or changed; waiting until they stay as they are")
        if files["customers"] == hash_of(()):
            return dg.SkipReason(f"no customers in {settings.data} yet (ENGAGEMENT_DATA)")
        days = missing(settings, LakeResource.of(settings), datetime.now(settings.zone), scheduled_hour)
        if not days:
            return dg.SkipReason(f"no day of the last {settings.catch_up_days} is missing")
        ours = partial(runs_of, context.instance, settings.asset_key_prefix)
        if any(ours(dg.RunsFilter(job_name=DAILY_JOB, statuses=UNFINISHED))):
            return dg.SkipReason("a run is under way; what is missing after it is asked for then")
        since_then = datetime.fromtimestamp(float(since), UTC)
        failed = ours(dg.RunsFilter(job_name=DAILY_JOB, statuses=_FAILED, created_after=since_then))
        tried = {day for record in failed for day in days_of(record.dagster_run)}
        left = [day for day in days if day not in tried]
        if not left:
            return dg.SkipReason(
                f"a run of {days[0]} to {days[-1]} has failed, and the source files are the same: Runs says why; then "
                f"build them, or deliver other files: {build()}"
            )
        first, last = spans(left)[-1]
        return dg.RunRequest(run_key=f"{first}:{last}:{before}", tags=range_tags(first, last))

    return catch_up
