"""Arrays of numbers as the columns and lines of source files, without a Python loop over rows."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute
from numpy.typing import NDArray

from engagement_assets.sample_data.period import SECONDS_PER_DAY, Integers, Mask

# Its functions are made when it is imported, so type checkers do not know them.
_compute: Any = pyarrow.compute

#: How an instant is written: in UTC, or at a fixed two hours ahead of it.
UTC = "Z"
TWO_HOURS_AHEAD = "+02:00"
_OFFSETS = {UTC: 0, TWO_HOURS_AHEAD: 7_200}

MONEY = pa.decimal128(18, 2)
INSTANT = pa.timestamp("us", tz="UTC")

_CUSTOMER_DIGITS = 7
_TIMES_OF_DAY = [f"{s // 3600:02d}:{s // 60 % 60:02d}:{s % 60:02d}" for s in range(SECONDS_PER_DAY)]


@dataclass(frozen=True)
class Rows:
    """Rows of numbers, an array for each column; every array has one element per row."""

    def __len__(self) -> int:
        return len(getattr(self, fields(self)[0].name))

    def take(self, which: NDArray[Any]) -> Self:
        """The rows at these places, or where this mask is true."""
        return type(self)(*(values[which] for values in vars(self).values()))

    def joined(self, other: Self) -> Self:
        """These rows and the others."""
        return type(self)(*map(np.concatenate, zip(vars(self).values(), vars(other).values(), strict=True)))


def customer_ids(number: Integers) -> pa.Array:
    """`C0000012` for 12."""
    return joined("C", _compute.utf8_lpad(texts(number), _CUSTOMER_DIGITS, "0"))


def texts(number: Integers) -> pa.Array:
    """Integers as their digits."""
    return pa.array(number).cast(pa.string())


def decimals(cents: Integers) -> pa.Array:
    """Cents as `decimal(18,2)`."""
    words = np.empty((len(cents), 2), "<i8")
    words[:, 0] = cents
    words[:, 1] = cents >> 63  # the sign fills the upper half
    return pa.Array.from_buffers(MONEY, len(cents), [None, pa.py_buffer(words.tobytes())])


def instants(second: Integers) -> pa.Array:
    """Unix times as timestamps in UTC."""
    return pa.array(second * 1_000_000).cast(INSTANT)


def instant_texts(second: Integers, separator: str = "T", offset: str = UTC) -> pa.Array:
    """Unix times as text, e.g. `2025-03-01T19:04:33Z`."""
    local = second + _OFFSETS[offset]
    days, place = np.unique(local // SECONDS_PER_DAY, return_inverse=True)
    dates = pa.array(np.datetime_as_string(days.astype("datetime64[D]")).astype(object), pa.string())
    times = pa.array(_TIMES_OF_DAY)
    return joined(dates.take(pa.array(place)), separator, times.take(pa.array(local % SECONDS_PER_DAY)), offset)


def joined(*parts: pa.Array | str) -> pa.Array:
    """Columns and constants side by side as one text per row."""
    return _compute.binary_join_element_wise(*parts, "")


def replaced(column: pa.Array, mask: Mask, values: pa.Array) -> pa.Array:
    """The column with the rows of `mask` replaced by `values`, of which there is one for each of them."""
    return _compute.replace_with_mask(column, pa.array(mask), values)


def line_bytes(lines: pa.Array) -> memoryview:
    """The bytes of an array of text (no nulls), one text behind the other, without copying them."""
    offsets = np.frombuffer(lines.buffers()[1], np.int32)[lines.offset : lines.offset + len(lines) + 1]
    return memoryview(lines.buffers()[2])[int(offsets[0]) : int(offsets[-1])]
