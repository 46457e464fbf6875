"""The lake: one Delta table per asset, its files written by the engine, its versions committed by delta-rs.

A write has two halves. `stage` lets the engine write Parquet files that no reader sees; `commit` swaps whole partitions to
them in one transaction. Between the two the staged rows can be examined. A run that dies before its commit changes nothing.
"""

from __future__ import annotations

import json
import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
from dagster import ConfigurableResource
from deltalake import CommitProperties, DeltaTable
from deltalake.exceptions import CommitFailedError, TableNotFoundError
from deltalake.schema import Schema
from deltalake.transaction import AddAction, RemoveAction
from filelock import FileLock
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import to_arrow_schema

from engagement_assets.contracts import Contract
from engagement_assets.settings import as_date, is_url, local_path

#: Folder name of a partition inside a staged write. Not the partition column's name: the files keep that column inside
#: them, and readers would find it twice.
_FOLDER_KEY = "partition"

_COMMIT_ATTEMPTS = 5
_LOCK_TIMEOUT_SECONDS = 300


class TableDamagedError(RuntimeError):
    """A published file is missing or has another size than was committed; the message names it."""


class NotPublishedError(LookupError):
    """A table or some of its partitions do not exist yet; the message names them and what builds them."""


@dataclass(frozen=True)
class StagedFile:
    """A Parquet file no reader sees yet: path relative to the table, partition, rows, bytes, Delta statistics."""

    path: str
    partition: str
    rows: int
    size: int
    stats: str


@dataclass(frozen=True)
class Staged:
    """The files of one write of one table, before or after its commit."""

    contract: type[Contract]
    root: str
    folder: str
    files: tuple[StagedFile, ...] = field(repr=False)

    def rows(self) -> dict[str, int]:
        """Rows per partition, from the files' footers."""
        counts: dict[str, int] = defaultdict(int)
        for file in self.files:
            counts[file.partition] += file.rows
        return dict(counts)

    def only(self, partitions: Iterable[str]) -> Staged:
        """The same write with the files of some partitions."""
        wanted = set(partitions)
        return replace(self, files=tuple(file for file in self.files if file.partition in wanted))

    def uris(self) -> list[str]:
        """Full paths of the files."""
        return [f"{self.root}/{file.path}" for file in self.files]


def partition_column(contract: type[Contract]) -> str:
    """The column a table is partitioned by: its as-of date, or for rejected rows their source."""
    return "as_of_date" if "as_of_date" in contract.columns() else "source"


