"""Where a customer stands in their life with the shop: exactly one of six stages, from the dates of their orders alone."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from engagement_assets.domain.scoring_policy import ScoringPolicy


def lifecycle_stage(policy: ScoringPolicy) -> Column:
    """The stage of each customer; every customer has exactly one. The first rule that holds decides:

    - Prospect: never ordered;
    - New: the first order is at most `activity_window_days` ago;
    - Reactivated: the latest is, and the customer had lapsed as of the day before the activity window;
    - Active: the latest is at most `activity_window_days` ago;
    - Slipping: less than `lapsed_after_days` ago;
    - Lapsed: longer ago.

    Reads first_order_date, recency_days and recency_days_30_days_before of `customer_features`.
    """
    width = policy.activity_window_days
    recency = F.col("recency_days")
    is_recent = recency <= width
    had_lapsed = F.col("recency_days_30_days_before") >= policy.lapsed_after_days
    return (
        F.when(recency.isNull(), "Prospect")
        .when(F.datediff("as_of_date", "first_order_date") <= width, "New")
        .when(is_recent & had_lapsed, "Reactivated")
        .when(is_recent, "Active")
        .when(recency < policy.lapsed_after_days, "Slipping")
        .otherwise("Lapsed")
    )


def stage_transitions(changes: DataFrame, now: DataFrame, policy: ScoringPolicy) -> DataFrame:
    """How many customers went from which stage to which since the day before, those who stayed included.

    Parameters: `changes` has the columns of the contract `segment_changes`; `now` those of `customer_features`, whole snapshots
    of the same days, none of them without a day before it.
    Returns: as_of_date, previous_lifecycle_stage (null for who is new), lifecycle_stage, customers; no row for none.
    """
    previous, stage = F.col("previous_lifecycle_stage"), F.col("lifecycle_stage")
    counted = F.count(F.lit(1)).alias("customers")
    moved = (
        changes.filter(previous.isNull() | (previous != stage))
        .groupBy("as_of_date", "previous_lifecycle_stage", "lifecycle_stage")
        .agg(counted)
    )
    arrived = moved.groupBy("as_of_date", "lifecycle_stage").agg(F.sum("customers").alias("arrived"))
    there = (
        now.withColumn("lifecycle_stage", lifecycle_stage(policy)).groupBy("as_of_date", "lifecycle_stage").agg(counted)
    )
    # Whoever changed stage has a row among the changes: all others stayed where they are.
    stayed = there.join(arrived, on=["as_of_date", "lifecycle_stage"], how="left").select(
        "as_of_date",
        stage.alias("previous_lifecycle_stage"),
        "lifecycle_stage",
        (F.col("customers") - F.coalesce("arrived", F.lit(0))).alias("customers"),
    )
    return moved.unionByName(stayed.filter(F.col("customers") > 0))
