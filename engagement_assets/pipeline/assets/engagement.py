"""Group `engagement`: sessions, order aggregates, customer features, engagement scores, daily totals."""

from collections.abc import Callable, Iterator, Mapping
from datetime import date, timedelta
from typing import Any

import dagster as dg
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from engagement_assets.domain.contracts import (
    Contract,
    CustomerFeatures,
    EngagementMetrics,
    EngagementScores,
    OrderAggregates,
    RawCustomers,
    RawOrders,
    RawWebEvents,
    Sessions,
)
from engagement_assets.domain.days import days_between
from engagement_assets.engine import EngineResource
from engagement_assets.lake.code_versions import commit_metadata
from engagement_assets.lake.staging import Staged
from engagement_assets.lake.staleness import outdated
from engagement_assets.lake.tables import LakeResource
from engagement_assets.pipeline.asset_factory import publish_in_chunks, table_asset
from engagement_assets.pipeline.checks import rules
from engagement_assets.pipeline.publication import Look, Publication, preview
from engagement_assets.settings import Settings
from engagement_assets.transforms.customer_features import build_features
from engagement_assets.transforms.engagement_metrics import total_metrics
from engagement_assets.transforms.engagement_scores import score_customers
from engagement_assets.transforms.order_aggregates import aggregate_orders
from engagement_assets.transforms.sessions import sessionize

GROUP = "engagement"

#: Width of the bars in the score distribution of a materialisation.
_BAR = 0.1

ONE_DAY = timedelta(days=1)


def _unbound() -> Any:
    raise RuntimeError("this rule is known to Dagster by name only; the run binds it to its rows")


def feature_rules(expected: Callable[[], Mapping[str, int]] = _unbound) -> list[rules.Rule]:
    """The rules of customer_features."""
    return [
        rules.contract_rule(CustomerFeatures),
        rules.customers_conserved(expected, "raw_customers"),
        rules.signup_not_after_last_event(),
    ]


def score_rules(expected: Callable[[], Mapping[str, int]] = _unbound) -> list[rules.Rule]:
    """The rules of engagement_scores."""
    return [rules.contract_rule(EngagementScores), rules.customers_conserved(expected, "raw_customers")]


def earlier(settings: Settings, day: date, days: int) -> date:
    """The day so many days earlier, but not before the first partition."""
    return max(settings.start_date, day - timedelta(days=days))


def score_distribution(scores: DataFrame) -> dict[str, str]:
    """Customers per tenth of the score, per day, as a small Markdown table with bars."""
    last_bar = round(1 / _BAR) - 1
    bar = F.least(F.floor(F.col("engagement_score") / _BAR), F.lit(last_bar)).cast("int").alias("bar")
    counted: dict[str, dict[int, int]] = {}
    for row in scores.groupBy("as_of_date", bar).count().collect():
        counted.setdefault(row["as_of_date"].isoformat(), {})[row["bar"]] = row["count"]
    tables = {}
    for day, bars in counted.items():
        most = max(bars.values())
        lines = ["| score | customers | |", "|---|---:|---|"]
        for number in range(last_bar + 1):
            count = bars.get(number, 0)
            lines.append(
                f"| {number * _BAR:.1f} to {(number + 1) * _BAR:.1f} | {count:,} | {'█' * round(20 * count / most)} |"
            )
        tables[day] = "\n".join(lines)
    return tables


