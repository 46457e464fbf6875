"""Second step: what the files are, found out before an engine reads them.

Each file is looked at, and one that cannot be read is left out with a reason (files.py). Files of one source may differ in what
they are, in their columns' types and in how the columns' names are spelled: files that are alike are read together, and each
group is converted by itself.
"""

from __future__ import annotations

import base64
import hashlib
import io
import re
from collections.abc import Callable, Container, Iterable, Mapping, MutableMapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from typing import IO, Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from engagement_assets.domain.source_mapping import UPDATED_AT, SourceMapping
from engagement_assets.lake.stores import file_system
from engagement_assets.sources import copies
from engagement_assets.sources.copies import Place, copy_csv
from engagement_assets.sources.csv_files import MALFORMED, CsvReader
from engagement_assets.sources.files import (
    TextNote,
    UnreadableFileError,
    decode_parquet,
    look_at_parquet,
    scan_text,
)
from engagement_assets.sources.finding import Listing, SourceFile, SourcesResource, hash_of
from engagement_assets.sources.source import Source
from engagement_assets.transforms.conversions import Kind

#: Files looked at at the same time.
_LOOKS = 8

#: What is known of text files that were read to their end: path relative to the root -> state of the file, note.
Notes = MutableMapping[str, tuple[str, TextNote]]

#: Names that mean the same in every engine's schema.
_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_ ]*")

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
class TableGroup:
    """Files of tables that are read together: the columns that are asked for arrive under the same names, in the same types.

    A file arrives as it is, or, if its name is in `copied`, as a copy in types that every engine reads.
    """

    #: What is asked for (a column, or a path to a field) -> the name of its column in what is read.
    names: Mapping[str, str]
    #: The column in what is read -> its type there.
    columns: Mapping[str, pa.DataType]
    #: What is asked for -> what it is, as far as its conversion is concerned.
    kinds: Mapping[str, Kind]
    #: What is asked for -> where it is in the files.
    places: Mapping[str, Place]
    #: Each with its rows, by its footer.
    files: Mapping[SourceFile, int]
    copied: frozenset[str] = frozenset()
    #: Whether copies have the column MALFORMED.
    is_csv: bool = False

    def with_file(self, file: SourceFile, rows: int, copied: bool) -> TableGroup:
        """The group and one more file."""
        names = {file.name} if copied else frozenset()
        return replace(self, files={**self.files, file: rows}, copied=self.copied.union(names))

    def only(self, names: Container[str]) -> TableGroup:
        """The group with no files but those of these names."""
        return replace(self, files={file: rows for file, rows in self.files.items() if file.name in names})


@dataclass(frozen=True)
class Inspection:
    """What was found of a source before it is read."""

    source: Source
    files: tuple[SourceFile, ...]
    #: Files that do not count as source files by their name.
    ignored: tuple[str, ...] = ()
    groups: tuple[TableGroup, ...] = ()
    #: Files of JSON: file name -> what was found.
    notes: Mapping[str, TextNote] = field(default_factory=dict)
    #: Files of which there is a copy already: file name -> its path.
    prepared: Mapping[str, str] = field(default_factory=dict)
    mapping: SourceMapping | None = None
    #: The sources in whose files customers are seen who are in no file of their own.
    seen_in: tuple[Inspection, ...] = ()
    #: Join of `sources.toml` -> its files.
    joined: Mapping[str, Inspection] = field(default_factory=dict)
    #: Names of files that belong to those others.
    beside: frozenset[str] = frozenset()
    #: File name -> why it cannot be read.
    unreadable: Mapping[str, str] = field(default_factory=dict)
    #: Columns of the files and their types, each pair once.
    types: tuple[tuple[str, str], ...] = ()
    #: Whether each row is to be read with its file and its position there, for which every file is copied.
    with_positions: bool = False

    @property
    def hash(self) -> str:
        """Changes when any file is added, removed or changed."""
        return hash_of(self.files)

    @property
    def extra_columns(self) -> list[str]:
        """Columns of the files that nobody asks for; they are ignored."""
        read = {place.path[0] for group in self.groups for place in group.places.values() if place.path}
        return sorted({name for name, _ in self.types} - read - set(self.references))

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

    def only_seen(self, names: Container[str]) -> Inspection:
        """The same source, as if customers were seen in the files of these names only."""
        return replace(self, seen_in=tuple(seen.only(names) for seen in self.seen_in))

    def without(self, unreadable: Mapping[str, str]) -> Inspection:
        """The same source, some more of its files left out."""
        rest = {file.name for file in self.files} - set(unreadable)
        seen_in = tuple(seen.only(rest) for seen in self.seen_in)
        if seen_in:
            own = {file.name for group in self.groups for file in group.files} | set(self.notes)
            unreadable = {name: why for name, why in unreadable.items() if name in own}
        joined = {name: each.only(rest) for name, each in self.joined.items()}
        return replace(self.only(rest), unreadable={**self.unreadable, **unreadable}, seen_in=seen_in, joined=joined)

    @property
    def others(self) -> list[Inspection]:
        """The inspections of what its rows depend on."""
        joined = [*self.joined.values(), *(each for seen in self.seen_in for each in seen.joined.values())]
        return [*self.seen_in, *joined]

    @property
    def files_of_its_own(self) -> bool:
        """Whether there are files of the source itself."""
        return self.mapping is None or bool(self.mapping.path)

    def names_of(self, asked: str) -> list[str]:
        """What the files may call what is asked for, the first that is there counts."""
        fields = self.source.fields if self.mapping is None else ()
        return [*(field.rather for field in fields if field.name == asked and field.rather), asked]

    @property
    def references(self) -> list[str]:
        """What is asked for of the files: columns, and paths to fields within others."""
        return references(self.source, self.mapping)


