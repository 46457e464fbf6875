"""Bringing a source into its table: examine every row, keep the good ones, put the others where people can see them.

A run writes only the days that are missing, or whose rows changed. Where files were changed or taken away it examines the
source as a whole, and tells which days changed by a fingerprint of each day's rows, compared with what is published; so a late
or a corrected file is noticed whatever its name or date. Where files only came, their rows are examined, and those that
waited (reader.py).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from functools import reduce

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from engagement_assets.domain.contracts import Contract, RejectedRows
from engagement_assets.domain.days import days_between
from engagement_assets.lake.notes import read_rows, write_rows
from engagement_assets.lake.tables import LakeResource
from engagement_assets.sources import validating as examination
from engagement_assets.sources.inspecting import Inspection
from engagement_assets.transforms import conversions

#: Rows written at once when days are published; bounds the memory of the first ingestion of a long history.
ROWS_PER_WRITE = 5_000_000


class ConservationError(RuntimeError):
    """Rows read and rows accounted for differ: a defect of the pipeline, never of the data. Nothing was published."""


class DisplacedError(Exception):
    """A row that came would take the place of a published one: only examining the whole source tells what becomes of both."""


@dataclass
class Account:
    """Where the rows of a source went. `read` = kept + waiting + blank + duplicates + erased + rejected rows."""

    read: int = 0
    kept: int = 0
    waiting: int = 0
    blank: int = 0
    duplicates: int = 0
    #: Rows of customers who were erased on request.
    erased: int = 0
    rejected: dict[str, int] = field(default_factory=dict)

    @property
    def rejected_rows(self) -> int:
        """Rows rejected, whatever the reason."""
        return sum(self.rejected.values())

    @property
    def faulty_rows(self) -> int:
        """Rows rejected for a fault of theirs. Rows before the first partition have none: a setting leaves them out."""
        return self.rejected_rows - self.rejected.get(examination.OUTSIDE_WINDOW, 0)

    @property
    def balance(self) -> int:
        """Rows read less rows accounted for; anything but 0 is a defect."""
        return self.read - self.kept - self.waiting - self.blank - self.duplicates - self.erased - self.rejected_rows


@dataclass
class Ingestion:
    """What was examined of a source: `settled` rows with their verdicts, the account, and each day's fingerprint and rows.

    The account is always that of the whole source. With `is_more` the rest is of the rows that came since it was read last.
    """

    inspection: Inspection
    settled: DataFrame
    account: Account
    fingerprints: dict[str, str]
    rows: dict[str, int]
    is_more: bool
    #: Files whose rows were examined.
    files: int


def source_rows(frames: Sequence[DataFrame], schema: T.StructType, spark: SparkSession) -> DataFrame:
    """The groups of a source as one frame; empty with the right columns where the source has no file."""
    if not frames:
        return spark.createDataFrame([], schema)
    return reduce(DataFrame.unionByName, frames)


def examined_schema(contract: type[Contract]) -> T.StructType:
    """The columns of an examined source: the table's, and the verdict."""
    extra = [T.StructField(name, T.StringType()) for name in ("source_path", "verdict", "raw")]
    return T.StructType([*contract.struct().fields, *extra])


def keep(frame: DataFrame, folder: str, spark: SparkSession) -> DataFrame:
    """Write a frame aside and read it back, so that what follows does not compute it again."""
    schema = frame.schema
    write_rows(frame, folder)
    return read_rows(spark, folder, schema)


def take_stock(
    inspection: Inspection,
    settled: DataFrame,
    contents: Sequence[str],
    earlier: Account | None = None,
    *,
    files: int,
) -> Ingestion:
    """Count where the rows went; raises ConservationError if one is unaccounted for.

    How many there are is known from the files themselves, not from the engine that read them. A file that cannot be read
    counts as one row, read and rejected. `earlier` accounts for the rows of the source that are not among the settled ones;
    raises DisplacedError where one of these would not be kept any more.
    """
    account = replace(earlier or Account(), read=inspection.rows + len(inspection.unreadable))
    fingerprints: dict[str, str] = {}
    rows: dict[str, int] = {}
    rejected: dict[str, int] = defaultdict(int, account.rejected)
    if inspection.unreadable:
        rejected[examination.UNREADABLE_FILE] = len(inspection.unreadable)
    for row in examination.account(settled, contents).collect():
        if row["verdict"] == examination.DISPLACED:
            raise DisplacedError
        verdict, count = row["verdict"], int(row["rows"])
        if verdict == examination.KEPT:
            account.kept += count
            if row["as_of_date"] is not None:
                day = row["as_of_date"].isoformat()
                fingerprints[day], rows[day] = row["fingerprint"], count
        elif verdict == examination.BLANK:
            account.blank += count
        elif verdict == examination.WAITING:
            account.waiting += count
        elif verdict == examination.DUPLICATE:
            account.duplicates += count
        elif verdict == examination.ERASED:
            account.erased += count
        else:
            rejected[verdict] += count
    account.rejected = dict(sorted(rejected.items()))
    if account.balance:
        raise ConservationError(
            f"{inspection.source}: {account.read} rows were read but {account.read - account.balance} are accounted for: "
            f"{asdict(account)}"
        )
    return Ingestion(inspection, settled, account, fingerprints, rows, is_more=earlier is not None, files=files)


