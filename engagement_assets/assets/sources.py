"""Group `sources`: customers, orders and web events, cleaned, deduplicated, accounted for row by row."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any

import dagster as dg
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from engagement_assets.assets import ingestion as ing
from engagement_assets.assets.common import code_version, commit_metadata, publish_in_chunks, table_asset
from engagement_assets.checks import rules
from engagement_assets.checks.publication import Publication, preview
from engagement_assets.contracts import Contract, RawCustomers, RawOrders, RawWebEvents
from engagement_assets.contracts.sources import SOURCE_COLUMNS
from engagement_assets.partitions import days_between, today
from engagement_assets.resources.engine import EngineResource
from engagement_assets.resources.sources import Inspection, SourcesResource
from engagement_assets.resources.tables import LakeResource
from engagement_assets.settings import Settings
from engagement_assets.transforms import customers as customers_step
from engagement_assets.transforms import examination
from engagement_assets.transforms import orders as orders_step
from engagement_assets.transforms import web_events as web_events_step
from engagement_assets.transforms.examination import ObservationWindow

GROUP = "sources"


def _unbound() -> Any:
    raise RuntimeError("this rule is known to Dagster by name only; the run binds it to its rows")


def customer_rules(settings: Settings, rejected: Callable[[], tuple[int, int]] = _unbound) -> list[rules.Rule]:
    """The rules of raw_customers."""
    return [rules.contract_rule(RawCustomers), _rejected_share(settings, rejected)]


def order_rules(
    settings: Settings,
    customers: Callable[[], DataFrame] = _unbound,
    rejected: Callable[[], tuple[int, int]] = _unbound,
) -> list[rules.Rule]:
    """The rules of raw_orders."""
    return [
        rules.contract_rule(RawOrders),
        rules.known_customers(customers),
        rules.orders_not_before_signup(customers),
        _rejected_share(settings, rejected),
    ]


def event_rules(
    settings: Settings,
    customers: Callable[[], DataFrame] = _unbound,
    rejected: Callable[[], tuple[int, int]] = _unbound,
) -> list[rules.Rule]:
    """The rules of raw_web_events."""
    return [
        rules.contract_rule(RawWebEvents),
        rules.known_customers(customers),
        rules.known_event_types(),
        _rejected_share(settings, rejected),
    ]


def _rejected_share(settings: Settings, rejected: Callable[[], tuple[int, int]]) -> rules.Rule:
    return rules.rejected_share(rejected, settings.rejected_share_warning, settings.rejected_share_limit)


@dataclass
class Reader:
    """Reads and examines the sources of one run; intermediate rows go to a folder that is removed at its end."""

    settings: Settings
    sources: SourcesResource
    engine: EngineResource
    scratch: str

    @property
    def spark(self) -> SparkSession:
        """The run's session."""
        return self.engine.spark_session

    def window(self, last_day: date) -> ObservationWindow:
        """The dates a row may have."""
        return ObservationWindow(self.settings.start_date, last_day, today(self.settings))

    def customers(self, inspection: Inspection) -> ing.Ingestion:
        """The customers source, one row per customer among the kept."""
        frames = [
            customers_step.examine_customers(rows, kinds, today=today(self.settings), timezone=self.settings.timezone)
            for rows, kinds in self.sources.read_parquet(self.spark, inspection)
        ]
        examined = ing.keep(self._together(frames, RawCustomers), f"{self.scratch}/customers", self.spark)
        settled = ing.keep(customers_step.settle_customers(examined), f"{self.scratch}/customers-settled", self.spark)
        read = sum(group.rows for group in inspection.groups)
        return ing.take_stock("customers", settled, customers_step.CONTENTS, read, inspection)

    def known_customers(self) -> DataFrame:
        """customer_id and signup_date of every customer in the source, whenever they signed up."""
        settled = self.customers(self.sources.inspect("customers")).settled
        return settled.filter(F.col("verdict") == examination.KEPT).select("customer_id", "signup_date")

    def orders(self, inspection: Inspection, customers: DataFrame, last_day: date) -> ing.Ingestion:
        """The orders source."""
        frames = [
            orders_step.examine_orders(rows, kinds, window=self.window(last_day), timezone=self.settings.timezone)
            for rows, kinds in self.sources.read_parquet(self.spark, inspection)
        ]
        examined = ing.keep(self._together(frames, RawOrders), f"{self.scratch}/orders", self.spark)
        settled = ing.keep(orders_step.settle_orders(examined, customers), f"{self.scratch}/orders-settled", self.spark)
        read = sum(group.rows for group in inspection.groups)
        return ing.take_stock("orders", settled, orders_step.CONTENTS, read, inspection)

    def web_events(self, inspection: Inspection, customers: DataFrame, last_day: date) -> ing.Ingestion:
        """The web events source."""
        lines = list(self.sources.read_lines(self.spark, inspection))
        frames = [
            web_events_step.examine_web_events(part, window=self.window(last_day), timezone=self.settings.timezone)
            for part in lines
        ]
        examined = ing.keep(self._together(frames, RawWebEvents), f"{self.scratch}/web_events", self.spark)
        settled = web_events_step.settle_web_events(examined, customers)
        settled = ing.keep(settled, f"{self.scratch}/web_events-settled", self.spark)
        read = sum(part.count() for part in lines)
        return ing.take_stock("web_events", settled, web_events_step.CONTENTS, read, inspection)

    def _together(self, frames: Sequence[DataFrame], contract: type[Contract]) -> DataFrame:
        columns = ing.examined_schema(contract).names
        return ing.source_rows([frame.select(*columns) for frame in frames], ing.examined_schema(contract), self.spark)


