"""Sessionization: a customer's events in time order, cut where the silence is longer than the gap."""

from __future__ import annotations

from datetime import date

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from engagement_assets.domain.scoring_policy import ScoringPolicy

_MICROS = 1_000_000

#: Sessions are numbered through all customers of a bucket: opening a window for each customer costs more than sorting the events.
_BUCKETS = 1024


def sessionize(events: DataFrame, policy: ScoringPolicy, first: date, last: date) -> DataFrame:
    """The sessions of the days `first` to `last`, a row for each day a session has events on.

    A new session starts when the gap to the customer's previous event is *more than* `policy.session_gap_minutes`; midnight cuts
    none. Whether a day's first event continues a session needs the end of the day before, so `events` (as_of_date,
    customer_id, event_time, event_type) begins on the day before `first`; any order, repeats allowed.

    Returns: the columns of the contract `sessions`.
    """
    if policy.server_side_event_types:
        events = events.filter(~F.col("event_type").isin(*policy.server_side_event_types))
    gap = policy.session_gap_minutes * 60 * _MICROS
    by_time = Window.partitionBy("bucket").orderBy("customer_id", "as_of_date", "event_micros")
    lagged = events.select(
        "customer_id",
        "as_of_date",
        "event_type",
        F.unix_micros("event_time").alias("event_micros"),
        F.pmod(F.hash("customer_id"), F.lit(_BUCKETS)).alias("bucket"),
    ).select(
        "*",
        F.lag("customer_id").over(by_time).alias("previous_customer"),
        F.lag("event_micros").over(by_time).alias("previous_micros"),
        F.lag("as_of_date").over(by_time).alias("previous_day"),
    )
    is_near = F.col("event_micros") - F.col("previous_micros") <= F.lit(gap)
    continues = F.coalesce((F.col("customer_id") == F.col("previous_customer")) & is_near, F.lit(False))
    numbered = lagged.select(
        "customer_id",
        "as_of_date",
        "event_type",
        "event_micros",
        (continues & (F.col("as_of_date") != F.col("previous_day"))).alias("crosses_midnight"),
        F.sum(F.when(continues, 0).otherwise(1))
        .over(by_time.rowsBetween(Window.unboundedPreceding, 0))
        .alias("session"),
    )

    def count_of(event_type: str) -> Column:
        return F.sum(F.when(F.col("event_type") == event_type, 1).otherwise(0)).cast("bigint").alias(f"{event_type}s")

    parts = (
        numbered.filter(F.col("as_of_date") >= F.lit(first))
        .groupBy("as_of_date", "customer_id", "session")
        .agg(
            F.min("event_micros").alias("start_micros"),
            F.max("event_micros").alias("end_micros"),
            F.count(F.lit(1)).alias("events"),
            count_of("page_view"),
            count_of("add_to_cart"),
            count_of("checkout"),
            F.max("crosses_midnight").alias("continues_previous_day"),
        )
        .withColumn("duration_seconds", (F.col("end_micros") - F.col("start_micros")) / F.lit(float(_MICROS)))
    )
    engaged = (
        (F.col("duration_seconds") > policy.engaged_session_seconds)
        | (F.col("page_views") >= 2)
        | (F.col("checkouts") >= 1)
    )
    return parts.select(
        "as_of_date",
        "customer_id",
        F.timestamp_micros("start_micros").alias("session_start"),
        F.timestamp_micros("end_micros").alias("session_end"),
        "duration_seconds",
        "events",
        "page_views",
        "add_to_carts",
        "checkouts",
        engaged.alias("is_engaged"),
        "continues_previous_day",
    )
