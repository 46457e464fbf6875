"""Group `monitoring`: whether the score predicted what came after."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import dagster as dg
from pyspark.sql import DataFrame

from engagement_assets.analysis.backtest.evaluation import Judgement, judgements_in_words, open_backtest
from engagement_assets.analysis.backtest.lists import lists_in_words
from engagement_assets.domain.catalogue import HORIZONS
from engagement_assets.domain.contracts import EngagementScores, RawOrders, ScoreBacktest
from engagement_assets.domain.contracts.monitoring import PREDICTORS
from engagement_assets.domain.days import as_date, days_between
from engagement_assets.lake.staging import Staged
from engagement_assets.lake.staleness import outdated
from engagement_assets.pipeline.asset_factory import TableRun, table_asset
from engagement_assets.settings import Settings


def score_backtest(run: TableRun) -> Iterator[Any]:
    """Judge the snapshots asked for; and earlier ones, where with new days of orders a horizon of theirs is over."""
    lake = run.lake
    snapshots = lake.partitions(EngagementScores)
    extra = [day for day in outdated(lake, run.settings).get(ScoreBacktest, ()) if day in snapshots]
    judged: dict[str, list[Judgement]] = {}

    def tell(_: DataFrame, published: Staged) -> None:
        for day in published.rows():
            listed = [each for each in judged[day] if each["lapsing_customers"] is not None]
            told = {"lists": lists_in_words(listed[0])} if listed else {}
            run.publication.describe(day, verdict=judgements_in_words(judged[day]), **told)

    everything = [as_date(day) for day in sorted({*run.asked, *extra})]
    rows = {day.isoformat(): len(HORIZONS) * len(PREDICTORS) for day in everything}
    last_order_day = as_date(max(lake.partitions(RawOrders)))
    with open_backtest(lake, run.settings.scoring, everything, last_order_day) as backtest:

        def build(first: date, last: date) -> DataFrame:
            days = days_between(first, last)
            found = backtest.judge([as_date(day) for day in days])
            judged.update({day: [each for each in found if each["as_of_date"].isoformat() == day] for day in days})
            rows = [tuple(each.values()) for each in found]
            return run.spark.createDataFrame(rows, ScoreBacktest.struct())

        yield from run.publish(build, after_audit=tell, extra=extra, rows=rows)


def build_backtest_assets(settings: Settings, lake: str) -> list[dg.AssetsDefinition]:
    """The assets of the group, for these settings."""
    return [table_asset(settings, lake, ScoreBacktest, score_backtest)]
