"""Running a day or a range of days through Dagster in this process, so that the UI shows the run afterwards."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import dagster as dg
from dagster._core.storage.tags import PARTITION_NAME_TAG
from filelock import FileLock

from engagement_assets.pipeline import alerts
from engagement_assets.pipeline.automation import DAILY_JOB, SERVING_JOB, partitioned_tables, range_tags
from engagement_assets.settings import Settings

HOME_VARIABLE = "DAGSTER_HOME"
DEFAULT_HOME = ".dagster_home"

#: A Dagster home for one machine: SQLite, nothing sent anywhere, one run at a time, because each run starts an engine.
LOCAL_INSTANCE = """\
# Dagster's home of a single machine. docs/production.md describes one on PostgreSQL.
telemetry:
  enabled: false
nux:
  enabled: false
concurrency:
  runs:
    max_concurrent_runs: 1
# A run that is asked for starts within a second; Dagster's default is five.
run_queue:
  dequeue_interval_seconds: 1
# A run that died with `make dev` or with its command would otherwise count as started for ever, and the next would wait for it.
run_launcher:
  module: engagement_assets.run_launcher
  class: WatchedRunLauncher
run_monitoring:
  enabled: true
  poll_interval_seconds: 20
event_log_storage:
  module: engagement_assets.event_log
  class: PooledSqliteEventLogStorage
  config:
    base_dir: history/runs
"""


class DateOutOfRangeError(ValueError):
    """A date is before the first partition or not over yet; the message says which dates exist."""


@dataclass(frozen=True)
class Progress:
    """Where a run stands: steps finished of all, and what it is doing."""

    done: int
    total: int
    doing: str


@dataclass(frozen=True)
class RunOutcome:
    """How a run ended: `failures` holds, per failed asset, what was wrong and what to do."""

    run_id: str
    success: bool
    failures: dict[str, str]


Listener = Callable[[Progress], None]

_listener: ContextVar[Listener | None] = ContextVar("listener", default=None)


class _ProgressHandler(logging.Handler):
    """Turns Dagster's log records of a run into progress."""

    def __init__(self) -> None:
        super().__init__()
        self.done = 0
        self.doing = "starting"

    def emit(self, record: logging.LogRecord) -> None:
        listener = _listener.get()
        if listener is None:
            return
        meta = getattr(record, "dagster_meta", {}) or {}
        event: dg.DagsterEvent | None = meta.get("dagster_event")
        if event is not None and event.is_step_start:
            self.doing = str(event.step_key)
        elif event is not None and event.is_step_success and event.step_key in partitioned_tables():
            self.done += 1
        elif event is None and record.levelno >= logging.INFO:
            self.doing = str(meta.get("orig_message") or record.getMessage())
        else:
            return
        listener(Progress(self.done, len(partitioned_tables()), self.doing))


@dg.logger(config_schema={}, description="Reports progress to the command line.")
def progress_logger(_: dg.InitLoggerContext) -> logging.Logger:
    """A Dagster logger that tells the caller of `run_days` how far the run is."""
    logger = logging.Logger("engagement.progress", level=logging.DEBUG)
    logger.addHandler(_ProgressHandler())
    return logger


def dagster_home() -> Path:
    """The Dagster home: DAGSTER_HOME, or `.dagster_home` in the working folder, made at its first use."""
    given = os.environ.get(HOME_VARIABLE)
    home = Path(given).expanduser() if given else Path.cwd() / DEFAULT_HOME
    home.mkdir(parents=True, exist_ok=True)
    if not (home / "dagster.yaml").exists():
        (home / "dagster.yaml").write_text(LOCAL_INSTANCE, encoding="utf-8")
    os.environ[HOME_VARIABLE] = str(home.resolve())
    return home.resolve()


def existing_home() -> Path | None:
    """The Dagster home, if there is one."""
    given = os.environ.get(HOME_VARIABLE)
    home = Path(given).expanduser() if given else Path.cwd() / DEFAULT_HOME
    return home.resolve() if home.is_dir() else None


@contextmanager
def local_instance() -> Iterator[dg.DagsterInstance]:
    """The Dagster instance that the UI of this project shows."""
    # Dagster creates the tables of a new home without a lock: two commands started at once would both try.
    with FileLock(dagster_home() / "opening.lock"):
        opened = dg.DagsterInstance.get()
    with opened as instance:
        yield instance


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
    settings: Settings, first: date, last: date, instance: dg.DagsterInstance, listener: Listener | None = None
) -> RunOutcome:
    """Build every table for the days `first` to `last` in one run, then export what BI tools read."""
    check_days(settings, first, last)
    outcome = build_tables(settings, first, last, instance, listener)
    if outcome.success:
        exported = export_published(settings, instance, listener)
        outcome = RunOutcome(outcome.run_id, exported.success, exported.failures)
    return outcome


def build_tables(
    settings: Settings,
    first: date,
    last: date,
    instance: dg.DagsterInstance,
    listener: Listener | None = None,
    tables: Sequence[str] | None = None,
) -> RunOutcome:
    """Build some tables (None: all) for the days `first` to `last` in one run."""
    return _execute(settings, DAILY_JOB, instance, listener, range_tags(first.isoformat(), last.isoformat()), tables)


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
) -> RunOutcome:
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
                asset_selection=None if tables is None else [dg.AssetKey(table) for table in tables],
                raise_on_error=False,
                run_config={"loggers": {"progress": {}}},
            )
        )
    finally:
        _listener.reset(token)
    failures = {}
    for event in result.all_events:
        if event.is_step_failure and event.step_key:
            failures[event.step_key] = alerts.cause(event.step_failure_data)
    ended = instance.get_run_by_id(result.run_id)
    alert = alerts.of_run(settings, ended, result.all_events) if ended else None
    if alert is not None:
        alerts.send(settings, alert, instance.root_directory, alerts.log.info)
    return RunOutcome(result.run_id, result.success, failures)
