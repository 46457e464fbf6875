"""The lake: one Delta table per asset, its files written by the engine, its versions committed by delta-rs.

A write has two halves. `stage` lets the engine write Parquet files that no reader sees; `commit` swaps whole partitions to
them in one transaction. Between the two the staged rows can be examined. A run that dies before its commit changes nothing.
One run writes to a lake at a time: what a run reads does not change under it.
"""

from __future__ import annotations

import hashlib
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from dagster import ConfigurableResource, InitResourceContext, get_dagster_logger
from deltalake import CommitProperties, DeltaTable
from deltalake.exceptions import CommitFailedError, TableNotFoundError
from pydantic import PrivateAttr
from pyspark.sql import DataFrame, SparkSession

from engagement_assets.contracts import TABLES, Contract
from engagement_assets.resources import evolution, versions
from engagement_assets.resources.current import CurrentVersion, files_of
from engagement_assets.resources.damage import Damage, TableDamagedError, what_is_wrong
from engagement_assets.resources.locks import WriterLock
from engagement_assets.resources.staging import Staged, now_in_milliseconds, partition_column, write_files
from engagement_assets.resources.stores import file_system
from engagement_assets.settings import Settings, is_url, local_path

_COMMIT_ATTEMPTS = 5

#: Folder of intermediate files, beside the tables.
_SCRATCH = ".scratch"

Tell = Callable[[str], None]


class NotPublishedError(LookupError):
    """A table or some of its partitions do not exist yet; the message names them and what builds them."""