@contextmanager
def reading(
    context: dg.AssetExecutionContext,
    settings: Settings,
    sources: SourcesResource,
    engine: EngineResource,
    lake: LakeResource,
) -> Iterator[Reader]:
    """A reader whose intermediate rows are removed at the end, whatever happens."""
    scratch = lake.scratch(context.run_id)
    try:
        yield Reader(settings, sources, engine, scratch)
    finally:
        lake.remove(scratch)


def inspection_metadata(inspection: Inspection, account: ing.Account) -> dict[str, Any]:
    """What was found of a source and where its rows went, for the materialisation of the run's last day."""
    columns = sorted({(name, kind) for group in inspection.groups for name, kind in group.types.items()})
    if inspection.source == "web_events":
        columns = [(name, "JSON field") for name in SOURCE_COLUMNS["web_events"]]
    return {
        "source_files": len(inspection.files),
        "source_bytes": sum(file.size for file in inspection.files),
        "source_schema": dg.MetadataValue.json([{"column": name, "type": kind} for name, kind in columns]),
        "source_schemas": max(len(inspection.groups), 1),
        "ignored_columns": ", ".join(inspection.extra_columns) or "none",
        "rows_read": account.read,
        "rows_kept": account.kept,
        "rows_rejected": account.rejected_rows,
        "rejected_by_reason": dg.MetadataValue.json(account.rejected),
        "duplicates_removed": account.duplicates,
        "blank_lines": account.blank,
        "rows_waiting_for_their_day": account.waiting,
    }


def warn_about_window(context: dg.AssetExecutionContext, settings: Settings, source: str, account: ing.Account) -> None:
    """Say that rows were rejected for their date, and which setting moves the limit."""
    outside = account.rejected.get(examination.OUTSIDE_WINDOW, 0)
    if outside:
        context.log.warning(
            f"{source}: {outside} row(s) are dated before the first partition ({settings.start_date}) or in the future, and were "
            "rejected; ENGAGEMENT_START_DATE moves the first partition."
        )


