"""Copies of source files in a form that every engine reads, for those whose own form some engine does not.

What needs one: CSV, JSON over several lines, what is packed other than by gzip, Parquet columns of types that an engine refuses
(pandas' nanoseconds and categories, 16-bit floats, unsigned 64-bit integers, binary and UUID, instants beyond an engine's range)
or that lie within others or in the names of folders, text that is not UTF-8 throughout, and names in which an engine sees a
pattern. A copy has the rows of its file, one for one, goes to the run's own folder, and is removed with it.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import IO, Any

import pyarrow as pa
import pyarrow.compute as pyarrow_compute
import pyarrow.parquet as pq

from engagement_assets.domain.source_mapping import SourceMapping
from engagement_assets.sources.csv_files import MALFORMED, CsvReader
from engagement_assets.sources.files import in_utf8, unpacked, values_of
from engagement_assets.sources.finding import SourceFile

#: Characters in which Spark's or Sail's paths see something else than a name: patterns, escapes, schemes.
_PATTERNS = frozenset("*?[]{}\\")
_NOT_IN_NAMES = _PATTERNS | {":"}

#: Milliseconds beyond this (some 290,000 years from 1970) have no microseconds in 64 bits.
_MOST_MILLISECONDS = 2**63 // 1000 - 1

#: Text that is no UTF-8 begins with this in a copy, so that no line of it is taken for JSON.
NOT_UTF8 = "\ufffd"

#: How many lines are copied at once.
_LINES = 10_000

#: pyarrow makes these functions when it is loaded; type checkers do not see them.
pc: Any = pyarrow_compute

_COPIED_TYPES: list[tuple[Callable[[pa.DataType], bool], pa.DataType]] = [
    (pa.types.is_string, pa.string()),
    (pa.types.is_large_string, pa.string()),
    (pa.types.is_string_view, pa.string()),
    (pa.types.is_null, pa.string()),
    (pa.types.is_uint64, pa.decimal128(20, 0)),
    (pa.types.is_integer, pa.int64()),
    (pa.types.is_float64, pa.float64()),
    (pa.types.is_floating, pa.float32()),
    (pa.types.is_date, pa.date32()),
    (pa.types.is_binary, pa.string()),
    (pa.types.is_large_binary, pa.string()),
    (pa.types.is_fixed_size_binary, pa.string()),
]

#: Types that both engines read as they are, and by which Spark type.
_READ_DIRECTLY: dict[pa.DataType, str] = {
    pa.string(): "string",
    pa.large_string(): "string",
    pa.int32(): "int",
    pa.int64(): "bigint",
    pa.float32(): "float",
    pa.float64(): "double",
    pa.date32(): "date",
}


def has_plain_name(file: SourceFile) -> bool:
    """Whether the file's path means the same to Python and to the engines."""
    strange = (_NOT_IN_NAMES & set(file.name)) | (_PATTERNS & set(file.path))
    packed_alike = file.packing is None or file.name.endswith(".gz")
    return not strange and file.name.isprintable() and packed_alike


def spark_type(kind: pa.DataType) -> str | None:
    """The Spark type by which both engines read a Parquet column; None where they do not, or not alike."""
    if kind in _READ_DIRECTLY:
        return _READ_DIRECTLY[kind]
    if pa.types.is_timestamp(kind) and kind.unit in ("ms", "us"):
        return "timestamp" if kind.tz else "timestamp_ntz"
    if pa.types.is_decimal128(kind):
        return f"decimal({kind.precision},{kind.scale})"
    return None


def copied_type(kind: pa.DataType) -> pa.DataType:
    """The type a column has in a copy; text for what no conversion is known of."""
    if pa.types.is_dictionary(kind):
        return copied_type(kind.value_type)
    if isinstance(kind, pa.BaseExtensionType):
        return copied_type(kind.storage_type)
    if pa.types.is_timestamp(kind):
        return pa.timestamp("us", "UTC" if kind.tz else None)
    if pa.types.is_decimal(kind):
        return pa.decimal128(kind.precision, kind.scale) if kind.precision <= 38 else pa.string()
    return next((target for test, target in _COPIED_TYPES if test(kind)), pa.string())


