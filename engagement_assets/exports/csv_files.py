"""The published tables as files for BI tools: a star as CSV and Parquet, a data dictionary and `export.json` beside it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyspark.sql.types as T

from engagement_assets.domain import remedies
from engagement_assets.domain.contracts import Contract, EngagementScores, Sessions
from engagement_assets.domain.days import as_date
from engagement_assets.exports import dictionary
from engagement_assets.exports.chosen_days import Choice, Chosen
from engagement_assets.exports.folders import made
from engagement_assets.exports.star_schema import EXPORTED_FILES, Days, ExportColumn, ExportFile, export_files
from engagement_assets.exports.swapping import MANIFEST, as_text, sha256, swapped
from engagement_assets.lake.code_versions import commit_metadata
from engagement_assets.lake.published import NotPublishedError
from engagement_assets.lake.reading import connect, opened
from engagement_assets.lake.tables import LakeResource
from engagement_assets.settings import Settings, local_path

#: First characters that spreadsheets take for a formula, or that move it to the begin of a line.
_FORMULA_STARTS = "=+-@\t\r\n"

#: Digits after the point that a double is written with: more than its precision needs, never an exponent.
_DOUBLE_DIGITS = 15

#: Files that are written at the same time; each may need memory to sort its rows.
_FILES_AT_ONCE = 2

#: Rows of a part of a Parquet file.
_ROW_GROUP = 122_880

BYTE_ORDER_MARK = "\ufeff"

#: Files that earlier releases wrote, with their columns.
FORMER_FILES = {"sessions.csv": [*Sessions.columns(), "start_hour", "furthest_stage"]}


@dataclass(frozen=True)
class WrittenFile:
    """A file that was written: where, how many rows (without header), bytes, its days, what was left out."""

    path: Path
    rows: int
    size: int
    first_day: str | None = None
    last_day: str | None = None
    days: int | None = None
    left_out: str = ""

    def described(self) -> dict[str, Any]:
        """The file as `export.json` tells of it."""
        told = {name: value for name, value in asdict(self).items() if name != "path"}
        return {"file": self.path.name, **told, "sha256": sha256(self.path)}


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
    """Write the files of `star_schema.export_files` into a folder (None: that of the settings), with what explains them.

    Each is written as CSV and, if the settings say so, as Parquet; beside them `exported_files`, data_dictionary.csv and
    `export.json`. `as_of_date` None means the latest published snapshot. All files take their places together
    (`swapping.swapped`). Raises NotPublishedError if there is no such snapshot.
    """
    published = list(lake.partitions(EngagementScores))
    if not published:
        raise NotPublishedError(f"engagement_scores: no snapshot is published yet; build one: {remedies.build()}")
    day = as_date(as_of_date).isoformat() if as_of_date else published[-1]
    lake.require(EngagementScores, [day])
    target = made(local_path(folder or settings.export))
    files = export_files(settings)
    with swapped(target) as staging, connect(lake) as database:
        writing = _Writing(lake, settings, staging, Choice(settings, day, cache(lake.partitions)), database)
        # DuckDB writes an ordered file with one core at the most, outside Python.
        with ThreadPoolExecutor(_FILES_AT_ONCE) as pool:
            written = list(chain.from_iterable(pool.map(writing.write, files)))
        written += writing.list_of(written)
        left_out = {file.path.stem: file.left_out for file in written}
        written.append(write_dictionary((*files, EXPORTED_FILES), staging, settings, left_out, database))
        page = staging / "data_dictionary.html"
        written.append(WrittenFile(page, 0, page.stat().st_size))
        (staging / MANIFEST).write_text(_described(settings, day, written), encoding="utf-8")
    for name, columns in FORMER_FILES.items():
        _remove_former(target / name, columns)
    return Export(day, tuple(replace(file, path=target / file.path.name) for file in written))


def _remove_former(place: Path, columns: list[str]) -> None:
    """Delete a file of an earlier release, which nothing keeps up to date any more; it has to have its columns."""
    if place.is_file():
        with place.open(encoding="utf-8", errors="replace") as stream:
            is_ours = stream.readline().rstrip("\r\n") == ",".join(columns)
        if is_ours:
            place.unlink()


def _described(settings: Settings, day: str, written: Iterable[WrittenFile]) -> str:
    """The text of `export.json`."""
    names = ("export_days", "export_rows", "export_parquet", "export_delimiter", "export_byte_order_mark", "timezone")
    told = {
        "as_of_date": day,
        "written_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "settings": {name: getattr(settings, name) for name in names} | commit_metadata(settings, EngagementScores),
        "files": [file.described() for file in written],
    }
    return as_text(told)


@dataclass
class _Writing:
    """An export under way."""

    lake: LakeResource
    settings: Settings
    staging: Path
    choice: Choice
    database: duckdb.DuckDBPyConnection

    def write(self, file: ExportFile) -> list[WrittenFile]:
        """Write one file, in the order of its key."""
        chosen: dict[type[Contract], Chosen] = {}
        for contract, wanted in file.reads.items():
            same = wanted is Days.SAME
            chosen[contract] = list(chosen.values())[-1] if same else self.choice.days(contract, wanted)
        query = file.query
        for name, literal in self.choice.literals().items():
            query = query.replace(name, literal)
        dated = "as_of_date" in {column.name for column in file.columns}
        left_out = file.left_out or " ".join(
            dict.fromkeys(each.left_out for each in chosen.values() if each.left_out and dated)
        )
        tables = {contract: each.days for contract, each in chosen.items()}
        with opened(self.lake, tables, beside=self.database) as connection:
            if file.name == "table_rows":
                connection.register("table_rows", self.choice.row_counts())
            if "$latest_orders" in query:
                condition, left_out = self.choice.latest_orders(connection)
                query = query.replace("$latest_orders", condition)
            return self._write(connection, file, query, left_out)

    def list_of(self, written: Iterable[WrittenFile]) -> list[WrittenFile]:
        """Write the file that tells of the others."""
        kinds = (pa.string(), pa.int64(), pa.string(), pa.string(), pa.int64(), pa.string())
        told = [
            (file.path.stem, file.rows, file.first_day, file.last_day, file.days, file.left_out or None)
            for file in written
            if file.path.suffix == ".csv"
        ]
        columns = [pa.array(values, kind) for values, kind in zip(zip(*told, strict=True), kinds, strict=True)]
        with self.database.cursor() as connection:
            connection.register("told", pa.table(columns, [column.name for column in EXPORTED_FILES.columns]))
            return self._write(connection, EXPORTED_FILES, "FROM told", "")

    def _write(
        self, connection: duckdb.DuckDBPyConnection, file: ExportFile, query: str, left_out: str
    ) -> list[WrittenFile]:
        typed = ", ".join(f'CAST("{column.name}" AS {sql_type(column)}) AS "{column.name}"' for column in file.columns)
        order = ", ".join(f'"{name}"' for name in file.key)
        rows = f"SELECT {typed} FROM ({query}) ORDER BY {order}"
        place, packed = (self.staging / f"{file.name}.{kind}" for kind in ("csv", "parquet"))
        if self.settings.export_parquet:
            _copy(connection, rows, packed, f"FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {_ROW_GROUP}")
            rows = f"FROM {_quoted(packed)}"
        written = WrittenFile(
            place, _write_csv(connection, file.columns, rows, place, self.settings), 0, left_out=left_out
        )
        if "as_of_date" in {column.name for column in file.columns} and written.rows:
            first, last, days = connection.execute(
                f"SELECT min(as_of_date)::VARCHAR, max(as_of_date)::VARCHAR, count(DISTINCT as_of_date) FROM ({rows})"
            ).fetchall()[0]
            written = replace(written, first_day=first, last_day=last, days=days)
        places = [each for each in (place, packed) if each.exists()]
        return [replace(written, path=each, size=each.stat().st_size) for each in places]


def write_dictionary(
    files: tuple[ExportFile, ...],
    target: Path,
    settings: Settings,
    left_out: Mapping[str, str],
    database: duckdb.DuckDBPyConnection,
) -> WrittenFile:
    """Each column of the files: `dictionary.rows`, and beside it the same as a page; `database` may be any."""
    rows = dictionary.rows(files, settings, left_out)
    (target / "data_dictionary.html").write_text(dictionary.page(files, settings, left_out), encoding="utf-8")
    place = target / "data_dictionary.csv"
    columns = [ExportColumn(name, "", T.StringType()) for name in rows[0]]
    with database.cursor() as connection:
        connection.register("dictionary", pa.Table.from_pylist(rows))
        count = _write_csv(connection, columns, "FROM dictionary", place, settings)
    return WrittenFile(place, count, place.stat().st_size)


def _write_csv(
    connection: duckdb.DuckDBPyConnection, columns: Iterable[ExportColumn], rows: str, place: Path, settings: Settings
) -> int:
    """Write the rows of a query as a CSV file, as the settings want it; returns how many they are."""
    cells = [f'{_cell(column)} AS "{column.name}"' for column in columns]
    if settings.export_byte_order_mark:
        cells[0] = cells[0].replace(' AS "', f' AS "{BYTE_ORDER_MARK}')
    options = f"FORMAT csv, HEADER, DELIMITER '{settings.export_delimiter}'"
    return _copy(connection, f"SELECT {', '.join(cells)} FROM ({rows})", place, options)


def _copy(connection: duckdb.DuckDBPyConnection, query: str, place: Path, options: str) -> int:
    (rows,) = connection.execute(f"COPY ({query}) TO {_quoted(place)} ({options})").fetchall()[0]
    return int(rows)


def _quoted(place: Path) -> str:
    return "'" + str(place).replace("'", "''") + "'"


def sql_type(column: ExportColumn) -> str:
    """The type of a column in DuckDB."""
    return {"string": "VARCHAR", "timestamp_ntz": "TIMESTAMP"}.get(
        column.dtype.simpleString(), column.dtype.simpleString()
    )


def _cell(column: ExportColumn) -> str:
    """The SQL of a column as a CSV cell: no formula, no exponent, ISO dates."""
    name = f'"{column.name}"'
    if isinstance(column.dtype, T.StringType):
        starts = ", ".join(f"chr({ord(character)})" for character in _FORMULA_STARTS)
        return f"CASE WHEN left({name}, 1) IN ({starts}) THEN chr(39) || {name} ELSE {name} END"
    if isinstance(column.dtype, T.DoubleType):
        return f"CAST({name} AS DECIMAL(38, {_DOUBLE_DIGITS}))"
    return name
