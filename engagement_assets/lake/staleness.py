"""Which published partitions are older than something they were built from, or made otherwise; the runs that build them anew."""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from engagement_assets.domain.catalogue import CATALOGUE, FACTS, Read
from engagement_assets.domain.contracts import Contract, EngagementScores, Sessions
from engagement_assets.domain.contracts.sources import SOURCE_TABLES
from engagement_assets.domain.days import ONE_DAY, Days, as_date, spans
from engagement_assets.domain.scoring_policy import fingerprint_of
from engagement_assets.lake.code_versions import code_version
from engagement_assets.lake.tables import LakeResource
from engagement_assets.settings import Settings


def outdated(
    lake: LakeResource, settings: Settings, changing: Mapping[type[Contract], Days] | None = None
) -> dict[type[Contract], list[str]]:
    """Published days of each table that are older than something they were built from, or will be.

    With them go days that they read and that are not there: of a table that came with a later release. `changing` are days that
    are to be written anew whatever their age; what reads them follows. Tables without such days are left out; the order is that
    of the pipeline.
    """
    written = {contract: lake.written_at(contract) for contract in CATALOGUE}
    found: dict[type[Contract], list[str]] = {}
    for contract, entry in CATALOGUE.items():
        stale = set((changing or {}).get(contract, ()))
        for read in entry.reads:
            # As if what is about to be written were written already, later than anything.
            upstream = {**written[read.table], **dict.fromkeys(found.get(read.table, ()), _LATER_THAN_ANY)}
            stale |= _older_than(written[contract], upstream, read, settings)
        if stale:
            found[contract] = sorted(stale)
    for contract in reversed(CATALOGUE):
        for read in CATALOGUE[contract].reads:
            if read.days_before == 0 and read.in_place_of is None and not read.horizons:
                missing = set(found.get(contract, ())) - set(written[read.table])
                if missing:
                    found[read.table] = sorted(missing.union(found.get(read.table, ())))
    return {contract: found[contract] for contract in CATALOGUE if contract in found}


_LATER_THAN_ANY = 1 << 62


def made_otherwise(lake: LakeResource, settings: Settings) -> dict[type[Contract], list[str]]:
    """Published days that other settings or other code made than are in force now.

    Tables of sources are left out: their rows are what the sources say, and a look at these tells which are others now.
    """
    found = {}
    for contract in CATALOGUE:
        if contract in SOURCE_TABLES.values():
            continue
        version, made = code_version(settings, contract), lake.made_with(contract)
        if days := sorted(day for day, by in made.items() if by["code_version"] != version):
            found[contract] = days
    return found


def merged(*tables: Mapping[type[Contract], Days]) -> dict[type[Contract], set[str]]:
    """Days of each table that are in any of these."""
    found: dict[type[Contract], set[str]] = {}
    for each in tables:
        for contract, days in each.items():
            found.setdefault(contract, set()).update(days)
    return found


def policies(lake: LakeResource) -> dict[str, str]:
    """The fingerprint of the scoring policy that each published day of the scores was made with."""
    return {
        day: fingerprint_of(json.loads(by["scoring_policy"]))
        for day, by in sorted(lake.made_with(EngagementScores).items())
    }


def _older_than(built: Mapping[str, int], upstream: Mapping[str, int], read: Read, settings: Settings) -> set[str]:
    """Days of `built` before the newest of the upstream days that they read."""
    stale = set()
    ordered = sorted(upstream)
    ages = [upstream[day] for day in ordered]
    newest, position = 0, 0
    for day in sorted(built):
        if read.days_before is None and not read.horizons:
            # All days up to this one: what is newest among them is carried on.
            end = bisect_right(ordered, day)
            newest, position = max(newest, *ages[position:end], 0), end
        else:
            first, last = _read_of(day, ordered, read, settings)
            newest = max(ages[bisect_left(ordered, first) : bisect_right(ordered, last)], default=0)
        if newest > built[day]:
            stale.add(day)
    return stale


def _read_of(day: str, ordered: Sequence[str], read: Read, settings: Settings) -> tuple[str, str]:
    """The first and the last of the upstream days that a day reads; `ordered` are those that are there."""
    own = as_date(day)
    if not read.horizons:
        return read.first(own, settings).isoformat(), day
    ends = [(own + horizon * ONE_DAY).isoformat() for horizon in read.horizons]
    return (own + ONE_DAY).isoformat(), max((end for end in ends if ordered and end <= ordered[-1]), default=day)


def since(tables: Mapping[type[Contract], Days], first: date | None) -> dict[type[Contract], list[str]]:
    """Days from the first on. Of facts all: a run of theirs brings the whole table up to date."""

    def is_meant(contract: type[Contract], day: str) -> bool:
        return first is None or contract in FACTS or day >= first.isoformat()

    kept = {table: sorted(day for day in days if is_meant(table, day)) for table, days in tables.items()}
    return {table: days for table, days in kept.items() if days}


@dataclass(frozen=True)
class Step:
    """A run that builds some tables for consecutive days."""

    tables: tuple[str, ...]
    first: str
    last: str


def steps(wanted: Mapping[type[Contract], Days], published: Mapping[type[Contract], Days]) -> list[Step]:
    """The runs that build these days of these tables and no others, in the order in which they have to run.

    Facts come first, asked for by one day each. The rest by consecutive days for which the same tables are wanted, the
    earliest first, because days are built from their own and earlier ones.
    """
    facts = {contract: max(wanted[contract]) for contract in FACTS if wanted.get(contract)}
    together = facts.get(Sessions, max(facts.values(), default=""))
    asked: dict[str, list[str]] = {}
    for contract, own in facts.items():
        day = together if together in published.get(contract, ()) or together in wanted[contract] else own
        asked.setdefault(day, []).append(contract.table())
    found = [Step(tuple(tables), day, day) for day, tables in asked.items()]
    tables_of: dict[str, tuple[str, ...]] = {}
    for contract, days in wanted.items():
        if contract not in FACTS:
            for day in days:
                tables_of[day] = (*tables_of.get(day, ()), contract.table())
    alike: dict[tuple[str, ...], list[str]] = {}
    for day, tables in tables_of.items():
        alike.setdefault(tables, []).append(day)
    rest = [Step(tables, *span) for tables, days in alike.items() for span in spans(days)]
    return [*found, *sorted(rest, key=lambda step: step.first)]
