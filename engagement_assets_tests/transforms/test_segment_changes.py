"""Who changed since the day before: compared with the two snapshots of the sample data, and worked by hand."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import dagster as dg
import pytest

from engagement_assets.domain.contracts import SegmentChanges
from engagement_assets_tests.worlds import Row, World

PARTS = (
    "recency_ageing",
    "recency_behaviour",
    "orders_behaviour",
    "sessions_behaviour",
    "monetary_behaviour",
    "recency_rescaling",
    "orders_rescaling",
    "sessions_rescaling",
    "monetary_rescaling",
)


def stage(row: Row) -> str:
    """The lifecycle stage by its definition, in plain Python."""
    recency, before = row["recency_days"], row["recency_days_30_days_before"]
    if recency is None:
        return "Prospect"
    if (row["as_of_date"] - row["first_order_date"]).days <= 30:
        return "New"
    if recency <= 30:
        return "Reactivated" if before is not None and before >= 120 else "Active"
    return "Slipping" if recency < 120 else "Lapsed"


def test_exactly_those_who_changed_are_listed_with_their_change(sample_world: World) -> None:
    days = [date(2026, 6, 18) + timedelta(days=n) for n in range(13)]
    listed = 0
    for day in days:
        before = sample_world.by_customer("engagement_scores", (day - timedelta(days=1)).isoformat())
        now = sample_world.by_customer("engagement_scores", day.isoformat())
        found = sample_world.by_customer("segment_changes", day.isoformat())

        def labels(row: Row) -> tuple[Any, ...]:
            return row["engagement_segment"], row["is_high_risk"], row["is_slipping"], stage(row)

        assert set(found) == {
            name for name, row in now.items() if name not in before or labels(before[name]) != labels(row)
        }
        for name, row in found.items():
            listed += 1
            own = ("engagement_segment", "is_high_risk", "is_slipping", "lifecycle_stage")
            assert tuple(row[column] for column in own) == labels(now[name])
            if name not in before:
                assert (row["movement"], row["score_change"]) == ("New", None)
                continue
            previous = ("previous_segment", *(f"previous_{column}" for column in own[1:]))
            assert tuple(row[column] for column in previous) == labels(before[name])
            difference = now[name]["engagement_score"] - before[name]["engagement_score"]
            assert row["score_change"] == pytest.approx(difference, abs=1e-12)
            assert sum(row[part] for part in PARTS) == pytest.approx(difference, abs=1e-12)
    assert listed > 50


def order(number: int, customer: str, day: str, amount: float) -> Row:
    return {"order_id": f"o{number}", "customer_id": customer, "order_date": day, "order_amount": amount}


def test_a_move_worked_by_hand_with_its_words(world: World) -> None:
    """The 31st of March and the 1st of April; the activity window of the one begins on 2 March, that of the other on the 3rd.

    Recency of those who ordered: 50, 11, 30 days, then 51, 12, 31: 39 apart both times. Revenue is 0 or 100, orders 0 or 1.
    Ann: 0.4 * 20/39 + 0.18 for the order + 0.3 for revenue + 0.12 for four of four sessions = 0.805 on the 31st. Her sessions
    were all on 2 March: 0.685 on the day after. Her recency costs 0.4/39 and gains the same, because Bob and Cid age as she does.
    """
    world.options["start_date"] = date(2025, 2, 1)
    world.customers([{"customer_id": name} for name in ("ann", "bob", "cid", "pat")])
    world.customers([{"customer_id": "new", "signup_date": date(2025, 4, 1)}], "more.parquet")
    world.orders(
        [
            order(1, "ann", "2025-03-01", 100),
            order(2, "bob", "2025-03-20", 100),
            order(3, "cid", "2025-02-09", 100),
        ]
    )
    world.events(
        [{"customer_id": "ann", "event_time": f"2025-03-02T{hour:02d}:00:00Z"} for hour in (6, 9, 12, 15)]
        + [{"customer_id": "bob", "event_time": f"2025-03-{day}T10:00:00Z"} for day in (20, 21, 22, 23)]
    )
    result = world.run("2025-04-01")
    rows = world.by_customer("segment_changes", "2025-04-01")
    assert set(rows) == {"ann", "new"}
    ann, new = rows["ann"], rows["new"]
    assert ann["previous_score"] == pytest.approx(0.4 * 20 / 39 + 0.6, abs=1e-12)
    assert ann["score_change"] == pytest.approx(-0.12, abs=1e-12)
    assert ann["ageing"] == pytest.approx(-0.4 / 39, abs=1e-12)
    assert ann["behaviour"] == ann["sessions_behaviour"] == pytest.approx(-0.12, abs=1e-12)
    assert ann["rescaling"] == ann["recency_rescaling"] == pytest.approx(0.4 / 39, abs=1e-12)
    assert ann["explanation"] == (
        "High to Medium, stage New to Slipping: 31 days since the last order (-0.010), 4 fewer sessions (-0.120), "
        "the recency scale moved (+0.010)"
    )
    assert (new["movement"], new["previous_segment"], new["lifecycle_stage"]) == ("New", None, "Prospect")
    assert new["explanation"] == "new customer, At Risk"
    # Bob is New still, Cid Slipping, and Pat has never ordered, as the one who is new.
    stages = ("Prospect", "New", "Active", "Reactivated", "Slipping", "Lapsed")
    moved = {("Prospect", "Prospect"): 1, ("New", "New"): 1, ("New", "Slipping"): 1, ("Slipping", "Slipping"): 1}
    moved["new", "Prospect"] = 1
    expected = [
        f"| {origin} | {' | '.join(str(moved.get((origin, stage), 0)) for stage in stages)} |"
        for origin in (*stages, "new")
    ]
    told = world.metadata(result, "segment_changes")["lifecycle_transitions"]
    assert told.splitlines()[0] == f"| from \\ to | {' | '.join(stages)} |"
    assert told.splitlines()[2:] == expected
    # As in a range of days, and beside another day's matrix.
    ranged = world.run("2025-03-31", "2025-04-01")
    assert world.metadata(ranged, "segment_changes")["lifecycle_transitions"] == told


def test_the_first_partition_has_no_day_before(world: World) -> None:
    world.options["start_date"] = date(2025, 3, 1)
    world.customers([{"customer_id": "ann"}])
    result = world.run("2025-03-01", "2025-03-02")
    assert world.rows("segment_changes") == []
    described = [
        set(event.materialization.metadata)
        for event in result.get_asset_materialization_events()
        if event.asset_key == dg.AssetKey("segment_changes")
    ]
    assert ["lifecycle_transitions" in names for names in described] == [False, True]
    assert list(world.lake.partitions(SegmentChanges)) == ["2025-03-01", "2025-03-02"]
