"""Files that come day by day: what a run reads of them only, gives what reading the whole source gives."""

from __future__ import annotations

import json
import random
import shutil
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from engagement_assets.domain.contracts import RawCustomers
from engagement_assets.engine import EngineResource
from engagement_assets.pipeline.rebuild_plan import make_plan
from engagement_assets.sources.incremental import last_read
from engagement_assets_tests.integration.test_invariants import SEEDS, NewWorld, new_world
from engagement_assets_tests.made_up_shop import DAYS, FIRST, Shop, shop_of
from engagement_assets_tests.worlds import Row, World

SOURCES = ("raw_customers", "raw_orders", "raw_web_events")

#: Types that leave room for what is wrong.
TEXT = {"order_amount": pa.string(), "customer_id": pa.string(), "order_id": pa.string()}

__all__ = ["new_world"]  # the fixture


def deliver(world: World, shop: Shop, delays: list[int], day: int) -> None:
    """Write what comes on a day, a file of each source that something comes of: each row as late as `delays` says, in turns."""

    def coming(rows: list[tuple[date | None, Any]]) -> list[Any]:
        return [
            row
            for n, (dated, row) in enumerate(rows)
            if max(((dated or FIRST) - FIRST).days + delays[n % len(delays)], 0) == day
        ]

    customers, orders, lines = coming([*shop.customers]), coming(shop.orders), coming(shop.lines)
    if customers or day == 0:
        world.customers(customers or [{"customer_id": None}], f"{day}.parquet", TEXT)
    if orders:
        world.orders(orders, f"{day}.parquet", TEXT)
    if lines:
        world.lines(lines, f"{day}.jsonl")


def found(world: World) -> dict[str, Any]:
    """Everything that is kept of the sources, or said of them."""
    tables: dict[str, Any] = {name: world.rows(name) for name in ("raw_orders", "raw_web_events", "rejected_rows")}
    for source in ("orders", "web_events"):
        read = last_read(world.lake, source)
        tables[source] = read and (read.account, read.basis.until)
    return tables


@pytest.mark.slow  # smaller: the files that came, below
@pytest.mark.parametrize("seed", SEEDS)
def test_files_that_come_day_by_day_give_what_all_files_give_at_once(new_world: NewWorld, seed: int) -> None:
    """Rows come early, in time or late, repeat each other, belong to customers who come later, or are wrong."""
    shop, lot = shop_of(seed), random.Random(seed)
    delays = [lot.randint(-1, 2) for _ in range(7)]
    daily, whole = new_world(), new_world()
    for day, name in enumerate(DAYS[:4]):
        deliver(daily, shop, delays, day)
        deliver(whole, shop, delays, day)
        daily.run(name, tables=SOURCES)
    whole.run(DAYS[0], DAYS[3], tables=SOURCES)
    assert found(daily) == found(whole)
    # Customers who came late are missing from earlier days until these are built again.
    assert set(make_plan(daily.settings, daily.lake).changed) <= {RawCustomers}


def order(number: int, customer: str, day: int, amount: str = "10.00") -> Row:
    return {
        "order_id": f"o{number}",
        "customer_id": customer,
        "order_date": FIRST + timedelta(days=day),
        "order_amount": amount,
    }


def event(customer: str, day: int, **more: str) -> str:
    return json.dumps(
        {"customer_id": customer, "event_time": f"{DAYS[day]}T12:00:00Z", "event_type": "page_view", **more}
    )


@pytest.fixture(scope="module")
def first_day(tmp_path_factory: pytest.TempPathFactory, engine: EngineResource) -> Path:
    """The sources and tables of a day on which one known customer ordered and browsed, and one who is not known."""
    world = World(tmp_path_factory.mktemp("first"), options={"start_date": FIRST, "rejected_share_limit": 1.0})
    world.customers([{"customer_id": "a", "signup_date": FIRST}], "0.parquet")
    world.orders([order(0, "a", 0), order(1, "b", 0)], "0.parquet")
    world.lines([event("a", 0, event_id="e0"), event("b", 0)], "0.jsonl")
    world.run(DAYS[0], tables=SOURCES)
    return world.root


@pytest.fixture
def new_day(first_day: Path, tmp_path_factory: pytest.TempPathFactory) -> NewWorld:
    """Makes worlds in which the first day was built, and nothing of the second has come yet."""

    def copied() -> World:
        root = tmp_path_factory.mktemp("second") / "world"
        for part in ("raw", "lake"):
            shutil.copytree(first_day / part, root / part)
        return World(root, options={"start_date": FIRST, "rejected_share_limit": 1.0})

    return copied


def examined(world: World, day: int = 1) -> tuple[int, ...]:
    """Files whose rows a run examines, source by source."""
    result = world.run(DAYS[day], tables=SOURCES)
    return tuple(world.metadata(result, asset)["source_files_examined"] for asset in SOURCES)


