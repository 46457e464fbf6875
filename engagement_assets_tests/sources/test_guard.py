"""Absence is not evidence: what is no longer found stops the run before it writes, and goes on only when that is said by name."""

from __future__ import annotations

import gzip
import json
import os
import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from engagement_assets.analysis.monitoring.look import Look
from engagement_assets.analysis.monitoring.monitors import row_count
from engagement_assets.definitions import build_definitions
from engagement_assets.domain.contracts import RawOrders
from engagement_assets.pipeline.arrivals import EXAMINE_JOB, is_new, listing
from engagement_assets.pipeline.rebuild_plan import make_plan
from engagement_assets.sources.finding import SourcesResource
from engagement_assets.sources.guard import SourceMissingError
from engagement_assets_tests.worlds import Row, World, failures

DAY = "2025-03-31"
FACTS = ("raw_customers", "raw_orders", "raw_web_events")


def order(number: int) -> Row:
    return {"order_id": f"o{number}", "customer_id": "c", "order_date": DAY, "order_amount": "10.00"}


@pytest.fixture(scope="module")
def read_once(tmp_path_factory: pytest.TempPathFactory, engine: object) -> Path:
    """Sources and tables: a customer, three orders in three files of two folders, two events; read once."""
    world = World(tmp_path_factory.mktemp("read"), options={"start_date": date(2025, 3, 31)})
    world.customers([{"customer_id": "c"}])
    world.orders([order(1)], "one/1.parquet")
    world.orders([order(2)], "two/2.parquet")
    world.orders([order(3)], "two/3.parquet")
    world.events([{"customer_id": "c", "event_time": f"{DAY}T10:0{n}:00Z", "event_id": f"e{n}"} for n in (1, 2)])
    world.run(DAY, tables=FACTS)
    return world.root


@pytest.fixture
def shop(read_once: Path, world: World) -> World:
    """A copy of that shop, to change."""
    for part in ("raw", "lake"):
        shutil.copytree(read_once / part, world.root / part)
    world.options["start_date"] = date(2025, 3, 31)
    return world


def published(world: World) -> list[list[Row]]:
    return [world.rows(table) for table in FACTS]


def folder(world: World, source: str) -> Path:
    return Path(world.settings.data, source)


def moved_away(world: World) -> None:
    folder(world, "orders").rename(world.root / "away")


def emptied(world: World) -> None:
    shutil.rmtree(folder(world, "orders"))
    folder(world, "orders").mkdir()


def one_file_less(world: World) -> None:
    (folder(world, "orders") / "one" / "1.parquet").unlink()


def one_file_less_and_another_more(world: World) -> None:
    one_file_less(world)
    world.orders([order(4)], "two/4.parquet")


def one_of_a_folder_less_and_another_more(world: World) -> None:
    (folder(world, "orders") / "two" / "2.parquet").unlink()
    world.orders([order(4)], "two/4.parquet")


def one_file_empty(world: World) -> None:
    (folder(world, "orders") / "one" / "1.parquet").write_bytes(b"")


def one_file_cut_short(world: World) -> None:
    file = folder(world, "orders") / "two" / "2.parquet"
    file.write_bytes(file.read_bytes()[:-9])


def another_kind(world: World) -> None:
    emptied(world)
    (folder(world, "orders") / "orders.csv").write_text("order_id\n1\n")


def a_link_to_nowhere(world: World) -> None:
    shutil.rmtree(folder(world, "orders") / "two")
    (folder(world, "orders") / "two").symlink_to(world.root / "not mounted")


def the_folder_is_a_link_to_nowhere(world: World) -> None:
    moved_away(world)
    folder(world, "orders").symlink_to(world.root / "not mounted")


def most_rows_less(world: World) -> None:
    for name in ("two/2", "two/3"):
        world.orders([{**order(9), "customer_id": "nobody"}], f"{name}.parquet")


