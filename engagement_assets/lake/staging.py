"""Files of a table that nobody sees yet: written by the engine, described for the transaction that will publish them."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import pyarrow.parquet as pq
from deltalake.transaction import AddAction, RemoveAction
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import to_arrow_schema

from engagement_assets.domain.contracts import Contract
from engagement_assets.lake.damage import checksum
from engagement_assets.lake.stores import file_system
from engagement_assets.lake.zones import NO_ZONE

#: Folder name of a partition inside a staged write. Not the partition column's name: the files keep that column inside
#: them, and readers would find it twice.
FOLDER_KEY = "partition"

#: Files are in the order of customers: a reader of one customer decodes a group of rows and skips the others.
_ROWS_PER_GROUP = 20_000

#: What the engines call it: the embedded one, and Apache Spark. Either passes over the other's.
_GROUP_OPTIONS = ("max_row_group_size", "parquet.block.row.count.limit")


@dataclass(frozen=True)
class StagedFile:
    """A Parquet file no reader sees yet: path relative to the table, partition, rows, bytes, checksum, Delta statistics."""

    path: str
    partition: str
    rows: int
    size: int
    checksum: str
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

    def contents(self) -> dict[str, str]:
        """A hash of the rows of each partition."""
        return contents_of((file.partition, file.checksum) for file in self.files)

    def checksums(self) -> dict[str, str]:
        """The checksum of each file, by its path."""
        return {file.path: file.checksum for file in self.files}

    def actions(self) -> list[AddAction | RemoveAction]:
        """The files as a Delta transaction adds them, as of now."""
        now = now_in_milliseconds()
        column = partition_column(self.contract)
        return [
            AddAction(
                path=file.path,
                size=file.size,
                partition_values={column: file.partition},
                modification_time=now,
                data_change=True,
                stats=file.stats,
            )
            for file in self.files
        ]


def contents_of(files: Iterable[tuple[str, str]]) -> dict[str, str]:
    """A hash of each partition's rows from its files' checksums: an engine writes the same rows as the same bytes."""
    found: dict[str, list[str]] = defaultdict(list)
    for partition, known in files:
        found[partition].append(known)
    return {day: hashlib.sha256("".join(sorted(each)).encode()).hexdigest()[:16] for day, each in found.items()}


def now_in_milliseconds() -> int:
    """Unix time in milliseconds, as Delta tables tell when a file was written."""
    return int(datetime.now().timestamp() * 1000)  # noqa: DTZ005 - an instant, not a clock time


def partition_column(contract: type[Contract]) -> str:
    """The column a table is partitioned by: its as-of date, or for rejected rows their source."""
    return "as_of_date" if "as_of_date" in contract.columns() else "source"


def partition_of(path: str) -> str:
    """The partition of a file that was staged, by its path."""
    return path.split(f"/{FOLDER_KEY}=")[1].split("/")[0]


def write_files(
    frame: DataFrame, contract: type[Contract], root: str, folder: str, partitions: Sequence[str], parts: int = 1
) -> Staged:
    """Write a frame under `root`/`folder`, one folder per partition, ordered by customer within each file.

    A partition has one file or, of tables with customers, up to `parts`, each with the customers that fall to it. Row groups are
    small, so that one customer's rows are found without decoding everybody's. A partition without rows gets an empty file, so
    that it counts as built; rows of a partition that is not among `partitions` are an error.
    """
    column = partition_column(contract)
    # A folder is a value of the partition's column: sorting by both would be sorting twice.
    columns = contract.columns()  # the frame's; asking the frame itself has the engine look through all it is read from
    by = [name for name in dict.fromkeys(("customer_id", *contract.key())) if name in columns and name != column]
    rows = frame.select(*columns, F.col(column).cast("string").alias(FOLDER_KEY))
    if parts > 1 and "customer_id" in columns:
        # By number, or Spark would put small parts together again.
        part = F.pmod(F.xxhash64("customer_id"), F.lit(parts))
        rows = rows.repartition(parts * len(partitions), FOLDER_KEY, part)
    else:
        rows = rows.repartition(FOLDER_KEY)
    writer = rows.sortWithinPartitions(FOLDER_KEY, *by).write.partitionBy(FOLDER_KEY)
    writer.options(**dict.fromkeys(_GROUP_OPTIONS, _ROWS_PER_GROUP), **NO_ZONE).parquet(f"{root}/{folder}")
    return staged_files(contract, root, folder, partitions)


def staged_files(contract: type[Contract], root: str, folder: str, partitions: Sequence[str]) -> Staged:
    """The files that were written under `root`/`folder`, and an empty one for each partition that has none."""
    return Staged(contract, root, folder, tuple(_found(contract, root, folder, partitions)))


def _found(contract: type[Contract], root: str, folder: str, partitions: Sequence[str]) -> Iterator[StagedFile]:
    files, path = file_system(f"{root}/{folder}")
    base = path[: -len(folder) - 1]
    seen = set()
    found = files.find(path, detail=True) if files.exists(path) else {}
    for name, info in sorted(found.items()):
        if not name.endswith(".parquet"):
            continue
        relative = name[len(base) + 1 :]
        partition = partition_of(relative)
        if partition not in partitions:
            raise ValueError(f"{contract.table()}: rows of {partition}, which this write does not stand for")
        seen.add(partition)
        with files.open(name, "rb") as stream:
            footer = pq.ParquetFile(stream).metadata
        yield StagedFile(relative, partition, footer.num_rows, info["size"], checksum(files, name), statistics(footer))
    schema = to_arrow_schema(contract.struct(), timezone="UTC")
    for partition in sorted(set(partitions) - seen):
        relative = f"{folder}/{FOLDER_KEY}={partition}/empty.parquet"
        files.makedirs(f"{base}/{folder}/{FOLDER_KEY}={partition}", exist_ok=True)
        with files.open(f"{base}/{relative}", "wb") as stream:
            pq.write_table(schema.empty_table(), stream, store_schema=False)
        place = f"{base}/{relative}"
        yield StagedFile(
            relative, partition, 0, files.size(place), checksum(files, place), json.dumps({"numRecords": 0})
        )


def statistics(footer: pq.FileMetaData) -> str:
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
