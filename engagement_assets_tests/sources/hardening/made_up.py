"""Orders tables made up from a seed: columns of random types, values of every kind, and what must become of each row."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from engagement_assets.sources.finding import SourcesResource
from engagement_assets.sources.inspecting import inspect
from engagement_assets.sources.reading import read
from engagement_assets.sources.registry import SOURCES
from engagement_assets.sources.source import ObservationWindow
from engagement_assets.sources.validating import typed, validate
from engagement_assets_tests.sources.hardening import strict

FIRST, LAST = date(2025, 3, 2), date(2025, 3, 31)
UTC = UTC
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Maker = Callable[[random.Random], Any]
Row = dict[str, Any]

_TEXTS = [
    "",
    " ",
    "x",
    "7",
    "007",
    " 7 ",
    "7.5",
    "é😀",
    "nul\0",
    "1e3",
    "NaN",
    "-inf",
    "2025-03-09",
    "2025-02-29",
    "0001-01-01",
]
_FLOATS = [0.0, -0.0, 1.0, 7.0, 0.5, 1.005, -3.25, 1e7, 1e15, 1e16, 1e22, 1e300, 5e-324, math.nan, math.inf, -math.inf]


def _text(chance: random.Random) -> str:
    return chance.choice(_TEXTS) if chance.random() < 0.5 else f"{chance.randrange(10**6)}"


def _number_text(chance: random.Random) -> str:
    return chance.choice(
        [f"{chance.uniform(-10, 1e5):.{chance.randrange(6)}f}", str(chance.randrange(10**20)), _text(chance)]
    )


def _integer(bits: int) -> Maker:
    return lambda chance: chance.choice([0, 1, chance.randrange(2 ** (bits - 1)), -chance.randrange(2 ** (bits - 1))])


def _float(chance: random.Random) -> float:
    return chance.choice(_FLOATS) if chance.random() < 0.5 else round(chance.uniform(-100, 1e6), chance.randrange(6))


def _decimal(scale: int) -> Maker:
    return lambda chance: Decimal(chance.randrange(-(10**9), 10 ** chance.choice([3, 9, 18]))).scaleb(-scale)


def _day(chance: random.Random) -> date:
    return chance.choice([date(2025, 3, chance.randrange(1, 32)), date.min, date.max, date(2024, 2, 29)])


def _time(chance: random.Random) -> datetime:
    early = datetime(2025, 3, 1) + timedelta(microseconds=chance.randrange(40 * 86_400 * 10**6))
    return chance.choice([early, early.replace(microsecond=0), early.replace(year=1969)])


def _time_text(chance: random.Random) -> str:
    zone = chance.choice(["", "Z", "+02:00", "-1130"])
    return _time(chance).isoformat(chance.choice(["T", " "]), "seconds") + zone


_IDS: list[tuple[pa.DataType, Maker]] = [
    (pa.string(), _text),
    (pa.large_string(), _text),
    (pa.dictionary(pa.int32(), pa.string()), _text),
    (pa.int64(), _integer(64)),
    (pa.int32(), _integer(32)),
    (pa.int16(), _integer(16)),
    (pa.float64(), _float),
    (pa.decimal128(38, 4), _decimal(4)),
    (pa.decimal128(18, 0), _decimal(0)),
    (pa.bool_(), lambda chance: chance.random() < 0.5),
]
_DATES: list[tuple[pa.DataType, Maker]] = [
    (pa.string(), _time_text),
    (pa.string(), _text),
    (pa.date32(), _day),
    (pa.date64(), _day),
    *[(pa.timestamp(unit, zone), _time) for unit in ("s", "ms", "us", "ns") for zone in (None, "UTC", "Asia/Tokyo")],
    (pa.int64(), _integer(40)),
    (pa.float64(), _float),
]
_AMOUNTS: list[tuple[pa.DataType, Maker]] = [
    (pa.string(), _number_text),
    (pa.dictionary(pa.int32(), pa.string()), _number_text),
    (pa.int64(), _integer(64)),
    (pa.int32(), _integer(32)),
    (pa.float64(), _float),
    (pa.decimal128(10, 2), lambda chance: Decimal(chance.randrange(-(10**6), 10**9)).scaleb(-2)),
    (pa.decimal128(38, 6), _decimal(6)),
    (pa.bool_(), lambda chance: chance.random() < 0.5),
]


_USUAL: dict[str, tuple[pa.DataType, Maker]] = {
    "order_id": (pa.string(), lambda chance: f"o{chance.randrange(10**9)}"),
    "customer_id": (pa.int64(), lambda chance: chance.randrange(100)),
    "order_date": (
        pa.timestamp("us"),
        lambda chance: datetime(2025, 3, 2) + timedelta(seconds=chance.randrange(2_592_000)),
    ),
    "order_amount": (pa.float64(), lambda chance: round(chance.uniform(0, 500), 3)),
}


@dataclass
class Comparison:
    """What an engine and the judge said of made-up tables."""

    tables: int = 0
    rows: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    different: list[Any] = field(default_factory=list)
    #: Rows that went in less rows that came out.
    unaccounted: int = 0


def _table(chance: random.Random, rows: int) -> tuple[pa.Table, list[Row]]:
    columns: Row = {}
    for name, choices in (
        ("order_id", _IDS),
        ("customer_id", _IDS),
        ("order_date", _DATES),
        ("order_amount", _AMOUNTS),
    ):
        kind, maker = chance.choice(choices) if chance.random() < 0.6 else _USUAL[name]
        values = [None if chance.random() < 0.1 else maker(chance) for _ in range(rows)]
        if pa.types.is_dictionary(kind):
            columns[name] = pa.array(values, kind.value_type).dictionary_encode()
        elif pa.types.is_timestamp(kind):
            columns[name] = pa.array(values, pa.timestamp("us", kind.tz)).cast(kind, safe=False)
        else:
            columns[name] = pa.array(values, kind)
    table = pa.table(columns)
    return table, table.to_pylist()


def _missing(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip(" "))


def _identifier(value: Any) -> str | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, float):
        return str(int(value)) if math.isfinite(value) and value == int(value) and abs(value) < 2**53 else None
    if isinstance(value, Decimal):
        return str(int(value)) if value == value.to_integral_value() else None
    return str(value).strip(" ")


def _instant(value: Any) -> datetime | None:
    if isinstance(value, str):
        return strict.instant(value.strip(" "))
    if hasattr(value, "to_pydatetime"):  # nanoseconds: cut
        value = value.floor("us").to_pydatetime()
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    return datetime(value.year, value.month, value.day, tzinfo=UTC) if isinstance(value, date) else None


def judge(row: Row) -> tuple[str, Any]:
    """The verdict on a row of orders, and its values if it is kept."""
    order, customer = row["order_id"], row["customer_id"]
    if _missing(order):
        return "missing_order_id", None
    if _identifier(order) is None:
        return "wrong_type", None
    if _missing(customer):
        return "missing_customer_id", None
    if _identifier(customer) is None:
        return "wrong_type", None
    if _missing(row["order_date"]):
        return "missing_date", None
    when = _instant(row["order_date"])
    if when is None:
        return "wrong_type", None
    amount = strict.cents(row["order_amount"])
    if amount in ("not_a_number", "wrong_type"):
        return str(amount), None
    if not FIRST <= when.date() <= LAST:
        return "outside_observation_window", None
    if isinstance(amount, str):
        return amount, None
    return "kept", (_identifier(order), _identifier(customer), when, amount)


def compare(spark: SparkSession, folder: Path, seed: int, tables: int, rows: int = 12) -> Comparison:
    """Write so many made-up tables as files of one folder, read them by the product's own code, and compare."""
    chance = random.Random(seed)
    written: dict[str, list[Row]] = {}
    place = folder / "raw" / "orders"
    place.mkdir(parents=True)
    for number in range(tables):
        table, plain = _table(chance, rows)
        pq.write_table(table, place / f"{number}.parquet", row_group_size=chance.choice([3, 100]))
        written[f"orders/{number}.parquet"] = plain
    sources = SourcesResource(root=str(folder / "raw"))
    inspection = inspect(sources, SOURCES["orders"])
    found: dict[str, list[tuple[str, Any]]] = {name: [] for name in written}
    out = Comparison(tables, tables * rows, unaccounted=tables * rows - inspection.rows)
    window = ObservationWindow(FIRST, LAST, LAST)
    for read_rows in read(sources, spark, inspection, str(folder / "scratch")):
        examined = validate(typed(read_rows, SOURCES["orders"]), SOURCES["orders"], window)
        for row in examined.withColumn("order_date", F.unix_micros("order_date")).collect():
            values = None
            if row["verdict"] == "kept":
                when = EPOCH + timedelta(microseconds=row["order_date"])
                values = (row["order_id"], row["customer_id"], when, row["order_amount"])
            found[row["source_path"]].append((row["verdict"], values))
            out.verdicts[row["verdict"]] += 1
    for name, plain in written.items():
        expected = Counter(map(repr, map(judge, plain)))
        got = Counter(map(repr, found[name]))
        out.unaccounted += abs(len(plain) - len(found[name]))
        if got != expected:
            out.different.append((name, list((got - expected).elements()), list((expected - got).elements())))
    return out