ABSENCES: list[tuple[Callable[[World], None], str]] = [
    (moved_away, "there is no file that ends in .parquet, .csv, .* in .*orders, and 3 file.s. were read before"),
    (emptied, "there is no file that ends in .parquet, .csv, .* in .*orders, and 3 file.s. were read before"),
    (one_file_less, "1 of 3 file.s. that were read before are gone: orders/one/1.parquet"),
    (one_file_less_and_another_more, "1 of 3 .* are gone, and no other took their place: orders/one/1.parquet"),
    (one_of_a_folder_less_and_another_more, "1 of 3 .* are gone, and no other took their place: orders/two/2.parquet"),
    (one_file_empty, "1 of 3 file.s. that were read before are empty now: orders/one/1.parquet"),
    (one_file_cut_short, "1 file.s. that were read before cannot be read any more .orders/two/2.parquet: no readable"),
    (another_kind, "3 of 3 file.s. that were read before are gone"),
    (a_link_to_nowhere, "orders/two is a link that leads nowhere"),
    (the_folder_is_a_link_to_nowhere, "orders is a link that leads nowhere"),
    (most_rows_less, "1 rows would be left of the 3 that are published, 67% fewer .ENGAGEMENT_MISSING_SHARE_LIMIT"),
]


@pytest.mark.parametrize(("absence", "said"), ABSENCES, ids=[absence.__name__ for absence, _ in ABSENCES])
def test_less_than_before_stops_a_run_and_an_examination_before_they_write(
    shop: World, absence: Callable[[World], None], said: str
) -> None:
    shop.options["rejected_share_limit"] = 1.0
    before = published(shop)
    absence(shop)
    stopped = failures(shop.run(DAY, tables=FACTS, expect=False))
    with pytest.raises(SourceMissingError, match=said) as error:
        make_plan(shop.settings, shop.lake)
    assert "`--accept-missing orders`, or with `accept_missing: [orders]` in the config" in str(error.value)
    assert str(error.value) in stopped
    assert published(shop) == before


def test_where_one_source_is_missing_nothing_of_the_others_is_written(shop: World) -> None:
    before = published(shop)
    shop.customers([{"customer_id": "new", "signup_date": date(2025, 1, 1)}], "more.parquet")
    moved_away(shop)
    assert "3 file(s) were read before" in failures(shop.run(DAY, tables=FACTS, expect=False))
    assert published(shop) == before
    # Who asks for customers alone gets them.
    shop.run(DAY, tables=["raw_customers"])
    assert "new" in shop.by_customer("raw_customers", DAY)


def test_what_is_meant_goes_on_once_and_what_comes_back_is_noticed(shop: World) -> None:
    before = published(shop)
    examined = build_definitions(shop.settings).resolve_job_def(EXAMINE_JOB).execute_in_process(instance=shop.instance)
    assert examined.success
    assert not is_new(shop.lake, listing(shop.settings))
    moved_away(shop)
    shop.run(DAY, tables=FACTS, accept_missing=["orders"])
    assert [len(rows) for rows in published(shop)] == [1, 0, 2]
    told = row_count(Look(shop.lake, shop.settings, RawOrders, [DAY]), DAY)
    assert (told.grade, told.words) == ("error", "0 rows, -100% against the 3 before the run that wrote last")
    shop.run(DAY, tables=FACTS)
    assert not is_new(shop.lake, listing(shop.settings))
    (shop.root / "away").rename(folder(shop, "orders"))
    assert is_new(shop.lake, listing(shop.settings))
    shop.run(DAY, tables=FACTS)
    assert published(shop) == before


def renamed(world: World) -> None:
    (folder(world, "orders") / "one" / "1.parquet").rename(folder(world, "orders") / "renamed.parquet")


def a_folder_written_anew(world: World) -> None:
    shutil.rmtree(folder(world, "orders") / "two")
    world.orders([order(2)], "two/part-1.parquet")
    world.orders([order(3)], "two/part-2.parquet")


def packed(world: World) -> None:
    lines = folder(world, "web_events") / "events.jsonl"
    (lines.parent / "events.jsonl.gz").write_bytes(gzip.compress(lines.read_bytes()))
    lines.unlink()


@pytest.mark.parametrize("change", [renamed, a_folder_written_anew, packed])
def test_rows_that_are_elsewhere_are_no_absence(shop: World, change: Callable[[World], None]) -> None:
    before = published(shop)
    change(shop)
    shop.run(DAY, tables=FACTS)
    assert published(shop) == before


def test_a_link_to_a_folder_is_followed_and_a_circle_is_left(shop: World) -> None:
    before = published(shop)
    moved_away(shop)
    folder(shop, "orders").symlink_to(shop.root / "away")
    (shop.root / "away" / "one" / "back").symlink_to(shop.root / "away")
    shop.run(DAY, tables=FACTS)
    assert published(shop) == before


