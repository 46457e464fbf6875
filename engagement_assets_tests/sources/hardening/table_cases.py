"""Columns of Parquet files in every type and with every oddity, each value with what must become of its row.

One case is one file in which one column is odd and the others are good.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa

from engagement_assets_tests.sources.hardening.event_cases import LONG_ID

UTC = UTC
NOON = datetime(2025, 3, 31, 12, tzinfo=UTC)
MIDNIGHT = datetime(2025, 3, 31, tzinfo=UTC)


@dataclass(frozen=True)
class Reject:
    """The row must be rejected for this reason."""

    reason: str


WRONG, OUTSIDE = Reject("wrong_type"), Reject("outside_observation_window")
NO_ID, NO_DATE, NOT_A_NUMBER = Reject("missing_order_id"), Reject("missing_date"), Reject("not_a_number")
TOO_LARGE, NEGATIVE = Reject("amount_too_large"), Reject("negative_amount")


@dataclass(frozen=True)
class TableCase:
    """The values of one column of one file, and for each what the table must hold, or the reject reason."""

    name: str
    source: str
    column: str
    values: pa.Array
    outcomes: Sequence[Any]
    #: Written with the instants of twelve bytes that older systems write.
    int96: bool = False


def _ids(name: str, values: pa.Array, *outcomes: Any) -> TableCase:
    return TableCase(f"order_id: {name}", "orders", "order_id", values, outcomes)


def _dates(name: str, values: pa.Array, *outcomes: Any, int96: bool = False) -> TableCase:
    return TableCase(f"order_date: {name}", "orders", "order_date", values, outcomes, int96)


def _amounts(name: str, values: pa.Array, *outcomes: Any) -> TableCase:
    exact = [Decimal(outcome) if isinstance(outcome, str) else outcome for outcome in outcomes]
    return TableCase(f"order_amount: {name}", "orders", "order_amount", values, exact)


def _texts(*values: str | None, kind: pa.DataType | None = None) -> pa.Array:
    return pa.array(values, kind or pa.string())


def _decimals(precision: int, scale: int, *values: str | None) -> pa.Array:
    kind = pa.decimal128(precision, scale) if precision <= 38 else pa.decimal256(precision, scale)
    return pa.array([None if value is None else Decimal(value) for value in values], kind)


ORDER_IDS = [
    _ids(
        "text",
        _texts("007", " a b ", "q\"u'ote", "back\\slash", "é😀", LONG_ID, "nul\0", "bell\x07\x1f", "", "  ", None),
        *("007", "a b", "q\"u'ote", "back\\slash", "é😀", LONG_ID, "nul\0", "bell\x07\x1f", NO_ID, NO_ID, NO_ID),
    ),
    _ids("large text", _texts("large", kind=pa.large_string()), "large"),
    _ids("categories", _texts("category", None).dictionary_encode(), "category", NO_ID),
    _ids("text views", _texts("view", kind=pa.string_view()), "view"),
    _ids("int64", pa.array([77, -1, 2**62, None]), "77", "-1", str(2**62), NO_ID),
    _ids("int32", pa.array([78], pa.int32()), "78"),
    _ids("int8", pa.array([79], pa.int8()), "79"),
    _ids("uint8", pa.array([250], pa.uint8()), "250"),
    _ids("uint64", pa.array([2**64 - 1], pa.uint64()), str(2**64 - 1)),
    _ids("categories of int64", pa.array([80, None]).dictionary_encode(), "80", NO_ID),
    _ids(
        "double",
        pa.array([81.0, 7.5, math.nan, math.inf, 1e17, None]),
        *("81", WRONG, WRONG, WRONG, WRONG, NO_ID),
    ),
    _ids("float", pa.array([16_777_215.0, 0.5], pa.float32()), "16777215", WRONG),
    _ids("16-bit float", pa.array([82.0], pa.float16()), "82"),
    _ids("decimal", _decimals(38, 10, "83", "7.5", "0", None), "83", WRONG, "0", NO_ID),
    _ids("bytes", pa.array([b"bytes", b"\xff\x01", None], pa.binary()), "bytes", "ff01", NO_ID),
    _ids("boolean", pa.array([True, None]), WRONG, NO_ID),
    _ids("list", pa.array([["a"], None]), WRONG, NO_ID),
    _ids("structure", pa.array([{"a": 1}]), WRONG),
    _ids("no type", pa.nulls(2), NO_ID, NO_ID),
]

_CLOCK = datetime(2025, 3, 31, 12)

ORDER_DATES = [
    _dates(
        "text",
        _texts(
            "2025-03-31", "2025-03-31T14:00:00+02:00", "2025-02-29", "2024-02-29", "0001-01-01", "9999-12-31", "today"
        ),
        *(MIDNIGHT, NOON, WRONG, OUTSIDE, OUTSIDE, OUTSIDE, WRONG),
    ),
    _dates("epoch as text", _texts("1743422400", "", None), WRONG, NO_DATE, NO_DATE),
    _dates("line ends after text", _texts("2025-03-31\n", "2025-03-31\r", "2025-03-31\u2028"), WRONG, WRONG, WRONG),
    _dates("date", pa.array([date(2025, 3, 31), date(2024, 2, 29), None]), MIDNIGHT, OUTSIDE, NO_DATE),
    _dates("the ends of the calendar", pa.array([date.min, date.max]), OUTSIDE, OUTSIDE),
    _dates("days millions of years away", pa.array([2**31 - 1, -(2**31)], pa.int32()).view(pa.date32()), WRONG, WRONG),
    _dates("date of 64 bits", pa.array([date(2025, 3, 31)], pa.date64()), MIDNIGHT),
    *[
        _dates(
            f"timestamp {unit} {zone or 'without zone'}",
            pa.array([_CLOCK, None], pa.timestamp(unit, zone)),
            NOON,
            NO_DATE,
        )
        for unit in ("s", "ms", "us", "ns")
        for zone in (None, "UTC", "America/New_York")
    ],
    _dates("instants of twelve bytes", pa.array([_CLOCK, None], pa.timestamp("us")), NOON, NO_DATE, int96=True),
    _dates("categories of timestamps", pa.array([_CLOCK], pa.timestamp("ns")).dictionary_encode(), NOON),
    _dates(
        "nanoseconds are cut, not rounded",
        pa.array([1_743_422_399_999_999_999, 1_743_422_400_000_001_001], pa.int64()).view(pa.timestamp("ns", "UTC")),
        *(datetime(2025, 3, 31, 11, 59, 59, 999999, UTC), datetime(2025, 3, 31, 12, 0, 0, 1, UTC)),
    ),
    _dates("milliseconds beyond every year", pa.array([2**62, -(2**62)]).view(pa.timestamp("ms")), WRONG, WRONG),
    _dates(
        "microseconds beyond every year", pa.array([2**62, 2**63 - 1]).view(pa.timestamp("us", "UTC")), WRONG, WRONG
    ),
    _dates(
        "the years 1 and 9999",
        pa.array([-62_135_596_800_000_000, 253_402_300_799_999_999]).view(pa.timestamp("us")),
        OUTSIDE,
        OUTSIDE,
    ),
    _dates("epoch seconds", pa.array([1_743_422_400, None]), WRONG, NO_DATE),
    _dates("epoch milliseconds", pa.array([1_743_422_400_000]), WRONG),
    _dates("epoch seconds as double", pa.array([1_743_422_400.0, math.nan]), WRONG, WRONG),
    _dates("a time of day", pa.array([1], pa.time64("us")), WRONG),
    _dates("boolean", pa.array([True]), WRONG),
    _dates("no type", pa.nulls(1), NO_DATE),
]

AMOUNTS = [
    _amounts(
        "text",
        _texts("1", " 7 ", "+5", ".5", "5.", "1.005", "1.004999", "-0.004", "-0.005", "1000000000000"),
        *("1", "7", "5", "0.5", "5", "1.01", "1", "0", NEGATIVE, "1000000000000"),
    ),
    _amounts(
        "text of odd numbers",
        _texts(
            "1000000000000.01",
            "9999999999999999.995",
            "1" * 100,
            "0" * 60 + "3",
            "0." + "0" * 100 + "1",
            "NaN",
            "-Infinity",
            "inf",
        ),
        *(TOO_LARGE, TOO_LARGE, TOO_LARGE, "3", "0", NOT_A_NUMBER, NOT_A_NUMBER, NOT_A_NUMBER),
    ),
    _amounts(
        "text of no numbers",
        _texts("1e3", "1,000.00", "$5", "0x10", "1_000", "٣", "12 EUR", "5\n", "5\u2028", "", None),
        *[WRONG] * 11,
    ),
    _amounts("int64", pa.array([5, -5, 2**62, 0, None]), "5", NEGATIVE, TOO_LARGE, "0", WRONG),
    _amounts("int32", pa.array([6], pa.int32()), "6"),
    _amounts("uint64", pa.array([2**64 - 1, 6], pa.uint64()), TOO_LARGE, "6"),
    _amounts(
        "double",
        pa.array([0.1, 1.005, 2.675, 1e7, 12345678.905, 5e-324, -0.0, -0.001, 9.999999999999998e11]),
        *("0.1", "1.01", "2.68", "10000000", "12345678.91", "0", "0", "0", "1000000000000"),
    ),
    _amounts(
        "double of odd numbers",
        pa.array([math.nan, math.inf, -math.inf, 1e16, 1e300, -1e10, None]),
        *(NOT_A_NUMBER, NOT_A_NUMBER, NOT_A_NUMBER, TOO_LARGE, TOO_LARGE, NEGATIVE, WRONG),
    ),
    _amounts("one double and NaN", pa.array([5.25, math.nan, 5.25]), "5.25", NOT_A_NUMBER, "5.25"),
    _amounts("float", pa.array([19.99, 0.1, 33.335], pa.float32()), "19.99", "0.1", "33.34"),
    _amounts("16-bit float", pa.array([1.5, None], pa.float16()), "1.5", WRONG),
    _amounts("decimal of cents", _decimals(10, 2, "19.99", "-0.01"), "19.99", NEGATIVE),
    _amounts("decimal", _decimals(38, 10, "1.005", "0.0049999", "1" + "0" * 20), "1.01", "0", TOO_LARGE),
    _amounts("decimal of 256 bits", _decimals(60, 2, "19.99", "1" + "0" * 40), "19.99", TOO_LARGE),
    _amounts("categories of doubles", pa.array([19.99]).dictionary_encode(), "19.99"),
    _amounts("boolean", pa.array([True]), WRONG),
    _amounts("list", pa.array([[1.5]]), WRONG),
    _amounts("no type", pa.nulls(1), WRONG),
]

_SIGNUP = date(2025, 3, 1)


def _customers(name: str, column: str, values: pa.Array, *outcomes: Any) -> TableCase:
    return TableCase(f"{column}: {name}", "customers", column, values, outcomes)


CUSTOMERS = [
    _customers(
        "text", "signup_date", _texts("2025-03-01", "2025-03-01T23:59:59Z", "1899-12-31", "2025-02-30", "", "0001-01-01"),
        *(_SIGNUP, _SIGNUP, OUTSIDE, WRONG, NO_DATE, OUTSIDE),
    ),
    _customers("date", "signup_date", pa.array([_SIGNUP, date.max, None]), _SIGNUP, OUTSIDE, NO_DATE),
    _customers("nanoseconds", "signup_date", pa.array([datetime(2025, 3, 1)], pa.timestamp("ns")), _SIGNUP),
    _customers("epoch seconds", "signup_date", pa.array([1_740_787_200]), WRONG),
    _customers("text", "country", _texts("DE", " ", None, "Côte d'Ivoire"), "DE", "unknown", "unknown", "Côte d'Ivoire"),
    _customers("categories", "country", _texts("FR", None).dictionary_encode(), "FR", "unknown"),
    _customers("number", "country", pa.array([49]), "49"),
    _customers("boolean", "country", pa.array([True, None]), WRONG, "unknown"),
    _customers("no type", "country", pa.nulls(1), "unknown"),
    _customers("categories", "email", _texts("a@b.example").dictionary_encode(), "a@b.example"),
    _customers("list", "email", pa.array([["a@b.example"], None]), WRONG, None),
]  # fmt: skip

TABLE_CASES = [*ORDER_IDS, *ORDER_DATES, *AMOUNTS, *CUSTOMERS]
