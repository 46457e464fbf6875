"""A lake and a Dagster home that 186a7d4 made are used on: nothing is built again by itself, names stay.

`shop_of_186a7d4.tar.xz` holds them, with the sources: eight customers, 20 to 23 March 2025; a customer was erased and the days
that counted them were built again. The folders were made with that commit's own commands.
"""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.data_version import CachingStaleStatusResolver, StaleStatus
from dagster._core.loader import LoadingContextForTest
from deltalake import DeltaTable
from deltalake.schema import Field, PrimitiveType

from engagement_assets.definitions import build_definitions
from engagement_assets.domain.catalogue import daily_tables
from engagement_assets.domain.contracts import (
    CustomerFeatures,
    EngagementScores,
    OrderAggregates,
    RawCustomers,
    RejectedRows,
    ReturnRates,
    Sessions,
)
from engagement_assets.domain.meanings import GROUPS
from engagement_assets.domain.scoring_policy import ScoringPolicy
from engagement_assets.lake.reading import opened
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
    *("score_backtest", "segment_changes", "sessions", "return_rates", "campaign_results", "weekly_brief"),
}
#: What came later has no days yet.
LATER = {"return_rates", "campaign_results", "weekly_brief"}
CHECKS = {
    "campaign_audiences": {"contract"},
    "campaign_results": {"arms_are_alike", "contract"},
    "customer_features": {"contract", "customers_conserved", "signup_not_after_last_event"},
    "engagement_metrics": {"contract"},
    "engagement_scores": {
        *("contract", "customers_conserved", "missing_days", "null_shares", "outliers"),
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
    "return_rates": {"contract"},
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
    shutil.unpack_archive(ARCHIVE, tmp_path)
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
            assert (status == StaleStatus.MISSING) == (key.to_user_string() in LATER)
            if status == StaleStatus.STALE:
                found.setdefault(key.to_user_string(), []).append(day or "all")
    return found


#: Of customers and orders the later file counts now, and what is built from facts has columns that 186a7d4 did not have.
BUILT_OTHERWISE = {
    *("raw_customers", "raw_orders"),
    *("order_aggregates", "customer_features", "engagement_scores", "engagement_metrics", "segment_changes"),
    *("campaign_audiences", "score_backtest"),
}
OTHERWISE = dict.fromkeys(BUILT_OTHERWISE, DAYS) | {
    asset: ["all"] for asset in ("bi_export", "power_bi_project", "audience_files")
}


def test_events_and_sessions_are_not_stale_and_nothing_is_older_than_what_it_was_built_from(shop: World) -> None:
    assert stale(shop) == OTHERWISE
    assert outdated(shop.lake, shop.settings) == {}


def test_days_of_then_are_read_with_what_was_not_known_as_null(shop: World) -> None:
    unknown = [
        "order_days",
        "revenue_last_365_days",
        "sessions_last_7_days",
        "is_slipping",
        "slipping_reasons",
        "usual_gap_days",
    ]
    with opened(shop.lake, {EngagementScores: None}) as connection:
        known = connection.execute(f"SELECT {', '.join(f'count({name})' for name in unknown)} FROM engagement_scores")
        assert known.fetchall() == [(0,) * len(unknown)]
        stages = connection.execute("SELECT DISTINCT lifecycle_stage FROM engagement_scores").fetchall()
    assert {stage for (stage,) in stages} <= {group.name for group in GROUPS["lifecycle_stage"]}


def test_a_day_of_then_is_built_anew_from_what_was_built_then(shop: World) -> None:
    """As a refresh does where late web events changed its features: order aggregates stay, and the return rates are missing."""
    day = DAYS[-1]
    wanted = outdated(shop.lake, shop.settings, {CustomerFeatures: [day]})
    assert wanted[ReturnRates] == [day]
    assert list(wanted).index(ReturnRates) < list(wanted).index(EngagementScores)
    assert OrderAggregates not in wanted
    shop.run(day, tables=[contract.table() for contract in wanted])
    assert outdated(shop.lake, shop.settings) == {}
    buyers = [row for row in shop.rows("engagement_scores", day) if row["total_orders"]]
    assert buyers
    for row in buyers:
        assert row["order_days"] is None
        assert row["return_chance_missing"] == "release 0.1.0 built what it is counted from"
        assert row["sessions_last_7_days"] is not None


def test_another_weight_makes_the_scores_stale_and_not_the_facts(shop: World) -> None:
    weighed = shop.settings.model_copy(update={"scoring": ScoringPolicy(recency_weight=0.5, monetary_weight=0.2)})
    assert stale(shop, weighed) == OTHERWISE


def test_the_next_days_are_built_without_the_earlier_ones_and_what_was_read_is_remembered_again(shop: World) -> None:
    before = {contract: shop.lake.written_at(contract) for contract in daily_tables()}
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
    assert stale(shop) == OTHERWISE
    assert outdated(shop.lake, shop.settings) == {}


@pytest.mark.slow  # smaller: of old and new days in lake/test_upgrades.py
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
    assert {key.to_user_string() for key in graph.get_all_asset_keys()} == {*ASSETS, "yesterdays_snapshot"}
    checks: dict[str, set[str]] = {}
    for key in graph.asset_check_keys:
        checks.setdefault(key.asset_key.to_user_string(), set()).add(key.name)
    assert {asset: names & checks[asset] for asset, names in CHECKS.items()} == CHECKS
    assert {job.name for job in repository.get_all_jobs() if not job.name.startswith("__")} == JOBS
    assert {schedule.name for schedule in repository.schedule_defs} == SCHEDULES
    assert {sensor.name for sensor in repository.sensor_defs} == {*SENSORS, "catch_up", "brief_on_mondays"}
