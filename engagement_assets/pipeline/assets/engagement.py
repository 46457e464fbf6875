"""Group `engagement`: sessions, order aggregates, customer features, engagement scores, daily totals."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import dagster as dg
from pyspark.sql import DataFrame

from engagement_assets.domain.contracts import (
    CustomerFeatures,
    EngagementMetrics,
    EngagementScores,
    OrderAggregates,
    RawCustomers,
    RawOrders,
    RawWebEvents,
    ReturnRates,
    Sessions,
)
from engagement_assets.domain.days import as_date, days_between
from engagement_assets.domain.return_chance import CELLS
from engagement_assets.lake.staging import Staged
from engagement_assets.lake.staleness import made_otherwise, outdated
from engagement_assets.pipeline import score_numbers
from engagement_assets.pipeline.asset_factory import REBUILD_TAG, TableRun, table_asset
from engagement_assets.pipeline.checks import rules
from engagement_assets.settings import Settings
from engagement_assets.transforms.customer_features import build_features
from engagement_assets.transforms.engagement_metrics import total_metrics
from engagement_assets.transforms.engagement_scores import score_customers
from engagement_assets.transforms.order_aggregates import aggregate_orders
from engagement_assets.transforms.return_rates import count_steps, rates_of
from engagement_assets.transforms.sessions import sessionize


def sessions(run: TableRun) -> Iterator[Any]:
    """Build the days asked for, and earlier ones that are missing or stale."""
    events, published = run.lake.partitions(RawWebEvents), run.lake.partitions(Sessions)
    stale = set(outdated(run.lake, run.settings).get(Sessions, ()))
    if REBUILD_TAG in run.context.run.tags:
        stale |= set(made_otherwise(run.lake, run.settings).get(Sessions, ()))
    # A session day that comes out as it was leaves the snapshots of two windows up to date.
    run.publication.up_to_date = set(published) - stale
    extra = [day for day in events if day <= run.asked[-1] and (day not in published or day in stale)]

    def build(first: date, last: date) -> DataFrame:
        return sessionize(run.read(RawWebEvents, first, last), run.settings.scoring, first, last)

    yield from run.publish(build, after_audit=run.preview, extra=extra, rows=events)


def order_aggregates(run: TableRun) -> Iterator[Any]:
    """Build the days asked for."""

    def build(first: date, last: date) -> DataFrame:
        orders, customers = run.read(RawOrders, first, last), run.read(RawCustomers, last, last)
        return aggregate_orders(orders, customers, run.settings.scoring, first, last)

    yield from run.publish(build, after_audit=run.preview)


def customer_features(run: TableRun) -> Iterator[Any]:
    """Build the days asked for."""

    def build(first: date, last: date) -> DataFrame:
        customers, orders = run.read(RawCustomers, first, last), run.read(OrderAggregates, first, last)
        return build_features(customers, orders, run.read(Sessions, first, last), run.settings.scoring, first, last)

    yield from run.publish(build, after_audit=run.preview)


def return_rates(run: TableRun) -> Iterator[Any]:
    """Build the days asked for: what they look back on is counted once for all of them."""
    first, last = as_date(run.asked[0]), as_date(run.asked[-1])
    start = run.settings.start_date
    orders, customers = run.read(RawOrders, first, last), run.read(RawCustomers, last, last)
    counted = count_steps(orders, customers, start, first, last)

    def build(first: date, last: date) -> DataFrame:
        return rates_of(run.spark, counted, start, [as_date(day) for day in days_between(first, last)])

    yield from run.publish(build, after_audit=run.preview, rows=dict.fromkeys(run.asked, len(CELLS)))


def engagement_scores(run: TableRun) -> Iterator[Any]:
    """Build the days asked for, and tell the numbers of their scores."""

    def build(first: date, last: date) -> DataFrame:
        features, rates = run.read(CustomerFeatures, first, last), run.read(ReturnRates, first, last)
        return score_customers(features, rates, run.settings.scoring, run.settings.start_date)

    def tell(rows: DataFrame, published: Staged) -> None:
        run.preview(rows, published)
        for day, numbers in score_numbers.of_scores(rows).items():
            run.publication.describe(day, **numbers)

    yield from run.publish(build, after_audit=tell)


def engagement_metrics(run: TableRun) -> Iterator[Any]:
    """Build the days asked for."""

    def build(first: date, last: date) -> DataFrame:
        return total_metrics(
            run.read(EngagementScores, first, last), [as_date(day) for day in days_between(first, last)]
        )

    def tell(rows: DataFrame, published: Staged) -> None:
        run.preview(rows, published)
        for day, numbers in score_numbers.of_metrics(rows).items():
            run.publication.describe(day, **numbers)

    yield from run.publish(build, after_audit=tell)


def build_engagement_assets(settings: Settings, lake: str) -> list[dg.AssetsDefinition]:
    """The assets of the group, for these settings."""
    conserved = rules.customers_conserved()
    return [
        table_asset(settings, lake, Sessions, sessions),
        table_asset(settings, lake, OrderAggregates, order_aggregates),
        table_asset(
            settings, lake, CustomerFeatures, customer_features, [conserved, rules.signup_not_after_last_event()]
        ),
        table_asset(settings, lake, ReturnRates, return_rates),
        table_asset(settings, lake, EngagementScores, engagement_scores, [conserved]),
        table_asset(settings, lake, EngagementMetrics, engagement_metrics),
    ]
