"""The BG/NBD model: how many purchases to expect of a customer, from how often and how recently they bought.

Customers buy at random at a rate of their own and, after each purchase, may stop for good; rates are gamma distributed, the
chances to stop beta distributed. Fitted by maximum likelihood. P. Fader, B. Hardie, K. Lee: "Counting Your Customers" the Easy
Way. Marketing Science 24 (2005), doi 10.1287/mksc.1040.0098; equation numbers are theirs.

Of the libraries that have it, lifetimes and btyd are archived, clvkit needs pandas 3, and pymc-marketing brings some thirty
packages and a compiler; these are four parameters and scipy. That takes a third of a second to load, and is loaded only where a
model is fitted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from engagement_assets.backtest.metrics import Floats

#: With fewer customers who bought on a second day there is nothing to fit a rate to.
FEWEST_REPEAT_BUYERS = 10

#: Nodes of the integral over the chance to stop; 1e-6 of the result at worst, for days.
_NODES = 40

#: No chance to stop is taken to be smaller.
_TINY = 1e-300

#: The exponential of more is beyond a floating-point number.
_LARGEST = 700.0

#: Logarithms of the parameters stay within this, where a likelihood rises without end; time in units of the mean age.
_WIDEST = 10.0

#: Slope of the mean log-likelihood at which a fit counts as found.
_FLAT = 1e-3


@dataclass(frozen=True)
class Purchases:
    """What a snapshot knows of its buyers, an array each in the same order; times in days."""

    #: Days with an order after the first such day.
    repeats: Floats
    #: From the first to the latest order.
    recency: Floats
    #: From the first order to the snapshot.
    age: Floats


@dataclass(frozen=True)
class Parameters:
    """Purchases come at a rate that is Gamma(r, alpha) distributed, per day; the chance to stop is Beta(a, b)."""

    r: float
    alpha: float
    a: float
    b: float


@contextmanager
def without_threads() -> Iterator[None]:
    """Linear algebra in one thread: of matrices of a few numbers, threads wait for each other more than they work."""
    import scipy.linalg  # noqa: F401  (only libraries that are loaded are limited)

    with threadpool_limits(1, user_api="blas"):
        yield


def fit(known: Purchases) -> Parameters | None:
    """The parameters of the greatest likelihood; None with too few repeat buyers, or where no greatest one is found."""
    if (known.repeats > 0).sum() < FEWEST_REPEAT_BUYERS:
        return None
    from scipy.optimize import minimize

    unit = float(known.age.mean())
    histories = _Histories.of(known, unit)

    def loss(logarithms: Floats) -> tuple[float, Floats]:
        value, slope = histories.log_likelihood(Parameters(*np.exp(logarithms)))
        return -value, -slope * np.exp(logarithms)

    found = minimize(
        loss, np.zeros(4), jac=True, method="L-BFGS-B", bounds=[(-_WIDEST, _WIDEST)] * 4, options={"maxiter": 200}
    )
    at_edge = np.abs(found.x) >= _WIDEST
    if not np.isfinite(found.fun) or np.abs(np.where(at_edge, 0.0, found.jac)).max() > _FLAT:
        return None
    r, alpha, a, b = np.exp(found.x)
    return Parameters(float(r), float(alpha * unit), float(a), float(b))


@dataclass(frozen=True)
class _Values:
    """Different values, how much of the customers each stands for, and where the rows of an array have theirs."""

    values: Floats
    shares: Floats
    places: NDArray[np.intp]

    @classmethod
    def of(cls, values: Floats, shares: Floats) -> _Values:
        different, places = np.unique(values, return_inverse=True)
        return cls(different, np.bincount(places, shares, len(different)).astype(float), places)


@dataclass(frozen=True)
class _Histories:
    """The different histories of customers: logarithms are taken once for each different value."""

    #: Of all: repeat purchases; of those without any: age. Of those who came back: repeat purchases, recency, age.
    everybody: _Values
    once: _Values
    repeats: _Values
    recency: _Values
    age: _Values
    shares: Floats

    @classmethod
    def of(cls, known: Purchases, unit: float) -> _Histories:
        """Times are divided by `unit`."""
        cells, counts = np.unique(
            np.column_stack([known.repeats, known.recency, known.age]), axis=0, return_counts=True
        )
        shares = counts / counts.sum()
        back = cells[:, 0] > 0
        repeats, recency, age = cells[back].T
        return cls(
            _Values.of(cells[:, 0], shares),
            _Values.of(cells[~back, 2] / unit, shares[~back]),
            _Values.of(repeats, shares[back]),
            _Values.of(recency / unit, shares[back]),
            _Values.of(age / unit, shares[back]),
            shares[back],
        )

    def log_likelihood(self, of: Parameters) -> tuple[float, Floats]:
        """The mean logarithm of equation 6, and its slope by r, alpha, a, b."""
        from scipy.special import digamma, gammaln

        r, alpha, a, b = of.r, of.alpha, of.a, of.b
        x, weight = self.everybody.values, self.everybody.shares
        value = r * np.log(alpha) + _sum(
            weight, gammaln(r + x) - gammaln(r) + gammaln(a + b) - gammaln(a + b + x) + gammaln(b + x) - gammaln(b)
        )
        by_a = _sum(weight, digamma(a + b) - digamma(a + b + x))
        slope = np.array(
            [
                np.log(alpha) + _sum(weight, digamma(r + x) - digamma(r)),
                r / alpha,
                by_a,
                by_a + _sum(weight, digamma(b + x) - digamma(b)),
            ]
        )
        # Who never came back cannot have stopped at a repeat purchase.
        log_age = np.log(alpha + self.once.values)
        value -= r * _sum(self.once.shares, log_age)
        slope[0] -= _sum(self.once.shares, log_age)
        slope[1] -= r * _sum(self.once.shares, 1 / (alpha + self.once.values))
        # Who came back buys still, or stopped at the latest purchase.
        log_age, log_recency = np.log(alpha + self.age.values), np.log(alpha + self.recency.values)
        log_odds = np.log(a / (b + self.repeats.values - 1))
        times = (r + self.repeats.values)[self.repeats.places]
        silence = log_age[self.age.places] - log_recency[self.recency.places]
        odds = log_odds[self.repeats.places] + times * silence
        value += _sum(self.shares, np.logaddexp(0.0, odds) - times * log_age[self.age.places])
        gone = self.shares / (1.0 + np.exp(np.minimum(-odds, _LARGEST)))
        weighed = times * gone
        slope[0] += _sum(gone, silence) - _sum(self.age.shares, log_age)
        slope[1] += _sum(weighed - self.shares * times, (1 / (alpha + self.age.values))[self.age.places]) - _sum(
            weighed, (1 / (alpha + self.recency.values))[self.recency.places]
        )
        by_count = np.bincount(self.repeats.places, gone, len(self.repeats.values)).astype(float)
        slope[2] += by_count.sum() / a
        slope[3] -= _sum(by_count, 1 / (b + self.repeats.values - 1))
        return float(value), slope


def _sum(weights: Floats, values: Floats) -> float:
    # Not `@`: its threads would add up in an order that depends on their number.
    return float(np.einsum("i,i->", weights, values))


def expected_purchases(of: Parameters, known: Purchases, horizons: Sequence[int]) -> dict[int, Floats]:
    """Days with an order to expect of each customer in so many days after the snapshot: equation 10.

    As the mean over the chance to stop, not as the paper's hypergeometric function, which has poles and overflows for customers
    with many purchases.
    """
    cells, cell_of = np.unique(np.column_stack([known.repeats, known.age]), axis=0, return_inverse=True)
    repeats, age = cells.T
    still = _still_buying(of, known)
    # One set of nodes for customers with about as many purchases: up to 31, 63, 127, ...
    least = np.where(repeats < 32, 0.0, 2.0 ** np.floor(np.log2(np.maximum(repeats, 1))))
    mean = {days: np.empty(len(cells)) for days in horizons}
    for fewest in np.unique(least):
        members = np.flatnonzero(least == fewest)
        chances, weights = _beta_rule(of.a, of.b + fewest)
        weighed = weights * np.exp(np.outer(repeats[members] - fewest, np.log1p(-chances)))
        weighed /= weighed.sum(axis=1, keepdims=True) * chances
        power = -(of.r + repeats[members])[:, None]
        for days in horizons:
            ahead = np.log1p(np.outer(1.0 / (of.alpha + age[members]), days * chances))
            mean[days][members] = -(np.expm1(power * ahead) * weighed).sum(axis=1)
    return {days: values[cell_of] * still for days, values in mean.items()}


def _still_buying(of: Parameters, known: Purchases) -> Floats:
    """The chance that a customer has not stopped yet; 1 without repeat purchases, which is why it is no baseline by itself."""
    before_last = np.where(known.repeats > 0, of.b + known.repeats - 1, 1.0)
    odds = np.log(of.a / before_last) + (of.r + known.repeats) * np.log(
        (of.alpha + known.age) / (of.alpha + known.recency)
    )
    return np.where(known.repeats > 0, 1.0 / (1.0 + np.exp(np.minimum(odds, _LARGEST))), 1.0)


def _beta_rule(a: float, b: float) -> tuple[Floats, Floats]:
    """Points and weights of the mean over a beta distribution: Gauss-Jacobi on (0, 1), by the eigenvalues of its recurrence.

    scipy's own rule gives weights that are not yet divided by their sum, which overflows for large `b`.
    """
    from scipy.linalg import eigh_tridiagonal

    one, other = b - 1.0, a - 1.0  # exponents at the ends +1 and -1
    k = np.arange(1, _NODES, dtype=float)
    total = 2 * k + one + other
    middle = np.empty(_NODES)
    middle[0] = (other - one) / (one + other + 2)
    middle[1:] = (other**2 - one**2) / (total * (total + 2))
    # For k = 1 a factor of both cancels out, which may be 0.
    last = np.where(k == 1, 1.0, (k + one + other) / np.where(k == 1, 1.0, total - 1))
    side = np.sqrt(4 * k * (k + one) * (k + other) * last / (total**2 * (total + 1)))
    points, vectors = eigh_tridiagonal(middle, side)
    return np.clip((points + 1) / 2, _TINY, 1.0 - 1e-16), vectors[0] ** 2
