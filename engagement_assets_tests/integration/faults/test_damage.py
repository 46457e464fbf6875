"""A published file that goes missing, is cut short or changes in place: readers name it, a refresh rebuilds what it held."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner

from engagement_assets.cli.app import app
from engagement_assets.domain.contracts import TABLES, EngagementScores, RawOrders, RejectedRows, Sessions
from engagement_assets.operations.refresh import carry_out
from engagement_assets.pipeline.rebuild_plan import make_plan
from engagement_assets_tests.worlds import World, failures

START, DAY, LAST = "2025-03-01", "2025-03-02", "2025-03-03"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, engine: object) -> World:
    """Three days of two customers; each test leaves it as it was."""
    world = World(tmp_path_factory.mktemp("shop"), options={"start_date": START})
    world.customers([{"customer_id": name, "signup_date": date(2025, 3, 1)} for name in "ab"])
    days = (START, DAY, LAST)
    world.orders([{"order_id": day, "customer_id": "a", "order_date": day, "order_amount": "1.00"} for day in days])
    world.events([{"customer_id": "b", "event_time": f"{day}T12:00:00Z"} for day in days])
    world.run(START, LAST)
    return world


def lost(place: Path) -> None:
    place.unlink()


def cut_short(place: Path) -> None:
    place.write_bytes(place.read_bytes()[:-100])


def flipped(place: Path) -> None:
    data = bytearray(place.read_bytes())
    for position in range(4, 600):
        data[position] ^= 0xFF
    place.write_bytes(data)


def one_bit_flipped(place: Path) -> None:
    """In the footer's statistics, where no reader stumbles."""
    data = bytearray(place.read_bytes())
    data[-40] ^= 1
    place.write_bytes(data)


WHAT: dict[Callable[[Path], None], str] = {
    lost: "is missing",
    cut_short: "bytes instead of",
    flipped: "its checksum is another",
}
ADVICE = "`engagement refresh --verify` builds what it held"


@pytest.mark.parametrize("damage", WHAT, ids=lambda damage: damage.__name__)
def test_readers_name_the_damaged_file_and_what_to_do(
    shop: World, damage: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command line reads with DuckDB, the run with the embedded engine."""
    for name in ("lake", "data", "start_date"):
        monkeypatch.setenv(f"ENGAGEMENT_{name.upper()}", str(getattr(shop.settings, name)))
    scores, sessions = (Path(shop.lake.files(table, [DAY])[0]) for table in (EngagementScores, Sessions))
    whole = {place: place.read_bytes() for place in (scores, sessions)}
    try:
        for place in whole:
            damage(place)
        shown = CliRunner().invoke(app, ["show", "engagement_scores", "--date", DAY])
        assert shown.exit_code == 1
        assert f"engagement_scores: {scores} " in shown.stderr
        for text in (WHAT[damage], ADVICE, f"({DAY})"):
            assert text in shown.stderr
        told = failures(shop.run(LAST, expect=False))
        for text in (f"sessions: {sessions} ", WHAT[damage], ADVICE):
            assert text in told
    finally:
        for place, data in whole.items():
            place.write_bytes(data)


def test_a_refresh_rebuilds_damaged_days_from_the_sources(shop: World) -> None:
    before = {name: shop.rows(name) for name in TABLES}
    damaged = {RawOrders: one_bit_flipped, Sessions: cut_short, EngagementScores: lost, RejectedRows: one_bit_flipped}
    partitions = {table: "orders" if table is RejectedRows else DAY for table in damaged}
    for table, damage in damaged.items():
        (file,) = [file for file in shop.lake.live_files(table) if file.partition == partitions[table]]
        damage(Path(shop.lake.path(table), file.path))
    planned = make_plan(shop.settings, shop.lake, verify=True)
    assert {found.contract: found.partition for found in planned.damaged} == partitions
    done = carry_out(shop.settings, shop.lake, planned, shop.instance)
    assert done.success, [run.failures for run in done.runs]
    assert {name: shop.rows(name) for name in TABLES} == before
    assert make_plan(shop.settings, shop.lake, verify=True).steps == ()
