"""Sources and tables in an object store: a run, what reads its tables, and what goes wrong there, against a local S3 server."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest
import s3fs
from deltalake.exceptions import CommitFailedError

from engagement_assets.analysis.report import read_table
from engagement_assets.dashboard.warehouse import Warehouse
from engagement_assets.domain.contracts import TABLES, EngagementScores, RawOrders
from engagement_assets.engine import EngineResource
from engagement_assets.exports.csv_files import export_csv
from engagement_assets.lake.damage import TableDamagedError
from engagement_assets.lake.locks import LakeBusyError
from engagement_assets.lake.reading import opened
from engagement_assets.lake.stores import StoreUnavailableError, file_system
from engagement_assets.lake.tables import LakeResource
from engagement_assets.operations.erasure import forget
from engagement_assets.settings import PREFIX, Settings
from engagement_assets_tests.lake.spark_run import publish_orders
from engagement_assets_tests.servers import free_port, fresh_environment, running, wait_for
from engagement_assets_tests.worlds import World

FIRST, LAST = "2025-03-01", "2025-03-02"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[s3fs.S3FileSystem]:
    """An S3 server on loopback with a bucket `shop`, known to every library by the usual variables."""
    port, log = free_port(), tmp_path_factory.mktemp("s3") / "moto.log"
    address = f"http://127.0.0.1:{port}"
    # A process of its own: delta-rs holds Python's lock while it waits for an answer.
    command = [sys.executable, "-m", "moto.server", "--host", "127.0.0.1", "--port", str(port)]
    with running(command, log, {}) as server, pytest.MonkeyPatch.context() as patch:
        wait_for(f"{address}/moto-api/", server, log)
        for name, value in {
            "AWS_ENDPOINT_URL": address,
            "AWS_ALLOW_HTTP": "true",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }.items():
            patch.setenv(name, value)
        s3fs.S3FileSystem.clear_instance_cache()
        files, _ = file_system("s3://shop")
        files.mkdir("shop")
        yield files
        s3fs.S3FileSystem.clear_instance_cache()


@pytest.fixture
def orders(store: s3fs.S3FileSystem, tmp_path: Path, engine: EngineResource) -> LakeResource:
    """A lake in the store, with ten orders on each of two days."""
    lake = LakeResource(root=f"s3://shop/{tmp_path.name}")
    for day in (FIRST, LAST):
        publish_orders(lake, engine.spark_session, day, orders=10, customers=3)
    return lake


def shop(root: Path) -> World:
    """Three customers with addresses, an order a day, events by two of them; in a local folder."""
    world = World(root, options={"start_date": FIRST})
    world.customers([{"customer_id": name, "email": f"{name}@example.com"} for name in "abc"])
    world.orders(
        [
            {
                "order_id": f"o{day}",
                "customer_id": "ab"[day % 2],
                "order_date": f"2025-03-0{day}",
                "order_amount": "9.50",
            }
            for day in (1, 2)
        ]
    )
    world.events([{"customer_id": name, "event_time": f"{FIRST}T10:00:00"} for name in "bc"])
    world.lines(["no json"], "b [1].jsonl")
    return world


def command(settings: Settings, home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `engagement` in a process of its own."""
    environment = {
        **fresh_environment(),
        "DAGSTER_HOME": str(home),
        f"{PREFIX}DATA": settings.data,
        f"{PREFIX}LAKE": settings.lake,
        f"{PREFIX}EXPORT": settings.export,
        f"{PREFIX}START_DATE": FIRST,
    }
    program = [sys.executable, "-m", "engagement_assets.cli", *arguments]
    return subprocess.run(program, capture_output=True, text=True, env=environment, timeout=200, check=False)


@pytest.fixture(scope="module")
def worlds(store: s3fs.S3FileSystem, tmp_path_factory: pytest.TempPathFactory) -> tuple[World, World]:
    """The same shop twice: built from and into local folders, and from and into the object store."""
    local = shop(tmp_path_factory.mktemp("local"))
    local.run(FIRST, LAST)
    store.put(local.settings.data, "shop/raw", recursive=True)
    remote = World(
        tmp_path_factory.mktemp("remote"), options={**local.options, "data": "s3://shop/raw", "lake": "s3://shop/lake"}
    )
    done = command(remote.settings, remote.root / "home", "run", "--from", FIRST, "--to", LAST)
    assert done.returncode == 0, done.stderr[-3000:]
    return local, remote


def shown(lake: LakeResource, table: str) -> list[Any]:
    with opened(lake, {TABLES[table]: None}) as connection:
        return connection.execute(f"SELECT * FROM {table} ORDER BY ALL").fetchall()


@pytest.mark.slow  # smaller: one table, below
def test_tables_in_the_object_store_have_the_rows_of_local_ones(worlds: tuple[World, World]) -> None:
    local, remote = worlds
    rows = {table: shown(remote.lake, table) for table in TABLES}
    assert rows == {table: shown(local.lake, table) for table in TABLES}
    assert len(rows["engagement_scores"]) == 6
    assert len(rows["rejected_rows"]) == 1


