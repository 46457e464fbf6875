"""How numbers, shares, dates and changes are written for people."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextvars import ContextVar
from datetime import date, datetime
from decimal import Decimal

from engagement_assets.domain import money as amounts

#: The currency of the amounts (`ENGAGEMENT_CURRENCY`), set for each request.
CURRENCY: ContextVar[str] = ContextVar("CURRENCY", default="")

#: What stands for a value that does not exist.
NOTHING = "–"

Number = int | float | Decimal | None


def _missing(value: Number) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def count(value: Number) -> str:
    """A whole number with thousands separators."""
    return NOTHING if _missing(value) else f"{value:,.0f}"


def decimal(value: Number, digits: int = 2) -> str:
    """A number with a fixed number of digits after the point."""
    return NOTHING if _missing(value) else f"{value:,.{digits}f}"


def score(value: Number) -> str:
    """A score in [0, 1]."""
    return decimal(value, 3)


def share(value: Number, digits: int = 1) -> str:
    """A share in [0, 1] as percent."""
    return NOTHING if _missing(value) else f"{value:.{digits}%}"


def money(value: Number) -> str:
    """A sum of many customers, with its currency."""
    return NOTHING if _missing(value) else amounts.whole(float(value or 0), CURRENCY.get())


def cents(value: Number) -> str:
    """What one customer or order is worth, with its currency."""
    return NOTHING if _missing(value) else amounts.cents(float(value or 0), CURRENCY.get())


def in_currency(written: str) -> str:
    """A number that Plotly writes into a chart (`%{y:,.2f}`), with the currency."""
    return amounts.in_currency(written, CURRENCY.get())


def day(value: date | datetime | str | None) -> str:
    """A date in ISO form."""
    if value is None:
        return NOTHING
    return value if isinstance(value, str) else value.isoformat()[:10]


def points(value: Number) -> str:
    """A difference of two shares."""
    return NOTHING if value is None else f"{value * 100:.1f} points"


def difference(value: Number, write: Callable[[Number], str] = score) -> str:
    """A change with its sign, `write` for its amount; a true minus, as wide as the plus."""
    if value is None:
        return NOTHING
    return f"{'+' if value > 0 else '−' if value < 0 else '±'}{write(-value if value < 0 else value)}"


def words(name: str) -> str:
    """A name of a table, check, reason or the like as people write it."""
    return name.replace("_", " ").capitalize()


def ratio(part: Number, whole: Number) -> float | None:
    """A part of a whole; None where there is no whole."""
    if part is None or whole is None or not whole:
        return None
    return float(part) / float(whole)
