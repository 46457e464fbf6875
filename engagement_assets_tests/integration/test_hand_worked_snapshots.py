"""Whole snapshots worked by hand: from source files through every asset to the scores.

The first partition is the day of the first fact where there is one, so that few days are filled in.
"""

from __future__ import annotations

import math
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest

from engagement_assets.domain.contracts import EngagementScores
from engagement_assets_tests.worlds import World

T = "2025-03-31"

#: What the scores are made from.
UP_TO_SCORES = [
    *("raw_customers", "raw_orders", "raw_web_events", "sessions", "order_aggregates"),
    *("customer_features", "return_rates", "engagement_scores"),
]


def order(number: int, customer: str, day: str, amount: float) -> dict[str, object]:
    return {
        "order_id": f"o{number}",
        "customer_id": customer,
        "order_date": datetime.fromisoformat(day),
        "order_amount": Decimal(str(amount)),
    }


def test_scores_of_three_customers_by_hand(world: World) -> None:
    """Ann bought twice and browses, Bob bought once long ago, Cy only browses.

    As of 31 March: recency Ann 1 day, Bob 60 days; orders 2, 1, 0; sessions in the window 2, 0, 1; revenue 150, 20, 0.
    """
    world.customers([{"customer_id": name} for name in ("ann", "bob", "cy")])
    world.orders(
        [order(1, "ann", "2025-03-01", 50), order(2, "ann", "2025-03-30", 100), order(3, "bob", "2025-01-30", 20)]
    )
    world.events(
        [
            {"customer_id": "ann", "event_time": "2025-03-30T10:00:00Z"},
            {"customer_id": "ann", "event_time": "2025-03-30T12:00:00Z"},
            {"customer_id": "cy", "event_time": "2025-03-02T12:00:00Z"},
            {"customer_id": "bob", "event_time": "2025-03-01T12:00:00Z"},  # the day before the window begins
        ]
    )
    world.run(T)
    rows = world.by_customer("engagement_scores", T)
    ann, bob, cy = rows["ann"], rows["bob"], rows["cy"]

    assert (ann["recency_days"], bob["recency_days"], cy["recency_days"]) == (1, 60, None)
    assert (ann["sessions_last_30_days"], bob["sessions_last_30_days"], cy["sessions_last_30_days"]) == (2, 0, 1)
    assert (bob["sessions_previous_30_days"], bob["last_session_date"]) == (1, date(2025, 3, 1))
    assert (ann["recency_score"], bob["recency_score"], cy["recency_score"]) == (1.0, 0.0, 0.0)
    assert (ann["order_score"], bob["order_score"], cy["order_score"]) == (1.0, 0.5, 0.0)
    assert (ann["session_score"], bob["session_score"], cy["session_score"]) == (1.0, 0.0, 0.5)
    assert (ann["frequency_score"], bob["frequency_score"], cy["frequency_score"]) == (1.0, 0.3, 0.2)
    share = math.log(21) / math.log(151)
    assert bob["monetary_score"] == pytest.approx(share, abs=1e-12)
    assert ann["engagement_score"] == pytest.approx(1.0, abs=1e-12)
    assert bob["engagement_score"] == pytest.approx(0.3 * 0.3 + 0.3 * share, abs=1e-12)  # 0.2720
    assert cy["engagement_score"] == pytest.approx(0.3 * 0.2, abs=1e-12)
    assert (ann["engagement_segment"], bob["engagement_segment"], cy["engagement_segment"]) == (
        "High",
        "Low",
        "At Risk",
    )
    assert (ann["engagement_status"], bob["engagement_status"], cy["engagement_status"]) == (
        "Active",
        "Active",
        "Browsing Only",
    )
    # 75th percentile of buyers' revenue between 20 and 150: 20 + 0.75 * 130 = 117.5.
    assert (ann["value_segment"], bob["value_segment"], cy["value_segment"]) == ("VIPs", "Dormant", "Dormant")
    assert (ann["is_high_risk"], bob["is_high_risk"], cy["is_high_risk"]) == (False, True, False)
    assert [row["score_percentile"] for row in (cy, bob, ann)] == pytest.approx([100 / 3, 200 / 3, 100])

    # Bob's reference score: 30 days before, on 1 March, his order was 30 days old and he had one session.
    def reference(recency: int, orders: int, sessions: int, revenue: float) -> float:
        frequency = 0.6 * orders / 20 + 0.4 * sessions / 20
        return 0.4 * (1 - recency / 365) + 0.3 * frequency + 0.3 * math.log(1 + revenue) / math.log(10_001)

    assert bob["reference_score"] == pytest.approx(reference(60, 1, 0, 20), abs=1e-12)
    assert bob["reference_score_30_days_before"] == pytest.approx(reference(30, 1, 1, 20), abs=1e-12)
    # 0.4 * 30 / 365 + 0.3 * 0.4 / 20 = 0.0389
    assert (
        bob["risk_reasons"]
        == "no order for 60 days; sessions down 100 % on the 30 days before; score down 0.04 in 30 days"
    )
    assert ann["risk_reasons"] is None

    metrics = world.rows("engagement_metrics", T)[0]
    assert (metrics["customers"], metrics["buyers"], metrics["high_risk_customers"]) == (3, 2, 1)
    assert metrics["revenue_at_risk"] == Decimal("20.00")
    assert metrics["average_score"] == pytest.approx((1 + 0.09 + 0.3 * share + 0.06) / 3, abs=1e-12)


