"""An independent reading of DESIGN: which rows of the raw files count, in plain Python, row by row.

Nothing of the product is used but the settings' defaults, which are repeated here by hand. It is slow and simple on purpose.
"""

from __future__ import annotations

import gzip
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

UTC = UTC
LARGEST_AMOUNT = 10**12

#: Sorts after every address.
LAST = "\U0010ffff"

#: The columns of what counts, in the order of its rows.
CUSTOMERS = ("customer_id", "signup_date", "country", "email")
ORDERS = ("order_id", "customer_id", "order_date", "order_amount")
EVENTS = ("customer_id", "event_time", "event_type", "event_id")


@dataclass
class Cleaned:
    """The rows of the sources that count, in UTC days, and what became of the others, as `source:reason`."""

    customers: dict[str, tuple[date, str, str | None]] = field(default_factory=dict)
    orders: list[tuple[str, str, datetime, Decimal]] = field(default_factory=list)
    events: list[tuple[str, datetime, str, str | None]] = field(default_factory=list)
    rejected: Counter[str] = field(default_factory=Counter)
    superseded: Counter[str] = field(default_factory=Counter)

    def settle(self, source: str, rows: list[tuple[Any, ...]]) -> tuple[Any, ...]:
        """Of rows with one identifier the first by what they say; others that say something else are rejected."""
        first = min(rows)
        if conflicts := sum(row != first for row in rows):
            self.rejected[f"{source}:conflicting_duplicate"] += conflicts
        return first

    def settle_files(self, source: str, rows: list[tuple[Any, ...]], day: date) -> tuple[Any, ...]:
        """Of rows (file, what they say) of one identifier, in the order of the files, the last one of its earliest day counts.

        Rows before it that say something else are superseded; those after it, which are of later days, are rejected.
        """
        last = max(number for number, row in enumerate(rows) if as_day(row[1]) == day)
        counts = rows[last][1:]
        self.superseded[source] += sum(row[1:] != counts for row in rows[:last])
        self.rejected[f"{source}:conflicting_duplicate"] += sum(row[1:] != counts for row in rows[last:])
        self.rejected += Counter()  # without zeros
        return counts

    def write(self, root: Path) -> None:
        """Write the rows as sources, a file each."""
        customers = [(name, *row) for name, row in self.customers.items()]
        for source, names, rows in (("customers", CUSTOMERS, customers), ("orders", ORDERS, self.orders)):
            (root / source).mkdir(parents=True)
            table = pa.table(
                {name: pa.array(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)}
            )
            pq.write_table(table, root / source / "rows.parquet")
        lines = (
            json.dumps(dict(zip(EVENTS, row, strict=True)), default=lambda when: when.isoformat())
            for row in self.events
        )
        (root / "web_events").mkdir()
        (root / "web_events" / "rows.jsonl").write_text("\n".join(lines), encoding="utf-8")


def as_day(value: date) -> date:
    """The day of a date or of an instant."""
    return value.date() if isinstance(value, datetime) else value


def as_id(value: Any) -> str | None:
    """An identifier as text; integers digit for digit, whole floats without their fraction."""
    if value is None:
        return None
    if isinstance(value, float):
        return str(int(value)) if value == int(value) else None
    return str(value).strip(" ") or None


def as_instant(value: Any) -> datetime | None:
    """A date, a time or its ISO text as an instant; without an offset it is in UTC, the default business zone."""
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    try:
        return as_instant(datetime.fromisoformat(str(value).strip(" ").replace("Z", "+00:00")))
    except ValueError:
        return None


def as_money(value: Any) -> Decimal | str:
    """An amount in cents, rounded half up, or the reason why it is none."""
    try:
        amount = Decimal(repr(value) if isinstance(value, float) else str(value).strip(" "))
    except InvalidOperation:
        return "wrong_type"
    if not amount.is_finite():
        return "not_a_number"
    cents = amount.quantize(Decimal("0.01"), ROUND_HALF_UP)
    return cents if abs(cents) < Decimal(10) ** 16 else "wrong_type"


