"""Where the source files are, what their schemas are, and how they are read.

Files are looked up recursively under `<root>/<source>`; names that begin with `_` or `.` are other systems' leftovers and
are skipped, folders so named too. Parquet files of one source may differ in their columns' types: each footer is read,
files of one schema are read together, and each group is converted by itself.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
from dagster import ConfigurableResource
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from engagement_assets.contracts.sources import SOURCE_COLUMNS
from engagement_assets.settings import is_url, local_path
from engagement_assets.transforms.conversions import Kind

_ENDINGS = {
    "customers": (".parquet",),
    "orders": (".parquet",),
    "web_events": tuple(f".{kind}{packed}" for kind in ("json", "jsonl", "ndjson") for packed in ("", ".gz")),
}

#: From how many files on a row's origin is told by folder, and from how many folders on by source: one read per origin.
_MOST_ORIGINS = 40


class SourceSchemaError(ValueError):
    """A source file lacks a required column or holds it in a type that means something else; the message says which."""


@dataclass(frozen=True)
class SourceFile:
    """A file of a source: full path, path relative to the root, bytes, and what tells two versions of it apart."""

    path: str
    name: str
    size: int
    version: str


@dataclass(frozen=True)
class ParquetGroup:
    """Files that have the same columns and types."""

    files: tuple[SourceFile, ...]
    types: dict[str, str]
    kinds: dict[str, Kind]
    rows: int


@dataclass(frozen=True)
class Inspection:
    """What was found of a source before it is read."""

    source: str
    files: tuple[SourceFile, ...]
    groups: tuple[ParquetGroup, ...] = ()
    #: File name -> why it cannot be read.
    unreadable: dict[str, str] = field(default_factory=dict)

    @property
    def signature(self) -> str:
        """Changes when any file is added, removed or changed."""
        text = json.dumps(sorted((file.name, file.size, file.version) for file in self.files))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def extra_columns(self) -> list[str]:
        """Columns of the files that the contract does not know; they are ignored."""
        return sorted({name for group in self.groups for name in group.types} - set(SOURCE_COLUMNS[self.source]))


class SourcesResource(ConfigurableResource):
    """The source files under `root` (local folder or object-store URL)."""

    root: str

    @property
    def location(self) -> str:
        """The root as an absolute path or URL, without a slash at its end."""
        return self.root.rstrip("/") if is_url(self.root) else str(local_path(self.root))

    def find(self, source: str) -> list[SourceFile]:
        """The files of a source in the order of their names; none if its folder does not exist."""
        files, base = fsspec.core.url_to_fs(f"{self.location}/{source}")
        if not files.exists(base):
            return []
        found = []
        for path, info in sorted(files.find(base, detail=True).items()):
            name = PurePosixPath(path).relative_to(PurePosixPath(base))
            if any(part.startswith(("_", ".")) for part in name.parts):
                continue
            if not path.lower().endswith(_ENDINGS[source]):
                continue
            version = info.get("ETag") or info.get("mtime") or info.get("LastModified") or ""
            full = files.unstrip_protocol(path) if is_url(self.root) else path
            found.append(SourceFile(full, f"{source}/{name}", int(info["size"] or 0), str(version)))
        return found

    def inspect(self, source: str) -> Inspection:
        """Look at each file of a source before it is read; raises SourceSchemaError for a missing required column."""
        found = self.find(source)
        if source == "web_events":
            return Inspection(source, tuple(found))
        readable: dict[str, list[tuple[SourceFile, pq.FileMetaData]]] = defaultdict(list)
        unreadable = {}
        for file in found:
            try:
                with fsspec.open(file.path, "rb") as stream:
                    footer = pq.ParquetFile(stream).metadata
            except (pa.ArrowInvalid, OSError) as error:
                unreadable[file.name] = f"no readable Parquet file ({str(error).splitlines()[0][:120]})"
                continue
            readable[str(footer.schema.to_arrow_schema().remove_metadata())].append((file, footer))
        groups = []
        for members in readable.values():
            schema = members[0][1].schema.to_arrow_schema()
            self._require_columns(source, members[0][0], schema.names)
            types = {name: str(schema.field(name).type) for name in schema.names}
            known = {name: kind_of(schema.field(name).type) for name in schema.names if name in SOURCE_COLUMNS[source]}
            rows = sum(footer.num_rows for _, footer in members)
            groups.append(ParquetGroup(tuple(file for file, _ in members), types, known, rows))
        return Inspection(source, tuple(found), tuple(groups), unreadable)

    def _require_columns(self, source: str, file: SourceFile, found: Sequence[str]) -> None:
        missing = [name for name, required in SOURCE_COLUMNS[source].items() if required and name not in found]
        if missing:
            listed = ", ".join(f"'{name}'" for name in missing)
            raise SourceSchemaError(
                f"{source}: column {listed} is missing in {file.path} (found: {', '.join(found)}); "
                "rename the column in the file or take the file out of the folder"
            )

    def read_parquet(self, spark: SparkSession, inspection: Inspection) -> Iterator[tuple[DataFrame, dict[str, Kind]]]:
        """Each group of files as a frame with the source's columns (missing optional ones null) and source_path."""
        wanted = SOURCE_COLUMNS[inspection.source]
        origins = _origins(inspection)
        for group in inspection.groups:
            for origin, files in _by_origin(group.files, origins).items():
                frame = spark.read.parquet(*[file.path for file in files])
                columns = [
                    F.col(name) if name in group.types else F.lit(None).cast("string").alias(name) for name in wanted
                ]
                kinds: dict[str, Kind] = {name: group.kinds.get(name, "text") for name in wanted}
                frame_types = dict(frame.dtypes)
                for name, kind in kinds.items():
                    # Sail reads nanoseconds as timestamps, Apache Spark as integers.
                    if kind in ("timestamp_nanos", "local_nanos") and frame_types.get(name) != "bigint":
                        kinds[name] = "timestamp"
                yield frame.select(*columns, F.lit(origin).alias("source_path")), kinds

    def read_lines(self, spark: SparkSession, inspection: Inspection) -> Iterator[DataFrame]:
        """The lines of text files as frames with `value` and source_path; packed and plain files apart."""
        origins = _origins(inspection)
        for packed in (False, True):
            chosen = [file for file in inspection.files if file.name.endswith(".gz") == packed and file.size > 0]
            for origin, files in _by_origin(chosen, origins).items():
                lines = spark.read.text([file.path for file in files], lineSep="\n")
                yield lines.select("value", F.lit(origin).alias("source_path"))