def publish_rejected(
    lake: LakeResource, spark: SparkSession, ingestion: Ingestion, run_id: str, first_day: date
) -> None:
    """Replace the source's rejected rows: a row that was mended at its source leaves the table by itself."""
    source, unreadable = ingestion.inspection.source, ingestion.inspection.unreadable
    rejected = ingestion.settled.filter(~F.col("verdict").isin(*examination.NOT_REJECTED)).select(
        F.lit(source).alias("source"),
        "source_path",
        F.col("verdict").alias("reason"),
        F.coalesce(F.col("raw"), F.lit("")).alias("raw"),
        conversions.with_year(F.col("as_of_date")).alias("row_date"),
    )
    if ingestion.is_more:
        rejected = rejected.unionByName(_rejected_for_good(lake.read(spark, RejectedRows, [source]), first_day))
    if unreadable:
        rows = [(source, name, examination.UNREADABLE_FILE, why, None) for name, why in unreadable.items()]
        rejected = rejected.unionByName(spark.createDataFrame(rows, RejectedRows.struct()))
    staged = lake.stage(rejected, RejectedRows, partitions=[source], run_id=run_id)
    lake.commit(staged, run_id=run_id)


def _rejected_for_good(rejected: DataFrame, first_day: date) -> DataFrame:
    """Those of the published rejected rows that were not set aside (transforms.examination.set_aside)."""
    in_the_future = (F.col("reason") == examination.OUTSIDE_WINDOW) & (F.col("row_date") >= F.lit(first_day))
    again = F.col("reason").isin(examination.UNREADABLE_FILE, examination.UNKNOWN_CUSTOMER) | in_the_future
    return rejected.filter(~F.coalesce(again, F.lit(False))).select(
        "source", "source_path", "reason", "raw", "row_date"
    )


def changed_days(
    lake: LakeResource,
    spark: SparkSession,
    contract: type[Contract],
    contents: Sequence[str],
    ingestion: Ingestion,
    days: Sequence[str] | None = None,
) -> set[str]:
    """Published days (of `days`, if given) whose rows are no longer what the source says."""
    published = list(lake.partitions(contract)) if days is None else days
    if not published:
        return set()
    rows = lake.read(spark, contract, published).withColumn("verdict", F.lit(examination.KEPT))
    found = {row["as_of_date"].isoformat(): row["fingerprint"] for row in examination.account(rows, contents).collect()}
    return {day for day in published if found.get(day) != ingestion.fingerprints.get(day)}


def rows_to_write(ingestion: Ingestion, published: Mapping[str, int]) -> dict[str, int]:
    """How many rows each day will have, of the days that the ingestion speaks of."""
    earlier = published if ingestion.is_more else {}
    return {day: rows + earlier.get(day, 0) for day, rows in ingestion.rows.items()}


def rows_of(
    lake: LakeResource, spark: SparkSession, contract: type[Contract], ingestion: Ingestion, days: Sequence[str]
) -> DataFrame:
    """All rows of some days as they are to be published, with the contract's columns."""
    kept = ingestion.settled.filter(F.col("verdict") == examination.KEPT)
    between = F.col("as_of_date").between(F.lit(date.fromisoformat(days[0])), F.lit(date.fromisoformat(days[-1])))
    chosen = kept.filter(between)
    if len(days_between(date.fromisoformat(days[0]), date.fromisoformat(days[-1]))) != len(days):
        chosen = chosen.filter(F.col("as_of_date").cast("string").isin(*days))
    chosen = chosen.select(*contract.columns())
    there = set(days).intersection(lake.partitions(contract)) if ingestion.is_more else None
    return chosen.unionByName(lake.read(spark, contract, there)) if there else chosen


def in_writes(days: Sequence[str], rows: dict[str, int], most_rows: int = ROWS_PER_WRITE) -> list[list[str]]:
    """Days grouped so that each group has at most `most_rows` rows, a day never divided."""
    groups: list[list[str]] = []
    size = 0
    for day in sorted(days):
        if not groups or size + rows.get(day, 0) > most_rows:
            groups.append([])
            size = 0
        groups[-1].append(day)
        size += rows.get(day, 0)
    return groups


def observation_day(asked: Sequence[str], published: dict[str, int]) -> date:
    """The last day to be built: the last one asked for or, where later ones are published already, the last of those."""
    return date.fromisoformat(max([*asked, *published]))
