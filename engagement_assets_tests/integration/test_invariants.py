"""The invariants, on sources that are made up by lot: no leakage, range = days, conservation, order of files.

One example is a shop of `made_up_shop.py`. Each costs several runs, so there are few of them, with many rows each; more are
asked for with `EXAMPLES=20 python -m pytest engagement_assets_tests/integration/test_invariants.py`. A failing one is named by
its seed.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from datetime import date

import dagster as dg
import pytest

from engagement_assets.domain.catalogue import daily_tables
from engagement_assets.domain.sources import SOURCES
from engagement_assets_tests.made_up_shop import CUSTOMERS, DAYS, OPTIONS, shop_of
from engagement_assets_tests.worlds import Row, World

SEEDS = range(int(os.environ.get("EXAMPLES", "1")))

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
