"""The sample data's scores against an independent implementation in plain Python, from the raw files on."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime, timezone

import pytest

from engagement_assets_tests.oracle import Cleaned, read_sources, scores_of
from engagement_assets_tests.worlds import SAMPLE_DATA, SAMPLE_START, World

#: Early in the history, in the Christmas season, and the last day.
DAYS = ("2025-02-20", "2025-12-15", "2026-06-30")
TOLERANCE = 1e-9


@pytest.fixture(scope="module")
def by_hand() -> Cleaned:
    """The sample data as the oracle reads it."""
    return read_sources(SAMPLE_DATA, SAMPLE_START, datetime.now(timezone.utc).date())


@pytest.mark.parametrize("day", DAYS)
def test_every_customer_of_the_sample_data_scores_what_the_oracle_says(
    sample_world: World, by_hand: Cleaned, day: str
) -> None:
    expected = scores_of(by_hand, date.fromisoformat(day))
    found = sample_world.by_customer("engagement_scores", day)
    assert set(found) == set(expected)
    assert len(expected) > 100
    for name, row in expected.items():
        for column, value in row.items():
            if isinstance(value, float):
                assert found[name][column] == pytest.approx(value, abs=TOLERANCE), (name, column)
            else:
                assert found[name][column] == value, (name, column)


def test_the_oracle_rejects_what_the_product_rejects(sample_world: World, by_hand: Cleaned) -> None:
    assert Counter(sample_world.rejected()) == by_hand.rejected
    assert set(by_hand.rejected) >= {"orders:negative_amount", "web_events:malformed_json", "orders:unknown_customer"}


def test_the_sample_snapshot_has_every_kind_of_customer(sample_world: World) -> None:
    """What the demonstration shows has something to show: a property of the data, not of the code."""
    rows = sample_world.rows("engagement_scores", DAYS[-1])
    assert {row["engagement_segment"] for row in rows} == {"High", "Medium", "Low", "At Risk"}
    assert {row["engagement_status"] for row in rows} == {"Active", "Browsing Only", "Not Active"}
    assert len({row["value_segment"] for row in rows}) == 5
    assert 0.05 < sum(row["is_high_risk"] for row in rows) / len(rows) < 0.3
