"""Questions to Apache Spark, jobs of its process (`engagement_assets_tests.apache_spark`)."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

from pyspark.sql import Column, SparkSession
from pyspark.sql import functions as F

from engagement_assets.domain.contracts import RawCustomers, RawOrders
from engagement_assets.engine import EngineResource
from engagement_assets.lake.published import PublishedTables
from engagement_assets.lake.tables import LakeResource


def main(question: str, *arguments: str) -> Any:
    """The answer to a question: a function of this module and its arguments."""
    questions: dict[str, Callable[..., Any]] = {
        "customers": customers,
        "session": session,
        "files": files,
        "both": both,
    }
    return questions[question](*arguments)


def customers(lake: str) -> list[list[str | None]]:
    """Day, identifier and address of the published customers, in this order."""
    with EngineResource(engine="local[1]") as engine:
        rows = LakeResource(root=lake).read(engine.spark_session, RawCustomers).collect()
    return sorted([str(row.as_of_date), row.customer_id, row.email] for row in rows)


def session(engine: str, timezone: str) -> list[str]:
    """The day of an instant, the type of a timestamp, the time zone, and whether Spark's own pages are served."""
    with EngineResource(engine=engine, timezone=timezone) as started:
        spark = started.spark_session
        row = spark.sql(
            "SELECT CAST(TIMESTAMP '2025-03-31 13:00:00+00:00' AS DATE) AS day, typeof(TIMESTAMP '2025-01-01') AS kind"
        ).collect()[0]
        with socket.socket() as probe:
            pages = "ui" if probe.connect_ex(("127.0.0.1", 4040)) == 0 else "no ui"
        return [str(row.day), row.kind, str(spark.conf.get("spark.sql.session.timeZone")), pages]


def files(lake: str, day: str, orders: str, customers: str, rows_per_file: str) -> None:
    """Publish so many orders of so many customers on a day, with so many rows in a file."""
    tables = LakeResource(root=lake, rows_per_file=int(rows_per_file))
    with EngineResource(engine="local[2]", timezone="UTC") as engine:
        publish_orders(tables, engine.spark_session, day, int(orders), int(customers))


def publish_orders(tables: LakeResource, spark: SparkSession, day: str, orders: int, customers: int) -> None:
    """Publish so many orders of so many customers on a day."""
    rows = spark.range(orders).select(
        F.lit(day).cast("date").alias("as_of_date"),
        F.concat(F.lit("o"), F.col("id").cast("string")).alias("order_id"),
        F.concat(F.lit("c"), F.pmod("id", F.lit(customers)).cast("string")).alias("customer_id"),
        F.lit(f"{day} 12:00:00").cast("timestamp").alias("order_date"),
        F.lit(1).cast("decimal(18,2)").alias("order_amount"),
    )
    staged = tables.stage(rows, RawOrders, partitions=[day], run_id="many", most_rows=orders)
    tables.commit(staged, run_id="many")


def both(lake: str, zone: str) -> list[list[str]]:
    """The orders as they are handed over and as the engine reads their files."""
    with EngineResource(engine="local[1]", timezone=zone) as engine:
        return both_ways(LakeResource(root=lake), engine.spark_session)


def both_ways(lake: LakeResource, spark: SparkSession) -> list[list[str]]:
    """Schema and rows of the orders, as `LakeResource` gives them and as the engine reads their files."""
    frames = [lake.read(spark, RawOrders), PublishedTables.read(lake, spark, RawOrders)]
    shown: list[Column | str] = [
        F.date_format("order_date", "yyyy-MM-dd HH:mm:ss"),
        F.hour("order_date"),
        "as_of_date",
        "order_id",
        "order_amount",
    ]
    return [[str(f.schema), *sorted(str(tuple(row)) for row in f.select(*shown).collect())] for f in frames]
