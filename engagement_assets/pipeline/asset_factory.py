"""The factory of the daily tables' assets: the catalogue says what a table reads, an asset adds how rows are built from that."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from typing import Any

import dagster as dg
from pyspark.sql import DataFrame, SparkSession

from engagement_assets.domain.catalogue import CATALOGUE, asset_tags, days_read, parents
from engagement_assets.domain.contracts import Contract, RawCustomers
from engagement_assets.domain.days import as_date, chunks
from engagement_assets.engine import EngineResource
from engagement_assets.lake.code_versions import code_version
from engagement_assets.lake.staging import Staged
from engagement_assets.lake.tables import LakeResource
from engagement_assets.pipeline.checks.kept_out import Rejections
from engagement_assets.pipeline.checks.outcomes import Rule
from engagement_assets.pipeline.checks.rules import contract_rules
from engagement_assets.pipeline.partitions import ONE_RUN_PER_RANGE, daily_partitions
from engagement_assets.pipeline.publication import (
    DASHBOARD,
    AfterAudit,
    Publication,
    check_specs,
    column_schema,
    dashboard_page,
    preview,
)
from engagement_assets.settings import Settings

#: Dagster's pool of the assets that write to the lake: a production instance runs them one run at a time, a queue does not wait
#: for a file lock. The lock of the lake is there all the same, for runs that no queue sees. Each shop has a pool of its own.
LAKE_POOL = "engagement_lake"

#: Tag of a run that is to write days of facts anew, too, that other settings or other code made.
REBUILD_TAG = "engagement/rebuild"


def unbound() -> Any:
    """What a rule asks that Dagster is told of before there is a run."""
    raise RuntimeError("this rule is known to Dagster by name only; the run binds it to its rows")


@dataclass(frozen=True)
class TableRun:
    """One run of one table's asset: what its days read of other tables, and the publication of its own."""

    context: dg.AssetExecutionContext
    engine: EngineResource
    lake: LakeResource
    settings: Settings
    contract: type[Contract]
    rules: Sequence[Rule]

    @cached_property
    def publication(self) -> Publication:
        """The writes of this run, examined by the table's rules."""
        return Publication(self.context, self.lake, self.spark, self.contract, self.rules, self.settings)

    @property
    def asked(self) -> list[str]:
        """The days of the run."""
        return list(self.context.partition_keys)

    @property
    def spark(self) -> SparkSession:
        """The session of the run."""
        return self.engine.spark_session

    def with_rules(self, more: Iterable[Rule], kept_out: Callable[[], Rejections]) -> "TableRun":
        """The same run, with rules beside the contract that are bound to what was found, and to what was kept out."""
        return replace(self, rules=(*contract_rules(self.contract, kept_out), *more))

    def require(self) -> None:
        """Raise NotPublishedError unless all is published that the days asked for read."""
        first, last = as_date(self.asked[0]), as_date(self.asked[-1])
        for table, days in days_read(self.contract, first, last, self.settings).items():
            self.lake.require(table, days)

    def read(self, table: type[Contract], first: date, last: date) -> DataFrame:
        """The rows of another table that the days from `first` to `last` read."""
        return self.lake.read(self.spark, table, days_read(self.contract, first, last, self.settings)[table])

    def preview(self, _: DataFrame, published: Staged) -> None:
        """Tell of the run's last day what a look at its rows would tell."""
        last = self.asked[-1]
        if last in published.rows():
            rows = self.lake.read_staged(self.spark, published.only([last]))
            self.publication.describe(last, preview=preview(rows))

    def publish(
        self,
        build: Callable[[date, date], DataFrame],
        *,
        after_audit: AfterAudit | None = None,
        extra: Iterable[str] = (),
        rows: Mapping[str, int] | None = None,
    ) -> Iterator[Any]:
        """Build, audit and publish the run's days, and `extra` ones, a chunk at a time, then tell Dagster.

        `build(first, last)` gives the rows of those days. `after_audit` may add metadata from the rows of each chunk. `rows`
        tells about how many rows a day has; without it, as many as it has customers. If a chunk fails, the days published before
        it are recorded all the same.
        """
        rows = self.lake.partitions(RawCustomers) if rows is None else rows
        try:
            wanted = sorted({*self.asked, *extra})
            self.publication.publish_each(
                list(chunks(wanted, self.settings.chunk_days, rows, self.settings.chunk_rows)),
                lambda days: build(as_date(days[0]), as_date(days[-1])),
                rows,
                after_audit,
            )
        except Exception as error:
            yield from self.publication.tell_published()
            self.lake.name_damage(error)
            raise
        yield from self.publication.events()


def table_asset(
    settings: Settings,
    lake: str,
    contract: type[Contract],
    work: Callable[[TableRun], Iterator[Any]],
    more_rules: Iterable[Rule] = (),
    *,
    resources: Iterable[str] = (),
) -> dg.AssetsDefinition:
    """The asset of a daily table: `work` reads, builds and publishes the days of a run; `more_rules` beside the contract.

    `lake` is the root of the tables; `resources` are those that `work` takes from the context beside the engine and the lake.
    """
    partitions = daily_partitions(settings)
    rules = (*contract_rules(contract, unbound), *more_rules)
    name = contract.table()

    @dg.asset(
        key=settings.asset_key(name),
        group_name=CATALOGUE[contract].group,
        description=contract.describe(),
        owners=[settings.asset_owner],
        tags=asset_tags(name, settings.asset_domain),
        kinds={"pyspark", "deltalake"},
        code_version=code_version(settings, contract),
        partitions_def=partitions,
        backfill_policy=ONE_RUN_PER_RANGE,
        pool="_".join(settings.asset_key(LAKE_POOL)),
        deps=[settings.asset_key(table.table()) for table in parents(contract, settings.sources_there)],
        check_specs=check_specs(settings.asset_key(name), rules, partitions),
        required_resource_keys={"engine", "lake", *resources},
        metadata={
            "dagster/column_schema": column_schema(contract, settings),
            "dagster/table_name": ".".join(settings.asset_key(name)),
            "dagster/storage_kind": "deltalake",
            "dagster/uri": f"{lake}/{name}",
            DASHBOARD: dg.MetadataValue.url(dashboard_page(settings, contract)),
            "csv_files": dg.MetadataValue.path(settings.export),
        },
    )
    def build_table(context: dg.AssetExecutionContext) -> Iterator[Any]:
        resources = context.resources
        run = TableRun(context, resources.engine, resources.lake, settings, contract, rules)
        run.lake.begin(context.run.run_id, context.log.info)
        run.require()
        yield from work(run)

    return build_table
