"""The tables: of each one its group, what it reads over which days, the settings its rows depend on, what computes it.

Everything else that has to know this is derived from here: Dagster's dependencies, what has to be published before a day can be
built, which published days are stale and in which order they are built again, column lineage, code versions.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from engagement_assets.domain.campaign_policy import CampaignPolicy
from engagement_assets.domain.contracts import (
    CampaignAudiences,
    CampaignResults,
    Contract,
    CustomerFeatures,
    EngagementMetrics,
    EngagementScores,
    OrderAggregates,
    RawContacts,
    RawCustomers,
    RawOrders,
    RawWebEvents,
    ReturnRates,
    ScoreBacktest,
    SegmentChanges,
    Sessions,
)
from engagement_assets.domain.contracts.sources import SOURCE_TABLES
from engagement_assets.domain.days import ONE_DAY, days_between
from engagement_assets.domain.results_policy import ResultsPolicy
from engagement_assets.domain.scoring_policy import ScoringPolicy
from engagement_assets.domain.sources import OPTIONAL, SOURCES

#: Days after a snapshot over which its score is judged.
HORIZONS = (30, 60, 90)


class RowSettings(Protocol):
    """The settings that rows depend on; `settings.Settings` has them."""

    @property
    def scoring(self) -> ScoringPolicy:
        """How customers are scored."""

    @property
    def campaigns(self) -> CampaignPolicy:
        """Who is addressed."""

    @property
    def results(self) -> ResultsPolicy:
        """How the results of campaigns are counted."""

    @property
    def start_date(self) -> date:
        """The first partition."""


@dataclass(frozen=True)
class Read:
    """What partition `T` reads of another table: the days from `days_before` days before `T` to `T`; None: from the first.

    `days_before` may depend on the settings. With `horizons` it reads what came after instead: the days after `T` up to the
    longest of these that is over. With `if_published` days that are not there are left out. With `in_place_of` it is what the day
    before in that table is built from, and read only where that day is not up to date; so that day can be built again and makes
    nothing stale.
    """

    table: type[Contract]
    days_before: int | Callable[[RowSettings], int] | None = 0
    horizons: tuple[int, ...] = ()
    if_published: bool = False
    in_place_of: type[Contract] | None = None

    def first(self, day: date, settings: RowSettings) -> date:
        """The first of the days up to `day` that are read for it."""
        before = self.days_before(settings) if callable(self.days_before) else self.days_before
        return settings.start_date if before is None else max(settings.start_date, day - before * ONE_DAY)


@dataclass(frozen=True)
class Entry:
    """A table: its contract and group, what computes its rows (dotted name), what it reads.

    `settings` are the fields of the scoring policy that the function depends on, and `campaigns` whether it depends on the
    campaign policy; what the tables that are read depend on comes on top (`settings_of`). `results` tells whether it depends on
    the policy of results. All tables depend on the time zone and on the first partition. `with_code` are modules that compute
    rows too, and that the transform's module does not import.
    `after` are tables whose rows are not read, but which have to be built before. `tier` is how far it is from the sources:
    bronze is what they say, silver a step on the way, gold what people act on.

    A run of a table of facts brings it up to date, whichever day it is asked for.
    """

    contract: type[Contract]
    group: str
    transform: str
    with_code: tuple[str, ...] = ()
    reads: tuple[Read, ...] = ()
    after: tuple[type[Contract], ...] = ()
    settings: tuple[str, ...] = ()
    campaigns: bool = False
    results: bool = False
    is_facts: bool = False
    tier: str = "silver"


def _session_days(settings: RowSettings) -> int:
    return settings.scoring.session_days


_STEPS = "engagement_assets.transforms."

#: In the order of the pipeline: a table comes after those it reads.
CATALOGUE: dict[type[Contract], Entry] = {
    entry.contract: entry
    for entry in (
        *(
            Entry(
                contract,
                "sources",
                f"engagement_assets.sources.{source}.SOURCE",
                with_code=tuple(
                    f"engagement_assets.sources.{step}"
                    for step in (
                        "reading",
                        "joining",
                        "shaping",
                        "order_lines",
                        "first_seen",
                        "validating",
                        "deduplicating",
                    )
                ),
                # Rows of unknown customers are rejected; who is known, the source of the customers says.
                after=(RawCustomers,) if contract is not RawCustomers else (),
                is_facts=contract is not RawCustomers,
                tier="bronze",
            )
            for source, contract in SOURCE_TABLES.items()
        ),
        Entry(
            Sessions,
            "engagement",
            f"{_STEPS}sessions.sessionize",
            reads=(Read(RawWebEvents, 1),),
            settings=("session_gap_minutes", "engaged_session_seconds", "server_side_event_types"),
            is_facts=True,
        ),
        Entry(
            OrderAggregates,
            "engagement",
            f"{_STEPS}order_aggregates.aggregate_orders",
            reads=(Read(RawOrders, None), Read(RawCustomers)),
            settings=("activity_window_days",),
        ),
        Entry(
            CustomerFeatures,
            "engagement",
            f"{_STEPS}customer_features.build_features",
            reads=(
                Read(RawCustomers),
                Read(OrderAggregates),
                Read(Sessions, lambda settings: _session_days(settings) - 1),
            ),
            settings=("activity_window_days",),
        ),
        Entry(
            ReturnRates,
            "engagement",
            f"{_STEPS}return_rates.rates_of",
            reads=(Read(RawOrders, None), Read(RawCustomers)),
        ),
        Entry(
            EngagementScores,
            "engagement",
            f"{_STEPS}engagement_scores.score_customers",
            reads=(Read(CustomerFeatures), Read(ReturnRates)),
            settings=tuple(ScoringPolicy.model_fields),
            tier="gold",
        ),
        Entry(
            EngagementMetrics,
            "engagement",
            f"{_STEPS}engagement_metrics.total_metrics",
            reads=(Read(EngagementScores),),
            tier="gold",
        ),
        Entry(
            SegmentChanges,
            "marketing",
            f"{_STEPS}segment_changes.changes_between",
            reads=(
                Read(EngagementScores),
                Read(Sessions, _session_days, in_place_of=EngagementScores),
                Read(RawOrders, None, in_place_of=EngagementScores),
                Read(RawCustomers, in_place_of=EngagementScores),
            ),
            tier="gold",
        ),
        Entry(
            CampaignAudiences,
            "marketing",
            f"{_STEPS}campaign_audiences.choose_audiences",
            reads=(
                Read(EngagementScores),
                Read(Sessions, lambda settings: settings.campaigns.abandoned_cart_days - 1),
            ),
            campaigns=True,
            tier="gold",
        ),
        Entry(
            CampaignResults,
            "marketing",
            f"{_STEPS}campaign_results.results_of",
            reads=(
                Read(CampaignAudiences, lambda settings: settings.results.days_of_audiences, if_published=True),
                Read(RawOrders, None),
                Read(Sessions, lambda settings: settings.results.days_of_entries - 1),
                Read(RawContacts, lambda settings: settings.results.days_of_entries, if_published=True),
            ),
            results=True,
            tier="gold",
        ),
        Entry(
            ScoreBacktest,
            "monitoring",
            "engagement_assets.analysis.backtest.evaluation.open_backtest",
            reads=(
                Read(EngagementScores),
                Read(ReturnRates),
                Read(RawOrders, None),
                Read(RawOrders, horizons=HORIZONS),
            ),
            tier="gold",
        ),
    )
}

#: What is written from the published tables, for other tools: the asset -> the assets it reads. One group, no partitions.
SERVED: dict[str, tuple[str, ...]] = {
    "bi_export": tuple(
        table.table()
        for table in (EngagementScores, EngagementMetrics, RawOrders, Sessions, SegmentChanges, CampaignAudiences)
    ),
    "power_bi_project": ("bi_export",),
    "audience_files": (CampaignAudiences.table(),),
    "weekly_brief": (EngagementScores.table(), EngagementMetrics.table()),
}

#: Source that a shop may be without -> its table, which is there only where the source is.
_OPTIONAL = {name: SOURCE_TABLES[name] for name in OPTIONAL}

#: The sources of a shop that lacks what it may lack.
REQUIRED = tuple(name for name in SOURCES if name not in OPTIONAL)

#: Tables of facts.
FACTS: tuple[type[Contract], ...] = tuple(entry.contract for entry in CATALOGUE.values() if entry.is_facts)


def daily_tables(sources: Collection[str] = REQUIRED) -> list[type[Contract]]:
    """The tables with a partition per day of a shop that has these sources (`Settings.sources_there`)."""
    absent = {table for name, table in _OPTIONAL.items() if name not in sources}
    return [contract for contract in CATALOGUE if contract not in absent]


def asset_tags(asset: str, domain: str) -> dict[str, str]:
    """The tags of an asset: its domain, its tier, and whether it holds rows of single persons."""
    tables = {table.table(): entry for table, entry in CATALOGUE.items()}
    held = [tables[each] for each in SERVED.get(asset, (asset,)) if each in tables]
    is_personal = any("customer_id" in entry.contract.columns() for entry in held)
    return {
        "domain": domain,
        "tier": tables[asset].tier if asset in tables else "gold",
        "personal_data": "yes" if is_personal else "no",
    }


def parents(contract: type[Contract], sources: Collection[str] = REQUIRED) -> tuple[type[Contract], ...]:
    """The tables that have to be built before a table, each once: those it reads, and those it comes after.

    `sources` are those of the shop, as for `daily_tables`.
    """
    entry, there = CATALOGUE[contract], daily_tables(sources)
    found = dict.fromkeys((*(read.table for read in entry.reads), *entry.after))
    return tuple(table for table in found if table in there)


def days_read(
    contract: type[Contract], first: date, last: date, settings: RowSettings
) -> dict[type[Contract], list[str]]:
    """The days of other tables that the days of a table from `first` to `last` read in any case, and of the past."""
    return {
        read.table: days_between(read.first(first, settings), last)
        for read in CATALOGUE[contract].reads
        if read.in_place_of is None and not read.horizons and not read.if_published
    }


def with_all_before(contracts: Iterable[type[Contract]]) -> list[type[Contract]]:
    """Tables and all whose rows theirs depend on, in the order of the pipeline."""
    found = set(contracts)
    for contract in reversed(CATALOGUE):
        if contract in found:
            found |= {read.table for read in CATALOGUE[contract].reads}
    return [contract for contract in CATALOGUE if contract in found]


def settings_of(*contracts: type[Contract]) -> tuple[tuple[str, ...], bool]:
    """The fields of the scoring policy that rows depend on, and whether they depend on the campaign policy."""
    entries = [CATALOGUE[contract] for contract in with_all_before(contracts)]
    fields = {field for entry in entries for field in entry.settings}
    return tuple(sorted(fields)), any(entry.campaigns for entry in entries)
