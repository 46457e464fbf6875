"""The lake: one Delta table per asset, its files written by the engine, its versions committed by delta-rs.

A write has two halves. `stage` lets the engine write Parquet files that no reader sees; `commit` swaps whole partitions to
them in one transaction. Between the two the staged rows can be examined. A run that dies before its commit changes nothing.
One run writes to a lake at a time: what a run reads does not change under it.
"""

from __future__ import annotations

import json
import os
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
from dagster import InitResourceContext, get_dagster_logger
from deltalake import CommitProperties, DeltaTable
from deltalake.exceptions import CommitFailedError
from pydantic import PrivateAttr
from pyspark.sql import DataFrame, SparkSession

from engagement_assets.dagster_internals.telling import forget_planned
from engagement_assets.domain.contracts import TABLES, Contract
from engagement_assets.lake import schema_changes
from engagement_assets.lake.locks import LakeNotWritableError, WriterLock
from engagement_assets.lake.published import PublishedTables
from engagement_assets.lake.reading import connect, rows_of
from engagement_assets.lake.schema_changes import RENAMED_VALUES
from engagement_assets.lake.staging import Staged, StagedFile, partition_column, write_files
from engagement_assets.lake.stores import file_system, make_private, remove
from engagement_assets.lake.vacuum import Removed, remove_old, vacuum
from engagement_assets.lake.versions import CHECKSUMS, TABLE_PROPERTIES, DataFile, TableVersion
from engagement_assets.lake.zones import NO_ZONE_FOLDER
from engagement_assets.settings import Settings, is_url, local_path

_COMMIT_ATTEMPTS = 5

#: From so many files on, and up to so many rows, reading is mostly opening: an engine takes half a millisecond for each file
#: in each query, and a run asks for the history of orders in five. DuckDB opens them five times as fast, and once.
_MANY_FILES, _FEW_ROWS = 32, 50_000

#: Of how many readings the rows are kept.
_HELD = 8

#: Folder of intermediate files, beside the tables.
_SCRATCH = ".scratch"

Tell = Callable[[str], None]