def parquet_rows(folder: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """The rows of every Parquet file below a folder, each with the place of its file among the files' names."""
    paths = sorted(
        folder.rglob("*.parquet"),
        key=lambda path: [int(p) if p.isdigit() else p for p in re.split(r"([0-9]+)", str(path))],
    )
    for number, path in enumerate(paths):
        for row in pq.ParquetFile(path).read().to_pylist():
            yield number, row


def lines(folder: Path) -> Iterator[str]:
    """The lines of every text file below a folder, packed ones unpacked."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            packed = path.read_bytes()
            text = (gzip.decompress(packed) if path.suffix == ".gz" else packed).decode("utf-8")
            yield from text.removesuffix("\n").split("\n")


def read_sources(root: Path, start: date, today: date) -> Cleaned:
    """Every row of the three sources, judged one by one."""
    out = Cleaned()
    candidates: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
    for file, row in parquet_rows(root / "customers"):
        customer, signup = as_id(row["customer_id"]), as_instant(row["signup_date"])
        if customer is None:
            out.rejected["customers:missing_customer_id"] += 1
        elif row["signup_date"] is None or str(row["signup_date"]).strip(" ") == "":
            out.rejected["customers:missing_date"] += 1
        elif signup is None:
            out.rejected["customers:wrong_type"] += 1
        elif not date(1900, 1, 1) <= signup.date() <= today:
            out.rejected["customers:outside_observation_window"] += 1
        else:
            country = (row["country"] or "").strip(" ") or "unknown"
            candidates[customer].append((file, signup.date(), country, row["email"] or LAST))
    for customer, rows in candidates.items():
        *first, email = out.settle_files("customers", rows, min(row[1] for row in rows))
        out.customers[customer] = *first, None if email == LAST else email
    _read_orders(root, start, today, out)
    _read_events(root, start, today, out)
    return out


def _read_orders(root: Path, start: date, today: date, out: Cleaned) -> None:
    candidates: dict[str, list[tuple[int, datetime, Decimal, str]]] = defaultdict(list)
    for file, row in parquet_rows(root / "orders"):
        order, customer, when = as_id(row["order_id"]), as_id(row["customer_id"]), as_instant(row["order_date"])
        amount = as_money(row["order_amount"])
        if order is None:
            reason = "missing_order_id"
        elif customer is None:
            reason = "missing_customer_id"
        elif row["order_date"] is None or str(row["order_date"]).strip(" ") == "":
            reason = "missing_date"
        elif when is None:
            reason = "wrong_type"
        elif isinstance(amount, str):
            reason = amount
        elif not start <= when.date() <= today:
            reason = "outside_observation_window"
        elif amount < 0:
            reason = "negative_amount"
        elif amount > LARGEST_AMOUNT:
            reason = "amount_too_large"
        else:
            candidates[order].append((file, when, amount, customer))
            continue
        out.rejected[f"orders:{reason}"] += 1
    for order, rows in candidates.items():
        when, amount, customer = out.settle_files("orders", rows, min(row[1].date() for row in rows))
        if customer in out.customers:
            out.orders.append((order, customer, when, amount))
        else:
            out.rejected["orders:unknown_customer"] += 1


def _read_events(root: Path, start: date, today: date, out: Cleaned) -> None:
    candidates: dict[tuple[date, str], list[tuple[datetime, str, str]]] = defaultdict(list)
    kept: list[tuple[datetime, str, str, str | None]] = []
    for line in lines(root / "web_events"):
        text = line.removeprefix("\ufeff").strip(" \t\r\n")
        if not text:
            continue
        try:
            row = json.loads(text, parse_float=str, parse_int=str)
        except ValueError:
            row = None
        if not isinstance(row, dict):
            out.rejected["web_events:malformed_json"] += 1
            continue
        customer, when, kind = as_id(row.get("customer_id")), row.get("event_time"), as_id(row.get("event_type"))
        instant = as_instant(when)
        if customer is None:
            reason = "missing_customer_id"
        elif when is None or str(when).strip(" ") == "":
            reason = "missing_date"
        elif instant is None or kind is None:
            reason = "wrong_type"
        elif not start <= instant.date() <= today:
            reason = "outside_observation_window"
        else:
            event = as_id(row.get("event_id"))
            if event is None:
                kept.append((instant, customer, kind, None))
            else:
                candidates[instant.date(), event].append((instant, customer, kind))
            continue
        out.rejected[f"web_events:{reason}"] += 1
    kept += [(*out.settle("web_events", rows), event) for (_, event), rows in candidates.items()]
    for instant, customer, kind, event in kept:
        if customer in out.customers:
            out.events.append((customer, instant, kind, event))
        else:
            out.rejected["web_events:unknown_customer"] += 1