def test_only_files_of_other_kinds_stop_a_first_run_too_and_no_web_events_at_all_do_not(world: World) -> None:
    world.options["start_date"] = date(2025, 3, 31)
    world.customers([{"customer_id": "c"}])
    world.orders([order(1)])
    world.run(DAY, tables=FACTS)
    (folder(world, "web_events")).mkdir()
    (folder(world, "web_events") / "part-0000.json.lz4").write_bytes(b"")
    assert "but 1 other(s): 1 of .json.lz4" in failures(world.run(DAY, tables=FACTS, expect=False))


def test_an_iceberg_table_and_a_delta_table_that_asks_too_much_are_refused(world: World) -> None:
    world.customers([{"customer_id": "c"}])
    (folder(world, "orders") / "metadata").mkdir(parents=True)
    (folder(world, "orders") / "metadata" / "v1.metadata.json").write_text("{}")
    assert "orders is an Iceberg table" in failures(world.run(DAY, tables=FACTS, expect=False))
    shutil.rmtree(folder(world, "orders"))
    rows = pa.table({name: [value] for name, value in order(1).items()})
    write_deltalake(folder(world, "orders"), rows, configuration={"delta.enableDeletionVectors": "true"})
    told = failures(world.run(DAY, tables=FACTS, expect=False))
    assert "orders is a Delta table that has deletion vectors" in told
    assert world.rows("raw_orders") == []


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may list every folder")
def test_a_folder_that_may_not_be_listed_stops_the_run(shop: World) -> None:
    before = published(shop)
    (folder(shop, "orders") / "two").chmod(0)
    try:
        stopped = failures(shop.run(DAY, tables=FACTS, expect=False))
    finally:
        (folder(shop, "orders") / "two").chmod(0o700)
    assert "orders/two cannot be listed (Permission denied)" in stopped
    assert published(shop) == before


def test_a_folder_that_cannot_be_listed_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As for the superuser, who may list every folder: a disk that fails."""
    (tmp_path / "orders" / "two").mkdir(parents=True)
    listed = os.scandir

    def failing(place: Path) -> object:
        if str(place).endswith("two"):
            raise PermissionError(13, "Permission denied")
        return listed(place)

    monkeypatch.setattr(os, "scandir", failing)
    found = SourcesResource(root=str(tmp_path)).look_up("orders")
    assert found.problems == {"orders/two": "cannot be listed (Permission denied)"}


def test_files_side_by_side_are_read(world: World) -> None:
    world.options["start_date"] = date(2025, 3, 31)
    world.customers([{"customer_id": "c"}], "../customers.parquet")
    world.orders([order(1)], "../orders.parquet")
    world.events([{"customer_id": "c", "event_time": f"{DAY}T10:00:00Z"}], "../web_events.json")
    world.run(DAY, tables=FACTS)
    assert [len(world.rows(table)) for table in FACTS] == [1, 1, 1]


EVENTS = [{"customer_id": "c", "event_time": f"{DAY}T11:0{n}:00Z", "event_type": "page_view"} for n in range(3)]
OVER_LINES = "\n".join(json.dumps(each, indent=2) for each in EVENTS)


@pytest.mark.parametrize("text", [json.dumps(EVENTS), json.dumps(EVENTS, indent=2), OVER_LINES])
def test_a_json_document_is_read_and_one_that_breaks_off_is_told_by_what_it_held(world: World, text: str) -> None:
    world.options |= {"start_date": date(2025, 3, 31), "rejected_share_limit": 1.0}
    world.customers([{"customer_id": "c"}])
    world.orders([order(1)])
    world.events([{"customer_id": "c", "event_time": f"{DAY}T10:00:00Z"}])
    (folder(world, "web_events") / "day2.json").write_text(text)
    (folder(world, "web_events") / "day3.json").write_text(text[:-4])
    world.run(DAY, tables=FACTS)
    assert len(world.rows("raw_web_events")) == 4
    (rejected,) = world.rows("rejected_rows")
    assert (rejected["source_path"], rejected["reason"]) == ("web_events/day3.json", "unreadable_file")
    assert "breaks off, after 2 value(s), and none was read" in rejected["raw"]
