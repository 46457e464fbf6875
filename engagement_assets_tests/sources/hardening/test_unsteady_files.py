"""Files that change, vanish or prove damaged while they are read, and runs that must stop with a clear message."""

from __future__ import annotations

import gzip
import os
import random
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from engagement_assets.sources import inspecting, reading
from engagement_assets_tests.sources.hardening.corpus import DAY, OPTIONS, read_sources
from engagement_assets_tests.worlds import Row, World, failures


def order(number: int, amount: str = "1.00") -> Row:
    """A good order."""
    return {
        "order_id": f"o{number}",
        "customer_id": "c1",
        "order_date": datetime(2025, 3, 31, 12),
        "order_amount": amount,
    }


@pytest.fixture
def shop(world: World) -> World:
    """A customer and two files of orders."""
    world.options |= OPTIONS
    world.customers([{"customer_id": "c1"}])
    world.orders([order(1)], "a.parquet")
    world.orders([order(2)], "b.parquet")
    return world


def before_reading(monkeypatch: pytest.MonkeyPatch, what: Callable[[], object]) -> None:
    """Let something happen between the look at the orders and their reading."""
    read = reading.read

    def patched(sources: Any, spark: Any, inspection: Any, scratch: str) -> Any:
        if inspection.source.name == "orders":
            what()
        return read(sources, spark, inspection, scratch)

    monkeypatch.setattr(reading, "read", patched)


def test_a_file_that_vanishes_while_it_is_read_stops_the_run_and_publishes_nothing(
    shop: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = shop.root / "raw" / "orders" / "b.parquet"
    before_reading(monkeypatch, lambda: gone.unlink(missing_ok=True))
    result = read_sources(shop, expect=False)
    assert f"{gone} went away while the source was read; nothing of it was published: run again" in failures(result)
    assert shop.rows("raw_orders") == []
    assert "orders" not in {row["source"] for row in shop.rows("rejected_rows")}
    monkeypatch.undo()
    read_sources(shop)
    assert {row["order_id"] for row in shop.rows("raw_orders")} == {"o1"}


def test_a_file_that_changes_while_it_is_read_leaves_the_version_before(
    shop: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_sources(shop)
    before = shop.rows("raw_orders")
    shop.orders([order(3)], "c.parquet")
    before_reading(monkeypatch, lambda: shop.orders([order(4, "7"), order(5)], "c.parquet"))
    result = read_sources(shop, expect=False)
    assert "c.parquet was changed while the source was read" in failures(result)
    assert shop.rows("raw_orders") == before
    monkeypatch.undo()
    read_sources(shop)
    assert {row["order_id"] for row in shop.rows("raw_orders")} == {"o1", "o2", "o4", "o5"}


def test_a_file_with_a_damaged_page_is_left_out_with_a_reason_and_the_rest_goes_on(shop: World) -> None:
    """Its footer is well: only the engine finds out, and it says of no file which."""
    place = shop.root / "raw" / "orders" / "page.parquet"
    table = pa.table({name: [order(n)[name] for n in range(500)] for name in order(0)})
    pq.write_table(table, place, compression="gzip", use_dictionary=False)
    content = place.read_bytes()
    place.write_bytes(content[:100] + random.Random(1).randbytes(200) + content[300:])
    read_sources(shop)
    assert {row["order_id"] for row in shop.rows("raw_orders")} == {"o1", "o2"}
    (rejected,) = [row for row in shop.rows("rejected_rows") if row["source"] == "orders"]
    assert (rejected["source_path"], rejected["reason"]) == ("orders/page.parquet", "unreadable_file")
    assert rejected["raw"].startswith("damaged Parquet file")


def test_text_in_a_table_that_is_no_utf8_costs_its_file_only(shop: World) -> None:
    bad = pa.Array.from_buffers(pa.string(), 1, [None, pa.py_buffer(b"\0\0\0\0\3\0\0\0"), pa.py_buffer(b"a\xffb")])
    columns = {name: pa.array([value]) for name, value in order(3).items()}
    pq.write_table(pa.table({**columns, "customer_id": bad}), shop.root / "raw" / "orders" / "bad.parquet")
    read_sources(shop)
    assert {row["order_id"] for row in shop.rows("raw_orders")} == {"o1", "o2"}
    (rejected,) = [row for row in shop.rows("rejected_rows") if row["source"] == "orders"]
    assert rejected["raw"] == "damaged Parquet file (text that is no UTF-8)"


def test_files_that_cannot_be_read_are_a_warning_of_their_own(shop: World) -> None:
    (shop.root / "raw" / "orders" / "empty.parquet").write_bytes(b"")
    result = read_sources(shop)
    found = [e for e in result.get_asset_check_evaluations() if e.check_name == "readable_files" and not e.passed]
    assert {(e.asset_key.to_user_string(), e.blocking) for e in found} == {("raw_orders", False)}
    assert {e.metadata["files"].value for e in found} == {"orders/empty.parquet"}
    assert shop.metadata(result, "raw_orders")["unreadable_files"] == 1


def test_a_source_of_which_no_file_can_be_read_stops_the_run(shop: World) -> None:
    shop.options["rejected_share_limit"] = 0.5
    shop.options["rejected_share_warning"] = 0.05
    for name in ("a", "b"):
        (shop.root / "raw" / "orders" / f"{name}.parquet").write_bytes(b"PAR1PAR1")
    result = read_sources(shop, expect=False)
    assert "raw_orders: 2 day(s) not published, their previous versions stay" in failures(result)


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        (
            {"order_id": ["o1"], "customer": ["c1"], "order_date": [DAY], "order_amount": ["1"]},
            "orders: column 'customer_id' is missing in {place} "
            "(found: order_id, customer, order_date, order_amount); say in sources.toml what it is called",
        ),
        (
            {"order_id": ["o1"], "Customer_Id": ["c1"], "order_date": [DAY]},
            "orders: column 'order_amount' is missing in {place} (found: order_id, Customer_Id, order_date)",
        ),
    ],
    ids=["renamed", "in another case"],
)
def test_a_required_column_that_is_missing_stops_the_run_with_its_name(
    shop: World, columns: dict[str, list[str]], sentence: str
) -> None:
    place = shop.root / "raw" / "orders" / "other.parquet"
    pq.write_table(pa.table(columns), place)
    assert sentence.format(place=place) in failures(read_sources(shop, expect=False))
    assert shop.rows("raw_orders") == []


