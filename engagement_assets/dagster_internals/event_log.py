"""Dagster's SQLite event log with its connections kept open.

Dagster's own opens and closes a connection for each event. Closing the last connection of a SQLite file writes its log back
and waits for the disk, which takes longer than the event itself; a range of days records thousands of them. Used by the
home that `make dev` and `engagement run` create; a shared instance uses PostgreSQL.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from dagster import AssetKey
from dagster._core.events import ASSET_CHECK_EVENTS, ASSET_EVENTS
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable
from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME, SqliteEventLogStorage
from dagster._serdes import ConfigurableClassData, serialize_value
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import QueuePool

from engagement_assets.dagster_internals.gained_inputs import enter_gained_inputs

_BUSY_SECONDS = 60

#: Runs whose connections stay open; older ones are closed.
_MOST_OPEN = 8


class PooledSqliteEventLogStorage(SqliteEventLogStorage):
    """SqliteEventLogStorage, the same files and tables, that keeps the connections of the latest shards open."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._engines: dict[str, Engine] = {}
        self._tables: set[str] = set()
        self._has_index_columns = False
        #: Run, asset and check -> the partitions that were planned, of runs of this process.
        self._planned: dict[tuple[str, AssetKey, str], frozenset[str | None]] = {}
        self._local = threading.local()
        super().__init__(*args, **kwargs)
        enter_gained_inputs(self)

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

    def store_event(self, event: EventLogEntry) -> None:
        """As Dagster's own, but what it writes to the index of all runs is one transaction instead of two or three."""
        mirrored = event.is_dagster_event and event.dagster_event_type in (*ASSET_EVENTS, *ASSET_CHECK_EVENTS)
        whole = self._connect(INDEX_SHARD_NAME) if mirrored else nullcontext()
        with whole:
            super().store_event(event)

    def _event_to_row(self, event: EventLogEntry) -> dict[str, Any]:
        row = super()._event_to_row(event)
        self._local.written = event, row["event"]
        return row

    def _store_asset_check_evaluation_planned(self, event: EventLogEntry, event_id: int | None) -> None:
        super()._store_asset_check_evaluation_planned(event, event_id)
        planned = event.get_dagster_event().asset_check_planned_data
        subset = planned.partitions_subset
        self._planned[event.run_id, planned.asset_key, planned.check_name] = frozenset(
            subset.get_partition_keys() if subset else [None]
        )

    def _update_asset_check_evaluation(self, event: EventLogEntry, event_id: int | None) -> None:
        """As Dagster's own, which looks first for the row that was written when the check was planned.

        There is none for a day that a run fills in, and looking takes as long as writing.
        """
        evaluation = event.get_dagster_event().asset_check_evaluation_data
        planned = self._planned.get((event.run_id, evaluation.asset_key, evaluation.check_name))
        if planned is None or evaluation.partition in planned:
            super()._update_asset_check_evaluation(event, event_id)
            return
        written, text = self._local.__dict__.get("written", (None, ""))
        status = AssetCheckExecutionRecordStatus
        target = evaluation.target_materialization_data
        with self.index_connection() as connection:
            connection.execute(
                AssetCheckExecutionsTable.insert().values(
                    asset_key=evaluation.asset_key.to_string(),
                    check_name=evaluation.check_name,
                    partition=evaluation.partition,
                    run_id=event.run_id,
                    execution_status=(status.SUCCEEDED if evaluation.passed else status.FAILED).value,
                    evaluation_event=text if written is event else serialize_value(event),
                    evaluation_event_timestamp=self._event_insert_timestamp(event),
                    evaluation_event_storage_id=event_id,
                    materialization_event_storage_id=target.storage_id if target else None,
                )
            )

    def _has_asset_key_index_cols_on_connection(self, conn: Connection) -> bool:
        """As Dagster's own, which asks the database anew for every event; columns never go away."""
        if not self._has_index_columns:
            self._has_index_columns = super()._has_asset_key_index_cols_on_connection(conn)
        return self._has_index_columns

    def has_table(self, table_name: str) -> bool:
        """As Dagster's own, which asks the database anew for every event; tables never go away."""
        if table_name not in self._tables:
            with self._connect(INDEX_SHARD_NAME) as connection:
                if not connection.dialect.has_table(connection, table_name):
                    return False
            self._tables.add(table_name)
        return True

    def _engine(self, shard: str) -> Engine:
        if shard not in self._engines:
            while len(self._engines) >= _MOST_OPEN:
                oldest = next(iter(self._engines))
                self._engines.pop(oldest).dispose()
            self._engines[shard] = create_engine(
                self.conn_string_for_shard(shard), poolclass=QueuePool, connect_args={"timeout": _BUSY_SECONDS}
            )
            # With a write-ahead log this never damages the file; a power cut may lose the last events of the run it ends.
            relax = "PRAGMA synchronous = NORMAL"
            event.listen(self._engines[shard], "connect", lambda connection, _: connection.execute(relax))
        return self._engines[shard]

    def dispose(self) -> None:
        while self._engines:
            self._engines.popitem()[1].dispose()
        super().dispose()
