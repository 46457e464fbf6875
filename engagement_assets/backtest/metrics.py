"""How well a number orders customers by what they did afterwards. Plain numpy; ties are never broken by chance.

Equal values form a group. Whoever has to choose among them is taken to choose by lot, and the figure is the mean over all
draws; areas are as scikit-learn computes them.
"""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

DECILES = 10

K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True)
class Ranking:
    """Customers from the highest value to the lowest, and where each group of equal values begins."""

    order: NDArray[np.intp]
    starts: NDArray[np.intp]

    @classmethod
    def of(cls, values: Floats) -> Ranking:
        """Rank by a number, the highest first. Raises ValueError for a value that is no number."""
        if np.isnan(values).any():
            raise ValueError("a ranking needs a number for every customer")
        order = np.argsort(-values, kind="stable")
        ordered = values[order]
        is_start = np.ones(len(ordered), dtype=bool)
        is_start[1:] = ordered[1:] != ordered[:-1]
        return cls(order, np.flatnonzero(is_start))

    def group_sums(self, amounts: Floats) -> Floats:
        """Sums of an amount per group of equal values, the highest group first."""
        if not len(self.starts):
            return np.zeros(0)
        return np.add.reduceat(amounts[self.order].astype(float), self.starts)

    def mean_ranks(self) -> Floats:
        """The place of each customer from the top, 1 for the first; equal values share the mean of theirs."""
        sizes = self.sizes()
        ranks = np.empty(len(self.order))
        ranks[self.order] = np.repeat(np.cumsum(sizes) - (sizes - 1) / 2, sizes.astype(int))
        return ranks

    def sizes(self) -> Floats:
        """Customers per group of equal values."""
        return np.diff(np.append(self.starts, len(self.order))).astype(float)


def auc(ranking: Ranking, happened: Floats) -> float | None:
    """The chance that a customer to whom it happened ranks above one to whom it did not; None where there is only one kind.

    `happened` is 1 or 0 per customer, or how often a resample drew a customer to whom it happened.
    """
    return weighted_auc(ranking.group_sums(happened), ranking.group_sums(1.0 - happened))


def weighted_auc(positives: Floats, negatives: Floats) -> float | None:
    """The area under the ROC curve from the numbers of both kinds per group, the highest group first."""
    total = positives.sum() * negatives.sum()
    if total == 0:
        return None
    below = negatives.sum() - np.cumsum(negatives)
    return min(1.0, float((positives * (below + negatives / 2)).sum() / total))


def average_precision(ranking: Ranking, happened: Floats) -> float | None:
    """The mean precision over the steps of recall; None where it happened to nobody."""
    hits, sizes = ranking.group_sums(happened), ranking.sizes()
    if hits.sum() == 0:
        return None
    precision = np.cumsum(hits) / np.cumsum(sizes)
    return min(1.0, float((precision * hits).sum() / hits.sum()))


def top_sums(ranking: Ranking, amounts: Floats, shares: Sequence[float]) -> Floats:
    """Sums of an amount over the top shares of customers; of the group at the edge, the part that fits."""
    customers = np.append(0.0, np.cumsum(ranking.sizes()))
    sums = np.append(0.0, np.cumsum(ranking.group_sums(amounts)))
    return np.interp(np.asarray(shares) * len(ranking.order), customers, sums)


def lift(ranking: Ranking, happened: Floats, share: float = 0.1) -> float | None:
    """How many times more often it happened in the top share than overall; None where it happened to nobody."""
    overall = happened.sum()
    return None if overall == 0 else float(top_sums(ranking, happened, [share])[0] / (share * overall))


def share_of_amount(ranking: Ranking, amounts: Floats, share: float = 0.1) -> float | None:
    """The share of an amount that the top share of customers accounts for; None where there is none."""
    overall = amounts.sum()
    return None if overall == 0 else min(1.0, float(top_sums(ranking, amounts, [share])[0] / overall))


def decile_rates(ranking: Ranking, happened: Floats) -> list[float | None]:
    """How often it happened in each tenth of the customers, the highest tenth first; None where there are no customers."""
    customers = len(ranking.order)
    if not customers:
        return [None] * DECILES
    sums = top_sums(ranking, happened, [number / DECILES for number in range(DECILES + 1)])
    # Differences of sums: in the last place they may be beyond what they stand for.
    return [float(rate) for rate in np.clip(np.diff(sums) / (customers / DECILES), 0.0, 1.0)]


def falls_throughout(rates: list[float | None]) -> bool | None:
    """Whether no decile does better than the one above it; None where there are none."""
    known = [rate for rate in rates if rate is not None]
    if not known:
        return None
    return all(later <= earlier + 1e-12 for earlier, later in itertools.pairwise(known))


def rank_correlation(one: Floats, other: Floats) -> float | None:
    """Spearman's correlation, equal values sharing their mean rank; None where either has fewer than two different values."""
    ranks = [Ranking.of(values).mean_ranks() for values in (one, other)]
    centred = [each - each.mean() if len(each) else each for each in ranks]
    squares = [float((each**2).sum()) for each in centred]
    if not all(squares):
        return None
    return float(np.clip((centred[0] * centred[1]).sum() / np.sqrt(squares[0] * squares[1]), -1.0, 1.0))


@dataclass(frozen=True)
class Interval:
    """The middle 95 % of a resampled figure."""

    low: float
    high: float


#: Numbers that are resampled at a time: so many stay in a core's cache.
_BLOCK = 1 << 16


def bootstrap_auc(judged: Mapping[K, tuple[Ranking, Floats]], *, resamples: int, seed: int) -> dict[K, Floats]:
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
    def of(cls, ranking: Ranking, happened: Floats) -> _Placed:
        is_positive = happened[ranking.order] > 0
        negatives_before = np.append(0, np.cumsum(~is_positive))
        ends = np.append(ranking.starts[1:], len(ranking.order))
        group = np.repeat(np.arange(len(ends)), ends - ranking.starts)[is_positive]
        above, no_lower = negatives_before[ranking.starts[group]], negatives_before[ends[group]]
        tied = not np.array_equal(above, no_lower)
        return cls(ranking.order[is_positive], ranking.order[~is_positive], above, no_lower if tied else None)

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


def interval(values: Floats) -> Interval | None:
    """The percentile interval of resampled values, NaN left out; None for too few of them."""
    known = values[~np.isnan(values)]
    if len(known) < 20:
        return None
    low, high = np.percentile(known, [2.5, 97.5])
    return Interval(float(low), float(high))
