"""Write, audit, publish: what Dagster shows for each day, in single and range runs, good and bad days mixed."""

from __future__ import annotations

import dagster as dg
import pytest

from engagement_assets.definitions import build_definitions
from engagement_assets.domain.contracts import EngagementScores, OrderAggregates
from engagement_assets.pipeline.asset_factory import unbound
from engagement_assets.pipeline.checks import rules
from engagement_assets.pipeline.partitions import daily_partitions
from engagement_assets.transforms import order_aggregates as step
from engagement_assets_tests.worlds import World, failures

FIRST, LAST, BAD = "2025-03-01", "2025-03-04", "2025-03-03"

Ranged = tuple[World, dg.ExecuteInProcessResult]


def stocked(world: World) -> World:
    """Two customers, an order on most days."""
    world.options["start_date"] = "2025-03-01"
    world.customers([{"customer_id": "a"}, {"customer_id": "b"}])
    world.parquet(
        "orders",
        "orders.parquet",
        [
            {
                "order_id": f"o{day}",
                "customer_id": "ab"[day % 2],
                "order_date": f"2025-03-{day:02d}",
                "order_amount": "1.00",
            }
            for day in range(1, 5)
        ],
    )
    return world


@pytest.fixture
def shop(world: World) -> World:
    """The shop of a test of its own, before any run."""
    return stocked(world)


@pytest.fixture(scope="module")
def ranged(tmp_path_factory: pytest.TempPathFactory, engine: object) -> Ranged:
    """A shop, and the run of all its days; tests may run days again that give the same rows."""
    world = stocked(World(tmp_path_factory.mktemp("ranged")))
    return world, world.run(FIRST, LAST)


def check_state(world: World, asset: str, check: str) -> dict[str, str]:
    """Day -> passed or failed, as Dagster keeps it per partition."""
    partitions = daily_partitions(world.settings)
    key = dg.AssetCheckKey(dg.AssetKey(asset), check)
    state = world.instance.event_log_storage.get_asset_check_state([(key, partitions)])[key]
    return {
        day: status.value
        for status, subset in state.subsets.items()
        for day in subset.subset_value.get_partition_keys()
    }


