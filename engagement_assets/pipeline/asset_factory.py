"""What the assets share: their definition's fixed parts, and publishing a range of days chunk by chunk."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import date
from typing import Any

import dagster as dg
from pyspark.sql import DataFrame

from engagement_assets.domain.contracts import (
    Contract,
    CustomerFeatures,
    OrderAggregates,
    RawCustomers,
    RawOrders,
    RawWebEvents,
    Sessions,
)
from engagement_assets.domain.days import chunks
from engagement_assets.lake.code_versions import code_version
from engagement_assets.lake.staging import Staged
from engagement_assets.pipeline.checks.rules import Rule
from engagement_assets.pipeline.partitions import ONE_RUN_PER_RANGE, daily_partitions
from engagement_assets.pipeline.publication import DASHBOARD, Look, Publication, check_specs, column_schema
from engagement_assets.settings import Settings

OWNER = "team:engagement"

#: Dagster's pool of the assets that write to the lake: a production instance runs them one run at a time, a queue does not wait
#: for a file lock. The lock of the lake is there all the same, for runs that no queue sees.
LAKE_POOL = "engagement_lake"


#: The page of the dashboard that shows a table; all others are shown by the overview.
_PAGES: dict[type[Contract], str] = {
    RawCustomers: "/monitoring",
    RawOrders: "/monitoring",
    RawWebEvents: "/monitoring",
    Sessions: "/behaviour",
    OrderAggregates: "/value",
    CustomerFeatures: "/breakdown",
}


def dashboard_page(settings: Settings, contract: type[Contract]) -> dg.UrlMetadataValue:
    """The page of the dashboard that shows a table."""
    return dg.MetadataValue.url(settings.dashboard_url.rstrip("/") + _PAGES.get(contract, "/"))


def table_asset(
    settings: Settings, contract: type[Contract], rules: list[Rule], *, group: str, lake: str, deps: list[str]
) -> dict[str, Any]:
    """The arguments of `@asset` that every daily table has."""
    partitions = daily_partitions(settings)
    return {
        "name": contract.table(),
        "group_name": group,
        "description": contract.describe(),
        "owners": [OWNER],
        "kinds": {"pyspark", "deltalake"},
        "code_version": code_version(settings),
        "partitions_def": partitions,
        "backfill_policy": ONE_RUN_PER_RANGE,
        "pool": LAKE_POOL,
        "deps": deps,
        "check_specs": check_specs(contract.table(), rules, partitions),
        "metadata": {
            "dagster/column_schema": column_schema(contract, settings, deps),
            "dagster/table_name": contract.table(),
            "dagster/storage_kind": "deltalake",
            "dagster/uri": f"{lake}/{contract.table()}",
            DASHBOARD: dashboard_page(settings, contract),
            "csv_files": dg.MetadataValue.path(settings.export),
        },
    }


def publish_each(
    publication: Publication,
    chunks_of_days: Sequence[list[str]],
    build: Callable[[list[str]], DataFrame],
    rows: Mapping[str, int],
    look: Look | None = None,
) -> None:
    """Build, audit and publish chunks of days; while one is audited the next is built, or an engine's cores would wait.

    `rows` tells about how many rows a day has. What is built already when an earlier chunk fails is thrown away.
    """

    def stage(days: list[str]) -> Staged:
        return publication.stage(build(days), days, max(rows.get(day, 0) for day in days))

    before: tuple[Staged, list[str]] | None = None
    with ThreadPoolExecutor(1, thread_name_prefix=publication.contract.table()) as ahead:
        for days in chunks_of_days:
            coming = ahead.submit(stage, days)
            if before is not None:
                try:
                    publication.publish(*before, look)
                except Exception:
                    with suppress(Exception):
                        publication.lake.discard(coming.result())
                    raise
            before = coming.result(), days
    if before is not None:
        publication.publish(*before, look)


def publish_in_chunks(
    publication: Publication,
    settings: Settings,
    build: Callable[[date, date], DataFrame],
    *,
    look: Look | None = None,
    extra: Sequence[str] = (),
    rows: Mapping[str, int] | None = None,
) -> Iterator[Any]:
    """Build, audit and publish the run's days, and `extra` ones, a chunk at a time, then tell Dagster.

    `build(first, last)` gives the rows of those days. `look` may add metadata from the rows of each chunk. `rows` tells about
    how many rows a day has; without it, as many as it has customers. If a chunk fails, the days published before it are
    recorded all the same.
    """
    rows = publication.lake.partitions(RawCustomers) if rows is None else rows
    try:
        wanted = sorted({*publication.asked, *extra})
        publish_each(
            publication,
            list(chunks(wanted, settings.chunk_days, rows, settings.chunk_rows)),
            lambda days: build(date.fromisoformat(days[0]), date.fromisoformat(days[-1])),
            rows,
            look,
        )
    except Exception as error:
        yield from publication.partial_events()
        publication.lake.name_damage(error)
        raise
    yield from publication.events()
