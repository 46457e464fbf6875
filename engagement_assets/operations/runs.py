"""Running a day or a range of days through Dagster in this process, so that the UI shows the run afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

import dagster as dg

from engagement_assets.dagster_internals.names import PARTITION_NAME_TAG, ErrorSource, RunFailureReason
from engagement_assets.dagster_internals.shop_runs import asset_of
from engagement_assets.pipeline import alerts
from engagement_assets.pipeline.asset_factory import REBUILD_TAG
from engagement_assets.pipeline.automation import DAILY_JOB, SERVING_JOB
from engagement_assets.pipeline.partitions import range_tags
from engagement_assets.pipeline.progress import Listener, _listener
from engagement_assets.settings import Settings


class DateOutOfRangeError(ValueError):
    """A date is before the first partition or not over yet; the message says which dates exist."""


@dataclass(frozen=True)
class RunOutcome:
    """How a run ended: `failures` holds, per failed asset, what was wrong and what to do."""

    run_id: str
    success: bool
    failures: dict[str, str]


def check_days(settings: Settings, first: date, last: date) -> None:
    """Raise DateOutOfRangeError unless partitions exist for these days."""
    if first > last:
        raise DateOutOfRangeError(f"the range begins on {first}, after its end on {last}")
    yesterday = datetime.now(settings.zone).date() - timedelta(days=1)
    if first < settings.start_date:
        raise DateOutOfRangeError(
            f"{first} is before the first partition, {settings.start_date}; ENGAGEMENT_START_DATE moves it"
        )
    if last > yesterday:
        raise DateOutOfRangeError(f"{last} is not over yet; the latest partition is {yesterday}")


def run_days(
    settings: Settings,
    first: date,
    last: date,
    instance: dg.DagsterInstance,
    listener: Listener | None = None,
    accept_missing: Sequence[str] = (),
) -> RunOutcome:
    """Build every table for the days `first` to `last` in one run, then export what BI tools read."""
    check_days(settings, first, last)
    outcome = build_tables(settings, first, last, instance, listener, accept_missing=accept_missing)
    return (
        replace(export_published(settings, instance, listener), run_id=outcome.run_id) if outcome.success else outcome
    )


def build_tables(
    settings: Settings,
    first: date,
    last: date,
    instance: dg.DagsterInstance,
    listener: Listener | None = None,
    tables: Sequence[str] | None = None,
    accept_missing: Sequence[str] = (),
    rebuild: bool = False,
) -> RunOutcome:
    """Build some tables (None: all) for the days `first` to `last` in one run.

    `accept_missing` names sources of which less than before is found, and that is meant; `rebuild` has facts of earlier days
    written anew that other settings or other code made.
    """
    tags = range_tags(first.isoformat(), last.isoformat()) | ({REBUILD_TAG: "true"} if rebuild else {})
    return _execute(settings, DAILY_JOB, instance, listener, tags, tables, accept_missing)


def export_published(settings: Settings, instance: dg.DagsterInstance, listener: Listener | None = None) -> RunOutcome:
    """Write what BI tools read, in a run."""
    return _execute(settings, SERVING_JOB, instance, listener, {})


def _execute(
    settings: Settings,
    name: str,
    instance: dg.DagsterInstance,
    listener: Listener | None,
    tags: dict[str, str],
    tables: Sequence[str] | None = None,
    accept_missing: Sequence[str] = (),
) -> RunOutcome:
    config: dict[str, Any] = {"loggers": {"progress": {}}}
    if accept_missing:
        config["resources"] = {"sources": {"config": {"accept_missing": list(accept_missing)}}}
    # Only now, because it takes a moment.
    from engagement_assets.dagster_internals.run_launcher import PROCESS_TAG, this_process
    from engagement_assets.definitions import definitions_of

    token = _listener.set(listener)
    try:
        result = (
            definitions_of(settings)
            .resolve_job_def(name)
            .execute_in_process(
                instance=instance,
                tags={**tags, PROCESS_TAG: this_process()},
                partition_key=tags.get(PARTITION_NAME_TAG),
                asset_selection=None
                if tables is None
                else [dg.AssetKey(settings.asset_key(table)) for table in tables],
                raise_on_error=False,
                run_config=config,
            )
        )
    except dg.DagsterExecutionInterruptedError:
        raise KeyboardInterrupt from None
    finally:
        _listener.reset(token)
    if any(_says_interrupted(event) for event in result.all_events):
        raise KeyboardInterrupt
    failed = [event for event in result.all_events if event.is_step_failure and event.step_key]
    failures = {asset_of(str(event.step_key)): alerts.cause(event.step_failure_data) for event in failed}
    ended = instance.get_run_by_id(result.run_id)
    alert = alerts.of_run(settings, instance, ended, result.all_events) if ended else None
    if alert is not None:
        alerts.send(settings, alert, instance.root_directory, alerts.log.info)
    return RunOutcome(result.run_id, result.success, failures)


def _says_interrupted(event: dg.DagsterEvent) -> bool:
    """Without `raise_on_error` Dagster makes a failure of an interrupt: of the step at work, or between two of the run."""
    if event.is_step_failure:
        return event.step_failure_data.error_source == ErrorSource.INTERRUPT
    if event.event_type_value == dg.DagsterEventType.RUN_FAILURE.value:
        return event.job_failure_data.failure_reason == RunFailureReason.UNEXPECTED_TERMINATION
    return False
