"""A made-up shop with a year of orders, and its scores on any engine: history for return rates without a run of each day."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from engagement_assets.domain.contracts import Sessions
from engagement_assets.domain.scoring_policy import ScoringPolicy
from engagement_assets.engine import EngineResource
from engagement_assets.transforms.customer_features import build_features
from engagement_assets.transforms.engagement_scores import score_customers
from engagement_assets.transforms.order_aggregates import aggregate_orders
from engagement_assets.transforms.return_rates import count_steps, rates_of

#: Between the first day that is built and the last, decayed revenue gets another anchor and the year of the first orders ends.
START, FIRST, LAST = date(2024, 2, 20), date(2025, 3, 1), date(2025, 3, 24)

ONE_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Shop:
    """Orders (day, customer, amount), and the day on which each customer signed up."""

    orders: list[tuple[date, str, Decimal]]
    signups: dict[str, date]

    def frames(self, spark: SparkSession, last: date) -> tuple[DataFrame, DataFrame]:
        """What is known at the end of a day: orders and customers."""
        customers = [(who, day, "DE") for who, day in self.signups.items() if day <= last]
        return (
            spark.createDataFrame(
                [order for order in self.orders if order[0] <= last],
                "as_of_date date, customer_id string, order_amount decimal(18,2)",
            ),
            spark.createDataFrame(customers, "customer_id string, signup_date date, country string"),
        )


def made_up() -> Shop:
    """Orders of 60 customers, most of them few, some on one day; a few signed up after their first order."""
    drawn = random.Random(5)
    days = [START + ONE_DAY * n for n in range((LAST - START).days + 1)]
    orders = []
    for number in range(60):
        for _ in range(drawn.choice((1, 1, 2, 3, 5, 20))):
            orders.append((drawn.choice(days), f"c{number}", Decimal(drawn.randrange(0, 50_000)) / 100))
    firsts = {who: min(day for day, other, _ in orders if other == who) for _, who, _ in orders}
    return Shop(orders, {who: day + ONE_DAY * drawn.choice((0, 0, 0, 40)) for who, day in firsts.items()})


def scores(spark: SparkSession, day: date) -> list[dict[str, Any]]:
    """The scores of a day in the order of the customers; what is no number, as text."""
    policy = ScoringPolicy()
    orders, known = made_up().frames(spark, day)
    customers = known.withColumn("as_of_date", F.lit(day))
    aggregates = aggregate_orders(orders, customers, policy, day, day)
    sessions = spark.createDataFrame([], Sessions.struct())
    features = build_features(customers, aggregates, sessions, policy, day, day)
    rates = rates_of(spark, count_steps(orders, customers, START, day, day), START, [day])
    rows = score_customers(features, rates, policy, START).orderBy("customer_id").collect()
    return [
        {name: value if isinstance(value, float) else str(value) for name, value in row.asDict().items()}
        for row in rows
    ]


def main(engine: str) -> list[dict[str, Any]]:
    """The scores of the last day: a job of the process with Apache Spark (`engagement_assets_tests.apache_spark`)."""
    with EngineResource(engine=engine, timezone="UTC") as started:
        return scores(started.spark_session, LAST)
