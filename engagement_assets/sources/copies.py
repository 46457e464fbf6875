"""Copies of source files in a form that every engine reads, for the few whose own form some engine does not.

What needs one: Parquet columns of types that an engine refuses (pandas' nanoseconds and categories, 16-bit floats, unsigned
64-bit integers, instants beyond an engine's range), text that is not UTF-8 throughout, and names in which an engine sees a
pattern. A copy has the rows of its file, one for one, goes to the run's own folder, and is removed with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import IO, Any

import pyarrow as pa
import pyarrow.compute as pyarrow_compute
import pyarrow.parquet as pq

from engagement_assets.sources.files import unpacked
from engagement_assets.sources.finding import SourceFile

#: Characters in which Spark's or Sail's paths see something else than a name: patterns, escapes, schemes.
_PATTERNS = frozenset("*?[]{}\\")
_NOT_IN_NAMES = _PATTERNS | {":"}

#: Milliseconds beyond this (some 290,000 years from 1970) have no microseconds in 64 bits.
_MOST_MILLISECONDS = 2**63 // 1000 - 1

#: Text that is no UTF-8 begins with this in a copy, so that no line of it is taken for JSON.
NOT_UTF8 = "\ufffd"

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
    return not strange and file.name.isprintable() and (file.name.endswith(".gz") or not file.is_packed)


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
    if pa.types.is_timestamp(kind):
        return pa.timestamp("us", "UTC" if kind.tz else None)
    if pa.types.is_decimal(kind):
        return pa.decimal128(kind.precision, kind.scale) if kind.precision <= 38 else pa.string()
    return next((target for test, target in _COPIED_TYPES if test(kind)), pa.string())


def is_convertible(kind: pa.DataType) -> bool:
    """Whether a column of this type holds values at all that the contract could accept."""
    if pa.types.is_dictionary(kind):
        return is_convertible(kind.value_type)
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


def copy_parquet(source: IO[bytes], target: IO[bytes], columns: Sequence[str]) -> None:
    """Write the named columns of a Parquet file anew, in types that every engine reads; a piece at a time."""
    opened = pq.ParquetFile(source)
    schema = pa.schema([(name, copied_type(opened.schema_arrow.field(name).type)) for name in columns])
    # Without Arrow's own schema, which makes Sail see the types that the copy is there to avoid.
    with pq.ParquetWriter(target, schema, store_schema=False, write_statistics=False) as writer:
        for batch in opened.iter_batches(columns=columns):
            converted = [_converted(batch.column(name)) for name in columns]
            writer.write_batch(pa.record_batch(converted, schema=schema))


def _converted(values: pa.Array) -> pa.Array:
    kind = values.type
    if pa.types.is_dictionary(kind):
        return _converted(values.dictionary_decode())
    target = copied_type(kind)
    if not is_convertible(kind):
        return pc.if_else(values.is_valid(), pa.scalar(f"({kind})"[:80]), pa.scalar(None, pa.string()))
    if pa.types.is_timestamp(kind):
        return _microseconds(values).cast(target)
    return values.cast(target)


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


def copy_text(source: IO[bytes], target: IO[bytes], packed: bool) -> None:
    """Write a text file anew, unpacked, line for line, as UTF-8; a line that was none begins with NOT_UTF8."""
    for line in _lines(source, packed):
        try:
            line.decode("utf-8")
        except UnicodeDecodeError:
            line = (NOT_UTF8 + line.decode("utf-8", errors="replace")).encode("utf-8")
        target.write(line)


def _lines(source: IO[bytes], packed: bool) -> Iterator[bytes]:
    if not packed:
        yield from source
        return
    rest = b""
    for chunk in unpacked(source):
        *whole, rest = (rest + chunk).split(b"\n")
        yield from (line + b"\n" for line in whole)
    if rest:
        yield rest