@pytest.mark.slow  # smaller: one table, below
def test_commands_and_the_dashboard_read_them(worlds: tuple[World, World], tmp_path: Path) -> None:
    _, remote = worlds
    assert read_table(remote.settings, "engagement_scores", LAST, "a", None, 20, None).total == 1
    assert export_csv(remote.lake, remote.settings, str(tmp_path)).as_of_date == LAST
    warehouse = Warehouse(remote.settings)
    assert warehouse.catalogue().days == (FIRST, LAST)
    found = warehouse.rows("SELECT count(*) AS n FROM {scores}", scores=(EngagementScores, [LAST]))
    assert found == [{"n": 3}]
    bucket = remote.settings.lake.rpartition("/")[0]
    for place in (f"{bucket}/raw/orders/orders.parquet", f"{remote.settings.lake}-other/x.parquet", "/etc/passwd"):
        with pytest.raises(duckdb.PermissionException):
            warehouse.rows(f"SELECT * FROM read_parquet('{place}')")


@pytest.mark.slow  # smaller: on this machine, in operations/test_erasure.py
def test_a_customer_is_erased_from_the_object_store(
    worlds: tuple[World, World], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # The search goes through the Dagster home as well: not through that of whoever runs the tests.
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    _, remote = worlds
    done = forget(remote.settings, remote.lake, "a", lambda text: None)
    assert done.found.left == []
    assert done.rows["engagement_scores"] == 2
    assert {row[1] for row in shown(remote.lake, "engagement_scores")} == {"b", "c"}


def test_a_table_in_the_object_store_is_read_and_a_day_of_it_replaced(
    orders: LakeResource, engine: EngineResource
) -> None:
    assert [row[0] for row in shown(orders, "raw_orders")] == [
        date.fromisoformat(day) for day in [FIRST] * 10 + [LAST] * 10
    ]
    publish_orders(orders, engine.spark_session, LAST, orders=2, customers=1)
    assert list(orders.partitions(RawOrders)) == [FIRST, LAST]
    assert len(orders.read(engine.spark_session, RawOrders).collect()) == len(shown(orders, "raw_orders")) == 12
    assert orders.damage(RawOrders) == []


def test_a_second_writer_of_this_machine_is_refused(orders: LakeResource) -> None:
    second = LakeResource(root=orders.root, lock_wait_minutes=0)
    heard: list[str] = []
    with (
        orders.writing("a test", print),
        pytest.raises(LakeBusyError, match=r"run a test .*is still writing to the tables"),
    ):
        second.begin("the second", heard.append)
    assert "waiting for run a test" in heard[0]


def test_of_two_machines_that_commit_at_once_one_version_stands_whole(orders: LakeResource) -> None:
    """Locks do not reach across machines; the store's conditional writes do."""
    table, other = orders.delta(RawOrders), orders.delta(RawOrders)
    assert table is not None
    assert other is not None
    before = shown(orders, "raw_orders")
    table.alter.set_table_properties({"engagement.test": "1"}, raise_if_not_exists=False)
    with pytest.raises(CommitFailedError):
        other.create_write_transaction([], "overwrite", other.schema(), partition_by=["as_of_date"])
    assert shown(orders, "raw_orders") == before


def test_a_lost_object_is_named(orders: LakeResource, store: s3fs.S3FileSystem) -> None:
    lost = orders.files(RawOrders, [LAST])[0]
    store.rm(lost)
    with pytest.raises(TableDamagedError, match=f"{lost} is missing"):
        orders.files(RawOrders)
    assert [damage.path for damage in orders.damage(RawOrders)] == [lost]


def test_a_store_that_cannot_be_reached_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)
    monkeypatch.delitem(sys.modules["fsspec.registry"]._registry, "s3", raising=False)
    with pytest.raises(StoreUnavailableError, match=r"^s3://other/lake: .*s3fs.*pip install 'engagement-assets.s3."):
        file_system("s3://other/lake")
    with pytest.raises(StoreUnavailableError, match=r"^floppy://a: .*floppy"):
        file_system("floppy://a")


@pytest.mark.slow  # smaller: folders on this machine are connected and read in cli/test_connecting.py
def test_files_of_other_names_in_the_store_are_connected_and_read(store: s3fs.S3FileSystem, tmp_path: Path) -> None:
    customers = "".join(f"k{n};k{n}@shop.example;2025-02-{n + 1:02d};DE\n" for n in range(20))
    orders = "".join(f"o{n};k{n % 20};2025-03-0{n % 2 + 1} 10:00:00;12,50\n" for n in range(40))
    clicks = "".join(
        json.dumps({"user": f"k{n % 20}", "at": f"2025-03-0{n % 2 + 1}T09:00:00Z", "action": "page_view"}) + "\n"
        for n in range(60)
    )
    store.pipe(
        {
            "shop/other/kunden.csv": f"Kundennummer;E-Mail;Angemeldet am;Land\n{customers}".encode(),
            "shop/other/bestellungen.csv": f"Bestellnummer;Kundennummer;Bestelldatum;Betrag\n{orders}".encode(),
            "shop/other/clicks.json": clicks.encode(),
        }
    )
    settings = Settings(data="s3://shop/other", lake=str(tmp_path / "lake"), export=str(tmp_path / "export"))
    mapping = tmp_path / "sources.toml"
    done = command(settings, tmp_path / "home", "connect", "s3://shop/other", "--yes", "--to", str(mapping))
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    lake = World(tmp_path, options={"data": settings.data, "start_date": FIRST, "sources": str(mapping)})
    lake.run(FIRST, LAST)
    assert len(lake.rows("raw_customers", LAST)) == 20
    assert [str(row["order_amount"]) for row in lake.rows("raw_orders")] == ["12.50"] * 40
    assert len(lake.rows("raw_web_events")) == 60
    assert lake.rejected() == {}
