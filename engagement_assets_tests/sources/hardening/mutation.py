"""Lines of JSON, and what may become of them: seeded, so that a seed names a corpus of any size."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

_TYPES = ("page_view", "add_to_cart", "checkout", "search", "pagé ☃", "a/b")
_PIECES = [
    b'"', b"\\", b"{", b"}", b"[", b"]", b":", b",", b" ", b"\t", b"\r", b"0", b"1", b"-", b"+", b".", b"e5", b"E400",
    b"null", b"true", b"false", b"NaN", b"Infinity", b"'", b"//", b"/**/", b"\\u", b"\\ud83d", b"\\ude00", b"\\u0041",
    b"\\n", b"\\x", b"\x00", b"\x01", b"\x1f", b"\x7f", b"\xff", b"\xc3", b"\xed\xa0\x80", "é".encode(), "😀".encode(),
    "\ufeff".encode(), "\u2028".encode(), "\x85".encode(), b"{}", b"[]", b'""', b'"a":1', b',"customer_id":"c2"',
    b"12345678901234567890",
    b"1.0", b"-0", b"\x02", b"\x03", b"\x04", b"\x05",
]  # fmt: skip


def _value(chance: random.Random, depth: int = 0) -> Any:
    kinds = ["text", "short", "number", "word", "escaped"] + (["list", "object"] if depth < 3 else [])
    kind = chance.choice(kinds)
    if kind == "text":
        return "".join(chance.choices("abc {}[]:,0123\u00e9\u2603\U0001f600", k=chance.randrange(8)))
    if kind == "short":
        return chance.randrange(-5, 1000)
    if kind == "number":
        return chance.choice([1.5, -0.0, 7.0, 1e300, 1e-7, 2**63, 12345678901234567890123, 0.1, -12.25])
    if kind == "word":
        return chance.choice([True, False, None])
    if kind == "escaped":
        return chance.choice(['"', "\\", '\\"', "a\nb", "\u0000", "\x05", "/", "\\u0041", '{"a":"b"}'])
    if kind == "list":
        return [_value(chance, depth + 1) for _ in range(chance.randrange(4))]
    return {f"k{i}": _value(chance, depth + 1) for i in range(chance.randrange(4))}


def _event(chance: random.Random) -> dict[str, Any]:
    event: dict[str, Any] = {
        "customer_id": f"c{chance.randrange(50)}",
        "event_time": f"2025-03-{chance.randrange(1, 32):02d}T{chance.randrange(24):02d}:{chance.randrange(60):02d}:00Z",
        "event_type": chance.choice(_TYPES),
        "event_id": f"e{chance.randrange(10**9)}",
    }
    if chance.random() < 0.4:
        event[f"extra{chance.randrange(3)}"] = _value(chance)
    if chance.random() < 0.3:
        event[chance.choice(list(event))] = _value(chance)
    if chance.random() < 0.1:
        del event[chance.choice(list(event))]
    return event


def _written(chance: random.Random, event: dict[str, Any]) -> bytes:
    separators = chance.choice([(",", ":"), (", ", ": "), (" ,\t", " : ")])
    return json.dumps(event, ensure_ascii=chance.random() < 0.5, separators=separators).encode()


def _mutated(chance: random.Random, line: bytes, other: bytes) -> bytes:
    at = chance.randrange(len(line) + 1)
    end = min(len(line), at + chance.randrange(1, 6))
    how = chance.randrange(8)
    if how == 0:
        return line[:at]
    if how == 1:
        return line[:at] + line[end:]
    if how == 2:
        return line[:at] + chance.choice(_PIECES) + line[at:]
    if how == 3:
        return line[:at] + chance.choice(_PIECES) + line[end:]
    if how == 4:
        return line[:at] + line[at:end] * 2 + line[end:]
    if how == 5:
        return line + chance.choice([b"", b" ", b",", b"\t", b"x"]) + other
    if how == 6:
        return chance.choice([b"[" + line + b"]", b'"' + line + b'"', b'{"r":' + line + b"}", b" \t" + line + b" \r"])
    return line[:at] + other[chance.randrange(len(other)) :]


def lines(count: int, seed: int) -> Iterator[bytes]:
    """So many lines without line breaks: two in five as they were written, the others damaged once, twice or thrice."""
    chance = random.Random(seed)
    other = _written(chance, _event(chance))
    for _ in range(count):
        line = _written(chance, _event(chance))
        for _ in range(chance.choice([0, 0, 1, 2, 3])):
            line = _mutated(chance, line, other).replace(b"\n", b" ")
        other = line or other
        yield line
