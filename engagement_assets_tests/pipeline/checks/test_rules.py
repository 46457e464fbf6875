"""Rules by name: each finds the fault that it is named after, in a published day of which one row is broken."""

from __future__ import annotations

from datetime import date

import pytest
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from engagement_assets.domain.contracts import TABLES
from engagement_assets.engine import EngineResource
from engagement_assets.pipeline.asset_factory import unbound
from engagement_assets.pipeline.assets.sources import source_rules
from engagement_assets.pipeline.checks.audited import Audited
from engagement_assets.pipeline.checks.kept_out import Rejections
from engagement_assets.pipeline.checks.outcomes import Outcome
from engagement_assets.pipeline.checks.rules import contract_rules
from engagement_assets.sources.registry import SOURCES
from engagement_assets_tests.worlds import World

DAY = "2026-06-30"

#: What the source held: rows by the reason for which they were kept out.
REJECTED = {
    "missing_customer_id": 3,
    "missing_order_id": 4,
    "negative_amount": 5,
    "unknown_customer": 6,
    "outside_observation_window": 7,
}

#: Table and rule -> the column that is broken in one row, by what (SQL), and which other rules see it too.
FAULTS: dict[tuple[str, str], tuple[str, str, set[str]]] = {
    ("raw_customers", "no_null_identifiers"): ("customer_id", "null", set()),
    ("raw_orders", "no_null_identifiers"): ("order_id", "null", set()),
    ("raw_web_events", "no_null_identifiers"): ("customer_id", "null", {"known_customers"}),
    ("raw_orders", "known_customers"): ("customer_id", "'nobody'", set()),
    ("raw_web_events", "known_customers"): ("customer_id", "'nobody'", set()),
    ("raw_orders", "no_negative_amounts"): ("order_amount", "-1", set()),
    ("customer_features", "no_unexpected_nulls"): ("total_revenue", "null", set()),
    ("engagement_scores", "scores_between_0_and_1"): ("frequency_score", "1.01", set()),
    ("engagement_scores", "contributions_add_up"): ("monetary_contribution", "monetary_contribution + 1e-6", set()),
}


def rows_of(world: World, engine: EngineResource, table: str) -> DataFrame:
    return world.lake.read(engine.spark_session, TABLES[table], [DAY])


def broken_rules(world: World, engine: EngineResource, table: str, rows: DataFrame) -> dict[str, Outcome]:
    """The rules of a table that find fault with rows of the day, as they are told of the run."""
    kept_out = Rejections(25, 1000, REJECTED)
    rules = contract_rules(TABLES[table], lambda: kept_out)
    customers = rows_of(world, engine, "raw_customers").select("customer_id", "signup_date")
    if (source := SOURCES.get(table.removeprefix("raw_"))) is not None:
        rules += source_rules(world.settings, source, lambda: customers, lambda: kept_out)
    audited = Audited(rows, TABLES[table], [DAY], {DAY: rows.count()}, world.lake.partitions)
    found = {rule.name: (rule.of_run or (lambda days: days[DAY]))(rule.evaluate(audited)) for rule in rules}
    # Whatever the day, the sample data has events of other types.
    return {name: outcome for name, outcome in found.items() if not outcome.passed and name != "known_event_types"}


@pytest.mark.parametrize(("table", "rule"), FAULTS, ids=lambda name: str(name))
def test_a_broken_row_breaks_the_rule_that_is_named_after_it(
    sample_world: World, engine: EngineResource, table: str, rule: str
) -> None:
    column, value, others = FAULTS[table, rule]
    rows = rows_of(sample_world, engine, table)
    assert broken_rules(sample_world, engine, table, rows) == {}
    first = rows.orderBy(*rows.columns).limit(1).cache()
    key = [name for name in rows.columns if name in ("customer_id", "order_id", "event_time")]
    rest = rows.join(first.select(*key), on=key, how="left_anti").select(*rows.columns)
    changed = first.withColumn(column, F.expr(value).cast(rows.schema[column].dataType))
    broken = broken_rules(sample_world, engine, table, rest.unionByName(changed))
    is_of_contract = rule != "known_customers"
    assert set(broken) == {rule, *others, *({"contract"} if is_of_contract else set())}
    assert sum(broken[rule].violations.values()) == 1


def test_two_rows_of_a_customer_break_one_row_per_customer(sample_world: World, engine: EngineResource) -> None:
    rows = rows_of(sample_world, engine, "customer_features")
    broken = broken_rules(sample_world, engine, "customer_features", rows.unionByName(rows.limit(2)))
    assert set(broken) == {"contract", "one_row_per_customer"}
    assert broken["one_row_per_customer"].violations == {"one row per as_of_date, customer_id": 2}


def test_rules_of_a_source_tell_how_many_of_its_rows_were_kept_out(sample_world: World) -> None:
    kept_out = Rejections(25, 1000, REJECTED)
    orders = SOURCES["orders"]
    rules = [
        *contract_rules(orders.contract, lambda: kept_out),
        *source_rules(sample_world.settings, orders, unbound, lambda: kept_out),
    ]
    nothing = {DAY: Outcome({}), "2026-06-29": Outcome({})}
    told = {rule.name: rule.of_run(nothing).details.get("rows_kept_out") for rule in rules if rule.of_run}
    assert {name: rows for name, rows in told.items() if rows is not None} == {
        "no_null_identifiers": 3 + 4,
        "no_negative_amounts": 5,
        "known_customers": 6,
        "dates_within_window": 7,
    }


def test_days_before_the_first_partition_and_in_the_future_are_outside_the_window(sample_world: World) -> None:
    source = SOURCES["orders"]
    (rule,) = [
        each
        for each in source_rules(sample_world.settings, source, unbound, unbound)
        if each.name == "dates_within_window"
    ]
    days = ["2024-12-31", "2025-01-01", date.max.isoformat()]
    audited = Audited(None, source.contract, days, dict.fromkeys(days, 2))  # type: ignore[arg-type]
    assert [rule.evaluate(audited)[day].passed for day in days] == [False, True, False]
