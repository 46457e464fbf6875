"""From whatever type a source column has to the contract's type, without loss, the same on every engine.

Each conversion gives a pair: the value as text (null where it is missing or blank) and the converted value (null where the
text cannot be converted). A row with text and no value has the wrong type. Text comes first and is matched with a pattern
before it is cast, because the engines' own casts accept more than a date or a number: `12:30` becomes today at half past
twelve, `2024` the first of January.
"""

from __future__ import annotations

from typing import Literal

from pyspark.sql import Column
from pyspark.sql import functions as F

#: What a source column is, as far as its conversion is concerned.
Kind = Literal["text", "integer", "decimal", "float", "date", "timestamp", "timestamp_nanos", "local_nanos", "other"]

_ISO_DATE_TIME = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,9})?)?(Z|[+-][0-9]{2}:?[0-9]{2})?)?$"
)
_PLAIN_NUMBER = r"^[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)$"
_NOT_A_NUMBER = ("nan", "inf", "+inf", "-inf", "infinity", "+infinity", "-infinity")

#: Doubles at or above this no longer hold every integer.
_EXACT_INTEGERS = 2**53

#: Absolute doubles below half a cent's tenth are zero in cents; their text may have an exponent that one engine cannot cast.
_ROUNDS_TO_ZERO = 0.0005


def text_of(column: Column) -> Column:
    """The column as trimmed text, null where it is missing or blank."""
    trimmed = F.trim(column.cast("string"))
    return F.when(trimmed != "", trimmed)


def identifier(column: Column, kind: Kind) -> tuple[Column, Column]:
    """An identifier digit for digit: `007` stays `007`, 7 becomes `7`, 7.0 (pandas' integer with gaps) too."""
    text = text_of(column)
    if kind == "float":
        exact = (column == F.floor(column)) & (F.abs(column) < F.lit(float(_EXACT_INTEGERS)))
        return text, F.when(exact, column.cast("bigint").cast("string"))
    if kind == "decimal":
        whole = column.cast("decimal(38,0)")
        return text, F.when(whole == column, whole.cast("string"))
    if kind in ("text", "integer"):
        return text, text
    return text, F.lit(None).cast("string")


def label(column: Column, kind: Kind) -> tuple[Column, Column]:
    """A free text such as a country or an event type."""
    text = text_of(column)
    return text, text if kind in ("text", "integer") else F.lit(None).cast("string")


def instant(column: Column, kind: Kind, timezone: str) -> tuple[Column, Column]:
    """A date or date-time as an instant; one without an offset is a clock time in the business time zone."""
    if kind == "text":
        text = text_of(column)
        return text, F.when(text.rlike(_ISO_DATE_TIME), text.try_cast("timestamp"))
    if kind in ("date", "timestamp"):
        return text_of(column), column.cast("timestamp")
    if kind in ("timestamp_nanos", "local_nanos"):
        value = F.timestamp_micros(F.floor(column / F.lit(1000)).cast("bigint"))
        value = F.to_utc_timestamp(value, timezone) if kind == "local_nanos" else value
        return text_of(value), value
    return text_of(column), F.lit(None).cast("timestamp")


def money(column: Column, kind: Kind) -> tuple[Column, Column]:
    """An amount in `decimal(18,2)`, rounded half up to cents. Floats are read by their shortest decimal text."""
    text = text_of(column)
    if kind in ("integer", "decimal"):
        return text, column.try_cast("decimal(18,2)")
    if kind == "float":
        from_text = text.try_cast("decimal(18,2)")
        infinity = F.lit(float("inf"))  # the engines spell it differently
        text = F.when(column == infinity, "Infinity").when(column == -infinity, "-Infinity").otherwise(text)
        return text, F.when(F.abs(column) < _ROUNDS_TO_ZERO, F.lit(0).cast("decimal(18,2)")).otherwise(from_text)
    if kind == "text":
        return text, F.when(text.rlike(_PLAIN_NUMBER), text.try_cast("decimal(18,2)"))
    return text, F.lit(None).cast("decimal(18,2)")


def is_not_a_number(text: Column) -> Column:
    """Whether the text of an amount stands for NaN or an infinity."""
    return F.lower(text).isin(*_NOT_A_NUMBER)
