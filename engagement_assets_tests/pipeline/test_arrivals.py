"""New and changed source files: noticed by listing, examined once, and built in by exactly the runs needed."""

from __future__ import annotations

import os
from datetime import date
from typing import Any

import dagster as dg

from engagement_assets.definitions import build_definitions
from engagement_assets.domain.catalogue import daily_tables
from engagement_assets.domain.contracts import OrderAggregates, RawCustomers, RawOrders
from engagement_assets.operations.runs import build_tables
from engagement_assets.pipeline import arrivals
from engagement_assets.pipeline.automation import DAILY_JOB
from engagement_assets.settings import Settings
from engagement_assets_tests.daemon import Daemon
from engagement_assets_tests.worlds import World

FIRST, LAST = date(2025, 3, 1), date(2025, 3, 5)

TABLES = ["raw_customers", "raw_orders", "order_aggregates"]


class Watched(Daemon):
    """A daemon with the sensors of sources."""

    def examine(self) -> None:
        """Two looks at the listing, and the run that they ask for."""
        assert "waiting until they stay" in str(self.tick(arrivals.NEW_FILES_SENSOR))
        request = self.tick(arrivals.NEW_FILES_SENSOR)
        assert isinstance(request, dg.RunRequest)
        assert "asked for already" in str(self.tick(arrivals.NEW_FILES_SENSOR))
        self.start(request, arrivals.EXAMINE_JOB)
        assert self.tick(arrivals.NEW_FILES_SENSOR) == "every file has been read"

    def refresh(self) -> list[tuple[set[str], str, str]]:
        """Start what `refresh_outdated` asks for until it asks for nothing; tables, first and last day of each."""
        asked = []
        while isinstance(request := self.tick("refresh_outdated"), dg.RunRequest):
            tags: dict[str, Any] = dict(request.tags)
            day = tags.get("dagster/partition")
            first, last = (tags.get(f"dagster/asset_partition_range_{end}", day) for end in ("start", "end"))
            asked.append(({key.to_user_string() for key in request.asset_selection or ()}, str(first), str(last)))
            assert len(asked) < 5
            self.start(request, DAILY_JOB)
        return asked


def order(number: int, day: str) -> dict[str, Any]:
    return {"order_id": f"o{number}", "customer_id": "a", "order_date": day, "order_amount": "1.00"}


def build(world: World) -> None:
    assert build_tables(world.settings, FIRST, LAST, world.instance, tables=TABLES).success


def test_late_files_are_examined_once_and_built_in_by_the_runs_needed(world: World) -> None:
    world.options |= {"start_date": FIRST, "examine_minutes": 0, "refresh_days": 3660}
    world.customers([{"customer_id": "a"}, {"customer_id": "b", "signup_date": date(2025, 3, 4)}])
    world.orders([order(1, "2025-03-01")])
    daemon = Watched(world)
    assert "the first run reads everything" in str(daemon.tick(arrivals.NEW_FILES_SENSOR))
    build(world)
    daemon.examine()
    assert arrivals.pending(world.lake) == {}
    assert daemon.refresh() == []

    world.orders([order(2, "2025-03-03")], "late.parquet")
    daemon.examine()
    assert arrivals.pending(world.lake) == {RawOrders: ["2025-03-03"]}
    facts, snapshots = daemon.refresh()
    assert facts[0] == {"raw_orders"}
    assert snapshots == ({"order_aggregates"}, "2025-03-03", "2025-03-05")
    assert arrivals.pending(world.lake) == {}
    assert [world.by_customer("order_aggregates", f"2025-03-0{n}")["a"]["total_orders"] for n in (2, 3, 5)] == [1, 2, 2]

    # A corrected customer concerns every snapshot since the sign-up.
    world.customers([{"customer_id": "a"}, {"customer_id": "b", "signup_date": date(2025, 3, 4), "country": "FR"}])
    daemon.examine()
    assert arrivals.pending(world.lake) == {RawCustomers: ["2025-03-04", "2025-03-05"]}
    assert daemon.refresh() == [({"raw_customers", "order_aggregates"}, "2025-03-04", "2025-03-05")]

    # What a run of its own accord has read needs no examination.
    world.orders([order(3, "2025-03-05")], "timely.parquet")
    build(world)
    assert daemon.tick(arrivals.NEW_FILES_SENSOR) == "every file has been read"


def test_a_file_that_is_still_growing_is_waited_for_and_old_snapshots_are_left(world: World) -> None:
    world.options |= {"start_date": FIRST}
    world.customers([{"customer_id": "a"}])
    world.orders([order(1, "2025-03-01")])
    build(world)
    daemon = Watched(world)
    daemon.examine()
    for size in (1, 2):
        world.orders([order(10 + number, "2025-03-02") for number in range(size)], "growing.parquet")
        assert "waiting until they stay" in str(daemon.tick(arrivals.NEW_FILES_SENSOR))
    # The sources were examined a moment ago, and once in an hour is the limit.
    assert "ENGAGEMENT_EXAMINE_MINUTES" in str(daemon.tick(arrivals.NEW_FILES_SENSOR))
    world.options |= {"examine_minutes": 0}
    request = daemon.tick(arrivals.NEW_FILES_SENSOR)
    assert isinstance(request, dg.RunRequest)
    daemon.start(request, arrivals.EXAMINE_JOB)
    # Snapshots of March 2025 are older than 90 days: facts are brought up to date, and no snapshot is built.
    assert [tables for tables, _, _ in daemon.refresh()] == [{"raw_orders"}]
    assert world.lake.partitions(RawOrders)["2025-03-02"] == 2
    assert world.by_customer("order_aggregates", "2025-03-05")["a"]["total_orders"] == 1


def test_listing_opens_no_file(world: World) -> None:
    """A file that cannot even be read is noticed, and its change of time alone too."""
    world.customers([{"customer_id": "a"}])
    world.orders([order(1, "2025-03-01")])
    before = arrivals.listing(world.settings)
    place = world.root / "raw" / "orders" / "orders.parquet"
    place.chmod(0)
    assert arrivals.listing(world.settings) == before
    os.utime(place, (1, 1))
    after = arrivals.listing(world.settings)
    assert {source for source in after if after[source] != before[source]} == {"orders"}


def test_the_setting_switches_everything_on() -> None:
    for daily, status in ((False, "STOPPED"), (True, "RUNNING")):
        definitions = build_definitions(Settings(run_daily=daily))
        sensors = (arrivals.NEW_FILES_SENSOR, "refresh_outdated", "snapshot_is_late")
        found = {definitions.resolve_sensor_def(name).default_status.value for name in sensors}
        schedule = definitions.resolve_schedule_def("daily_snapshot_schedule")
        assert found | {schedule.default_status.value} == {status}
        daily_job = definitions.resolve_job_def(DAILY_JOB)
        assert {key.to_user_string() for key in daily_job.asset_layer.selected_asset_keys} == {
            table.table() for table in daily_tables()
        }
    assert OrderAggregates in daily_tables()
