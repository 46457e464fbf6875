"""The published tables as CSV files: one per table, safe to open in a spreadsheet, with a data dictionary beside them."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyspark.sql.types as T

from engagement_assets.contracts import Contract, EngagementMetrics, EngagementScores
from engagement_assets.resources.reading import opened
from engagement_assets.resources.tables import LakeResource, NotPublishedError
from engagement_assets.settings import as_date, local_path

#: First characters that spreadsheets take for a formula.
_FORMULA_STARTS = "=+-@\t\r"

#: Digits after the point that a double is written with: more than its precision needs, never an exponent.
_DOUBLE_DIGITS = 15


@dataclass(frozen=True)
class WrittenFile:
    """A file that was written: where, how many rows (without header), bytes."""

    path: Path
    rows: int
    size: int


@dataclass(frozen=True)
class Export:
    """The snapshot that was exported and its files."""

    as_of_date: str
    files: tuple[WrittenFile, ...]


def spreadsheet_safe(text: str) -> str:
    """A text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(tuple(_FORMULA_STARTS)) else text


def export_csv(lake: LakeResource, folder: str, as_of_date: str | None = None) -> Export:
    """Write engagement_scores.csv of one snapshot, engagement_metrics.csv of all days, and data_dictionary.csv.

    `as_of_date` None means the latest published snapshot. Each file is written under another name and then put in place, so
    that a reader never sees half of it. Raises NotPublishedError if there is no such snapshot.
    """
    published = list(lake.partitions(EngagementScores))
    if not published:
        raise NotPublishedError("engagement_scores: no snapshot is published yet; build one with `engagement run`")
    day = as_date(as_of_date).isoformat() if as_of_date else published[-1]
    lake.require(EngagementScores, [day])
    target = local_path(folder)
    target.mkdir(parents=True, exist_ok=True)
    return Export(
        day,
        (
            write_table(lake, EngagementScores, [day], target),
            write_table(lake, EngagementMetrics, None, target),
            write_dictionary((EngagementScores, EngagementMetrics), target),
        ),
    )


def write_table(lake: LakeResource, contract: type[Contract], days: list[str] | None, target: Path) -> WrittenFile:
    """One table, or some days of it, as `<table>.csv`, in the order of its key."""
    columns = ", ".join(f'{_cell(field)} AS "{field.name}"' for field in contract.struct())
    order = ", ".join(f'"{name}"' for name in contract.key())
    place = target / f"{contract.table()}.csv"
    with opened(lake, {contract: days}) as connection:
        rows = _write(connection.sql(f"SELECT {columns} FROM {contract.table()} ORDER BY {order}"), place)
    return WrittenFile(place, rows, place.stat().st_size)


def write_dictionary(contracts: tuple[type[Contract], ...], target: Path) -> WrittenFile:
    """Each column of the files: table, column, type, whether it may be empty, description; from the contracts."""
    rows = [
        (
            contract.table(),
            name,
            column.dtype.type.simpleString(),
            "yes" if column.nullable else "no",
            column.description,
        )
        for contract in contracts
        for name, column in contract.columns().items()
    ]
    place = target / "data_dictionary.csv"
    with duckdb.connect() as connection:
        connection.execute(
            "CREATE TABLE dictionary "
            "(table_name VARCHAR, column_name VARCHAR, type VARCHAR, may_be_empty VARCHAR, description VARCHAR)"
        )
        connection.executemany("INSERT INTO dictionary VALUES (?, ?, ?, ?, ?)", rows)
        _write(connection.table("dictionary"), place)
    return WrittenFile(place, len(rows), place.stat().st_size)


def _write(relation: duckdb.DuckDBPyRelation, place: Path) -> int:
    draft = place.with_name(f".{place.name}.{uuid.uuid4().hex[:8]}")
    try:
        rows = relation.aggregate("count(*)").fetchall()[0][0]
        relation.write_csv(str(draft), header=True)
        draft.replace(place)
    finally:
        draft.unlink(missing_ok=True)
    return int(rows)


def _cell(field: T.StructField) -> str:
    """The SQL of a column as a CSV cell: no formula, no exponent, ISO dates."""
    name = f'"{field.name}"'
    if isinstance(field.dataType, T.StringType):
        starts = ", ".join(f"chr({ord(character)})" for character in _FORMULA_STARTS)
        return f"CASE WHEN left({name}, 1) IN ({starts}) THEN chr(39) || {name} ELSE {name} END"
    if isinstance(field.dataType, T.DoubleType):
        return f"CAST({name} AS DECIMAL(38, {_DOUBLE_DIGITS}))"
    return name
