"""Group `sources`: customers, orders and web events, cleaned, deduplicated, accounted for row by row."""

from collections.abc import Callable, Iterator, Sequence
from datetime import date
from functools import partial
from typing import Any

import dagster as dg
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from engagement_assets.domain.contracts import RawCustomers, RawOrders, RawWebEvents
from engagement_assets.domain.contracts.sources import SOURCE_COLUMNS
from engagement_assets.domain.days import days_between
from engagement_assets.engine import EngineResource
from engagement_assets.lake.code_versions import code_version, commit_metadata
from engagement_assets.lake.tables import LakeResource
from engagement_assets.pipeline.asset_factory import publish_each, publish_in_chunks, table_asset
from engagement_assets.pipeline.checks import rules
from engagement_assets.pipeline.publication import Publication, preview
from engagement_assets.settings import Settings
from engagement_assets.sources import accounting as ing
from engagement_assets.sources import customers as customers_step
from engagement_assets.sources import validating as examination
from engagement_assets.sources.finding import SourcesResource
from engagement_assets.sources.incremental import LastRead, last_read
from engagement_assets.sources.ingestion import Reader, reading
from engagement_assets.sources.inspecting import Inspection, signature_of
from engagement_assets.sources.registry import ORDERS, WEB_EVENTS, Facts

GROUP = "sources"

#: Files named in a warning.
_NAMED = 5


def _unbound() -> Any:
    raise RuntimeError("this rule is known to Dagster by name only; the run binds it to its rows")


def customer_rules(settings: Settings, rejected: Callable[[], rules.Rejections] = _unbound) -> list[rules.Rule]:
    """The rules of raw_customers."""
    return [rules.contract_rule(RawCustomers), *_rejections(settings, rejected)]


def order_rules(
    settings: Settings,
    customers: Callable[[], DataFrame] = _unbound,
    rejected: Callable[[], rules.Rejections] = _unbound,
) -> list[rules.Rule]:
    """The rules of raw_orders."""
    return [
        rules.contract_rule(RawOrders),
        rules.known_customers(customers),
        rules.orders_not_before_signup(customers),
        *_rejections(settings, rejected),
    ]


def event_rules(
    settings: Settings,
    customers: Callable[[], DataFrame] = _unbound,
    rejected: Callable[[], rules.Rejections] = _unbound,
) -> list[rules.Rule]:
    """The rules of raw_web_events."""
    return [
        rules.contract_rule(RawWebEvents),
        rules.known_customers(customers),
        rules.known_event_types(),
        *_rejections(settings, rejected),
    ]


def _rejections(settings: Settings, rejected: Callable[[], rules.Rejections]) -> list[rules.Rule]:
    return [
        rules.rejected_share(rejected, settings.rejected_share_warning, settings.rejected_share_limit),
        rules.readable_files(rejected),
    ]


def _kept_out(inspection: Inspection, account: ing.Account) -> rules.Rejections:
    return rules.Rejections(account.faulty_rows, account.read, account.rejected, tuple(inspection.unreadable))


def inspection_metadata(inspection: Inspection, account: ing.Account, examined: int) -> dict[str, Any]:
    """What was found of a source and where its rows went, for the materialisation of the run's last day.

    `examined`: the files whose rows this run examined; the others are as an earlier run found them.
    """
    columns = list(inspection.types)
    if inspection.source == "web_events":
        columns = [(name, "JSON field") for name in SOURCE_COLUMNS["web_events"]]
    return {
        "source_files": len(inspection.files),
        "source_files_examined": examined,
        "source_bytes": sum(file.size for file in inspection.files),
        "source_schema": dg.MetadataValue.json([{"column": name, "type": kind} for name, kind in columns]),
        "source_schemas": max(len(inspection.groups), 1),
        "ignored_columns": ", ".join(inspection.extra_columns) or "none",
        "ignored_files": len(inspection.ignored),
        "unreadable_files": len(inspection.unreadable),
        "rows_read": account.read,
        "rows_kept": account.kept,
        "rows_rejected": account.rejected_rows,
        "rejected_by_reason": dg.MetadataValue.json(account.rejected),
        "duplicates_removed": account.duplicates,
        "blank_lines": account.blank,
        "rows_of_erased_customers": account.erased,
        "rows_waiting_for_their_day": account.waiting,
    }


def warn(context: dg.AssetExecutionContext, settings: Settings, inspection: Inspection, account: ing.Account) -> None:
    """Say what was left out that a setting or a look at the folder would mend."""
    source = inspection.source
    outside = account.rejected.get(examination.OUTSIDE_WINDOW, 0)
    if outside:
        context.log.warning(
            f"{source}: {outside} row(s) are dated before the first partition ({settings.start_date}) or in the future, and were "
            "rejected; ENGAGEMENT_START_DATE moves the first partition."
        )
    if inspection.unreadable:
        context.log.warning(
            f"{source}: {len(inspection.unreadable)} file(s) cannot be read, and their rows are missing: "
            f"{_listed(list(inspection.unreadable))}; `engagement rejects --source {source}` says why."
        )
    if inspection.ignored:
        context.log.warning(
            f"{source}: {len(inspection.ignored)} file(s) are no source files by their name or kind, and were not read: "
            f"{_listed(inspection.ignored)}."
        )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")


