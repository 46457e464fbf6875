"""What the values of a column look like: times and how they are spelled, numbers, addresses; never the values themselves."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property
from statistics import median
from typing import Any, Literal

from engagement_assets.domain.source_mapping import EPOCHS, ISO

#: Values that are looked at for a spelling.
_LOOKED_AT = 3_000

#: Share of the values that have to be spelled alike.
_MOST = 0.95

_ISO = re.compile(
    r"[12]\d{3}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?(?P<zone> ?(?:Z|UTC|[+-]\d\d(?::?\d\d)?))?)?",
)

_NUMERIC_DATE = re.compile(
    r"(?P<a>\d{1,4})(?P<sep>[./-])(?P<b>\d{1,2})(?P=sep)(?P<c>\d{4}|\d{2})"
    r"(?:(?P<gap>,? |T)(?P<hour>\d{1,2}):\d{2}(?P<second>:\d{2})?(?P<fraction>\.\d{1,6})?(?P<half> ?[AaPp][Mm])?)?"
    r"(?P<zone> ?(?:Z|UTC|GMT|[+-]\d\d:?\d\d))?",
)

#: Times with months in letters.
_WORDY = tuple(
    f"{day}{clock}"
    for day in (
        "%d %b %Y",
        "%d-%b-%Y",
        "%d-%b-%y",
        "%d/%b/%Y",
        "%b %d, %Y",
        "%B %d, %Y",
        "%d %B %Y",
        "%Y-%b-%d",
        "%b %d %Y",
    )
    for clock in (
        "",
        " %H:%M:%S",
        " %H:%M",
        ", %H:%M",
        ", %I:%M %p",
        " %I:%M %p",
        " %I:%M:%S %p",
        ":%H:%M:%S %z",
        " at %I:%M %p",
    )
)

_NUMBER = re.compile(r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?")
_WHOLE_DECIMAL = re.compile(r"-?\d+\.0+")
_THOUSANDS = re.compile(r"[-+]?\d{1,3}(?:,\d{3})+(?:\.\d*)?")
_COMMA_NUMBER = re.compile(r"[-+]?(?:\d{1,3}(?:\.\d{3})+|\d+)(?:,\d+)?")

#: What stands around an amount and says nothing of its size.
_AROUND = re.compile(r"[\s'$€£¥₹]|^[A-Z]{3}(?=\W*\d)|(?<=\d)\W*[A-Z]{3}$")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")

#: Years between which times lie that are told as numbers.
_EARLIEST, _LATEST = 946_684_800, 4_102_444_800


@dataclass(frozen=True)
class Spelling:
    """How the times of a column are spelled, as `time_format` says it."""

    format: str
    #: What it may be as well: day first where it is not clear.
    other: str | None = None
    zone: Literal["none", "told", "some"] = "none"
    #: The zone that literal text of the format tells.
    fixed_zone: str | None = None
    has_hours: bool = True


@dataclass(frozen=True)
class Column:
    """A column of a sample."""

    name: str
    values: Sequence[Any]
    file_of: Sequence[int]

    @cached_property
    def present(self) -> list[Any]:
        """The values that are there."""
        return [value for value in self.values if value is not None]

    @cached_property
    def counts(self) -> Counter[Any]:
        """Value -> how often it is there."""
        return Counter(self.present)

    @property
    def filled(self) -> float:
        """Share of rows that have a value."""
        return len(self.present) / len(self.values) if self.values else 0.0

    @cached_property
    def texts(self) -> list[str]:
        """Different values that are text, as many as are looked at."""
        return [value for value in self.counts if isinstance(value, str)][:_LOOKED_AT]

    @cached_property
    def uniqueness(self) -> float:
        """Different values by values, file by file: full dumps repeat everything."""
        pairs = [(number, value) for number, value in zip(self.file_of, self.values, strict=True) if value is not None]
        return len(set(pairs)) / len(pairs) if pairs else 0.0

    @cached_property
    def spelling(self) -> Spelling | None:
        """How its times are spelled; None where it holds none."""
        native = sum(isinstance(value, date) for value in self.present)
        if native:
            return Spelling(ISO, has_hours=any(isinstance(value, datetime) for value in self.present))
        return _spelling(self.texts) if self.texts else None

    @property
    def first_year(self) -> int | None:
        """The year of its earliest time."""
        form = self.spelling.format if self.spelling else ""
        if isinstance(next(iter(self.present), None), date):
            return int(min(value.year for value in self.present))
        if form in EPOCHS:
            return time.gmtime(min(map(float, self.texts)) / EPOCHS[form]).tm_year
        years = [int(text[:4]) for text in self.texts if form == ISO and text[:4].isdigit()]
        for text in self.texts if form != ISO and form else ():
            with suppress(ValueError):
                years.append(datetime.strptime(text, form).year)  # noqa: DTZ007 - only its year
        return min(years, default=None)

    @cached_property
    def numbers(self) -> list[Decimal]:
        """Its numbers, one for each row that has one; none where most of its values are something else."""
        if not self.texts or (len(self.texts) < len(self.counts) and len(self.counts) < _LOOKED_AT):
            return []
        dotted = {text: _dotted(text, self.decimal) for text in self.counts if isinstance(text, str)}
        if sum(dotted[text] is None for text in self.texts) > (1 - _MOST) * len(self.texts):
            return []
        return [Decimal(number) for value in self.present if (number := dotted[value]) is not None]

    @cached_property
    def decimal(self) -> Literal[".", ","]:
        """What separates the cents."""
        bare = [_AROUND.sub("", text) for text in self.texts]
        commas = sum("," in text and not _THOUSANDS.fullmatch(text) for text in bare)
        points = sum("." in text for text in bare if _NUMBER.fullmatch(text) or _THOUSANDS.fullmatch(text))
        return (
            "," if commas > points and sum(_COMMA_NUMBER.fullmatch(text) is not None for text in bare) > points else "."
        )

    @cached_property
    def is_whole_decimals(self) -> bool:
        """Whether all its values are whole numbers that are written as decimals, as pandas writes integers with gaps."""
        return bool(self.texts) and all(
            isinstance(value, str) and _WHOLE_DECIMAL.fullmatch(value) for value in self.counts
        )

    @cached_property
    def identifiers(self) -> set[Any]:
        """Its different values; of `is_whole_decimals` the numbers."""
        if self.is_whole_decimals:
            return {value.partition(".")[0] for value in self.counts}
        return set(self.counts)

    @property
    def has_cents(self) -> bool:
        """Whether its numbers have a fraction."""
        return any(number != number.to_integral_value() for number in self.numbers)

    @property
    def is_written_with_cents(self) -> bool:
        """Whether its numbers are written with a fraction, be it nothing."""
        return any(number.as_tuple().exponent != 0 for number in self.numbers)

    @cached_property
    def is_email(self) -> bool:
        """Whether its values are addresses."""
        return bool(self.texts) and sum(_EMAIL.fullmatch(text) is not None for text in self.texts) >= 0.8 * len(
            self.texts
        )

    @property
    def looks(self) -> str:
        """The shape that most values have: a letter stands for letters, 9 for digits."""
        if not self.present:
            return "empty"
        if isinstance(self.present[0], date):
            return "timestamp" if isinstance(self.present[0], datetime) else "date"
        values = map(str, self.present[:_LOOKED_AT])
        if self.spelling and not self.numbers:
            return f"time {Counter(re.sub(r'[0-9]', '9', value) for value in values).most_common(1)[0][0]}"
        shapes = Counter(map(_shape, values))
        kind = "number" if self.numbers else "text"
        return f"{kind} {shapes.most_common(1)[0][0]}"


def _dotted(text: str, decimal: str) -> str | None:
    """A number as Python has it; None where a text is none."""
    bare = _AROUND.sub("", text)
    if decimal == ",":
        return bare.replace(".", "").replace(",", ".") if _COMMA_NUMBER.fullmatch(bare) else None
    bare = bare.replace(",", "") if _THOUSANDS.fullmatch(bare) else bare
    return bare if _NUMBER.fullmatch(bare) else None


def _shape(text: str) -> str:
    letters = re.sub(r"[^\W\d_]+", "a", text)
    short = re.sub(r"\d{7,}", "9…9", letters)
    shape = re.sub(r"\d", "9", short)
    return shape if len(shape) <= 24 else f"{shape[:23]}…"


def _spelling(texts: Sequence[str]) -> Spelling | None:
    return _iso(texts) or _as_number(texts) or _numeric(texts) or _wordy(texts)


def _iso(texts: Sequence[str]) -> Spelling | None:
    found = [match for text in texts if (match := _ISO.fullmatch(text))]
    if len(found) < _MOST * len(texts):
        return None
    told = sum(match["zone"] is not None for match in found)
    hours = any(len(match[0]) > 10 for match in found)
    return Spelling(ISO, zone="told" if told == len(found) else "some" if told else "none", has_hours=hours)


def _as_number(texts: Sequence[str]) -> Spelling | None:
    """Days and times as one number: 20240131, 20240131100000, or counted since 1970."""
    digits = [text for text in texts if re.fullmatch(r"\d{8,19}(?:\.\d+)?", text)]
    if len(digits) < _MOST * len(texts):
        return None
    for width, form in ((8, "%Y%m%d"), (14, "%Y%m%d%H%M%S"), (12, "%Y%m%d%H%M")):
        if all(len(text) == width and text[:2] in ("19", "20") for text in digits) and _parses(digits, form):
            return Spelling(form, has_hours=width > 8)
    middle = median(map(float, digits))
    for unit, parts in EPOCHS.items():
        if _EARLIEST * parts <= middle < _LATEST * parts:
            return Spelling(unit, zone="told")
    return None


def _numeric(texts: Sequence[str]) -> Spelling | None:
    found = [match for text in texts if (match := _NUMERIC_DATE.fullmatch(text))]
    if len(found) < _MOST * len(texts):
        return None
    first = Counter(match.expand(r"\g<sep>") + ("t" if match["hour"] else "") for match in found).most_common(1)[0][0]
    match = next(match for match in found if match["sep"] == first[0] and bool(match["hour"]) == first.endswith("t"))
    sep, zone = match["sep"], match["zone"]
    clock = ""
    if match["hour"]:
        seconds = (":%S" if match["second"] else "") + (".%f" if match["fraction"] else "")
        half = match["half"] and (" %p" if match["half"].startswith(" ") else "%p")
        clock = f"{match['gap']}{'%I' if half else '%H'}:%M{seconds}{half or ''}"
    fixed = "UTC" if zone and zone.strip() in ("Z", "UTC", "GMT") else None
    if zone:
        clock += zone if fixed else zone[: len(zone) - len(zone.lstrip())] + "%z"
    year = "%Y" if len(match["c"]) == 4 or len(match["a"]) == 4 else "%y"
    if len(match["a"]) == 4:
        orders = [f"%Y{sep}%m{sep}%d", f"%Y{sep}%d{sep}%m"]
    else:
        orders = [f"%d{sep}%m{sep}{year}", f"%m{sep}%d{sep}{year}"]
        if sep == "/" or match["half"]:
            orders.reverse()  # only where values do not tell
    parsed = {order: _parsed(texts, order + clock) for order in orders}
    # One value that is read in one way only decides.
    good = [order for order in orders if parsed[order] == max(parsed.values())]
    if max(parsed.values()) < _MOST * len(texts):
        return None
    # Nobody puts the month first before a point.
    other = good[1] + clock if len(good) > 1 and sep != "." and not good[0].startswith("%Y") else None
    return Spelling(good[0] + clock, other, "told" if zone else "none", fixed, bool(match["hour"]))


def _wordy(texts: Sequence[str]) -> Spelling | None:
    if not re.search("[A-Za-z]{3}", texts[0]):
        return None
    form = next((form for form in _WORDY if _parses(texts[:50], form) and _parses(texts, form)), None)
    return (form and Spelling(form, zone="told" if "%z" in form else "none", has_hours="%M" in form)) or None


def _parses(texts: Sequence[str], form: str) -> bool:
    return _parsed(texts, form) >= _MOST * len(texts)


def _parsed(texts: Sequence[str], form: str) -> int:
    """How many of the texts are times of a format."""
    good = 0
    for text in texts:
        with suppress(ValueError):
            datetime.strptime(text, form)  # noqa: DTZ007 - only whether it fits
            good += 1
    return good