def build_source_assets(settings: Settings, lake_location: str) -> list[dg.AssetsDefinition]:
    """The assets of the group, for these settings."""

    @dg.asset(**table_asset(settings, RawCustomers, customer_rules(settings), group=GROUP, lake=lake_location, deps=[]))
    def raw_customers(
        context: dg.AssetExecutionContext, engine: EngineResource, lake: LakeResource, sources: SourcesResource
    ) -> Iterator[Any]:
        with reading(context, settings, sources, engine, lake) as reader:
            inspection = sources.inspect("customers")
            found = reader.customers(inspection)
            warn_about_window(context, settings, "customers", found.account)
            ing.publish_rejected(lake, reader.spark, found, inspection, context.run_id)
            kept = found.settled.filter(F.col("verdict") == examination.KEPT)
            publication = Publication(
                context,
                lake,
                reader.spark,
                RawCustomers,
                customer_rules(settings, lambda: (found.account.faulty_rows, found.account.read)),
                commit_metadata=commit_metadata(settings),
            )
            last = publication.asked[-1]
            publication.describe(last, **inspection_metadata(inspection, found.account))
            publication.describe(
                last, preview=preview(kept.select("customer_id", "signup_date", "country").orderBy("customer_id"))
            )
            yield from publish_in_chunks(
                publication, settings, lambda first, last: customers_step.customers_as_of(kept, first, last)
            )

    @dg.asset(
        **table_asset(
            settings, RawOrders, order_rules(settings), group=GROUP, lake=lake_location, deps=["raw_customers"]
        )
    )
    def raw_orders(
        context: dg.AssetExecutionContext, engine: EngineResource, lake: LakeResource, sources: SourcesResource
    ) -> Iterator[Any]:
        with reading(context, settings, sources, engine, lake) as reader:
            yield from _bring_up_to_date(
                context, settings, lake, reader, RawOrders, "orders", orders_step.CONTENTS, reader.orders, order_rules
            )

    @dg.asset(
        **table_asset(
            settings, RawWebEvents, event_rules(settings), group=GROUP, lake=lake_location, deps=["raw_customers"]
        )
    )
    def raw_web_events(
        context: dg.AssetExecutionContext, engine: EngineResource, lake: LakeResource, sources: SourcesResource
    ) -> Iterator[Any]:
        with reading(context, settings, sources, engine, lake) as reader:
            yield from _bring_up_to_date(
                context,
                settings,
                lake,
                reader,
                RawWebEvents,
                "web_events",
                web_events_step.CONTENTS,
                reader.web_events,
                event_rules,
            )

    return [raw_customers, raw_orders, raw_web_events]


def _bring_up_to_date(
    context: dg.AssetExecutionContext,
    settings: Settings,
    lake: LakeResource,
    reader: Reader,
    contract: type[Contract],
    source: str,
    contents: Sequence[str],
    ingest: Callable[[Inspection, DataFrame, date], ing.Ingestion],
    make_rules: Callable[..., list[rules.Rule]],
) -> Iterator[Any]:
    """Publish the days of a fact table that are asked for, missing or changed, up to the last day asked for."""
    published = lake.partitions(contract)
    asked = list(context.partition_keys)
    last_day = ing.observation_day(asked, published)
    inspection = reader.sources.inspect(source)
    known = reader.known_customers()
    signature = ":".join((inspection.signature, reader.sources.inspect("customers").signature, code_version(settings)))
    before = ing.last_read(lake, source)
    expected = days_between(settings.start_date, last_day)
    missing = set(expected) - set(published)
    unchanged = before is not None and (before.signature, before.last_day) == (signature, last_day.isoformat())
    if before is not None and unchanged and not missing:
        account, found, write = before.account, None, []
    else:
        found = ingest(inspection, known, last_day)
        account = found.account
        ing.publish_rejected(lake, reader.spark, found, inspection, context.run_id)
        write = sorted(missing | ing.changed_days(lake, reader.spark, contract, contents, found))
    warn_about_window(context, settings, source, account)
    publication = Publication(
        context,
        lake,
        reader.spark,
        contract,
        make_rules(settings, lambda: known, lambda: (account.faulty_rows, account.read)),
        commit_metadata=commit_metadata(settings),
    )
    try:
        if found is not None:
            kept = found.settled.filter(F.col("verdict") == examination.KEPT)
            for days in ing.in_writes(write, found.rows):
                between = F.col("as_of_date").between(
                    F.lit(date.fromisoformat(days[0])), F.lit(date.fromisoformat(days[-1]))
                )
                chosen = kept.filter(between)
                if len(days_between(date.fromisoformat(days[0]), date.fromisoformat(days[-1]))) != len(days):
                    chosen = chosen.filter(F.col("as_of_date").cast("string").isin(*days))
                publication.publish(chosen, days)
        publication.confirm([day for day in asked if day not in write])
    except Exception:
        yield from publication.partial_events()
        raise
    last = asked[-1]
    publication.describe(last, **inspection_metadata(inspection, account))
    if last in publication.rows:
        publication.describe(last, preview=preview(lake.read(reader.spark, contract, [last])))
    if not publication.bad:
        ing.remember_read(lake, source, ing.LastRead(signature, last_day.isoformat(), account))
    yield from publication.events()
