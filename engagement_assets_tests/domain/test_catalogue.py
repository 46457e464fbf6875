"""The catalogue: Dagster's graph is what it says, and so are the rows and the settings that transforms use."""

from __future__ import annotations

import sys
import traceback
from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from importlib import import_module
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from engagement_assets.definitions import build_definitions
from engagement_assets.domain.catalogue import CATALOGUE, SERVED, daily_tables, parents, settings_of
from engagement_assets.domain.contracts import (
    TABLES,
    CampaignAudiences,
    CampaignResults,
    Contract,
    EngagementScores,
    RejectedRows,
    SegmentChanges,
    Sessions,
)
from engagement_assets.domain.days import as_date, days_between
from engagement_assets.domain.results_policy import ResultsPolicy
from engagement_assets.domain.scoring_policy import ScoringPolicy
from engagement_assets.domain.sources import SOURCES
from engagement_assets.lake.published import PublishedTables
from engagement_assets.pipeline.asset_factory import TableRun
from engagement_assets.pipeline.automation import DAILY_JOB
from engagement_assets.settings import Settings
from engagement_assets_tests.worlds import World

FIRST, BEFORE, DAY = "2025-03-01", "2025-03-03", "2025-03-04"


def test_dagster_shows_the_parents_of_each_asset_that_the_catalogue_names() -> None:
    graph = build_definitions(Settings()).resolve_asset_graph()
    shown = {
        key.to_user_string(): {parent.to_user_string() for parent in graph.get(key).parent_keys}
        for key in graph.get_all_asset_keys()
    }
    tables = {contract.table(): {table.table() for table in parents(contract)} for contract in daily_tables()}
    # What nothing builds: punctuality is judged of it, once all daily tables are there.
    assert shown.pop("yesterdays_snapshot") <= {*tables}
    assert shown == tables | {asset: set(read) for asset, read in SERVED.items()}
    assert shown["segment_changes"] == {"engagement_scores", "sessions", "raw_orders", "raw_customers"}


def test_every_table_is_in_the_catalogue_and_comes_after_those_it_reads() -> None:
    assert {*CATALOGUE, RejectedRows} == set(TABLES.values())
    order = list(CATALOGUE)
    for number, contract in enumerate(order):
        assert set(parents(contract, SOURCES)) <= set(order[:number])


def test_contacts_are_an_asset_a_parent_and_a_check_only_where_there_are_any(tmp_path: Path) -> None:
    """A folder, a file, a line in `sources.toml` or a table that was built from them; else nothing of them is there."""
    places = {"data": str(tmp_path / "raw"), "lake": str(tmp_path / "lake")}
    mapping = tmp_path / "sources.toml"

    def are_there(**more: str) -> bool:
        return "contacts" in Settings(**places, **more).sources_there  # type: ignore[arg-type]

    def graph() -> tuple[bool, ...]:
        definitions = build_definitions(Settings(**places))  # type: ignore[arg-type]
        assets, results = definitions.resolve_asset_graph(), dg.AssetKey("campaign_results")
        return (
            dg.AssetKey("raw_contacts") in assets.get_all_asset_keys(),
            dg.AssetKey("raw_contacts") in assets.get(results).parent_keys,
            "raw_contacts" in {node.name for node in definitions.resolve_job_def(DAILY_JOB).nodes},
            "held_out_left_alone" in {check.name for check in assets.get(results).check_keys},
        )

    assert (are_there(), graph()) == (False, (False,) * 4)
    (tmp_path / "raw" / "contacts").mkdir(parents=True)
    assert (are_there(), graph()) == (True, (True,) * 4)
    (tmp_path / "raw" / "contacts").rename(tmp_path / "raw" / "away")
    assert not are_there()
    (tmp_path / "raw" / "contacts.csv").touch()
    assert are_there()
    # What sources.toml does not name has no files.
    mapping.write_text('[customers]\npath = "c"\ncolumns = { customer_id = "a", signup_date = "b", country = "d" }\n')
    assert not are_there(sources=str(mapping))
    named = '[contacts]\npath = "c"\ncolumns = { customer_id = "a", contacted_at = "b", campaign = "= wake" }\n'
    mapping.write_text(mapping.read_text() + named)
    assert are_there(sources=str(mapping))
    in_a_store = {"data": "s3://shop/raw", "lake": "s3://shop/lake"}
    assert "contacts" not in Settings(**in_a_store).sources_there  # type: ignore[arg-type]
    assert "contacts" in Settings(**in_a_store, sources=str(mapping)).sources_there  # type: ignore[arg-type]
    (tmp_path / "raw" / "contacts.csv").unlink()
    assert not are_there()
    (tmp_path / "lake" / "raw_contacts").mkdir(parents=True)
    assert are_there()


