"""The Dagster home of this machine: where runs and their events are kept."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import dagster as dg
import yaml
from filelock import FileLock
from sqlalchemy.exc import DBAPIError

HOME_VARIABLE = "DAGSTER_HOME"

DEFAULT_HOME = ".dagster_home"

#: A disk with less is full for a database.
_LEAST_FREE_BYTES = 1 << 20

#: What Dagster takes for a pattern in a path, and SQLite's addresses for something else than a name.
_NOT_IN_NAMES = "%?*[]"

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
# What is printed of a run; all its events are kept.
python_logs:
  python_log_level: INFO
event_log_storage:
  module: engagement_assets.event_log
  class: PooledSqliteEventLogStorage
  config:
    base_dir: history/runs
"""


class DagsterHomeError(RuntimeError):
    """The Dagster home cannot be used; the message says why, and what to do."""


def dagster_home() -> Path:
    """The Dagster home: DAGSTER_HOME, or `.dagster_home` in the working folder, made at its first use.

    Raises DagsterHomeError where it cannot be.
    """
    home = _home()
    strange = [sign for sign in _NOT_IN_NAMES if sign in str(home)]
    if strange:
        raise DagsterHomeError(
            f"the Dagster home {home} has {' and '.join(strange)} in its path, and Dagster would not find its settings or its "
            f"databases there; set {HOME_VARIABLE} to a folder without any of {' '.join(_NOT_IN_NAMES)}"
        )
    try:
        home.mkdir(parents=True, exist_ok=True)
        if not (home / "dagster.yaml").exists():
            (home / "dagster.yaml").write_text(LOCAL_INSTANCE, encoding="utf-8")
    except OSError as error:
        raise DagsterHomeError(
            f"the Dagster home {home} cannot be written ({error.strerror}); set {HOME_VARIABLE} to a folder of yours"
        ) from None
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
    """The Dagster instance that the UI of this project shows.

    Raises DagsterHomeError if it cannot be opened, and in place of an error of its databases within the block.
    """
    home = dagster_home()
    try:
        # Dagster creates the tables of a new home without a lock: two commands started at once would both try.
        with FileLock(home / "opening.lock"):
            opened = dg.DagsterInstance.get()
        with opened as instance:
            yield instance
    except (DBAPIError, sqlite3.Error) as error:
        raise DagsterHomeError(_fault(home, str(error).splitlines()[0])) from error
    except (yaml.YAMLError, dg.DagsterInvalidConfigError) as error:
        raise DagsterHomeError(
            f"{home / 'dagster.yaml'} is not what Dagster can read ({str(error).splitlines()[0]}); mend it, or move it away to "
            "have a new one made"
        ) from error


def _fault(home: Path, said: str) -> str:
    """What is wrong with the databases of a home, and what to do."""
    if "locked" in said:
        return f"another program has locked a database of the Dagster home {home} ({HOME_VARIABLE}); run again when it has ended"
    if shutil.disk_usage(home).free < _LEAST_FREE_BYTES:
        return f"the disk of the Dagster home {home} ({HOME_VARIABLE}) is full; make room and run again"
    damaged = [str(place) for place in sorted(home.rglob("*.db")) if not _is_whole(place)]
    if damaged:
        return (
            f"the Dagster home ({HOME_VARIABLE}) is damaged: {', '.join(damaged)}. Move it away, with -wal and -shm beside "
            "it, and Dagster makes a new one: the published tables stay as they are, runs that it recorded are listed no more"
        )
    return f"Dagster's storage cannot be used ({said}); {home / 'dagster.yaml'} ({HOME_VARIABLE}) says where it is"


def _is_whole(database: Path) -> bool:
    try:
        with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as opened:
            return opened.execute("PRAGMA quick_check").fetchall() == [("ok",)]
    except sqlite3.OperationalError:  # it cannot be looked at now
        return True
    except sqlite3.DatabaseError:
        return False
