"""Versions of a table: the current one, opened once however often it is asked about, and that of an earlier instant."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

import pyarrow as pa
from deltalake import DeltaTable

from engagement_assets.domain.contracts import Contract
from engagement_assets.lake import schema_changes
from engagement_assets.lake.log import history
from engagement_assets.lake.staging import partition_column, partition_of
from engagement_assets.settings import is_url

#: Tables keep their whole log and what it says of removed files: what may go, and when, is decided here.
TABLE_PROPERTIES = {
    "delta.enableExpiredLogCleanup": "false",
    "delta.logRetentionDuration": "interval 36500 days",
    "delta.deletedFileRetentionDuration": "interval 36500 days",
}


#: Where a commit keeps the checksums of its files.
CHECKSUMS = "checksums"


class VersionNotKeptError(LookupError):
    """No version of that time is there; the message says which are."""


@dataclass(frozen=True)
class DataFile:
    """A file of a table: its path relative to the table, its partition, rows, bytes, when it was written (Unix ms)."""

    path: str
    partition: str
    rows: int
    size: int
    modified: int


class TableVersion:
    """A version of a table and its files, read from the log once; `is_still` tells whether it is the current one yet.

    `table` is for reading: a writer opens one of its own.
    """

    def __init__(self, contract: type[Contract], table: DeltaTable, root: str) -> None:
        self.contract = contract
        self.table = table
        version = table.version()
        commit, following = (f"{root}/_delta_log/{number:020d}.json" for number in (version, version + 1))
        self._commit = None if is_url(root) else Path(commit)
        self._following = Path(following)
        self._state = state_of(self._commit) if self._commit else None

    def is_still(self) -> bool:
        """Whether no later version has come. Two looks at a local disk; an object store is asked for its log each time."""
        unchanged = self._commit and self._state and state_of(self._commit) == self._state
        return bool(unchanged) and not self._following.exists()

    @cached_property
    def files(self) -> list[DataFile]:
        """The files of the version, those of days without rows too."""
        partition = f"partition.{partition_column(self.contract)}"
        actions = pa.table(self.table.get_add_actions(flatten=True)).to_pylist()
        return [
            DataFile(
                action["path"],
                str(action[partition]),
                action["num_records"],
                action["size_bytes"],
                action["modification_time"],
            )
            for action in actions
        ]

    def with_rows(self, partitions: Iterable[str] | None = None) -> list[DataFile]:
        """The files of some partitions (None: all) that have rows, in the partitions' order."""
        wanted = None if partitions is None else set(partitions)
        found = [file for file in self.files if (wanted is None or file.partition in wanted) and file.rows > 0]
        return sorted(found, key=lambda file: (file.partition, file.path))

    @cached_property
    def checksums(self) -> dict[str, str]:
        """The checksums of the version's files by their paths; those that releases up to 186a7d4 wrote have none."""
        live = {file.path for file in self.files}
        commits = [json.loads(entry.get(CHECKSUMS, "{}")) for entry in history(self.table)]
        return {path: found for each in commits for path, found in each.items() if path in live}

    @cached_property
    def made_with(self) -> dict[str, Mapping[str, str]]:
        """What was recorded with the commit that published each partition (`code_versions.commit_metadata`), as far as known."""
        of_run: dict[str, Mapping[str, str]] = {}
        of_partition: dict[str, Mapping[str, str]] = {}
        for entry in reversed(history(self.table)):
            if "code_version" in entry:
                of_run[entry["run_id"]] = entry
                for path in json.loads(entry.get(CHECKSUMS, "{}")):
                    of_partition[partition_of(path)] = entry
        found = {}
        for file in self.files:
            # A file lies in the folder of its run; one that a forgotten customer was taken out of, in another.
            run = file.path.split("/")[1].rsplit("-", 1)[0]
            made = of_run.get(run, of_partition.get(file.partition))
            if made is not None:
                found[file.partition] = made
        return found

    @cached_property
    def schema_changes(self) -> list[str]:
        """What of the table does not fit its contract, in words."""
        return schema_changes.found(self.table, self.contract, partition_column(self.contract))


def state_of(place: Path) -> tuple[int, int] | None:
    """Changes when a file is replaced, or something in a folder comes, goes or is replaced: inode and time. None if not there.

    It tells a commit from another of its number, too, which a table has that was deleted and made anew.
    """
    try:
        found = place.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns


def commits(table: DeltaTable) -> dict[int, datetime]:
    """The versions that the table's log tells of, the oldest first, and when each was committed, in UTC."""
    entries = reversed(history(table))
    return {entry["version"]: datetime.fromtimestamp(entry["timestamp"] / 1000, UTC) for entry in entries}


def current_on(known: dict[int, datetime], when: datetime) -> int | None:
    """The version that was current at an instant; None if the table was made later."""
    return max((number for number, committed in known.items() if committed <= when), default=None)


def version_on(table: DeltaTable, name: str, when: datetime) -> DeltaTable:
    """The table as it was at an instant. Raises VersionNotKeptError if it did not exist yet or its log is gone."""
    # Not `load_as_version(when)`: that goes by the times of the log's files, which a copy of the lake and an erasure change.
    known = commits(table)
    number = current_on(known, when)
    if number is None:
        first, last = (each.astimezone(when.tzinfo) for each in (min(known.values()), max(known.values())))
        raise VersionNotKeptError(
            f"{name}: no version of {when:%Y-%m-%d %H:%M %Z} is there; "
            f"the first is of {first:%Y-%m-%d %H:%M:%S %Z}, the latest of {last:%Y-%m-%d %H:%M:%S %Z}"
        )
    return DeltaTable(table.table_uri, version=number)


#: Commits that are looked through for one of another run: of a run that works in chunks, each is one.
_COMMITS_OF_A_RUN = 500


def before_last_run(table: DeltaTable) -> DeltaTable | None:
    """The table as it was before the run that wrote its current version; None if that run made it, or it is long ago."""
    latest, *others = history(table, _COMMITS_OF_A_RUN)
    number = next((entry["version"] for entry in others if entry.get("run_id") != latest.get("run_id")), None)
    return None if number is None else DeltaTable(table.table_uri, version=number)
