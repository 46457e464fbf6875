"""Web events: from lines of JSON to clean, typed events."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from engagement_assets.sources import validating as examination
from engagement_assets.sources.validating import ObservationWindow
from engagement_assets.transforms import conversions, json_lines

#: The time comes first: a later row never displaces an earlier one.
CONTENTS = ("event_time", "customer_id", "event_type", "event_id")

#: What identifies an event, where it has an event_id: an id may come again on another day.
KEY = ("as_of_date", "event_id")

FIELDS = ("customer_id", "event_time", "event_type", "event_id")

_INTEGER = r"^(-?[0-9]+)([.]0+)?\z"


def examine_web_events(lines: DataFrame, *, window: ObservationWindow) -> DataFrame:
    """Judge each line by itself.

    Parameters: `lines` has `value` (a line of text) and source_path.
    Returns: as_of_date, customer_id, event_time, event_type, event_id, source_path, verdict, raw.
    """
    parsed = json_lines.parse_lines(lines, FIELDS)
    _, event_time = conversions.instant(F.col("event_time_text"), "text")
    typed = parsed.select(
        "source_path",
        F.col("value").alias("raw_line"),
        "is_blank",
        "is_object",
        F.col("customer_id_text").isNull().alias("lacks_customer"),
        F.col("event_time_text").isNull().alias("lacks_time"),
        _identifier("customer_id").alias("customer_id"),
        F.when(F.col("event_time_kind") == "string", event_time).alias("event_time"),
        F.when(F.col("event_type_kind") != "other", F.col("event_type_text")).alias("event_type"),
        _identifier("event_id").alias("event_id"),
        F.col("event_id_text").isNotNull().alias("has_event_id"),
    ).withColumn("as_of_date", F.to_date("event_time"))
    verdict = examination.first_reason(
        F.when(F.col("is_blank"), examination.BLANK),
        F.when(~F.col("is_object"), examination.MALFORMED_JSON),
        F.when(F.col("lacks_customer"), examination.MISSING_CUSTOMER),
        F.when(F.col("customer_id").isNull(), examination.WRONG_TYPE),
        F.when(F.col("lacks_time"), examination.MISSING_DATE),
        F.when(F.col("event_time").isNull(), examination.WRONG_TYPE),
        F.when(F.col("event_type").isNull(), examination.WRONG_TYPE),
        F.when(F.col("has_event_id") & F.col("event_id").isNull(), examination.WRONG_TYPE),
        window.verdict(F.col("as_of_date")),
    )
    return typed.select(
        "as_of_date",
        "customer_id",
        "event_time",
        "event_type",
        "event_id",
        "source_path",
        verdict.alias("verdict"),
        examination.when_rejected(verdict, F.col("raw_line")).alias("raw"),
    )


def _identifier(name: str) -> Column:
    """A string as it is; a number's digits if it is whole, with `.0` or without; nothing else."""
    text, kind = F.col(f"{name}_text"), F.col(f"{name}_kind")
    whole = F.when(text.rlike(_INTEGER), F.regexp_replace(text, _INTEGER, "$1"))
    return F.when(kind == "string", text).when(kind == "number", whole)


def judge_in_time(window: ObservationWindow) -> Column:
    """The verdict on an event whose values are right, once its day may have come."""
    return examination.first_reason(window.verdict(F.col("as_of_date")))


def require_customers(settled: DataFrame, customers: DataFrame) -> DataFrame:
    """Keep only events of known customers (column customer_id)."""
    settled = examination.settle_unknown_customers(settled, customers)
    return examination.with_late_raw(settled, ["customer_id", "event_time", "event_type", "event_id"])