def references(source: Source, mapping: SourceMapping | None) -> list[str]:
    """What is asked for of a source's files, in the words of `sources.toml`, or of the contract."""
    if mapping is None:
        return list(source.columns)
    asked = [column for column in mapping.asked if mapping.joined(column) is None]
    asked += [join.keys[0] for join in mapping.joins.values()]
    return list(dict.fromkeys(asked))


def copy_path(scratch: str, file: SourceFile, ending: str, asked: Iterable[str] = ()) -> str:
    """Where the copy of a file with what is `asked` for is put: named by a hash of its name, which may hold anything."""
    told = "\0".join([file.name, *asked])
    name = hashlib.sha256(told.encode("utf-8", "surrogateescape")).hexdigest()[:32]
    return f"{scratch}/copies/{name}{ending}"


def open_copy(target: str) -> IO[bytes]:
    """A copy, to be written."""
    files, path = file_system(target)
    files.makedirs(path.rsplit("/", 1)[0], exist_ok=True)
    stream: IO[bytes] = files.open(path, "wb")
    return stream


def inspect(
    sources: SourcesResource,
    source: Source,
    known: Notes | None = None,
    listing: Listing | None = None,
    scratch: str | None = None,
    asked: SourceMapping | None = None,
) -> Inspection:
    """Look at each file of a source before it is read.

    `known` holds what was found of text files before; a file of the same state is not read again, and what is found now is
    put there. Copies that can be made in passing are put under `scratch`. `asked` is a mapping in place of that of
    `sources.toml`. Raises SourceSchemaError for a missing required
    column.
    """
    listing = listing or sources.look_up(source.name)
    mapping = asked or sources.mapping(source.name)
    inspection = Inspection(
        source, tuple(listing.files), tuple(listing.ignored), mapping=mapping, beside=frozenset(listing.beside)
    )
    if mapping is not None and not mapping.path:
        return inspection
    known = {} if known is None else known
    names = {file.name for file in inspection.files if file.format != "parquet"}
    for name in set(known) - names:
        del known[name]
    inspection = _inspect_json(sources, inspection, known, scratch)
    return _inspect_tables(sources, inspection, known, scratch)


def damaged_files(sources: SourcesResource, inspection: Inspection) -> dict[str, str]:
    """Files that looked well and cannot be read all the same, with the reason: each is read to its end.

    For the case that an engine gave up; raises SourceChangedError if a file is not what it was.
    """
    sources.require_unchanged(inspection.source.name, inspection.files)
    found: dict[str, str | None] = {}
    encoding = _mapping(inspection).encoding
    for file in (file for group in inspection.groups for file in group.files if file.format == "parquet"):
        try:
            _look(sources, file, partial(decode_parquet, columns=_tops(inspection, file)))
        except UnreadableFileError as error:
            found[file.name] = str(error)
    for file in (file for file in inspection.files if file.name in inspection.notes):
        found[file.name] = _look(sources, file, partial(scan_text, packing=file.packing, encoding=encoding)).problem
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


def _mapping(inspection: Inspection) -> SourceMapping:
    return inspection.mapping or SourceMapping()