def test_who_is_slipping_by_hand(world: World) -> None:
    """As of 31 March: Ann ordered 60, 45 and 31 days ago, Bob twice 60 days ago, Cy 26 and 25 days ago.

    The gaps of all are 15, 14 and 1 days, 10 in the mean. With two such gaps more Ann's mean is (29 + 20) / (2 + 2) = 12.25 days,
    Cy's (1 + 20) / (1 + 2) = 7.
    """
    world.customers([{"customer_id": name} for name in ("ann", "bob", "cy")])
    world.orders(
        [
            *(order(n, "ann", day, 100) for n, day in enumerate(("2025-01-30", "2025-02-14", "2025-02-28"))),
            *(order(n, "bob", "2025-01-30", 20) for n in (3, 4)),
            *(order(n, "cy", day, 5) for n, day in ((5, "2025-03-05"), (6, "2025-03-06"))),
        ]
    )
    # Ann came twice in the window before the last one; Cy on the first day of the week, and before midnight of the day before.
    world.events(
        [
            {"customer_id": "ann", "event_time": "2025-02-10T10:00:00Z"},
            {"customer_id": "ann", "event_time": "2025-02-12T10:00:00Z"},
            {"customer_id": "cy", "event_time": "2025-03-24T23:50:00Z"},
            {"customer_id": "cy", "event_time": "2025-03-25T00:10:00Z"},
        ]
    )
    world.run(T)
    rows = world.by_customer("engagement_scores", T)
    ann, bob, cy = rows["ann"], rows["bob"], rows["cy"]
    assert [row["order_days"] for row in (ann, bob, cy)] == [3, 1, 2]
    assert [row["usual_gap_days"] for row in (ann, bob, cy)] == [12.25, None, 7.0]
    assert [row["days_since_last_session"] for row in (ann, bob, cy)] == [47, None, 6]
    assert [row["sessions_last_7_days"] for row in (ann, bob, cy)] == [0, 0, 1]
    assert [row["revenue_last_365_days"] for row in (ann, bob, cy)] == [Decimal(300), Decimal(40), Decimal(10)]
    assert [row["is_slipping"] for row in (ann, bob, cy)] == [True, False, False]
    assert (
        ann["slipping_reasons"]
        == "usually orders every 12 days, silent for 31; 2 sessions 31 to 60 days ago, none since"
    )
    assert [row["lifecycle_stage"] for row in (ann, bob, cy)] == ["Slipping", "Slipping", "New"]
    # 13 March is the first multiple of 15 days that is 30 days after the first partition, 30 January.
    assert {row["return_chance_missing"] for row in rows.values()} == {"too early to tell, until 2025-06-11"}
    assert [row["expected_revenue_90_days"] for row in rows.values()] == [None] * 3
    decayed = sum(100 * math.exp(-age / 180) for age in (60, 45, 31))
    assert ann["decayed_revenue"] == pytest.approx(decayed, abs=1e-12)
    (metrics,) = world.rows("engagement_metrics", T)
    assert (metrics["slipping_customers"], metrics["slipping_revenue"]) == (1, Decimal(300))
    assert metrics["expected_revenue_slipping"] is None


