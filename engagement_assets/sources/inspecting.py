"""Second step: what the files are, found out before an engine reads them.

Each file is looked at, and one that cannot be read is left out with a reason (files.py). Parquet files of one source may differ
in their columns' types: files of the same types are read together, and each group is converted by itself.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Container, Mapping, MutableMapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from typing import IO, Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from engagement_assets.sources import copies
from engagement_assets.sources.files import (
    TextNote,
    UnreadableFileError,
    decode_parquet,
    look_at_parquet,
    scan_text,
)
from engagement_assets.sources.finding import Listing, SourceFile, SourcesResource, hash_of
from engagement_assets.sources.source import FileKind, Source
from engagement_assets.transforms.conversions import Kind

#: Files looked at at the same time.
_LOOKS = 8

#: What is known of text files that were read to their end: path relative to the root -> state of the file, note.
Notes = MutableMapping[str, tuple[str, TextNote]]

#: Types that columns have in copies, other than timestamps and decimals.
_KINDS: dict[pa.DataType, Kind] = {
    pa.string(): "text",
    pa.int64(): "integer",
    pa.float64(): "float",
    pa.float32(): "float",
    pa.date32(): "date",
}

T = TypeVar("T")


class SourceSchemaError(ValueError):
    """A source file lacks a required column, or has it twice; the message says which."""


@dataclass(frozen=True)
class ParquetGroup:
    """Files that are read together: those of their columns that the contract knows arrive in the same types.

    A file arrives as it is, or, if its name is in `copied`, as a copy in types that every engine reads.
    """

    columns: Mapping[str, pa.DataType]
    kinds: Mapping[str, Kind]
    #: Each with its rows, by its footer.
    files: Mapping[SourceFile, int]
    copied: frozenset[str] = frozenset()

    def with_file(self, file: SourceFile, rows: int, copied: bool) -> ParquetGroup:
        """The group and one more file."""
        names = {file.name} if copied else frozenset()
        return replace(self, files={**self.files, file: rows}, copied=self.copied.union(names))

    def only(self, names: Container[str]) -> ParquetGroup:
        """The group with no files but those of these names."""
        return replace(self, files={file: rows for file, rows in self.files.items() if file.name in names})


@dataclass(frozen=True)
class Inspection:
    """What was found of a source before it is read."""

    source: Source
    files: tuple[SourceFile, ...]
    #: Files that do not count as source files by their name.
    ignored: tuple[str, ...] = ()
    groups: tuple[ParquetGroup, ...] = ()
    #: Text files: file name -> what was found.
    notes: Mapping[str, TextNote] = field(default_factory=dict)
    #: File name -> why it cannot be read.
    unreadable: Mapping[str, str] = field(default_factory=dict)
    #: Columns of the files and their types, each pair once.
    types: tuple[tuple[str, str], ...] = ()

    @property
    def hash(self) -> str:
        """Changes when any file is added, removed or changed."""
        return hash_of(self.files)

    @property
    def extra_columns(self) -> list[str]:
        """Columns of the files that the contract does not know; they are ignored."""
        return sorted({name for name, _ in self.types} - set(self.source.columns))

    @property
    def rows(self) -> int:
        """Rows of all readable files: by the footers of Parquet files, by the line breaks of text files."""
        return sum(sum(group.files.values()) for group in self.groups) + sum(note.lines for note in self.notes.values())

    @property
    def states(self) -> dict[str, str]:
        """File name -> what tells its versions apart, of the files that can be read."""
        return {file.name: file.state for file in self.files if file.name not in self.unreadable}

    def only(self, names: Container[str]) -> Inspection:
        """The same source, as if only the files of these names had rows."""
        return replace(
            self,
            groups=tuple(group for each in self.groups if (group := each.only(names)).files),
            notes={name: note for name, note in self.notes.items() if name in names},
        )

    def without(self, unreadable: Mapping[str, str]) -> Inspection:
        """The same source, some more of its files left out."""
        rest = {file.name for file in self.files} - set(unreadable)
        return replace(self.only(rest), unreadable={**self.unreadable, **unreadable})


def inspect(
    sources: SourcesResource, source: Source, known: Notes | None = None, listing: Listing | None = None
) -> Inspection:
    """Look at each file of a source before it is read.

    `known` holds what was found of text files before; a file of the same state is not read again, and what is found now is
    put there. Raises SourceSchemaError for a missing required column.
    """
    listing = listing or sources.look_up(source.name)
    inspection = Inspection(source, tuple(listing.files), tuple(listing.ignored))
    if source.files is FileKind.PARQUET:
        return _inspect_parquet(sources, inspection)
    return _inspect_text(sources, inspection, {} if known is None else known)


def damaged_files(sources: SourcesResource, inspection: Inspection) -> dict[str, str]:
    """Files that looked well and cannot be read all the same, with the reason: each is read to its end.

    For the case that an engine gave up; raises SourceChangedError if a file is not what it was.
    """
    sources.require_unchanged(inspection.source.name, inspection.files)
    found: dict[str, str | None] = {}
    for file in (file for group in inspection.groups for file in group.files):
        try:
            _look(sources, file, partial(decode_parquet, columns=list(inspection.source.columns)))
        except UnreadableFileError as error:
            found[file.name] = str(error)
    for file in (file for file in inspection.files if file.name in inspection.notes):
        found[file.name] = _look(sources, file, partial(scan_text, packed=file.is_packed)).problem
    return {name: problem for name, problem in found.items() if problem is not None}


def _look(sources: SourcesResource, file: SourceFile, how: Callable[[IO[bytes]], T]) -> T:
    """What `how` finds in a file; raises UnreadableFileError, or SourceChangedError if the file is gone."""
    try:
        with sources.open(file) as stream:
            return how(stream)
    except FileNotFoundError:
        raise file.changed("went away") from None
    except OSError as error:
        raise UnreadableFileError(f"it cannot be opened ({error.strerror or type(error).__name__})") from None


def _each(look: Callable[[SourceFile], T], files: Sequence[SourceFile]) -> list[tuple[SourceFile, T]]:
    with ThreadPoolExecutor(_LOOKS) as pool:
        return list(zip(files, pool.map(look, files), strict=True))


def _inspect_text(sources: SourcesResource, inspection: Inspection, known: Notes) -> Inspection:
    def look(file: SourceFile) -> TextNote:
        state, note = known.get(file.name, ("", TextNote(0)))
        if state == file.state:
            return note
        try:
            note = _look(sources, file, partial(scan_text, packed=file.is_packed))
        except UnreadableFileError as error:
            return TextNote(0, problem=str(error))  # not remembered: rights may change, and the file does not
        known[file.name] = file.state, note
        return note

    notes = {file.name: note for file, note in _each(look, inspection.files)}
    for name in set(known) - set(notes):
        del known[name]
    return replace(
        inspection,
        notes={name: note for name, note in notes.items() if note.problem is None},
        unreadable={name: note.problem for name, note in notes.items() if note.problem is not None},
        types=tuple((name, "JSON field") for name in inspection.source.columns),
    )


def _inspect_parquet(sources: SourcesResource, inspection: Inspection) -> Inspection:
    def look(file: SourceFile) -> tuple[pa.Schema, pq.FileMetaData] | UnreadableFileError:
        try:
            return _look(sources, file, partial(look_at_parquet, size=file.size))
        except UnreadableFileError as error:
            return error

    groups: dict[Any, ParquetGroup] = {}
    unreadable = {}
    types: set[tuple[str, str]] = set()
    for file, seen in _each(look, inspection.files):
        if isinstance(seen, UnreadableFileError):
            unreadable[file.name] = str(seen)
            continue
        schema, footer = seen
        _require_columns(inspection.source, file, schema.names)
        types |= {(column.name, str(column.type)) for column in schema}
        found = {name: schema.field(name).type for name in inspection.source.columns if name in schema.names}
        copied = not is_read_directly(file, schema, footer, found)
        columns = {name: copies.copied_type(kind) if copied else kind for name, kind in found.items()}
        kinds = {name: kind_of(kind) for name, kind in found.items()}
        key = (tuple(columns.items()), tuple(kinds.items()))
        groups[key] = groups.get(key, ParquetGroup(columns, kinds, {})).with_file(file, footer.num_rows, copied)
    return replace(inspection, groups=tuple(groups.values()), unreadable=unreadable, types=tuple(sorted(types)))


def _require_columns(source: Source, file: SourceFile, found: Sequence[str]) -> None:
    missing = [name for name, required in source.columns.items() if required and name not in found]
    repeated = [name for name in source.columns if found.count(name) > 1]
    if not missing and not repeated:
        return
    listed = ", ".join(f"'{name}'" for name in missing or repeated)
    raise SourceSchemaError(
        f"{source.name}: column {listed} is {'missing' if missing else 'there twice'} in {file.path} "
        f"(found: {', '.join(found)}); {'rename' if missing else 'drop'} the column in the file "
        "or take the file out of the folder"
    )


def arrow_hints(footer: pq.FileMetaData) -> dict[str, pa.DataType]:
    """The types that the writer had in Arrow, which Sail goes by where a file tells them, and Apache Spark does not."""
    told = (footer.metadata or {}).get(b"ARROW:schema")
    if told is None:
        return {}
    try:
        schema = pa.ipc.read_schema(pa.py_buffer(base64.b64decode(told)))
    except (pa.ArrowException, ValueError, OSError):
        return dict.fromkeys(footer.schema.names, pa.null())  # nobody's types: the file is copied
    return {column.name: column.type for column in schema}


def is_read_directly(
    file: SourceFile, schema: pa.Schema, footer: pq.FileMetaData, columns: Mapping[str, pa.DataType]
) -> bool:
    """Whether both engines read the file as it is, and alike; if not, they read a copy."""
    lower = [name.lower() for name in schema.names]
    floats = [name for name, kind in columns.items() if pa.types.is_floating(kind)]
    hints = arrow_hints(footer)
    milliseconds = [name for name, kind in columns.items() if pa.types.is_timestamp(kind) and kind.unit == "ms"]
    return (
        copies.has_plain_name(file)
        and len(set(lower)) == len(lower)  # engines do not tell `ID` from `id`
        and all(copies.spark_type(kind) is not None for kind in columns.values())
        and all(copies.spark_type(hints.get(name, kind)) == copies.spark_type(kind) for name, kind in columns.items())
        and not any(copies.exceeds_engines(footer, name) for name in milliseconds)
        and not any(copies.hides_nan(footer, name) for name in floats)
    )


def kind_of(arrow_type: pa.DataType) -> Kind:
    """What an Arrow type is, as far as its conversion is concerned; that of its copy, where it is read by one."""
    if not copies.is_convertible(arrow_type):
        return "other"
    copied = copies.copied_type(arrow_type)
    if pa.types.is_timestamp(copied):
        return "timestamp" if copied.tz else "clock_time"
    return "decimal" if pa.types.is_decimal(copied) else _KINDS[copied]
