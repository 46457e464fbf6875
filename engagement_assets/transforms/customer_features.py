"""Customer features: every customer of the day, inactive ones too, with recency, frequency, monetary and session features."""

from __future__ import annotations

from datetime import date

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from engagement_assets.domain.contracts import CustomerFeatures
from engagement_assets.domain.scoring_policy import WEEK_DAYS, ScoringPolicy
from engagement_assets.transforms.steps import collected, each_day

#: A customer's own gaps between orders are averaged with so many of the shop's mean gap.
PRIOR_GAPS = 2


def session_windows(sessions: DataFrame, policy: ScoringPolicy, first: date, last: date) -> DataFrame:
    """Sessions in the activity window of each day `first` to `last`, and in the window before it.

    A session counts in a window in which it has an event. Its row of a later day (`continues_previous_day`) therefore
    counts on the window's first day only; on any other day the session is counted already by an earlier row.

    Parameters: `sessions` of the `policy.session_days` up to each day.
    Returns: customer_id, as_of_date, sessions_last_30_days, sessions_previous_30_days, sessions_last_7_days,
    engaged_sessions_last_30_days, page_views_last_30_days, add_to_carts_last_30_days, checkouts_last_30_days, last_session_date
    (the latest day with an event in the two windows). Customers without an event on these days have no row.
    """
    width = policy.activity_window_days
    starts = F.when(F.col("continues_previous_day"), 0).otherwise(1)
    carried = F.when(F.col("continues_previous_day"), 1).otherwise(0)
    engaged = F.when(F.col("is_engaged"), 1).otherwise(0)
    per_day = sessions.groupBy("customer_id", F.col("as_of_date").alias("event_day")).agg(
        F.sum(starts).alias("starts"),
        F.sum(carried).alias("carried"),
        F.sum(starts * engaged).alias("engaged_starts"),
        F.sum(carried * engaged).alias("engaged_carried"),
        F.sum("page_views").alias("page_views"),
        F.sum("add_to_carts").alias("add_to_carts"),
        F.sum("checkouts").alias("checkouts"),
    )
    counted = each_day(
        per_day,
        F.greatest(F.col("event_day"), F.lit(first)),
        F.least(F.date_add("event_day", policy.session_days - 1), F.lit(last)),
    ).withColumn("age", F.datediff("as_of_date", "event_day"))
    is_recent, is_in_windows = F.col("age") < width, F.col("age") < 2 * width
    is_earlier = ~is_recent & is_in_windows

    def on_first_day(of_days: int, value: str) -> Column:
        return F.when(F.col("age") == of_days - 1, F.col(value)).otherwise(0)

    def total(condition: Column, value: Column) -> Column:
        return F.sum(F.when(condition, value).otherwise(0))

    return counted.groupBy("as_of_date", "customer_id").agg(
        total(is_recent, F.col("starts") + on_first_day(width, "carried")).alias("sessions_last_30_days"),
        total(is_earlier, F.col("starts") + on_first_day(2 * width, "carried")).alias("sessions_previous_30_days"),
        total(F.col("age") < WEEK_DAYS, F.col("starts") + on_first_day(WEEK_DAYS, "carried")).alias(
            "sessions_last_7_days"
        ),
        total(is_recent, F.col("engaged_starts") + on_first_day(width, "engaged_carried")).alias(
            "engaged_sessions_last_30_days"
        ),
        total(is_recent, F.col("page_views")).alias("page_views_last_30_days"),
        total(is_recent, F.col("add_to_carts")).alias("add_to_carts_last_30_days"),
        total(is_recent, F.col("checkouts")).alias("checkouts_last_30_days"),
        F.max(F.when(is_in_windows, F.col("event_day"))).alias("last_session_date"),
    )


