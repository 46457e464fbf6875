"""A table as it is now: opened once for each version, however often it is asked about."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
from deltalake import DeltaTable

from engagement_assets.domain.contracts import Contract
from engagement_assets.lake import evolution
from engagement_assets.lake.staging import partition_column
from engagement_assets.settings import is_url


class CurrentVersion:
    """A table's current version and its files, read from its log once; `is_still` tells whether it is the current one yet.

    `table` is for reading: a writer opens one of its own.
    """

    def __init__(self, contract: type[Contract], table: DeltaTable, root: str) -> None:
        self.contract = contract
        self.table = table
        version = table.version()
        commit, following = (f"{root}/_delta_log/{number:020d}.json" for number in (version, version + 1))
        self._commit = None if is_url(root) else Path(commit)
        self._following = Path(following)
        self._stamp = self._look()

    def _look(self) -> tuple[int, int] | None:
        """What tells the commit from another of its number, which a table has that was deleted and made anew."""
        try:
            found = self._commit.stat() if self._commit else None
        except OSError:
            return None
        return (found.st_ino, found.st_mtime_ns) if found else None

    def is_still(self) -> bool:
        """Whether no later version has come. Two looks at a local disk; an object store is asked for its log each time."""
        return self._stamp is not None and self._look() == self._stamp and not self._following.exists()

    @cached_property
    def files(self) -> list[dict[str, Any]]:
        """The files of the version: path, partition, rows, size, modified."""
        return files_of(self.contract, self.table)

    @cached_property
    def misfits(self) -> list[str]:
        """What of the table does not fit its contract, in words."""
        return evolution.misfits(self.table, self.contract, partition_column(self.contract))


def files_of(contract: type[Contract], table: DeltaTable) -> list[dict[str, Any]]:
    """The files of a version of a table: path relative to it, partition, rows, size in bytes, modified in milliseconds."""
    column = partition_column(contract)
    actions = pa.table(table.get_add_actions(flatten=True)).to_pylist()
    return [
        {
            "path": action["path"],
            "partition": str(action[f"partition.{column}"]),
            "rows": action["num_records"],
            "size": action["size_bytes"],
            "modified": action["modification_time"],
        }
        for action in actions
    ]
