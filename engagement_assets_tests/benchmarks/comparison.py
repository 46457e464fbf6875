"""Whether two ways give the same rows: without that, their times mean nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from engagement_assets.domain.contracts import TABLES, Contract
from engagement_assets.lake.tables import LakeResource
from engagement_assets_tests.benchmarks.product import Product

#: By how much a number of two engines may differ, relative to it where it is above 1.
TOLERANCE = 1e-12

#: The same for SQL that somebody else wrote, who may add up in another order.
BY_HAND_TOLERANCE = 1e-9

#: Tables that are not compared with those written by hand, and why.
NOT_BY_HAND = {
    "rejected_rows": "an account of the sources' faults; DuckDB by hand reads clean sources and keeps none",
    "raw_contacts": "a source that a shop may be without, as these are",
}

#: A column of the product's files that belongs to no table: what its files are filed under.
PARTITION = "partition"

#: Days whose rows are compared at a time: two wide tables of them fit into memory.
_DAYS_AT_A_TIME = 10


class DifferentTablesError(AssertionError):
    """Two ways that are compared do not give the same rows: their times mean nothing."""


@dataclass
class Difference:
    """How much of a table two ways do not have alike: of so many rows, those that differ, and in which columns."""

    rows: int = 0
    different: int = 0
    #: Of rows that both have: column -> rows that differ in it.
    columns: Counter[str] = field(default_factory=Counter)
    #: Rows that the other way has not, rows that only it has, and rows of a key that it has already.
    lacking: int = 0
    extra: int = 0
    repeated: int = 0

    def add(self, other: Difference) -> None:
        """Count the rows of another part of the table too."""
        for name in ("rows", "different", "lacking", "extra", "repeated"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.columns.update(other.columns)

    def __str__(self) -> str:
        parts = [f"{count:,} in {name}" for name, count in self.columns.most_common()]
        parts += [f"{count:,} {name}" for name in ("lacking", "extra", "repeated") if (count := getattr(self, name))]
        return f"{self.different:,} of {self.rows:,} rows differ ({', '.join(parts)})"


def require_same_tables(lake: LakeResource, by_hand: Path, days: Sequence[str]) -> int:
    """Compare every table of these days with the one that DuckDB by hand wrote, all rows and columns; how many rows there are.

    Floating-point numbers are the same within `BY_HAND_TOLERANCE`, everything else is exactly the same, the types of columns too.
    Raises DifferentTablesError; its message names each table that differs, how many rows and which columns.
    """
    wrong, rows = [], 0
    for name, contract in TABLES.items():
        if name in NOT_BY_HAND:
            continue
        lake.require(contract, days)
        found = Difference()
        for first in range(0, len(days), _DAYS_AT_A_TIME):
            some = days[first : first + _DAYS_AT_A_TIME]
            ours = lake.files(contract, some)
            theirs = [str(file) for day in some for file in by_hand.glob(f"{name}/as_of_date={day}/*.parquet")]
            other = _other_columns(ours, theirs)
            if other:
                wrong.append(f"{name}: {other}")
                break
            found.add(compare(contract, ours, theirs, BY_HAND_TOLERANCE))
        rows += found.rows
        if found.different:
            wrong.append(f"{name}: {found}")
    if wrong or not rows:
        raise DifferentTablesError("\n".join(wrong) or "there is not a row to compare")
    return rows


def different_rows(one: Product, other: Product) -> tuple[int, int]:
    """Rows of any table that two products do not have alike, and how many rows there are."""
    found = Difference()
    for contract in TABLES.values():
        found.add(compare(contract, one.lake.files(contract), other.lake.files(contract), TOLERANCE))
    return found.different, found.rows


def compare(contract: type[Contract], ours: Sequence[str], theirs: Sequence[str], tolerance: float) -> Difference:
    """How the rows of a table differ between two sets of Parquet files; rows of the same key are compared with each other."""
    if not ours and not theirs:
        return Difference()
    key = contract.key()
    compared = [name for name in contract.columns() if key and name not in key]
    # Rows without a key are told apart by all they have: of equal ones there have to be as many.
    on = (f"a.{name} IS NOT DISTINCT FROM b.{name}" for name in key or contract.columns())
    same = {name: _same(contract, name, tolerance) for name in compared}
    in_both = "a.copies IS NOT NULL AND b.copies IS NOT NULL"
    counts = {
        "rows": "sum(greatest(a.copies, b.copies))",
        "moved": f"count(*) FILTER ({in_both} AND NOT ({' AND '.join(same.values()) or 'true'}))",
        "lacking": "sum(greatest(a.copies - coalesce(b.copies, 0), 0))",
        "extra": "sum(greatest(b.copies - coalesce(a.copies, 0), 0))",
        "repeated": "count(a.copies) - (SELECT count(*) FROM a) + count(b.copies) - (SELECT count(*) FROM b)",
        **{name: f"count(*) FILTER ({in_both} AND NOT {condition})" for name, condition in same.items()},
    }
    with duckdb.connect() as connection:
        for side, files in (("a", ours), ("b", theirs)):
            read = f"read_parquet({list(files or ours or theirs)}, hive_partitioning = false)"
            counted, limit = "1" if key else "count(*)", "" if files else "LIMIT 0"
            connection.execute(
                f"CREATE VIEW {side} AS SELECT {', '.join(contract.columns())}, {counted} AS copies FROM {read} "
                f"{'' if key else 'GROUP BY ALL'} {limit}"
            )
        values = connection.execute(
            f"SELECT {', '.join(counts.values())} FROM a FULL JOIN b ON {' AND '.join(on)}"
        ).fetchall()[0]
    found = dict(zip(counts, (int(value or 0) for value in values), strict=True))
    missing = [found[name] for name in ("lacking", "extra", "repeated")]
    return Difference(
        found["rows"],
        found["moved"] + sum(missing),
        Counter({name: found[name] for name in compared if found[name]}),
        *missing,
    )


def _same(contract: type[Contract], name: str, tolerance: float) -> str:
    is_equal = f"a.{name} IS NOT DISTINCT FROM b.{name}"
    if contract.columns()[name].dtype.type.typeName() != "double":
        return f"({is_equal})"
    return f"({is_equal} OR coalesce(abs(a.{name} - b.{name}) <= {tolerance} * greatest(1, abs(a.{name})), false))"


def _other_columns(ours: Sequence[str], theirs: Sequence[str]) -> str:
    """What is different about the columns of two sets of files, in words; empty where nothing is."""
    with duckdb.connect() as connection:

        def columns(file: str) -> dict[str, str]:
            described = connection.execute(
                "DESCRIBE SELECT * FROM read_parquet($file, hive_partitioning = false)", {"file": file}
            )
            return {name: kind for name, kind, *_ in described.fetchall() if name != PARTITION}

        one = columns(ours[0]) if ours else {}
        for other in map(columns, theirs if one else ()):
            if other != one:
                return ", ".join(
                    f"column {name} is {other.get(name, 'missing')} instead of {one.get(name, 'missing')}"
                    for name in {**one, **other}
                    if one.get(name) != other.get(name)
                )
    return ""
