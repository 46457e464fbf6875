"""The figures of a backtest against scikit-learn, and worked by hand where it has none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr
from sklearn.metrics import average_precision_score, roc_auc_score

from engagement_assets.analysis.backtest import metrics
from engagement_assets.analysis.backtest.metrics import Ranking

customers = st.lists(
    st.tuples(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.9, 1.0]), st.booleans()), min_size=1, max_size=60
)


def arrays(rows: list[tuple[float, bool]]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([value for value, _ in rows]), np.array([float(happened) for _, happened in rows])


@settings(max_examples=200, deadline=None)
@given(customers)
def test_areas_are_those_of_scikit_learn_with_ties(rows: list[tuple[float, bool]]) -> None:
    values, happened = arrays(rows)
    ranking = Ranking.of(values)
    if 0 < happened.sum() < len(happened):
        assert ranking.sums(happened).auc() == pytest.approx(roc_auc_score(happened, values), abs=1e-12)
    else:
        assert ranking.sums(happened).auc() is None
    if happened.sum():
        expected = average_precision_score(happened, values)
        assert ranking.sums(happened).average_precision() == pytest.approx(expected, abs=1e-12)
    else:
        assert ranking.sums(happened).average_precision() is None


@settings(max_examples=50, deadline=None)
@given(customers, st.randoms(use_true_random=False))
def test_the_order_of_the_customers_changes_nothing(rows: list[tuple[float, bool]], random: object) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)  # type: ignore[attr-defined]

    def figures(rows: list[tuple[float, bool]]) -> list[float | None]:
        values, happened = arrays(rows)
        ranking = Ranking.of(values)
        return [ranking.sums(happened).lift(), *ranking.sums(happened).decile_rates()]

    assert figures(shuffled) == pytest.approx(figures(rows))


def test_a_resample_weighs_customers_as_scikit_learn_does() -> None:
    generator = np.random.default_rng(1)
    values, happened = generator.integers(0, 20, 500).astype(float), generator.integers(0, 2, 500).astype(float)
    drawn = generator.integers(0, 4, 500).astype(float)
    ranking = Ranking.of(values)
    area = metrics.weighted_auc(ranking.sums(drawn * happened).sums, ranking.sums(drawn * (1 - happened)).sums)
    assert area == pytest.approx(roc_auc_score(happened, values, sample_weight=drawn), abs=1e-12)


def test_every_resample_has_the_area_of_its_customers_as_scikit_learn_has_it() -> None:
    """The draws are those of numpy's generator with the same seed; ties in one of the rankings."""
    generator = np.random.default_rng(3)
    values = {"many": generator.normal(size=300), "few": generator.integers(0, 9, 300).astype(float)}
    happened = {
        "rare": (generator.uniform(size=300) < 0.05).astype(float),
        "often": generator.integers(0, 2, 300) * 1.0,
    }
    judged = {(v, h): (Ranking.of(values[v]), happened[h]) for v in values for h in happened}
    found = metrics.bootstrap_auc(judged, resamples=8, seed=11)
    draws = np.random.default_rng(11).integers(0, 300, (8, 300))
    for (v, h), areas in found.items():
        expected = [roc_auc_score(happened[h][drawn], values[v][drawn]) for drawn in draws]
        assert areas == pytest.approx(expected, abs=1e-12)
    nothing = metrics.bootstrap_auc({"it": (judged["many", "rare"][0], np.zeros(300))}, resamples=30, seed=1)["it"]
    assert np.isnan(nothing).all()
    assert metrics.interval(nothing) == (None, None)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=2, max_size=40))
def test_a_rank_correlation_is_that_of_scipy_with_ties(rows: list[tuple[int, int]]) -> None:
    one, other = np.array(rows, dtype=float).T
    found = metrics.rank_correlation(Ranking.of(one), Ranking.of(other))
    if len(set(one)) > 1 and len(set(other)) > 1:
        assert found == pytest.approx(spearmanr(one, other).statistic, abs=1e-12)
    else:
        assert found is None


def test_an_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    """Scores of two normal distributions a standard deviation apart have an AUC of 0.7602."""
    generator = np.random.default_rng(7)
    covered = 0
    for number in range(40):
        happened = np.repeat([0.0, 1.0], 150)
        ranking = Ranking.of(generator.normal(happened))
        drawn = metrics.bootstrap_auc({"it": (ranking, happened)}, resamples=100, seed=number)
        low, high = metrics.interval(drawn["it"])
        assert low is not None
        assert high is not None
        covered += low <= 0.7602 <= high
    assert covered >= 33


def test_twenty_customers_worked_by_hand() -> None:
    """The top two of twenty both ordered, of eight in all, and spent 50 of 100: lift 2 / (0.1 * 8) = 2.5."""
    values = np.arange(20, 0, -1).astype(float)
    happened = np.array([1, 1, 1, 0, 1, 0, 1, 1, 0, 0, 1, 1, *[0] * 8], dtype=float)
    spent = np.array([30, 20, 10, 0, 10, 0, 10, 10, 0, 0, 5, 5, *[0] * 8], dtype=float)
    ranking = Ranking.of(values)
    assert ranking.sums(happened).lift() == pytest.approx(2.5)
    assert ranking.sums(spent).top_share() == pytest.approx(0.5)
    rates = ranking.sums(happened).decile_rates()
    assert rates == pytest.approx([1, 0.5, 0.5, 1, 0, 1, 0, 0, 0, 0])
    assert metrics.falls_throughout(rates) is False
    assert metrics.falls_throughout([1.0, 0.5, 0.5, 0.0]) is True


def test_of_equal_values_at_the_edge_the_part_that_fits_counts() -> None:
    """Ten customers, all equal: the top 10 % is any one of them, and each tenth does as well as all."""
    ranking = Ranking.of(np.ones(10))
    happened = np.array([1.0, 1, 1, 1, 0, 0, 0, 0, 0, 0])
    assert ranking.sums(happened).lift() == pytest.approx(1.0)
    assert ranking.sums(happened).decile_rates() == pytest.approx([0.4] * 10)
    assert ranking.sums(happened).auc() == 0.5


def test_nobody_has_no_figures_and_no_value_is_no_rank() -> None:
    nobody = Ranking.of(np.zeros(0))
    nothing = np.zeros(0)
    assert nobody.sums(nothing).auc() is None
    assert nobody.sums(nothing).lift() is None
    assert nobody.sums(nothing).decile_rates() == [None] * 10
    drawn = metrics.bootstrap_auc({"it": (nobody, nothing)}, resamples=3, seed=1)["it"]
    assert metrics.interval(drawn) == (None, None)
    with pytest.raises(ValueError, match="a number for every customer"):
        Ranking.of(np.array([1.0, np.nan]))
