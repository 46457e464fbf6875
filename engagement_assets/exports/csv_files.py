"""The published tables as CSV files: a star for BI tools, safe to open in a spreadsheet, with a data dictionary beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from itertools import accumulate
from pathlib import Path

import duckdb
import pyarrow as pa
import pyspark.sql.types as T

from engagement_assets.domain import remedies
from engagement_assets.domain.catalogue import daily_tables
from engagement_assets.domain.contracts import Contract, EngagementMetrics, EngagementScores
from engagement_assets.domain.days import as_date
from engagement_assets.exports.folders import made
from engagement_assets.exports.star_schema import Days, ExportColumn, ExportFile, export_files
from engagement_assets.lake.published import NotPublishedError
from engagement_assets.lake.reading import opened
from engagement_assets.lake.stores import replacing
from engagement_assets.lake.tables import LakeResource
from engagement_assets.settings import Settings, local_path

#: First characters that spreadsheets take for a formula.
_FORMULA_STARTS = "=+-@\t\r"

#: Digits after the point that a double is written with: more than its precision needs, never an exponent.
_DOUBLE_DIGITS = 15


#: Files that are written at the same time; each may need memory to sort its rows.
_FILES_AT_ONCE = 2


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


def export_csv(
    lake: LakeResource, settings: Settings, folder: str | None = None, as_of_date: str | None = None
) -> Export:
    """Write the files of `star_schema.export_files` and data_dictionary.csv into a folder (None: that of the settings).

    `as_of_date` None means the latest published snapshot. Each file is written under another name and then put in place, so
    that a reader never sees half of it. Raises NotPublishedError if there is no such snapshot.
    """
    published = list(lake.partitions(EngagementScores))
    if not published:
        raise NotPublishedError(f"engagement_scores: no snapshot is published yet; build one: {remedies.build()}")
    day = as_date(as_of_date).isoformat() if as_of_date else published[-1]
    lake.require(EngagementScores, [day])
    target = made(local_path(folder or settings.export))
    files = export_files(settings)
    writing = _Writing(lake, settings, day, target, cache(lake.partitions))
    # DuckDB writes an ordered file with one core at the most, outside Python.
    with ThreadPoolExecutor(_FILES_AT_ONCE) as pool:
        written = list(pool.map(writing.write, files))
    return Export(day, (*written, write_dictionary(files, target)))


@dataclass
class _Writing:
    """An export under way."""

    lake: LakeResource
    settings: Settings
    day: str
    target: Path
    #: The published days of a table with their rows, looked up once.
    published: Callable[[type[Contract]], Mapping[str, int]]

    def write(self, file: ExportFile) -> WrittenFile:
        """Write one file, in the order of its key."""
        chosen: dict[type[Contract], list[str] | None] = {}
        for contract, wanted in file.reads.items():
            same = wanted is Days.SAME
            chosen[contract] = list(chosen.values())[-1] if same else self.days(contract, wanted)
        columns = ", ".join(f'{_cell(column)} AS "{column.name}"' for column in file.columns)
        order = ", ".join(f'"{name}"' for name in file.key)
        last_year = max(as_date(found).year for found in (self.day, *list(self.published(EngagementMetrics))[-1:]))
        literals = {
            "$zone": f"'{self.settings.timezone}'",
            "$first": f"DATE '{self.settings.start_date.year}-01-01'",
            "$after": f"DATE '{last_year + 1}-01-01'",
        }
        query = file.query
        for name, literal in literals.items():
            query = query.replace(name, literal)
        place = self.target / file.file_name
        with opened(self.lake, chosen) as connection:
            if file.name == "table_rows":
                connection.register("table_rows", self.row_counts())
            return _write(connection, f"SELECT {columns} FROM ({query}) ORDER BY {order}", place)

    def days(self, contract: type[Contract], wanted: Days) -> list[str] | None:
        """The published days of a table that a file is made from; None: all."""
        if wanted is Days.ALL:
            return None
        if wanted is Days.SNAPSHOT:
            return [self.day]
        in_window = wanted is Days.WINDOW
        length = self.settings.scoring.activity_window_days if in_window else self.settings.export_days
        first = (as_date(self.day) - timedelta(days=length - 1)).isoformat()
        rows = {found: count for found, count in self.published(contract).items() if first <= found <= self.day}
        if in_window or not rows:
            return list(rows)
        choose = thinned if wanted is Days.THINNED else newest
        return choose(rows, self.settings.export_rows)

    def row_counts(self) -> pa.Table:
        """The rows of each daily table on its days, from the tables' logs: as_of_date, table_name, rows."""
        counted = []
        for contract in daily_tables():
            published = self.published(contract)
            days = published if contract is EngagementMetrics else self.days(contract, Days.NEWEST) or ()
            counted += [{"as_of_date": day, "table_name": contract.table(), "rows": published[day]} for day in days]
        names = {"as_of_date": pa.string(), "table_name": pa.string(), "rows": pa.int64()}
        return pa.Table.from_pylist(counted, pa.schema(names))


def newest(rows: Mapping[str, int], most: int) -> list[str]:
    """The newest days that have at most so many rows together, but one day at least; `rows` by day, in their order."""
    days = list(rows)[::-1]
    fit = sum(total <= most for total in accumulate(rows[day] for day in days))
    return days[: max(1, fit)][::-1]


def thinned(rows: Mapping[str, int], most: int) -> list[str]:
    """Days left out evenly, the newest kept, until they have at most so many rows together, but one day at least."""
    days = list(rows)[::-1]
    step = 1
    while step < len(days) and sum(rows[day] for day in days[::step]) > most:
        step += 1
    return days[::step][::-1]


def write_dictionary(files: tuple[ExportFile, ...], target: Path) -> WrittenFile:
    """Each column of the files: table, column, type, whether it may be empty, description."""
    rows = [
        {
            "table_name": file.name,
            "column_name": column.name,
            "type": column.dtype.simpleString(),
            "may_be_empty": "yes" if column.nullable else "no",
            "description": column.description,
        }
        for file in files
        for column in file.columns
    ]
    place = target / "data_dictionary.csv"
    with duckdb.connect() as connection:
        connection.register("dictionary", pa.Table.from_pylist(rows))
        return _write(connection, "FROM dictionary", place)


def _write(connection: duckdb.DuckDBPyConnection, query: str, place: Path) -> WrittenFile:
    with replacing(place) as draft:
        target = str(draft).replace("'", "''")
        (rows,) = connection.execute(f"COPY ({query}) TO '{target}' (FORMAT csv, HEADER)").fetchall()[0]
    return WrittenFile(place, int(rows), place.stat().st_size)


def _cell(column: ExportColumn) -> str:
    """The SQL of a column as a CSV cell: no formula, no exponent, ISO dates."""
    name = f'"{column.name}"'
    if isinstance(column.dtype, T.StringType):
        starts = ", ".join(f"chr({ord(character)})" for character in _FORMULA_STARTS)
        return f"CASE WHEN left({name}, 1) IN ({starts}) THEN chr(39) || {name} ELSE {name} END"
    if isinstance(column.dtype, T.DoubleType):
        return f"CAST({name} AS DECIMAL(38, {_DOUBLE_DIGITS}))"
    return name
