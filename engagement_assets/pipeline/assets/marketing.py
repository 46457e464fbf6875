"""Group `marketing`: who moved between segments, and why; whom to address, with what; whether it worked."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import dagster as dg
from pyspark.sql import DataFrame

from engagement_assets.analysis.features import features_from_facts
from engagement_assets.domain.catalogue import daily_tables
from engagement_assets.domain.contracts import (
    CampaignAudiences,
    CampaignResults,
    EngagementScores,
    RawContacts,
    RawOrders,
    SegmentChanges,
    Sessions,
)
from engagement_assets.domain.contracts.engagement import LIFECYCLE_STAGES, SEGMENTS
from engagement_assets.domain.days import ONE_DAY, as_date, days_between
from engagement_assets.lake.staging import Staged
from engagement_assets.lake.staleness import outdated
from engagement_assets.pipeline.asset_factory import TableRun, table_asset
from engagement_assets.pipeline.checks import rules
from engagement_assets.pipeline.markdown_tables import audience_sizes, transitions, verdicts
from engagement_assets.settings import Settings
from engagement_assets.sources.opt_outs import read_opt_outs
from engagement_assets.transforms.campaign_audiences import choose_audiences
from engagement_assets.transforms.campaign_results import COUNTED_DAYS, Cohort, Sums, count_cohorts, results_of
from engagement_assets.transforms.lifecycle import stage_transitions
from engagement_assets.transforms.segment_changes import FEATURES, changes_between

#: Rows of audiences up to which all entries are counted at once: for each turn an engine plans everything anew.
_MOST_COUNTED_AT_ONCE = 1_000_000


def segment_changes(run: TableRun) -> Iterator[Any]:
    """Compare each day asked for with the day before, and tell who moved."""
    lake, settings = run.lake, run.settings
    # The day before counts as what the facts say of it, whether or not its snapshot is built.
    as_the_facts_say = set(lake.partitions(EngagementScores)) - set(outdated(lake, settings).get(EngagementScores, ()))

    def scores(days: list[str]) -> DataFrame:
        return lake.read(run.spark, EngagementScores, days).select(*FEATURES)

    def build(first: date, last: date) -> DataFrame:
        # The first partition has no day before it to compare with, and no rows.
        begin = max(first, settings.start_date + ONE_DAY)
        now = scores(days_between(begin, last))
        before, inner = begin - ONE_DAY, days_between(begin, last - ONE_DAY)
        if begin > last or before.isoformat() in as_the_facts_say:
            earlier = scores([before.isoformat(), *inner])
        else:
            earlier = features_from_facts(run.spark, lake, settings, before).unionByName(scores(inner))
        return changes_between(earlier, now, settings.scoring)

    def tell(rows: DataFrame, published: Staged) -> None:
        moved = rows.groupBy("as_of_date", "previous_segment", "engagement_segment").count()
        for day, table in transitions(moved, SEGMENTS).items():
            run.publication.describe(day, moves=dg.MetadataValue.md(table))
        # The first partition has no day before it.
        days = [day for day in published.rows() if as_date(day) > settings.start_date]
        if days:
            staged = stage_transitions(rows, scores(days), settings.scoring)
            for day, table in transitions(staged, LIFECYCLE_STAGES).items():
                run.publication.describe(day, lifecycle_transitions=dg.MetadataValue.md(table))

    yield from run.publish(build, after_audit=tell)


def campaign_audiences(run: TableRun) -> Iterator[Any]:
    """Choose the audiences of the days asked for, and tell how large they are."""
    campaigns = run.settings.campaigns
    opted_out = read_opt_outs(run.settings)

    def build(first: date, last: date) -> DataFrame:
        scores, sessions = run.read(EngagementScores, first, last), run.read(Sessions, first, last)
        return choose_audiences(scores, sessions, opted_out, campaigns, first, last)

    def tell(rows: DataFrame, published: Staged) -> None:
        for day, table in audience_sizes(rows, [rule.name for rule in campaigns.audiences]).items():
            run.publication.describe(day, audiences=dg.MetadataValue.md(table))

    yield from run.publish(build, after_audit=tell)


def campaign_results(run: TableRun) -> Iterator[Any]:
    """Judge the days asked for; and later ones that count entries of days whose audiences are new or others now."""
    lake, settings, policy = run.lake, run.settings, run.settings.results
    # Days that are published only: without their audiences others may be unknown.
    extra = set(outdated(lake, settings).get(CampaignResults, ())) & set(lake.partitions(CampaignResults))
    judged = [as_date(day) for day in sorted({*run.asked, *extra})]
    rows_of = lake.partitions(CampaignAudiences)
    published = {as_date(day) for day in rows_of}
    end = judged[-1] - policy.horizons[0] * ONE_DAY
    # By the log of the table: where nobody was ever contacted, no row of it is read.
    contacted = [
        as_date(day) for day, rows in lake.partitions(RawContacts).items() if rows and as_date(day) <= judged[-1]
    ]
    cohorts: dict[Cohort, Sums] = {}
    # Nobody enters before the first day of audiences.
    first = max(settings.start_date, judged[0] - policy.days_of_entries * ONE_DAY, min(published, default=date.max))
    counted = COUNTED_DAYS if sum(rows_of.values()) > _MOST_COUNTED_AT_ONCE else (end - first).days + 1
    while first <= end:
        last = min(end, first + (counted - 1) * ONE_DAY)
        before = first - policy.again_after_days * ONE_DAY
        known = [day.isoformat() for day in sorted(published) if before <= day <= last]
        if any(day >= first.isoformat() for day in known):
            until = min(judged[-1], last + policy.horizons[-1] * ONE_DAY)
            told = [day.isoformat() for day in contacted if first <= day <= until]
            cohorts |= count_cohorts(
                lake.read(run.spark, CampaignAudiences, known),
                lake.read(run.spark, RawOrders, days_between(settings.start_date, until)),
                lake.read(run.spark, Sessions, days_between(first, until)),
                policy,
                first,
                last,
                lake.read(run.spark, RawContacts, told) if contacted else None,
            )
        first = last + ONE_DAY

    def build(first: date, last: date) -> DataFrame:
        days = [as_date(day) for day in days_between(first, last)]
        return results_of(run.spark, cohorts, published, policy, settings.start_date, days, contacted)

    def tell(rows: DataFrame, published: Staged) -> None:
        for day, table in verdicts(rows).items() if any(published.rows().values()) else ():
            run.publication.describe(day, results=dg.MetadataValue.md(table))

    results = len(settings.campaigns.audiences) * len(policy.horizons)
    yield from run.publish(build, after_audit=tell, extra=extra, rows={day.isoformat(): results for day in judged})


def build_marketing_assets(settings: Settings, lake: str) -> list[dg.AssetsDefinition]:
    """The assets of the group, for these settings."""
    of_results = [rules.arms_are_alike()]
    if RawContacts in daily_tables(settings.sources_there):
        of_results.append(rules.held_out_left_alone())
    return [
        table_asset(settings, lake, SegmentChanges, segment_changes),
        table_asset(settings, lake, CampaignAudiences, campaign_audiences),
        table_asset(settings, lake, CampaignResults, campaign_results, of_results),
    ]
