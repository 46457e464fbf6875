"""How well a number orders customers by what they did afterwards. Plain numpy; ties are never broken by chance.

Equal values form a group. Whoever has to choose among them is taken to choose by lot, and the figure is the mean over all
draws; areas are as scikit-learn computes them.
"""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: Numbers of whatever type holds them exactly; yes and no count as 1 and 0.
Values = NDArray[Any]

DECILES = 10

K = TypeVar("K", bound=Hashable)


#: Whole numbers that span no more than this are counted instead of sorted.
_SPAN = 1 << 16


@dataclass(frozen=True)
class Ranking:
    """Groups of customers with equal values, the highest first: which of them each customer is in, and their sizes."""

    group: NDArray[np.intp]
    sizes: Floats

    @classmethod
    def of(cls, values: Values) -> Ranking:
        """Rank by a number, the highest first. Raises ValueError for a value that is no number."""
        if np.isnan(values).any():
            raise ValueError("a ranking needs a number for every customer")
        if not len(values):
            return cls(np.zeros(0, dtype=np.intp), np.zeros(0))
        high = values.max()
        if high - values.min() < _SPAN and np.array_equal(from_top := (high - values).astype(np.intp), high - values):
            return cls._numbered(from_top)
        order = np.argsort(-values)
        ordered = values[order]
        group = np.empty(len(values), dtype=np.intp)
        group[order] = np.cumsum(np.append(False, ordered[1:] != ordered[:-1]))
        return cls(group, np.bincount(group).astype(float))

    @classmethod
    def _numbered(cls, labels: NDArray[np.intp]) -> Ranking:
        """By whole numbers, the lowest first."""
        counts = np.bincount(labels).astype(float)
        is_there = counts > 0
        return cls((np.cumsum(is_there) - 1)[labels], counts[is_there])

    def of_rows(self, rows: Values) -> Ranking:
        """The same ranking of some of the customers, by their places or a mask; of one that is named twice, twice."""
        return Ranking._numbered(self.group[rows])

    def sums(self, amounts: Values) -> Grouped:
        """Sums of an amount per group. Whole numbers add up exactly, in whatever order the customers are."""
        return Grouped(self.sizes, np.bincount(self.group, amounts, len(self.sizes)).astype(float, copy=False))

    def mean_ranks(self) -> Floats:
        """The place of each customer from the top, 1 for the first; equal values share the mean of theirs."""
        return (np.cumsum(self.sizes) - (self.sizes - 1) / 2)[self.group]


@dataclass(frozen=True)
class Grouped:
    """Customers and the sum of an amount per group of equal values, the highest group first.

    Where the figures speak of what happened, the amount is 1 for a customer to whom it did, and 0 for the others.
    """

    sizes: Floats
    sums: Floats

    def auc(self) -> float | None:
        """The chance that a customer to whom it happened ranks above one to whom it did not; None with only one kind."""
        return weighted_auc(self.sums, self.sizes - self.sums)

    def average_precision(self) -> float | None:
        """The mean precision over the steps of recall; None where it happened to nobody."""
        overall = self.sums.sum()
        if overall == 0:
            return None
        customers, happened = self._running
        precision = happened[1:] / customers[1:]
        return min(1.0, float((precision * self.sums).sum() / overall))

    def top_sums(self, shares: Sequence[float]) -> Floats:
        """Sums of the amount over the top shares of customers; of the group at the edge, the part that fits."""
        customers, sums = self._running
        return np.interp(np.asarray(shares) * customers[-1], customers, sums)

    @cached_property
    def _running(self) -> tuple[Floats, Floats]:
        """Customers and amount of so many groups from the top, from none to all."""
        return np.append(0.0, np.cumsum(self.sizes)), np.append(0.0, np.cumsum(self.sums))

    def lift(self, share: float = 0.1) -> float | None:
        """How many times more often it happened in the top share than overall; None where it happened to nobody."""
        overall = self.sums.sum()
        return None if overall == 0 else float(self.top_sums([share])[0] / (share * overall))

    def top_share(self, share: float = 0.1) -> float | None:
        """The share of the amount that the top share of customers accounts for; None where there is none."""
        overall = self.sums.sum()
        return None if overall == 0 else min(1.0, float(self.top_sums([share])[0] / overall))

    def decile_rates(self) -> list[float | None]:
        """How often it happened in each tenth of the customers, the highest first; None where there are no customers."""
        customers = self.sizes.sum()
        if not customers:
            return [None] * DECILES
        sums = self.top_sums([number / DECILES for number in range(DECILES + 1)])
        # Differences of sums: in the last place they may be beyond what they stand for.
        return [float(rate) for rate in np.clip(np.diff(sums) / (customers / DECILES), 0.0, 1.0)]