class LakeResource(PublishedTables):
    """The published tables, and what writes them.

    `leftover_hours`: how long files of no version are left alone. `lock_wait_minutes`: how long a run waits for another to end.
    `rows_per_file`: about the most rows of a file.
    """

    leftover_hours: float = 24
    lock_wait_minutes: float = 60
    rows_per_file: int = 5_000_000

    _writer: WriterLock | None = PrivateAttr(default=None)
    _written: set[type[Contract]] = PrivateAttr(default_factory=set)
    _held: dict[tuple[str, ...], pa.Table | None] = PrivateAttr(default_factory=dict)
    #: Opened when it is first needed: opening a database takes as long as reading some hundred small files.
    _reader: duckdb.DuckDBPyConnection | None = PrivateAttr(default=None)

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

    @contextmanager
    def scratch(self, run_id: str) -> Iterator[str]:
        """A folder for a run's intermediate files, for the owner's eyes only; it is deleted at the end, whatever happens."""
        folder = f"{self.location}/{_SCRATCH}/{run_id}-{uuid.uuid4().hex[:8]}"
        make_private(folder)
        try:
            yield folder
        finally:
            remove(folder)

    # ---- one writer at a time ----------------------------------------------------------------------------------------

    def begin(self, who: str, tell: Tell | None = None) -> None:
        """Become the only writer until the run ends (`teardown_after_execution`). Waits for another writer to end.

        Raises SchemaChangedError if a table does not fit its contract: a run that will fail there need not begin.
        """
        if not self._lock.is_held:
            for contract in TABLES.values():
                self._require_fit(contract)
            self._take(who, tell)

    def _require_rights(self) -> None:
        """Raise LakeNotWritableError before anything is computed that could not be written."""
        if is_url(self.location):
            return
        lake = Path(self.location)
        for place in (lake, *(Path(self.path(contract)) for contract in TABLES.values())):
            there = next(each for each in (place, *place.parents) if each.exists())
            if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
                why = "may not be written by this user" if there.is_dir() else "is no folder"
                raise LakeNotWritableError(
                    f"the tables in {lake} (ENGAGEMENT_LAKE) cannot be written: {there} {why}; give yourself the right to, or "
                    "name another folder"
                )

    def _take(self, who: str, tell: Tell | None) -> None:
        if not self._lock.is_held:
            self._require_rights()
        try:
            self._lock.take(who, tell or get_dagster_logger().info)
        except OSError as error:
            raise LakeNotWritableError(
                f"the tables in {self.location} (ENGAGEMENT_LAKE) cannot be written: {error.strerror}; nothing was done"
            ) from None

    @contextmanager
    def writing(self, who: str, tell: Tell | None = None) -> Iterator[None]:
        """Be the only writer for a while; no matter if this object is already."""
        self._take(who, tell)
        try:
            yield
        finally:
            self._lock.give_back()

    def teardown_after_execution(self, context: InitResourceContext) -> None:
        try:
            for contract in self._written:
                self._vacuum_quietly(contract)
        finally:
            if context.run is not None and context.instance is not None:
                forget_planned(context.instance, context.run.run_id)
            self._written.clear()
            self._held.clear()
            if self._reader is not None:
                self._reader.close()
                self._reader = None
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

    def read(self, spark: SparkSession, contract: type[Contract], partitions: Iterable[str] | None = None) -> DataFrame:
        """The published rows of some partitions (all, if None), with exactly the contract's columns.

        Few rows of many files are handed over by this process, which keeps them for the next query.
        """
        wanted = None if partitions is None else list(partitions)
        frame = super().read(spark, contract, wanted)
        current = self.current(contract)
        held = None if current is None else self._held_rows(spark, contract, current.with_rows(wanted))
        return frame if held is None else held

    def _held_rows(
        self, spark: SparkSession, contract: type[Contract], files: Sequence[DataFile | StagedFile]
    ) -> DataFrame | None:
        """Few rows of many files, which this process has read; None where an engine is to read them."""
        is_small = len(files) >= _MANY_FILES and sum(file.rows for file in files) <= _FEW_ROWS
        # Engines read labels of earlier releases as they are; DuckDB's views rename them.
        if not is_small or not RENAMED_VALUES.keys().isdisjoint(contract.columns()):
            return None
        key = tuple(file.path for file in files)
        if key not in self._held:
            for oldest in list(self._held)[: -_HELD + 1]:
                self._held.pop(oldest, None)  # another thread may have read something, too
            self._reader = self._reader or connect(self)
            self._held[key] = rows_of(self._reader, contract, [f"{self.path(contract)}/{path}" for path in key])
        rows = self._held[key]
        # Where a file cannot be read the engine says so, as of any other.
        return None if rows is None else spark.createDataFrame(rows, contract.struct())

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
        if contract.is_private():
            make_private(self.path(contract))
        # Not named after the run alone: a retried run keeps its id, and a folder that is referenced is never touched.
        folder = f"data/{run_id}-{uuid.uuid4().hex[:8]}{NO_ZONE_FOLDER}"
        parts = -(-most_rows // self.rows_per_file) or 1
        return write_files(frame, contract, self.path(contract), folder, partitions, parts)

    def read_staged(self, spark: SparkSession, staged: Staged) -> DataFrame:
        """The rows of a staged write, as any reader will see them once they are committed."""
        files = sorted((file for file in staged.files if file.rows > 0), key=lambda file: (file.partition, file.path))
        if not files:
            return spark.createDataFrame([], staged.contract.struct())
        held = self._held_rows(spark, staged.contract, files)
        if held is not None:
            return held
        return spark.read.schema(staged.contract.struct()).parquet(*(f"{staged.root}/{file.path}" for file in files))

    def unchanged(self, staged: Staged) -> set[str]:
        """Staged partitions whose files are, byte for byte, those that are published."""
        files, path = file_system(staged.root)
        live: dict[str, list[DataFile]] = defaultdict(list)
        for file in self.live_files(staged.contract):
            live[file.partition].append(file)
        same = set()
        for partition in staged.rows():
            new, old = staged.only([partition]).files, live[partition]
            if sorted(file.size for file in new) != sorted(file.size for file in old):
                continue
            try:
                contents = [
                    sorted(files.cat_file(f"{path}/{name}") for name in names)
                    for names in ([file.path for file in new], [file.path for file in old])
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
        sums = {CHECKSUMS: json.dumps(staged.checksums())}
        return self._swap(staged.contract, partitions, staged, {"run_id": run_id, **(metadata or {}), **sums})

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
                        actions=staged.actions(),
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
                now = TableVersion(contract, table, self.path(contract))
                live = {file.path for file in now.files if file.partition in set(partitions)}
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
                schema=schema_changes.delta_schema(contract),
                partition_by=[partition_column(contract)],
                name=contract.table(),
                description=contract.describe(),
                configuration=TABLE_PROPERTIES,
            )
        schema_changes.require_none(schema_changes.found(table, contract, partition_column(contract)), contract)
        schema_changes.add_new_columns(table, contract)
        return table

    def empty(self, contract: type[Contract], *, run_id: str) -> None:
        """Take every row out of a table and give it the contract's columns; earlier versions stay as they were."""
        with self.writing(run_id):
            table = self.delta(contract)
            if table is not None:
                metadata = CommitProperties(custom_metadata={"run_id": run_id, "withdrawn": "columns changed"})
                table.create_write_transaction(
                    actions=[],
                    mode="overwrite",
                    schema=schema_changes.delta_schema(contract),
                    partition_by=[partition_column(contract)],
                    commit_properties=metadata,
                )
                self._written.add(contract)

    # ---- removing what nobody needs ----------------------------------------------------------------------------------

    def vacuum(
        self, retention: timedelta | None = None, grace: timedelta | None = None, tell: Tell | None = None
    ) -> dict[str, Removed]:
        """Delete replaced versions older than `retention` and what dead runs left before `grace`; files per table.

        Without them the settings count. Waits for a run that is writing.
        """
        kept = timedelta(days=self.retention_days) if retention is None else retention
        spared = timedelta(hours=self.leftover_hours) if grace is None else grace
        removed = {}
        with self.writing("vacuum", tell):
            for name, contract in TABLES.items():
                table = self.delta(contract)
                # Without a log, files are what a run left that died before its first commit.
                removed[name] = (
                    remove_old(f"{self.path(contract)}/data", spared)
                    if table is None
                    else vacuum(table, self.path(contract), kept, spared)
                )
            removed[_SCRATCH] = remove_old(f"{self.location}/{_SCRATCH}", spared)
        return removed

    def _vacuum_quietly(self, contract: type[Contract]) -> None:
        """Vacuum after a publication, which stands whatever comes of this."""
        try:
            current = self.current(contract)
            if current is not None:
                kept, spared = timedelta(days=self.retention_days), timedelta(hours=self.leftover_hours)
                vacuum(current.table, self.path(contract), kept, spared)
        except Exception as error:
            get_dagster_logger().warning(f"{contract.table()}: old files could not be removed: {error}")