class LakeResource(ConfigurableResource):
    """The published tables under `root` (local folder or object-store URL).

    `retention_days`: how long a replaced version stays readable. `leftover_hours`: how long files of no version are left
    alone. `lock_wait_minutes`: how long a run waits for another to end. `rows_per_file`: about the most rows of a file.
    """

    root: str
    retention_days: float = 30
    leftover_hours: float = 24
    lock_wait_minutes: float = 60
    rows_per_file: int = 5_000_000

    _writer: WriterLock | None = PrivateAttr(default=None)
    _current: dict[type[Contract], CurrentVersion] = PrivateAttr(default_factory=dict)
    _written: set[type[Contract]] = PrivateAttr(default_factory=set)
    _handed_out: dict[str, tuple[type[Contract], str]] = PrivateAttr(default_factory=dict)

    @classmethod
    def of(cls, settings: Settings) -> LakeResource:
        """The lake that the settings name."""
        return cls(
            root=settings.lake,
            retention_days=settings.retention_days,
            leftover_hours=settings.leftover_hours,
            lock_wait_minutes=settings.lock_wait_minutes,
            rows_per_file=settings.rows_per_file,
        )

    @property
    def location(self) -> str:
        """The root as an absolute path or URL, without a slash at its end."""
        return self.root.rstrip("/") if is_url(self.root) else str(local_path(self.root))

    def path(self, contract: type[Contract]) -> str:
        """Where a table lives."""
        return f"{self.location}/{contract.table()}"

    def scratch(self, run_id: str) -> str:
        """A folder of the run's own for intermediate files, beside the tables."""
        return f"{self.location}/{_SCRATCH}/{run_id}-{uuid.uuid4().hex[:8]}"

    def remove(self, folder: str) -> None:
        """Delete a folder of intermediate files."""
        files, path = file_system(folder)
        if files.exists(path):
            files.rm(path, recursive=True)

    # ---- one writer at a time ----------------------------------------------------------------------------------------

    def begin(self, who: str, tell: Tell | None = None) -> None:
        """Become the only writer until the run ends (`teardown_after_execution`). Waits for another writer to end.

        Raises SchemaChangedError if a table does not fit its contract: a run that will fail there need not begin.
        """
        if not self._lock.is_held:
            for contract in TABLES.values():
                self._require_fit(contract)
            self._lock.take(who, tell or get_dagster_logger().info)

    @contextmanager
    def writing(self, who: str, tell: Tell | None = None) -> Iterator[None]:
        """Be the only writer for a while; no matter if this object is already."""
        self._lock.take(who, tell or get_dagster_logger().info)
        try:
            yield
        finally:
            self._lock.give_back()

    def teardown_after_execution(self, context: InitResourceContext) -> None:
        try:
            for contract in self._written:
                self._vacuum_quietly(contract)
        finally:
            self._written.clear()
            if self._lock.is_held:
                self._lock.give_back()

    @property
    def _lock(self) -> WriterLock:
        if self._writer is None:
            if is_url(self.location):
                name = uuid.uuid5(uuid.NAMESPACE_URL, self.location).hex
                place = local_path("~/.cache/engagement/locks") / f"{name}.lock"
            else:
                place = Path(self.location, ".locks", "writer.lock")
            self._writer = WriterLock(place, self.lock_wait_minutes * 60)
        return self._writer

    # ---- reading -----------------------------------------------------------------------------------------------------

    def delta(self, contract: type[Contract], known_on: datetime | None = None) -> DeltaTable | None:
        """The table's current version, or the one that was current at an instant; None if it was never written.

        Raises VersionNotKeptError if the table did not exist then.
        """
        try:
            table = DeltaTable(self.path(contract))
        except TableNotFoundError:
            return None
        return table if known_on is None else versions.version_on(table, contract.table(), known_on)

    def current(self, contract: type[Contract]) -> CurrentVersion | None:
        """The table's current version, for readers; None if it was never written."""
        known = self._current.get(contract)
        if known is None or not known.is_still():
            table = self.delta(contract)
            if table is None:
                return None
            self._current[contract] = known = CurrentVersion(contract, table, self.path(contract))
        return known

    def _live_files(self, contract: type[Contract]) -> list[dict[str, Any]]:
        current = self.current(contract)
        return current.files if current is not None else []

    def live_files(self, contract: type[Contract]) -> Iterator[tuple[str, str]]:
        """Partition and path, relative to the table, of each published file, those of days without rows too."""
        for file in self._live_files(contract):
            yield file["partition"], file["path"]

    def partitions(self, contract: type[Contract], known_on: datetime | None = None) -> dict[str, int]:
        """The published partitions in their order, with their rows. A day without rows is published too, with 0."""
        counts: dict[str, int] = defaultdict(int)
        if known_on is None:
            files = self._live_files(contract)
        else:
            table = self.delta(contract, known_on)
            files = files_of(contract, table) if table is not None else []
        for file in files:
            counts[file["partition"]] += file["rows"]
        return dict(sorted(counts.items()))

    def written_at(self, contract: type[Contract]) -> dict[str, int]:
        """When each published partition was written, in milliseconds of Unix time."""
        newest: dict[str, int] = {}
        for file in self._live_files(contract):
            newest[file["partition"]] = max(newest.get(file["partition"], 0), int(file["modified"]))
        return newest

    def fingerprint(self, contract: type[Contract], partition: str | None = None) -> str:
        """Changes with what is published, of one partition or of all, whatever changed it."""
        paths = sorted(file["path"] for file in self._live_files(contract) if partition in (None, file["partition"]))
        return hashlib.sha256("\n".join(paths).encode()).hexdigest()[:16]

    def last_commit(self, contract: type[Contract]) -> dict[str, Any]:
        """What `commit` recorded with the table's newest version; empty if there is none."""
        current = self.current(contract)
        return current.table.history(1)[0] if current is not None else {}

    def published_at(self, contract: type[Contract]) -> datetime | None:
        """When the newest version was committed, in UTC."""
        stamp = self.last_commit(contract).get("timestamp")
        return datetime.fromtimestamp(stamp / 1000).astimezone() if stamp else None

    def files(
        self,
        contract: type[Contract],
        partitions: Iterable[str] | None = None,
        known_on: datetime | None = None,
    ) -> list[str]:
        """Full paths of the published Parquet files, for any reader (DuckDB's `read_parquet`, pandas, Spark).

        Raises TableDamagedError if one of them is missing or has not the size that was committed: some readers skip a
        missing file without a word. Of an earlier version, raises VersionNotKeptError where a file is gone. Raises
        SchemaChangedError if the columns do not fit the contract.
        """
        return [path for path, _ in self.files_and_gaps(contract, partitions, known_on)]

    def files_and_gaps(
        self,
        contract: type[Contract],
        partitions: Iterable[str] | None = None,
        known_on: datetime | None = None,
    ) -> list[tuple[str, frozenset[str]]]:
        """As `files`, each with the columns that it lacks: those that came to the contract after it was written, null in it."""
        if known_on is None:
            self._require_fit(contract)
            current = self.current(contract)
            table, live = (current.table, current.files) if current is not None else (None, [])
        else:
            table = self.delta(contract, known_on)
            live = files_of(contract, table) if table is not None else []
        if table is None:
            return []
        if known_on is not None and (misfits := evolution.misfits(table, contract, partition_column(contract))):
            raise versions.VersionNotKeptError(
                f"{contract.table()}: the version of {known_on:%Y-%m-%d %H:%M %Z} has other columns ({'; '.join(misfits)}); "
                "the version of this package that wrote it can show it"
            )
        live = _chosen(live, partitions)
        root = self.path(contract)
        files, path = file_system(root)
        if known_on is not None:
            if not all(files.exists(f"{path}/{file['path']}") for file in live):
                raise versions.VersionNotKeptError(
                    f"{contract.table()}: the version of {known_on:%Y-%m-%d %H:%M %Z} is not kept any more; replaced versions "
                    f"are kept for {self.retention_days:g} days (ENGAGEMENT_RETENTION_DAYS)"
                )
        else:
            # One listing of an object store instead of a question for each file.
            listed = files.find(f"{path}/data", detail=True) if is_url(root) and live else None
            for file in live:
                what = what_is_wrong(files, f"{path}/{file['path']}", file["size"], listed=listed)
                if what:
                    raise TableDamagedError(str(Damage(contract, file["partition"], f"{root}/{file['path']}", what)))
        gaps = evolution.lacking(table, contract, [file["modified"] for file in live])
        return [(f"{root}/{file['path']}", lacks) for file, lacks in zip(live, gaps, strict=True)]

    def read(self, spark: SparkSession, contract: type[Contract], partitions: Iterable[str] | None = None) -> DataFrame:
        """The published rows of some partitions (all, if None), with exactly the contract's columns."""
        paths = self.files(contract, partitions)
        if not paths:
            return spark.createDataFrame([], contract.struct())
        self._handed_out |= {path: (contract, path.split("/partition=")[-1].split("/")[0]) for path in paths}
        return spark.read.schema(contract.struct()).parquet(*paths)

    def require(self, contract: type[Contract], partitions: Iterable[str]) -> None:
        """Raise NotPublishedError unless all these partitions are published."""
        published = self.partitions(contract)
        missing = sorted(set(partitions) - set(published))
        if missing:
            shown = ", ".join(missing[:5]) + (f" and {len(missing) - 5} more" if len(missing) > 5 else "")
            raise NotPublishedError(
                f"{contract.table()}: {len(missing)} partition(s) are not built: {shown}; "
                f"build them with `engagement run --from {missing[0]} --to {missing[-1]}`"
            )

    # ---- damage ------------------------------------------------------------------------------------------------------

    def damage(
        self, contract: type[Contract], partitions: Iterable[str] | None = None, *, decode: bool = False
    ) -> list[Damage]:
        """Published files that are missing or of another size; with `decode` also those that cannot be read to their end."""
        files, path = file_system(self.path(contract))
        found = []
        chosen = _chosen(self._live_files(contract), partitions)
        listed = files.find(f"{path}/data", detail=True) if is_url(self.location) and chosen else None
        for file in chosen:
            what = what_is_wrong(files, f"{path}/{file['path']}", file["size"], decode=decode, listed=listed)
            if what:
                found.append(Damage(contract, file["partition"], f"{self.path(contract)}/{file['path']}", what))
        return found

    def name_damage(self, error: Exception) -> None:
        """Raise TableDamagedError from an engine's error if one of the files it read through `read` cannot be decoded."""
        if isinstance(error, TableDamagedError):
            return
        for path, (contract, partition) in self._handed_out.items():
            files, place = file_system(path)
            what = what_is_wrong(files, place, decode=True)
            if what:
                raise TableDamagedError(str(Damage(contract, partition, path, what))) from error

    # ---- writing -----------------------------------------------------------------------------------------------------

    def stage(
        self,
        frame: DataFrame,
        contract: type[Contract],
        *,
        partitions: Sequence[str],
        run_id: str,
        most_rows: int = 0,
    ) -> Staged:
        """Write rows as Parquet files that nobody sees, one folder per partition, ordered by customer within each file.

        Parameters: `frame` has the contract's columns; `partitions` are the ones this write stands for: rows of others
        are an error, one without rows gets an empty file, so that it counts as built; `most_rows` is about how many rows
        the largest has: one of more than `rows_per_file` is sorted and written by several tasks of Apache Spark, into as
        many files. The embedded engine writes one, whatever its size.
        """
        self._require_fit(contract)
        if contract.is_private() and not is_url(self.location):
            Path(self.path(contract)).mkdir(parents=True, exist_ok=True)
            Path(self.path(contract)).chmod(0o700)
        # Not named after the run alone: a retried run keeps its id, and a folder that is referenced is never touched.
        folder = f"data/{run_id}-{uuid.uuid4().hex[:8]}"
        parts = -(-most_rows // self.rows_per_file) or 1
        return write_files(frame, contract, self.path(contract), folder, partitions, parts)

    def read_staged(self, spark: SparkSession, staged: Staged) -> DataFrame:
        """The rows of a staged write, as any reader will see them once they are committed."""
        paths = [f"{staged.root}/{file.path}" for file in staged.files if file.rows > 0]
        if not paths:
            return spark.createDataFrame([], staged.contract.struct())
        return spark.read.schema(staged.contract.struct()).parquet(*paths)

    def unchanged(self, staged: Staged) -> set[str]:
        """Staged partitions whose files are, byte for byte, those that are published."""
        files, path = file_system(staged.root)
        live: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for file in self._live_files(staged.contract):
            live[file["partition"]].append(file)
        same = set()
        for partition in staged.rows():
            new, old = staged.only([partition]).files, live[partition]
            if sorted(file.size for file in new) != sorted(file["size"] for file in old):
                continue
            try:
                contents = [
                    sorted(files.cat_file(f"{path}/{name}") for name in names)
                    for names in ([file.path for file in new], [file["path"] for file in old])
                ]
            except FileNotFoundError:  # a damaged version: to be replaced
                continue
            if contents[0] == contents[1]:
                same.add(partition)
        return same

    def discard(self, staged: Staged, partitions: Iterable[str] | None = None) -> None:
        """Delete staged files that will not be committed (all, or those of some partitions)."""
        files, _ = file_system(staged.root)
        for uri in (staged if partitions is None else staged.only(partitions)).uris():
            files.rm(uri)

    def commit(self, staged: Staged, *, run_id: str, metadata: Mapping[str, str] | None = None) -> int:
        """Replace the staged partitions by the staged files in one transaction; returns the table's new version."""
        partitions = sorted({file.partition for file in staged.files})
        return self._swap(staged.contract, partitions, staged, {"run_id": run_id, **(metadata or {})})

    def withdraw(self, contract: type[Contract], partitions: Iterable[str], *, run_id: str) -> None:
        """Take partitions out of a table, so that they count as missing; earlier versions keep them."""
        nothing = Staged(contract, self.path(contract), "", ())
        self._swap(contract, sorted(partitions), nothing, {"run_id": run_id, "withdrawn": "damaged files"})

    def _swap(self, contract: type[Contract], partitions: list[str], staged: Staged, metadata: dict[str, str]) -> int:
        column = partition_column(contract)
        with self.writing(metadata["run_id"]):
            for attempt in range(1, _COMMIT_ATTEMPTS + 1):
                table = self._open_or_create(contract)
                try:
                    table.create_write_transaction(
                        actions=staged.actions(not_before=evolution.newest_addition(table)),
                        mode="overwrite",
                        schema=table.schema(),
                        partition_by=[column],
                        partition_filters=[(column, "in", partitions)],
                        commit_properties=CommitProperties(custom_metadata=metadata),
                    )
                except CommitFailedError:
                    if attempt == _COMMIT_ATTEMPTS:
                        raise
                    continue
                # Two first commits to an empty partition can both succeed: make sure that ours are the live files.
                table.update_incremental()
                now = CurrentVersion(contract, table, self.path(contract))
                live = {file["path"] for file in now.files if file["partition"] in set(partitions)}
                if live == {file.path for file in staged.files}:
                    self._current[contract] = now
                    self._written.add(contract)
                    return table.version()
        raise CommitFailedError(f"{contract.table()}: another writer keeps replacing the same partitions; run again")

    def _open_or_create(self, contract: type[Contract]) -> DeltaTable:
        table = self.delta(contract)
        if table is None:
            if not is_url(self.location):
                Path(self.path(contract)).mkdir(parents=True, exist_ok=True)
            return DeltaTable.create(
                self.path(contract),
                schema=evolution.delta_schema(contract),
                partition_by=[partition_column(contract)],
                name=contract.table(),
                description=contract.describe(),
                configuration=versions.TABLE_PROPERTIES,
            )
        evolution.require_fit(table, contract, partition_column(contract))
        newest = max((file["modified"] for file in files_of(contract, table)), default=0)
        if evolution.add_new_columns(table, contract, max(newest + 1, now_in_milliseconds())):
            table.update_incremental()
        return table

    # ---- tables of other versions of the package ---------------------------------------------------------------------

    def _require_fit(self, contract: type[Contract]) -> None:
        current = self.current(contract)
        if current is not None:
            evolution.require_no(current.misfits, contract)

    def misfits(self) -> dict[type[Contract], list[str]]:
        """The tables that do not fit their contracts, and what of them does not, in words."""
        found = {}
        for contract in TABLES.values():
            current = self.current(contract)
            if current is not None and current.misfits:
                found[contract] = current.misfits
        return found

    def empty(self, contract: type[Contract], *, run_id: str) -> None:
        """Take every row out of a table and give it the contract's columns; earlier versions stay as they were."""
        with self.writing(run_id):
            table = self.delta(contract)
            if table is not None:
                metadata = CommitProperties(custom_metadata={"run_id": run_id, "withdrawn": "columns changed"})
                evolution.overwrite_columns(table, contract, partition_column(contract), metadata)
                self._written.add(contract)

    # ---- removing what nobody needs ----------------------------------------------------------------------------------

    def vacuum(
        self, retention: timedelta | None = None, grace: timedelta | None = None, tell: Tell | None = None
    ) -> dict[str, versions.Removed]:
        """Delete replaced versions older than `retention` and what dead runs left before `grace`; files per table.

        Without them the settings count. Waits for a run that is writing.
        """
        kept = timedelta(days=self.retention_days) if retention is None else retention
        spared = timedelta(hours=self.leftover_hours) if grace is None else grace
        removed = {}
        with self.writing("vacuum", tell):
            for name, contract in TABLES.items():
                table = self.delta(contract)
                if table is not None:
                    removed[name] = versions.vacuum(table, self.path(contract), kept, spared)
            removed[_SCRATCH] = versions.remove_old(f"{self.location}/{_SCRATCH}", spared)
        return removed

    def _vacuum_quietly(self, contract: type[Contract]) -> None:
        """Vacuum after a publication, which stands whatever comes of this."""
        try:
            current = self.current(contract)
            if current is not None:
                kept, spared = timedelta(days=self.retention_days), timedelta(hours=self.leftover_hours)
                versions.vacuum(current.table, self.path(contract), kept, spared)
        except Exception as error:
            get_dagster_logger().warning(f"{contract.table()}: old files could not be removed: {error}")


def _chosen(live: Iterable[dict[str, Any]], partitions: Iterable[str] | None) -> list[dict[str, Any]]:
    """The files of some partitions (None: all) that have rows, in the partitions' order."""
    wanted = None if partitions is None else set(partitions)
    found = [file for file in live if (wanted is None or file["partition"] in wanted) and file["rows"] > 0]
    return sorted(found, key=lambda file: (file["partition"], file["path"]))


__all__ = ["LakeResource", "NotPublishedError", "Staged", "TableDamagedError", "partition_column"]
