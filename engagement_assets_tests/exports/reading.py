"""Exported files read back as the data dictionary beside them says."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

#: What the types of the data dictionary are in DuckDB.
_TYPES = {"string": "VARCHAR", "timestamp_ntz": "TIMESTAMP"}


@contextmanager
def loaded(export: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection in which each CSV file of an export is a table of the schema `whole`, and found by its bare name."""
    columns: dict[str, dict[str, str]] = {}
    with (export / "data_dictionary.csv").open(newline="", encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            columns.setdefault(row["table_name"], {})[row["column_name"]] = _TYPES.get(row["type"], row["type"])
    with duckdb.connect() as connection:
        connection.execute("CREATE SCHEMA whole")
        for name, types in columns.items():
            connection.execute(
                f"CREATE TABLE whole.{name} AS "
                "FROM read_csv($place, columns = $types, header = true, auto_detect = false)",
                {"place": str(export / f"{name}.csv"), "types": types},
            )
            connection.execute(f"CREATE VIEW main.{name} AS FROM whole.{name}")
        yield connection
