"""Return rates and the sums of orders behind them, against plain Python; the same whichever days are computed together."""

from __future__ import annotations

import math
from collections import Counter
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from pyspark.sql import SparkSession

from engagement_assets.domain.return_chance import ORDER_DAYS_FROM, SILENCE_FROM, anchor_of
from engagement_assets.domain.scoring_policy import ScoringPolicy
from engagement_assets.engine import EngineResource
from engagement_assets.transforms.order_aggregates import aggregate_orders
from engagement_assets.transforms.return_rates import count_steps, rates_of
from engagement_assets_tests.transforms.made_up_orders import FIRST, LAST, ONE_DAY, START, Shop, made_up
from engagement_assets_tests.worlds import Row


@pytest.fixture(scope="module")
def spark(engine: EngineResource) -> SparkSession:
    return engine.spark_session


@pytest.fixture(scope="module")
def shop() -> Shop:
    return made_up()


def rates(spark: SparkSession, shop: Shop, first: date, last: date) -> list[Row]:
    counted = count_steps(*shop.frames(spark, last), START, first, last)
    days = [first + ONE_DAY * n for n in range((last - first).days + 1)]
    return [row.asDict() for row in rates_of(spark, counted, START, days).collect()]


def begin(value: int, begins: tuple[int, ...]) -> int:
    return max(limit for limit in begins if limit <= value)


def by_hand(shop: Shop, day: date) -> tuple[Counter[Any], Counter[Any], float]:
    """Per cell: who stood there, who came back; and the revenue factor. Row by row, from the definitions."""
    epoch = date(1970, 1, 1)
    multiples = [epoch + ONE_DAY * n for n in range(0, (day - epoch).days, 15)]
    earlier = [t for t in multiples if t + 90 * ONE_DAY <= day and t >= START + 30 * ONE_DAY][-6:]
    stood: Counter[Any] = Counter()
    back: Counter[Any] = Counter()
    spent = worth = 0.0
    for t in earlier:
        for who, signup in shop.signups.items():
            own = [(on, float(amount)) for on, other, amount in shop.orders if other == who]
            before = [order for order in own if order[0] <= t]
            if signup > t or not before:
                continue
            order_days = {on for on, _ in before}
            cell = begin((t - max(order_days)).days, SILENCE_FROM), begin(len(order_days), ORDER_DAYS_FROM)
            after = [amount for on, amount in own if t < on <= t + 90 * ONE_DAY]
            stood[cell] += 1
            back[cell] += bool(after)
            spent += sum(after)
            decayed = sum(amount * math.exp(-(t - on).days / 180) for on, amount in before)
            worth += decayed / (1 - math.exp(-((t - START).days + 1) / 180))
    return stood, back, spent / worth / (1 - math.exp(-((day - START).days + 1) / 180))


def test_the_rates_of_a_day_are_those_that_plain_python_counts(spark: SparkSession, shop: Shop) -> None:
    for day in (FIRST, LAST):
        found = rates(spark, shop, day, day)
        stood, back, factor = by_hand(shop, day)
        assert len(found) == len(SILENCE_FROM) * len(ORDER_DAYS_FROM)
        cells = {(row["silence_from_days"], row["order_days_from"]): row for row in found}
        assert {cell: row["customers"] for cell, row in cells.items() if row["customers"]} == dict(stood)
        assert {cell: row["came_back"] for cell, row in cells.items() if row["came_back"]} == dict(+back)
        assert [row["revenue_factor"] for row in found] == pytest.approx([factor] * len(found), rel=1e-12)
        assert {row["counted_days"] for row in found} == {6}
        assert cells[45, 4]["silence_to_days"], cells[45, 4]["order_days_to"] == (59, 5)
        assert (cells[365, 30]["silence_to_days"], cells[365, 30]["order_days_to"]) == (None, None)


def test_a_range_counts_what_its_days_count_each_by_itself(spark: SparkSession, shop: Shop) -> None:
    """To the last digit; on the day of the range that is alone only what was known at its end is there."""
    together = rates(spark, shop, FIRST, LAST)
    for day in (FIRST, anchor_of(LAST), LAST):
        assert [row for row in together if row["as_of_date"] == day] == rates(spark, shop, day, day)


def test_a_day_before_anything_is_known_has_no_rates(spark: SparkSession, shop: Shop) -> None:
    # The first multiple of 15 days that is 30 days after 20 February 2024 is 2 April; 90 days later, on 1 July, it is known.
    unknown, known = date(2024, 6, 30), date(2024, 7, 1)
    assert rates(spark, shop, unknown, unknown) == []
    assert {row["last_counted_day"] for row in rates(spark, shop, known, known)} == {date(2024, 4, 2)}


def test_what_customers_ordered_is_what_plain_python_adds_up_and_the_same_alone_and_in_a_range(
    spark: SparkSession, shop: Shop
) -> None:
    assert FIRST < anchor_of(LAST) <= LAST
    policy = ScoringPolicy()
    together = aggregate_orders(*shop.frames(spark, LAST), policy, FIRST, LAST).collect()
    for day in (FIRST, date(2025, 3, 12), date(2025, 3, 13), LAST):
        alone = aggregate_orders(*shop.frames(spark, day), policy, day, day).collect()
        rows = {row["customer_id"]: row.asDict() for row in alone}
        assert {row["customer_id"]: row.asDict() for row in together if row["as_of_date"] == day} == rows
        for who, signup in shop.signups.items():
            own = [(on, amount) for on, other, amount in shop.orders if other == who and on <= day]
            assert (who in rows) == (signup <= day and bool(own))
            if who in rows:
                assert rows[who]["order_days"] == len({on for on, _ in own})
                of_year = sum((amount for on, amount in own if (day - on).days < 365), Decimal(0))
                assert rows[who]["revenue_last_365_days"] == of_year
                decayed = sum(float(amount) * math.exp(-(day - on).days / 180) for on, amount in own)
                assert rows[who]["decayed_revenue"] == pytest.approx(decayed, rel=1e-12, abs=1e-12)
