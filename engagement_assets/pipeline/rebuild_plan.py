"""Published days that are no longer what the sources say, listed with the runs that build exactly these anew."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date

from engagement_assets.domain.catalogue import FACTS
from engagement_assets.domain.contracts import TABLES, Contract, RejectedRows
from engagement_assets.lake import staleness
from engagement_assets.lake.damage import Damage
from engagement_assets.lake.tables import LakeResource
from engagement_assets.settings import Settings
from engagement_assets.sources.guard import require_sources
from engagement_assets.sources.ingestion import source_changes

_WHO = "refresh"

Tables = dict[type[Contract], list[str]]


@dataclass(frozen=True)
class Plan:
    """What is outdated and the runs that mend it."""

    #: Days whose own rows changed at the source.
    changed: Tables
    #: All days to be built anew, those among them.
    outdated: Tables
    damaged: tuple[Damage, ...] = ()
    #: Files that were looked at and have no checksum to compare with: table -> how many.
    unverified: Mapping[type[Contract], int] = field(default_factory=dict)
    steps: tuple[staleness.Step, ...] = ()
    #: Earlier days were left as they are.
    since: date | None = None
    #: Tables whose columns do not fit, and why: they are emptied first.
    schema_changes: Mapping[type[Contract], list[str]] = field(default_factory=dict)
    #: Sources of which less than before is meant.
    accept_missing: tuple[str, ...] = ()
    #: Days that other settings or other code made.
    otherwise: Tables = field(default_factory=dict)


def make_plan(
    settings: Settings,
    lake: LakeResource,
    *,
    since: date | None = None,
    verify: bool = False,
    accept_missing: Collection[str] = (),
) -> Plan:
    """Find out what is outdated; nothing is published.

    `since` leaves earlier days as they are; `verify` compares every published file with its checksum; `accept_missing` names
    sources of which less than before is meant.
    """
    damaged = tuple(damage for contract in TABLES.values() for damage in lake.damage(contract, verify=verify))
    unverified = {contract: len(lake.unverified(contract)) for contract in TABLES.values()} if verify else {}
    broken: dict[type[Contract], set[str]] = defaultdict(set)
    for damage in damaged:
        broken[damage.contract].add(damage.partition)
    changed = source_changes(settings, lake, broken, _WHO, accept_missing)
    changing: dict[type[Contract], set[str]] = {contract: set(days) for contract, days in changed.items()}
    for contract, partitions in broken.items():
        if contract is RejectedRows:  # written with the source's table, whichever day that is asked for
            for source in partitions:
                table = TABLES[f"raw_{source}"]
                changing.setdefault(table, set()).add(max(lake.partitions(table)))
        else:
            changing.setdefault(contract, set()).update(partitions)
    otherwise = staleness.since(staleness.made_otherwise(lake, settings), since)
    outdated = staleness.since(staleness.outdated(lake, settings, staleness.merged(changing, otherwise)), since)
    published = {contract: lake.partitions(contract) for contract in FACTS}
    steps = tuple(staleness.steps(outdated, published))
    return Plan(
        staleness.since(changed, since),
        outdated,
        damaged,
        {contract: files for contract, files in unverified.items() if files},
        steps,
        since,
        accept_missing=tuple(accept_missing),
        otherwise=otherwise,
    )


def make_rebuild_plan(settings: Settings, lake: LakeResource, accept_missing: Collection[str] = ()) -> Plan:
    """The days of tables whose columns do not fit their contracts, and what is built from them; nothing is changed yet.

    Raises SourceMissingError where the sources they would be built from are missing.
    """
    changing: dict[type[Contract], set[str]] = defaultdict(set)
    schema_changes = lake.schema_changes()
    for contract in schema_changes:
        if contract is RejectedRows:
            for source in lake.partitions(contract):
                changing[TABLES[f"raw_{source}"]].add(max(lake.partitions(TABLES[f"raw_{source}"])))
        else:
            changing[contract] |= set(lake.partitions(contract))
    outdated = staleness.outdated(lake, settings, changing)
    published = {contract: lake.partitions(contract) for contract in FACTS}
    if schema_changes:
        require_sources(settings, lake, accept_missing)
    steps = tuple(staleness.steps(outdated, published))
    return Plan({}, outdated, steps=steps, schema_changes=schema_changes, accept_missing=tuple(accept_missing))
