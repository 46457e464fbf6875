"""Published days that are no longer what the sources say, listed with the runs that build exactly these anew."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from pyspark.sql import functions as F

from engagement_assets.domain.catalogue import FACTS
from engagement_assets.domain.contracts import TABLES, Contract, RawCustomers, RawOrders, RawWebEvents, RejectedRows
from engagement_assets.domain.days import Days
from engagement_assets.engine import EngineResource
from engagement_assets.lake import staleness
from engagement_assets.lake.damage import Damage
from engagement_assets.lake.tables import LakeResource
from engagement_assets.settings import Settings
from engagement_assets.sources import accounting as ing
from engagement_assets.sources import customers as customers_step
from engagement_assets.sources import validating as examination
from engagement_assets.sources.finding import SourcesResource
from engagement_assets.sources.ingestion import Reader, reading
from engagement_assets.sources.registry import ORDERS, WEB_EVENTS

#: Rows, hashes by exclusive or, and their sum: each can be summed up over days.
_FINGERPRINT = re.compile(r"(\d+)-(-?\d+)-(\d+)")


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
    steps: tuple[staleness.Step, ...] = ()
    #: Earlier days were left as they are.
    since: date | None = None
    #: Tables whose columns do not fit, and why: they are emptied first.
    misfits: Mapping[type[Contract], list[str]] = field(default_factory=dict)


def make_plan(settings: Settings, lake: LakeResource, *, since: date | None = None, verify: bool = False) -> Plan:
    """Find out what is outdated; nothing is published.

    `since` leaves earlier days as they are; `verify` reads every published file to its end.
    """
    damaged = tuple(damage for contract in TABLES.values() for damage in lake.damage(contract, decode=verify))
    broken: dict[type[Contract], set[str]] = defaultdict(set)
    for damage in damaged:
        broken[damage.contract].add(damage.partition)
    changed = source_changes(settings, lake, broken)
    changing: dict[type[Contract], set[str]] = {contract: set(days) for contract, days in changed.items()}
    for contract, partitions in broken.items():
        if contract is RejectedRows:  # written with the source's table, whichever day that is asked for
            for source in partitions:
                table = TABLES[f"raw_{source}"]
                changing.setdefault(table, set()).add(max(lake.partitions(table)))
        else:
            changing.setdefault(contract, set()).update(partitions)
    outdated = staleness.since(staleness.outdated(lake, settings, changing), since)
    published = {contract: lake.partitions(contract) for contract in FACTS}
    return Plan(staleness.since(changed, since), outdated, damaged, tuple(staleness.steps(outdated, published)), since)


def make_rebuild_plan(settings: Settings, lake: LakeResource) -> Plan:
    """The days of tables whose columns do not fit their contracts, and what is built from them; nothing is changed yet."""
    changing: dict[type[Contract], set[str]] = defaultdict(set)
    misfits = lake.misfits()
    for contract in misfits:
        if contract is RejectedRows:
            for source in lake.partitions(contract):
                changing[TABLES[f"raw_{source}"]].add(max(lake.partitions(TABLES[f"raw_{source}"])))
        else:
            changing[contract] |= set(lake.partitions(contract))
    outdated = staleness.outdated(lake, settings, changing)
    published = {contract: lake.partitions(contract) for contract in FACTS}
    return Plan({}, outdated, steps=tuple(staleness.steps(outdated, published)), misfits=misfits)


def source_changes(settings: Settings, lake: LakeResource, leave_out: Mapping[type[Contract], Days]) -> Tables:
    """Published days of the source tables whose rows are no longer what the source says; `leave_out` is not read."""
    tables: tuple[type[Contract], ...] = (RawCustomers, RawOrders, RawWebEvents)
    published = {
        contract: sorted(set(lake.partitions(contract)) - set(leave_out.get(contract, ()))) for contract in tables
    }
    if not any(published.values()):
        return {}
    engine = EngineResource(engine=settings.engine, timezone=settings.timezone)
    with engine, reading(_WHO, settings, SourcesResource(root=settings.data), engine, lake) as reader:
        return {contract: days for contract, days in _changes(reader, lake, published) if days}


def _changes(
    reader: Reader, lake: LakeResource, published: Mapping[type[Contract], list[str]]
) -> Iterator[tuple[type[Contract], list[str]]]:
    assert reader.spark  # before any column is made
    customers = reader.customers(reader.inspect("customers")).settled.filter(F.col("verdict") == examination.KEPT)
    yield RawCustomers, _customer_changes(reader, lake, customers, published[RawCustomers])
    known = customers.select("customer_id", "signup_date")
    for source in (ORDERS, WEB_EVENTS):
        days = published[source.contract]
        if days:
            found = reader.facts(source, reader.inspect(source.name), known, date.fromisoformat(days[-1]))
            changed = ing.changed_days(lake, reader.spark, source.contract, source.contents, found, days)
            yield source.contract, sorted(changed)


def _customer_changes(reader: Reader, lake: LakeResource, customers: Any, days: list[str]) -> list[str]:
    """Days whose customers differ from those of the source who had signed up by then.

    The customers of a day are those of the day before and the new ones: their fingerprint is summed up from day to day.
    """
    if not days:
        return []
    shown = lake.read(reader.spark, RawCustomers, days).withColumn("verdict", F.lit(examination.KEPT))
    there = {
        row["as_of_date"]: row["fingerprint"] for row in examination.account(shown, customers_step.CONTENTS).collect()
    }
    joined = customers.withColumn("as_of_date", F.col("signup_date"))
    new = sorted(
        (row["as_of_date"], row["fingerprint"])
        for row in examination.account(joined, customers_step.CONTENTS).collect()
    )
    changed, position, rows, hashes, total = [], 0, 0, 0, 0
    for day in map(date.fromisoformat, days):
        while position < len(new) and new[position][0] <= day:
            found = _FINGERPRINT.fullmatch(new[position][1])
            assert found
            rows, hashes, total = rows + int(found[1]), hashes ^ int(found[2]), total + int(found[3])
            position += 1
        if there.get(day) != (f"{rows}-{hashes}-{total}" if rows else None):
            changed.append(day.isoformat())
    return changed
