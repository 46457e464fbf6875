"""Third step: an engine reads the files, each row with where it is from.

Files that an engine does not read, or not as other engines do, are read by a copy (copies.py).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import PurePosixPath
from types import MappingProxyType

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from engagement_assets.domain import verdicts
from engagement_assets.domain.source_mapping import SourceMapping
from engagement_assets.sources import copies
from engagement_assets.sources.copies import Place
from engagement_assets.sources.csv_files import MALFORMED
from engagement_assets.sources.finding import SourceFile, SourcesResource
from engagement_assets.sources.inspecting import Inspection, TableGroup, copy_names, copy_path, open_copy
from engagement_assets.transforms import json_lines
from engagement_assets.transforms.conversions import Kind

#: From how many files on a row's origin is told by folder, and from how many folders on by source: one read per origin.
_MOST_ORIGINS = 40

#: The columns of a copy that hold the name of its file, and how many rows there are before each.
_ORIGIN, _POSITION = "source file", "position in it"

_NOTHING: Mapping[str, Place] = MappingProxyType({})


@dataclass(frozen=True)
class Rows:
    """Rows as they were read: `frame` has source_path, position, and what the columns here speak of.

    The position in the file is null where nobody asked for it (Inspection.with_positions): no engine tells it, and Sail gives
    the rows of a large Parquet file in another order than it has them.
    """

    frame: DataFrame
    #: What is asked for -> its column and what it holds (source.Field.convert); without those that are nowhere.
    given: Mapping[str, tuple[Column, Kind | Column]]
    #: The row as text, and the verdict on it as a whole; None where rows never were text.
    raw: Column | None = None
    verdict: Column | None = None


def read(sources: SourcesResource, spark: SparkSession, inspection: Inspection, scratch: str) -> Iterator[Rows]:
    """The rows of the files that were found readable, in one frame for each group of files that are converted alike.

    Copies of files that an engine cannot read are put under `scratch`.
    """
    reader = _Reader(sources, spark, inspection, scratch)
    for group in inspection.groups:
        yield reader.table(group)
    yield from reader.lines()


@dataclass(frozen=True)
class _Reader:
    sources: SourcesResource
    spark: SparkSession
    inspection: Inspection
    scratch: str

    @property
    def _is_told(self) -> bool:
        """Whether files are copied with their names and positions beside their rows: no engine tells these of many files."""
        of_many = self.inspection.source.later_file_wins and len(self.inspection.files) > _MOST_ORIGINS
        return of_many or self.inspection.with_positions

    @property
    def _mapping(self) -> SourceMapping:
        return self.inspection.mapping or SourceMapping()

    def table(self, group: TableGroup) -> Rows:
        """The rows of files that are tables."""
        told = self._is_told
        names = dict(zip(group.places, copy_names(group.places), strict=True)) if told else group.names
        types = {
            names[asked]: copies.copied_type(group.columns[name]) if told else group.columns[name]
            for asked, name in group.names.items()
        }
        columns = {name: copies.spark_type(kind) for name, kind in types.items()}
        columns |= dict.fromkeys((MALFORMED,) * group.is_csv + (_ORIGIN,) * told, "string")
        columns |= dict.fromkeys((_POSITION,) * told, "bigint")
        # An explicit schema: an engine that has to find it out refuses types in columns that nobody asked for.
        schema = ", ".join(f"`{name}` {kind}" for name, kind in columns.items())
        numbers = {name: f"_{number}" for number, name in enumerate(columns)}
        asked = [F.col(f"`{name}`").alias(number) for name, number in numbers.items()]
        if told:
            paths = [self._table_copy(file, group, _told_of(file)) for file in group.files]
            found = self.spark.read.schema(schema).parquet(*paths).select(*asked)
            frame = found.withColumnsRenamed({numbers[_ORIGIN]: "source_path", numbers[_POSITION]: "position"})
        else:
            parts = []
            for origin, files in _by_origin(list(group.files), self.inspection).items():
                paths = [self._table_copy(file, group) if file.name in group.copied else file.path for file in files]
                part = self.spark.read.schema(schema).parquet(*paths)
                parts.append(part.select(*asked, F.lit(origin).alias("source_path"), _no_position()))
            frame = reduce(DataFrame.unionAll, parts)
        given = {asked: (F.col(numbers[name]), group.kinds[asked]) for asked, name in names.items()}
        if not group.is_csv:
            return Rows(frame, given)
        malformed = F.col(numbers[MALFORMED])
        return Rows(frame, given, malformed, F.when(malformed.isNotNull(), verdicts.MALFORMED_LINE))

    def lines(self) -> Iterator[Rows]:
        """The rows of files of JSON: one frame for each spelling of keys; none where there is no line."""
        notes = self.inspection.notes
        spellings: dict[tuple[str, ...], list[SourceFile]] = defaultdict(list)
        for file in self.inspection.files:
            if file.name in notes and file.size > 0 and notes[file.name].lines:
                keys = notes[file.name].keys
                asked = (self.inspection.names_of(name) for name in self.inspection.references)
                spellings[tuple(_spelled(names, keys) for names in asked)].append(file)
        for spelled, files in spellings.items():
            yield self._lines(spelled, files)

    def _lines(self, spelled: Sequence[str], readable: Sequence[SourceFile]) -> Rows:
        """The rows of files, in which what is asked for is `spelled` so; one frame, so that what follows is planned once."""
        fields = {f"_{number}": json_lines.path_of(name) for number, name in enumerate(spelled)}
        return Rows(
            json_lines.parse_lines(self._texts(readable), fields),
            {name: (F.col(f"_{n}_text"), F.col(f"_{n}_kind")) for n, name in enumerate(self.inspection.references)},
            F.col("value"),
            F.when(F.col("is_blank"), verdicts.BLANK).when(~F.col("is_object"), verdicts.MALFORMED_JSON),
        )

    def _texts(self, readable: Sequence[SourceFile]) -> DataFrame:
        """The lines of files as `value`, each with its source_path and position."""
        if self._is_told:
            schema = f"value string, `{_ORIGIN}` string, `{_POSITION}` bigint"
            found = self.spark.read.schema(schema).parquet(*[self._lines_copy(file) for file in readable])
            return found.withColumnsRenamed({_ORIGIN: "source_path", _POSITION: "position"})
        notes, is_utf8 = self.inspection.notes, self._mapping.encoding == "utf-8"
        direct = [
            file
            for file in readable
            if is_utf8 and notes[file.name].is_utf8 and not notes[file.name].document and copies.has_plain_name(file)
        ]
        # Sail reads no plain and packed files together.
        copied = [file for file in readable if file not in direct]
        groups = [[f for f in direct if f.packing is None], [f for f in direct if f.packing is not None], copied]
        parts = []
        for group in groups:
            for origin, files in _by_origin(group, self.inspection).items():
                paths = [self._text_copy(file) if group is copied else file.path for file in files]
                lines = self.spark.read.text(paths, lineSep="\n")
                parts.append(lines.select("value", F.lit(origin).alias("source_path"), _no_position()))
        return reduce(DataFrame.unionAll, parts)

    def _table_copy(self, file: SourceFile, group: TableGroup, beside: Mapping[str, Place] = _NOTHING) -> str:
        if file.name in self.inspection.prepared and not beside:
            return self.inspection.prepared[file.name]
        places = {**copy_names(group.places), **beside}
        target = copy_path(self.scratch, file, ".parquet", places)
        with self.sources.open(file) as source, open_copy(target) as copy:
            if group.is_csv:
                copies.copy_csv(source, copy, file.packing, self._mapping, places)
            else:
                copies.copy_parquet(source, copy, places)
        return target

    def _lines_copy(self, file: SourceFile) -> str:
        beside = _told_of(file)
        target = copy_path(self.scratch, file, ".parquet", beside)
        with self.sources.open(file) as source, open_copy(target) as copy:
            is_document = self.inspection.notes[file.name].document
            copies.copy_lines(source, copy, file.packing, self._mapping.encoding, is_document, beside)
        return target

    def _text_copy(self, file: SourceFile) -> str:
        if file.name in self.inspection.prepared:
            return self.inspection.prepared[file.name]
        target = copy_path(self.scratch, file, ".txt")
        with self.sources.open(file) as source, open_copy(target) as copy:
            is_document = self.inspection.notes[file.name].document
            copies.copy_text(source, copy, file.packing, self._mapping.encoding, is_document)
        return target


def _no_position() -> Column:
    return F.lit(None).cast("bigint").alias("position")


def _told_of(file: SourceFile) -> dict[str, Place]:
    return {_ORIGIN: Place(constant=file.name), _POSITION: Place(is_position=True)}


def _spelled(names: Sequence[str], keys: Sequence[str]) -> str:
    """The first of some fields that is there, else the last, as it is spelled among the keys.

    In other capitals, where it is not there as asked, and that is unambiguous.
    """
    lower = {key.lower() for key in keys}
    name = next((each for each in names if each.lower() in lower), names[-1])
    first = name if name in keys else name.split(".")[0]
    alike = [key for key in keys if key.lower() == first.lower()]
    return name if first in keys or len(alike) != 1 else alike[0] + name[len(first) :]


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
