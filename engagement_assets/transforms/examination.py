"""What becomes of each source row: kept, or why not. Shared by the three sources.

An examined frame has the table's columns, `source_path`, and
`verdict`: KEPT, BLANK, WAITING (dated after the last day to be built), DUPLICATE, or a reject reason;
`raw`: the row as text, where it was rejected.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

KEPT = "kept"
BLANK = "blank line"
WAITING = "waiting"
DUPLICATE = "duplicate"
ERASED = "erased customer"

#: Verdicts that are no rejection.
NOT_REJECTED = (KEPT, BLANK, WAITING, DUPLICATE, ERASED)

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
    """The row as text where it was rejected, null elsewhere: good rows need no second copy."""
    return F.when(~verdict.isin(*NOT_REJECTED), raw)


def as_json(*columns: Column) -> Column:
    """Columns as one JSON object, for rows that never were text."""
    text = F.to_json(F.struct(*columns))
    for code in (0x0B, *range(0x0E, 0x10), *range(0x1A, 0x20)):  # one engine writes \u001F, the other \u001f
        text = F.replace(text, F.lit(f"\\u{code:04X}"), F.lit(f"\\u{code:04x}"))
    return text


def settle_repeats(examined: DataFrame, *, key: Sequence[str], contents: Sequence[str]) -> DataFrame:
    """Mark repeated rows: exact repeats as DUPLICATE, other rows of the same key as CONFLICT.

    One row of each key is kept: the first by `contents`, which begins with the row's date, so that a later row never
    displaces an earlier one. Rows without a key are no repeats of each other.
    """
    candidates = examined.filter(F.col("verdict") == KEPT).filter(F.col(key[-1]).isNotNull())
    # Most keys are unique: find the few that are not by a hash, and sort only those.
    hashed = F.xxhash64(*key)
    repeated = candidates.groupBy(hashed.alias("_key")).count().filter("count > 1").select("_key")
    suspect = (F.col("verdict") == KEPT) & F.col(key[-1]).isNotNull()
    marked = examined.withColumn("_key", F.when(suspect, hashed))
    clear = marked.join(repeated, on="_key", how="left_anti")
    same_key = Window.partitionBy(*key).orderBy(*[F.col(name).asc_nulls_last() for name in contents])
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
