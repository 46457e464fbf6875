"""Orders and web events as sources of facts: how each is examined, and settled among its own rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from pyspark.sql import Column, DataFrame, SparkSession

from engagement_assets.domain.contracts import Contract, RawOrders, RawWebEvents
from engagement_assets.sources import orders as orders_step
from engagement_assets.sources import web_events as web_events_step
from engagement_assets.sources.finding import SourcesResource
from engagement_assets.sources.inspecting import Inspection
from engagement_assets.sources.validating import ObservationWindow


@dataclass(frozen=True)
class Facts:
    """A source of facts: how its rows are examined, and settled among themselves."""

    name: str
    contract: type[Contract]
    #: Column names: what tells rows apart, and what identifies them.
    contents: Sequence[str]
    key: Sequence[str]
    examine: Callable[[SourcesResource, SparkSession, Inspection, str, ObservationWindow], Iterator[DataFrame]]
    judge_in_time: Callable[[ObservationWindow], Column]
    require_customers: Callable[[DataFrame, DataFrame], DataFrame]


def _examine_orders(
    sources: SourcesResource, spark: SparkSession, inspection: Inspection, scratch: str, window: ObservationWindow
) -> Iterator[DataFrame]:
    for rows, kinds in sources.read_parquet(spark, inspection, scratch):
        yield orders_step.examine_orders(rows, kinds, window=window)


def _examine_web_events(
    sources: SourcesResource, spark: SparkSession, inspection: Inspection, scratch: str, window: ObservationWindow
) -> Iterator[DataFrame]:
    lines = sources.read_lines(spark, inspection, scratch)
    if lines is not None:
        yield web_events_step.examine_web_events(lines, window=window)


ORDERS = Facts(
    "orders",
    RawOrders,
    orders_step.CONTENTS,
    orders_step.KEY,
    _examine_orders,
    orders_step.judge_in_time,
    orders_step.require_customers,
)

WEB_EVENTS = Facts(
    "web_events",
    RawWebEvents,
    web_events_step.CONTENTS,
    web_events_step.KEY,
    _examine_web_events,
    web_events_step.judge_in_time,
    web_events_step.require_customers,
)
