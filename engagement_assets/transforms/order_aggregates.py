"""Order aggregation: per buyer and day, what they had ordered by then, and by 30 days before."""

from __future__ import annotations

from datetime import date, timedelta

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from engagement_assets.domain.contracts import OrderAggregates
from engagement_assets.domain.scoring_policy import ScoringPolicy
from engagement_assets.transforms.steps import each_day


def aggregate_orders(
    orders: DataFrame, customers: DataFrame, policy: ScoringPolicy, first: date, last: date
) -> DataFrame:
    """Order totals of each buyer for the days `first` to `last`.

    Parameters: `orders` (as_of_date, customer_id, order_amount), all of them dated up to `last`; `customers`
    (customer_id, signup_date), all who had signed up by `last`: a buyer appears from the sign-up on.
    Returns: the columns of the contract `order_aggregates`.
    """
    width = policy.activity_window_days
    # Orders that were known W days before the first day count alike on all days.
    day = F.greatest(F.col("as_of_date"), F.lit(first - timedelta(days=width)))
    per_day = (
        orders.filter(F.col("as_of_date") <= F.lit(last))
        .groupBy("customer_id", day.alias("order_day"))
        .agg(
            F.count(F.lit(1)).alias("orders"),
            F.sum("order_amount").alias("revenue"),
            F.min("as_of_date").alias("first_order_date"),
            F.max("as_of_date").alias("last_order_date"),
        )
    )
    signed_up = per_day.join(customers.select("customer_id", "signup_date"), on="customer_id", how="inner")
    counted = each_day(signed_up, F.greatest("order_day", "signup_date", F.lit(first)), F.lit(last))
    was_known = F.date_add("order_day", width) <= F.col("as_of_date")
    rows = counted.groupBy("as_of_date", "customer_id").agg(
        F.sum("orders").alias("total_orders"),
        F.sum("revenue").alias("total_revenue"),
        F.min("first_order_date").alias("first_order_date"),
        F.max("last_order_date").alias("last_order_date"),
        F.sum(F.when(was_known, F.col("orders")).otherwise(0)).alias("total_orders_30_days_before"),
        F.coalesce(F.sum(F.when(was_known, F.col("revenue"))), F.lit(0)).alias("total_revenue_30_days_before"),
        F.max(F.when(was_known, F.col("last_order_date"))).alias("last_order_date_30_days_before"),
    )
    types = {field.name: field.dataType for field in OrderAggregates.struct()}
    return rows.select(*[F.col(name).cast(kind).alias(name) for name, kind in types.items()])
