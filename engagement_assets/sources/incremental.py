"""Seventh step: what a source was when a run read it last is remembered, so that the next need not examine all of it again.

Losing any of it costs time only: what is not remembered, or was written by a version of this package that remembered other
things, is examined as a whole. It lies among the notes of the lake.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import types as T

from engagement_assets.lake.tables import LakeResource
from engagement_assets.sources.accounting import Account
from engagement_assets.sources.files import TextNote
from engagement_assets.sources.inspecting import Notes


@dataclass(frozen=True)
class Basis:
    """What the rows of a reading depend on: as long as it stays the same, they do."""

    #: Hash of the source's files.
    files: str
    #: What the code and the settings are that the table's rows depend on.
    code: str
    #: Hash of the customers' files, for the sources whose rows are customers'.
    customers: str = ""
    #: Rows dated later wait for their day, or were rejected as dated in the future; None where no row is.
    until: date | None = None


@dataclass(frozen=True)
class Published:
    """Changes with what is published of a source: its rows, for facts, and those that were rejected."""

    rejected: str
    rows: str = ""


@dataclass(frozen=True)
class LastRead:
    """A source as it was read, and what the rows came to."""

    basis: Basis
    account: Account
    #: File name -> what tells its versions apart, of the files that were read.
    files: Mapping[str, str]
    #: What was published afterwards.
    published: Published
    #: Stays the same while customers are only added.
    customers: str | None = None
    #: The folder of the rows that are needed again, if there are any, and how many they are.
    folder: str | None = None
    rows: int = 0

    def to_json(self) -> dict[str, Any]:
        """The reading as it is stored."""
        until = self.basis.until and self.basis.until.isoformat()
        return {**asdict(self), "basis": {**asdict(self.basis), "until": until}}

    @classmethod
    def of_json(cls, found: dict[str, Any]) -> LastRead:
        """A reading as it was stored; raises KeyError, TypeError, ValueError or AttributeError where it is none."""
        if "signature" in found:
            found = _of_186a7d4(**found)
        basis, account, published = (found.pop(name) for name in ("basis", "account", "published"))
        until = basis.pop("until")
        basis = Basis(**basis, until=date.fromisoformat(until) if until else None)
        return cls(basis, Account(**account), published=Published(**published), **found)


def _of_186a7d4(signature: str, last_day: str, settings: str, published: str, **others: Any) -> dict[str, Any]:
    """A reading as releases up to 186a7d4 stored it: what it depends on in one text, of the customers without a last day."""
    first, second, third = signature.split(":")
    basis = (
        {"files": first, "customers": second, "code": settings, "until": last_day}
        if last_day
        else {"files": first, "code": second, "until": third}
    )
    rows, _, rejected = published.rpartition(":")
    return {**others, "basis": basis, "published": {"rows": rows, "rejected": rejected}}


def last_read(lake: LakeResource, source: str) -> LastRead | None:
    """What was recorded of the source's last reading; None if there is none, or not all of it is there any more."""
    try:
        read = LastRead.of_json(lake.notes.read(source))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return read if read.folder is None or lake.notes.count_rows(read.folder) == read.rows else None


def remember(lake: LakeResource, source: str, read: LastRead, rows: DataFrame | None = None) -> None:
    """Record what the source was when it was read, and the `rows` that are needed again."""
    folder, count = (None, 0) if rows is None else lake.notes.write_rows(source, rows)
    lake.notes.write(source, replace(read, folder=folder, rows=count).to_json())
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
        return {
            name: (state, TextNote(**{**note, "keys": tuple(note.get("keys", ()))}))
            for name, (state, note) in found.items()
        }
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def remember_notes(lake: LakeResource, source: str, notes: Notes) -> None:
    """Record what was found of the source's text files."""
    lake.notes.write(f"{source}.files", {name: (state, asdict(note)) for name, (state, note) in notes.items()})
