"""From whatever type a source column has to the contract's type, without loss, the same on every engine.

Each conversion gives a pair: the value as text (null where it is missing or blank) and the converted value (null where the
text cannot be converted). A row with text and no value has the wrong type. Text comes first and is matched with a pattern
before it is cast, because the engines' own casts accept more than a date or a number: `12:30` becomes today at half past
twelve, `2024` the first of January.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Literal, TypeAlias

from pyspark.sql import Column
from pyspark.sql import functions as F

#: What a source column is, as far as its conversion is concerned. A clock time is a timestamp without a time zone.
Kind = Literal["text", "integer", "decimal", "float", "date", "timestamp", "clock_time", "other"]

#: A conversion: a column, and what it is there; of JSON, a column that says it of each value: string, number or other.
Conversion: TypeAlias = Callable[[Column, "Kind | Column"], tuple[Column, Column]]

# The end is \z: in Java, $ is also before a last line break.
_YEAR = r"(000[1-9]|00[1-9][0-9]|0[1-9][0-9]{2}|[1-9][0-9]{3})"
_CLOCK = r"[0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,9})?)?(Z|[+-][0-9]{2}:?[0-9]{2})?"
_ISO_DATE_TIME = rf"^{_YEAR}-[0-9]{{2}}-[0-9]{{2}}([T ]{_CLOCK})?\z"
_PLAIN_NUMBER = r"^[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)\z"
_WHOLE = r"^-?[0-9]+([.]0*)?\z"
_OFFSET = "[Z+-]"
_FRACTION = r"[.]0*\z"
_INTEGER = r"^(-?[0-9]+)([.]0+)?\z"
_TRAILING_ZEROS = r"([.][0-9]*[1-9])0+\z|[.]0+\z"
_LEADING_ZEROS = r"^([+-]?)0+([0-9])"
_NEEDLESS_DECIMALS = r"^([^.]*[.][0-9]{20})[0-9]+\z"
_NOT_A_NUMBER = ("nan", "inf", "+inf", "-inf", "infinity", "+infinity", "-infinity")

#: Days since 1970 of the years 1 to 9999, and microseconds.
_DAYS_WITH_YEAR = tuple(day.toordinal() - date(1970, 1, 1).toordinal() for day in (date.min, date.max))
_INSTANTS_WITH_YEAR = (_DAYS_WITH_YEAR[0] * 86_400_000_000, (_DAYS_WITH_YEAR[1] + 1) * 86_400_000_000 - 1)

#: What `decimal(18,2)` holds at the most.
LARGEST_MONEY = "9999999999999999.99"

#: Doubles at or above this no longer hold every integer.
_EXACT_INTEGERS = 2**53

#: Floats up to this are told without an exponent, by every engine's own text.
_PLAIN_FLOATS = 1e15

#: Absolute doubles below half a cent's tenth are zero in cents; their text may have an exponent that one engine cannot cast.
_ROUNDS_TO_ZERO = 0.0005


def text_of(column: Column, kind: Kind = "text") -> Column:
    """The column as trimmed text, null where it is missing or blank."""
    trimmed = F.trim(column.cast("string"))
    text = F.when(trimmed != "", trimmed)
    return _float_text(column, text) if kind == "float" else text


def identifier(column: Column, kind: Kind | Column) -> tuple[Column, Column]:
    """An identifier digit for digit: `007` stays `007`, 7 becomes `7`, 7.0 (pandas' integer with gaps) too."""
    if not isinstance(kind, str):
        whole = F.when(column.rlike(_INTEGER), F.regexp_replace(column, _INTEGER, "$1"))
        return column, F.when(kind == "string", column).when(kind == "number", whole)
    text = text_of(column, kind)
    if kind == "float":
        exact = (column == F.floor(column)) & (F.abs(column) < F.lit(float(_EXACT_INTEGERS)))
        return text, F.when(exact, column.try_cast("bigint").cast("string"))
    if kind == "decimal":
        # By its digits: compared as numbers, an engine would round 7.5 to 8 and find them equal.
        return text, F.when(text.rlike(_WHOLE), F.regexp_replace(text, _FRACTION, ""))
    if kind in ("text", "integer"):
        return text, text
    return text, F.lit(None).cast("string")


def whole_number(text: Column) -> Column:
    """A text as it is, but the integer where it is one that is written as a decimal: `7.0`."""
    return F.when(text.rlike(_WHOLE), F.regexp_replace(text, _FRACTION, "")).otherwise(text)


def label(column: Column, kind: Kind | Column) -> tuple[Column, Column]:
    """A free text such as a country or an event type."""
    if not isinstance(kind, str):
        return column, F.when(kind != "other", column)
    text = text_of(column, kind)
    return text, text if kind in ("text", "integer") else F.lit(None).cast("string")


def instant(column: Column, kind: Kind | Column) -> tuple[Column, Column]:
    """A date or date-time as an instant; one without an offset is a clock time in the session's, the business, time zone.

    Days before year 1 or after year 9999 have no value: they cannot be written as dates.
    """
    if not isinstance(kind, str):
        _, value = instant(column, "text")
        return column, F.when(kind == "string", value)
    if kind == "text":
        text = text_of(column)
        # No engine reads an offset that follows the minutes, though ISO 8601 has it.
        short = F.substring(text, 17, 1).isin("Z", "+", "-")
        full = F.when(short, F.concat(F.substring(text, 1, 16), F.lit(":00"), F.substring(text, 17, 6))).otherwise(text)
        return text, F.when(text.rlike(_ISO_DATE_TIME), full.try_cast("timestamp"))
    if kind == "date":
        # Chosen before they are cast: a day millions of years away has no instant, and a cast that fails ends the run.
        value = with_year(column)
        # By way of a clock time, because one engine's cast ends the run at a midnight that the clocks skip.
        return _dated_text(column, value), value.cast("timestamp_ntz").cast("timestamp")
    if kind in ("timestamp", "clock_time"):
        value = column.cast("timestamp")
        value = F.when(F.unix_micros(value).between(*_INSTANTS_WITH_YEAR), value)
        return _dated_text(column, value), value
    return text_of(column, kind), F.lit(None).cast("timestamp")


def day(column: Column, kind: Kind | Column) -> tuple[Column, Column]:
    """A date or date-time as the day that it falls on in the business time zone.

    A date and a clock time say their day themselves, also where the clocks skipped it.
    """
    if not isinstance(kind, str):
        _, of_text = day(column, "text")
        return column, F.when(kind == "string", of_text)
    text, value = instant(column, kind)
    if kind == "date":
        return text, with_year(column)
    if kind == "clock_time":
        return text, F.when(value.isNotNull(), F.to_date(column))
    if kind == "text":
        written = F.substring(text, 1, 10).try_cast("date")
        return text, F.when(F.substring(text, 11, 30).rlike(_OFFSET), F.to_date(value)).when(value.isNotNull(), written)
    return text, F.to_date(value)


def _dated_text(column: Column, value: Column) -> Column:
    # The engines do not write years of more than four digits alike.
    return F.when(value.isNotNull(), text_of(column)).when(column.isNotNull(), "beyond the years 1 to 9999")


def with_year(day: Column) -> Column:
    """The day if it is of the years 1 to 9999, which is what dates can be written as; else null."""
    return F.when(F.unix_date(day).between(*_DAYS_WITH_YEAR), day)


def money(column: Column, kind: Kind | Column) -> tuple[Column, Column]:
    """An amount in `decimal(18,2)`, rounded half up to cents. Floats are read by their shortest decimal text.

    A number that does not fit has the largest value that does: it is too large, not of a wrong type.
    """
    if not isinstance(kind, str):
        _, of_text = money(column, "text")
        return column, F.when(kind != "other", of_text)
    text = text_of(column)
    too_large = F.lit(LARGEST_MONEY).cast("decimal(18,2)")
    if kind in ("integer", "decimal"):
        return text, F.coalesce(column.try_cast("decimal(18,2)"), F.when(column.isNotNull(), too_large))
    if kind == "float":
        from_text = F.coalesce(text.try_cast("decimal(18,2)"), F.when(column.isNotNull(), too_large))
        value = F.when(F.abs(column) < _ROUNDS_TO_ZERO, F.lit(0).cast("decimal(18,2)")).otherwise(from_text)
        return _float_text(column, text), value
    if kind == "text":
        # Longer than any decimal type, a number is not cast alike by the engines; neither part changes the cents.
        short = F.regexp_replace(F.regexp_replace(text, _LEADING_ZEROS, "$1$2"), _NEEDLESS_DECIMALS, "$1")
        value = F.coalesce(short.try_cast("decimal(18,2)"), too_large)
        return text, F.when(text.rlike(_PLAIN_NUMBER), value)
    return text, F.lit(None).cast("decimal(18,2)")


def _float_text(column: Column, text: Column) -> Column:
    """A float as text, spelled alike by the engines, which differ in infinities and in when they use exponents."""
    infinity = F.lit(float("inf"))
    digits = F.when(
        F.abs(column).between(_ROUNDS_TO_ZERO, _PLAIN_FLOATS), text.try_cast("decimal(38,6)").cast("string")
    )
    plain = F.regexp_replace(digits, _TRAILING_ZEROS, "$1")
    return (
        F.when(column == infinity, "Infinity")
        .when(column == -infinity, "-Infinity")
        .otherwise(F.coalesce(plain, F.replace(F.lower(text), F.lit(".0e"), F.lit("e"))))
    )


def is_not_a_number(text: Column) -> Column:
    """Whether the text of an amount stands for NaN or an infinity."""
    return F.lower(text).isin(*_NOT_A_NUMBER)
