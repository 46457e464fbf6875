"""Return rates: who stood where at earlier days, and who of them came back within 90 days; what was spent in these."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from pyspark.sql import Column, DataFrame, SparkSession, Window
from pyspark.sql import functions as F

from engagement_assets.domain.contracts import ReturnRates
from engagement_assets.domain.return_chance import (
    DECAY_DAYS,
    ORDER_DAYS_FROM,
    OUTCOME_DAYS,
    OUTCOME_STEPS,
    SILENCE_FROM,
    STEP_DAYS,
    Cell,
    chances,
    day_of,
    decayed_share,
    steps_before,
)
from engagement_assets.transforms.steps import band

#: Order days are numbered through all customers of a bucket: opening a window for each customer costs more than sorting them.
_BUCKETS = 64


@dataclass
class StepCounts:
    """What was counted at a step: customers and who came back per cell; what all had spent, decayed, and spent after."""

    customers: dict[Cell, int] = field(default_factory=dict)
    came_back: dict[Cell, int] = field(default_factory=dict)
    decayed_revenue: float = 0.0
    spent_after: Decimal = Decimal(0)


def count_steps(orders: DataFrame, customers: DataFrame, start: date, first: date, last: date) -> dict[int, StepCounts]:
    """Count the steps that the snapshots from `first` to `last` look back on, each once.

    Parameters: `orders` (as_of_date, customer_id, order_amount), all of them dated up to `last`; `customers` (customer_id,
    signup_date), all who had signed up by `last`: a buyer is counted from the sign-up on. `start` is the first partition.
    """
    steps = range(steps_before(first, start).start, steps_before(last, start).stop)
    counted = {step: StepCounts() for step in steps}
    if not counted:
        return {}
    daily = (
        orders.filter(F.col("as_of_date") <= F.lit(day_of(steps[-1] + OUTCOME_STEPS)))
        .groupBy("customer_id", F.unix_date("as_of_date").alias("order_day"))
        .agg(F.sum("order_amount").alias("revenue"))
    )
    signups = customers.select("customer_id", F.unix_date("signup_date").alias("signup_day"))
    for row in _standing(daily, signups, steps).collect():
        cell = (row["silence"], row["order_days"])
        counted[row["step"]].customers[cell] = row["customers"]
        counted[row["step"]].came_back[cell] = row["came_back"]
    # In an order of their own: sums of doubles depend on it.
    for row in sorted(_spent(daily, signups).collect()):
        for step in steps:
            if max(row["order_step"], row["known_step"]) <= step:
                ago = (step - row["order_step"]) * STEP_DAYS
                counted[step].decayed_revenue += float(row["weighed"]) * math.exp(-ago / DECAY_DAYS)
            if row["known_step"] <= step < row["order_step"] <= step + OUTCOME_STEPS:
                counted[step].spent_after += row["revenue"]
    return counted


def _standing(daily: DataFrame, signups: DataFrame, steps: range) -> DataFrame:
    """Per step and cell: buyers who stood there, and those of them who came back."""
    by_customer = Window.partitionBy("bucket").orderBy("customer_id", "order_day")
    numbered = (
        daily.join(signups, on="customer_id", how="inner")
        .withColumn("bucket", F.pmod(F.hash("customer_id"), F.lit(_BUCKETS)))
        .select(
            "*",
            F.row_number().over(by_customer).alias("row"),
            F.lag("customer_id").over(by_customer).alias("previous_customer"),
            F.lead("customer_id").over(by_customer).alias("next_customer"),
            F.lead("order_day").over(by_customer).alias("next_day"),
        )
    )
    is_first = F.coalesce(F.col("previous_customer") != F.col("customer_id"), F.lit(True))
    first_row = F.max(F.when(is_first, F.col("row"))).over(
        by_customer.rowsBetween(Window.unboundedPreceding, Window.currentRow)
    )
    standing = numbered.select(
        "order_day",
        "signup_day",
        (F.col("row") - first_row + 1).alias("order_days"),
        F.when(F.col("next_customer") == F.col("customer_id"), F.col("next_day")).alias("next_order_day"),
    )
    begin = F.greatest(_step_from(F.greatest("order_day", "signup_day")), F.lit(steps[0]))
    # Up to the last step before the next order.
    until = F.least(F.coalesce(_step_from(F.col("next_order_day")) - 1, F.lit(steps[-1])), F.lit(steps[-1]))
    at_steps = standing.filter(begin <= until).withColumn("step", F.explode(F.sequence(begin, until)))
    day = F.col("step") * STEP_DAYS
    return at_steps.groupBy(
        "step",
        band(day - F.col("order_day"), SILENCE_FROM).alias("silence"),
        band(F.col("order_days"), ORDER_DAYS_FROM).alias("order_days"),
    ).agg(
        F.count(F.lit(1)).alias("customers"),
        F.sum(F.when(F.col("next_order_day") <= day + OUTCOME_DAYS, 1).otherwise(0)).alias("came_back"),
    )


def _spent(daily: DataFrame, signups: DataFrame) -> DataFrame:
    """What was spent, by the step on or after the order and the step at which its customer was known as a buyer.

    `weighed` is as of the step: in decimals, whose sums do not depend on the order of the rows.
    """
    known = (
        daily.groupBy("customer_id")
        .agg(F.min("order_day").alias("first_order_day"))
        .join(signups, on="customer_id", how="inner")
        .select("customer_id", _step_from(F.greatest("first_order_day", "signup_day")).alias("known_step"))
    )
    step = _step_from(F.col("order_day"))
    share = F.exp((F.col("order_day") - step * STEP_DAYS) / F.lit(float(DECAY_DAYS)))
    return (
        daily.join(known, on="customer_id", how="inner")
        .groupBy(step.alias("order_step"), "known_step")
        .agg(
            F.sum("revenue").alias("revenue"),
            F.sum((F.col("revenue").cast("double") * share).cast("decimal(38,16)")).alias("weighed"),
        )
    )


def _step_from(day: Column) -> Column:
    """The first step on or after a day, both as numbers."""
    return F.floor((day + (STEP_DAYS - 1)) / STEP_DAYS).cast("int")


def rates_of(spark: SparkSession, counted: Mapping[int, StepCounts], start: date, days: Iterable[date]) -> DataFrame:
    """The rates of snapshots from what `count_steps` counted for them: a row for each cell, and none while nothing is known.

    Returns: the columns of the contract `return_rates`.
    """
    rows = [row for day in days for row in _rows(day, start, counted)]
    return spark.createDataFrame(rows, ReturnRates.struct())


def _rows(day: date, start: date, counted: Mapping[int, StepCounts]) -> list[tuple[Any, ...]]:
    steps = steps_before(day, start)
    customers, came_back = Counter[Cell](), Counter[Cell]()
    for step in steps:
        customers.update(counted[step].customers)
        came_back.update(counted[step].came_back)
    told = (
        len(steps),
        day_of(steps[0]) if steps else None,
        day_of(steps[-1]) if steps else None,
        _revenue_factor({day_of(step): counted[step] for step in steps}, day, start),
    )
    rows = []
    for cell, chance in chances(customers, came_back).items():
        silence, order_days = _limits(cell[0], SILENCE_FROM), _limits(cell[1], ORDER_DAYS_FROM)
        rows.append((day, *silence, *order_days, customers[cell], came_back[cell], chance, *told))
    return rows


def _limits(begin: int, begins: Sequence[int]) -> tuple[int, int | None]:
    """The first and the last value of a band; the last band has no end."""
    return begin, next((later - 1 for later in begins if later > begin), None)


def _revenue_factor(counted: Mapping[date, StepCounts], day: date, start: date) -> float | None:
    """What a unit of decayed revenue brings, as it did after the earlier days; None where nothing had been spent."""

    def share(until: date) -> float:
        return decayed_share((until - start).days + 1)

    spent = sum((counts.spent_after for counts in counted.values()), Decimal(0))
    before = sum(counts.decayed_revenue / share(earlier) for earlier, counts in counted.items())
    return float(spent) / before / share(day) if before else None
