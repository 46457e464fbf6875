"""Order aggregation: per buyer and day, what they had ordered by then, and by 30 days before."""

from __future__ import annotations

from datetime import date

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from engagement_assets.contracts import OrderAggregates
from engagement_assets.settings import ScoringPolicy
from engagement_assets.transforms.steps import each_day, totals_per_day


def aggregate_orders(
    orders: DataFrame, customers: DataFrame, policy: ScoringPolicy, first: date, last: date
) -> DataFrame:
    """Order totals of each buyer for the days `first` to `last`.

    Parameters: `orders` (as_of_date, customer_id, order_amount), all of them dated up to `last`; `customers`
    (customer_id, signup_date), all who had signed up by `last`: a buyer appears from the sign-up on.
    Returns: the columns of the contract `order_aggregates`.
    """
    per_day = orders.groupBy("customer_id", F.col("as_of_date").alias("order_day")).agg(
        F.count(F.lit(1)).alias("orders"), F.sum("order_amount").cast("decimal(18,2)").alias("revenue")
    )
    no_orders = F.lit(0).cast("bigint")
    no_revenue = F.lit(0).cast("decimal(18,2)")
    no_day = F.lit(None).cast("date")
    now = per_day.select(
        "customer_id",
        F.col("order_day").alias("day"),
        F.col("orders").alias("total_orders"),
        F.col("revenue").alias("total_revenue"),
        F.col("order_day").alias("first_order_date"),
        F.col("order_day").alias("last_order_date"),
        no_orders.alias("total_orders_30_days_before"),
        no_revenue.alias("total_revenue_30_days_before"),
        no_day.alias("last_order_date_30_days_before"),
    )
    # What was known W days before the as-of date changes W days after each order.
    before = per_day.select(
        "customer_id",
        F.date_add("order_day", policy.activity_window_days).alias("day"),
        no_orders.alias("total_orders"),
        no_revenue.alias("total_revenue"),
        no_day.alias("first_order_date"),
        no_day.alias("last_order_date"),
        F.col("orders").alias("total_orders_30_days_before"),
        F.col("revenue").alias("total_revenue_30_days_before"),
        F.col("order_day").alias("last_order_date_30_days_before"),
    )
    totals = {
        "total_orders": F.sum("total_orders"),
        "total_revenue": F.sum("total_revenue"),
        "first_order_date": F.min("first_order_date"),
        "last_order_date": F.max("last_order_date"),
        "total_orders_30_days_before": F.sum("total_orders_30_days_before"),
        "total_revenue_30_days_before": F.sum("total_revenue_30_days_before"),
        "last_order_date_30_days_before": F.max("last_order_date_30_days_before"),
    }
    steps = totals_per_day(now.unionByName(before), totals, first, last)
    signed_up = steps.join(customers.select("customer_id", "signup_date"), on="customer_id", how="inner")
    rows = each_day(signed_up, begin=F.greatest(F.col("day"), F.col("signup_date")))
    types = {field.name: field.dataType for field in OrderAggregates.struct()}
    return rows.select(*[F.col(name).cast(kind).alias(name) for name, kind in types.items()])
