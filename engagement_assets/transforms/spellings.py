r"""How times and amounts are spelled in other people's files, brought to the spelling that `conversions` reads.

Text in, text or value out, by patterns: the engines' own parsers of dates and numbers differ.
"""

from __future__ import annotations

import re

from pyspark.sql import Column
from pyspark.sql import functions as F

#: English months, as every time format has them.
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")

#: Part of a time format -> the pattern of its text.
_PARTS = {
    "Y": "([0-9]{4})",
    "y": "([0-9]{2})",
    "m": "([0-9]{1,2})",
    "b": "([A-Za-z]{3})",
    "B": "([A-Za-z]{3,9})",
    "d": "([0-9]{1,2})",
    "e": " ?([0-9]{1,2})",
    "H": "([0-9]{1,2})",
    "I": "([0-9]{1,2})",
    "M": "([0-9]{2})",
    "S": "([0-9]{2})",
    "f": "([0-9]{1,9})",
    "p": "([AaPp][.]?[Mm][.]?)",
    "z": " ?(Z|UTC|GMT|[+-][0-9]{2}:?[0-9]{2}|[+-][0-9]{2})",
}

#: Two-digit years up to this one are of this century (POSIX).
_LAST_OF_CENTURY = 68

_BASIC_DATE = r"([0-9]{4})(0[1-9]|1[0-2])([0-3][0-9])"
_BASIC = rf"^{_BASIC_DATE}([T ]?([0-9]{{2}})([0-9]{{2}})([0-9]{{2}})?([.,][0-9]+)?(Z|[+-][0-9:]+)?)?\z"

#: What stands around an amount and says nothing of its size.
_AROUND = r"[\s\x{a0}\x{202f}'$€£¥₹]|^[A-Z]{3}|[A-Z]{3}\z"
_THOUSANDS = r"^[+-]?[0-9]{1,3}(,[0-9]{3})+([.][0-9]*)?\z"
_COMMA = r"^[+-]?([0-9]{1,3}([.][0-9]{3})+|[0-9]*)(,[0-9]*)?\z"
_NUMBER = r"^[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)\z"


def iso_of(text: Column) -> Column:
    """ISO 8601 and its variants as `YYYY-MM-DD`, with `THH:MM:SS`, a fraction and an offset, as far as it has them.

    ` UTC`, ` GMT` and ` Z` are an offset of zero; offsets may be of hours only, and have a space before them; a fraction may
    have a comma; the basic format has no separators (`20240131T101500Z`). Other text stays as it is.
    """

    def part(number: int) -> Column:
        return F.regexp_extract(text, _BASIC, number)

    clock = F.concat(
        F.lit("T"),
        part(5),
        F.lit(":"),
        part(6),
        F.when(part(7) != "", F.concat(F.lit(":"), part(7), part(8))).otherwise(""),
        part(9),
    )
    basic = F.concat(part(1), F.lit("-"), part(2), F.lit("-"), part(3), F.when(part(5) != "", clock).otherwise(""))
    told = F.when(text.rlike(_BASIC), basic).otherwise(text)
    told = F.regexp_replace(told, r"(:[0-9]{2}),([0-9]+)", "$1.$2")
    return _with_offset(
        F.when(told.rlike(r"[0-9] ?(UTC|GMT)\z| Z\z"), F.regexp_replace(told, r" ?(UTC|GMT|Z)\z", "Z")).otherwise(told)
    )


def _with_offset(text: Column) -> Column:
    """A date-time whose offset, where it has one, is `Z` or `+HH:MM`."""
    told = F.regexp_replace(text, r"(:[0-9]{2}([.][0-9]+)?) ?([+-][0-9]{2}):?([0-9]{2})?\z", "$1$3:$4")
    return F.regexp_replace(told, r":\z", ":00")


def iso_by_format(text: Column, format: str) -> Column:
    """A date or date-time that is written by a format (as Python's strptime has it) as ISO 8601; null where it is not."""
    pattern, order = "", list[str]()
    for literal, part in re.findall(r"([^%]*)(?:%(.))?", format):
        pattern += re.sub(r"([.\\+*?\[^\]$(){}|])", r"\\\1", literal).replace(" ", " +")
        if part == "%":
            pattern += "%"
        elif part:
            pattern += _PARTS[part]
            order.append(part)
    pattern = rf"^{pattern}\z"

    def found(*parts: str) -> Column | None:
        number = next((order.index(part) + 1 for part in parts if part in order), None)
        return None if number is None else F.regexp_extract(text, pattern, number)

    def two(column: Column | None) -> Column:
        return F.lit("00") if column is None else F.lpad(column, 2, "0")

    year = found("Y")
    if year is None:
        short = found("y")
        assert short is not None
        year = F.concat(F.when(short.try_cast("int") > _LAST_OF_CENTURY, "19").otherwise("20"), short)
    month = found("m")
    if month is None:
        called = found("b", "B")
        assert called is not None
        name = F.lower(F.substring(called, 1, 3))
        month = F.lit("00")
        for number, english in enumerate(_MONTHS, 1):
            month = F.when(name == english, f"{number:02}").otherwise(month)
    hour = found("H")
    half, twelve = found("p"), found("I")
    if hour is None and twelve is not None:
        base = twelve.try_cast("int") % 12
        hour = (base + F.when(F.lower(half).startswith("p"), 12).otherwise(0) if half is not None else base).cast(
            "string"
        )
        hour = F.when(twelve.try_cast("int").between(1, 12), hour)
    day = F.concat(year, F.lit("-"), two(month), F.lit("-"), two(found("d", "e")))
    if hour is None:
        return F.when(text.rlike(pattern), day)
    fraction, offset = found("f"), found("z")
    clock = [F.lit("T"), two(hour), F.lit(":"), two(found("M")), F.lit(":"), two(found("S"))]
    clock += [] if fraction is None else [F.lit("."), fraction]
    clock += [] if offset is None else [F.regexp_replace(offset, "UTC|GMT", "Z")]
    return F.when(text.rlike(pattern), _with_offset(F.concat(day, *clock)))


def instant_of_epoch(text: Column, parts: int) -> Column:
    """The instant that a count of parts of a second since 1970 stands for, `parts` of them to the second; else null."""
    count = F.when(text.rlike(_NUMBER), text).try_cast("decimal(38,9)")
    # By way of a decimal of seconds: engines tell what is made of a bigint in zones of their own.
    seconds = (count / F.lit(parts).cast("decimal(10,0)")).try_cast("decimal(18,6)")
    return F.when(seconds.between(-62135596800, 253402300799), seconds).cast("timestamp")


def instant_in_zone(clock: Column, zone: str) -> Column:
    """The instant of a clock time (timestamp without a zone) in a zone; one that the clocks skip is as late as before."""
    return F.concat(F.convert_timezone(F.lit(zone), F.lit("UTC"), clock).cast("string"), F.lit("Z")).try_cast(
        "timestamp"
    )


def plain_number(text: Column, decimal: str) -> Column:
    """An amount without its currency, blanks and thousands separators, with a point before the cents."""
    bare = F.regexp_replace(text, _AROUND, "")
    if decimal == ",":
        point = F.replace(F.replace(bare, F.lit("."), F.lit("")), F.lit(","), F.lit("."))
        return F.when(bare.rlike(_COMMA), point).otherwise(text)
    without = F.when(bare.rlike(_THOUSANDS), F.replace(bare, F.lit(","), F.lit(""))).otherwise(bare)
    return F.when(without.rlike(_NUMBER), without).otherwise(text)


def is_number(text: Column) -> Column:
    """Whether a text is a plain number."""
    return text.rlike(_NUMBER)