def break_one_day(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on order aggregation writes an order from the future into one day."""
    from pyspark.sql import functions as F

    right = step.aggregate_orders

    def wrong(*args: object) -> object:
        rows = right(*args)  # type: ignore[arg-type]
        bad = F.when(F.col("as_of_date") == F.lit(BAD), F.date_add("as_of_date", 1)).otherwise(F.col("last_order_date"))
        return rows.withColumn("last_order_date", bad)

    monkeypatch.setattr("engagement_assets.pipeline.assets.engagement.aggregate_orders", wrong)


def evaluations(result: dg.ExecuteInProcessResult, asset: str, check: str) -> dict[str, bool]:
    return {
        str(e.partition): e.passed
        for e in result.get_asset_check_evaluations()
        if e.asset_key == dg.AssetKey(asset) and e.check_name == check
    }


def test_a_range_run_records_each_check_for_each_day(ranged: Ranged) -> None:
    shop, result = ranged
    days = {f"2025-03-0{n}": True for n in range(1, 5)}
    for asset, check in [
        ("raw_orders", "contract"),
        ("customer_features", "contract"),
        ("engagement_scores", "contract"),
    ]:
        assert evaluations(result, asset, check) == days
        assert set(check_state(shop, asset, check)) == set(days)


def test_a_single_day_records_its_own_checks_and_that_it_filled_in_others(shop: World) -> None:
    result = shop.run(LAST)
    assert set(evaluations(result, "raw_orders", "contract")) == {LAST}
    assert set(evaluations(result, "engagement_scores", "contract")) == {LAST}
    assert shop.instance.get_materialized_partitions(dg.AssetKey("raw_orders")) == {
        f"2025-03-0{n}" for n in range(1, 5)
    }


def test_a_bad_day_is_not_published_the_others_are_and_downstream_stops(
    shop: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_one_day(monkeypatch)
    result = shop.run(FIRST, LAST, expect=False)
    assert sorted(shop.lake.partitions(OrderAggregates)) == ["2025-03-01", "2025-03-02", "2025-03-04"]
    assert shop.instance.get_materialized_partitions(dg.AssetKey("order_aggregates")) == {
        "2025-03-01",
        "2025-03-02",
        LAST,
    }
    assert shop.lake.partitions(EngagementScores) == {}
    assert evaluations(result, "order_aggregates", "contract")[BAD] is False
    assert f"{BAD}: contract: no order after the as-of date" in failures(result)


def test_a_bad_day_leaves_its_older_version_readable_and_is_repaired_by_a_run(
    ranged: Ranged, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop, _ = ranged
    before = shop.rows("order_aggregates", BAD)
    with monkeypatch.context() as broken:
        break_one_day(broken)
        shop.run(FIRST, LAST, expect=False)
        assert shop.rows("order_aggregates", BAD) == before
        assert check_state(shop, "order_aggregates", "contract")[BAD] == "FAILED"
    shop.run(BAD)
    assert shop.rows("order_aggregates", BAD) == before
    assert check_state(shop, "order_aggregates", "contract")[BAD] == "SUCCEEDED"


def test_running_again_gives_the_same_rows_and_loses_nothing(ranged: Ranged) -> None:
    shop, _ = ranged
    before = {table: shop.rows(table) for table in ("raw_orders", "engagement_scores")}
    shop.run("2025-03-02", BAD)
    assert {table: shop.rows(table) for table in before} == before


def test_check_results_hold_counts_and_no_values(ranged: Ranged) -> None:
    recorded = ranged[1].get_asset_check_evaluations()
    assert len(recorded) > 100
    for evaluation in recorded:
        assert isinstance(evaluation.metadata["violations"].value, int)
        assert "example.com" not in str(evaluation.metadata)


def test_every_rule_is_declared_with_the_partitions_of_its_asset(shop: World) -> None:
    definitions = build_definitions(shop.settings)
    specs = list(definitions.resolve_asset_graph().asset_check_keys)
    assert len(specs) >= 15
    assert all(rule.blocking for rule in rules.contract_rules(OrderAggregates, unbound))


def test_too_many_rejected_rows_stop_the_publication_and_are_still_shown(world: World) -> None:
    world.options["start_date"] = "2025-03-30"
    world.customers([{"customer_id": "a"}])
    good = {"customer_id": "a", "order_date": "2025-03-31", "order_amount": "1"}
    world.parquet(
        "orders",
        "o.parquet",
        [{"order_id": "1", **good}, *[{"order_id": str(n), **good, "order_amount": "-1"} for n in range(2, 6)]],
    )
    result = world.run("2025-03-31", expect=False)
    stopped = failures(result)
    assert "2025-03-30 to 2025-03-31: rejected_share: rejected share is at most 50.0% (4 rows): " in stopped
    assert "of 5 rows read 4 negative_amount; `engagement rejects --source orders` shows them" in stopped
    assert world.rows("raw_orders") == []
    assert world.rejected() == {"orders:negative_amount": 4}


def test_a_noticeable_share_of_rejected_rows_is_a_warning(world: World) -> None:
    world.options["start_date"] = "2025-03-30"
    world.customers([{"customer_id": "a"}])
    row = {"customer_id": "a", "order_date": "2025-03-31"}
    world.parquet(
        "orders", "o.parquet", [{"order_id": str(n), **row, "order_amount": "-1" if n == 9 else "1"} for n in range(10)]
    )
    result = world.run("2025-03-31", tables=["raw_customers", "raw_orders"])
    (warning,) = [e for e in result.get_asset_check_evaluations() if e.check_name == "rejected_share" and not e.passed]
    assert warning.severity == dg.AssetCheckSeverity.WARN
    assert warning.metadata["rejected_share"].value == 0.1
