"""Shops whose files and columns have names of their own, with what `sources.toml` says of them; read by both engines."""

from __future__ import annotations

import bz2
import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from engagement_assets.engine import EngineResource
from engagement_assets.settings import Settings
from engagement_assets_tests.sources.kept import Kept, kept_rows

DAY, NEXT = "2025-03-30", "2025-03-31"

CUSTOMERS = """
[customers]
first_seen_in = ["orders"]
"""

LINES = (
    CUSTOMERS
    + """
[customers.columns]
country = "Country"
[orders]
path = "lines.csv"
lines = true
whole_number_ids = true
time_format = "%m/%d/%Y %H:%M"
[orders.columns]
order_id = "InvoiceNo"
customer_id = "CustomerID"
order_date = "InvoiceDate"
order_amount = "Quantity * UnitPrice"
"""
)

INVOICES = """InvoiceNo,Quantity,InvoiceDate,UnitPrice,CustomerID,Country
1,6,3/30/2025 8:26,2.555,17850,France
1,2,3/30/2025 8:28,0.005,17850,France
2,1,3/30/2025 9:00,4.25,,France
C3,-2,3/31/2025 9:00,2.00,12583,Spain
4,3,3/31/2025 10:00,1.10,12583,Spain
4,-1,3/31/2025 10:00,1.10,12583.0,Spain
5,x,3/31/2025 11:00,1.00,12583,Spain
5,1,3/31/2025 11:00,1.00,12583,Spain
6,1,13/31/2025 11:00,1.00,12583,Spain
7,1,3/31/2025
"""

_GERMAN = """[customers]
path = "crm/kunden.csv"
encoding = "cp1252"
time_format = "%d.%m.%Y"
[customers.columns]
customer_id = "Kundennummer"
signup_date = "angelegt am"
country = "Land"
email = "E-Mail"

[orders]
path = "shop/bestellungen-*.csv"
decimal = ","
timezone = "Europe/Berlin"
where = ['Status in ["bezahlt", "versandt"]', 'Nr not in ["T-1"]']
currency = { column = "Währung", rates = { EUR = 1, USD = 0.9 } }
[orders.columns]
order_id = "Nr"
customer_id = "kundennummer"
order_date = "Zeit"
order_amount = "Betrag"

[web_events]
path = ["tracking"]
time_format = "epoch_ms"
where = ['type == "track"']
event_types = { "Product Viewed" = "page_view", "Order Completed" = "checkout" }
[web_events.columns]
customer_id = "userId"
event_time = "context.sent.at"
event_type = "event"
event_id = "messageId"
"""


def a_german_shop() -> tuple[str, dict[str, bytes]]:
    """Semicolons, tabs, cp1252, decimal commas, a currency, clock times of Berlin, JSON documents with epochs within."""
    lines = [
        "Nr\tkundennummer\tZeit\tBetrag\tWährung\tStatus",
        "b1\t7\t2025-03-31 00:30:00\t1.234,50 €\tEUR\tbezahlt",  # in Berlin: 22:30 UTC of the day before
        "b2\t7\t2025-03-31T00:30:00+00:00\t10,00\tUSD\tversandt",
        "b3\t7\t2025-03-31 12:00\t5,00\tCHF\tbezahlt",
        "b4\t7\t2025-03-31 12:00\t5,00\tEUR\tstorniert",
        "T-1\t7\t2025-03-31 12:00\t5,00\tEUR\tbezahlt",
        "b5\t7\tgestern\t5,00\tEUR\tbezahlt",
    ]

    def event(number: int, name: str, at: Any, **more: Any) -> dict[str, Any]:
        return {
            "type": "track",
            "event": name,
            "userId": 7,
            "messageId": f"m{number}",
            "context": {"sent": {"at": at}},
            **more,
        }

    noon = int(datetime(2025, 3, 31, 12, tzinfo=UTC).timestamp() * 1000)
    events = [
        event(1, "Product Viewed", noon),
        event(2, "Order Completed", noon + 500),
        event(3, "Wished", f"{noon}"),
        event(4, "Product Viewed", "soon"),
        event(5, "Product Viewed", None),
        event(6, "Page", noon, type="page"),
    ]
    return _GERMAN, {
        "crm/kunden.csv": "Kundennummer;E-Mail;angelegt am;Land\n7;a@x.example;05.01.2025;Österreich\n".encode(
            "cp1252"
        ),
        "shop/bestellungen-1.csv": "\n".join(lines).encode(),
        "shop/andere.csv": b"nothing,here\n1,2\n",
        "tracking/day.json": json.dumps(events, indent=1).encode(),
        "tracking/more.jsonl.bz2": bz2.compress(json.dumps(event(7, "Product Viewed", noon)).encode()),
    }


def read_mapped(root: Path, engine: EngineResource) -> dict[str, Kept]:
    """What an engine keeps of each shop."""
    shops = {"german": a_german_shop(), "lines": (LINES, {"lines.csv": INVOICES.encode()})}
    found = {}
    for name, (toml, files) in shops.items():
        for file, content in files.items():
            place = root / name / "raw" / file
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
        (root / name / "sources.toml").write_text(toml, encoding="utf-8")
        settings = Settings(
            data=str(root / name / "raw"),
            lake=str(root / name / "lake"),
            sources=str(root / name / "sources.toml"),
            start_date=date(2025, 3, 30),
        )
        found[name] = kept_rows(settings, engine)
    return found
