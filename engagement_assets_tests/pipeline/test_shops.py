"""Two shops in one instance: each has its own keys, tables, pool and runs, and neither touches what is recorded of the other."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from pydantic import ValidationError

from engagement_assets.dagster_internals.shop_runs import runs_of
from engagement_assets.dashboard.dagster_log import DagsterLog
from engagement_assets.definitions import build_definitions
from engagement_assets.domain.catalogue import SERVED, daily_tables
from engagement_assets.domain.remedies import DAILY_JOB
from engagement_assets.operations.runs import build_tables
from engagement_assets.pipeline.progress import Progress
from engagement_assets.pipeline.run_retention import forget_old_runs
from engagement_assets.settings import Settings
from engagement_assets_tests.daemon import Daemon
from engagement_assets_tests.webhook import listening
from engagement_assets_tests.worlds import World

DAY = date(2025, 3, 2)
SHOPS = ("", "north", "shops/south")


@pytest.fixture
def shops(tmp_path: Path, engine: object) -> dict[str, World]:
    """One without a prefix and two with; a customer each, of a name of its own."""
    found = {}
    for number, prefix in enumerate(SHOPS):
        found[prefix] = World(tmp_path / str(number), options={"asset_key_prefix": prefix, "start_date": DAY})
        found[prefix].customers([{"customer_id": f"of {number}"}])
        found[prefix].__dict__["instance"] = found[""].instance
    return found


def materialised(instance: dg.DagsterInstance) -> dict[tuple[str, ...], set[str]]:
    """The partitions of each asset that Dagster has a record of."""
    return {tuple(key.path): set(instance.get_materialized_partitions(key)) for key in instance.all_asset_keys()}


def test_each_shop_has_its_own_records_tables_and_runs(shops: dict[str, World]) -> None:
    instance = shops[""].instance
    tables = {table.table() for table in daily_tables()}
    seen: list[Progress] = []
    for number, prefix in enumerate(SHOPS):
        world = shops[prefix]
        before, checks = materialised(instance), {each: DagsterLog(shops[each].settings) for each in SHOPS}
        assert build_tables(world.settings, DAY, DAY, instance, seen.append).success
        assert (seen[-1].done, seen[-1].total) == (len(tables), len(tables))
        own = {(*filter(None, prefix.split("/")), table): {DAY.isoformat()} for table in tables}
        assert materialised(instance) == before | own
        assert set(world.by_customer("engagement_scores", DAY.isoformat())) == {f"of {number}"}
        for each, log in checks.items():
            log._instance = instance
            built = each in SHOPS[: number + 1]
            assert ({result.asset for result in log.checks(DAY.isoformat())} >= {"engagement_scores"}) is built
            assert [run.job for run in log.runs()] == [DAILY_JOB] * built

    # A run of one keeps none of the others waiting, and one forgets its own runs only.
    asked = build_definitions(shops["north"].settings).resolve_job_def(DAILY_JOB)
    waiting = instance.create_run_for_job(asked, status=dg.DagsterRunStatus.STARTED, tags=asked.tags)
    for prefix, words in {
        "": "every published day",
        "north": "a run is under way",
        "shops/south": "every published",
    }.items():
        assert str(Daemon(shops[prefix]).tick("refresh_outdated")).startswith(words)
    instance.delete_run(waiting.run_id)
    assert forget_old_runs(instance, "shops/south", datetime.now(UTC) + timedelta(days=1)) == 1
    assert [len(list(runs_of(instance, prefix))) for prefix in SHOPS] == [1, 1, 0]


def test_a_late_row_of_one_shop_outdates_days_of_that_shop_only(shops: dict[str, World]) -> None:
    world = shops["north"]
    world.options |= {"refresh_days": 3660}
    instance, tables = world.instance, ["raw_customers", "raw_orders", "order_aggregates"]
    assert build_tables(world.settings, DAY, DAY, instance, tables=tables).success
    order = {"order_id": "1", "customer_id": "of 1", "order_date": DAY.isoformat(), "order_amount": "1"}
    world.orders([order])
    assert build_tables(world.settings, DAY, DAY, instance, tables=["raw_customers", "raw_orders"]).success
    request = Daemon(world).tick("refresh_outdated")
    assert isinstance(request, dg.RunRequest)
    assert request.asset_selection == [dg.AssetKey(["north", "order_aggregates"])]
    Daemon(world).start(request, DAILY_JOB)
    assert world.by_customer("order_aggregates", DAY.isoformat())["of 1"]["total_orders"] == 1


def test_an_alert_names_the_shop(shops: dict[str, World]) -> None:
    world = shops["shops/south"]
    world.orders([{"order_id": "1", "customer_id": "nobody", "order_date": DAY.isoformat(), "order_amount": "1"}])
    with listening() as hook:
        world.options["alert_webhook"] = hook.address
        outcome = build_tables(world.settings, DAY, DAY, world.instance, tables=["raw_customers", "raw_orders"])
        assert list(outcome.failures) == ["shops/south/raw_orders"]
        (message,) = hook.messages
    assert "• shops/south/raw_orders, rule rejected_share (error)" in message["blocks"][1]["text"]["text"]


def test_a_prefix_reaches_every_asset_check_pool_and_link() -> None:
    plain, north = (
        build_definitions(Settings(asset_key_prefix=prefix)).resolve_asset_graph() for prefix in ("", "north")
    )
    assert {key.with_prefix("north") for key in plain.get_all_asset_keys()} == set(north.get_all_asset_keys())
    assert {(key.asset_key.with_prefix("north"), key.name) for key in plain.asset_check_keys} == {
        (key.asset_key, key.name) for key in north.asset_check_keys
    }
    for key in plain.get_all_asset_keys():
        ours = north.get(key.with_prefix("north"))
        assert {each.with_prefix("north") for each in plain.get(key).parent_keys} == set(ours.parent_keys)
        # Dagster takes assets of one table name for the same table.
        assert ours.metadata.get("dagster/table_name") != plain.get(key).metadata.get("dagster/table_name", "")
        assert (ours.pools or set()) == {f"north_{pool}" for pool in plain.get(key).pools or ()}


def test_tags_say_whose_an_asset_is_how_far_from_the_sources_and_whether_it_holds_rows_of_persons() -> None:
    settings = Settings(asset_domain="retention", asset_owner="ann@example.com")
    graph = build_definitions(settings).resolve_asset_graph()
    tags = {key.path[-1]: graph.get(key).tags for key in graph.get_all_asset_keys()}
    assert {each["domain"] for each in tags.values()} == {"retention"}
    assert {owner for key in graph.get_all_asset_keys() for owner in graph.get(key).owners} == {"ann@example.com"}
    assert {name for name, each in tags.items() if each["tier"] == "bronze"} == {
        "raw_customers",
        "raw_orders",
        "raw_web_events",
    }
    steps = {"sessions", "order_aggregates", "customer_features", "return_rates"}
    assert {name for name, each in tags.items() if each["tier"] == "silver"} == steps
    totals = {
        *("return_rates", "engagement_metrics", "campaign_results", "score_backtest", "power_bi_project"),
        "yesterdays_snapshot",
    }
    assert {name for name, each in tags.items() if each["personal_data"] == "no"} == totals
    assert set(SERVED) <= set(tags)


@pytest.mark.parametrize(
    "wrong", [{"asset_key_prefix": "a__b"}, {"asset_key_prefix": "a/"}, {"asset_owner": "somebody"}]
)
def test_what_dagster_would_refuse_is_refused_as_a_setting(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        Settings(**wrong)
