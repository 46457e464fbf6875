"""The Dagster home of this machine: where runs and their events are kept."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
from filelock import FileLock

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


def dagster_home() -> Path:
    """The Dagster home: DAGSTER_HOME, or `.dagster_home` in the working folder, made at its first use."""
    home = _home()
    home.mkdir(parents=True, exist_ok=True)
    if not (home / "dagster.yaml").exists():
        (home / "dagster.yaml").write_text(LOCAL_INSTANCE, encoding="utf-8")
    os.environ[HOME_VARIABLE] = str(home)
    return home


def existing_home() -> Path | None:
    """The Dagster home, if there is one."""
    home = _home()
    return home if home.is_dir() else None


def _home() -> Path:
    return Path(os.environ.get(HOME_VARIABLE) or DEFAULT_HOME).expanduser().resolve()


@contextmanager
def local_instance() -> Iterator[dg.DagsterInstance]:
    """The Dagster instance that the UI of this project shows."""
    # Dagster creates the tables of a new home without a lock: two commands started at once would both try.
    with FileLock(dagster_home() / "opening.lock"):
        opened = dg.DagsterInstance.get()
    with opened as instance:
        yield instance
