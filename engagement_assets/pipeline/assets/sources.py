"""Group `sources`: customers, orders, web events and contacts, if any: cleaned, deduplicated, accounted for row by row."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import date, timedelta
from functools import partial
from typing import Any

import dagster as dg
from pyspark.sql import DataFrame

from engagement_assets.domain import verdicts
from engagement_assets.pipeline.arrivals import read_by_run
from engagement_assets.pipeline.asset_factory import TableRun, table_asset, unbound
from engagement_assets.pipeline.checks import rules
from engagement_assets.pipeline.checks.kept_out import Rejections, readable_files, rejected_share
from engagement_assets.pipeline.checks.outcomes import Rule
from engagement_assets.pipeline.publication import preview
from engagement_assets.settings import Settings, today
from engagement_assets.sources import guard
from engagement_assets.sources.accounting import Reading
from engagement_assets.sources.finding import SourcesResource
from engagement_assets.sources.ingestion import Ingestion, ingestion
from engagement_assets.sources.registry import CUSTOMERS, SOURCES
from engagement_assets.sources.source import Source

#: Rows written at once when days are published; bounds the memory of the first ingestion of a long history.
_ROWS_PER_WRITE = 5_000_000

#: Files named in a warning.
_NAMED = 5


def kept_out_of(found: Callable[[], Reading]) -> Callable[[], Rejections]:
    """What was kept out of a source, by what was found of it."""

    def kept_out() -> Rejections:
        account = found().account
        return Rejections(account.faulty_rows, account.read, account.rejected, tuple(found().inspection.unreadable))

    return kept_out


def source_rules(
    settings: Settings,
    source: Source,
    customers: Callable[[], DataFrame] = unbound,
    kept_out: Callable[[], Rejections] = unbound,
) -> list[Rule]:
    """The rules of a source's table beside the contract, bound to the known customers and to what was found in the run."""
    of_facts = [
        rules.known_customers(source.name.replace("_", " "), customers, kept_out),
        rules.dates_within_window(settings.start_date, today(settings), kept_out),
    ]
    return [
        *(of_facts if source is not CUSTOMERS else []),
        *[rules.row_warning(warning, customers) for warning in source.warnings],
        rejected_share(kept_out, settings.rejected_share_warning, settings.rejected_share_limit),
        readable_files(kept_out),
    ]


def inspection_metadata(found: Reading) -> dict[str, Any]:
    """What was found of a source and where its rows went, for the materialisation of the run's last day."""
    inspection, account = found.inspection, found.account
    return {
        "source_files": len(inspection.files),
        # The others are as an earlier run found them.
        "source_files_examined": found.files,
        "source_bytes": sum(file.size for file in inspection.files),
        "source_schema": dg.MetadataValue.json([{"column": name, "type": kind} for name, kind in inspection.types]),
        "source_schemas": max(len(inspection.groups), 1),
        "ignored_columns": ", ".join(inspection.extra_columns) or "none",
        "ignored_files": len(inspection.ignored),
        "unreadable_files": len(inspection.unreadable),
        "rows_read": account.read,
        "rows_kept": account.kept,
        "rows_rejected": account.rejected_rows,
        "rejected_by_reason": dg.MetadataValue.json(account.rejected),
        "duplicates_removed": account.duplicates,
        "superseded_rows": account.superseded,
        "blank_lines": account.blank,
        "filtered_rows": account.filtered,
        "lines_summed_up": account.summed,
        "rows_of_erased_customers": account.erased,
        "rows_waiting_for_their_day": account.waiting,
    }


