"""Rows made up by lot, in every format, compression, delimiter, encoding and nesting: each is kept or rejected, and none is lost.

What is expected of a row is said by plain Python where it is made up. More shops: EXAMPLES=20 python -m pytest (this file).
"""

from __future__ import annotations

import bz2
import codecs
import csv
import gzip
import io
import json
import os
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from engagement_assets.engine import EngineResource
from engagement_assets_tests.worlds import World

DAY, ROWS = "2025-03-01", 40

#: Signs that formats use themselves, of several scripts, and what spreadsheets and shells take for something else.
SIGNS = [
    *"abzAZ019",
    *",;|\t\"'\\{}[]:#=+-%$",
    "ä",
    "ß",
    "€",
    "ж",
    "中",
    "😀",
    "\n",
    "\r\n",
    " ",
    "null",
    "NaN",
    "[]",
    '"",',
]

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Layout:
    """How a file is written: its name, its bytes, and the signs that it cannot hold."""

    name: str
    write: Callable[[Rows], bytes]
    cannot: str = ""


def as_csv(delimiter: str, encoding: str = "utf-8", mark: bytes = b"") -> Callable[[Rows], bytes]:
    def write(rows: Rows) -> bytes:
        text = io.StringIO()
        writer = csv.DictWriter(text, list(rows[0]), delimiter=delimiter, quoting=csv.QUOTE_ALL)
        writer.writeheader()
        writer.writerows(rows)
        return mark + text.getvalue().encode(encoding)

    return write


def as_lines(rows: Rows) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=len(row["nr"]) % 2 == 0) + "\n" for row in rows).encode()


def as_array(indent: int | None = None) -> Callable[[Rows], bytes]:
    return lambda rows: json.dumps(rows, indent=indent, ensure_ascii=False).encode()


def as_parquet(rows: Rows) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), sink, row_group_size=7)
    return sink.getvalue()


def packed(pack: Callable[[bytes], bytes], write: Callable[[Rows], bytes]) -> Callable[[Rows], bytes]:
    return lambda rows: pack(write(rows))


def zstd(content: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(content)
    return bytes(sink.getvalue())


LAYOUTS = (
    Layout("o.csv", as_csv(",")),
    Layout("o-semicolon.csv", as_csv(";", mark=codecs.BOM_UTF8)),
    Layout("o.tsv", as_csv("\t")),
    Layout("o.csv.gz", packed(gzip.compress, as_csv("|"))),
    Layout("o.csv.bz2", packed(bz2.compress, as_csv(","))),
    Layout("o.tsv.zst", packed(zstd, as_csv("\t"))),
    Layout("o.jsonl", as_lines),
    Layout("o.ndjson.gz", packed(gzip.compress, as_lines)),
    Layout("o.json", as_array()),
    Layout("o-pretty.json", as_array(2)),
    Layout("o.json.bz2", packed(bz2.compress, as_array(1))),
    Layout("o.json.zst", packed(zstd, as_array())),
    Layout("o.parquet", as_parquet),
)


#: CSV files and JSON documents in an encoding that the mapping names.
ENCODED = (
    Layout("e.csv", as_csv(";", "cp1252"), "ж中😀"),
    Layout("e.tsv.gz", packed(gzip.compress, as_csv("\t", "cp1252")), "ж中😀"),
    Layout("e.json", lambda rows: json.dumps(rows, ensure_ascii=False).encode("cp1252"), "ж中😀"),
    Layout("e.parquet", as_parquet),
)


#: Of several reasons to reject a row, the first of these is told.
FIRST_REASON = (
    *("missing_customer_id", "missing_date", "wrong_type", "outside_observation_window", "negative_amount"),
    "unknown_customer",
)


def order(lot: random.Random, number: int, layout: Layout) -> tuple[dict[str, Any], str | None]:
    """An order and what is expected of it: None where it is kept, else the reason."""
    signs = [sign for sign in SIGNS if not set(sign) & set(layout.cannot)]
    name = f"{layout.name}-{number}-" + "".join(lot.choices(signs, k=lot.randint(0, 9))) + "."
    who, nobody = lot.choice([("c", None)] * 3 + [("", "missing_customer_id"), ("x", "unknown_customer")])
    when, never = lot.choice(
        [
            (f"{DAY}T10:00:00Z", None),
            (f"{DAY} 23:59:59 UTC", None),
            (DAY, None),
            ("", "missing_date"),
            ("1999-01-01", "outside_observation_window"),
        ]
    )
    amount, bad = lot.choice(
        [("1.5", None), ("0", None), ("12", None), ("-3", "negative_amount"), ("ten", "wrong_type")]
    )
    reason = next((reason for reason in FIRST_REASON if reason in (nobody, never, bad)), None)
    return {"nr": name, "who": who, "when": when, "sum": amount}, reason


@pytest.mark.parametrize(("layouts", "encoding"), [(LAYOUTS, "utf-8"), (ENCODED, "cp1252")], ids=["utf-8", "cp1252"])
@pytest.mark.parametrize("seed", range(int(os.environ.get("EXAMPLES", "1"))))
def test_every_row_of_every_format_is_kept_or_rejected(
    tmp_path: Path, engine: EngineResource, seed: int, layouts: tuple[Layout, ...], encoding: str
) -> None:
    lot = random.Random(seed)
    mapping = tmp_path / "sources.toml"
    mapping.write_text(
        '[customers]\npath = "customers"\n[customers.columns]\ncustomer_id = "customer_id"\nsignup_date = "signup_date"\n'
        f'[orders]\npath = "orders"\nencoding = "{encoding}"\n[orders.columns]\norder_id = "nr"\ncustomer_id = "who"\n'
        'order_date = "when"\n'
        'order_amount = "sum"\n'
    )
    world = World(tmp_path, options={"start_date": DAY, "rejected_share_limit": 1.0, "sources": str(mapping)})
    world.customers([{"customer_id": "c"}])
    expected: dict[str, int] = {}
    kept = []
    for layout in layouts:
        rows = []
        for number in range(ROWS):
            row, reason = order(lot, number, layout)
            rows.append(row)
            if reason:
                expected[f"orders:{reason}"] = expected.get(f"orders:{reason}", 0) + 1
            else:
                kept.append(row["nr"])
        place = Path(world.settings.data, "orders", layout.name)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(layout.write(rows))
    result = world.run(DAY, tables=("raw_customers", "raw_orders"))
    found = {row["order_id"] for row in world.rows("raw_orders")}
    assert (sorted(found - set(kept)), sorted(set(kept) - found)) == ([], [])
    assert world.rejected() == expected
    account = world.metadata(result, "raw_orders")
    assert account["rows_read"] == ROWS * len(layouts)
    assert account["rows_kept"] + account["rows_rejected"] == ROWS * len(layouts)
