"""Group `monitoring`: whether the score predicted what came after."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import dagster as dg
from pyspark.sql import DataFrame

from engagement_assets.analysis.backtest.evaluation import Judgement, judgements_in_words, open_backtest
from engagement_assets.domain.catalogue import HORIZONS
from engagement_assets.domain.contracts import EngagementScores, RawOrders, ScoreBacktest
from engagement_assets.domain.contracts.monitoring import PREDICTORS
from engagement_assets.domain.days import as_date, days_between
from engagement_assets.engine import EngineResource
from engagement_assets.lake.code_versions import commit_metadata
from engagement_assets.lake.staging import Staged
from engagement_assets.lake.staleness import outdated
from engagement_assets.lake.tables import LakeResource
from engagement_assets.pipeline.asset_factory import publish_in_chunks, table_asset
from engagement_assets.pipeline.checks import rules
from engagement_assets.pipeline.publication import Publication
from engagement_assets.settings import Settings

GROUP = "monitoring"

#: Raised by hand when the backtest itself gives other rows for the same snapshots and orders.
BACKTEST_VERSION = "3"


def build_backtest_assets(settings: Settings, lake_location: str) -> list[dg.AssetsDefinition]:
    """The assets of the group, for these settings."""
    checks = [rules.contract_rule(ScoreBacktest)]

    arguments = table_asset(
        settings, ScoreBacktest, checks, group=GROUP, lake=lake_location, deps=["engagement_scores", "raw_orders"]
    )

    @dg.asset(**{**arguments, "code_version": f"{arguments['code_version']}-{BACKTEST_VERSION}"})
    def score_backtest(context: dg.AssetExecutionContext, engine: EngineResource, lake: LakeResource) -> Iterator[Any]:
        writer = Publication(
            context, lake, engine.spark_session, ScoreBacktest, checks, commit_metadata=commit_metadata(settings)
        )
        lake.require(EngagementScores, writer.asked)
        last_order_day = as_date(max(lake.partitions(RawOrders)))
        # With each new day of orders, horizons of earlier snapshots are over: those are judged anew.
        snapshots = lake.partitions(EngagementScores)
        extra = [day for day in outdated(lake, settings).get(ScoreBacktest, ()) if day in snapshots]
        judged: dict[str, list[Judgement]] = {}

        def look(_: DataFrame, published: Staged) -> None:
            for day in published.rows():
                writer.describe(day, verdict=judgements_in_words(judged[day]))

        everything = [as_date(day) for day in sorted({*writer.asked, *extra})]
        rows = {day.isoformat(): len(HORIZONS) * len(PREDICTORS) for day in everything}
        with open_backtest(lake, settings.scoring, everything, last_order_day) as backtest:

            def build(first: date, last: date) -> DataFrame:
                days = days_between(first, last)
                found = backtest.judge([as_date(day) for day in days])
                judged.update({day: [each for each in found if each.as_of_date.isoformat() == day] for day in days})
                rows = [each.row(list(ScoreBacktest.columns())) for each in found]
                return writer.spark.createDataFrame(rows, ScoreBacktest.struct())

            yield from publish_in_chunks(writer, settings, build, look=look, extra=extra, rows=rows)

    return [score_backtest]
