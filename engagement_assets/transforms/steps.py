"""Steps that several transforms share.

Facts that count on more days than their own are repeated for each day of a range on which they count, then summed per day. What
happened before the range is summed up first, to one row per customer where it counts alike. Running totals in a window per
customer cost more: an engine opens each window by itself, and most customers have few rows.
"""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F


def each_day(facts: DataFrame, begin: Column, until: Column) -> DataFrame:
    """Repeat each row for the days from `begin` to `until`, both included, as `as_of_date`; rows without such days go."""
    return facts.filter(begin <= until).withColumn("as_of_date", F.explode(F.sequence(begin, until)))


def collected(aggregates: DataFrame) -> DataFrame:
    """A few rows, computed once and held by the driver: an engine computes a frame anew for each use of it."""
    return aggregates.sparkSession.createDataFrame(aggregates.collect(), aggregates.schema)


def band(value: Column, begins: Sequence[int]) -> Column:
    """Where the band of a value begins, of bands that begin at `begins`, in rising order; null below the first."""
    return F.coalesce(*[F.when(value >= begin, begin) for begin in reversed(begins)])
