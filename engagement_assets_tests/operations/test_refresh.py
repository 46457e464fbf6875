"""Late and corrected source rows: what is outdated is listed, exactly that is built anew, and then nothing is outdated."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from engagement_assets.definitions import build_definitions
from engagement_assets.domain.campaign_policy import CampaignPolicy
from engagement_assets.domain.catalogue import daily_tables
from engagement_assets.domain.contracts import (
    TABLES,
    CampaignAudiences,
    CampaignResults,
    Contract,
    CustomerFeatures,
    EngagementMetrics,
    EngagementScores,
    OrderAggregates,
    RawCustomers,
    RawOrders,
    RawWebEvents,
    ReturnRates,
    ScoreBacktest,
    SegmentChanges,
    Sessions,
)
from engagement_assets.domain.scoring_policy import ScoringPolicy
from engagement_assets.lake.staleness import policies
from engagement_assets.operations.refresh import Refreshed, carry_out
from engagement_assets.pipeline.rebuild_plan import Plan, make_plan
from engagement_assets_tests.worlds import Row, World

FIRST = date(2025, 3, 1)
DAYS = [(FIRST + timedelta(days=n)).isoformat() for n in range(10)]

#: Two windows are four days, so that they begin and end within the ten.
POLICY = ScoringPolicy(activity_window_days=2)

#: A cart is remembered for two days, so that audiences read no more days of sessions than scores do.
CAMPAIGNS = CampaignPolicy(abandoned_cart_days=2)

SNAPSHOTS = (
    *(CustomerFeatures, EngagementScores, EngagementMetrics, SegmentChanges, CampaignAudiences, CampaignResults),
    ScoreBacktest,
)

Shop = dict[str, list[Any]]


def shop() -> Shop:
    """Three customers who order on every third day and browse on every day."""
    people = [{"customer_id": name, "signup_date": FIRST, "email": f"{name}@example.com"} for name in "abc"]
    orders = [order(n, "abc"[n % 3], DAYS[n], f"{10 + n}.00") for n in range(10)]
    events = [{"customer_id": name, "event_time": f"{day}T12:00:00Z"} for day in DAYS for name in "ab"]
    return {"customers": people, "orders": orders, "events": events}


def order(number: int, customer: str, day: str, amount: str) -> Row:
    return {"order_id": f"o{number}", "customer_id": customer, "order_date": day, "order_amount": amount}


def write(world: World, sources: Shop) -> None:
    world.customers(sources["customers"])
    world.orders(sources["orders"])
    world.events(sources["events"])


def built(world: World, sources: Shop) -> World:
    world.options |= {"start_date": FIRST, "scoring": POLICY, "campaigns": CAMPAIGNS}
    write(world, sources)
    world.run(DAYS[0], DAYS[-1])
    return world


def late_order(sources: Shop) -> None:
    sources["orders"].append(order(90, "c", DAYS[4], "5.00"))


def lost_order(sources: Shop) -> None:
    del sources["orders"][7]


def corrected_amount(sources: Shop) -> None:
    sources["orders"][8]["order_amount"] = "99.00"


def renamed_order(sources: Shop) -> None:
    sources["orders"][9]["order_id"] = "renamed"


def late_event(sources: Shop) -> None:
    sources["events"].append({"customer_id": "c", "event_time": f"{DAYS[2]}T12:00:00Z"})


def moved_customer(sources: Shop) -> None:
    sources["customers"][1]["country"] = "FR"


def new_customer(sources: Shop) -> None:
    sources["customers"].append({"customer_id": "d", "signup_date": date.fromisoformat(DAYS[8])})


def nothing(_: Shop) -> None:
    return


#: What is counted of orders and customers, whenever it happened.
COUNTED = (OrderAggregates, ReturnRates)

#: What changes at the source -> the days of each table that depend on it, by their place in DAYS.
CHANGES: dict[Callable[[Shop], None], dict[type[Contract], range]] = {
    late_order: {
        RawOrders: range(4, 5),
        **dict.fromkeys(COUNTED, range(4, 10)),
        **dict.fromkeys(SNAPSHOTS, range(4, 10)),
    },
    lost_order: {
        RawOrders: range(7, 8),
        **dict.fromkeys(COUNTED, range(7, 10)),
        **dict.fromkeys(SNAPSHOTS, range(7, 10)),
    },
    corrected_amount: {
        RawOrders: range(8, 9),
        **dict.fromkeys(COUNTED, range(8, 10)),
        **dict.fromkeys(SNAPSHOTS, range(8, 10)),
    },
    renamed_order: {
        RawOrders: range(9, 10),
        **dict.fromkeys(COUNTED, range(9, 10)),
        **dict.fromkeys(SNAPSHOTS, range(9, 10)),
    },
    # Sessions of a day may go on after midnight: two days of sessions, each in the seven days of `sessions_last_7_days`.
    late_event: {
        RawWebEvents: range(2, 3),
        Sessions: range(2, 4),
        **dict.fromkeys(SNAPSHOTS, range(2, 10)),
    },
    moved_customer: {
        RawCustomers: range(10),
        **dict.fromkeys(COUNTED, range(10)),
        **dict.fromkeys(SNAPSHOTS, range(10)),
    },
    new_customer: {
        RawCustomers: range(8, 10),
        **dict.fromkeys(COUNTED, range(8, 10)),
        **dict.fromkeys(SNAPSHOTS, range(8, 10)),
    },
    nothing: {},
}


def plan(world: World) -> Plan:
    return make_plan(world.settings, world.lake)


def refresh(world: World, planned: Plan) -> Refreshed:
    return carry_out(world.settings, world.lake, planned, world.instance)


def written(world: World) -> dict[tuple[str, str], frozenset[str]]:
    """The files of each table and day."""
    return {
        (table.table(), day): frozenset(file.path for file in world.lake.live_files(table) if file.partition == day)
        for table in daily_tables()
        for day in DAYS
    }


def contents(world: World) -> dict[str, list[Row]]:
    return {name: world.rows(name) for name in TABLES}


@pytest.fixture(scope="module")
def shop_world(tmp_path_factory: pytest.TempPathFactory, engine: object) -> World:
    """The shop, built, and a day in the middle run again, which outdates nothing; tests plan and do not publish."""
    world = built(World(tmp_path_factory.mktemp("shop")), shop())
    world.run(DAYS[4])
    return world


#: Those that `make test-slow` has: they are much like others.
ALIKE = (lost_order, corrected_amount, renamed_order, new_customer)


@pytest.mark.parametrize(
    "change",
    [pytest.param(change, marks=pytest.mark.slow) if change in ALIKE else change for change in CHANGES],
    ids=[change.__name__ for change in CHANGES],
)
def test_a_plan_lists_the_days_that_depend_on_a_change_and_no_others(
    shop_world: World, tmp_path: Path, change: Callable[[Shop], None]
) -> None:
    sources = shop()
    change(sources)
    changed = World(tmp_path, options={**shop_world.options, "lake": shop_world.settings.lake})
    write(changed, sources)
    expected = {table: [DAYS[n] for n in days] for table, days in CHANGES[change].items()}
    assert plan(changed).outdated == expected
    assert not list(Path(changed.settings.lake, ".scratch").iterdir())


@pytest.mark.slow  # smaller: what a plan lists, above, and what is built where a setting was changed, below
def test_a_refresh_builds_exactly_what_the_plan_lists(world: World, tmp_path: Path) -> None:
    """Afterwards the lake equals one built from the changed sources, and days that do not depend on them keep their files."""
    changes = (late_event, renamed_order, new_customer)
    sources = shop()
    built(world, sources)
    before = written(world)
    for change in changes:
        change(sources)
    write(world, sources)

    planned = plan(world)
    done = refresh(world, planned)
    assert (done.success, [run.failures for run in done.runs]) == (True, [{}] * len(done.runs))

    after = written(world)
    rewritten = {key for key in after if after[key] != before[key]}
    expected = {(table, DAYS[n]) for change in changes for table, days in CHANGES[change].items() for n in days}
    assert rewritten == {(table.table(), day) for table, day in expected}
    anew = built(World(tmp_path / "anew"), sources)
    assert contents(world) == contents(anew)
    assert plan(world).steps == ()


def asked_by_the_sensor(world: World) -> tuple[set[str], dict[str, str]] | None:
    """The assets and the tags of the run that `refresh_outdated` asks for."""
    definitions = build_definitions(world.settings)
    with dg.build_sensor_context(instance=world.instance, definitions=definitions) as context:
        requests = definitions.resolve_sensor_def("refresh_outdated").evaluate_tick(context).run_requests
    if not requests:
        return None
    return {key.to_user_string() for key in requests[0].asset_selection or []}, dict(requests[0].tags)


@pytest.mark.parametrize(
    ("setting", "value", "more"),
    [
        ("session_gap_minutes", 5, (Sessions, CustomerFeatures)),
        pytest.param("recency_weight", 0.5, (), marks=pytest.mark.slow),
    ],
    ids=["gap", "weight"],
)
def test_days_that_other_settings_made_are_told_and_rebuilt(
    world: World, setting: str, value: float, more: tuple[type[Contract], ...]
) -> None:
    """Another weight concerns the scores and what is built from them; another gap, the sessions and what is built from these."""
    days = DAYS[:3]
    world.options |= {"start_date": FIRST, "scoring": POLICY, "campaigns": CAMPAIGNS, "refresh_days": 100_000}
    write(world, shop())
    world.run(days[0], days[-1])
    assert (plan(world).outdated, asked_by_the_sensor(world)) == ({}, None)
    scored = (EngagementScores, EngagementMetrics, SegmentChanges, CampaignAudiences, CampaignResults, ScoreBacktest)
    tables: tuple[type[Contract], ...] = (*more, *scored)
    weights = {"monetary_weight": 0.2} if setting == "recency_weight" else {}
    policy = POLICY.model_copy(update={setting: value, **weights})
    before = policies(world.lake)
    world.options |= {"scoring": policy, "refresh_changed_settings": False}
    planned = plan(world)
    assert planned.outdated == planned.otherwise == dict.fromkeys(tables, days)
    assert asked_by_the_sensor(world) is None
    world.options["refresh_changed_settings"] = True
    asked = asked_by_the_sensor(world)
    first = {Sessions.table()} if Sessions in tables else {table.table() for table in tables}
    assert asked is not None
    assert (asked[0], asked[1]["engagement/rebuild"]) == (first, "true")
    done = refresh(world, planned)
    assert done.success
    assert set(before.values()) != {policy.fingerprint()}
    assert policies(world.lake) == dict.fromkeys(days, policy.fingerprint())
    assert (plan(world).outdated, asked_by_the_sensor(world)) == ({}, None)