def test_a_required_column_that_is_there_twice_stops_the_run_with_its_name(shop: World) -> None:
    place = shop.root / "raw" / "orders" / "twice.parquet"
    names = ["order_id", "customer_id", "customer_id", "order_date", "order_amount"]
    pq.write_table(pa.table([["o1"], ["c1"], ["c2"], [DAY], ["1"]], names=names), place)
    assert f"orders: column 'customer_id' is there twice in {place}" in failures(read_sources(shop, expect=False))


def test_text_files_that_did_not_change_are_not_unpacked_again(shop: World, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str] = []
    scan = inspecting.scan_text

    def counting(stream: Any, **how: Any) -> Any:
        looked.append(stream.name)
        return scan(stream, **how)

    monkeypatch.setattr(inspecting, "scan_text", counting)
    place = shop.root / "raw" / "web_events"
    for name in ("a", "b"):
        shop.events([{"customer_id": "c1", "event_time": f"{DAY}T12:00:00Z", "event_id": name}], f"{name}.jsonl")
        (place / f"{name}.jsonl.gz").write_bytes(gzip.compress((place / f"{name}.jsonl").read_bytes()))
        (place / f"{name}.jsonl").unlink()
    read_sources(shop)
    assert sorted(Path(name).name for name in looked) == ["a.jsonl.gz", "b.jsonl.gz"]
    read_sources(shop)
    assert len(looked) == 2
    (place / "b.jsonl.gz").write_bytes(gzip.compress(b"{\n"))
    read_sources(shop)
    assert [Path(name).name for name in looked[2:]] == ["b.jsonl.gz"]
    assert {row["event_id"] for row in shop.rows("raw_web_events")} == {"a"}
    assert shop.rejected() == {"web_events:malformed_json": 1}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_links_to_files_are_read_and_other_things_are_reported(shop: World) -> None:
    place = shop.root / "raw" / "orders"
    elsewhere = shop.root / "elsewhere"
    elsewhere.mkdir()
    (place / "b.parquet").rename(elsewhere / "b.parquet")
    (place / "link.parquet").symlink_to(elsewhere / "b.parquet")
    (place / "folder").symlink_to(elsewhere)
    (place / "circle").symlink_to(place)
    (place / "broken.parquet").symlink_to(elsewhere / "nothing.parquet")
    os.mkfifo(place / "pipe.parquet")
    stopped = failures(shop.run(DAY, tables=("raw_customers", "raw_orders"), expect=False))
    assert "orders/broken.parquet is a link that leads nowhere" in stopped
    (place / "broken.parquet").unlink()
    result = read_sources(shop)
    assert {row["order_id"] for row in shop.rows("raw_orders")} == {"o1", "o2"}
    assert shop.metadata(result, "raw_orders")["ignored_files"] == 2
