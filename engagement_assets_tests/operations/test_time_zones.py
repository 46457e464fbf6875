"""Another business time zone on a lake that is there: it comes to the rows of a lake that was built in that zone."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from engagement_assets.domain.campaign_policy import CampaignPolicy
from engagement_assets.domain.contracts import TABLES, EngagementScores, RawOrders
from engagement_assets.domain.scoring_policy import ScoringPolicy
from engagement_assets.lake import staleness, tables, zones
from engagement_assets.operations.refresh import carry_out
from engagement_assets.pipeline.rebuild_plan import make_plan
from engagement_assets_tests.worlds import World

#: The clocks of Berlin change on 31 March.
FIRST = date(2024, 3, 30)
DAYS = [(FIRST + timedelta(days=n)).isoformat() for n in range(4)]

OPTIONS = {
    "start_date": FIRST,
    "scoring": ScoringPolicy(activity_window_days=2),
    "campaigns": CampaignPolicy(abandoned_cart_days=2),
}


def shop(world: World) -> None:
    """Sign-ups, orders and visits at night, as instants and as clock times of nobody's zone."""
    nights = [datetime.fromisoformat(day).replace(hour=22, tzinfo=UTC) for day in DAYS]
    later = timedelta(minutes=40)
    world.customers([{"customer_id": name, "signup_date": nights[n] + later} for n, name in enumerate("abcd")])
    for name, form in (("instants", lambda at: at), ("clock times", lambda at: at.replace(tzinfo=None))):
        orders = [(f"{name} {n}", "abcd"[n], form(at + n * later)) for n, at in enumerate(nights)]
        keys = ("order_id", "customer_id", "order_date")
        world.orders([{**dict(zip(keys, row, strict=True)), "order_amount": 5} for row in orders], f"{name}.parquet")
    visits = (("a", 5), ("a", 30), ("b", 59), ("b", 75), ("c", 121))
    world.events(
        [
            {"customer_id": name, "event_time": (night + timedelta(minutes=minute)).isoformat()}
            for night in nights
            for name, minute in visits
        ]
    )


@pytest.mark.slow  # smaller: zones in sources/hardening/test_fuzzed_inputs.py, what a setting outdates in test_refresh.py
def test_a_lake_of_an_earlier_release_comes_to_the_rows_of_another_zone(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.options |= {**OPTIONS, "timezone": "America/Santiago"}
    shop(world)
    with monkeypatch.context() as as_before:  # when files named the zone of the run that wrote them
        as_before.delitem(zones.NO_ZONE, "skip_arrow_metadata")
        as_before.setattr(tables, "NO_ZONE_FOLDER", "")
        world.run(DAYS[0], DAYS[-2])
    assert {pq.read_schema(path).field("order_date").type.tz for path in world.lake.files(RawOrders)} == {
        "America/Santiago"
    }

    # A run publishes what the other zone makes of orders, events and customers; what is built from them is named, and built.
    world.options["timezone"] = "Europe/Berlin"
    world.run(DAYS[-1])
    assert {len(zones.by_zone(world.lake.files(table), table)) for table in TABLES.values()} > {1}
    assert staleness.outdated(world.lake, world.settings)[EngagementScores] == DAYS[:-1]
    assert make_plan(world.settings, world.lake).changed == {}
    assert carry_out(world.settings, world.lake, make_plan(world.settings, world.lake), world.instance).success

    fresh = World(tmp_path / "fresh", options={**world.options, "data": world.settings.data})
    fresh.run(DAYS[0], DAYS[-1])
    assert {name: world.rows(name) for name in TABLES} == {name: fresh.rows(name) for name in TABLES}
    assert [row["customer_id"] for row in fresh.rows("raw_customers", DAYS[1])] == ["a"]
    written = [path for table in TABLES.values() for path in fresh.lake.files(table)]
    assert {pq.read_metadata(path).metadata is None for path in written} == {True}
