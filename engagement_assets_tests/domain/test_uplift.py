"""The statistics of experiments, against scipy and statsmodels, by hand, and on made-up shops whose truth is known."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.special import stdtrit
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import (
    confint_proportions_2indep,
    proportions_ztest,
    samplesize_proportions_2indep_onetail,
)
from statsmodels.stats.weightstats import CompareMeans, DescrStatsW

from engagement_assets.domain.uplift import (
    Moments,
    customers_needed,
    holm,
    holm_levels,
    newcombe,
    p_value,
    student_quantile,
    welch,
)

arm = st.integers(1, 50_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
levels = st.sampled_from([0.8, 0.9, 0.95, 0.99, 1 - 0.05 / 24])
#: Made-up shops with revenue.
SHOPS = 3_000

shares = st.floats(0.001, 0.9)


def near(expected: object) -> object:
    return pytest.approx(expected, rel=1e-9, abs=1e-9)


@pytest.mark.slow  # smaller: what was printed, and made-up shops, below
@given(one=arm, other=arm, level=levels)
def test_shares_are_compared_as_statsmodels_does(one: tuple[int, int], other: tuple[int, int], level: float) -> None:
    found = newcombe(*one, *other, level)
    expected = confint_proportions_2indep(*one, *other, method="newcomb", compare="diff", alpha=1 - level)
    assert (found.low, found.high) == near(tuple(expected))
    assert found.difference == near(one[0] / one[1] - other[0] / other[1])
    if 0 < one[0] + other[0] < one[1] + other[1]:
        assert p_value(*one, *other) == near(proportions_ztest([one[0], other[0]], [one[1], other[1]])[1])
    else:
        assert p_value(*one, *other) == 1.0


def test_newcombe_gives_what_he_printed() -> None:
    """Newcombe 1998, table II, method 10: 56 of 70 against 48 of 80, and none of 10 against none of 20."""
    found, nobody = newcombe(56, 70, 48, 80), newcombe(0, 10, 0, 20)
    assert (round(found.low, 4), round(found.high, 4)) == (0.0524, 0.3339)
    assert (round(nobody.low, 4), round(nobody.high, 4)) == (-0.1611, 0.2775)


@pytest.mark.slow  # smaller: what was printed, and made-up shops, below
@settings(max_examples=50)
@given(
    seed=st.integers(0, 10**6),
    of_one=st.integers(2, 400),
    of_other=st.integers(2, 400),
    level=levels,
    skew=st.floats(0.1, 0.9),
)
def test_means_are_compared_as_statsmodels_does(
    seed: int, of_one: int, of_other: int, level: float, skew: float
) -> None:
    drawn = np.random.default_rng(seed)
    one, other = (np.round(drawn.lognormal(3, 2 * skew, number), 2) for number in (of_one, of_other))
    ours = [
        Moments.of(len(values), sum(map(Fraction, values)), sum(Fraction(value) ** 2 for value in values))
        for values in (one, other)
    ]
    found = welch(ours[0], ours[1], level)
    assert found is not None
    compared = CompareMeans(DescrStatsW(one), DescrStatsW(other))
    expected = compared.tconfint_diff(alpha=1 - level, usevar="unequal")
    assert (found.low, found.high) == near(tuple(expected))
    again = stats.ttest_ind(one, other, equal_var=False).confidence_interval(level)
    assert (found.low, found.high) == near((again.low, again.high))


def test_means_that_say_nothing_of_their_spread_have_no_interval() -> None:
    alike, single, varied = Moments.of(3, 6, 12), Moments.of(1, 2, 4), Moments.of(2, 4, 10)
    assert Moments.of(0, 0, 0) is None
    assert alike == Moments(3, 2.0, 0.0)
    assert varied == Moments(2, 2.0, 2.0)
    assert [welch(one, other) for one, other in ((alike, alike), (single, varied), (varied, None))] == [None] * 3
    # A degree of freedom: mean 2 against 2, an error of 1, and the tangent of 0.475 pi.
    found = welch(varied, alike)
    assert found is not None
    assert (found.difference, found.high) == near((0.0, math.tan(0.475 * math.pi)))


@pytest.mark.parametrize("degrees", [1.0, 1.3, 2, 5.5, 30, 311.7, 999.9, 1_000, 1_000.1, 54_321, 1e8])
def test_students_quantile_is_that_of_scipy(degrees: float) -> None:
    for level in (0.5, 0.8, 0.95, 0.99, 1 - 0.05 / 24, 0.9999):
        assert student_quantile(level, degrees) == near(stdtrit(degrees, (1 + level) / 2))


@pytest.mark.slow  # smaller: what was printed, and made-up shops, below
@given(p_values=st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_several_looks_are_allowed_for_as_statsmodels_does(p_values: list[float]) -> None:
    rejected, adjusted, *_ = multipletests(p_values, alpha=0.05, method="holm")
    assert holm(p_values) == near(list(adjusted))
    # An interval of the level beside it leaves out zero exactly where Holm calls it an effect. Rounding decides at the limit.
    limits = [1 - level for level in holm_levels(p_values)]
    assume(all(abs(p - limit) > 1e-12 for p, limit in zip(p_values, limits, strict=True)))
    assert [p <= limit for p, limit in zip(p_values, limits, strict=True)] == list(rejected)


def test_the_levels_of_holm_are_those_of_his_steps() -> None:
    # Four looks: 0.01 is tested at 0.05/4, 0.016 at 0.05/3, 0.03 at 0.05/2 and fails, so that the last has its level.
    levels = [1 - level for level in holm_levels([0.03, 0.01, 0.04, 0.016])]
    assert levels == near([0.05 / 2, 0.05 / 4, 0.05 / 2, 0.05 / 3])


@pytest.mark.slow  # smaller: what was printed, and made-up shops, below
@given(share=shares, uplift=st.sampled_from([0.01, 0.02, 0.05]), held_out=st.floats(0.01, 0.9))
def test_the_customers_it_takes_are_those_of_statsmodels(share: float, uplift: float, held_out: float) -> None:
    treated = samplesize_proportions_2indep_onetail(uplift, share, power=0.8, ratio=held_out / (1 - held_out))
    needed = customers_needed(share, uplift, held_out)
    assert needed is not None
    exact = treated / (1 - held_out)
    assert abs(needed - math.ceil(exact)) <= (abs(exact - round(exact)) < 1e-9 * exact)


def test_a_share_that_cannot_rise_so_far_takes_no_number_of_customers() -> None:
    assert customers_needed(0.97, 0.05, 0.1) is None
    assert customers_needed(0.1, 0.02, 0.0) is None
    # A textbook case, equal arms: 10 % against 15 %, Fleiss 1981: 686 an arm.
    assert customers_needed(0.10, 0.05, 0.5) == 2 * 686


@pytest.mark.parametrize("effect", [0.0, 0.05])
@pytest.mark.parametrize(("treated", "held_out", "base"), [(3_000, 1_000, 0.1), (3_600, 1_200, 0.3)])
def test_made_up_shops_show_the_effect_that_they_have(effect: float, treated: int, held_out: int, base: float) -> None:
    """Ten thousand shops: no effect is rarely called one, one of five points mostly is, and intervals hold the truth."""
    drawn = np.random.default_rng(7)
    ordered, held_out_ordered = drawn.binomial(treated, base + effect, 10_000), drawn.binomial(held_out, base, 10_000)
    found = [
        newcombe(int(one), treated, int(other), held_out) for one, other in zip(ordered, held_out_ordered, strict=True)
    ]
    called = np.mean([not each.low <= 0 <= each.high for each in found])
    assert called >= 0.8 if effect else called <= 0.06
    assert 0.93 <= np.mean([each.low <= effect <= each.high for each in found]) <= 0.97


@pytest.mark.parametrize("effect", [0.0, 5.0])
def test_made_up_shops_show_the_revenue_that_was_earned(effect: float) -> None:
    """Revenue as shops have it: most order nothing, and orders are skewed."""
    drawn = np.random.default_rng(11)

    def moments(number: int, more: float) -> list[Moments]:
        spent = drawn.binomial(1, 0.2, (SHOPS, number)) * drawn.gamma(2.0, 30.0, (SHOPS, number)) + more
        return [Moments(number, *pair) for pair in zip(spent.mean(axis=1), spent.var(axis=1, ddof=1), strict=True)]

    found = [welch(one, other) for one, other in zip(moments(1_800, effect), moments(600, 0.0), strict=True)]
    intervals = [(each.low, each.high) for each in found if each is not None]
    assert len(intervals) == SHOPS
    assert 0.93 <= np.mean([low <= effect <= high for low, high in intervals]) <= 0.97
    called = np.mean([not low <= 0 <= high for low, high in intervals])
    assert called >= 0.8 if effect else called <= 0.06
