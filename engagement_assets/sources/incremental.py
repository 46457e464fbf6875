"""What a source was when a run read it last, so that the next one need not examine all of it again.

Losing any of it costs time only: what is not remembered is examined as a whole. It lies among the notes of the lake.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import types as T

from engagement_assets.lake.tables import LakeResource
from engagement_assets.sources.accounting import Account
from engagement_assets.sources.files import TextNote
from engagement_assets.sources.finding import Notes


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
    try:
        found = lake.notes.read(source)
        read = LastRead(**{**found, "account": Account(**found["account"])})
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return read if read.folder is None or lake.notes.count_rows(read.folder) == read.rows else None


def remember(lake: LakeResource, source: str, read: LastRead, rows: DataFrame | None = None) -> None:
    """Record what the source was when it was read, and the `rows` that are needed again."""
    folder, count = (None, 0) if rows is None else lake.notes.write_rows(source, rows)
    lake.notes.write(source, asdict(replace(read, folder=folder, rows=count)))
    lake.notes.remove_rows(source, but=folder)


def remembered_rows(lake: LakeResource, spark: SparkSession, read: LastRead, schema: T.StructType) -> DataFrame:
    """The rows that were remembered with a reading."""
    if read.folder is None or not read.rows:
        return spark.createDataFrame([], schema)
    return lake.notes.read_rows(spark, read.folder, schema)


def forget(lake: LakeResource, source: str) -> None:
    """Have the next run examine the source as a whole, whether or not it changed."""
    lake.notes.remove(source)


def read_notes(lake: LakeResource, source: str) -> Notes:
    """What is known of the source's text files from earlier runs."""
    try:
        found = lake.notes.read(f"{source}.files") or {}
        return {name: (version, TextNote(**note)) for name, (version, note) in found.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def remember_notes(lake: LakeResource, source: str, notes: Notes) -> None:
    """Record what was found of the source's text files."""
    lake.notes.write(f"{source}.files", {name: (version, asdict(note)) for name, (version, note) in notes.items()})
