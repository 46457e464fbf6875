"""Other weights: worked by hand, and walked forward over a past that is made up."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from engagement_assets.analysis.backtest.sensitivity import (
    Past,
    component_scores,
    customer_rows,
    grid,
    suggest_weights,
    summary,
    try_weightings,
)
from engagement_assets.domain.scoring_policy import ScoringPolicy
from engagement_assets_tests.worlds import World

POLICY = ScoringPolicy()


def test_the_grid_is_every_weighting_of_tenths_with_a_tenth_each() -> None:
    assert len(grid()) == len(set(grid())) == 36
    assert all(sum(weights) == pytest.approx(1) and min(weights) >= 0.1 for weights in grid())


def test_two_customers_worked_by_hand() -> None:
    """One is at the top of everything: High whatever the weights. The other has recency only: its score is the weight.

    Of the weightings, 8 have recency 0.1 (At Risk), 7 0.2, 6 0.3 (Low), 5, 4, 3 of 0.4 to 0.6 (Medium), 2, 1 of 0.7 and 0.8
    (High). With 0.4 it is Medium by default: 12 of 36 weightings agree, 24 give one of the two customers another segment.
    """
    found = summary(try_weightings(np.array([[1.0, 1.0, 1.0], [1.0, 0.0, 0.0]]), POLICY))
    assert found is not None
    assert (found.customers, found.weightings) == (2, 36)
    assert (found.always_high, found.ever_high, found.always_the_same) == (1, 2, 1)
    assert found.mean_flips == pytest.approx(24 / 36 / 2)
    assert found.most_flips == 0.5
    assert (found.median_rank_range, found.wide_rank_range) == (0, 0)
    assert summary(try_weightings(np.zeros((0, 3)), POLICY)) is None


def test_ranks_of_two_customers_who_change_places_are_fifty_points_apart() -> None:
    found = summary(try_weightings(np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]), POLICY))
    assert found is not None
    assert found.median_rank_range == 50


def test_ranks_and_segments_of_three_customers_worked_by_hand() -> None:
    """The first is at the top of everything; the second has recency only; the third has nothing, and is last always.

    Recency alone scores its own weight, 0.1 to 0.8: At Risk to High, High under 2 + 1 of the 36 weightings. It ranks between
    the others whatever the weights.
    """
    parts = np.array([[1.0, 0.0, 0.0], [1.0, 1.0, 1.0], [0.0, 0.0, 0.0]])
    rows = customer_rows(["recent", "best", "none"], try_weightings(parts, POLICY))
    third = 100 / 3
    assert [tuple(row.values()) for row in rows] == [
        ("best", 1.0, "High", 100.0, 100.0, "High", "High", 36, True),
        ("recent", 0.4, "Medium", pytest.approx(2 * third), pytest.approx(2 * third), "At Risk", "High", 3, False),
        ("none", 0.0, "At Risk", pytest.approx(third), pytest.approx(third), "At Risk", "At Risk", 0, False),
    ]


def test_only_so_many_of_the_surest_are_told_where_that_is_asked() -> None:
    parts = np.array([[0.9, 0.9, 0.9], [0.0, 0.0, 0.0], [1.0, 1.0, 1.0], [0.95, 0.95, 0.95], [0.9, 0.9, 0.1]])
    tried = try_weightings(parts, POLICY)
    names = ["third", "none", "first", "second", "not always"]

    def surest(most: int) -> list[str]:
        return [row["customer_id"] for row in customer_rows(names, tried, always_high=most)]

    assert surest(2) == ["first", "second"]
    assert surest(9) == ["first", "second", "third"]


def test_a_rank_interval_holds_the_rank_under_each_weighting(sample_world: World) -> None:
    """Against a plain count, for the weightings that favour one part most, and for the settings' own."""
    customers, parts = component_scores(sample_world.lake, "2026-06-30")
    rows = {row["customer_id"]: row for row in customer_rows(customers, try_weightings(parts, POLICY))}
    found: dict[str, list[float]] = {name: [] for name in customers}
    for weights in ((0.8, 0.1, 0.1), (0.1, 0.8, 0.1), (0.1, 0.1, 0.8), (0.4, 0.3, 0.3)):
        scores = [round(sum(w * p for w, p in zip(weights, row, strict=True)), 12) for row in parts.tolist()]
        for name, score in zip(customers, scores, strict=True):
            found[name].append(100 * sum(other <= score for other in scores) / len(scores))
    assert len(found) > 400
    for name, ranks in found.items():
        assert rows[name]["lowest_percentile"] <= min(ranks) + 1e-9
        assert rows[name]["highest_percentile"] >= max(ranks) - 1e-9
    assert any(rows[name]["lowest_percentile"] == pytest.approx(min(ranks)) for name, ranks in found.items())


def test_the_usual_weights_give_the_segments_of_the_snapshot(sample_world: World) -> None:
    from engagement_assets.analysis.backtest.sensitivity import _score, segments, weights_of

    rows = sorted(sample_world.rows("engagement_scores", "2026-06-30"), key=lambda row: row["customer_id"])
    customers, parts = component_scores(sample_world.lake, "2026-06-30")
    assert customers == [row["customer_id"] for row in rows]
    names = np.array(["At Risk", "Low", "Medium", "High"])[segments(_score(parts, weights_of(POLICY)), POLICY)]
    assert names.tolist() == [row["engagement_segment"] for row in rows]


def made_up(seed: int, signal: int) -> Past:
    """A snapshot of 400 buyers whose future depends on one of the three parts, and on chance."""
    generator = np.random.default_rng(seed)
    parts = generator.uniform(size=(400, 3))
    happened = (generator.uniform(size=400) < parts[:, signal]).astype(float)
    return Past(parts, happened)


def test_weights_that_the_past_wants_are_suggested_and_walked_forward() -> None:
    past = [made_up(seed, signal=2) for seed in range(1, 7)]
    found = suggest_weights(past, POLICY)
    assert found is not None
    assert found.weights == (0.1, 0.1, 0.8)
    expected = np.mean([roc_auc_score(each.happened, each.parts @ np.array(found.weights)) for each in past])
    assert found.auc == pytest.approx(expected, abs=1e-6)
    assert found.walk_forward_gain is not None
    assert found.walk_forward_gain > 0.1
    assert found.in_words().startswith("A suggestion: weights 10 / 10 / 80 did best on the 6 snapshot(s) looked at")


def test_a_past_that_changes_its_mind_gains_less_than_hindsight_promises() -> None:
    found = suggest_weights([made_up(seed, signal=1 + seed % 2) for seed in range(1, 9)], POLICY)
    assert found is not None
    assert found.walk_forward_gain is not None
    assert found.auc > found.usual_auc
    # The gain in hindsight is not what choosing ahead would have brought.
    assert found.walk_forward_gain < found.auc - found.usual_auc
    alone = suggest_weights([made_up(1, signal=2)], POLICY)
    assert alone is not None
    assert alone.walk_forward_gain is None
    assert "not tried on other snapshots" in alone.in_words()
    nobody = Past(np.zeros((0, 3)), np.zeros(0))
    assert suggest_weights([nobody], POLICY) is None