def test_a_run_examines_the_files_that_came_since(new_day: NewWorld) -> None:
    world = new_day()
    world.orders([order(2, "a", 1)], "1.parquet")
    world.lines([event("a", 1)], "1.jsonl")
    assert examined(world) == (0, 1, 1)
    assert [row["order_id"] for row in world.rows("raw_orders")] == ["o0", "o2"]
    assert world.rejected() == {"orders:unknown_customer": 1, "web_events:unknown_customer": 1}
    assert examined(world) == (0, 0, 0)


def test_rows_of_a_customer_who_comes_later_are_let_in_though_their_files_are_not_read_again(new_day: NewWorld) -> None:
    world = new_day()
    world.customers([{"customer_id": "b", "signup_date": FIRST}], "1.parquet")
    assert examined(world) == (2, 0, 0)
    assert [row["order_id"] for row in world.rows("raw_orders", DAYS[0])] == ["o0", "o1"]
    assert [row["customer_id"] for row in world.rows("raw_web_events", DAYS[0])] == ["a", "b"]
    assert world.rejected() == {}


def replaced_file(world: World) -> None:
    world.orders([order(0, "a", 0, "99.00"), order(1, "b", 0)], "0.parquet")


def lost_file(world: World) -> None:
    world.orders([order(0, "a", 0, "99.00")], "1.parquet")
    (world.root / "raw" / "orders" / "0.parquet").unlink()


def row_that_displaces(world: World) -> None:
    # The same id and day in a later file: that counts.
    world.orders([order(0, "a", 0, "29.00")], "1.parquet")


def row_of_an_earlier_file(world: World) -> None:
    world.orders([order(0, "a", 0, "9.00")], "-1.parquet")


@pytest.mark.slow  # smaller: the files that came, above
def test_where_rows_may_have_gone_the_whole_source_is_examined(new_day: NewWorld) -> None:
    for change, files, amount in (
        (replaced_file, 1, "99.00"),
        (lost_file, 1, "99.00"),
        (row_that_displaces, 2, "29.00"),
        (row_of_an_earlier_file, 2, "10.00"),
    ):
        world = new_day()
        change(world)
        assert examined(world) == (0, files, 0)
        assert [str(row["order_amount"]) for row in world.rows("raw_orders")] == [amount]
        assert set(world.rejected()) <= {"orders:unknown_customer", "web_events:unknown_customer"}


def test_a_customer_who_goes_takes_their_rows_along(new_day: NewWorld) -> None:
    world = new_day()
    world.customers([{"customer_id": "b", "signup_date": FIRST}], "0.parquet")
    assert examined(world) == (1, 1, 1)
    assert [row["order_id"] for row in world.rows("raw_orders", DAYS[0])] == ["o1"]
    assert [row["customer_id"] for row in world.rows("raw_web_events", DAYS[0])] == ["b"]


def test_rejected_rows_of_a_run_that_failed_are_not_there_twice(new_day: NewWorld) -> None:
    world = new_day()
    world.options["rejected_share_limit"] = 0.5
    world.orders([order(2, "a", 1), order(3, "a", 1, "-1"), order(4, "a", 1, "-1")], "1.parquet")
    world.run(DAYS[1], tables=SOURCES, expect=False)
    world.options["rejected_share_limit"] = 1.0
    world.run(DAYS[1], tables=SOURCES)
    assert world.rejected()["orders:negative_amount"] == 2
    assert [row["order_id"] for row in world.rows("raw_orders")] == ["o0", "o2"]


def test_what_is_remembered_and_damaged_is_not_believed(new_day: NewWorld) -> None:
    world = new_day()
    for place in (world.root / "lake" / ".last_read").glob("orders-*/*.parquet"):
        place.write_bytes(b"")
    assert examined(world) == (0, 1, 0)
    assert world.rejected() == {"orders:unknown_customer": 1, "web_events:unknown_customer": 1}


def test_what_186a7d4_remembered_is_believed(new_day: NewWorld) -> None:
    world = new_day()
    for source in ("customers", "orders", "web_events"):
        note = world.root / "lake" / ".last_read" / f"{source}.json"
        known = json.loads(note.read_text())
        basis, published = known.pop("basis"), known.pop("published")
        if source == "customers":
            known |= {"signature": f"{basis['files']}:{basis['code']}:{basis['until'] or ''}", "last_day": ""}
            known |= {"settings": "", "published": published["rejected"]}
        else:
            known["signature"] = f"{basis['files']}:{basis['customers']}:{basis['code']}"
            known |= {"last_day": basis["until"], "settings": basis["code"]}
            known["published"] = f"{published['rows']}:{published['rejected']}"
        note.write_text(json.dumps(known))
    world.orders([order(2, "a", 1)], "1.parquet")
    assert examined(world) == (0, 1, 0)
    assert [row["order_id"] for row in world.rows("raw_orders")] == ["o0", "o2"]


def test_a_note_that_nobody_understands_is_not_believed(new_day: NewWorld) -> None:
    world = new_day()
    for source in ("customers", "orders"):
        (world.root / "lake" / ".last_read" / f"{source}.json").write_text('{"basis": 7, "signature": "a"}')
    assert examined(world, 0) == (1, 1, 0)
