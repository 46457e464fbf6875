"""Dagster's SQLite event log with its connections kept open, and batches of events written as one transaction.

Dagster's own opens and closes a connection for each event. Closing the last connection of a SQLite file writes its log back
and waits for the disk, which takes longer than the event itself; and of a batch it writes one event after the other. A range of
days records thousands. Used by the home that `make dev` and `engagement run` create; a shared instance uses PostgreSQL.
"""

from __future__ import annotations

import functools
import os
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from alembic.script import ScriptDirectory
from dagster import AssetCheckEvaluation, DagsterEventType
from dagster._core.definitions.asset_checks.asset_check_evaluation import AssetCheckEvaluationPlanned
from dagster._core.events import ASSET_CHECK_EVENTS, ASSET_EVENTS
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable, SqlEventLogStorageTable
from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME, SqliteEventLogStorage
from dagster._serdes import ConfigurableClassData
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import QueuePool

from engagement_assets.dagster_internals.gained_inputs import enter_gained_inputs

_BUSY_SECONDS = 60

#: Runs whose connections stay open; older ones are closed.
_MOST_OPEN = 8

#: Bytes of a page of a new file: on one of 4 kB, which is SQLite's own, seldom two events fit.
_PAGE = 16_384

#: Dagster hands batches over to any event log, but only where this says how many events one may have: so many, if nobody has set
#: another number. PostgreSQL's, which opens a connection for each statement, takes 27 milliseconds for an event by itself.
os.environ.setdefault("DAGSTER_EVENT_BATCH_SIZE", "500")

# Dagster reads the ninety files of its schema's revisions anew for each database, and each run has one; they are the same ones.
ScriptDirectory.from_config = functools.cache(ScriptDirectory.from_config)  # type: ignore[method-assign]