def weighted_auc(positives: Floats, negatives: Floats) -> float | None:
    """The area under the ROC curve from the numbers of both kinds per group, the highest group first."""
    total = positives.sum() * negatives.sum()
    if total == 0:
        return None
    below = negatives.sum() - np.cumsum(negatives)
    return min(1.0, float((positives * (below + negatives / 2)).sum() / total))


def falls_throughout(rates: list[float | None]) -> bool | None:
    """Whether no decile does better than the one above it; None where there are none."""
    known = [rate for rate in rates if rate is not None]
    if not known:
        return None
    return all(later <= earlier + 1e-12 for earlier, later in itertools.pairwise(known))


def rank_correlation(one: Ranking, other: Ranking) -> float | None:
    """Spearman's correlation, equal values sharing their mean rank; None where either has fewer than two different values."""
    if min(len(one.sizes), len(other.sizes)) < 2:
        return None
    centred = [each.mean_ranks() - (len(each.group) + 1) / 2 for each in (one, other)]
    # Not `@`: its threads would add up in an order that depends on their number.
    products = [np.einsum("i,i->", a, b) for a, b in ((centred[0], centred[1]), *zip(centred, centred, strict=True))]
    return float(np.clip(products[0] / np.sqrt(products[1] * products[2]), -1.0, 1.0))


#: Numbers that are resampled at a time: so many stay in a core's cache.
_BLOCK = 1 << 16


def bootstrap_auc(judged: Mapping[K, tuple[Ranking, Values]], *, resamples: int, seed: int) -> dict[K, Floats]:
    """The area under the ROC curve of each ranking in resamples of the customers, the same customers for all.

    `judged` has rankings with what happened (1 or 0), all of the same customers. NaN where a resample has only one kind left.
    """
    customers = len(next(iter(judged.values()))[1]) if judged else 0
    found = {name: np.full(resamples, np.nan) for name in judged}
    if not customers:
        return found
    placed = {name: _Placed.of(*pair) for name, pair in judged.items()}
    generator = np.random.default_rng(seed)
    rows = max(1, _BLOCK // customers)
    for first in range(0, resamples, rows):
        height = min(rows, resamples - first)
        drawn = generator.integers(0, customers, (height, customers)) + customers * np.arange(height)[:, None]
        counts = np.bincount(drawn.ravel(), minlength=height * customers).astype(float).reshape(height, customers)
        for name, places in placed.items():
            found[name][first : first + height] = places.areas(counts)
    return found


@dataclass(frozen=True)
class _Placed:
    """The two kinds of customers by rank, and for each of the one kind how many of the other rank above, and no lower.

    Nothing of it depends on how often a customer counts: no resample is sorted.
    """

    positives: NDArray[np.intp]
    negatives: NDArray[np.intp]
    above: NDArray[np.intp]
    no_lower: NDArray[np.intp] | None  # None without ties, where it is the same

    @classmethod
    def of(cls, ranking: Ranking, happened: Values) -> _Placed:
        order = np.argsort(ranking.group)
        is_positive = happened[order] > 0
        positives, negatives = order[is_positive], order[~is_positive]
        up_to = np.append(0, np.cumsum(np.bincount(ranking.group[negatives], minlength=len(ranking.sizes))))
        group = ranking.group[positives]
        above, no_lower = up_to[group], up_to[group + 1]
        tied = not np.array_equal(above, no_lower)
        return cls(positives, negatives, above, no_lower if tied else None)

    def areas(self, counts: Floats) -> Floats:
        """The area where customers count so often: a row per resample."""
        positives = counts.take(self.positives, axis=1)
        up_to = np.zeros((len(counts), len(self.negatives) + 1))
        np.cumsum(counts.take(self.negatives, axis=1), axis=1, out=up_to[:, 1:])
        passed = up_to.take(self.above, axis=1)
        if self.no_lower is not None:
            passed = (passed + up_to.take(self.no_lower, axis=1)) / 2
        total = positives.sum(axis=1) * up_to[:, -1]
        behind = total - np.einsum("ij,ij->i", positives, passed)
        return np.divide(behind, total, out=np.full(len(total), np.nan), where=total > 0)


def interval(values: Floats) -> tuple[float, float] | tuple[None, None]:
    """The middle 95 % of resampled values, NaN left out; None twice for too few of them."""
    known = values[~np.isnan(values)]
    if len(known) < 20:
        return None, None
    low, high = np.percentile(known, [2.5, 97.5])
    return float(low), float(high)
