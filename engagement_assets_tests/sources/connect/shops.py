"""Folders of other people's shops, small: what their files are called and how they spell things."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

Row = Mapping[str, Any]


def moment(number: int) -> datetime:
    """The time of a row: five hours and a minute after that of the row before, from 2024 on."""
    return datetime(2024, 1, 1) + number * timedelta(hours=5, minutes=1)


def rows(count: int, row: Callable[[int], Row]) -> list[Row]:
    """Rows by their numbers."""
    return [row(number) for number in range(count)]


def csv_text(of: Sequence[Row], delimiter: str = ",", header: bool = True) -> str:
    """Rows as CSV."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    if header:
        writer.writerow(of[0])
    writer.writerows(row.values() for row in of)
    return text.getvalue()


def json_lines(of: Sequence[Row]) -> str:
    """Rows as JSON lines."""
    return "".join(f"{json.dumps(row)}\n" for row in of)


def write(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    """Files into a folder; text is UTF-8."""
    for name, contents in files.items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(contents.encode() if isinstance(contents, str) else contents)
    return folder


def order_lines(row: int) -> Row:
    """A line of UCI's Online Retail as it was published: three lines an order, some without a customer, some returns."""
    order = row // 3
    when = moment(order)
    return {
        "InvoiceNo": f"C{536365 + order}" if order % 10 == 9 else str(536365 + order),
        "StockCode": f"8512{row % 7}A",
        "Description": "SET OF 3, £ 1 EACH" if row == 200 else "LANTERN",
        "Quantity": -1 if order % 10 == 9 else 1 + row % 5,
        "InvoiceDate": f"{when.month}/{when.day}/{when.year} {when.hour}:{when.minute:02}",
        "UnitPrice": 2.55,
        "CustomerID": "" if order % 5 == 0 else 17850 + order % 30,
        "Country": "United Kingdom" if order % 4 else "France",
    }
