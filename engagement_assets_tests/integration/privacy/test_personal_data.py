"""Personal data stays where it belongs: contracts, tables, exports, Dagster's event log, and who may read the files."""

from __future__ import annotations

import stat
from datetime import date
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from engagement_assets.domain.contracts import TABLES
from engagement_assets.exports.csv_files import export_csv
from engagement_assets.operations.runs import export_published
from engagement_assets_tests.worlds import World

DAY = "2025-03-01"

#: Tables that may hold an e-mail address: the source's, and rows that were kept out as they came.
ADDRESSES_IN = {"raw_customers", "rejected_rows"}

#: What is in no place but the rows themselves.
WORDS = ("zebra-1", "zebra-2", "zebra-3", "quagga@example.com", "okapi", "31.41")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, engine: object) -> World:
    """A run that publishes, with rows kept out, and one that exports; then two that fail, for too many of them, for a column."""
    world = World(tmp_path_factory.mktemp("shop"), options={"start_date": DAY, "rejected_share_warning": 0.0})
    people = [
        {"customer_id": name, "signup_date": date(2025, 3, 1), "email": "quagga@example.com"} for name in WORDS[:2]
    ]
    world.customers([*people, {"customer_id": "zebra-3", "signup_date": None, "email": "quagga@example.com"}])
    order = {"customer_id": "zebra-1", "order_date": DAY, "order_amount": "31.41"}
    strange = {"customer_id": "zebra-3", "order_date": DAY, "order_amount": "okapi"}
    world.orders(
        [{"order_id": "1", **order}, {"order_id": "2", **strange}, {"order_id": "3", **order, "order_amount": "NaN"}]
    )
    world.lines(
        [
            f'{{"customer_id": "zebra-2", "event_time": "{DAY}T10:00:00Z", "event_type": "page_view"}}',
            f'{{"customer_id": "zebra-2", "event_time": "{DAY}T10:01:00Z", "event_type": "quagga@example.com"}}',
            '{"customer_id": "zebra-2", "event_time": "okapi", "event_type": "page_view"}',
            '{"customer_id": "zebra-2", ',
        ]
    )
    world.options["rejected_share_limit"] = 1.0
    world.run(DAY)
    exported = export_published(world.settings, world.instance)
    assert exported.success, exported.failures
    world.options["rejected_share_limit"] = 0.1
    world.orders([{"order_id": "4", **strange}], "more.parquet")
    world.run(DAY, expect=False)
    world.parquet("orders", "zz.parquet", [{"order_id": "5", "customer_id": "zebra-3", "order_amount": "31.41"}])
    world.run(DAY, expect=False)
    (Path(world.settings.data) / "orders" / "zz.parquet").unlink()
    return world


def test_no_contract_but_that_of_customers_has_an_address() -> None:
    named = {name for name, contract in TABLES.items() if any("mail" in column for column in contract.columns())}
    assert named == ADDRESSES_IN - {"rejected_rows"}


def test_no_table_and_no_export_but_the_customers_holds_an_address(shop: World) -> None:
    found = {
        contract.table()
        for contract in TABLES.values()
        for path in shop.lake.files(contract)
        if "@example.com" in str(pq.ParquetFile(path).read().to_pydict())
    }
    # An address that is sent as the type of an event is where it was sent to.
    assert found == {*ADDRESSES_IN, "raw_web_events"}
    for file in export_csv(shop.lake, shop.settings).files:
        packed = file.path.suffix == ".parquet"
        text = str(pq.read_table(file.path).to_pydict()) if packed else file.path.read_text(encoding="utf-8")
        assert "@example.com" not in text


def test_the_power_bi_project_holds_no_value_of_a_row(shop: World) -> None:
    """It says where the rows are; Power BI Desktop reads them."""
    places = [place for place in Path(shop.settings.export, "power_bi").rglob("*") if place.is_file()]
    assert len(places) > 100
    for place in places:
        text = place.read_text(encoding="utf-8")
        assert [word for word in WORDS if word in text] == [], place


def test_dagsters_home_holds_no_value_of_a_row(shop: World) -> None:
    """Events, metadata, check results, logs and errors, of runs that succeeded and of runs that failed."""
    searched = 0
    for place in (shop.root / "home").rglob("*"):
        if place.is_file():
            searched += 1
            data = place.read_bytes()
            assert [word for word in WORDS if word.encode() in data] == [], place
    assert searched > 3


def test_no_value_is_pickled_between_the_steps(shop: World) -> None:
    storage = shop.root / "home" / "storage"
    assert not storage.exists() or [path for path in storage.rglob("*") if path.is_file()] == []


def test_rejected_rows_are_readable_by_their_owner_only(shop: World) -> None:
    assert stat.S_IMODE(Path(shop.settings.lake, "rejected_rows").stat().st_mode) == 0o700
    assert not list(Path(shop.settings.lake, ".scratch").iterdir())