def _origins(inspection: Inspection) -> str:
    """How a row's origin is told: by file, by folder where there are many files, by source where there are many folders."""
    if len(inspection.files) <= _MOST_ORIGINS:
        return "file"
    folders = {str(PurePosixPath(file.name).parent) for file in inspection.files}
    return "folder" if len(folders) <= _MOST_ORIGINS else "source"


def _by_origin(files: Sequence[SourceFile], origins: str) -> dict[str, list[SourceFile]]:
    grouped: dict[str, list[SourceFile]] = defaultdict(list)
    for file in files:
        folder = str(PurePosixPath(file.name).parent)
        grouped[{"file": file.name, "folder": folder, "source": file.name.split("/")[0]}[origins]].append(file)
    return grouped


def kind_of(arrow_type: pa.DataType) -> Kind:
    """What an Arrow type is, as far as its conversion is concerned."""
    if pa.types.is_dictionary(arrow_type):
        return kind_of(arrow_type.value_type)
    if pa.types.is_timestamp(arrow_type):
        if arrow_type.unit == "ns":
            return "timestamp_nanos" if arrow_type.tz else "local_nanos"
        return "timestamp"
    tests: list[tuple[Any, Kind]] = [
        (pa.types.is_string, "text"),
        (pa.types.is_large_string, "text"),
        (pa.types.is_integer, "integer"),
        (pa.types.is_decimal, "decimal"),
        (pa.types.is_floating, "float"),
        (pa.types.is_date, "date"),
    ]
    return next((kind for test, kind in tests if test(arrow_type)), "other")
