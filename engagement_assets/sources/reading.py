"""Third step: an engine reads the files, each row with where it is from.

Files that an engine does not read, or not as other engines do, are read by a copy (copies.py).
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial, reduce
from pathlib import PurePosixPath
from typing import IO, Any

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from engagement_assets.domain import verdicts
from engagement_assets.lake.stores import file_system
from engagement_assets.sources import copies
from engagement_assets.sources.finding import SourceFile, SourcesResource
from engagement_assets.sources.inspecting import Inspection
from engagement_assets.sources.source import FileKind
from engagement_assets.transforms import json_lines

#: From how many files on a row's origin is told by folder, and from how many folders on by source: one read per origin.
_MOST_ORIGINS = 40


@dataclass(frozen=True)
class Rows:
    """Rows as they were read: `frame` has source_path, and what the columns here speak of."""

    frame: DataFrame
    #: Field -> its column and what it holds (source.Field.convert).
    given: Mapping[str, tuple[Column, Any]]
    #: The row as text, and the verdict on it as a whole; None where rows never were text.
    raw: Column | None = None
    verdict: Column | None = None


def read(sources: SourcesResource, spark: SparkSession, inspection: Inspection, scratch: str) -> Iterator[Rows]:
    """The rows of the files that were found readable, in one frame for each group of files that are converted alike.

    Copies of files that an engine cannot read are put under `scratch`.
    """
    how = _read_parquet if inspection.source.files is FileKind.PARQUET else _read_lines
    return how(sources, spark, inspection, scratch)


def _read_parquet(
    sources: SourcesResource, spark: SparkSession, inspection: Inspection, scratch: str
) -> Iterator[Rows]:
    wanted = inspection.source.columns
    for group in inspection.groups:
        # An explicit schema: an engine that has to find it out refuses types in columns that nobody asked for.
        schema = ", ".join(f"`{name}` {copies.spark_type(kind)}" for name, kind in group.columns.items())
        columns = [F.col(name) if name in group.columns else F.lit(None).cast("string").alias(name) for name in wanted]
        copy = partial(copies.copy_parquet, columns=list(group.columns))
        parts = []
        for origin, files in _by_origin(list(group.files), inspection).items():
            paths = [
                _copy(sources, file, scratch, ".parquet", copy) if file.name in group.copied else file.path
                for file in files
            ]
            frame = spark.read.schema(schema).parquet(*paths)
            parts.append(frame.select(*columns, F.lit(origin).alias("source_path")))
        given = {name: (F.col(name), group.kinds.get(name, "text")) for name in wanted}
        yield Rows(reduce(DataFrame.unionAll, parts), given)


def _read_lines(sources: SourcesResource, spark: SparkSession, inspection: Inspection, scratch: str) -> Iterator[Rows]:
    """One frame, so that what is done with it is planned once; none where there is no line."""
    readable = [file for file in inspection.files if file.name in inspection.notes and file.size > 0]
    copied = [file for file in readable if not inspection.notes[file.name].is_utf8 or not copies.has_plain_name(file)]
    direct = [file for file in readable if file not in copied]
    # Sail reads no plain and packed files together.
    groups = [[f for f in direct if not f.is_packed], [f for f in direct if f.is_packed], copied]
    parts = []
    for group in groups:
        for origin, files in _by_origin(group, inspection).items():
            paths = [file.path for file in files]
            if group is copied:
                paths = [
                    _copy(sources, file, scratch, ".txt", partial(copies.copy_text, packed=file.is_packed))
                    for file in files
                ]
            lines = spark.read.text(paths, lineSep="\n")
            parts.append(lines.select("value", F.lit(origin).alias("source_path")))
    if parts:
        names = [field.name for field in inspection.source.fields]
        yield Rows(
            json_lines.parse_lines(reduce(DataFrame.unionAll, parts), names),
            {name: (F.col(f"{name}_text"), F.col(f"{name}_kind")) for name in names},
            F.col("value"),
            F.when(F.col("is_blank"), verdicts.BLANK).when(~F.col("is_object"), verdicts.MALFORMED_JSON),
        )


def _copy(
    sources: SourcesResource,
    file: SourceFile,
    scratch: str,
    ending: str,
    how: Callable[[IO[bytes], IO[bytes]], None],
) -> str:
    # Named by a hash of its name, not by its name, which may hold anything.
    name = hashlib.sha256(file.name.encode("utf-8", "surrogateescape")).hexdigest()[:32]
    target = f"{scratch}/copies/{name}{ending}"
    files, path = file_system(target)
    files.makedirs(path.rsplit("/", 1)[0], exist_ok=True)
    with sources.open(file) as source, files.open(path, "wb") as copy:
        how(source, copy)
    return target


def _by_origin(files: Sequence[SourceFile], inspection: Inspection) -> dict[str, list[SourceFile]]:
    """Files by what is told as their rows' origin: the file; of many files, the folder; of many folders, the source."""
    grouped: dict[str, list[SourceFile]] = defaultdict(list)
    many_files = len(inspection.files) > _MOST_ORIGINS
    many_folders = len({_folder(file) for file in inspection.files}) > _MOST_ORIGINS
    for file in files:
        origin = file.name if not many_files else inspection.source.name if many_folders else _folder(file)
        grouped[origin].append(file)
    return grouped


def _folder(file: SourceFile) -> str:
    return str(PurePosixPath(file.name).parent)
