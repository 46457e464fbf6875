"""Bad and odd lines of web events, each with what must become of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime

DAY = "2025-03-31"
NOON = datetime(2025, 3, 31, 12, tzinfo=UTC)
LONG_ID = "x" * 10_000


@dataclass(frozen=True)
class EventCase:
    """A line, and its outcome: `kept` with the values that are listed, `blank`, `duplicate`, or a reject reason.

    `customer_id`, `event_id` and `event_type` are what a kept event must have; None where its event_id must be null.
    """

    name: str
    line: bytes
    outcome: str
    customer_id: str = "c1"
    event_id: str | None = ""
    event_type: str = "page_view"
    time: datetime = NOON


def _kept(name: str, changes: dict[str, object], **expected: object) -> EventCase:
    event = {
        "customer_id": "c1",
        "event_time": f"{DAY}T12:00:00Z",
        "event_type": "page_view",
        "event_id": name,
        **changes,
    }
    line = json.dumps(event, ensure_ascii=False).encode()
    return EventCase(name, line, "kept", **{"event_id": name, **expected})  # type: ignore[arg-type]


def _raw(name: str, customer: str, rest: str = "", **expected: object) -> EventCase:
    """A kept line whose customer_id is written as given, with more fields."""
    line = f'{{"customer_id":{customer},"event_time":"{DAY}T12:00:00Z","event_type":"page_view","event_id":"{name}"{rest}}}'
    return EventCase(name, line.encode(), "kept", **{"event_id": name, **expected})  # type: ignore[arg-type]


def _not(reason: str, name: str, changes: dict[str, object]) -> EventCase:
    event = {
        "customer_id": "c1",
        "event_time": f"{DAY}T12:00:00Z",
        "event_type": "page_view",
        "event_id": name,
        **changes,
    }
    return EventCase(name, json.dumps(event, ensure_ascii=False).encode(), reason)


def _bad(name: str, line: str | bytes, reason: str = "malformed_json") -> EventCase:
    return EventCase(name, line.encode() if isinstance(line, str) else line, reason)


def at(hour: int, minute: int = 0, second: int = 0, micro: int = 0) -> datetime:
    return datetime(2025, 3, 31, hour, minute, second, micro, tzinfo=UTC)


_VALID = f'{{"customer_id":"c1","event_time":"{DAY}T12:00:00Z","event_type":"page_view"}}'

_SPACED = f'  {{ "customer_id" :\t"c1" ,"event_time":  "{DAY}T12:00:00Z"\t,\t"event_type":"page_view" }}\t '


def _kept_line(name: str, line: str) -> EventCase:
    """A kept line as given, with an event_id put in."""
    return EventCase(name, line.replace("}", f',"event_id":"{name}"}}').encode(), "kept", event_id=name)


IDS = [
    _raw("an integer id", "7", customer_id="7"),
    _raw("an integer id written with .0", "7.0", customer_id="7"),
    _raw("an integer id written with .00", "7.00", customer_id="7"),
    _raw("an id of leading zeros", '"007"', customer_id="007"),
    _raw("an integer id of 2 to the 63", "9223372036854775808", customer_id="9223372036854775808"),
    _raw("an integer id of 23 digits", "12345678901234567890123", customer_id="12345678901234567890123"),
    _raw("an integer id of 23 digits, one more", "12345678901234567890124", customer_id="12345678901234567890124"),
    _raw("a negative integer id", "-5", customer_id="-5"),
    _raw("a string that looks like a fraction", '"7.5"', customer_id="7.5"),
    _raw("a string that looks like true", '"true"', customer_id="true"),
    _raw("a string that looks like an object", r'"{\"a\":1}"', customer_id='{"a":1}'),
    _raw("a string that looks like a marked number", r'"[\"n1\"]"', customer_id='["n1"]'),
    _raw("an id with spaces around and within", '"  a b  "', customer_id="a b"),
    _raw("an id with a quote", r'"q\"uote"', customer_id='q"uote'),
    _raw("an id with backslashes", r'"back\\slash\\"', customer_id="back\\slash\\"),
    _raw("an id of emoji", '"é😀"', customer_id="é😀"),
    _raw("an id of emoji by its codes", r'"\u00e9\ud83d\ude00"', customer_id="é😀"),
    _raw("an id of 10,000 characters", f'"{LONG_ID}"', customer_id=LONG_ID),
    _raw("an id with NUL", r'"nul\u0000id"', customer_id="nul\0id"),
    _raw("an id with a control character", r'"bell\u0007"', customer_id="bell\x07"),
    _raw("an id with a tab", r'"tab\tid"', customer_id="tab\tid"),
    _bad("an exponent as an id", _VALID.replace('"c1"', "1e3"), "wrong_type"),
    _bad("a huge exponent as an id", _VALID.replace('"c1"', "1e400"), "wrong_type"),
    _raw("an id that ends in a line break", r'"7.0\n"', customer_id="7.0\n"),
    _bad("a fraction as an id", _VALID.replace('"c1"', "7.5"), "wrong_type"),
    _bad("true as an id", _VALID.replace('"c1"', "true"), "wrong_type"),
    _bad("an object as an id", _VALID.replace('"c1"', '{"id":"c1"}'), "wrong_type"),
    _bad("a list as an id", _VALID.replace('"c1"', '["c1"]'), "wrong_type"),
    _bad("null as an id", _VALID.replace('"c1"', "null"), "missing_customer_id"),
    _bad("an empty id", _VALID.replace('"c1"', '""'), "missing_customer_id"),
    _bad("an id of spaces", _VALID.replace('"c1"', '"  "'), "missing_customer_id"),
    _bad("a renamed column", _VALID.replace("customer_id", "CustomerId"), "missing_customer_id"),
    _bad("a customer nobody knows", _VALID.replace('"c1"', '"nobody"'), "unknown_customer"),
    _kept("a numeric event_id", {"event_id": 4711}, event_id="4711"),
    _kept("an empty event_id", {"event_id": " ", "event_type": "empty id"}, event_id=None, event_type="empty id"),
    _kept("no event_id", {"event_id": None, "event_type": "no id"}, event_id=None, event_type="no id"),
    _not("wrong_type", "true as an event_id", {"event_id": True, "event_type": "x1"}),
    _not("wrong_type", "a list as an event_id", {"event_id": ["a"], "event_type": "x2"}),
]  # fmt: skip

TIMES = [
    _kept("a time with an offset", {"event_time": f"{DAY}T05:30:00+05:30"}, time=at(0)),
    _kept("an offset without a colon", {"event_time": f"{DAY}T05:30:00+0530"}, time=at(0)),
    _kept("an offset that moves the day", {"event_time": "2025-04-01T01:00:00+02:00"}, time=at(23)),
    _kept("a time without an offset", {"event_time": f"{DAY} 06:07:08"}, time=at(6, 7, 8)),
    _kept("a time without seconds", {"event_time": f"{DAY}T06:07"}, time=at(6, 7)),
    _kept("a time without seconds, with Z", {"event_time": f"{DAY}T06:07Z"}, time=at(6, 7)),
    _kept("a date only", {"event_time": DAY}, time=at(0)),
    _kept("nanoseconds", {"event_time": f"{DAY}T12:00:00.123456789Z"}, time=at(12, 0, 0, 123456)),
    _not("wrong_type", "epoch seconds", {"event_time": 1743422400}),
    _not("wrong_type", "epoch milliseconds", {"event_time": 1743422400000}),
    _not("wrong_type", "epoch seconds with a fraction", {"event_time": 1743422400.5}),
    _not("wrong_type", "epoch seconds as text", {"event_time": "1743422400"}),
    _not("wrong_type", "a year", {"event_time": "2025"}),
    _not("wrong_type", "a time of day", {"event_time": "12:30"}),
    _not("wrong_type", "a date without dashes", {"event_time": "20250331"}),
    _not("wrong_type", "a date in the American order", {"event_time": "03/31/2025"}),
    _not("wrong_type", "29 February of no leap year", {"event_time": "2025-02-29T12:00:00Z"}),
    _not("outside_observation_window", "a leap day", {"event_time": "2024-02-29T12:00:00Z"}),
    _not("wrong_type", "a line break after the time", {"event_time": f"{DAY}T12:00:00Z\n"}),
    _not("wrong_type", "a line separator after the time", {"event_time": f"{DAY}\u2028"}),
    _not("wrong_type", "31 April", {"event_time": "2025-04-31"}),
    _not("wrong_type", "hour 24", {"event_time": f"{DAY}T24:00:00Z"}),
    _not("wrong_type", "second 60", {"event_time": f"{DAY}T23:59:60Z"}),
    _not("wrong_type", "an impossible offset", {"event_time": f"{DAY}T12:00:00+25:00"}),
    _not("wrong_type", "the year 0", {"event_time": "0000-01-01T00:00:00Z"}),
    _not("outside_observation_window", "the year 1", {"event_time": "0001-01-01T00:00:00Z"}),
    _not("outside_observation_window", "the end of year 9999", {"event_time": "9999-12-31T23:59:59Z"}),
    _not("wrong_type", "the year 10000", {"event_time": "10000-01-01T00:00:00Z"}),
    _not("outside_observation_window", "tomorrow's year", {"event_time": "2999-01-01"}),
    _not("wrong_type", "true as a time", {"event_time": True}),
    _not("wrong_type", "a list as a time", {"event_time": [DAY]}),
    _not("missing_date", "no time", {"event_time": None}),
    _not("missing_date", "an empty time", {"event_time": " "}),
    _not("wrong_type", "no event type", {"event_type": None}),
    _not("wrong_type", "an object as an event type", {"event_type": {"a": 1}}),
]

JSON = [
    _kept("an unknown event type", {"event_type": "wished for"}, event_type="wished for"),
    _kept("a number as an event type", {"event_type": 5}, event_type="5"),
    _kept("extra fields of every kind", {"a": [1, 2.5, {"b": None}], "c": {"d": [[]]}, "e": False}),
    _raw("an extra number beyond every type", '"c1"', ',"x":1e400'),
    _raw("an extra number of 500 digits", '"c1"', f',"x":{"9" * 500}'),
    _raw("an extra text of 3 million characters", '"c1"', f',"x":"{"y" * 3_000_000}"'),
    _raw("an extra text of 100,000 escapes", '"c1"', ',"x":"' + "\\n" * 100_000 + '"'),
    _raw("lists nested 99 deep", '"c1"', ',"x":' + "[" * 99 + "]" * 99),
    _raw("a list of 50,000 lists", '"c1"', ',"x":[' + "[]," * 50_000 + "[]]"),
    _raw("40 extra fields", '"c1"', "".join(f',"f{n}":{n}' for n in range(40))),
    _kept_line("white space between tokens", _SPACED),
    _kept_line("a byte order mark", "\ufeff" + _VALID),
    _kept_line("a Windows line end", _VALID + "\r"),
    _kept_line("an escaped key", _VALID.replace("customer_id", r"customer\u005fid")),
    _bad("a cut line", _VALID[:-5]),
    _bad("two objects on a line", _VALID + _VALID),
    _bad("two objects with a comma", _VALID + "," + _VALID),
    _bad("a text after the object", _VALID + "x"),
    _bad("a line separator after the object", _VALID + "\u2028"),
    _bad("a next-line character after the object", _VALID + "\x85"),
    _bad("a list of events", f"[{_VALID}]"),
    _bad("a comma at the end", _VALID.replace("}", ",}")),
    _bad("single quotes", _VALID.replace('"', "'")),
    _bad("a key without quotes", _VALID.replace('"customer_id"', "customer_id")),
    _bad("a number as a key", _VALID.replace("}", ",1:2}")),
    _bad("a comment", _VALID.replace("}", "/*x*/}")),
    _bad("NaN in an extra field", _VALID.replace("}", ',"x":NaN}')),
    _bad("Infinity in an extra field", _VALID.replace("}", ',"x":-Infinity}')),
    _bad("a leading zero in a number", _VALID.replace("}", ',"x":01}')),
    _bad("a plus sign in a number", _VALID.replace("}", ',"x":+1}')),
    _bad("a number without a fraction", _VALID.replace("}", ',"x":1.}')),
    _bad("a wrong escape", _VALID.replace("}", r',"x":"\q"}')),
    _bad("half an emoji by its code", _VALID.replace("}", r',"x":"\ud83d"}')),
    _bad("the other half of an emoji", _VALID.replace("}", r',"x":"\ude00"}')),
    _bad("a raw control character", _VALID.replace("}", ',"x":"\x01"}')),
    _bad("a raw tab in a string", _VALID.replace("}", ',"x":"\t"}')),
    _bad("a raw NUL", _VALID.replace("}", ',"x":"\0"}')),
    _bad("a customer_id given twice", _VALID.replace("}", ',"customer_id":"c2"}')),
    _bad("a customer_id given twice, once in codes", _VALID.replace("}", r',"customer\u005fid":"c2"}')),
    _bad("an extra key given twice", _VALID.replace("}", ',"x":1,"x":2}')),
    _bad("a key given twice within an extra field", _VALID.replace("}", ',"x":{"a":1,"a":2}}')),
    _bad("lists nested 100,000 deep", _VALID.replace("}", ',"x":' + "[" * 100_000 + "]" * 100_000 + "}")),
    _bad("lists nested 101 deep", _VALID.replace("}", ',"x":' + "[" * 101 + "]" * 101 + "}")),
    _bad("bytes that are no UTF-8", _VALID.replace("}", ',"x":"').encode() + b'\xff"}'),
    _bad("half a character", _VALID.replace("}", ',"y":"').encode() + b'\xc3"}'),
    _bad("a surrogate in UTF-8", _VALID.replace("}", ',"z":"').encode() + b'\xed\xa0\x80"}'),
    _bad("an old encoding in an extra field", _VALID.replace("}", ',"city":"Köln"}').encode("latin-1")),
    _bad("a word", "null"),
    _bad("a number", "42"),
    _bad("a header of CSV", "customer_id,event_time,event_type"),
    _bad("a line of 3 MB that is no JSON", "z" * 3_000_000),
    _bad("an empty object", "{}", "missing_customer_id"),
    _bad("an empty line", "", "blank"),
    _bad("a line of white space", " \t\r", "blank"),
    _bad("a byte order mark alone", "\ufeff", "blank"),
]  # fmt: skip

EVENT_CASES = [*IDS, *TIMES, *JSON]
