"""What a source was when a run read it last, so that the next one need not examine all of it again.

Losing any of it costs time only: what is not remembered is examined as a whole. It holds rows of customers, and lies in the
lake with the owner's rights only.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import types as T

from engagement_assets.lake.stores import file_system
from engagement_assets.lake.tables import LakeResource
from engagement_assets.settings import is_url
from engagement_assets.sources.files import PARQUET_FAULTS, TextNote
from engagement_assets.sources.ingestion import Account, read_rows, write_rows
from engagement_assets.sources.resource import Notes

_FOLDER = ".last_read"


@dataclass(frozen=True)
class LastRead:
    """A source as it was read, and what the rows came to."""

    #: The source's files, the customers' files, and the settings that rows depend on.
    signature: str
    #: The last day that was to be built.
    last_day: str
    account: Account
    settings: str = ""
    #: File name -> its version, of the files that were read.
    files: Mapping[str, str] = field(default_factory=dict)
    #: What was published afterwards.
    published: str = ""
    #: Stays the same while customers are only added.
    customers: str | None = None
    #: The folder of the rows that are needed again, if there are any, and how many they are.
    folder: str | None = None
    rows: int = 0


def last_read(lake: LakeResource, source: str) -> LastRead | None:
    """What was recorded of the source's last reading; None if there is none, or not all of it is there any more."""
    found = _load(_path(lake, source))
    try:
        read = LastRead(**{**found, "account": Account(**found["account"])})
    except (KeyError, TypeError):
        return None
    return read if read.folder is None or _count(f"{lake.location}/{_FOLDER}/{read.folder}") == read.rows else None


def remember(lake: LakeResource, source: str, read: LastRead, rows: DataFrame | None = None) -> None:
    """Record what the source was when it was read, and the `rows` that are needed again."""
    folders = _folders(lake, source)
    if rows is not None:
        folder = f"{source}-{uuid.uuid4().hex[:8]}"
        place = f"{lake.location}/{_FOLDER}/{folder}"
        _make_private(lake)
        write_rows(rows, place)
        read = replace(read, folder=folder, rows=_count(place))
    _save(lake, _path(lake, source), asdict(read))
    for earlier in folders:
        lake.remove(earlier)


def remembered_rows(lake: LakeResource, spark: SparkSession, read: LastRead, schema: T.StructType) -> DataFrame:
    """The rows that were remembered with a reading."""
    if not read.rows:
        return spark.createDataFrame([], schema)
    return read_rows(spark, f"{lake.location}/{_FOLDER}/{read.folder}", schema)


def forget(lake: LakeResource, source: str) -> None:
    """Have the next run examine the source as a whole, whether or not it changed."""
    for place in (_path(lake, source), *_folders(lake, source)):
        lake.remove(place)


def _folders(lake: LakeResource, source: str) -> list[str]:
    files, path = file_system(f"{lake.location}/{_FOLDER}")
    names = [name.rstrip("/").rsplit("/", 1)[-1] for name in files.ls(path, detail=False)] if files.exists(path) else []
    return [f"{lake.location}/{_FOLDER}/{name}" for name in names if name.startswith(f"{source}-")]


def _count(folder: str) -> int:
    """Rows in the Parquet files of a folder; -1 where one of them is none."""
    files, path = file_system(folder)
    rows = 0
    for name in files.find(path) if files.exists(path) else []:
        if name.endswith(".parquet"):
            try:
                with files.open(name, "rb") as stream:
                    rows += pq.ParquetFile(stream).metadata.num_rows
            except PARQUET_FAULTS:
                return -1
    return rows


def read_notes(lake: LakeResource, source: str) -> Notes:
    """What is known of the source's text files from earlier runs."""
    try:
        found = _load(_notes_path(lake, source))
        return {name: (version, TextNote(**note)) for name, (version, note) in found.items()}
    except (ValueError, TypeError):
        return {}


def remember_notes(lake: LakeResource, source: str, notes: Notes) -> None:
    """Record what was found of the source's text files."""
    _save(lake, _notes_path(lake, source), {name: (version, asdict(note)) for name, (version, note) in notes.items()})


def _path(lake: LakeResource, source: str) -> str:
    return f"{lake.location}/{_FOLDER}/{source}.json"


def _notes_path(lake: LakeResource, source: str) -> str:
    return f"{lake.location}/{_FOLDER}/{source}.files.json"


def _load(place: str) -> dict[str, Any]:
    files, path = file_system(place)
    try:
        with files.open(path, "r") as stream:
            found = json.load(stream)
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _save(lake: LakeResource, place: str, what: Mapping[str, Any]) -> None:
    _make_private(lake)
    files, path = file_system(place)
    with files.open(path, "w") as stream:
        json.dump(what, stream)


def _make_private(lake: LakeResource) -> None:
    files, path = file_system(f"{lake.location}/{_FOLDER}")
    files.makedirs(path, exist_ok=True)
    if not is_url(lake.location):
        Path(path).chmod(0o700)
