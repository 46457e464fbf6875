"""The BG/NBD model against published figures, numeric integration of what it assumes, and customers simulated by it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import betaincinv, betaln, gammaincinv, gammaln, hyp2f1

from engagement_assets.analysis.backtest import bg_nbd
from engagement_assets.analysis.backtest.bg_nbd import Parameters, Purchases, expected_purchases, fit
from engagement_assets.analysis.backtest.metrics import Floats

#: The estimates of Fader, Hardie and Lee (2005) for CDNOW, in weeks.
CDNOW = Parameters(r=0.243, alpha=4.414, a=0.793, b=2.426)


def one(repeats: float, recency: float, age: float) -> Purchases:
    return Purchases(np.array([float(repeats)]), np.array([float(recency)]), np.array([float(age)]))


def test_the_purchases_to_expect_of_a_cdnow_customer_are_those_published() -> None:
    """Two repeat purchases, the latest in week 30.43 of 38.86: 1.226 in the next 39 weeks (Hardie's spreadsheet note)."""
    assert expected_purchases(CDNOW, one(2, 30.43, 38.86), [39])[39] == pytest.approx([1.226], abs=0.0005)


def by_the_paper(of: Parameters, known: Purchases, days: int) -> Floats:
    """Equation 10 as printed, with the hypergeometric function; for parameters where that is well behaved."""
    x, recency, age = known.repeats, known.recency, known.age
    series = hyp2f1(of.r + x, of.b + x, of.a + of.b + x - 1, days / (of.alpha + age + days))
    ahead = 1 - ((of.alpha + age) / (of.alpha + age + days)) ** (of.r + x) * series
    stopped = (
        (x > 0) * of.a / np.where(x > 0, of.b + x - 1, 1) * ((of.alpha + age) / (of.alpha + recency)) ** (of.r + x)
    )
    found: Floats = (of.a + of.b + x - 1) / (of.a - 1) * ahead / (1 + stopped)
    return found


@pytest.mark.parametrize("of", [CDNOW, Parameters(0.6, 8.3, 0.44, 6.5), Parameters(2.5, 60.0, 1.7, 0.9)])
def test_expected_purchases_are_those_of_the_hypergeometric_formula(of: Parameters) -> None:
    generator = np.random.default_rng(3)
    repeats, age = generator.integers(0, 90, 400).astype(float), generator.integers(1, 700, 400).astype(float)
    known = Purchases(repeats, np.where(repeats > 0, np.floor(age * generator.uniform(size=400)), 0.0), age)
    for days, found in expected_purchases(of, known, [30, 90]).items():
        assert found == pytest.approx(by_the_paper(of, known, days), rel=1e-6)


def test_where_the_formula_has_a_pole_or_overflows_there_are_numbers_still() -> None:
    """a = 1 divides by nothing; a + b = 1 without repeat purchases has no series; a thousand purchases overflow."""
    assert expected_purchases(Parameters(0.5, 10, 1.0, 2.0), one(3, 50, 80), [30])[30] == pytest.approx(
        by_the_paper(Parameters(0.5, 10, 1.0 + 1e-6, 2.0), one(3, 50, 80), 30), rel=1e-4
    )
    nearby = by_the_paper(Parameters(0.5, 10, 0.4, 0.61), one(0, 0, 40), 30)
    assert expected_purchases(Parameters(0.5, 10, 0.4, 0.6), one(0, 0, 40), [30])[30] == pytest.approx(nearby, rel=0.01)
    # Without stops to speak of, (r + x) / (alpha + T) purchases a day.
    often = expected_purchases(Parameters(0.5, 10, 1e-6, 5.0), one(1000, 700, 700), [30])[30]
    assert often == pytest.approx([30 * 1000.5 / 710], rel=1e-3)


def likelihood(of: Parameters, x: int, recency: float, age: float) -> float:
    """One customer's, from the model's assumptions alone: the mean over both of its distributions, quantile by quantile."""
    points, weights = np.polynomial.legendre.leggauss(200)
    quantiles, weights = (points + 1) / 2, weights / 2
    rate, stop = (gammaincinv(of.r, quantiles) / of.alpha)[:, None], betaincinv(of.a, of.b, quantiles)[None, :]
    found = (1 - stop) ** x * rate**x * np.exp(-rate * age)
    if x:
        found = found + stop * (1 - stop) ** (x - 1) * rate**x * np.exp(-rate * recency)
    return float(weights @ found @ weights)


def closed_form(of: Parameters, x: Floats, recency: Floats, age: Floats) -> Floats:
    """The logarithm of equation 6, written down anew."""
    first = gammaln(of.r + x) - gammaln(of.r) + of.r * np.log(of.alpha)
    still = betaln(of.a, of.b + x) - (of.r + x) * np.log(of.alpha + age)
    stopped = betaln(of.a + 1, of.b + np.maximum(x, 1) - 1) - (of.r + x) * np.log(of.alpha + recency)
    found: Floats = first - betaln(of.a, of.b) + np.logaddexp(still, np.where(x > 0, stopped, -np.inf))
    return found


def test_the_closed_form_is_the_integral_of_the_model() -> None:
    of = Parameters(1.6, 12.0, 1.4, 2.2)
    for x, recency, age in ((0, 0.0, 30.0), (1, 9.0, 40.0), (4, 25.0, 26.0)):
        arrays = (np.array([float(x)]), np.array([recency]), np.array([age]))
        assert math.exp(closed_form(of, *arrays)[0]) == pytest.approx(likelihood(of, x, recency, age), rel=1e-5)


def simulated(of: Parameters, customers: int, seed: int) -> Purchases:
    """Customers who buy and stop as the model has it."""
    generator = np.random.default_rng(seed)
    age = generator.uniform(20, 400, customers)
    repeats, recency = np.zeros(customers), np.zeros(customers)
    for n, (rate, stop) in enumerate(
        zip(generator.gamma(of.r, 1 / of.alpha, customers), generator.beta(of.a, of.b, customers), strict=True)
    ):
        clock = generator.exponential(1 / rate)
        while clock <= age[n]:
            repeats[n], recency[n] = repeats[n] + 1, clock
            if generator.uniform() < stop:
                break
            clock += generator.exponential(1 / rate)
    return Purchases(repeats, recency, age)


def test_a_fit_is_the_greatest_likelihood_and_near_what_the_customers_were_made_with() -> None:
    true = Parameters(0.8, 30.0, 0.7, 2.5)
    known = simulated(true, 3000, seed=5)
    found = fit(known)
    assert found is not None

    def loss(logarithms: Floats) -> float:
        return -float(closed_form(Parameters(*np.exp(logarithms)), known.repeats, known.recency, known.age).sum())

    # Another optimiser, without slopes, from another start, on the formula written down here.
    other = minimize(loss, np.log([1.5, 60.0, 0.4, 1.5]), method="Nelder-Mead", options={"xatol": 1e-7, "fatol": 1e-9})
    assert [found.r, found.alpha, found.a, found.b] == pytest.approx(np.exp(other.x), rel=1e-3)
    assert (found.r, found.alpha, found.a / (found.a + found.b)) == pytest.approx(
        (true.r, true.alpha, true.a / (true.a + true.b)), rel=0.2
    )


def test_where_a_search_begins_and_in_which_order_the_customers_are_changes_no_fit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known = simulated(Parameters(0.5, 12.0, 0.6, 4.0), 2000, seed=8)
    days = Purchases(known.repeats.astype(int), np.floor(known.recency).astype(int), np.ceil(known.age).astype(int))
    usual = fit(days)
    assert usual is not None
    different, of_row = days.different()
    assert len(different.age) < 2000
    for name in ("repeats", "recency", "age"):
        assert np.array_equal(getattr(different, name)[of_row], getattr(days, name))
    assert different.buyers is not None
    assert different.buyers.sum() == 2000
    backwards = Purchases(days.repeats[::-1], days.recency[::-1], days.age[::-1])
    assert fit(backwards) == usual
    monkeypatch.setattr(bg_nbd, "_SKETCH", 100)  # from the optimum of every n-th history
    sketched = fit(days)
    assert sketched is not None
    assert [sketched.r, sketched.alpha, sketched.a, sketched.b] == pytest.approx(
        [usual.r, usual.alpha, usual.a, usual.b], rel=1e-6
    )


def test_without_customers_who_came_back_nothing_is_fitted() -> None:
    many = np.full(500, 100.0)
    assert fit(Purchases(np.zeros(500), np.zeros(500), many)) is None
    assert fit(Purchases(np.zeros(0), np.zeros(0), np.zeros(0))) is None
