"""Step functions: totals that change on some days only, told for every day of a range in one pass.

A total per customer and day is a step function of the day. Instead of summing the past anew for each day, the changes are
listed, summed up once in order, and each resulting value is repeated for the days until the next change. The cost grows
with the rows in and the rows out, not with their product.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F


def totals_per_day(
    changes: DataFrame, totals: Mapping[str, Column], first: date, last: date, *, until: str = "valid_to"
) -> DataFrame:
    """Sum changes up to each day.

    Parameters: `changes` has customer_id, day and what `totals` names; `totals` maps a column to an aggregate of it that can
    be taken again over its own results (sum, min or max). Changes before `first` count from `first` on, those after
    `last` not at all.
    Returns: customer_id, day (of the change), `until` (the last day the totals hold), and the totals as of that day.
    """
    daily = (
        changes.filter(F.col("day") <= F.lit(last))
        .withColumn("day", F.greatest(F.col("day"), F.lit(first)))
        .groupBy("customer_id", "day")
        .agg(*[aggregate.alias(name) for name, aggregate in totals.items()])
    )
    so_far = Window.partitionBy("customer_id").orderBy("day").rowsBetween(Window.unboundedPreceding, 0)
    next_day = F.lead("day").over(Window.partitionBy("customer_id").orderBy("day"))
    return daily.select(
        "customer_id",
        "day",
        F.coalesce(F.date_sub(next_day, 1), F.lit(last)).alias(until),
        *[aggregate.over(so_far).alias(name) for name, aggregate in totals.items()],
    )


def each_day(steps: DataFrame, begin: str | Column = "day", until: str = "valid_to") -> DataFrame:
    """Repeat each step for the days it holds, as `as_of_date`."""
    start = F.col(begin) if isinstance(begin, str) else begin
    days = F.explode(F.sequence(start, F.col(until)))
    return steps.filter(start <= F.col(until)).withColumn("as_of_date", days).drop("day", until)
