"""An independent judge of single source rows: Python's strict `json`, `decimal` and `datetime`, and DESIGN's words.

Nothing of the product is used. A verdict is `kept`, `blank` or a reject reason; a kept row comes with its values.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

UTC = UTC
KEPT, BLANK = "kept", "blank"

#: Currency units.
LARGEST_AMOUNT = Decimal(10) ** 12

#: Lists and objects within each other that a line may have.
DEEPEST = 100

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:?\d{2})?)?", re.ASCII)
_LARGEST_OFFSET = timedelta(hours=18)


class Number(str):
    """A JSON number by its digits."""


@dataclass(frozen=True)
class Event:
    """A kept web event."""

    customer_id: str
    event_time: datetime
    event_type: str
    event_id: str | None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is given twice")
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def strict_object(line: bytes) -> dict[str, Any] | None:
    """The line as one JSON object, numbers as their digits; None if it is not exactly that."""
    try:
        text = line.decode("utf-8").removeprefix("\ufeff").strip(" \t\r\n")
        found = json.loads(
            text, parse_constant=_no_constant, parse_int=Number, parse_float=Number, object_pairs_hook=_unique
        )
        json.dumps(found, ensure_ascii=False).encode("utf-8")  # half an emoji is no text
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and _depth(found) <= DEEPEST else None


def _depth(value: Any) -> int:
    deepest, todo = 0, [(value, 1)]
    while todo:
        found, depth = todo.pop()
        if isinstance(found, (dict, list)):
            deepest = max(deepest, depth)
            todo += [(inner, depth + 1) for inner in (found.values() if isinstance(found, dict) else found)]
    return deepest


def instant(text: str) -> datetime | None:
    """ISO 8601 text as an instant, UTC where it names no offset; None for anything else."""
    if not _DATE.fullmatch(text):
        return None
    # Cut to microseconds, which is what an instant has; Python 3.10 reads no other fractions.
    text = re.sub(r"(\.\d+)", lambda found: found[0][:7].ljust(7, "0"), text).replace("Z", "+00:00")
    text = re.sub(r"([+-]\d{2})(\d{2})$", r"\1:\2", text) if "T" in text or " " in text else text
    try:
        found = datetime.fromisoformat(text)
        offset = found.utcoffset()
        if offset is not None and abs(offset) > _LARGEST_OFFSET:
            return None
        return found.replace(tzinfo=UTC) if offset is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def identifier(value: Any) -> str | None:
    """An identifier of a JSON field; None where the type is wrong."""
    if isinstance(value, Number):
        whole, _, fraction = value.partition(".")
        return whole if re.fullmatch(r"-?\d+", whole) and not fraction.strip("0") else None
    return value.strip(" ") if isinstance(value, str) else None


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip(" "))


def judge_line(line: bytes, first: date, last: date) -> tuple[str, Event | None]:
    """The verdict on a line of web events dated `first` to `last`, and the event if it is kept."""
    if not line.decode("utf-8", "replace").removeprefix("\ufeff").strip(" \t\r\n"):
        return BLANK, None
    row = strict_object(line)
    if row is None:
        return "malformed_json", None
    customer, when, kind, event = (row.get(name) for name in ("customer_id", "event_time", "event_type", "event_id"))
    if _is_missing(customer):
        return "missing_customer_id", None
    if identifier(customer) is None:
        return "wrong_type", None
    if _is_missing(when):
        return "missing_date", None
    time = instant(when.strip(" ")) if isinstance(when, str) and not isinstance(when, Number) else None
    if time is None or _is_missing(kind) or not isinstance(kind, str):
        return "wrong_type", None
    if not _is_missing(event) and identifier(event) is None:
        return "wrong_type", None
    if not first <= time.date() <= last:
        return "outside_observation_window", None
    return KEPT, Event(
        identifier(customer) or "", time, kind.strip(" "), None if _is_missing(event) else identifier(event)
    )


def cents(value: Any) -> Decimal | str:
    """An amount of a Parquet column in cents, rounded half up, or the reason why it is none."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str, Decimal)):
        return "wrong_type"
    text = repr(value) if isinstance(value, float) else str(value).strip(" ")
    if text.lower().lstrip("+-") in ("nan", "inf", "infinity"):
        return "not_a_number"
    if isinstance(value, str) and not re.fullmatch(r"[+-]?(\d+(\.\d*)?|\.\d+)", text, re.ASCII):
        return "wrong_type"
    rounded = _round(Decimal(text))
    # A number beyond decimal(18,2) is too large whatever its sign.
    if rounded > LARGEST_AMOUNT or abs(rounded) >= Decimal(10) ** 16:
        return "amount_too_large"
    return "negative_amount" if rounded < 0 else abs(rounded)  # no negative zero


def _round(amount: Decimal) -> Decimal:
    if abs(amount) >= Decimal(10) ** 20:
        return amount
    return amount.quantize(Decimal("0.01"), ROUND_HALF_UP)
