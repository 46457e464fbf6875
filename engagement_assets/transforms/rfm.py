"""RFM: quintiles of recency, frequency and monetary value among the day's buyers, and the segments that are named after them."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

#: Where the quintiles are cut: percentiles of the buyers' values, linearly interpolated.
_CUTS = (0.2, 0.4, 0.6, 0.8)

_MEASURES = {"recency": "recency_days", "frequency": "total_orders", "monetary": "total_revenue"}


def rfm_limits() -> list[Column]:
    """Aggregates of a day's customers: the four limits of each measure over those who have ordered.

    Columns recency_limits, frequency_limits, monetary_limits: arrays, null without buyers.
    """
    is_buyer = F.col("total_orders") > 0
    return [
        F.percentile(F.when(is_buyer, F.col(column).cast("double")), list(_CUTS)).alias(f"{name}_limits")
        for name, column in _MEASURES.items()
    ]


def _passed(measure: str) -> Column:
    """How many of the four limits a value is above. Equal values always are in the same quintile."""
    value, limits = F.col(_MEASURES[measure]).cast("double"), F.col(f"{measure}_limits")
    steps = [F.when(value > limits[number], 1).otherwise(0) for number in range(len(_CUTS))]
    return steps[0] + steps[1] + steps[2] + steps[3]


def rfm_segment(recency: Column, frequency: Column) -> Column:
    """The named segment by the quintiles of recency and frequency; Prospects have never ordered."""
    return (
        F.when(recency.isNull(), "Prospects")
        .when((recency <= 2) & (frequency <= 2), "Hibernating")
        .when((recency <= 2) & (frequency <= 4), "At Risk")
        .when(recency <= 2, "Cannot Lose Them")
        .when((recency == 3) & (frequency <= 2), "About to Sleep")
        .when((recency == 3) & (frequency == 3), "Need Attention")
        .when((recency == 5) & (frequency >= 4), "Champions")
        .when(frequency >= 4, "Loyal Customers")
        .when(frequency >= 2, "Potential Loyalists")
        .when(recency == 4, "Promising")
        .otherwise("New Customers")
    )


def with_rfm(limited: DataFrame) -> DataFrame:
    """Add rfm_recency, rfm_frequency, rfm_monetary (1 to 5, 5 is best; null for never-buyers) and rfm_segment.

    `limited` has the columns of `rfm_limits` of its day beside the features; they are dropped.
    """
    is_buyer = F.col("total_orders") > 0
    return (
        limited.withColumns(
            {
                "rfm_recency": F.when(is_buyer, F.lit(5) - _passed("recency")),
                "rfm_frequency": F.when(is_buyer, F.lit(1) + _passed("frequency")),
                "rfm_monetary": F.when(is_buyer, F.lit(1) + _passed("monetary")),
            }
        )
        .withColumn("rfm_segment", rfm_segment(F.col("rfm_recency"), F.col("rfm_frequency")))
        .drop(*[f"{name}_limits" for name in _MEASURES])
    )