def _tops(inspection: Inspection, file: SourceFile) -> list[str]:
    """The columns of a file, at the top of its schema, that are read."""
    groups = (group for group in inspection.groups if file in group.files)
    return [place.path[0] for group in groups for place in group.places.values() if place.path]


def _inspect_json(sources: SourcesResource, inspection: Inspection, known: Notes, scratch: str | None) -> Inspection:
    prepared: dict[str, str] = {}
    encoding = _mapping(inspection).encoding

    def look(file: SourceFile) -> TextNote:
        state, note = known.get(file.name, ("", TextNote(0)))
        if state == file.state:
            return note
        target = None if scratch is None else copy_path(scratch, file, ".txt")
        how = partial(
            scan_text,
            packing=file.packing,
            encoding=encoding,
            open_copy=None if target is None else partial(open_copy, target),
        )
        try:
            note = _look(sources, file, how)
        except UnreadableFileError as error:
            return TextNote(0, problem=str(error))  # not remembered: rights may change, and the file does not
        if note.document and target is not None:
            prepared[file.name] = target
        known[file.name] = file.state, note
        return note

    notes = {file.name: note for file, note in _each(look, _of_format(inspection, "json"))}
    return replace(
        inspection,
        notes={name: note for name, note in notes.items() if note.problem is None},
        unreadable={name: note.problem for name, note in notes.items() if note.problem is not None},
        types=tuple((name, "JSON field") for name in inspection.references) if notes else (),
        prepared=prepared,
    )


def _of_format(inspection: Inspection, *formats: str) -> list[SourceFile]:
    return [file for file in inspection.files if file.format in formats and file.name not in inspection.beside]


@dataclass(frozen=True)
class _Seen:
    """What was found of a file that is a table."""

    schema: pa.Schema
    rows: int
    footer: pq.FileMetaData | None = None


def _inspect_tables(sources: SourcesResource, inspection: Inspection, known: Notes, scratch: str | None) -> Inspection:
    mapping = _mapping(inspection)
    prepared = dict(inspection.prepared)

    def look(file: SourceFile) -> _Seen | UnreadableFileError:
        try:
            if file.format == "parquet":
                schema, footer = _look(sources, file, partial(look_at_parquet, size=file.size))
                return _Seen(schema, footer.num_rows, footer)
            columns = _look(sources, file, lambda stream: CsvReader(stream, file.packing, mapping).columns)
            schema = pa.schema([(name, pa.string()) for name in columns])
            state, note = known.get(file.name, ("", TextNote(0)))
            if state != file.state:
                places = _places(inspection, file, schema)
                target = None if scratch is None else copy_path(scratch, file, ".parquet", places)
                with open_copy(target) if target is not None else io.BytesIO() as copy:
                    rows = _look(
                        sources,
                        file,
                        lambda stream: copy_csv(stream, copy, file.packing, mapping, copy_names(places)),
                    )
                if target is not None:
                    prepared[file.name] = target
                note = TextNote(rows)
                known[file.name] = file.state, note
            return _Seen(schema, note.lines)
        except UnreadableFileError as error:
            return error

    groups: dict[Any, TableGroup] = {}
    unreadable = dict(inspection.unreadable)
    types = set(inspection.types)
    for file, seen in _each(look, _of_format(inspection, "parquet", "csv")):
        if isinstance(seen, UnreadableFileError):
            unreadable[file.name] = str(seen)
            continue
        if not seen.schema.names:  # text of no bytes
            continue
        places = _places(inspection, file, seen.schema)
        types |= {(column.name, str(column.type)) for column in seen.schema}
        found = {asked: copies.type_at(seen.schema, place) for asked, place in places.items()}
        copied = seen.footer is None or not is_read_directly(file, seen.schema, seen.footer, places, found)
        names = (
            dict(zip(places, copy_names(places), strict=True))
            if copied
            else {asked: at.path[0] for asked, at in places.items()}
        )
        columns = {names[asked]: copies.copied_type(kind) if copied else kind for asked, kind in found.items()}
        kinds = {asked: kind_of(kind) for asked, kind in found.items()}
        is_csv = seen.footer is None
        key = (tuple(names.items()), tuple(columns.items()), tuple(kinds.items()), tuple(places.items()), is_csv)
        group = groups.get(key, TableGroup(names, columns, kinds, places, {}, is_csv=is_csv))
        groups[key] = group.with_file(file, seen.rows, copied)
    return replace(
        inspection,
        groups=tuple(groups.values()),
        unreadable=unreadable,
        types=tuple(sorted(types)),
        prepared=prepared,
    )


