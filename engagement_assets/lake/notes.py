"""Notes kept with a lake: small JSON files, and rows that are needed again.

They may hold rows of customers, and so lie in the lake with the owner's rights only.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import types as T

from engagement_assets.lake.stores import file_system, make_private, remove, replace_file
from engagement_assets.lake.zones import NO_ZONE


class Notes:
    """The notes in a folder, which is made when the first is written."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def read(self, name: str) -> Any:
        """What a note says; None if there is none. Raises ValueError or OSError if it cannot be read."""
        files, path = file_system(self._note(name))
        try:
            return json.loads(files.cat_file(path))
        except FileNotFoundError:
            return None

    def write(self, name: str, what: Mapping[str, Any]) -> None:
        """Write a note in the place of an earlier one of its name."""
        make_private(self.folder)
        replace_file(self._note(name), json.dumps(what).encode())

    def write_rows(self, name: str, rows: DataFrame) -> tuple[str, int]:
        """Write rows beside those that were written under the name before; returns the name of their folder, and how many."""
        folder = f"{name}-{uuid.uuid4().hex[:8]}"
        make_private(self.folder)
        write_rows(rows, f"{self.folder}/{folder}")
        return folder, self.count_rows(folder)

    def count_rows(self, folder: str) -> int:
        """How many rows are in a folder that `write_rows` named; -1 where one of its files cannot be read."""
        files, path = file_system(f"{self.folder}/{folder}")
        rows = 0
        for name in _parquet_files(files, path):
            try:
                with files.open(name, "rb") as stream:
                    rows += pq.ParquetFile(stream).metadata.num_rows
            except (pa.ArrowException, OSError, ValueError):
                return -1
        return rows

    def read_rows(self, spark: SparkSession, folder: str, schema: T.StructType) -> DataFrame:
        """The rows in a folder that `write_rows` named."""
        return read_rows(spark, f"{self.folder}/{folder}", schema)

    def remove_rows(self, name: str, but: str | None = None) -> None:
        """Delete what `write_rows` wrote under a name, except for one folder."""
        files, path = file_system(self.folder)
        for found in files.ls(path, detail=False) if files.exists(path) else []:
            folder = found.rstrip("/").rsplit("/", 1)[-1]
            if folder.startswith(f"{name}-") and folder != but:
                remove(f"{self.folder}/{folder}")

    def remove(self, name: str) -> None:
        """Delete a note and the rows of its name."""
        remove(self._note(name))
        self.remove_rows(name)

    def _note(self, name: str) -> str:
        return f"{self.folder}/{name}.json"


def write_rows(rows: DataFrame, folder: str) -> None:
    """Write rows to a folder of their own, in place of what it holds."""
    rows.write.mode("overwrite").options(**NO_ZONE).parquet(folder)


def read_rows(spark: SparkSession, folder: str, schema: T.StructType) -> DataFrame:
    """What `write_rows` wrote, which may be nothing."""
    if not _parquet_files(*file_system(folder)):
        return spark.createDataFrame([], schema)
    return spark.read.schema(schema).parquet(folder)


def _parquet_files(files: Any, path: str) -> list[str]:
    return [name for name in files.find(path) if name.endswith(".parquet")] if files.exists(path) else []
