"""The split of a score's change: worked by hand, and its properties for any two snapshots."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engagement_assets.domain.scoring_policy import ScoringPolicy
from engagement_assets.transforms.score_change import ScoreChange, Standing, Standings, split_change

POLICY = ScoringPolicy()


def standing(
    recency: int | None, orders: float, sessions: float, revenue: float, bounds: tuple[tuple[float, float], ...]
) -> Standings:
    """A customer among others: bounds are the smallest and largest recency, orders, sessions, revenue."""
    values = {"recency": recency, "orders": orders, "sessions": sessions, "monetary": math.log(1 + revenue)}
    return {
        name: Standing(value or 0, low, 1 / (high - low) if high > low else 0.0, 0.0 if value is None else 1.0)
        for (name, value), (low, high) in zip(values.items(), bounds, strict=True)
    }


def amounts(change: ScoreChange) -> list[float]:
    return list(change.amounts.values())


def score(
    recency: int | None, orders: float, sessions: float, revenue: float, bounds: tuple[tuple[float, float], ...]
) -> float:
    """The score by its definition; bounds of revenue are on the logarithmic scale."""

    def norm(value: float, low: float, high: float) -> float:
        return (value - low) / (high - low) if high > low else 0.0

    return (
        (0.0 if recency is None else 0.4 * (1 - norm(recency, *bounds[0])))
        + 0.3 * (0.6 * norm(orders, *bounds[1]) + 0.4 * norm(sessions, *bounds[2]))
        + 0.3 * norm(math.log(1 + revenue), *bounds[3])
    )


ranges = st.tuples(st.floats(0, 50), st.one_of(st.just(0.0), st.floats(0.5, 1e4))).map(lambda r: (r[0], r[0] + r[1]))
snapshots = st.tuples(
    st.one_of(st.none(), st.integers(0, 4000)),
    st.integers(0, 500),
    st.integers(0, 200),
    st.floats(0, 1e9),
    st.tuples(ranges, ranges, ranges, ranges),
)


@settings(max_examples=300, deadline=None)
@given(before=snapshots, now=snapshots, days=st.integers(1, 400))
def test_the_parts_add_up_to_the_difference_of_the_scores(before: tuple, now: tuple, days: int) -> None:
    change = split_change(standing(*before), standing(*now), days, POLICY)
    size = max(1.0, *(abs(part) for part in amounts(change)))
    assert abs(change.total - (score(*now) - score(*before))) <= 1e-12 * size
    assert abs(sum(amounts(change)) - change.total) <= 1e-12 * size


@settings(max_examples=100, deadline=None)
@given(before=snapshots, now=snapshots)
def test_looking_back_gives_the_same_parts_with_the_other_sign(before: tuple, now: tuple) -> None:
    """Of the recency of the last order together: only looking forward do days pass."""
    there, back = (split_change(standing(*a), standing(*b), 0, POLICY) for a, b in ((before, now), (now, before)))
    assert amounts(back) == pytest.approx([-part for part in amounts(there)], abs=1e-9, rel=1e-9)


@settings(max_examples=100, deadline=None)
@given(who=snapshots, bounds=st.tuples(ranges, ranges, ranges, ranges))
def test_who_stands_still_is_moved_by_others_only(who: tuple, bounds: tuple) -> None:
    change = split_change(standing(*who), standing(who[0], who[1], who[2], who[3], bounds), 0, POLICY)
    assert (change.behaviour, change.ageing) == pytest.approx((0, 0), abs=1e-9)


def test_a_change_worked_by_hand() -> None:
    """Ten days pass without an order; four sessions become one; another customer's orders rise from 10 to 20.

    Recency on a scale of 0 to 100 days, both times: 0.4 * 10 / 100 = 0.04 lost by ageing.
    Sessions on 0 to 10: 0.3 * 0.4 * 3 / 10 = 0.036 lost by behaviour.
    Orders: 5 of 10 become 5 of 20: 0.3 * 0.6 * (0.25 - 0.5) = -0.045 by rescaling. Revenue stands still.
    """
    money = (0.0, math.log(1001))
    before = standing(30, 5, 4, 100, ((0, 100), (0, 10), (0, 10), money))
    now = standing(40, 5, 1, 100, ((0, 100), (0, 20), (0, 10), money))
    change = split_change(before, now, 10, POLICY)
    assert (change.ageing, change.behaviour, change.rescaling) == pytest.approx((-0.04, -0.036, -0.045), abs=1e-15)
    assert change.amounts["orders_rescaling"] == change.rescaling
    assert change.amounts["recency_behaviour"] == pytest.approx(0, abs=1e-15)


def test_a_new_order_takes_back_what_ageing_took() -> None:
    """Last order 30 days ago, 10 days later one of that day: -0.04 by ageing, then 40 days forward, +0.16."""
    bounds = ((0, 100), (0, 10), (0, 10), (0.0, math.log(1001)))
    change = split_change(standing(30, 1, 0, 50, bounds), standing(0, 2, 0, 80, bounds), 10, POLICY)
    assert (change.amounts["recency_ageing"], change.amounts["recency_behaviour"]) == pytest.approx(
        (-0.04, 0.16), abs=1e-15
    )
    assert change.amounts["orders_behaviour"] == pytest.approx(0.018, abs=1e-15)
    assert change.amounts["monetary_behaviour"] == pytest.approx(0.3 * math.log(81 / 51) / math.log(1001), abs=1e-15)


def test_a_first_order_is_behaviour() -> None:
    bounds = ((0, 100), (0, 10), (0, 10), (0.0, math.log(1001)))
    change = split_change(standing(None, 0, 0, 0, bounds), standing(0, 1, 0, 20, bounds), 10, POLICY)
    assert (change.amounts["recency_ageing"], change.amounts["recency_behaviour"]) == pytest.approx((0, 0.4), abs=1e-15)


def test_where_the_scale_moves_the_own_change_is_the_mean_of_both_scales() -> None:
    """Sessions from 2 to 4, scale from 0-10 to 0-20: 0.12 * 2 * (1/10 + 1/20) / 2 own; the rest, rescaling."""
    money = (0.0, 1.0)
    before = standing(10, 1, 2, 0, ((0, 100), (0, 10), (0, 10), money))
    now = standing(10, 1, 4, 0, ((0, 100), (0, 10), (0, 20), money))
    change = split_change(before, now, 0, POLICY)
    assert change.amounts["sessions_behaviour"] == pytest.approx(0.12 * 0.15, abs=1e-15)
    assert change.amounts["sessions_rescaling"] == pytest.approx(0.12 * (4 / 20 - 2 / 10) - 0.12 * 0.15, abs=1e-15)