class LakeResource(ConfigurableResource):
    """The published tables under `root` (local folder or object-store URL)."""

    root: str

    @property
    def location(self) -> str:
        """The root as an absolute path or URL, without a slash at its end."""
        return self.root.rstrip("/") if is_url(self.root) else str(local_path(self.root))

    def path(self, contract: type[Contract]) -> str:
        """Where a table lives."""
        return f"{self.location}/{contract.table()}"

    def scratch(self, run_id: str) -> str:
        """A folder of the run's own for intermediate files, beside the tables."""
        return f"{self.location}/.scratch/{run_id}-{uuid.uuid4().hex[:8]}"

    def remove(self, folder: str) -> None:
        """Delete a folder of intermediate files."""
        files, path = fsspec.core.url_to_fs(folder)
        if files.exists(path):
            files.rm(path, recursive=True)

    # ---- reading -----------------------------------------------------------------------------------------------------

    def delta(self, contract: type[Contract]) -> DeltaTable | None:
        """The table's current version; None if it was never written."""
        try:
            return DeltaTable(self.path(contract))
        except TableNotFoundError:
            return None

    def _live_files(self, contract: type[Contract], table: DeltaTable | None) -> list[dict[str, Any]]:
        if table is None:
            return []
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

    def partitions(self, contract: type[Contract]) -> dict[str, int]:
        """The published partitions in their order, with their rows. A day without rows is published too, with 0."""
        counts: dict[str, int] = defaultdict(int)
        for file in self._live_files(contract, self.delta(contract)):
            counts[file["partition"]] += file["rows"]
        return dict(sorted(counts.items()))

    def outdated(self, contract: type[Contract], upstream: type[Contract]) -> set[str]:
        """Partitions of a table whose upstream partition of the same or the previous day was written later."""
        built = self._written_at(contract)
        sources = self._written_at(upstream)
        stale = set()
        for day, when in built.items():
            before = (as_date(day) - timedelta(days=1)).isoformat()
            if max(sources.get(day, 0), sources.get(before, 0)) > when:
                stale.add(day)
        return stale

    def _written_at(self, contract: type[Contract]) -> dict[str, int]:
        newest: dict[str, int] = {}
        for file in self._live_files(contract, self.delta(contract)):
            newest[file["partition"]] = max(newest.get(file["partition"], 0), int(file["modified"]))
        return newest

    def last_commit(self, contract: type[Contract]) -> dict[str, Any]:
        """What `commit` recorded with the table's newest version; empty if there is none."""
        table = self.delta(contract)
        return table.history(1)[0] if table is not None else {}

    def published_at(self, contract: type[Contract]) -> datetime | None:
        """When the newest version was committed, in UTC."""
        stamp = self.last_commit(contract).get("timestamp")
        return datetime.fromtimestamp(stamp / 1000).astimezone() if stamp else None

    def files(self, contract: type[Contract], partitions: Iterable[str] | None = None) -> list[str]:
        """Full paths of the published Parquet files, for any reader (DuckDB's `read_parquet`, pandas, Spark).

        Raises TableDamagedError if one of them is missing or has not the size that was committed: some readers skip a
        missing file without a word.
        """
        wanted = None if partitions is None else set(partitions)
        root = self.path(contract)
        live = [
            file
            for file in self._live_files(contract, self.delta(contract))
            if (wanted is None or file["partition"] in wanted) and file["rows"] > 0
        ]
        if not is_url(root):
            for file in live:
                place = Path(root, file["path"])
                found = place.stat().st_size if place.exists() else None
                if found != file["size"]:
                    what = "is missing" if found is None else f"has {found} bytes instead of {file['size']}"
                    raise TableDamagedError(
                        f"{contract.table()}: {place} {what}; rebuild it with "
                        f"`engagement run --date {file['partition']}` or restore the file from a backup"
                    )
        return [f"{root}/{file['path']}" for file in sorted(live, key=lambda file: (file["partition"], file["path"]))]

    def read(self, spark: SparkSession, contract: type[Contract], partitions: Iterable[str] | None = None) -> DataFrame:
        """The published rows of some partitions (all, if None), with exactly the contract's columns."""
        paths = self.files(contract, partitions)
        if not paths:
            return spark.createDataFrame([], contract.struct())
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

    # ---- writing -----------------------------------------------------------------------------------------------------

    def stage(self, frame: DataFrame, contract: type[Contract], *, partitions: Sequence[str], run_id: str) -> Staged:
        """Write rows as Parquet files that nobody sees, one folder per partition, ordered by customer within it.

        Parameters: `frame` has the contract's columns; `partitions` are the ones this write stands for: rows of others
        are an error, one without rows gets an empty file, so that it counts as built.
        """
        column = partition_column(contract)
        # Not named after the run alone: a retried run keeps its id, and a folder that is referenced is never touched.
        folder = f"data/{run_id}-{uuid.uuid4().hex[:8]}"
        root = self.path(contract)
        order = [
            name
            for name in (_FOLDER_KEY, "customer_id", *contract.key())
            if name == _FOLDER_KEY or name in frame.columns
        ]
        (
            frame.select(*contract.columns(), F.col(column).cast("string").alias(_FOLDER_KEY))
            .repartition(_FOLDER_KEY)
            .sortWithinPartitions(*dict.fromkeys(order))
            .write.partitionBy(_FOLDER_KEY)
            .parquet(f"{root}/{folder}")
        )
        return Staged(contract, root, folder, tuple(self._staged_files(contract, root, folder, partitions)))

    def _staged_files(
        self, contract: type[Contract], root: str, folder: str, partitions: Sequence[str]
    ) -> Iterable[StagedFile]:
        files, path = fsspec.core.url_to_fs(f"{root}/{folder}")
        base = path[: -len(folder) - 1]
        seen = set()
        found = files.find(path, detail=True) if files.exists(path) else {}
        for name, info in sorted(found.items()):
            if not name.endswith(".parquet"):
                continue
            relative = name[len(base) + 1 :]
            partition = relative.split(f"/{_FOLDER_KEY}=")[1].split("/")[0]
            if partition not in partitions:
                raise ValueError(f"{contract.table()}: rows of {partition}, which this write does not stand for")
            seen.add(partition)
            with files.open(name, "rb") as stream:
                footer = pq.ParquetFile(stream).metadata
            yield StagedFile(relative, partition, footer.num_rows, info["size"], _statistics(footer))
        schema = to_arrow_schema(contract.struct(), timezone="UTC")
        for partition in sorted(set(partitions) - seen):
            relative = f"{folder}/{_FOLDER_KEY}={partition}/empty.parquet"
            files.makedirs(f"{base}/{folder}/{_FOLDER_KEY}={partition}", exist_ok=True)
            with files.open(f"{base}/{relative}", "wb") as stream:
                pq.write_table(schema.empty_table(), stream)
            yield StagedFile(relative, partition, 0, files.size(f"{base}/{relative}"), json.dumps({"numRecords": 0}))

    def read_staged(self, spark: SparkSession, staged: Staged) -> DataFrame:
        """The rows of a staged write, as any reader will see them once they are committed."""
        paths = [f"{staged.root}/{file.path}" for file in staged.files if file.rows > 0]
        if not paths:
            return spark.createDataFrame([], staged.contract.struct())
        return spark.read.schema(staged.contract.struct()).parquet(*paths)

    def discard(self, staged: Staged, partitions: Iterable[str] | None = None) -> None:
        """Delete staged files that will not be committed (all, or those of some partitions)."""
        files, _ = fsspec.core.url_to_fs(staged.root)
        for uri in (staged if partitions is None else staged.only(partitions)).uris():
            files.rm(uri)

    def commit(self, staged: Staged, *, run_id: str, metadata: Mapping[str, str] | None = None) -> int:
        """Replace the staged partitions by the staged files in one transaction; returns the table's new version."""
        contract = staged.contract
        column = partition_column(contract)
        partitions = sorted({file.partition for file in staged.files})
        actions: list[AddAction | RemoveAction] = [
            AddAction(
                path=file.path,
                size=file.size,
                partition_values={column: file.partition},
                modification_time=int(datetime.now().timestamp() * 1000),  # noqa: DTZ005 - an instant, not a clock time
                data_change=True,
                stats=file.stats,
            )
            for file in staged.files
        ]
        properties = CommitProperties(custom_metadata={"run_id": run_id, **(metadata or {})})
        with self._writer_lock(contract):
            for attempt in range(1, _COMMIT_ATTEMPTS + 1):
                table = self._open_or_create(contract)
                try:
                    table.create_write_transaction(
                        actions=actions,
                        mode="overwrite",
                        schema=table.schema(),
                        partition_by=[column],
                        partition_filters=[(column, "in", partitions)],
                        commit_properties=properties,
                    )
                except CommitFailedError:
                    if attempt == _COMMIT_ATTEMPTS:
                        raise
                    continue
                # Two first commits to an empty partition can both succeed: make sure that ours are the live files.
                table.update_incremental()
                live = {f["path"] for f in self._live_files(contract, table) if f["partition"] in set(partitions)}
                if live == {file.path for file in staged.files}:
                    return table.version()
        raise CommitFailedError(f"{contract.table()}: another writer keeps replacing the same partitions; run again")

    def _open_or_create(self, contract: type[Contract]) -> DeltaTable:
        table = self.delta(contract)
        if table is None:
            if not is_url(self.location):
                Path(self.path(contract)).mkdir(parents=True, exist_ok=True)
            table = DeltaTable.create(
                self.path(contract),
                schema=Schema.from_arrow(to_arrow_schema(contract.struct(), timezone="UTC")),
                partition_by=[partition_column(contract)],
                name=contract.table(),
                description=contract.describe(),
            )
        return table

    def _writer_lock(self, contract: type[Contract]) -> FileLock:
        if is_url(self.location):
            folder = local_path("~/.cache/engagement/locks")
            name = uuid.uuid5(uuid.NAMESPACE_URL, self.path(contract)).hex
        else:
            folder, name = Path(self.location, ".locks"), contract.table()
        folder.mkdir(parents=True, exist_ok=True)
        return FileLock(folder / f"{name}.lock", timeout=_LOCK_TIMEOUT_SECONDS)


def _statistics(footer: pq.FileMetaData) -> str:
    """Delta statistics of a file: its rows, and the range of its customers, by which a customer's history is found."""
    stats: dict[str, Any] = {"numRecords": footer.num_rows}
    names = [footer.schema.column(i).name for i in range(footer.num_columns)]
    if "customer_id" in names and footer.num_rows:
        index = names.index("customer_id")
        groups = [footer.row_group(i).column(index).statistics for i in range(footer.num_row_groups)]
        if all(group is not None and group.has_min_max for group in groups):
            stats["minValues"] = {"customer_id": min(group.min for group in groups)}
            stats["maxValues"] = {"customer_id": max(group.max for group in groups)}
    return json.dumps(stats)
