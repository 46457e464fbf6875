"""Order aggregation: per buyer and day, what they had ordered by then, by 30 days before, and within a year."""

from __future__ import annotations

from datetime import date, timedelta

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from engagement_assets.domain.contracts import OrderAggregates
from engagement_assets.domain.days import ONE_DAY
from engagement_assets.domain.return_chance import DECAY_DAYS, anchor_of
from engagement_assets.domain.scoring_policy import ScoringPolicy
from engagement_assets.transforms.steps import each_day

#: What the revenue of a year is summed over, the as-of date included.
YEAR = timedelta(days=365)


def aggregate_orders(
    orders: DataFrame, customers: DataFrame, policy: ScoringPolicy, first: date, last: date
) -> DataFrame:
    """Order totals of each buyer for the days `first` to `last`.

    Parameters: `orders` (as_of_date, customer_id, order_amount), all of them dated up to `last`; `customers`
    (customer_id, signup_date), all who had signed up by `last`: a buyer appears from the sign-up on.
    Returns: the columns of the contract `order_aggregates`.
    """
    anchor = anchor_of(last)
    if anchor > first:  # decayed revenue is summed as of another anchor before
        earlier = aggregate_orders(orders, customers, policy, first, anchor - ONE_DAY)
        return earlier.unionByName(aggregate_orders(orders, customers, policy, anchor, last))
    width = policy.activity_window_days
    daily = (
        orders.filter(F.col("as_of_date") <= F.lit(last))
        .groupBy("customer_id", F.col("as_of_date").alias("order_date"))
        .agg(F.count(F.lit(1)).alias("orders"), F.sum("order_amount").alias("revenue"))
    )
    # Of an amount as of the anchor; in decimals, whose sums are exact.
    growth = F.exp(F.datediff("order_date", F.lit(anchor)) / F.lit(float(DECAY_DAYS)))
    # Orders that were known W days before the first day count alike on all days, but for the year they are in.
    per_day = daily.groupBy(
        "customer_id", F.greatest("order_date", F.lit(first - timedelta(days=width))).alias("order_day")
    ).agg(
        F.sum("orders").alias("orders"),
        F.sum("revenue").alias("revenue"),
        F.count(F.lit(1)).alias("order_days"),
        F.sum(F.when(F.col("order_date") > F.lit(first - YEAR), F.col("revenue"))).alias("revenue_of_year"),
        F.sum((F.col("revenue").cast("double") * growth).cast("decimal(38,16)")).alias("weighed"),
        F.min("order_date").alias("first_order_date"),
        F.max("order_date").alias("last_order_date"),
    )
    # A year after their day, within the days that are built, orders leave the year.
    leaving = daily.filter(F.col("order_date").between(F.lit(first - YEAR + ONE_DAY), F.lit(last - YEAR))).select(
        "customer_id",
        F.date_add("order_date", YEAR.days).alias("order_day"),
        (-F.col("revenue")).alias("revenue_of_year"),
    )
    facts = per_day if first == last else per_day.unionByName(leaving, allowMissingColumns=True)
    signed_up = facts.join(customers.select("customer_id", "signup_date"), on="customer_id", how="inner")
    counted = each_day(signed_up, F.greatest("order_day", "signup_date", F.lit(first)), F.lit(last))
    was_known = F.date_add("order_day", width) <= F.col("as_of_date")
    rows = counted.groupBy("as_of_date", "customer_id").agg(
        F.sum("orders").alias("total_orders"),
        F.sum("order_days").alias("order_days"),
        F.sum("revenue").alias("total_revenue"),
        F.coalesce(F.sum("revenue_of_year"), F.lit(0)).alias("revenue_last_365_days"),
        (
            F.sum("weighed").cast("double") * F.exp(F.datediff(F.lit(anchor), "as_of_date") / F.lit(float(DECAY_DAYS)))
        ).alias("decayed_revenue"),
        F.min("first_order_date").alias("first_order_date"),
        F.max("last_order_date").alias("last_order_date"),
        F.coalesce(F.sum(F.when(was_known, F.col("orders"))), F.lit(0)).alias("total_orders_30_days_before"),
        F.coalesce(F.sum(F.when(was_known, F.col("revenue"))), F.lit(0)).alias("total_revenue_30_days_before"),
        F.max(F.when(was_known, F.col("last_order_date"))).alias("last_order_date_30_days_before"),
    )
    types = {field.name: field.dataType for field in OrderAggregates.struct()}
    return rows.select(*[F.col(name).cast(kind).alias(name) for name, kind in types.items()])
