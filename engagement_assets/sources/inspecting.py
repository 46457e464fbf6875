"""What is known of a source once its files were looked at, and before they are read."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import compress
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from engagement_assets.domain.contracts.sources import SOURCE_COLUMNS
from engagement_assets.sources import copies
from engagement_assets.sources.files import SourceFile, TextNote
from engagement_assets.transforms.conversions import Kind


@dataclass(frozen=True)
class ParquetGroup:
    """Files that are read together: those of their columns that the contract knows arrive in the same types.

    A file arrives as it is, or, if its name is in `copied`, as a copy in types that every engine reads.
    """

    columns: Mapping[str, pa.DataType]
    kinds: Mapping[str, Kind]
    files: tuple[SourceFile, ...] = ()
    #: Rows of each file, by its footer.
    counts: tuple[int, ...] = ()
    copied: frozenset[str] = frozenset()

    @property
    def rows(self) -> int:
        """Rows of all files."""
        return sum(self.counts)

    def with_file(self, file: SourceFile, rows: int, copied: bool) -> ParquetGroup:
        """The group and one more file."""
        names = self.copied | ({file.name} if copied else set())
        return replace(self, files=(*self.files, file), counts=(*self.counts, rows), copied=frozenset(names))

    def without(self, names: Container[str]) -> ParquetGroup:
        """The group without the files of these names."""
        return self._of([file.name not in names for file in self.files])

    def only(self, names: Container[str]) -> ParquetGroup:
        """The group with no files but those of these names."""
        return self._of([file.name in names for file in self.files])

    def _of(self, chosen: Sequence[bool]) -> ParquetGroup:
        return replace(self, files=tuple(compress(self.files, chosen)), counts=tuple(compress(self.counts, chosen)))


@dataclass(frozen=True)
class Inspection:
    """What was found of a source before it is read."""

    source: str
    files: tuple[SourceFile, ...]
    groups: tuple[ParquetGroup, ...] = ()
    #: Text files: file name -> what was found.
    notes: Mapping[str, TextNote] = field(default_factory=dict)
    #: File name -> why it cannot be read.
    unreadable: Mapping[str, str] = field(default_factory=dict)
    #: Files that do not count as source files by their name.
    ignored: tuple[str, ...] = ()
    #: Columns of the files and their types, each pair once.
    types: tuple[tuple[str, str], ...] = ()

    @property
    def signature(self) -> str:
        """Changes when any file is added, removed or changed."""
        return signature_of(self.files)

    @property
    def extra_columns(self) -> list[str]:
        """Columns of the files that the contract does not know; they are ignored."""
        return sorted({name for name, _ in self.types} - set(SOURCE_COLUMNS[self.source]))

    @property
    def rows(self) -> int:
        """Rows of all readable files: by the footers of Parquet files, by the line breaks of text files."""
        return sum(group.rows for group in self.groups) + sum(note.lines for note in self.notes.values())

    @property
    def versions(self) -> dict[str, str]:
        """File name -> what tells its versions apart, of the files that can be read."""
        return {file.name: f"{file.size}:{file.version}" for file in self.files if file.name not in self.unreadable}

    def only(self, names: Container[str]) -> Inspection:
        """The same source, as if only the files of these names had rows."""
        return replace(
            self,
            groups=tuple(group for each in self.groups if (group := each.only(names)).files),
            notes={name: note for name, note in self.notes.items() if name in names},
        )

    def without(self, unreadable: Mapping[str, str]) -> Inspection:
        """The same source, some more of its files left out."""
        groups = [group.without(unreadable) for group in self.groups]
        return replace(
            self,
            groups=tuple(group for group in groups if group.files),
            notes={name: note for name, note in self.notes.items() if name not in unreadable},
            unreadable={**self.unreadable, **unreadable},
        )


def signature_of(files: Sequence[SourceFile]) -> str:
    """Changes when any of the files is added, removed or changed."""
    text = json.dumps(sorted((file.name, file.size, file.version) for file in files))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


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
    tests: list[tuple[Any, Kind]] = [
        (pa.types.is_timestamp, "timestamp"),
        (pa.types.is_string, "text"),
        (pa.types.is_integer, "integer"),
        (pa.types.is_decimal, "decimal"),
        (pa.types.is_floating, "float"),
        (pa.types.is_date, "date"),
    ]
    return next((kind for test, kind in tests if test(copied)), "other")
