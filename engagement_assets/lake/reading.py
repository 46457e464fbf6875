"""The published tables for SQL: a DuckDB connection with a view per table. Reads only, and takes no lock."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import cache, lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import pyarrow as pa

from engagement_assets.domain.contracts import TABLES, Contract
from engagement_assets.lake.damage import TableDamagedError
from engagement_assets.lake.published import PublishedTables
from engagement_assets.lake.schema_changes import RENAMED_VALUES
from engagement_assets.lake.stores import file_system
from engagement_assets.settings import is_url


def relation_sql(
    lake: PublishedTables,
    contract: type[Contract],
    partitions: Sequence[str] | None = None,
    known_on: datetime | None = None,
) -> str:
    """A SQL query of the published rows of some partitions (None: all), with exactly the contract's columns.

    `known_on`: as the table was at that instant. Raises TableDamagedError if a published file is missing or has another size,
    SchemaChangedError if the table's columns do not fit the contract.
    """
    return _files_sql(contract, lake.files(contract, partitions, known_on))


def _files_sql(contract: type[Contract], paths: Sequence[str]) -> str:
    types = {field.name: field.dataType.simpleString() for field in contract.struct()}
    types = {name: _TYPES.get(kind, kind) for name, kind in types.items()}
    if not paths:
        nulls = ", ".join(f'NULL::{kind} AS "{name}"' for name, kind in types.items())
        return f"SELECT {nulls} WHERE false"
    # The columns are the contract's: files written before one of them came to it have null there.
    columns = ", ".join(
        f"'{name}': {{name: '{name}', type: '{kind}', default_value: NULL}}" for name, kind in types.items()
    )
    renamed = [
        f"CASE {name} WHEN '{old}' THEN '{new}' ELSE {name} END AS {name}"
        for name, (old, new) in RENAMED_VALUES.items()
        if name in types
    ]
    every = f"* REPLACE ({', '.join(renamed)})" if renamed else "*"
    return (
        f"SELECT {every} FROM read_parquet([{', '.join(map(_quoted, paths))}], hive_partitioning = false, "
        f"schema = MAP {{{columns}}})"
    )


#: Files whose sizes a connection remembers.
_MOST_FILES_KNOWN = 100_000


def connect(lake: PublishedTables) -> duckdb.DuckDBPyConnection:
    """A DuckDB connection that can read the lake's files, in an object store too, and shows instants in UTC.

    Object stores are read through fsspec, not by DuckDB's own extension, which would be a download.
    """
    connection = duckdb.connect()
    connection.execute("SET GLOBAL TimeZone = 'UTC'")  # of each cursor too
    connection.execute("SET autoinstall_known_extensions = false")
    # What does not fit into memory; each connection in a place of its own, because DuckDB's names there are always the same.
    connection.execute(f"SET temp_directory = {_quoted(f'{_private_folder().name}/{uuid.uuid4().hex}')}")
    if is_url(lake.location):
        files = file_system(lake.location, shared=False)[0]
        # DuckDB asks some thirty times for a file's size; a published file never changes.
        files.info = lru_cache(_MOST_FILES_KNOWN)(files.info)
        connection.register_filesystem(files)
    return connection


def lock_down(connection: duckdb.DuckDBPyConnection, lake: PublishedTables) -> None:
    """Let a connection read and write below the lake and nowhere else, load nothing, and change no setting any more."""
    connection.execute("SET autoload_known_extensions = false")
    # DuckDB compares the places that links lead to, and a table's folder may be a link.
    places = [lake.location, *(lake.path(contract) for contract in TABLES.values())]
    if not is_url(lake.location):
        places = [str(Path(place).resolve()) for place in places]
    folders = ", ".join(_quoted(f"{place.rstrip('/')}/") for place in dict.fromkeys(places))
    connection.execute(f"SET allowed_directories = [{folders}]")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")


@cache
def _private_folder() -> TemporaryDirectory[str]:
    """A folder of this process that its owner alone can read; it goes when the process ends."""
    return TemporaryDirectory(prefix="engagement-")


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


#: Spark's names of types that DuckDB calls otherwise.
_TYPES = {"string": "varchar", "timestamp": "timestamptz"}


def rows_of(connection: duckdb.DuckDBPyConnection, contract: type[Contract], paths: Sequence[str]) -> pa.Table | None:
    """The rows of some files of a table, with the contract's columns; None where a file cannot be read."""
    with connection.cursor() as own:
        try:
            return own.sql(_files_sql(contract, paths)).to_arrow_table()
        except duckdb.Error:
            return None


@contextmanager
def opened(
    lake: PublishedTables,
    tables: Mapping[type[Contract], Sequence[str] | None],
    known_on: datetime | None = None,
    beside: duckdb.DuckDBPyConnection | None = None,
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection in which each table, restricted to the partitions given (None: all), is a view of its name.

    `beside`: one of `connect`, to which it is a cursor with views of its own, and without the time that opening a database takes.
    Instants are shown in UTC. Raises TableDamagedError, within the block too, if a published file cannot be read.
    """
    with connect(lake) if beside is None else beside.cursor() as connection:
        kind = "VIEW" if beside is None else "TEMP VIEW"  # those of a database are seen by all its cursors
        for contract, partitions in tables.items():
            connection.execute(
                f"CREATE {kind} {contract.table()} AS {relation_sql(lake, contract, partitions, known_on)}"
            )
        try:
            yield connection
        except duckdb.Error:
            for contract, partitions in tables.items() if known_on is None else ():
                for damage in lake.damage(contract, partitions, verify=True):
                    raise TableDamagedError(str(damage)) from None
            raise