class Watch:
    """What each table's run reads of the lake, and the fields of the scoring policy that its transforms look at."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.read: dict[type[Contract], set[tuple[type[Contract], str]]] = defaultdict(set)
        self.looked_at: dict[type[Contract], set[str]] = defaultdict(set)
        current: list[type[Contract]] = []
        require, files = TableRun.require, PublishedTables.files

        def begin(run: TableRun) -> None:
            current[:] = [run.contract]
            require(run)

        def reading(
            lake: PublishedTables, contract: type[Contract], partitions: Iterable[str] | None = None, *rest: Any
        ) -> Any:
            days = list(lake.partitions(contract) if partitions is None else partitions)
            # Monitoring checks read earlier days too, between the runs of the tables.
            if not any("analysis/monitoring" in frame.filename for frame in traceback.extract_stack(limit=8)):
                self.read[current[0]] |= {(contract, day) for day in days}
            return files(lake, contract, days, *rest)

        def looking(policy: ScoringPolicy, name: str) -> Any:
            asking = sys._getframe(1).f_globals["__name__"]
            if asking.startswith("engagement_assets.transforms.") and name in ScoringPolicy.model_fields:
                self.looked_at[current[0]].add(name)
            return object.__getattribute__(policy, name)

        monkeypatch.setattr(TableRun, "require", begin)
        monkeypatch.setattr(PublishedTables, "files", reading)
        monkeypatch.setattr(ScoringPolicy, "__getattribute__", looking)


def said(contract: type[Contract], settings: Settings, *, with_the_day_before: bool) -> set[tuple[type[Contract], str]]:
    """What the catalogue says a day of a table reads of what has been."""
    days = set()
    for read in CATALOGUE[contract].reads:
        if not read.horizons and not read.if_published and (with_the_day_before or read.in_place_of is None):
            days |= {(read.table, day) for day in days_between(read.first(as_date(DAY), settings), as_date(DAY))}
    return days


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, engine: object) -> World:
    world = World(
        tmp_path_factory.mktemp("shop"),
        {"start_date": date.fromisoformat(FIRST), "results": ResultsPolicy(horizons=(1,))},
    )
    world.customers([{"customer_id": name} for name in "abc"])
    world.orders(
        [
            {
                "order_id": f"o{n}",
                "customer_id": "abc"[n % 2],
                "order_date": f"2025-03-0{n % 4 + 1}",
                "order_amount": 5.0,
            }
            for n in range(8)
        ]
    )
    world.events([{"customer_id": "abc"[n % 3], "event_time": f"2025-03-0{n % 4 + 1}T10:00:00"} for n in range(12)])
    world.run(FIRST, BEFORE)
    return world


def test_a_day_reads_what_the_catalogue_says_and_its_transforms_depend_on_the_settings_it_names(
    shop: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = Watch(monkeypatch)
    shop.run(DAY)
    for contract, entry in CATALOGUE.items():
        read = {each for each in watch.read[contract] if each[0] not in (contract, RejectedRows)}
        expected = said(contract, shop.settings, with_the_day_before=False)
        if contract is SegmentChanges:
            expected |= {(EngagementScores, BEFORE)}
        if contract is CampaignResults:
            # Of the audiences what is published, as far as a horizon is over.
            assert {table for table, _ in read} == set(parents(contract))
            expected |= {(CampaignAudiences, day) for day in days_between(as_date(FIRST), as_date(BEFORE))}
        if entry.group not in ("sources", "monitoring"):  # no horizon is over, so nothing is judged
            assert (contract, read) == (contract, expected)
        fields, _ = settings_of(contract)
        assert watch.looked_at[contract] <= set(fields), contract
    assert watch.looked_at[Sessions] == set(settings_of(Sessions)[0])


def test_a_change_of_segment_reads_what_the_day_before_is_built_from_where_that_is_not_up_to_date(
    shop: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.lake.withdraw(EngagementScores, [BEFORE], run_id="test")
    watch = Watch(monkeypatch)
    shop.run(DAY, tables=["segment_changes"])
    assert watch.read[SegmentChanges] <= said(SegmentChanges, shop.settings, with_the_day_before=True)
    assert {table for table, _ in watch.read[SegmentChanges]} == set(parents(SegmentChanges))


def test_what_computes_each_table_is_there() -> None:
    for entry in CATALOGUE.values():
        module, name = entry.transform.rsplit(".", 1)
        assert getattr(import_module(module), name)
        assert all(import_module(each) for each in entry.with_code)


def test_the_daily_tables_are_those_that_dagster_has_partitions_of() -> None:
    graph = build_definitions(Settings()).resolve_asset_graph()
    partitioned = {key for key in graph.get_all_asset_keys() if graph.get(key).is_partitioned}
    assert partitioned == {dg.AssetKey(contract.table()) for contract in daily_tables()}
