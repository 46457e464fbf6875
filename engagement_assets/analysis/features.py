"""The features of a day from the published facts, where the day has no snapshot."""

from __future__ import annotations

from datetime import date

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from engagement_assets.domain.catalogue import days_read
from engagement_assets.domain.contracts import CustomerFeatures, OrderAggregates, RawCustomers, RawOrders, Sessions
from engagement_assets.domain.days import ONE_DAY
from engagement_assets.lake.tables import LakeResource
from engagement_assets.settings import Settings
from engagement_assets.transforms.customer_features import build_features
from engagement_assets.transforms.order_aggregates import aggregate_orders


def features_from_facts(spark: SparkSession, lake: LakeResource, settings: Settings, day: date) -> DataFrame:
    """The rows of customer_features of a day, from what is published of the facts and of the customers of the day after.

    Raises NotPublishedError where facts are missing.
    """
    history = days_read(OrderAggregates, day, day, settings)[RawOrders]
    windows = days_read(CustomerFeatures, day, day, settings)[Sessions]
    lake.require(RawOrders, history)
    lake.require(Sessions, windows)
    customers = (
        lake.read(spark, RawCustomers, [(day + ONE_DAY).isoformat()])
        .filter(F.col("signup_date") <= F.lit(day))
        .withColumn("as_of_date", F.lit(day))
    )
    orders, sessions = lake.read(spark, RawOrders, history), lake.read(spark, Sessions, windows)
    aggregates = aggregate_orders(orders, customers, settings.scoring, day, day)
    return build_features(customers, aggregates, sessions, settings.scoring, day, day)
