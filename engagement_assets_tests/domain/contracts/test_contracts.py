"""The contracts: one list of columns, and SQL predicates that say what pandera says."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pandera.pyspark as pa
import pyspark.sql.types as T
import pytest
from pyspark.sql import SparkSession

from engagement_assets.domain.contracts import TABLES, Contract, OrderAggregates, RawOrders
from engagement_assets.domain.contracts.base import UntranslatedCheckError
from engagement_assets.engine import EngineResource
from engagement_assets.pipeline.checks.audited import Audited, count_violations, gate_faults
from engagement_assets_tests.worlds import Row

DAY = date(2025, 3, 1)


@pytest.fixture
def spark(engine: EngineResource) -> SparkSession:
    return engine.spark_session


def violations(
    spark: SparkSession, contract: type[Contract], rows: list[Row]
) -> tuple[dict[str, int], list[str], bool]:
    """The violated conditions with their counts, the gate's findings, whether pandera by itself finds fault.

    By itself means column by column and check by check, as pandera runs a model; it knows nothing of rules across columns.
    """
    frame = spark.createDataFrame([tuple(row[name] for name in contract.columns()) for row in rows], contract.struct())
    counted = count_violations(Audited(frame, contract, [DAY.isoformat()], {}))[DAY.isoformat()]
    alone: Any = contract.to_schema().validate(frame, lazy=True).pandera.errors
    return {name: count for name, count in counted.items() if count}, gate_faults(frame, contract), alone != {}


def an_order(**changes: Any) -> Row:
    good = {
        "as_of_date": DAY,
        "order_id": "o1",
        "customer_id": "c1",
        "order_date": datetime(2025, 3, 1, 12),
        "order_amount": Decimal("9.99"),
    }
    return {**good, **changes}


def an_aggregate(**changes: Any) -> Row:
    good = {
        "as_of_date": DAY,
        "customer_id": "c1",
        "total_orders": 2,
        "order_days": 2,
        "total_revenue": Decimal("20.00"),
        "revenue_last_365_days": Decimal("20.00"),
        "decayed_revenue": 18.5,
        "first_order_date": date(2025, 1, 5),
        "last_order_date": DAY,
        "total_orders_30_days_before": 1,
        "total_revenue_30_days_before": Decimal("5.00"),
        "last_order_date_30_days_before": date(2025, 1, 5),
    }
    return {**good, **changes}


_DAYS = "a day with an order has one"


def test_good_rows_violate_nothing(spark: SparkSession) -> None:
    assert violations(spark, RawOrders, [an_order()]) == ({}, [], False)
    assert violations(spark, OrderAggregates, [an_aggregate()]) == ({}, [], False)


@pytest.mark.parametrize(
    ("contract", "rows", "broken"),
    [
        (RawOrders, [an_order(customer_id=None)], {"customer_id is not null": 1}),
        (RawOrders, [an_order(order_amount=Decimal("-0.01"))], {"order_amount >= 0": 1}),
        (RawOrders, [an_order(), an_order(customer_id="c2")], {"one row per as_of_date, order_id": 1}),
        (
            OrderAggregates,
            [an_aggregate(total_orders=0, total_orders_30_days_before=0)],
            {"total_orders >= 1": 1, _DAYS: 1},
        ),
        (OrderAggregates, [an_aggregate(order_days=None)], {_DAYS: 1}),
        (OrderAggregates, [an_aggregate(last_order_date=date(2025, 3, 2))], {"no order after the as-of date": 1}),
        (OrderAggregates, [an_aggregate(total_orders_30_days_before=3)], {"totals do not fall": 1}),
        (
            OrderAggregates,
            [an_aggregate(), an_aggregate(customer_id="c2", total_revenue=None)],
            {"total_revenue is not null": 1, "totals do not fall": 1, "a year is part of all": 1},
        ),
    ],
)
def test_predicates_and_pandera_find_the_same_fault(
    spark: SparkSession, contract: type[Contract], rows: list[Row], broken: dict[str, int]
) -> None:
    counted, gate_findings, pandera_finds_fault = violations(spark, contract, rows)
    assert counted == broken
    assert gate_findings
    within_columns = [name for name in broken if name not in contract._row_rules]
    assert pandera_finds_fault == bool(within_columns)


@pytest.mark.parametrize("contract", TABLES.values(), ids=list(TABLES))
def test_every_column_of_every_table_says_what_it_holds(contract: type[Contract]) -> None:
    assert [name for name, column in contract.columns().items() if not column.description] == []
    assert contract.describe()


def test_a_pandera_check_without_a_translation_is_an_error_not_a_gap() -> None:
    class Odd(Contract):
        """One odd row."""

        label: T.StringType() = pa.Field(nullable=True, str_startswith="x")  # type: ignore[valid-type]

        class Config:
            name = "odd"

    with pytest.raises(UntranslatedCheckError, match="str_startswith"):
        Odd.rules()


def test_the_gate_does_not_pass_where_validation_is_switched_off(
    spark: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pandera.config import config_context

    frame = spark.createDataFrame([], RawOrders.struct())
    with config_context(validation_enabled=False):
        assert "switched off" in gate_faults(frame, RawOrders)[0]
