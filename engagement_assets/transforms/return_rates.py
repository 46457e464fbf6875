"""Return rates: who stood where at earlier days, and who of them came back within 90 days; what was spent in these."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from itertools import groupby
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
    anchor_of,
    chances,
    day_of,
    decayed_share,
    steps_before,
)
from engagement_assets.transforms.steps import band, weighed


@dataclass
class StepCounts:
    """What was counted at an earlier day: customers and who came back per cell; what all had spent, decayed, and spent after."""

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
    found: dict[int, StepCounts] = {}
    for anchor, together in groupby(steps, key=lambda step: anchor_of(day_of(step))):
        own = list(together)
        found |= _counted(orders, customers, range(own[0], own[-1] + 1), anchor)
    return found


def _counted(orders: DataFrame, customers: DataFrame, steps: range, anchor: date) -> dict[int, StepCounts]:
    last_step = steps[-1] + OUTCOME_STEPS
    daily = (
        orders.filter(F.col("as_of_date") <= F.lit(day_of(last_step)))
        .groupBy("customer_id", "as_of_date")
        .agg(F.sum("order_amount").alias("revenue"))
        .join(customers.select("customer_id", "signup_date"), on="customer_id", how="inner")
        .select(
            "customer_id",
            "revenue",
            F.unix_date("as_of_date").alias("order_day"),
            F.unix_date("signup_date").alias("signup_day"),
            weighed(F.col("revenue"), F.col("as_of_date"), anchor).alias("weighed"),
        )
    )
    by_day = Window.partitionBy("customer_id").orderBy("order_day")
    so_far = by_day.rowsBetween(Window.unboundedPreceding, Window.currentRow)
    standing = daily.select(
        "order_day",
        F.lead("order_day").over(by_day).alias("next_order_day"),
        F.row_number().over(by_day).alias("order_days"),
        F.sum("revenue").over(so_far).alias("revenue"),
        F.sum("weighed").over(so_far).alias("weighed"),
        _step_from(F.col("signup_day")).alias("signup_step"),
        _step_from(F.greatest(F.min("order_day").over(so_far), "signup_day")).alias("known_step"),
    )
    begin = F.greatest(_step_from(F.col("order_day")), F.col("signup_step"), F.lit(steps[0]))
    # Up to the last step before the next order.
    until = F.least(F.coalesce(_step_from(F.col("next_order_day")) - 1, F.lit(last_step)), F.lit(last_step))
    at_steps = standing.filter(begin <= until).withColumn("step", F.explode(F.sequence(begin, until)))
    day = F.col("step") * STEP_DAYS
    was_known = F.col("known_step") <= F.col("step") - OUTCOME_STEPS
    totals = at_steps.groupBy(
        "step",
        band(day - F.col("order_day"), SILENCE_FROM).alias("silence"),
        band(F.col("order_days"), ORDER_DAYS_FROM).alias("order_days"),
    ).agg(
        F.count(F.lit(1)).alias("customers"),
        F.sum(F.when(F.col("next_order_day") <= day + OUTCOME_DAYS, 1).otherwise(0)).alias("came_back"),
        F.sum("weighed").alias("weighed"),
        F.sum("revenue").alias("revenue"),
        F.sum(F.when(was_known, F.col("revenue"))).alias("revenue_of_known"),
    )
    # In an order of their own: sums of Python's decimals are rounded too.
    rows = sorted(totals.collect(), key=lambda row: (row["step"], row["silence"], row["order_days"]))
    return _by_step([row.asDict() for row in rows], steps, anchor)


def _step_from(day: Column) -> Column:
    """The first step on or after a day, both as numbers."""
    return F.floor((day + (STEP_DAYS - 1)) / STEP_DAYS).cast("int")


def _by_step(rows: Iterable[Mapping[str, Any]], steps: range, anchor: date) -> dict[int, StepCounts]:
    found = {step: StepCounts() for step in steps}
    weights: defaultdict[int, Decimal] = defaultdict(Decimal)
    revenue: defaultdict[int, Decimal] = defaultdict(Decimal)
    revenue_of_known: defaultdict[int, Decimal] = defaultdict(Decimal)
    for row in rows:
        step = row["step"]
        revenue[step] += row["revenue"]
        # What those who were known six steps before have spent by now, less what all had spent then, was spent in between.
        revenue_of_known[step] += row["revenue_of_known"] or 0
        if step in found:
            cell = (row["silence"], row["order_days"])
            found[step].customers[cell] = row["customers"]
            found[step].came_back[cell] = row["came_back"]
            weights[step] += row["weighed"]
    for step, counts in found.items():
        counts.decayed_revenue = float(weights[step]) * math.exp((anchor - day_of(step)).days / DECAY_DAYS)
        counts.spent_after = revenue_of_known[step + OUTCOME_STEPS] - revenue[step]
    return found


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