def test_a_snapshot_of_one_customer_only(world: World) -> None:
    """All bounds coincide: every normalised value is 0, so recency scores 1 and the rest 0."""
    world.options["start_date"] = "2025-03-20"
    world.customers([{"customer_id": "solo"}])
    world.orders([order(1, "solo", "2025-03-20", 10)])
    world.run(T, tables=UP_TO_SCORES)
    row = world.by_customer("engagement_scores", T)["solo"]
    assert (row["recency_score"], row["frequency_score"], row["monetary_score"]) == (1.0, 0.0, 0.0)
    assert (row["engagement_score"], row["engagement_segment"], row["score_percentile"]) == (0.4, "Medium", 100.0)
    assert row["value_segment"] == "Core"  # alone, the only buyer is at the 75th percentile


def test_a_snapshot_in_which_nobody_ever_ordered(world: World) -> None:
    world.options["start_date"] = "2025-03-20"
    world.customers([{"customer_id": "a"}, {"customer_id": "b"}])
    world.events([{"customer_id": "a", "event_time": "2025-03-20T12:00:00Z"}])
    world.run(T, tables=UP_TO_SCORES)
    rows = world.by_customer("engagement_scores", T)
    assert rows["a"]["engagement_score"] == pytest.approx(0.3 * 0.4)
    assert rows["b"]["engagement_score"] == 0.0
    assert [rows[name]["engagement_status"] for name in "ab"] == ["Browsing Only", "Not Active"]
    assert not any(row["is_high_risk"] for row in rows.values())
    assert world.rows("order_aggregates", T) == []


def test_a_snapshot_in_which_all_customers_are_equal(world: World) -> None:
    world.options["start_date"] = "2025-03-01"
    world.customers([{"customer_id": "a"}, {"customer_id": "b"}])
    world.orders([order(1, "a", "2025-03-01", 10), order(2, "b", "2025-03-01", 10)])
    world.run(T, tables=UP_TO_SCORES)
    rows = world.by_customer("engagement_scores", T)
    assert [rows[name]["engagement_score"] for name in "ab"] == [0.4, 0.4]
    assert [rows[name]["score_percentile"] for name in "ab"] == [100.0, 100.0]


def test_a_day_before_anybody_signed_up_is_an_empty_snapshot_with_metrics(world: World) -> None:
    world.customers([{"customer_id": "late", "signup_date": date(2025, 6, 1)}])
    world.run("2025-02-01")
    assert world.rows("engagement_scores", "2025-02-01") == []
    assert "2025-02-01" in world.lake.partitions(EngagementScores)
    (metrics,) = world.rows("engagement_metrics", "2025-02-01")
    assert (metrics["customers"], metrics["average_score"], metrics["high_risk_customers"]) == (0, None, 0)


def test_sources_without_any_orders_or_events_file(world: World) -> None:
    world.options["start_date"] = "2025-03-30"
    world.customers([{"customer_id": "a"}])
    world.run(T, tables=UP_TO_SCORES)
    row = world.by_customer("engagement_scores", T)["a"]
    assert (row["engagement_status"], row["engagement_score"], row["engagement_segment"]) == (
        "Not Active",
        0.0,
        "At Risk",
    )


