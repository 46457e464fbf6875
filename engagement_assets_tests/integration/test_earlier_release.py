"""A lake and a Dagster home that 186a7d4 made are used on: nothing turns stale, nothing is built again, names stay.

`shop_of_186a7d4.tar.xz` holds them, with the sources: eight customers, 20 to 23 March 2025; a customer was erased and the days
that counted them were built again. The folders were made with that commit's own commands.
"""

from __future__ import annotations

import shutil
import tarfile
from datetime import date
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.data_version import CachingStaleStatusResolver, StaleStatus
from dagster._core.loader import LoadingContextForTest
from deltalake import DeltaTable
from deltalake.schema import Field, PrimitiveType

from engagement_assets.definitions import build_definitions
from engagement_assets.domain.catalogue import CATALOGUE
from engagement_assets.domain.contracts import EngagementScores, RawCustomers, RejectedRows, Sessions
from engagement_assets.domain.scoring_policy import ScoringPolicy
from engagement_assets.lake.schema_changes import SchemaChangedError
from engagement_assets.lake.staleness import outdated
from engagement_assets.operations.erasure import forget
from engagement_assets.operations.refresh import carry_out
from engagement_assets.pipeline.rebuild_plan import make_rebuild_plan
from engagement_assets.settings import Settings
from engagement_assets_tests.worlds import World

ARCHIVE = Path(__file__).with_name("shop_of_186a7d4.tar.xz")
#: The days that were asked for; that before them was filled in, and was never shown as more than half known.
DAYS = ["2025-03-21", "2025-03-22", "2025-03-23"]
NEXT, AFTER_NEXT = "2025-03-24", "2025-03-25"

ASSETS = {
    *("audience_files", "bi_export", "campaign_audiences", "customer_features", "engagement_metrics"),
    *("engagement_scores", "order_aggregates", "power_bi_project", "raw_customers", "raw_orders", "raw_web_events"),
    *("score_backtest", "segment_changes", "sessions"),
}
CHECKS = {
    "campaign_audiences": {"contract"},
    "customer_features": {"contract", "customers_conserved", "signup_not_after_last_event"},
    "engagement_metrics": {"contract"},
    "engagement_scores": {
        *("contract", "customers_conserved", "missing_days", "null_shares", "outliers", "ready_by_hour"),
        *("score_stability", "segment_shares"),
    },
    "order_aggregates": {"contract"},
    "raw_customers": {"contract", "customer_count", "readable_files", "rejected_share"},
    "raw_orders": {
        *(
            "contract",
            "known_customers",
            "orders_not_before_signup",
            "readable_files",
            "rejected_rows",
            "rejected_share",
        ),
        "row_count",
    },
    "raw_web_events": {
        *("contract", "known_customers", "known_event_types", "readable_files", "rejected_rows", "rejected_share"),
        "row_count",
    },
    "score_backtest": {"contract"},
    "segment_changes": {"contract"},
    "sessions": {"contract"},
}
JOBS = {"daily_snapshot", "examine_sources", "monitoring", "serve"}
SCHEDULES = {"daily_snapshot_schedule"}
SENSORS = {
    *("after_a_publish", "alert_on_failed_checks", "alert_on_failed_runs", "audiences_to_webhook", "new_source_files"),
    *("refresh_outdated", "snapshot_is_late"),
}


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(tmp_path, filter="data")
    home = tmp_path / "home"
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    world = World(tmp_path, {"start_date": date(2025, 3, 20)})
    world.__dict__["instance"] = dg.DagsterInstance.from_config(str(home))  # as its own dagster.yaml says
    return world


def stale(world: World, settings: Settings | None = None) -> dict[str, list[str]]:
    """The days of each asset that Dagster shows as stale ("Unsynced"); of files none or "all"."""
    graph = build_definitions(settings or world.settings).resolve_asset_graph()
    resolver = CachingStaleStatusResolver(world.instance, graph, LoadingContextForTest(world.instance))
    found: dict[str, list[str]] = {}
    for key in graph.get_all_asset_keys():
        for day in DAYS if graph.get(key).is_partitioned else [None]:
            status = resolver.get_status(key, day)
            assert status != StaleStatus.MISSING
            if status == StaleStatus.STALE:
                found.setdefault(key.to_user_string(), []).append(day or "all")
    return found


