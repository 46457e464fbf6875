"""Generated files as plain rows, read by other means than the product's own."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq

Row = tuple[Any, ...]


def parquet_rows(folder: Path) -> dict[str, list[Row]]:
    """The rows of each Parquet file under `folder` as text, in their order, by the file's path."""
    found = {}
    for path in sorted(folder.rglob("*.parquet")):
        table = pq.ParquetFile(path).read()
        columns = [[str(value) for value in table[name].to_pylist()] for name in table.column_names]
        found[str(path.relative_to(folder))] = [tuple(table.column_names), *zip(*columns, strict=True)]
    return found


def text_lines(folder: Path) -> dict[str, list[str]]:
    """The lines of each file of events under `folder`, by the file's path."""
    found = {}
    for path in sorted(path for path in folder.rglob("*.jsonl*") if path.is_file()):
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        found[str(path.relative_to(folder))] = content.decode().split("\n")[:-1]
    return found


def everything(folder: Path) -> tuple[dict[str, list[Row]], dict[str, list[str]]]:
    """All rows and lines under `folder`."""
    return parquet_rows(folder), text_lines(folder)


def clean_tables(folder: Path) -> duckdb.DuckDBPyConnection:
    """A database with the tables customers, orders and events of sources without bad rows."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    for table, files in (("customers", "customers/*.parquet"), ("orders", "orders/*/*.parquet")):
        connection.execute(f"CREATE TABLE {table} AS FROM read_parquet('{folder}/{files}', hive_partitioning = false)")
    fields = "{customer_id: 'VARCHAR', event_time: 'TIMESTAMPTZ', event_type: 'VARCHAR', event_id: 'VARCHAR'}"
    connection.execute(
        "CREATE TABLE events AS FROM read_json("
        f"'{folder}/web_events/*/*.jsonl*', format = 'newline_delimited', columns = {fields}, hive_partitioning = false)"
    )
    return connection