def is_convertible(kind: pa.DataType) -> bool:
    """Whether a column of this type holds values at all that the contract could accept."""
    if pa.types.is_dictionary(kind):
        return is_convertible(kind.value_type)
    if isinstance(kind, pa.BaseExtensionType):
        return is_convertible(kind.storage_type)
    return pa.types.is_timestamp(kind) or pa.types.is_decimal(kind) or any(test(kind) for test, _ in _COPIED_TYPES)


def statistics(footer: pq.FileMetaData, column: str) -> list[pq.Statistics | None]:
    """What the footer tells of a column, for each group of its rows; None where it tells nothing."""
    groups = [footer.row_group(index) for index in range(footer.num_row_groups)]
    chunks = [group.column(index) for group in groups for index in range(group.num_columns)]
    return [chunk.statistics for chunk in chunks if chunk.path_in_schema == column]


def exceeds_engines(footer: pq.FileMetaData, column: str) -> bool:
    """Whether a column of milliseconds may hold values that have no microseconds: by its statistics, or for want of them."""
    for found in statistics(footer, column):
        if found is None or (not found.has_min_max and found.num_values):
            return True
        if found.has_min_max and max(abs(found.min_raw), abs(found.max_raw)) > _MOST_MILLISECONDS:
            return True
    return False


def hides_nan(footer: pq.FileMetaData, column: str) -> bool:
    """Whether a column of floats seems to hold one value only.

    Statistics leave NaN out, and Sail reads such a column from its statistics: every NaN in it as that value.
    """
    ranges = {(f.min, f.max) for f in statistics(footer, column) if f is not None and f.has_min_max}
    return len(ranges) == 1 and len(set(*ranges)) == 1


@dataclass(frozen=True)
class Place:
    """Where the values of a column are: in a column of the file, and the fields within it; in the names of its folders.

    Or they are the `position` of each row in the file.
    """

    path: tuple[str, ...] = ()
    constant: str | None = None
    is_position: bool = False


def type_at(schema: pa.Schema, place: Place) -> pa.DataType:
    """The type of the values at a place."""
    if not place.path:
        return pa.int64() if place.is_position else pa.string()
    found = schema.field(place.path[0]).type
    for name in place.path[1:]:
        found = found.field(name).type
    return found


def copy_parquet(source: IO[bytes], target: IO[bytes], columns: Mapping[str, Place]) -> None:
    """Write columns of a Parquet file anew (name -> place), in types that every engine reads; a piece at a time."""
    opened = pq.ParquetFile(source)
    found = opened.schema_arrow
    schema = pa.schema([(name, copied_type(type_at(found, place))) for name, place in columns.items()])
    wanted = list(dict.fromkeys(place.path[0] for place in columns.values() if place.path))
    # Without Arrow's own schema, which makes Sail see the types that the copy is there to avoid.
    rows = 0
    with pq.ParquetWriter(target, schema, store_schema=False, write_statistics=False) as writer:
        for batch in opened.iter_batches(columns=wanted):
            values = [_values(batch, place, rows) for place in columns.values()]
            writer.write_batch(pa.record_batch(values, schema=schema))
            rows += batch.num_rows


def _values(batch: pa.RecordBatch, place: Place, rows_before: int) -> pa.Array:
    if not place.path:
        return _beside(place, batch.num_rows, rows_before)
    values = batch.column(place.path[0])
    for name in place.path[1:]:
        values = pc.struct_field(values, name)
    return _converted(values)


def copy_csv(
    source: IO[bytes], target: IO[bytes], packing: str | None, mapping: SourceMapping, columns: Mapping[str, Place]
) -> int:
    """Write columns of a CSV file as Parquet (name -> place), and MALFORMED; returns how many records there are."""
    reader = CsvReader(source, packing, mapping)
    of_file = {name: place.path[0] for name, place in columns.items() if place.path}
    beside = {name: place for name, place in columns.items() if not place.path}
    of_rows = [(name, type_at(pa.schema([]), place)) for name, place in beside.items()]
    schema = pa.schema([*((name, pa.string()) for name in (*of_file, MALFORMED)), *of_rows])
    rows = 0
    with pq.ParquetWriter(target, schema, store_schema=False, write_statistics=False) as writer:
        for batch in reader.batches(of_file):
            added = [_beside(place, batch.num_rows, rows) for place in beside.values()]
            writer.write_batch(pa.record_batch([*batch.columns, *added], schema=schema))
            rows += batch.num_rows
    return rows


