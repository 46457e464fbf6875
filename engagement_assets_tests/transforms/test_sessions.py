"""Sessions by hand: the gap, midnight, sessions that run for days."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from engagement_assets.domain.scoring_policy import ScoringPolicy
from engagement_assets.engine import EngineResource
from engagement_assets.transforms.sessions import sessionize

UTC = UTC
POLICY = ScoringPolicy()


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def sessions_of(
    spark: SparkSession,
    events: list[tuple[str, datetime, str]],
    first: date,
    last: date,
    policy: ScoringPolicy = POLICY,
) -> list[dict[str, object]]:
    frame = spark.createDataFrame(
        [(when.astimezone(UTC).date(), customer, when, kind) for customer, when, kind in events],
        "as_of_date date, customer_id string, event_time timestamp, event_type string",
    )
    rows = [row.asDict() for row in sessionize(frame, policy, first, last).collect()]
    return sorted(rows, key=lambda row: (row["customer_id"], row["session_start"]))


@pytest.fixture
def spark(engine: EngineResource) -> SparkSession:
    return engine.spark_session


def test_a_gap_of_exactly_thirty_minutes_continues_the_session(spark: SparkSession) -> None:
    events = [("a", at("2025-03-01 10:00:00"), "page_view"), ("a", at("2025-03-01 10:30:00"), "page_view")]
    assert [row["events"] for row in sessions_of(spark, events, date(2025, 3, 1), date(2025, 3, 1))] == [2]


def test_a_gap_of_one_microsecond_more_starts_a_new_session(spark: SparkSession) -> None:
    events = [("a", at("2025-03-01 10:00:00"), "page_view"), ("a", at("2025-03-01 10:30:00.000001"), "page_view")]
    assert [row["events"] for row in sessions_of(spark, events, date(2025, 3, 1), date(2025, 3, 1))] == [1, 1]


def test_a_session_past_midnight_has_a_row_in_each_day_and_the_later_one_is_marked(spark: SparkSession) -> None:
    events = [
        ("a", at("2025-03-01 23:50:00"), "page_view"),
        ("a", at("2025-03-02 00:10:00"), "checkout"),
        ("a", at("2025-03-02 00:25:00"), "add_to_cart"),
    ]
    rows = sessions_of(spark, events, date(2025, 3, 1), date(2025, 3, 2))
    assert [(r["as_of_date"], r["events"], r["continues_previous_day"], r["duration_seconds"]) for r in rows] == [
        (date(2025, 3, 1), 1, False, 0.0),
        (date(2025, 3, 2), 2, True, 900.0),
    ]


def test_a_day_needs_only_the_day_before_to_know_that_it_continues(spark: SparkSession) -> None:
    events = [("a", at("2025-03-01 23:50:00"), "page_view"), ("a", at("2025-03-02 00:10:00"), "page_view")]
    alone = sessions_of(spark, events, date(2025, 3, 2), date(2025, 3, 2))
    assert [row["continues_previous_day"] for row in alone] == [True]


@pytest.mark.parametrize(
    ("kinds", "seconds", "engaged"),
    [
        (["page_view"], 0, False),
        (["page_view", "page_view"], 0, True),
        (["checkout"], 0, True),
        (["search", "search"], 10, False),
        (["search", "search"], 11, True),
        (["page_view", "add_to_cart"], 5, False),
    ],
)
def test_engaged_means_over_ten_seconds_or_two_page_views_or_a_checkout(
    spark: SparkSession, kinds: list[str], seconds: int, engaged: bool
) -> None:
    start = at("2025-03-01 10:00:00")
    events = [("a", start + timedelta(seconds=seconds if i else 0), kind) for i, kind in enumerate(kinds)]
    (row,) = sessions_of(spark, events, date(2025, 3, 1), date(2025, 3, 1))
    assert row["is_engaged"] is engaged


def test_server_side_events_neither_start_nor_stretch_a_session(spark: SparkSession) -> None:
    policy = ScoringPolicy(server_side_event_types=("package_shipped",))
    events = [("a", at("2025-03-01 10:00:00"), "page_view"), ("a", at("2025-03-01 10:20:00"), "package_shipped")]
    (row,) = sessions_of(spark, events, date(2025, 3, 1), date(2025, 3, 1), policy)
    assert (row["events"], row["duration_seconds"]) == (1, 0.0)


def cut_by_hand(times: list[datetime]) -> list[list[datetime]]:
    """Sessions in the plainest way: walk the times, start anew after more than half an hour."""
    sessions: list[list[datetime]] = []
    for when in sorted(times):
        if not sessions or when - sessions[-1][-1] > timedelta(minutes=30):
            sessions.append([])
        sessions[-1].append(when)
    return sessions


# Many customers in one example: a frame costs the same for one customer as for fifty.
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.lists(st.integers(0, 4 * 24 * 12), min_size=1, max_size=60),
        min_size=1,
        max_size=50,
    )
)
def test_rows_of_consecutive_days_put_together_are_the_sessions_of_the_gap_rule(
    spark: SparkSession, customers: list[list[int]]
) -> None:
    """Minutes in steps of five over four days, so that gaps of exactly thirty minutes and midnights are common."""
    begin = at("2025-03-01 00:00:00")
    times = {str(n): [begin + timedelta(minutes=5 * step) for step in steps] for n, steps in enumerate(customers)}
    events = [(customer, when, "page_view") for customer, whens in times.items() for when in whens]
    rows = sessions_of(spark, events, date(2025, 3, 1), date(2025, 3, 5))
    for customer, whens in times.items():
        merged: list[tuple[datetime, datetime, int]] = []
        for row in (row for row in rows if row["customer_id"] == customer):
            start, end, count = row["session_start"], row["session_end"], row["events"]
            assert isinstance(start, datetime)
            assert isinstance(end, datetime)
            assert isinstance(count, int)
            if row["continues_previous_day"]:
                merged[-1] = (merged[-1][0], end, merged[-1][2] + count)
            else:
                merged.append((start, end, count))
        expected = [(s[0].replace(tzinfo=None), s[-1].replace(tzinfo=None), len(s)) for s in cut_by_hand(whens)]
        assert merged == expected
