"""Dagster's SQLite event log with its connections kept open.

Dagster's own opens and closes a connection for each event. Closing the last connection of a SQLite file writes its log back
and waits for the disk, which takes longer than the event itself; a range of days records thousands of them. Used by the
home that `make dev` and `engagement run` create; a shared instance uses PostgreSQL.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from dagster._serdes import ConfigurableClassData
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import QueuePool

_BUSY_SECONDS = 60

#: Runs whose connections stay open; older ones are closed.
_MOST_OPEN = 8


class PooledSqliteEventLogStorage(SqliteEventLogStorage):
    """SqliteEventLogStorage, the same files and tables, that keeps the connections of the latest shards open."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._engines: dict[str, Engine] = {}
        super().__init__(*args, **kwargs)

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> PooledSqliteEventLogStorage:
        # Relative to the home, so that a home can be moved.
        folder = Path(os.environ["DAGSTER_HOME"], config_value["base_dir"])
        return cls(inst_data=inst_data, base_dir=str(folder))

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._db_lock:
            engine = self._engine(shard)
            if shard not in self._initialized_dbs:
                self._initdb(engine)
                self._initialized_dbs.add(shard)
            with engine.connect() as connection, connection.begin():
                yield connection

    def _engine(self, shard: str) -> Engine:
        if shard not in self._engines:
            while len(self._engines) >= _MOST_OPEN:
                oldest = next(iter(self._engines))
                self._engines.pop(oldest).dispose()
            self._engines[shard] = create_engine(
                self.conn_string_for_shard(shard), poolclass=QueuePool, connect_args={"timeout": _BUSY_SECONDS}
            )
            event.listen(self._engines[shard], "connect", _relax)
        return self._engines[shard]

    def dispose(self) -> None:
        while self._engines:
            self._engines.popitem()[1].dispose()
        super().dispose()


def _relax(connection: Any, _: Any) -> None:
    # With a write-ahead log this never damages the file; a power cut may lose the last events of the run it ends.
    connection.execute("PRAGMA synchronous = NORMAL")
