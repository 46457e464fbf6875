"""The BG/NBD model: how many purchases to expect of a customer, from how often and how recently they bought.

Customers buy at random at a rate of their own and, after each purchase, may stop for good; rates are gamma distributed, the
chances to stop beta distributed. Fitted by maximum likelihood. P. Fader, B. Hardie, K. Lee: "Counting Your Customers" the Easy
Way. Marketing Science 24 (2005), doi 10.1287/mksc.1040.0098; equation numbers are theirs.

Of the libraries that have it, lifetimes and btyd are archived, clvkit needs pandas 3, and pymc-marketing brings some thirty
packages and a compiler. These are four parameters: Newton's method finds them in about ten steps, of sums over customers with
the same history. scipy's minimizers take three times as many, and a third of a second to load, which is most of a day's run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engagement_assets.analysis.backtest.metrics import Floats, Values

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

#: Slope of the mean log-likelihood below which a search ends, and at which a fit counts as found where rounding ends it.
_LEVEL, _FLAT = 1e-9, 1e-3

#: Steps of a search, and the longest one, in logarithms of the parameters.
_MOST_STEPS, _LONGEST_STEP = 200, 3.0

#: About the histories from which a search begins.
_SKETCH = 4000

#: Above this many different values, whole numbers are numbered anew before they become part of a key.
_WIDE = 1 << 20


@dataclass(frozen=True)
class Purchases:
    """What a snapshot knows of its buyers, an array of numbers each in the same order; times in days."""

    #: Days with an order after the first such day.
    repeats: Values
    #: From the first to the latest order.
    recency: Values
    #: From the first order to the snapshot.
    age: Values
    #: How many buyers each row stands for; None: one.
    buyers: Floats | None = None

    def different(self) -> tuple[Purchases, NDArray[np.intp]]:
        """Each history once, with the number of its buyers, and which of them each row has."""
        (repeats, recency, age), places = _different(self.repeats, self.recency, self.age)
        counts = np.bincount(places, self.buyers, len(repeats)).astype(float)
        return Purchases(repeats, recency, age, counts), places


def _different(*columns: Values) -> tuple[list[Floats], NDArray[np.intp]]:
    """The different rows of some columns, in their order, and which of them each row is."""
    if not len(columns[0]):
        return [np.zeros(0) for _ in columns], np.zeros(0, dtype=np.intp)
    key, known = np.zeros(len(columns[0]), dtype=np.int64), []
    for values in columns:
        low = values.min()
        codes = (values - low).astype(np.int64)
        named: Floats | None = None
        if codes.max() >= _WIDE or not np.array_equal(codes + low, values):
            named, codes = np.unique(values, return_inverse=True)
        width = int(codes.max()) + 1
        known.append((float(low), named, width))
        key = key * width + codes
    # Keys are 0 or more; small ones are counted, not sorted.
    if key.max() >= max(_WIDE, 4 * len(key)):
        key, places = np.unique(key, return_inverse=True)
    else:
        is_there = np.bincount(key) > 0
        key, places = np.flatnonzero(is_there), (np.cumsum(is_there) - 1)[key]
    found: list[Floats] = []
    for low, named, width in reversed(known):
        key, codes = np.divmod(key, width)
        found.append(codes + low if named is None else named[codes])
    return found[::-1], places


@dataclass(frozen=True)
class Parameters:
    """Purchases come at a rate that is Gamma(r, alpha) distributed, per day; the chance to stop is Beta(a, b)."""

    r: float
    alpha: float
    a: float
    b: float


def fit(known: Purchases) -> Parameters | None:
    """The parameters of the greatest likelihood; None with too few repeat buyers, or where no greatest one is found."""
    different, _ = known.different()
    if different.buyers is None or different.buyers[different.repeats > 0].sum() < FEWEST_REPEAT_BUYERS:
        return None
    unit = float(different.buyers @ different.age / different.buyers.sum())
    # From the optimum of every n-th history it is a few steps to that of all; the histories are in an order of their own.
    stride = max(1, len(different.age) // _SKETCH)
    start = np.zeros(4)
    for step in (stride, 1) if stride > 1 else (1,):
        columns = (each[::step] for each in (different.repeats, different.recency, different.age, different.buyers))
        found = _highest(_Histories.of(Purchases(*columns), unit).log_likelihood, start)
        start = np.zeros(4) if found is None else found
    if found is None:
        return None
    r, alpha, a, b = np.exp(found)
    return Parameters(float(r), float(alpha * unit), float(a), float(b))


def _highest(surface: Callable[[Floats], tuple[float, Floats, Floats]], start: Floats) -> Floats | None:
    """Where a surface over the logarithms of four parameters is highest, by Newton's method; None if that is not found.

    `surface` gives for a point the height there, the slope, the curvature.
    """
    point = start
    height, slope, curvature = surface(point)
    for _ in range(_MOST_STEPS):
        free = ~((np.abs(point) >= _WIDEST) & (slope * point > 0))
        if not free.any() or np.abs(slope[free]).max() < _LEVEL:
            break
        # Where the surface is no hilltop yet, its curvature counts as one: the step leads uphill all the same.
        bends, axes = np.linalg.eigh(curvature[np.ix_(free, free)])
        bends = np.maximum(np.abs(bends), 1e-8)
        step = np.zeros(4)
        step[free] = axes @ ((axes.T @ slope[free]) / bends)
        step *= min(1.0, _LONGEST_STEP / np.abs(step).max())
        for _ in range(40):
            tried = np.clip(point + step, -_WIDEST, _WIDEST)
            there = surface(tried)
            if there[0] > height:
                break
            step /= 2
        else:
            break  # rounding hides what is left to climb
        point, (height, slope, curvature) = tried, there
    at_edge = (np.abs(point) >= _WIDEST) & (slope * point > 0)
    is_found = np.isfinite(height) and np.abs(np.where(at_edge, 0.0, slope)).max() <= _FLAT
    return point if is_found else None


@dataclass(frozen=True)
class _Values:
    """Different values, how much of the customers each stands for, and where the rows of an array have theirs."""

    values: Floats
    shares: Floats
    places: NDArray[np.intp]

    @classmethod
    def of(cls, values: Floats, shares: Floats, unit: float = 1.0) -> _Values:
        (different,), places = _different(values)
        return cls(different / unit, np.bincount(places, shares, len(different)).astype(float), places)


@dataclass(frozen=True)
class _Histories:
    """The different histories of customers: logarithms are taken once for each different value."""

    #: Of all: how many have more than so many repeat purchases. Of those without any: age.
    more_than: Floats
    once: _Values
    #: Of those who came back: repeat purchases, recency, age.
    repeats: _Values
    recency: _Values
    age: _Values
    shares: Floats

    @classmethod
    def of(cls, known: Purchases, unit: float) -> _Histories:
        """Of different histories; times are divided by `unit`."""
        buyers = np.ones(len(known.age)) if known.buyers is None else known.buyers
        shares, back = buyers / buyers.sum(), known.repeats > 0
        of_count = np.bincount(known.repeats.astype(np.intp), shares).astype(float, copy=False)
        return cls(
            np.cumsum(of_count[::-1])[::-1][1:],
            _Values.of(known.age[~back], shares[~back], unit),
            _Values.of(known.repeats[back], shares[back]),
            _Values.of(known.recency[back], shares[back], unit),
            _Values.of(known.age[back], shares[back], unit),
            shares[back],
        )

    def log_likelihood(self, logarithms: Floats) -> tuple[float, Floats, Floats]:
        """The mean logarithm of equation 6, its slope and its curvature by the logarithms of r, alpha, a, b."""
        r, alpha, a, b = (float(value) for value in np.exp(logarithms))
        value = r * np.log(alpha)
        slope = np.array([np.log(alpha), r / alpha, 0.0, 0.0])
        curve = np.zeros((4, 4))
        curve[0, 1], curve[1, 1] = 1 / alpha, -r / alpha**2
        # Gamma functions of numbers that are whole numbers apart: products, one factor for each purchase.
        nth, weight = np.arange(len(self.more_than)), self.more_than
        by_r, by_b, by_both = 1 / (r + nth), 1 / (b + nth), 1 / (a + b + nth)
        value += _sum(weight, np.log((r + nth) * (b + nth) * by_both))
        slope += [_sum(weight, by_r), 0.0, -_sum(weight, by_both), _sum(weight, by_b - by_both)]
        curve[0, 0] -= _sum(weight, by_r**2)
        curve[2, 2] += _sum(weight, by_both**2)
        curve[2, 3] += _sum(weight, by_both**2)
        curve[3, 3] += _sum(weight, by_both**2 - by_b**2)
        # Who never came back cannot have stopped at a repeat purchase.
        share, by_age = self.once.shares, 1 / (alpha + self.once.values)
        value += r * _sum(share, np.log(by_age))
        slope += [_sum(share, np.log(by_age)), -r * _sum(share, by_age), 0.0, 0.0]
        curve[0, 1] -= _sum(share, by_age)
        curve[1, 1] += r * _sum(share, by_age**2)
        # Who came back buys still, or stopped at the latest purchase; `gone` is the chance of that.
        by_age, by_recency = 1 / (alpha + self.age.values), 1 / (alpha + self.recency.values)
        before = b + self.repeats.values - 1
        log_age = -np.log(by_age)[self.age.places]
        silence = log_age + np.log(by_recency)[self.recency.places]
        times = (r + self.repeats.values)[self.repeats.places]
        odds = np.log(a / before)[self.repeats.places] + times * silence
        still = np.exp(-np.abs(odds))
        value += _sum(self.shares, np.maximum(odds, 0.0) + np.log1p(still) - times * log_age)
        gone = np.where(odds >= 0, 1.0, still) / (1 + still)
        gap = by_age[self.age.places] - by_recency[self.recency.places]
        # The slope of the odds by each parameter; that by a is 1 / a throughout.
        bent = np.stack([silence, times * gap, np.full(len(odds), 1 / a), (-1 / before)[self.repeats.places]])
        gone_share = self.shares * gone
        slope += np.einsum("in,n->i", bent, gone_share)
        slope[0] -= _sum(self.shares, log_age)
        slope[1] -= _sum(self.shares * times, by_age[self.age.places])
        curve += np.triu(np.einsum("in,jn->ij", bent * (gone_share * (1 - gone)), bent))
        curve[0, 1] += _sum(gone_share, gap) - _sum(self.age.shares, by_age)
        squares = (by_recency**2)[self.recency.places] * gone_share
        curve[1, 1] += _sum(times, squares + (by_age**2)[self.age.places] * (self.shares - gone_share))
        curve[2, 2] -= gone_share.sum() / a**2
        curve[3, 3] += _sum(gone_share, bent[3] ** 2)
        scale = np.array([r, alpha, a, b])
        slope = slope * scale
        curve = (curve + np.triu(curve, 1).T) * np.outer(scale, scale) + np.diag(slope)
        return float(value), slope, curve


def _sum(weights: Floats, values: Floats) -> float:
    # Not `@`: its threads would add up in an order that depends on their number.
    return float(np.einsum("i,i->", weights, values))


def expected_purchases(of: Parameters, known: Purchases, horizons: Sequence[int]) -> dict[int, Floats]:
    """Days with an order to expect of each customer in so many days after the snapshot: equation 10.

    As the mean over the chance to stop, not as the paper's hypergeometric function, which has poles and overflows for customers
    with many purchases.
    """
    (repeats, age), cell_of = _different(known.repeats, known.age)
    (count,), count_of = _different(repeats)
    (old,), age_of = _different(age)
    # One set of nodes for customers with about as many purchases: up to 31, 63, 127, ...
    least = np.where(count < 32, 0.0, 2.0 ** np.floor(np.log2(np.maximum(count, 1))))
    mean = {days: np.empty(len(age)) for days in horizons}
    for fewest in np.unique(least):
        members = np.flatnonzero(least[count_of] == fewest)
        chances, weights = _beta_rule(of.a, of.b + fewest)
        own = np.where(least == fewest, count - fewest, 0.0)
        weighed = weights * np.exp(np.outer(own, np.log1p(-chances)))
        weighed /= weighed.sum(axis=1, keepdims=True) * chances
        weighed = weighed[count_of[members]]
        power = -(of.r + repeats[members])[:, None]
        for days in horizons:
            ahead = np.log1p(np.outer(1.0 / (of.alpha + old), days * chances))[age_of[members]]
            ahead *= power
            mean[days][members] = -np.einsum("ij,ij->i", np.expm1(ahead, out=ahead), weighed)
    still = _still_buying(of, known)
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
    one, other = b - 1.0, a - 1.0  # exponents at the ends +1 and -1
    k = np.arange(1, _NODES, dtype=float)
    total = 2 * k + one + other
    middle = np.empty(_NODES)
    middle[0] = (other - one) / (one + other + 2)
    middle[1:] = (other**2 - one**2) / (total * (total + 2))
    # For k = 1 a factor of both cancels out, which may be 0.
    last = np.where(k == 1, 1.0, (k + one + other) / np.where(k == 1, 1.0, total - 1))
    side = np.sqrt(4 * k * (k + one) * (k + other) * last / (total**2 * (total + 1)))
    points, vectors = np.linalg.eigh(np.diag(middle) + np.diag(side, -1))
    return np.clip((points + 1) / 2, _TINY, 1.0 - 1e-16), vectors[0] ** 2
