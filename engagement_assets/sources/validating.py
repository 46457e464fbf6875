"""What becomes of each source row: kept, or why not. Shared by the three sources.

An examined frame has the table's columns, `source_path`, and
`verdict`: KEPT, BLANK, WAITING (dated after the last day to be built), DUPLICATE, or a reject reason;
`raw`: the row as text, where it was rejected, or may be once its day has come.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from engagement_assets.transforms.conversions import with_year

KEPT = "kept"
BLANK = "blank line"
WAITING = "waiting"
DUPLICATE = "duplicate"
ERASED = "erased customer"

#: A row that was kept by an earlier reading, and would not be any more. No verdict that lasts: everything is examined anew.
DISPLACED = "displaced"

#: Verdicts that are no rejection.
NOT_REJECTED = (KEPT, BLANK, WAITING, DUPLICATE, ERASED, DISPLACED)

AMOUNT_TOO_LARGE = "amount_too_large"
CONFLICT = "conflicting_duplicate"
MALFORMED_JSON = "malformed_json"
MISSING_CUSTOMER = "missing_customer_id"
MISSING_DATE = "missing_date"
MISSING_ORDER = "missing_order_id"
NEGATIVE_AMOUNT = "negative_amount"
NOT_A_NUMBER = "not_a_number"
OUTSIDE_WINDOW = "outside_observation_window"
UNKNOWN_CUSTOMER = "unknown_customer"
UNREADABLE_FILE = "unreadable_file"
WRONG_TYPE = "wrong_type"


@dataclass(frozen=True)
class ObservationWindow:
    """Which dates a row may have: from `first_day` on, not after `today`; those after `last_day` wait for their day."""

    first_day: date
    last_day: date
    today: date

    def verdict(self, day: Column) -> Column:
        """OUTSIDE_WINDOW, WAITING, or null for a day in the window."""
        outside = (day < F.lit(self.first_day)) | (day > F.lit(self.today))
        return F.when(outside, OUTSIDE_WINDOW).when(day > F.lit(self.last_day), WAITING)


def first_reason(*reasons: Column) -> Column:
    """The first reason that is not null, else KEPT."""
    return F.coalesce(*reasons, F.lit(KEPT))


def when_rejected(verdict: Column, raw: Column) -> Column:
    """The row as text where it was rejected or may be when its day comes, null elsewhere: good rows need no second copy."""
    return F.when((verdict == WAITING) | ~verdict.isin(*NOT_REJECTED), raw)


def as_json(*columns: Column) -> Column:
    """Columns as one JSON object, for rows that never were text."""
    text = F.to_json(F.struct(*columns))
    for code in (0x0B, *range(0x0E, 0x10), *range(0x1A, 0x20)):  # one engine writes \u001F, the other \u001f
        text = F.replace(text, F.lit(f"\\u{code:04X}"), F.lit(f"\\u{code:04x}"))
    return text


def settle_repeats(
    examined: DataFrame,
    *,
    key: Sequence[str],
    contents: Sequence[str],
    among_equals: Sequence[str] = (),
    keep: Callable[[DataFrame], DataFrame] | None = None,
) -> DataFrame:
    """Mark repeated rows: exact repeats as DUPLICATE, other rows of the same key as CONFLICT.

    One row of each key is kept: the first by `contents`, which begins with the row's date, so that a later row never
    displaces an earlier one; of equal rows the first by the columns `among_equals`. Rows without a key are no repeats of
    each other. `keep` holds a frame that is used twice, so that the keys are counted once: that takes the most memory here.
    """
    candidates = examined.filter(F.col("verdict") == KEPT).filter(F.col(key[-1]).isNotNull())
    # Most keys are unique: find the few that are not by a hash, and sort only those.
    hashed = F.xxhash64(*key)
    repeated = candidates.groupBy(hashed.alias("_key")).count().filter("count > 1").select("_key")
    if keep is not None:
        repeated = keep(repeated)
        if repeated.isEmpty():
            return examined
    suspect = (F.col("verdict") == KEPT) & F.col(key[-1]).isNotNull()
    marked = examined.withColumn("_key", F.when(suspect, hashed))
    clear = marked.join(repeated, on="_key", how="left_anti")
    same_key = Window.partitionBy(*key).orderBy(*[F.col(name).asc_nulls_last() for name in (*contents, *among_equals)])
    ranked = marked.join(repeated, on="_key", how="left_semi").select(
        *marked.columns,
        F.row_number().over(same_key).alias("_place"),
        *[F.first(name).over(same_key).alias(f"_first_{name}") for name in contents],
    )
    equal = F.lit(True)
    for name in contents:
        equal = equal & F.col(name).eqNullSafe(F.col(f"_first_{name}"))
    verdict = F.when(F.col("_place") == 1, KEPT).when(equal, DUPLICATE).otherwise(CONFLICT)
    settled = ranked.withColumn("verdict", verdict).select(*marked.columns)
    return clear.unionByName(settled).drop("_key")


def settle_unknown_customers(examined: DataFrame, customers: DataFrame) -> DataFrame:
    """Mark kept rows whose customer is not among `customers` (column customer_id, unique) as UNKNOWN_CUSTOMER."""
    known = customers.select("customer_id", F.lit(True).alias("_known"))
    orphan = (F.col("verdict") == KEPT) & F.col("_known").isNull()
    return (
        examined.join(known, on="customer_id", how="left")
        .withColumn("verdict", F.when(orphan, UNKNOWN_CUSTOMER).otherwise(F.col("verdict")))
        .drop("_known")
    )


def settle_more(incoming: DataFrame, standing: DataFrame, *, key: Sequence[str], contents: Sequence[str]) -> DataFrame:
    """Mark repeats among rows that came in, and against the kept ones of an earlier reading.

    Parameters: both are examined frames; `standing` has for each key at most one row, of verdict KEPT, and `is_published`.
    Returns: the incoming rows with their verdicts; standing rows that are not published; and those that an incoming row of
    the same key displaces, as DISPLACED.
    """
    rank = F.when(F.col("is_published"), 0).otherwise(1)
    together = (
        standing.withColumn("_standing", rank)
        .drop("is_published")
        .unionByName(incoming.withColumn("_standing", F.lit(2)))
    )
    settled = settle_repeats(together, key=key, contents=contents, among_equals=["_standing"])
    is_displaced = (F.col("_standing") < 2) & (F.col("verdict") != KEPT)
    return (
        settled.withColumn("verdict", F.when(is_displaced, DISPLACED).otherwise(F.col("verdict")))
        .filter((F.col("_standing") > 0) | (F.col("verdict") == DISPLACED))
        .drop("_standing")
    )


def judged_again(examined: DataFrame, verdict: Column) -> DataFrame:
    """Examined rows with another verdict; a row that is kept now needs its text no more."""
    others = [name for name in examined.columns if name not in ("verdict", "raw")]
    return (
        examined.withColumn("verdict", verdict)
        .select(*others, "verdict", when_rejected(F.col("verdict"), F.col("raw")).alias("raw"))
        .select(*examined.columns)
    )


def set_aside(settled: DataFrame, today: date) -> DataFrame:
    """The rows whose verdict may be another one at the next reading, though their files are the same.

    Those that wait for their day, those dated in the future of the clock, and those whose customer is not known yet.
    """
    is_future = (F.col("verdict") == OUTSIDE_WINDOW) & (with_year(F.col("as_of_date")) > F.lit(today))
    return settled.filter(F.col("verdict").isin(WAITING, UNKNOWN_CUSTOMER) | is_future)


def with_late_raw(examined: DataFrame, columns: Sequence[str]) -> DataFrame:
    """Give rows that were rejected after their examination their text, rebuilt from the typed columns."""
    rebuilt = as_json(*[F.col(name).cast("string").alias(name) for name in columns])
    raw = F.coalesce(F.col("raw"), when_rejected(F.col("verdict"), rebuilt))
    return examined.withColumn("raw", raw)


def account(settled: DataFrame, contents: Sequence[str]) -> DataFrame:
    """Count verdicts, those of kept rows per day, and give each day a fingerprint of its rows, whatever their order.

    Returns: `as_of_date` (null for rows that are not kept), `verdict`, `rows`, `fingerprint` (text).
    """
    hashed = F.xxhash64(*contents)
    # A day that is not kept may be one that Python has no date for.
    kept_day = F.when(F.col("verdict") == KEPT, F.col("as_of_date"))
    return (
        settled.withColumn("as_of_date", kept_day)
        .groupBy("as_of_date", "verdict")
        .agg(
            F.count(F.lit(1)).alias("rows"),
            F.bit_xor(hashed).alias("_xor"),
            # Kept small, because one engine wraps around where the other raises.
            F.sum(F.pmod(hashed, F.lit(1_000_003))).alias("_sum"),
        )
        .select(
            "as_of_date",
            "verdict",
            "rows",
            F.concat_ws("-", F.col("rows"), F.col("_xor"), F.col("_sum")).alias("fingerprint"),
        )
    )
