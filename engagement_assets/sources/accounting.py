"""Sixth step: where each row went, counted, and what the kept rows of each day come to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from engagement_assets.domain import verdicts
from engagement_assets.sources.inspecting import Inspection


class ConservationError(RuntimeError):
    """Rows read and rows accounted for differ: a defect of the pipeline, never of the data. Nothing was published."""


class DisplacedError(Exception):
    """A row that came would take the place of a published one: only examining the whole source tells what becomes of both."""


@dataclass
class Account:
    """Where the rows of a source went. `read` is the sum of the others."""

    read: int = 0
    kept: int = 0
    waiting: int = 0
    blank: int = 0
    duplicates: int = 0
    #: Rows of which a later file, or a later row of the file, says something else.
    superseded: int = 0
    #: Rows of customers who were erased on request.
    erased: int = 0
    #: Rows left out by a condition of `sources.toml`, and further lines of orders that are summed up.
    filtered: int = 0
    summed: int = 0
    rejected: dict[str, int] = field(default_factory=dict)

    @property
    def rejected_rows(self) -> int:
        """Rows rejected, whatever the reason."""
        return sum(self.rejected.values())

    @property
    def faulty_rows(self) -> int:
        """Rows rejected for a fault of theirs. Rows before the first partition have none: a setting leaves them out."""
        return self.rejected_rows - self.rejected.get(verdicts.OUTSIDE_WINDOW, 0)

    @property
    def balance(self) -> int:
        """Rows read less rows accounted for; anything but 0 is a defect."""
        return self.read - sum(getattr(self, name) for name in _COUNTS.values()) - self.rejected_rows

    def add(self, verdict: str, rows: int) -> None:
        """Account for rows of a verdict."""
        if verdict in _COUNTS:
            setattr(self, _COUNTS[verdict], getattr(self, _COUNTS[verdict]) + rows)
        else:
            self.rejected[verdict] = self.rejected.get(verdict, 0) + rows


#: Verdicts that are no rejection -> where they are counted.
_COUNTS = {
    verdicts.KEPT: "kept",
    verdicts.WAITING: "waiting",
    verdicts.BLANK: "blank",
    verdicts.DUPLICATE: "duplicates",
    verdicts.SUPERSEDED: "superseded",
    verdicts.ERASED: "erased",
    verdicts.FILTERED: "filtered",
    verdicts.SUMMED: "summed",
}


@dataclass(frozen=True)
class RowsHash:
    """A hash of rows, whatever their order: how many they are, their hashes by exclusive or, and the sum of these."""

    rows: int = 0
    xor: int = 0
    total: int = 0

    def __add__(self, other: RowsHash) -> RowsHash:
        """The hash of these rows and others."""
        return RowsHash(self.rows + other.rows, self.xor ^ other.xor, self.total + other.total)


def count(
    settled: DataFrame, contents: Sequence[str], day: str = "as_of_date"
) -> tuple[dict[str, int], dict[date, RowsHash]]:
    """How many rows there are of each verdict, and the hash of the kept rows of each day (a column of theirs)."""
    hashed = F.xxhash64(*contents)
    # A day that is not kept may be one that Python has no date for.
    kept_day = F.when(F.col("verdict") == verdicts.KEPT, F.col(day))
    groups = (
        settled.withColumn("_day", kept_day)
        .groupBy("_day", "verdict")
        .agg(
            F.count(F.lit(1)).alias("rows"),
            F.bit_xor(hashed).alias("xor"),
            # Kept small, because one engine wraps around where the other raises.
            F.sum(F.pmod(hashed, F.lit(1_000_003))).alias("total"),
        )
        .collect()
    )
    rows: dict[str, int] = {}
    hashes = {}
    for group in groups:
        rows[group["verdict"]] = rows.get(group["verdict"], 0) + int(group["rows"])
        if group["_day"] is not None:
            hashes[group["_day"]] = RowsHash(int(group["rows"]), int(group["xor"]), int(group["total"]))
    return rows, hashes


def accumulated(hashes: Mapping[date, RowsHash], days: Iterable[date]) -> dict[date, RowsHash]:
    """The hash of all rows up to each of these days; days before the first row are left out."""
    coming, total, found = sorted(hashes), RowsHash(), {}
    for day in sorted(days):
        while coming and coming[0] <= day:
            total += hashes[coming.pop(0)]
        if total.rows:
            found[day] = total
    return found


@dataclass(frozen=True)
class Reading:
    """What a source came to: its `settled` rows with their verdicts, the account, the hash of each day's kept rows.

    The account is always that of the whole source. With `is_more` the rest is of the rows that came since it was read last.
    """

    inspection: Inspection
    settled: DataFrame
    account: Account
    hashes: Mapping[date, RowsHash] = field(default_factory=dict)
    is_more: bool = False
    #: Files whose rows were examined.
    files: int = 0
    #: An earlier reading holds still: nothing was examined.
    is_same: bool = False
    #: Of the customers: stays the same while they are only added; None where that is not known.
    lineage: str | None = None

    @property
    def kept(self) -> DataFrame:
        """The rows that were kept."""
        return self.settled.filter(F.col("verdict") == verdicts.KEPT)

    @property
    def who(self) -> DataFrame:
        """Of the customers: customer_id and signup_date of every one, whenever they signed up."""
        return self.kept.select("customer_id", "signup_date")


def take_stock(inspection: Inspection, settled: DataFrame, earlier: Account | None = None, *, files: int) -> Reading:
    """Count where the rows went; raises ConservationError if one is unaccounted for.

    How many there are is known from the files themselves, not from the engine that read them. A file that cannot be read
    counts as one row, read and rejected. `earlier` accounts for the rows of the source that are not among the settled ones;
    raises DisplacedError where one of these would not be kept any more.
    """
    source = inspection.source
    is_derived = bool(inspection.seen_in) and not inspection.files_of_its_own
    account = replace(earlier or Account(), read=inspection.rows + len(inspection.unreadable))
    account.rejected = dict(account.rejected)
    if inspection.unreadable:
        account.add(verdicts.UNREADABLE_FILE, len(inspection.unreadable))
    found, hashes = count(settled, source.contents, "as_of_date" if source.as_of is None else source.dated_by.name)
    if verdicts.DISPLACED in found:
        raise DisplacedError
    if is_derived:  # the rows they are from are accounted for where they are read
        account.read = sum(found.values())
    for verdict, rows in found.items():
        account.add(verdict, rows)
    account.rejected = dict(sorted(account.rejected.items()))
    if account.balance:
        raise ConservationError(
            f"{source.name}: {account.read} rows were read but {account.read - account.balance} are accounted for: "
            f"{asdict(account)}"
        )
    return Reading(inspection, settled, account, hashes, is_more=earlier is not None, files=files)