def warn(context: dg.AssetExecutionContext, settings: Settings, found: Reading) -> None:
    """Say what was left out that a setting or a look at the folder would mend."""
    inspection = found.inspection
    source = inspection.source.name
    outside = found.account.rejected.get(verdicts.OUTSIDE_WINDOW, 0)
    if outside:
        context.log.warning(
            f"{source}: {outside} row(s) are dated before the first partition ({settings.start_date}) or in the future, and were "
            "rejected; ENGAGEMENT_START_DATE moves the first partition."
        )
    if found.account.superseded:
        context.log.info(
            f"{source}: {found.account.superseded} row(s) are superseded: a later file, by the files' names, or a later row of "
            "the same file says something else of the same id and day."
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


def build_source_assets(settings: Settings, lake: str) -> list[dg.AssetsDefinition]:
    """The assets of the group, one for each source, for these settings."""
    return [
        table_asset(
            settings,
            lake,
            source.contract,
            partial(_publish, source=source),
            source_rules(settings, source),
            resources={"sources"},
        )
        for source in map(SOURCES.__getitem__, settings.sources_there)
    ]


def _publish(run: TableRun, source: Source) -> Iterator[Any]:
    named = run.context.resources.sources
    # Who configures it for a run may name nothing but what is missing.
    found = named if named.root else SourcesResource.of(run.settings, named.accept_missing)
    _require_all(run, found, source)
    with ingestion(run.context.run.run_id, run.settings, found, run.engine, run.lake) as sources:
        yield from (_publish_customers if source is CUSTOMERS else _publish_facts)(run, sources, source)


def _require_all(run: TableRun, found: SourcesResource, source: Source) -> None:
    """Before a run writes the first of its sources, look for the files of all: it stops while nothing is written.

    Raises SourceMissingError, which names the source.
    """
    in_run = run.context.job_def.asset_layer.selected_asset_keys
    asked = [
        other
        for other in map(SOURCES.__getitem__, run.settings.sources_there)
        if dg.AssetKey(run.settings.asset_key(other.contract.table())) in in_run
    ]
    for other in asked if asked[0] is source else ():
        guard.present(found, run.lake, other)


def _bound(run: TableRun, found: Reading, customers: DataFrame) -> TableRun:
    """The run with its rules bound to what was found, which is described with its last day."""
    warn(run.context, run.settings, found)
    source = found.inspection.source
    kept_out = kept_out_of(lambda: found)
    run = run.with_rules(source_rules(run.settings, source, lambda: customers, kept_out), kept_out)
    run.publication.describe(run.asked[-1], **inspection_metadata(found))
    return run


def _publish_customers(run: TableRun, sources: Ingestion, source: Source) -> Iterator[Any]:
    """Publish everybody who had signed up, as of each day that is asked for, and that another time zone changes."""
    found = sources.customers()
    published = [date.fromisoformat(day) for day in run.lake.partitions(source.contract)]
    extra = {day.isoformat() for day in sources.days_cut_anew(found, published)}
    if not found.is_same:
        sources.publish_rejected(found)
        sources.remember_customers(found)
        read_by_run(run.lake, source.name, found.inspection.hash)
    run = _bound(run, found, found.who)
    run.publication.describe(run.asked[-1], preview=preview(found.kept.select(*source.contents)))
    assert source.as_of is not None
    as_of = source.as_of
    yield from run.publish(
        lambda first, last: as_of(found.kept, first, last),
        extra=extra,
        rows=dict.fromkeys({*run.asked, *extra}, found.account.kept),
    )


def _publish_facts(run: TableRun, sources: Ingestion, source: Source) -> Iterator[Any]:
    """Publish the days of a fact table that are asked for, missing or changed, up to the last day asked for."""
    published = {date.fromisoformat(day): rows for day, rows in run.lake.partitions(source.contract).items()}
    # Where later days are published already, these are brought up to date too.
    last_day = max(date.fromisoformat(day) for day in (*run.asked, *run.lake.partitions(source.contract)))
    first = run.settings.start_date
    missing = {first + timedelta(days) for days in range((last_day - first).days + 1)} - set(published)
    customers = sources.customers()
    found = sources.facts(source, customers, last_day, missing)
    if not found.is_same:
        sources.publish_rejected(found)
    write = missing | (set(found.hashes) if found.is_more else sources.changed_days(found, published))
    run = _bound(run, found, customers.who)
    publication, last = run.publication, run.asked[-1]
    earlier = published if found.is_more else {}
    rows = {day: hashed.rows + earlier.get(day, 0) for day, hashed in found.hashes.items()}
    try:
        publication.publish_each(
            [[day.isoformat() for day in days] for days in _in_writes(write, rows)],
            lambda days: sources.rows_of(found, [date.fromisoformat(day) for day in days]),
            {day.isoformat(): count for day, count in rows.items()},
        )
        publication.confirm([day for day in publication.asked if date.fromisoformat(day) not in write])
    except Exception:
        yield from publication.tell_published()
        raise
    if last in publication.rows:
        publication.describe(last, preview=preview(run.lake.read(run.spark, source.contract, [last])))
    if not found.is_same and not publication.bad:
        sources.remember_facts(found, customers, last_day)
        read_by_run(run.lake, source.name, found.inspection.hash)
    yield from publication.events()


def _in_writes(days: Collection[date], rows: Mapping[date, int]) -> list[list[date]]:
    """Days grouped so that each group has at most `_ROWS_PER_WRITE` rows, a day never divided."""
    groups: list[list[date]] = []
    size = 0
    for day in sorted(days):
        if not groups or size + rows.get(day, 0) > _ROWS_PER_WRITE:
            groups.append([])
            size = 0
        groups[-1].append(day)
        size += rows.get(day, 0)
    return groups