class PooledSqliteEventLogStorage(SqliteEventLogStorage):
    """SqliteEventLogStorage, the same files and tables, that keeps connections open and writes a batch at once."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._engines: dict[str, Engine] = {}
        self._local = threading.local()
        super().__init__(*args, **kwargs)
        self._widen_index()
        enter_gained_inputs(self)

    def _widen_index(self) -> None:
        """Give the index of all runs the pages of `_set_up` while nothing is in it: Dagster makes its file itself."""
        self._close()
        place = self.path_for_shard(INDEX_SHARD_NAME)
        # Where another process has it open already, it stays as it is.
        with suppress(sqlite3.OperationalError), closing(sqlite3.connect(place, 0, isolation_level=None)) as index:
            if (
                index.execute("PRAGMA page_size").fetchone()[0] == _PAGE
                or index.execute("SELECT 1 FROM event_logs").fetchone()
            ):
                return
            for step in (
                "PRAGMA journal_mode = DELETE",
                f"PRAGMA page_size = {_PAGE}",
                "VACUUM",
                "PRAGMA journal_mode = WAL",
            ):
                index.execute(step)

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> PooledSqliteEventLogStorage:
        # Relative to the home, so that a home can be moved.
        folder = Path(os.environ.get("DAGSTER_HOME", ""), config_value["base_dir"])
        return cls(inst_data=inst_data, base_dir=str(folder))

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        opened: dict[str, Connection] = self._local.__dict__.setdefault("opened", {})
        if shard in opened:  # within a transaction of this thread: part of it
            yield opened[shard]
            return
        with self._db_lock:
            engine = self._engine(shard)
            if shard not in self._initialized_dbs:
                self._initdb(engine)
                self._initialized_dbs.add(shard)
        with engine.connect() as connection, connection.begin():
            opened[shard] = connection
            try:
                yield connection
            finally:
                del opened[shard]

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """As `store_event` for each event of a run, in one transaction for the run's own log and one for that of all runs."""
        if not all(each.dagster_event_type in (*ASSET_EVENTS, *ASSET_CHECK_EVENTS) for each in events):
            super().store_event_batch(events)
            return
        rows = [self._event_to_row(each) for each in events]
        with self.run_connection(events[0].run_id) as connection:
            connection.execute(SqlEventLogStorageTable.insert(), rows)
        insert = SqlEventLogStorageTable.insert().returning(SqlEventLogStorageTable.c.id, sort_by_parameter_order=True)
        with self.index_connection() as connection:
            ids = list(connection.scalars(insert, rows))
            numbered = list(zip(events, ids, rows, strict=True))
            of_assets = [(each, id) for each, id, _ in numbered if each.dagster_event_type in ASSET_EVENTS]
            if of_assets:
                self._store_asset_event_tags(connection, *zip(*of_assets, strict=True))
            # What is known of an asset as a whole is what its last event of a kind says.
            last = {(each.dagster_event_type, each.get_dagster_event().asset_key): (each, id) for each, id in of_assets}
            for each, id in last.values():
                self._store_asset_event(connection, each, id)
            results, planned = [], []
            for each, id, row in numbered:
                if each.dagster_event_type == DagsterEventType.ASSET_CHECK_EVALUATION:
                    results.append(self._result_row(each, id, row))
                elif each.dagster_event_type == DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED:
                    planned += self._planned_rows(each, id, row)
            for entered in (results, planned):
                if entered:
                    connection.execute(AssetCheckExecutionsTable.insert(), entered)

    def delete_events(self, run_id: str) -> None:
        """As Dagster's own, which leaves the file of the run's log behind."""
        super().delete_events(run_id)
        if run_id in self._engines:
            self._engines.pop(run_id).dispose()
        self._initialized_dbs.discard(run_id)
        for end in ("", "-wal", "-shm"):
            Path(f"{self.path_for_shard(run_id)}{end}").unlink(missing_ok=True)

    def _result_row(self, entry: EventLogEntry, number: int, row: Mapping[str, Any]) -> dict[str, Any]:
        """The row of a check's result; there is none yet that was written when the check was planned (`telling`)."""
        found = entry.get_dagster_event().event_specific_data
        assert isinstance(found, AssetCheckEvaluation)
        status, target = AssetCheckExecutionRecordStatus, found.target_materialization_data
        return {
            "asset_key": row["asset_key"] or found.asset_key.to_string(),
            "check_name": found.check_name,
            "partition": found.partition,
            "run_id": entry.run_id,
            "execution_status": (status.SUCCEEDED if found.passed else status.FAILED).value,
            "evaluation_event": row["event"],
            "evaluation_event_timestamp": row["timestamp"],
            "evaluation_event_storage_id": number,
            "materialization_event_storage_id": target.storage_id if target else None,
        }

    def _planned_rows(self, entry: EventLogEntry, number: int, row: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The rows of a check that a run plans, one per day; Dagster's own spells the event out anew for each of them."""
        planned = entry.get_dagster_event().event_specific_data
        assert isinstance(planned, AssetCheckEvaluationPlanned)
        days = planned.partitions_subset.get_partition_keys() if planned.partitions_subset else [None]
        same = {
            "asset_key": planned.asset_key.to_string(),
            "check_name": planned.check_name,
            "run_id": entry.run_id,
            "execution_status": AssetCheckExecutionRecordStatus.PLANNED.value,
            "evaluation_event": row["event"],
            "evaluation_event_timestamp": row["timestamp"],
            "evaluation_event_storage_id": number,
        }
        return [{**same, "partition": day} for day in days]

    def _engine(self, shard: str) -> Engine:
        if shard not in self._engines:
            while len(self._engines) >= _MOST_OPEN:
                oldest = next(iter(self._engines))
                self._engines.pop(oldest).dispose()
            self._engines[shard] = create_engine(
                self.conn_string_for_shard(shard), poolclass=QueuePool, connect_args={"timeout": _BUSY_SECONDS}
            )
            event.listen(self._engines[shard], "connect", _set_up)
        return self._engines[shard]

    def _close(self) -> None:
        while self._engines:
            self._engines.popitem()[1].dispose()

    def dispose(self) -> None:
        self._close()
        super().dispose()


def _set_up(connection: Any, _: object) -> None:
    # With a write-ahead log this never damages the file; a power cut may lose the last events of the run it ends.
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute(f"PRAGMA page_size = {_PAGE}")  # of a new file