def build_source_assets(settings: Settings, lake_location: str) -> list[dg.AssetsDefinition]:
    """The assets of the group, for these settings."""

    @dg.asset(**table_asset(settings, RawCustomers, customer_rules(settings), group=GROUP, lake=lake_location, deps=[]))
    def raw_customers(
        context: dg.AssetExecutionContext, engine: EngineResource, lake: LakeResource, sources: SourcesResource
    ) -> Iterator[Any]:
        lake.begin(context.run_id, context.log.info)
        with reading(context.run_id, settings, sources, engine, lake) as reader:
            inspection = reader.inspect("customers")
            remembered = reader.remembered_customers(inspection)
            if remembered is not None:
                account, kept, examined = remembered[0].account, remembered[1], 0
            else:
                found = reader.customers(inspection)
                account, inspection, examined = found.account, found.inspection, found.files
                ing.publish_rejected(lake, reader.spark, found, context.run_id, settings.start_date)
                reader.remember_customers(found)
                kept = found.settled.filter(F.col("verdict") == examination.KEPT)
            warn(context, settings, inspection, account)
            publication = Publication(
                context,
                lake,
                reader.spark,
                RawCustomers,
                customer_rules(settings, lambda: _kept_out(inspection, account)),
                commit_metadata=commit_metadata(settings),
            )
            last = publication.asked[-1]
            publication.describe(last, **inspection_metadata(inspection, account, examined))
            publication.describe(last, preview=preview(kept.select(*customers_step.CONTENTS)))
            yield from publish_in_chunks(
                publication,
                settings,
                lambda first, last: customers_step.customers_as_of(kept, first, last),
                rows=dict.fromkeys(publication.asked, account.kept),
            )

    @dg.asset(
        **table_asset(
            settings, RawOrders, order_rules(settings), group=GROUP, lake=lake_location, deps=["raw_customers"]
        )
    )
    def raw_orders(
        context: dg.AssetExecutionContext, engine: EngineResource, lake: LakeResource, sources: SourcesResource
    ) -> Iterator[Any]:
        lake.begin(context.run_id, context.log.info)
        with reading(context.run_id, settings, sources, engine, lake) as reader:
            yield from _bring_up_to_date(context, settings, lake, reader, ORDERS, order_rules)

    @dg.asset(
        **table_asset(
            settings, RawWebEvents, event_rules(settings), group=GROUP, lake=lake_location, deps=["raw_customers"]
        )
    )
    def raw_web_events(
        context: dg.AssetExecutionContext, engine: EngineResource, lake: LakeResource, sources: SourcesResource
    ) -> Iterator[Any]:
        lake.begin(context.run_id, context.log.info)
        with reading(context.run_id, settings, sources, engine, lake) as reader:
            yield from _bring_up_to_date(context, settings, lake, reader, WEB_EVENTS, event_rules)

    return [raw_customers, raw_orders, raw_web_events]


def _bring_up_to_date(
    context: dg.AssetExecutionContext,
    settings: Settings,
    lake: LakeResource,
    reader: Reader,
    source: Facts,
    make_rules: Callable[..., list[rules.Rule]],
) -> Iterator[Any]:
    """Publish the days of a fact table that are asked for, missing or changed, up to the last day asked for."""
    contract = source.contract
    published = lake.partitions(contract)
    asked = list(context.partition_keys)
    last_day = ing.observation_day(asked, published)
    inspection = reader.inspect(source.name)
    known, customers = reader.known_customers()
    customer_files = signature_of(reader.sources.find("customers"))
    signature = ":".join((inspection.signature, customer_files, code_version(settings)))
    before = last_read(lake, source.name)
    missing = set(days_between(settings.start_date, last_day)) - set(published)
    write: list[str] = []
    if before and (before.signature, before.last_day) == (signature, last_day.isoformat()) and not missing:
        account, found = before.account, None
    else:
        found = _examine(reader, source, inspection, known, last_day, customers, missing)
        account, inspection = found.account, found.inspection
        ing.publish_rejected(lake, reader.spark, found, context.run_id, settings.start_date)
        changed = (
            set(found.rows) if found.is_more else ing.changed_days(lake, reader.spark, contract, source.contents, found)
        )
        write = sorted(missing | changed)
    warn(context, settings, inspection, account)
    publication = Publication(
        context,
        lake,
        reader.spark,
        contract,
        make_rules(settings, lambda: known, lambda: _kept_out(inspection, account)),
        commit_metadata=commit_metadata(settings),
    )
    try:
        if found is not None:
            rows = ing.rows_to_write(found, published)
            build = partial(ing.rows_of, lake, reader.spark, contract, found)
            publish_each(publication, ing.in_writes(write, rows), build, rows)
        publication.confirm([day for day in asked if day not in write])
    except Exception:
        yield from publication.partial_events()
        raise
    last = asked[-1]
    publication.describe(last, **inspection_metadata(inspection, account, found.files if found else 0))
    if last in publication.rows:
        publication.describe(last, preview=preview(lake.read(reader.spark, contract, [last])))
    if found is not None and not publication.bad:
        read = LastRead(
            signature,
            last_day.isoformat(),
            account,
            settings=code_version(settings),
            files=inspection.versions,
            published=reader.published(source),
            customers=customers,
        )
        reader.remember_facts(source, read, found)
    yield from publication.events()


def _examine(
    reader: Reader,
    source: Facts,
    inspection: Inspection,
    known: DataFrame,
    last_day: date,
    customers: str | None,
    missing: set[str],
) -> ing.Ingestion:
    """The rows that came since the source was read last, where they are all that matters; else the whole source."""
    before = last_read(reader.lake, source.name)
    if (
        before is not None
        and before.settings == code_version(reader.settings)
        and before.published == reader.published(source)
        and before.customers is not None
        and before.customers == customers
        and before.last_day <= last_day.isoformat()
        and all(day > before.last_day for day in missing)
        and before.files.items() <= inspection.versions.items()
    ):
        try:
            return reader.more_facts(source, inspection, known, last_day, before)
        except ing.DisplacedError:
            pass
    return reader.facts(source, inspection, known, last_day)
