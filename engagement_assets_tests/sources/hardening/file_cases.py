"""Broken, odd and harmless files, each with what must become of it."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa
import pyarrow.parquet as pq


@dataclass(frozen=True)
class FileCase:
    """A file below a source's folder.

    `outcome` is `kept` (its rows are), `ignored` (it is no source file by its name), or a text that the reason must hold for
    which the whole file is rejected. `rows` are the rows it holds, `blank` of them blank lines; their ids begin with the
    case's name.
    """

    name: str
    source: str
    path: str
    content: bytes
    outcome: str
    rows: int = 1
    blank: int = 0


def _line(event_id: str) -> bytes:
    event = {"customer_id": "c1", "event_time": "2025-03-31T12:00:00Z", "event_type": "page_view", "event_id": event_id}
    return json.dumps(event).encode() + b"\n"


def _lines(
    name: str, path: str, how: Callable[[bytes], bytes] = bytes, outcome: str = "kept", rows: int = 1
) -> FileCase:
    content = b"".join(_line(f"{name} {n}") for n in range(rows))
    return FileCase(name, "web_events", path, how(content), outcome, rows)


def _parquet(ids: Sequence[str], **options: object) -> bytes:
    table = pa.table(
        {
            "order_id": ids,
            "customer_id": ["c1"] * len(ids),
            "order_date": [datetime(2025, 3, 31, 12)] * len(ids),
            "order_amount": ["1.00"] * len(ids),
        }
    )
    sink = io.BytesIO()
    pq.write_table(table, sink, **options)
    return sink.getvalue()


def _orders(
    name: str, path: str, how: Callable[[bytes], bytes] = bytes, outcome: str = "kept", rows: int = 1
) -> FileCase:
    content = _parquet([f"{name} {n}" for n in range(rows)], compression="gzip", use_dictionary=False)
    return FileCase(name, "orders", path, how(content), outcome, rows)


def _two_members(content: bytes) -> bytes:
    half = content.index(b"\n") + 1
    return gzip.compress(content[:half]) + gzip.compress(content[half:])


def _damaged_check(content: bytes) -> bytes:
    packed = bytearray(gzip.compress(content))
    packed[-8:-4] = b"\0\0\0\0"
    return bytes(packed)


TEXT_FILES = [
    _lines("plain beside packed", "beside/a.jsonl", rows=2),
    _lines("packed beside plain", "beside/a.jsonl.gz", gzip.compress, rows=2),
    _lines("json", "endings/a.json"),
    _lines("ndjson", "endings/a.ndjson"),
    _lines("upper case", "endings/A.JSONL"),
    _lines("upper case, packed", "endings/A.JSONL.GZ", gzip.compress),
    _lines("no line break at the end", "b.jsonl", lambda content: content.rstrip(b"\n"), rows=2),
    _lines("packed in two members", "members.jsonl.gz", _two_members, rows=2),
    _lines("Windows line ends", "crlf.jsonl", lambda content: content.replace(b"\n", b"\r\n"), rows=2),
    _lines("byte order mark", "bom.jsonl", lambda content: b"\xef\xbb\xbf" + content, rows=2),
    _lines("nested and Hive-style folders", "year=2025/month=03/event_type=evil/customer_id=c9/a.jsonl"),
    _lines("a name with patterns", "we[ir]d *?{a}:b\\c.jsonl"),
    _lines("a name that matches all", "*.jsonl"),
    _lines("a folder with patterns", "[a-z]{1,2}/x.jsonl"),
    _lines("a name with a line break", "line\nbreak.jsonl"),
    _lines("a name with spaces and percent signs", "a b%20c%2F..%2F.jsonl"),
    _lines("a name of emoji", "é😀 'quoted' \"too\".jsonl"),
    _lines("a name that looks like an address", "http::x@y#z.jsonl"),
    FileCase("an empty file", "web_events", "empty.jsonl", b"", "kept", rows=0),
    FileCase("an empty packed file", "web_events", "empty.jsonl.gz", gzip.compress(b""), "kept", rows=0),
    FileCase("a packed file of no bytes", "web_events", "nothing.jsonl.gz", b"", "kept", rows=0),
    FileCase("a file of blank lines", "web_events", "blank.jsonl", b"\n\n \r\n", "kept", rows=3, blank=3),
    _lines("a hidden file", ".hidden.jsonl", outcome="hidden"),
    _lines("a marker of another system", "_SUCCESS.jsonl", outcome="hidden"),
    _lines("a folder of unfinished work", "_temporary/0/a.jsonl", outcome="hidden"),
    _lines("a hidden folder", ".staging/a.jsonl", outcome="hidden"),
    _lines("a .tmp name", "a.jsonl.tmp", outcome="ignored"),
    _lines("a .txt name", "a.txt", outcome="ignored"),
    _lines(
        "a packed file cut short", "cut.jsonl.gz", lambda c: gzip.compress(c)[:-30], "ends before its data", rows=50
    ),
    _lines("a packed file without its check", "tail.jsonl.gz", lambda c: gzip.compress(c)[:-8], "ends before its data"),
    _lines("a packed file with a wrong check", "check.jsonl.gz", _damaged_check, "cannot be unpacked"),
    _lines("bytes after packed data", "more.jsonl.gz", lambda c: gzip.compress(c) + b"more", "other bytes follow"),
    _lines("zeros after packed data", "zeros.jsonl.gz", lambda c: gzip.compress(c) + b"\0" * 512, "other bytes follow"),
    _lines("a plain file named .gz", "plain.jsonl.gz", bytes, "cannot be unpacked"),
    _lines("UTF-16", "utf16.jsonl", lambda content: content.decode().encode("utf-16"), "UTF-16"),
    _lines("UTF-32", "utf32.jsonl", lambda content: content.decode().encode("utf-32"), "UTF-32"),
]

PARQUET_FILES = [
    _orders("nested and Hive-style", "year=2025/order_id=evil/customer_id=c9/a.parquet"),
    _orders("a Parquet name with patterns", "we[ir]d *?{a}:b\\c.parquet"),
    _orders("a Parquet name in upper case", "UPPER.PARQUET"),
    _orders("a hidden Parquet file", ".a.parquet", outcome="hidden"),
    _orders("an unfinished Parquet file", "_temporary/a.parquet", outcome="hidden"),
    _orders("a Parquet file named .tmp", "a.parquet.tmp", outcome="ignored"),
    FileCase("a Parquet file without rows", "orders", "norows.parquet", _parquet([]), "kept", rows=0),
    _orders("a Parquet file of no bytes", "nothing.parquet", lambda content: b"", "it is empty"),
    _orders("magic bytes only", "magic.parquet", lambda content: b"PAR1PAR1", "no readable Parquet file"),
    _orders("four bytes", "four.parquet", lambda content: b"PAR1", "no readable Parquet file"),
    _orders(
        "a Parquet file cut short", "cut.parquet", lambda content: content[:-50], "no readable Parquet file", rows=9
    ),
    _orders("a Parquet file without its middle", "hole.parquet", lambda c: c[:50] + c[-600:], "Parquet file", rows=500),
    _orders(
        "text named .parquet", "text.parquet", lambda content: b"order_id,customer_id\n1,c1\n", "no readable Parquet"
    ),
]

FILE_CASES = [*TEXT_FILES, *PARQUET_FILES]
