"""A small shop of a week, made up by lot: good and bad rows mixed, customers and orders and events and contacts.

The activity window is two days, so that windows begin, end and overlap within the week.
"""

from __future__ import annotations

import json
import random
from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import pyarrow as pa

from engagement_assets.domain.campaign_policy import AUDIENCES
from engagement_assets_tests.worlds import Row, World

FIRST = date(2025, 3, 1)
DAYS = [(FIRST + timedelta(days=n)).isoformat() for n in range(7)]
CUSTOMERS = 12
OPTIONS: dict[str, Any] = {
    "start_date": FIRST.isoformat(),
    "scoring": {"activity_window_days": 2},
    "campaigns": {"holdout_share": 0.5},
    "results": {"horizons": (1, 2), "window_days": 3, "again_after_days": 2},
    "rejected_share_limit": 1.0,
}

AMOUNTS = ("0", "1.50", "20", "333.33", "-5", "NaN", "x", None)
EVENT_TYPES = ("page_view", "add_to_cart", "checkout", "search")
CAMPAIGNS = (*(rule.name for rule in AUDIENCES), "newsletter", None)
BROKEN = ("", "  ", "{", "[]", '{"a":1}{"b":2}', '{"customer_id":"c1"}')


@dataclass
class Shop:
    """Source rows with the day each is dated; None for rows that have no date. Every shop has contacts."""

    customers: list[tuple[date, Row]]
    orders: list[tuple[date | None, Row]]
    lines: list[tuple[date | None, str]]
    contacts: list[tuple[date, Row]]

    def until(self, day: date) -> Shop:
        """The shop as the sources would have told of it on a day."""
        return Shop(
            [row for row in self.customers if row[0] <= day],
            [row for row in self.orders if row[0] is None or row[0] <= day],
            [row for row in self.lines if row[0] is None or row[0] <= day],
            [row for row in self.contacts if row[0] <= day],
        )

    def write(self, world: World, order: random.Random | None = None, files: int = 1) -> None:
        """Write the sources, into so many files each, the rows within each shuffled if asked.

        Orders of one id keep their order: of what repeats an id, the later one counts.
        """

        def shuffled(rows: list[Any]) -> list[Any]:
            if order is None:
                return rows
            mixed = order.sample(rows, len(rows))
            of_id: dict[Any, list[Any]] = defaultdict(list)
            for row in rows:
                of_id[_id_of(row)].append(row)
            return [of_id[_id_of(row)].pop(0) for row in mixed]

        text = {"order_amount": pa.string(), "customer_id": pa.string(), "order_id": pa.string()}
        for n in range(files):
            customers, orders = shuffled(self.customers[n::files]), shuffled(self.orders[n::files])
            world.customers([row for _, row in customers] or [{"customer_id": None}], f"{n}.parquet", text)
            if orders:
                world.orders([row for _, row in orders], f"{n}.parquet", text)
            world.lines([line for _, line in shuffled(self.lines[n::files])], f"{n}.jsonl")
            contacts = self.contacts[n::files]
            if contacts:
                mixed = random.Random(n).sample(contacts, len(contacts)) if order else contacts
                world.parquet("contacts", f"{n}.parquet", [row for _, row in mixed])


def _id_of(row: tuple[date | None, Row | str]) -> Any:
    """What a later row of a file repeats; events have no such order, and each stands for itself."""
    return row[1].get("order_id", row[1]["customer_id"]) if isinstance(row[1], dict) else row[1]


def at(minute: int) -> datetime:
    return datetime(2025, 3, 1) + timedelta(minutes=minute)


def shop_of(seed: int) -> Shop:
    """A shop made up by lot."""
    lot = random.Random(seed)

    def customer() -> str:
        return f"c{lot.randint(0, CUSTOMERS)}"  # the last is in no customers file

    def when() -> datetime:
        return at(lot.randint(-600, 7 * 24 * 60 - 1))  # a few before the first partition

    def order() -> tuple[date, Row]:
        time = when()
        found = {"order_id": f"o{lot.randint(0, 60)}", "customer_id": customer(), "order_date": time}
        return time.date(), {**found, "order_amount": lot.choice(AMOUNTS)}

    def event() -> tuple[date, str]:
        time, number = when(), lot.randint(0, 90)
        found = {"customer_id": customer(), "event_time": f"{time}Z", "event_type": lot.choice(EVENT_TYPES)}
        return time.date(), json.dumps(found | ({"event_id": f"e{number}"} if number < 60 else {}))

    def contact() -> tuple[date, Row]:
        time = when()
        found = {"customer_id": customer(), "contacted_at": time, "campaign": lot.choice(CAMPAIGNS)}
        return time.date(), {**found, "channel": lot.choice(("e-mail", None))}

    signups = [FIRST + timedelta(days=lot.randint(-3, 6)) for _ in range(CUSTOMERS)]
    return Shop(
        [(day, {"customer_id": f"c{i}", "signup_date": day}) for i, day in enumerate(signups)],
        [order() for _ in range(lot.randint(60, 120))],
        [*(event() for _ in range(lot.randint(100, 200))), *((None, lot.choice(BROKEN)) for _ in range(8))],
        [row for _ in range(200) for row in [contact()] * lot.choice((1, 1, 2))],
    )