def copy_names(places: Mapping[str, Place]) -> dict[str, Place]:
    """The columns of a copy -> where they are in the file: called as they are asked for, if that is plain."""
    return {
        asked if _PLAIN_NAME.fullmatch(asked) and asked != MALFORMED else f"column {number}": place
        for number, (asked, place) in enumerate(places.items())
    }


def _places(inspection: Inspection, file: SourceFile, schema: pa.Schema) -> dict[str, Place]:
    """Where in a file everything is that is asked for; raises SourceSchemaError where something that must be there is not."""
    found: dict[str, Place] = {}
    missing, repeated = [], []
    required = _required(inspection.source, inspection.mapping)
    for asked in inspection.references:
        try:
            places = [_place(name, file, schema) for name in inspection.names_of(asked)]
        except LookupError:
            repeated.append(asked)
            continue
        place = next((each for each in places if each is not None), None)
        if place is not None:
            found[asked] = place
        elif asked in required:
            missing.append(asked)
    if missing or repeated:
        listed = ", ".join(f"'{name}'" for name in missing or repeated)
        names = dict.fromkeys([*schema.names, *(name for name, _ in file.partition)])
        raise SourceSchemaError(
            f"{inspection.source.name}: column {listed} is {'missing' if missing else 'there twice'} in {file.path} "
            f"(found: {', '.join(names)}); "
            + (
                "say in sources.toml what it is called (`engagement connect` writes it), or take the file out of the folder"
                if missing
                else "drop the column in the file or take the file out of the folder"
            )
        )
    return found


def _required(source: Source, mapping: SourceMapping | None) -> set[str]:
    """What every file must have."""
    if mapping is None:
        return {name for name, required in source.columns.items() if required}
    defaults = {field.name for field in source.fields if field.default is not None}
    optional = {name for name, required in source.columns.items() if not required} | defaults | {UPDATED_AT}
    by_columns = {
        column
        for name, term in mapping.terms.items()
        if name in source.columns and name not in optional
        for column in term.columns
    }
    spoken_of = {*mapping.asked} - {column for term in mapping.terms.values() for column in term.columns}
    of_joins = {column for column in mapping.asked if mapping.joined(column) is not None}
    return (by_columns | spoken_of | {join.keys[0] for join in mapping.joins.values()}) - of_joins


def _place(asked: str, file: SourceFile, schema: pa.Schema) -> Place | None:
    """Where a column is: by its name, else without regard to case, else within others, else in the names of folders.

    None where it is nowhere; raises LookupError where several are meant.
    """
    if (name := _named(asked, schema.names)) is not None:
        return Place((name,))
    path = asked.split(".")
    for length in range(len(path) - 1, 0, -1):
        first = _named(".".join(path[:length]), schema.names)
        if first is not None and (rest := _within(schema.field(first).type, path[length:])) is not None:
            return Place((first, *rest))
    folder = _named(asked, [name for name, _ in file.partition])
    return None if folder is None else Place(constant=dict(file.partition)[folder])


def _within(kind: pa.DataType, path: Sequence[str]) -> tuple[str, ...] | None:
    if not path:
        return ()
    if not pa.types.is_struct(kind):
        return None
    name = _named(path[0], [kind.field(number).name for number in range(kind.num_fields)])
    rest = None if name is None else _within(kind.field(name).type, path[1:])
    return None if rest is None else (str(name), *rest)


def _named(asked: str, names: Sequence[str]) -> str | None:
    """The one of the names that is asked for; without regard to case where none is spelled so."""
    alike = [name for name in names if name == asked] or [name for name in names if name.lower() == asked.lower()]
    if len(alike) > 1:
        raise LookupError(asked)
    return alike[0] if alike else None


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
    file: SourceFile,
    schema: pa.Schema,
    footer: pq.FileMetaData,
    places: Mapping[str, Place],
    types: Mapping[str, pa.DataType],
) -> bool:
    """Whether both engines read the file as it is, and alike; if not, they read a copy."""
    if not all(len(place.path) == 1 and _PLAIN_NAME.fullmatch(place.path[0]) for place in places.values()):
        return False
    if len({place.path for place in places.values()}) < len(places):
        return False
    columns = {place.path[0]: types[asked] for asked, place in places.items()}
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