def average_order_value(revenue: Column, orders: Column) -> Column:
    """Revenue by orders, rounded half up to cents; in whole cents, because the engines divide decimals differently."""
    cents = (revenue * F.lit(100)).cast("bigint")
    rounded = F.floor((F.lit(2) * cents + orders) / (F.lit(2) * orders)).cast("bigint")
    exact = (rounded.cast("decimal(20,0)") * F.lit("0.01").cast("decimal(3,2)")).cast("decimal(18,2)")
    return F.when(orders > 0, exact)


def with_usual_gap(aggregates: DataFrame) -> DataFrame:
    """Add `usual_gap_days`: mean days between a buyer's order days, averaged with `PRIOR_GAPS` gaps of the day's mean.

    Null below two order days. `aggregates` has the columns of the contract `order_aggregates`, whole snapshots.
    """
    gaps, span = F.col("order_days") - 1, F.datediff("last_order_date", "first_order_date")
    shop = collected(
        aggregates.filter(gaps > 0).groupBy("as_of_date").agg((F.sum(span) / F.sum(gaps)).alias("_shop_gap_days"))
    )
    usual = (span + PRIOR_GAPS * F.col("_shop_gap_days")) / (gaps + PRIOR_GAPS)
    return (
        aggregates.join(F.broadcast(shop), on="as_of_date", how="left")
        .withColumn("usual_gap_days", F.when(gaps > 0, usual))
        .drop("_shop_gap_days")
    )


def build_features(
    customers: DataFrame, aggregates: DataFrame, sessions: DataFrame, policy: ScoringPolicy, first: date, last: date
) -> DataFrame:
    """Join what is known of each customer, for the days `first` to `last`.

    Parameters: `customers` and `aggregates` are the partitions of these days; `sessions` those of the `policy.session_days`
    up to each of them.
    Returns: the columns of the contract `customer_features`.
    """
    width = policy.activity_window_days
    windows = session_windows(sessions, policy, first, last)
    joined = (
        customers.select("as_of_date", "customer_id", "country", "signup_date")
        .join(with_usual_gap(aggregates), on=["as_of_date", "customer_id"], how="left")
        .join(windows, on=["as_of_date", "customer_id"], how="left")
    )
    day = F.col("as_of_date")
    orders = F.coalesce(F.col("total_orders"), F.lit(0)).cast("bigint")
    revenue = F.coalesce(F.col("total_revenue"), F.lit(0)).cast("decimal(18,2)")
    computed = {
        "tenure_days": F.datediff(day, F.col("signup_date")),
        "total_orders": orders,
        "total_revenue": revenue,
        "average_order_value": average_order_value(revenue, orders),
        "recency_days": F.datediff(day, F.col("last_order_date")),
        "days_since_last_session": F.datediff(day, F.col("last_session_date")),
        # Of buyers they are null where 0.1.0 built the day's aggregates.
        "order_days": F.when(orders == 0, 0).otherwise(F.col("order_days")),
        "decayed_revenue": F.when(orders == 0, 0.0).otherwise(F.col("decayed_revenue")),
        "revenue_last_365_days": F.when(orders == 0, 0).otherwise(F.col("revenue_last_365_days")),
        "total_orders_30_days_before": F.coalesce(F.col("total_orders_30_days_before"), F.lit(0)),
        "total_revenue_30_days_before": F.coalesce(F.col("total_revenue_30_days_before"), F.lit(0)),
        "recency_days_30_days_before": F.datediff(F.date_sub(day, width), F.col("last_order_date_30_days_before")),
    }
    counts = (
        "sessions_last_30_days",
        "sessions_previous_30_days",
        "sessions_last_7_days",
        "engaged_sessions_last_30_days",
        "page_views_last_30_days",
        "add_to_carts_last_30_days",
        "checkouts_last_30_days",
    )
    computed |= {name: F.coalesce(F.col(name), F.lit(0)) for name in counts}
    return joined.select(
        *[
            computed.get(field.name, F.col(field.name)).cast(field.dataType).alias(field.name)
            for field in CustomerFeatures.struct()
        ]
    )