def build_engagement_assets(settings: Settings, lake_location: str) -> list[dg.AssetsDefinition]:
    """The assets of the group, for these settings."""
    policy = settings.scoring
    windows = 2 * policy.activity_window_days

    def table(contract: type[Contract], checks: list[rules.Rule], deps: list[str]) -> dict[str, Any]:
        return table_asset(settings, contract, checks, group=GROUP, lake=lake_location, deps=deps)

    def publication(
        context: dg.AssetExecutionContext,
        lake: LakeResource,
        engine: EngineResource,
        contract: type[Contract],
        checks: list[rules.Rule],
    ) -> Publication:
        return Publication(
            context, lake, engine.spark_session, contract, checks, commit_metadata=commit_metadata(settings)
        )

    def previewing(writer: Publication) -> Look:
        def look(_: DataFrame, published: Staged) -> None:
            last = writer.asked[-1]
            if last in published.rows():
                writer.describe(last, preview=preview(writer.lake.read_staged(writer.spark, published.only([last]))))

        return look

    @dg.asset(**table(Sessions, [rules.contract_rule(Sessions)], ["raw_web_events"]))
    def sessions(context: dg.AssetExecutionContext, engine: EngineResource, lake: LakeResource) -> Iterator[Any]:
        writer = publication(context, lake, engine, Sessions, [rules.contract_rule(Sessions)])
        events_published = lake.partitions(RawWebEvents)
        last_asked = date.fromisoformat(writer.asked[-1])
        lake.require(RawWebEvents, days_between(earlier(settings, last_asked, windows), last_asked))
        stale = set(outdated(lake, settings).get(Sessions, ()))
        published = lake.partitions(Sessions)
        # A session day that comes out as it was leaves the snapshots of two windows up to date.
        writer.up_to_date = set(published) - stale
        extra = [
            day
            for day in events_published
            if day <= writer.asked[-1] and day not in writer.asked and (day not in published or day in stale)
        ]

        def build(first: date, last: date) -> DataFrame:
            before = max(settings.start_date, first - ONE_DAY)
            events = lake.read(writer.spark, RawWebEvents, days_between(before, last))
            return sessionize(events, policy, first, last)

        yield from publish_in_chunks(
            writer, settings, build, look=previewing(writer), extra=extra, rows=events_published
        )

    @dg.asset(**table(OrderAggregates, [rules.contract_rule(OrderAggregates)], ["raw_orders", "raw_customers"]))
    def order_aggregates(
        context: dg.AssetExecutionContext, engine: EngineResource, lake: LakeResource
    ) -> Iterator[Any]:
        writer = publication(context, lake, engine, OrderAggregates, [rules.contract_rule(OrderAggregates)])
        last_asked = date.fromisoformat(writer.asked[-1])
        lake.require(RawOrders, days_between(settings.start_date, last_asked))
        lake.require(RawCustomers, writer.asked)

        def build(first: date, last: date) -> DataFrame:
            orders = lake.read(writer.spark, RawOrders, days_between(settings.start_date, last))
            customers = lake.read(writer.spark, RawCustomers, [last.isoformat()])
            return aggregate_orders(orders, customers, policy, first, last)

        yield from publish_in_chunks(writer, settings, build, look=previewing(writer))

    @dg.asset(**table(CustomerFeatures, feature_rules(), ["raw_customers", "order_aggregates", "sessions"]))
    def customer_features(
        context: dg.AssetExecutionContext, engine: EngineResource, lake: LakeResource
    ) -> Iterator[Any]:
        writer = publication(
            context, lake, engine, CustomerFeatures, feature_rules(lambda: lake.partitions(RawCustomers))
        )
        first_asked, last_asked = date.fromisoformat(writer.asked[0]), date.fromisoformat(writer.asked[-1])
        lake.require(RawCustomers, writer.asked)
        lake.require(OrderAggregates, writer.asked)
        lake.require(Sessions, days_between(earlier(settings, first_asked, windows - 1), last_asked))

        def build(first: date, last: date) -> DataFrame:
            days = days_between(first, last)
            seen = days_between(earlier(settings, first, windows - 1), last)
            return build_features(
                lake.read(writer.spark, RawCustomers, days),
                lake.read(writer.spark, OrderAggregates, days),
                lake.read(writer.spark, Sessions, seen),
                policy,
                first,
                last,
            )

        yield from publish_in_chunks(writer, settings, build, look=previewing(writer))

    @dg.asset(**table(EngagementScores, score_rules(), ["customer_features"]))
    def engagement_scores(
        context: dg.AssetExecutionContext, engine: EngineResource, lake: LakeResource
    ) -> Iterator[Any]:
        writer = publication(
            context, lake, engine, EngagementScores, score_rules(lambda: lake.partitions(RawCustomers))
        )
        lake.require(CustomerFeatures, writer.asked)

        def build(first: date, last: date) -> DataFrame:
            features = lake.read(writer.spark, CustomerFeatures, days_between(first, last))
            return score_customers(features, policy)

        def look(rows: DataFrame, published: Staged) -> None:
            previewing(writer)(rows, published)
            for day, distribution in score_distribution(rows).items():
                writer.describe(day, score_distribution=dg.MetadataValue.md(distribution))

        yield from publish_in_chunks(writer, settings, build, look=look)

    @dg.asset(**table(EngagementMetrics, [rules.contract_rule(EngagementMetrics)], ["engagement_scores"]))
    def engagement_metrics(
        context: dg.AssetExecutionContext, engine: EngineResource, lake: LakeResource
    ) -> Iterator[Any]:
        writer = publication(context, lake, engine, EngagementMetrics, [rules.contract_rule(EngagementMetrics)])
        lake.require(EngagementScores, writer.asked)

        def build(first: date, last: date) -> DataFrame:
            days = days_between(first, last)
            scores = lake.read(writer.spark, EngagementScores, days)
            return total_metrics(scores, [date.fromisoformat(day) for day in days])

        yield from publish_in_chunks(writer, settings, build, look=previewing(writer))

    return [sessions, order_aggregates, customer_features, engagement_scores, engagement_metrics]