def test_no_published_day_is_stale_in_dagster_or_in_the_lake(shop: World) -> None:
    assert stale(shop) == {}
    assert outdated(shop.lake, shop.settings) == {}


def test_another_weight_makes_the_scores_stale_and_not_the_facts(shop: World) -> None:
    weighed = shop.settings.model_copy(update={"scoring": ScoringPolicy(recency_weight=0.5, monetary_weight=0.2)})
    scored = {"engagement_scores", "engagement_metrics", "segment_changes", "campaign_audiences", "score_backtest"}
    files = ("bi_export", "power_bi_project", "audience_files")
    assert stale(shop, weighed) == dict.fromkeys(scored, DAYS) | {asset: ["all"] for asset in files}


def test_the_next_days_are_built_without_the_earlier_ones_and_what_was_read_is_remembered_again(shop: World) -> None:
    before = {contract: shop.lake.written_at(contract) for contract in CATALOGUE}
    result = shop.run(NEXT)
    for contract, written in before.items():
        after = shop.lake.written_at(contract)
        assert {day: after[day] for day in written} == written, contract
        assert set(after) == {*written, NEXT}
    assert shop.metadata(result, "raw_web_events")["rows_rejected"] == 2
    assert shop.metadata(result, "raw_customers")["rows_of_erased_customers"] == 1
    again = shop.run(AFTER_NEXT, tables=["raw_customers", "raw_orders", "raw_web_events"])
    for table in ("raw_customers", "raw_orders", "raw_web_events"):
        assert shop.metadata(again, table)["source_files_examined"] == 0
    assert stale(shop) == {}
    assert outdated(shop.lake, shop.settings) == {}


def test_a_customer_is_erased_from_tables_that_do_not_fit_and_a_rebuild_succeeds(shop: World) -> None:
    """As if yet another version had made some of them: they have a column that is none any more, one has another name."""
    for table in (RawCustomers, RejectedRows, EngagementScores):
        DeltaTable(shop.lake.path(table)).alter.add_columns([Field("region", PrimitiveType("string"))])
    shutil.copytree(shop.lake.path(Sessions), Path(shop.settings.lake, "visits"))
    with pytest.raises(SchemaChangedError):
        shop.lake.read(None, RawCustomers)  # type: ignore[arg-type]
    done = forget(shop.settings, shop.lake, "c1")
    assert done.found.left == []
    assert {name: done.rows[name] for name in ("raw_customers", "rejected_rows", "raw_orders", "visits")} == {
        "raw_customers": 3,
        "rejected_rows": 1,
        "raw_orders": 2,
        "visits": 4,
    }
    plan = make_rebuild_plan(shop.settings, shop.lake)
    assert set(plan.schema_changes) == {RawCustomers, RejectedRows, EngagementScores}
    assert carry_out(shop.settings, shop.lake, plan, shop.instance).success
    assert outdated(shop.lake, shop.settings) == {}
    for day in DAYS:
        assert "c1" not in shop.by_customer("engagement_scores", day)
    assert {"c0", "c2", "c6"} <= shop.by_customer("engagement_scores", DAYS[-1]).keys()
    assert shop.rejected() == {"web_events:unknown_customer": 1}


def test_assets_checks_jobs_and_sensors_have_the_names_they_had() -> None:
    definitions = build_definitions(Settings())
    repository, graph = definitions.get_repository_def(), definitions.resolve_asset_graph()
    assert {key.to_user_string() for key in graph.get_all_asset_keys()} == ASSETS
    checks: dict[str, set[str]] = {}
    for key in graph.asset_check_keys:
        checks.setdefault(key.asset_key.to_user_string(), set()).add(key.name)
    assert checks == CHECKS
    assert {job.name for job in repository.get_all_jobs() if not job.name.startswith("__")} == JOBS
    assert {schedule.name for schedule in repository.schedule_defs} == SCHEDULES
    assert {sensor.name for sensor in repository.sensor_defs} == SENSORS
