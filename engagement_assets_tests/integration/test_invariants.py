"""The invariants, on sources that are made up by lot: no leakage, range = days, conservation, order of files.

One example is a small shop of a week, good and bad rows mixed; the activity window is two days, so that windows begin, end
and overlap within it. Each costs several runs, so there are few of them, with many rows each; more are asked for with
`EXAMPLES=20 python -m pytest engagement_assets_tests/integration/test_invariants.py`. A failing one is named by its seed.
"""

from __future__ import annotations

import json
import os
import random
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import dagster as dg
import pyarrow as pa
import pytest

from engagement_assets.domain.campaign_policy import AUDIENCES, CampaignPolicy
from engagement_assets.domain.catalogue import daily_tables
from engagement_assets.domain.results_policy import ResultsPolicy
from engagement_assets.domain.scoring_policy import ScoringPolicy
from engagement_assets.domain.sources import SOURCES
from engagement_assets_tests.worlds import Row, World

FIRST = date(2025, 3, 1)
DAYS = [(FIRST + timedelta(days=n)).isoformat() for n in range(7)]
CUSTOMERS = 12
OPTIONS = {
    "start_date": FIRST,
    "scoring": ScoringPolicy(activity_window_days=2),
    "campaigns": CampaignPolicy(holdout_share=0.5),
    "results": ResultsPolicy(horizons=(1, 2), window_days=3, again_after_days=2),
    "rejected_share_limit": 1.0,
}

SEEDS = range(int(os.environ.get("EXAMPLES", "1")))
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


NewWorld = Callable[[], World]


@pytest.fixture
def new_world(tmp_path_factory: pytest.TempPathFactory, engine: object) -> NewWorld:
    """Makes empty worlds, as many as an example needs."""
    return lambda: World(tmp_path_factory.mktemp("shop"), options=dict(OPTIONS))


def snapshots(world: World, days: list[str], leave_out: tuple[str, ...] = ()) -> dict[tuple[str, str], list[Row]]:
    """The rows of every daily table and day."""
    tables = [table.table() for table in daily_tables(SOURCES) if table.table() not in leave_out]
    return {(name, day): world.rows(name, day) for name in tables for day in days}


@pytest.mark.parametrize("seed", SEEDS)
def test_rows_dated_after_a_day_change_nothing_of_it(new_world: NewWorld, seed: int) -> None:
    """What was known on the fourth day, from sources that end there and from sources that go on for three more days.

    A customer who signs up later, but ordered or browsed before, is the one exception: until then the facts have nobody to
    belong to and are rejected, later they are facts of their day. No snapshot of a customer changes by it.
    """
    shop, known, day = shop_of(seed), new_world(), date(2025, 3, 4)
    shop.until(day).write(known)
    known.run(DAYS[0], day.isoformat())
    later = new_world()
    shop.write(later)
    later.run(DAYS[0], day.isoformat())
    facts = ("raw_orders", "raw_web_events", "raw_contacts", "sessions")
    assert snapshots(later, DAYS[:4], facts) == snapshots(known, DAYS[:4], facts)
    signed_up = {row["customer_id"] for row in known.rows("raw_customers", day.isoformat())}

    def of_them(world: World) -> dict[tuple[str, str], list[Row]]:
        return {
            (table, key): [row for row in world.rows(table, key) if row["customer_id"] in signed_up]
            for table in facts
            for key in DAYS[:4]
        }

    assert of_them(later) == of_them(known)
    # Nor does building the later days.
    before = snapshots(later, DAYS[:4])
    later.run(DAYS[4], DAYS[6])
    assert snapshots(later, DAYS[:4]) == before


@pytest.mark.parametrize("seed", SEEDS)
def test_a_range_gives_what_single_days_give_in_any_order_and_rows_in_any_order(new_world: NewWorld, seed: int) -> None:
    shop, ranged, lot = shop_of(seed), new_world(), random.Random(seed)
    ranged.options["chunk_rows"] = 2 * CUSTOMERS  # some days are computed together, others are not
    shop.write(ranged, files=3)
    ranged.run(DAYS[0], DAYS[3])
    daily = new_world()
    shop.write(daily, order=lot, files=3)
    for number in lot.sample(range(4), 4):
        daily.run(DAYS[number])
    expected = snapshots(ranged, DAYS[:4])
    reached = [row["treated_reached"] for row in expected["campaign_results", DAYS[3]]]
    assert any(reached)
    assert snapshots(daily, DAYS[:4]) == expected
    assert daily.rejected() == ranged.rejected()
    ranged.run(DAYS[1], DAYS[2])
    assert snapshots(ranged, DAYS[:4]) == expected


@pytest.mark.parametrize("seed", SEEDS)
def test_every_row_read_is_kept_rejected_repeated_blank_or_waiting(new_world: NewWorld, seed: int) -> None:
    shop, world, last = shop_of(seed), new_world(), random.Random(seed).randint(0, 6)
    shop.write(world)
    result = world.run(DAYS[0], DAYS[last])
    rejected = world.rejected()
    written = {"raw_customers": len(shop.customers), "raw_orders": len(shop.orders), "raw_contacts": len(shop.contacts)}
    written["raw_web_events"] = len(shop.lines)
    for asset, rows in written.items():
        source = asset.removeprefix("raw_")
        account = world.metadata(result, asset)
        assert account["rows_read"] == rows
        assert account["rows_rejected"] == sum(n for key, n in rejected.items() if key.startswith(f"{source}:"))
        assert rows == sum(
            account[name]
            for name in (
                "rows_kept",
                "rows_rejected",
                "duplicates_removed",
                "superseded_rows",
                "blank_lines",
                "rows_waiting_for_their_day",
            )
        )
        if source != "customers":
            assert account["rows_kept"] == len(world.rows(asset))
    assert account["blank_lines"] == sum(not line.strip() for _, line in shop.lines)
    dates = [day for day, _ in shop.lines if day is not None]
    assert account["rows_waiting_for_their_day"] == sum(day > date.fromisoformat(DAYS[last]) for day in dates)


def test_the_run_is_a_dagster_run(new_world: NewWorld) -> None:
    """The properties above speak of what Dagster executes, not of functions called by hand."""
    world = new_world()
    world.customers([{"customer_id": "a"}])
    result = world.run(DAYS[0])
    assert world.instance.get_run_by_id(result.run_id).status == dg.DagsterRunStatus.SUCCESS  # type: ignore[union-attr]