def test_a_zero_amount_order_is_an_order(world: World) -> None:
    world.options["start_date"] = "2025-03-01"
    world.customers([{"customer_id": "a"}, {"customer_id": "b"}])
    world.orders([order(1, "a", "2025-03-30", 0), order(2, "b", "2025-03-01", 5)])
    world.run(T, tables=UP_TO_SCORES)
    row = world.by_customer("engagement_scores", T)["a"]
    assert (row["total_orders"], row["total_revenue"], row["engagement_status"]) == (1, Decimal("0.00"), "Active")
    assert (row["monetary_score"], row["recency_score"], row["average_order_value"]) == (0.0, 1.0, Decimal("0.00"))


def test_a_session_across_the_edge_of_two_windows_counts_once_in_each(world: World) -> None:
    """From 23:50 on 1 March to 00:10 on 2 March, where the window of 31 March begins."""
    world.options["start_date"] = "2025-03-01"
    world.customers([{"customer_id": "a"}])
    world.events(
        [
            {"customer_id": "a", "event_time": "2025-03-01T23:50:00Z"},
            {"customer_id": "a", "event_time": "2025-03-02T00:10:00Z"},
        ]
    )
    world.run(T, tables=UP_TO_SCORES)
    row = world.by_customer("engagement_scores", T)["a"]
    assert (row["sessions_last_30_days"], row["sessions_previous_30_days"]) == (1, 1)


def test_orders_before_signup_count_from_the_signup_on_and_are_warned_of(world: World) -> None:
    world.options["start_date"] = "2025-03-10"
    world.customers([{"customer_id": "a", "signup_date": date(2025, 3, 15)}, {"customer_id": "b"}])
    world.orders([order(1, "a", "2025-03-10", 5)])
    result = world.run("2025-03-10", "2025-03-15")
    assert "a" not in world.by_customer("customer_features", "2025-03-14")
    assert world.by_customer("customer_features", "2025-03-15")["a"]["total_orders"] == 1
    (warned,) = [e for e in result.get_asset_check_evaluations() if e.check_name == "orders_not_before_signup"]
    told = {name: value.value for name, value in warned.metadata.items() if name != "violated"}
    days = {"days": 6, "days_with_violations": 1, "first_day": "2025-03-10", "last_day": "2025-03-10"}
    assert (warned.passed, warned.partition, told) == (False, None, {"violations": 1, **days})


def test_days_are_cut_in_the_business_time_zone(world: World) -> None:
    """23:30 UTC on 30 March is 01:30 on the 31st in Berlin; a clock time without offset is Berlin's own."""
    world.options["timezone"] = "Europe/Berlin"
    world.options["start_date"] = "2025-03-30"
    world.customers([{"customer_id": "a"}])
    world.events(
        [
            {"customer_id": "a", "event_time": "2025-03-30T23:30:00Z"},
            {"customer_id": "a", "event_time": "2025-03-30T23:30:00"},
        ]
    )
    world.run(T, tables=UP_TO_SCORES)
    assert [row["as_of_date"] for row in world.rows("raw_web_events")] == [date(2025, 3, 30), date(2025, 3, 31)]


@pytest.mark.slow  # smaller: the ranges of test_invariants.py
def test_a_day_alone_on_a_fresh_lake_equals_the_same_day_of_a_range(
    world: World, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = World(tmp_path_factory.mktemp("other"))
    for each in (world, other):
        each.customers([{"customer_id": "a"}, {"customer_id": "b", "signup_date": date(2025, 2, 1)}])
        each.orders([order(n, "ab"[n % 2], f"2025-{1 + n % 3:02d}-{1 + n:02d}", 3.5 * n) for n in range(1, 25)])
        start = datetime(2025, 1, 1)
        each.events(
            [
                {"customer_id": "ab"[n % 2], "event_time": (start + timedelta(hours=7 * n)).isoformat()}
                for n in range(290)
            ]
        )
    world.run(T)
    other.run("2025-03-24", T)
    for table in (
        "sessions",
        "order_aggregates",
        "customer_features",
        "engagement_scores",
        "engagement_metrics",
        "segment_changes",
    ):
        assert world.rows(table, T) == other.rows(table, T)
