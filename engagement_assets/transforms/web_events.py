"""Web events: from lines of JSON to clean, typed events."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from engagement_assets.transforms import conversions, examination
from engagement_assets.transforms.examination import ObservationWindow

#: The time comes first: a later row never displaces an earlier one.
CONTENTS = ("event_time", "customer_id", "event_type")

#: All fields are read as text: a number as its digits, so that nothing is lost before it is judged.
_FIELDS = "customer_id string, event_time string, event_type string, event_id string"

_BYTE_ORDER_MARK = "\ufeff"
_JSON_WHITE_SPACE = " \t\r\n"


# A flat object of plain strings, numbers and words is JSON by its looks; nearly every line is one. The rest is parsed.
_VALUE = r'("[^"\\\x00-\x1f]*"|-?(0|[1-9][0-9]*)([.][0-9]+)?|true|false|null)'
_MEMBER = r'"[^"\\\x00-\x1f]*"[ \t]*:[ \t]*' + _VALUE + r"[ \t]*"
_PLAIN_OBJECT = r"^\{[ \t]*(" + _MEMBER + r",[ \t]*){0,30}" + _MEMBER + r"\}$"


def is_json_object(line: Column) -> Column:
    """Whether a line is exactly one strict JSON object (RFC 8259), on every engine.

    No engine's `from_json` tells: they read damaged lines, or two objects of which they lose one, as rows of nulls. A line is
    one value only if it can be parsed both as the single element of a list and as the value of a key: `1,2` passes the
    first test, `1,"b":2` the second, nothing but one value both.
    """
    braces = line.startswith("{") & line.endswith("}")
    in_list = F.try_parse_json(F.concat(F.lit("["), line, F.lit("]"))).isNotNull()
    in_object = F.try_parse_json(F.concat(F.lit('{"r":'), line, F.lit("}"))).isNotNull()
    return F.when(line.rlike(_PLAIN_OBJECT), True).otherwise(braces & in_list & in_object)


def examine_web_events(lines: DataFrame, *, window: ObservationWindow, timezone: str) -> DataFrame:
    """Judge each line by itself.

    Parameters: `lines` has `value` (a line of text) and source_path.
    Returns: as_of_date, customer_id, event_time, event_type, event_id, source_path, verdict, raw.
    """
    line = F.trim(F.regexp_replace("value", f"^{_BYTE_ORDER_MARK}", ""), F.lit(_JSON_WHITE_SPACE))
    event = F.when(is_json_object(F.col("line")), F.from_json("line", _FIELDS))
    parsed = lines.select("source_path", F.col("value").alias("raw_line"), line.alias("line")).withColumn(
        "event", event
    )
    customer_text, customer_id = conversions.identifier(F.col("event.customer_id"), "text")
    time_text, event_time = conversions.instant(F.col("event.event_time"), "text", timezone)
    _, event_type = conversions.label(F.col("event.event_type"), "text")
    _, event_id = conversions.identifier(F.col("event.event_id"), "text")
    typed = parsed.select(
        "source_path",
        "raw_line",
        (F.col("line") == "").alias("is_blank"),
        F.col("event").isNull().alias("is_malformed"),
        customer_text.isNull().alias("lacks_customer"),
        time_text.isNull().alias("lacks_time"),
        customer_id.alias("customer_id"),
        event_time.alias("event_time"),
        event_type.alias("event_type"),
        event_id.alias("event_id"),
    ).withColumn("as_of_date", F.to_date("event_time"))
    verdict = examination.first_reason(
        F.when(F.col("is_blank"), examination.BLANK),
        F.when(F.col("is_malformed"), examination.MALFORMED_JSON),
        F.when(F.col("lacks_customer"), examination.MISSING_CUSTOMER),
        F.when(F.col("lacks_time"), examination.MISSING_DATE),
        F.when(F.col("event_time").isNull(), examination.WRONG_TYPE),
        F.when(F.col("event_type").isNull(), examination.WRONG_TYPE),
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


def settle_web_events(examined: DataFrame, customers: DataFrame) -> DataFrame:
    """Keep one row per event_id and day, the earliest, and only events of known customers (column customer_id)."""
    settled = examination.settle_repeats(examined, key=["as_of_date", "event_id"], contents=CONTENTS)
    settled = examination.settle_unknown_customers(settled, customers)
    return examination.with_late_raw(settled, ["customer_id", "event_time", "event_type", "event_id"])
