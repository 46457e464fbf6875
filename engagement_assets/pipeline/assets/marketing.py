"""Group `marketing`: who moved between segments, and why; whom to address, with what."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Any

import dagster as dg
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from engagement_assets.domain.contracts import (
    CampaignAudiences,
    EngagementScores,
    RawCustomers,
    RawOrders,
    SegmentChanges,
    Sessions,
)
from engagement_assets.domain.contracts.engagement import LIFECYCLE_STAGES, SEGMENTS
from engagement_assets.domain.days import as_date, days_between
from engagement_assets.engine import EngineResource
from engagement_assets.exports.audience_files import write_audiences
from engagement_assets.lake.code_versions import code_version, commit_metadata
from engagement_assets.lake.staging import Staged
from engagement_assets.lake.staleness import outdated
from engagement_assets.lake.tables import LakeResource
from engagement_assets.pipeline.asset_factory import OWNER, publish_in_chunks, table_asset
from engagement_assets.pipeline.automation import AFTER_A_PUBLISH
from engagement_assets.pipeline.checks import rules
from engagement_assets.pipeline.publication import Publication
from engagement_assets.settings import Settings
from engagement_assets.sources.opt_outs import read_opt_outs
from engagement_assets.transforms.campaign_audiences import choose_audiences
from engagement_assets.transforms.customer_features import build_features
from engagement_assets.transforms.lifecycle import stage_transitions
from engagement_assets.transforms.order_aggregates import aggregate_orders
from engagement_assets.transforms.segment_changes import FEATURES, changes_between

GROUP = "marketing"

#: Group of what follows the published tables.
SERVING = "serving"

ONE_DAY = timedelta(days=1)


def features_from_facts(settings: Settings, lake: LakeResource, engine: EngineResource, day: date) -> DataFrame:
    """The features of a day from the published facts and the customers of the day after."""
    spark, policy = engine.spark_session, settings.scoring
    first_seen = max(settings.start_date, day - timedelta(days=2 * policy.activity_window_days - 1))
    history, windows = days_between(settings.start_date, day), days_between(first_seen, day)
    lake.require(RawOrders, history)
    lake.require(Sessions, windows)
    customers = (
        lake.read(spark, RawCustomers, [(day + ONE_DAY).isoformat()])
        .filter(F.col("signup_date") <= F.lit(day))
        .withColumn("as_of_date", F.lit(day))
    )
    aggregates = aggregate_orders(lake.read(spark, RawOrders, history), customers, policy, day, day)
    return build_features(customers, aggregates, lake.read(spark, Sessions, windows), policy, day, day)


def moves(changes: DataFrame) -> dict[str, str]:
    """Customers per move between segments, per day, as a Markdown table: rows from, columns to."""
    counted = changes.groupBy("as_of_date", "previous_segment", "engagement_segment").count()
    return _matrices(counted, SEGMENTS)


def _matrices(counted: DataFrame, labels: Sequence[str]) -> dict[str, str]:
    """A Markdown table per day from rows of day, label before (null for who is new), label now, customers."""
    found: dict[str, dict[tuple[str, str], int]] = {}
    for day, origin, target, customers in counted.collect():
        found.setdefault(day.isoformat(), {})[origin or "new", target] = customers
    tables = {}
    for day, counts in found.items():
        lines = [f"| from \\ to | {' | '.join(labels)} |", f"|---|{'---:|' * len(labels)}"]
        for origin in (*labels, "new"):
            cells = " | ".join(f"{counts.get((origin, label), 0):,}" for label in labels)
            lines.append(f"| {origin} | {cells} |")
        tables[day] = "\n".join(lines)
    return tables


def audience_sizes(rows: DataFrame, names: list[str]) -> dict[str, str]:
    """Members, hold-out and customers to contact of each audience, per day, as a Markdown table."""
    totals = rows.groupBy("as_of_date", "audience").agg(
        F.count(F.lit(1)).alias("members"),
        F.sum(F.col("is_holdout").cast("int")).alias("holdout"),
        F.sum(F.col("is_to_contact").cast("int")).alias("to_contact"),
    )
    counted: dict[str, dict[str, Any]] = {}
    for row in totals.collect():
        counted.setdefault(row["as_of_date"].isoformat(), {})[row["audience"]] = row
    tables = {}
    for day, found in counted.items():
        lines = ["| audience | members | held out | to contact today |", "|---|---:|---:|---:|"]
        for name in names:
            total = found.get(name)
            numbers = (total["members"], total["holdout"], total["to_contact"]) if total else (0, 0, 0)
            lines.append(f"| {name} | {' | '.join(f'{number:,}' for number in numbers)} |")
        tables[day] = "\n".join(lines)
    return tables


def build_marketing_assets(settings: Settings, lake_location: str) -> list[dg.AssetsDefinition]:
    """The assets of the group, for these settings."""
    checks = [rules.contract_rule(SegmentChanges)]

    @dg.asset(
        **table_asset(settings, SegmentChanges, checks, group=GROUP, lake=lake_location, deps=["engagement_scores"])
    )
    def segment_changes(context: dg.AssetExecutionContext, engine: EngineResource, lake: LakeResource) -> Iterator[Any]:
        writer = Publication(
            context, lake, engine.spark_session, SegmentChanges, checks, commit_metadata=commit_metadata(settings)
        )
        lake.require(EngagementScores, writer.asked)
        # The day before counts as what the facts say of it, whether or not its snapshot is built.
        as_the_facts_say = set(lake.partitions(EngagementScores)) - set(
            outdated(lake, settings).get(EngagementScores, ())
        )

        def scores(days: list[str]) -> DataFrame:
            return lake.read(writer.spark, EngagementScores, days).select(*FEATURES)

        def build(first: date, last: date) -> DataFrame:
            # The first partition has no day before it to compare with, and no rows.
            begin = max(first, settings.start_date + ONE_DAY)
            now = scores(days_between(begin, last))
            before, inner = begin - ONE_DAY, days_between(begin, last - ONE_DAY)
            if begin > last or before.isoformat() in as_the_facts_say:
                earlier = scores([before.isoformat(), *inner])
            else:
                earlier = features_from_facts(settings, lake, engine, before).unionByName(scores(inner))
            return changes_between(earlier, now, settings.scoring)

        def look(rows: DataFrame, published: Staged) -> None:
            for day, table in moves(rows).items():
                writer.describe(day, moves=dg.MetadataValue.md(table))
            # The first partition has no day before it.
            days = [day for day in published.rows() if as_date(day) > settings.start_date]
            if days:
                transitions = stage_transitions(rows, scores(days), settings.scoring)
                for day, table in _matrices(transitions, LIFECYCLE_STAGES).items():
                    writer.describe(day, lifecycle_transitions=dg.MetadataValue.md(table))

        yield from publish_in_chunks(writer, settings, build, look=look)

    audience_checks = [rules.contract_rule(CampaignAudiences)]
    arguments = table_asset(
        settings,
        CampaignAudiences,
        audience_checks,
        group=GROUP,
        lake=lake_location,
        deps=["engagement_scores", "sessions"],
    )
    campaigns = settings.campaigns

    @dg.asset(**{**arguments, "code_version": f"{arguments['code_version']}-{campaigns.fingerprint()}"})
    def campaign_audiences(
        context: dg.AssetExecutionContext, engine: EngineResource, lake: LakeResource
    ) -> Iterator[Any]:
        recorded = {**commit_metadata(settings), "campaign_policy": campaigns.fingerprint()}
        writer = Publication(
            context,
            lake,
            engine.spark_session,
            CampaignAudiences,
            audience_checks,
            commit_metadata=recorded,
            campaigns=campaigns,
        )
        lake.require(EngagementScores, writer.asked)
        opted_out = read_opt_outs(settings)

        def build(first: date, last: date) -> DataFrame:
            carts_from = max(settings.start_date, first - (campaigns.abandoned_cart_days - 1) * ONE_DAY)
            seen = days_between(carts_from, last)
            lake.require(Sessions, seen)
            scores = lake.read(writer.spark, EngagementScores, days_between(first, last))
            sessions = lake.read(writer.spark, Sessions, seen)
            return choose_audiences(scores, sessions, opted_out, campaigns, first, last)

        def look(rows: DataFrame, published: Staged) -> None:
            for day, table in audience_sizes(rows, [rule.name for rule in campaigns.audiences]).items():
                writer.describe(day, audiences=dg.MetadataValue.md(table))

        yield from publish_in_chunks(writer, settings, build, look=look)

    @dg.asset(
        group_name=SERVING,
        owners=[OWNER],
        kinds={"csv", "json"},
        code_version=code_version(settings),
        deps=["campaign_audiences"],
        automation_condition=AFTER_A_PUBLISH,
        description="For mail and advertising tools: per audience a CSV and a JSON Lines file of the customers to contact, of "
        "the latest published day. Held-out customers and those who opted out are in no file.",
        metadata={"dagster/storage_kind": "csv", "dagster/uri": settings.export},
    )
    def audience_files(context: dg.AssetExecutionContext, lake: LakeResource) -> dg.MaterializeResult:
        day, written = write_audiences(settings, lake)
        return dg.MaterializeResult(
            metadata={
                "as_of_date": day,
                "dagster/row_count": sum(files.customers for files in written),
                "files": dg.MetadataValue.table(
                    [
                        dg.TableRecord(
                            {"audience": files.audience, "customers": files.customers, "file": str(files.csv)}
                        )
                        for files in written
                    ]
                ),
            }
        )

    return [segment_changes, campaign_audiences, audience_files]
