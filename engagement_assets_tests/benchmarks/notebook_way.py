"""What one would write in a notebook: PySpark on Apache Spark, everything from the raw files anew for each day.

The yardstick of `targets.py`, as short as it can honestly be: clean, sessionize, aggregate, score, write. It has no
checks, no rejected rows, no reference score and no windows before, so it does less than the product.

    python -m engagement_assets_tests.benchmarks.notebook_way DATA OUTPUT DAY [DAY ...]
"""

from __future__ import annotations

import sys
import time
from datetime import date, timedelta

from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F


def sources(spark: SparkSession, data: str, day: date) -> tuple[DataFrame, DataFrame, DataFrame]:
    """Customers, orders and events known on the day, cleaned in the usual way."""
    read = spark.read.option("recursiveFileLookup", True)
    customers = (
        read.parquet(f"{data}/customers")
        .select("customer_id", F.to_date("signup_date").alias("signup_date"), "country")
        .filter(F.col("customer_id").isNotNull() & (F.col("signup_date") <= F.lit(day)))
        .dropDuplicates(["customer_id"])
    )
    orders = (
        read.parquet(f"{data}/orders")
        .select("order_id", "customer_id", F.to_date("order_date").alias("order_day"), "order_amount")
        .filter((F.col("order_day") <= F.lit(day)) & (F.col("order_amount") >= 0))
        .dropDuplicates(["order_id"])
    )
    schema = "customer_id string, event_time timestamp, event_type string, event_id string"
    events = (
        read.schema(schema)
        .json(f"{data}/web_events")
        .filter(F.col("customer_id").isNotNull() & (F.to_date("event_time") <= F.lit(day)))
        .dropDuplicates(["event_id"])
    )
    return customers, orders, events


def snapshot(customers: DataFrame, orders: DataFrame, events: DataFrame, day: date) -> DataFrame:
    """The scores of a day."""
    by_time = Window.partitionBy("customer_id").orderBy("event_time")
    seconds = F.col("event_time").cast("long") - F.lag("event_time").over(by_time).cast("long")
    sessions = (
        events.withColumn("starts", F.when(seconds <= 30 * 60, 0).otherwise(1))
        .withColumn("session", F.sum("starts").over(by_time))
        .groupBy("customer_id", "session")
        .agg(F.to_date(F.max("event_time")).alias("last_day"))
        .filter(F.col("last_day") > F.lit(day - timedelta(days=30)))
        .groupBy("customer_id")
        .agg(F.count("*").alias("sessions"))
    )
    bought = orders.groupBy("customer_id").agg(
        F.count("*").alias("orders"), F.sum("order_amount").alias("revenue"), F.max("order_day").alias("last_order")
    )
    features = (
        customers.join(bought, on="customer_id", how="left")
        .join(sessions, on="customer_id", how="left")
        .fillna(0, ["orders", "sessions"])
        .withColumn("revenue", F.log1p(F.coalesce(F.col("revenue"), F.lit(0)).cast("double")))
        .withColumn("recency", F.datediff(F.lit(day), F.col("last_order")))
    )
    measures = ("recency", "orders", "sessions", "revenue")
    bounds = features.agg(*[f(m).alias(f"{n}_{m}") for m in measures for n, f in (("low", F.min), ("high", F.max))])

    def norm(measure: str) -> F.Column:
        spread = F.col(f"high_{measure}") - F.col(f"low_{measure}")
        return F.when(spread > 0, (F.col(measure) - F.col(f"low_{measure}")) / spread).otherwise(0.0)

    recency = F.coalesce(1 - norm("recency"), F.lit(0.0))
    score = 0.4 * recency + 0.3 * (0.6 * norm("orders") + 0.4 * norm("sessions")) + 0.3 * norm("revenue")
    segment = F.when(score >= 0.7, "High").when(score >= 0.4, "Medium").when(score >= 0.2, "Low").otherwise("At Risk")
    return features.crossJoin(F.broadcast(bounds)).select(
        "customer_id", "country", *measures, score.alias("score"), segment.alias("segment")
    )


def main(data: str, output: str, days: list[str]) -> None:
    """Build each day; prints its seconds."""
    spark = (
        SparkSession.builder.master("local[2]")
        .config("spark.driver.memory", "8g")
        .config("spark.sql.shuffle.partitions", "8")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.ui.enabled", "false")
        .getOrCreate()
    )
    spark.sparkContext.setLogLevel("ERROR")
    for text in days:
        day, started = date.fromisoformat(text), time.monotonic()
        snapshot(*sources(spark, data, day), day).write.mode("overwrite").parquet(f"{output}/{text}")
        print(f"{text} {time.monotonic() - started:.2f}", flush=True)  # noqa: T201 - what the caller reads
    spark.stop()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