def _beside(place: Place, rows: int, rows_before: int) -> pa.Array:
    """The values of a column that is not in the file, for so many rows."""
    if place.is_position:
        return pa.array(range(rows_before, rows_before + rows), pa.int64())
    return pa.repeat(pa.scalar(place.constant or None, pa.string()), rows)


def _converted(values: pa.Array) -> pa.Array:
    kind = values.type
    if pa.types.is_dictionary(kind):
        return _converted(values.dictionary_decode())
    if isinstance(kind, pa.BaseExtensionType):
        is_uuid = kind.extension_name == "arrow.uuid"
        of_storage = values.storage
        return pa.array([_uuid(value) for value in of_storage], pa.string()) if is_uuid else _converted(of_storage)
    if pa.types.is_boolean(kind):
        return values.cast(pa.string())
    target = copied_type(kind)
    if not is_convertible(kind):
        return pc.if_else(values.is_valid(), pa.scalar(f"({kind})"[:80]), pa.scalar(None, pa.string()))
    if pa.types.is_timestamp(kind):
        return _microseconds(values).cast(target)
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        return _text_of_bytes(values)
    return values.cast(target)


def _uuid(value: pa.Scalar) -> str | None:
    found = value.as_py()
    return None if found is None else str(uuid.UUID(bytes=found))


def _text_of_bytes(values: pa.Array) -> pa.Array:
    """Bytes as the text that they are; a value that is none, as hexadecimal digits."""
    try:
        return values.cast(pa.binary()).cast(pa.string())
    except pa.ArrowInvalid:
        return pa.array([None if each is None else _text_of(each) for each in values.to_pylist()], pa.string())


def _text_of(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.hex()


def _microseconds(values: pa.Array) -> pa.Array:
    kind = values.type
    if kind.unit == "ns":
        # Down, also before 1970: rounding towards zero could move an instant into the next day.
        naive = pc.floor_temporal(values.view(pa.timestamp("ns")), unit="microsecond").cast(pa.timestamp("us"))
        return naive.view(pa.timestamp("us", kind.tz))
    if kind.unit == "ms":
        limited = pc.min_element_wise(
            pc.max_element_wise(values.view(pa.int64()), -_MOST_MILLISECONDS, skip_nulls=False),
            _MOST_MILLISECONDS,
            skip_nulls=False,
        )
        return limited.view(kind).cast(pa.timestamp("us", kind.tz))
    return values


def copy_text(source: IO[bytes], target: IO[bytes], packing: str | None, encoding: str, document: bool) -> None:
    """Write a file of JSON anew, unpacked, as UTF-8: a line a line, of a document a value a line.

    A line that was no UTF-8 begins with NOT_UTF8.
    """
    for lines in _in_lines(source, packing, encoding, document):
        target.write(lines)


def copy_lines(
    source: IO[bytes],
    target: IO[bytes],
    packing: str | None,
    encoding: str,
    document: bool,
    beside: Mapping[str, Place],
) -> None:
    """Write a file of JSON as Parquet: a line a row, as `value`, and what is asked for `beside` it (name -> place)."""
    of_rows = [(name, type_at(pa.schema([]), place)) for name, place in beside.items()]
    schema, rows = pa.schema([("value", pa.string()), *of_rows]), 0
    with pq.ParquetWriter(target, schema, store_schema=False, write_statistics=False) as writer:
        pieces = _in_lines(source, packing, encoding, document)
        while text := b"".join(islice(pieces, _LINES)):
            values = pa.array(text.decode().removesuffix("\n").split("\n"), pa.string())
            added = [_beside(place, len(values), rows) for place in beside.values()]
            writer.write_batch(pa.record_batch([values, *added], schema=schema))
            rows += len(values)


def _in_lines(source: IO[bytes], packing: str | None, encoding: str, document: bool) -> Iterator[bytes]:
    """A file of JSON as `copy_text` writes it: a line, or several, at a time."""
    chunks = unpacked(source, packing)
    if encoding != "utf-8":
        chunks = in_utf8(chunks, encoding)
    if document:
        yield from (lines for _, lines in values_of(chunks))
        return
    for line in _lines(chunks):
        try:
            line.decode("utf-8")
        except UnicodeDecodeError:
            line = (NOT_UTF8 + line.decode("utf-8", errors="replace")).encode("utf-8")
        yield line


def _lines(chunks: Iterator[bytes]) -> Iterator[bytes]:
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        yield from (line + b"\n" for line in whole)
    if rest:
        yield rest
