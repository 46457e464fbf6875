"""How well a number orders customers by what they did afterwards. Plain numpy; ties are never broken by chance.

Equal values form a group. Whoever has to choose among them is taken to choose by lot, and the figure is the mean over all
draws; areas are as scikit-learn computes them.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

DECILES = 10


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


def top_sum(ranking: Ranking, amounts: Floats, share: float) -> float:
    """The sum of an amount over the top share of customers; of the group at the edge, the part that fits."""
    wanted = share * len(ranking.order)
    sizes, sums = ranking.sizes(), ranking.group_sums(amounts)
    before = np.cumsum(sizes) - sizes
    taken = np.clip((wanted - before) / sizes, 0.0, 1.0)
    return float((sums * taken).sum())


def lift(ranking: Ranking, happened: Floats, share: float = 0.1) -> float | None:
    """How many times more often it happened in the top share than overall; None where it happened to nobody."""
    overall = happened.sum()
    return None if overall == 0 else top_sum(ranking, happened, share) / (share * overall)


def share_of_amount(ranking: Ranking, amounts: Floats, share: float = 0.1) -> float | None:
    """The share of an amount that the top share of customers accounts for; None where there is none."""
    overall = amounts.sum()
    return None if overall == 0 else min(1.0, top_sum(ranking, amounts, share) / float(overall))


def decile_rates(ranking: Ranking, happened: Floats) -> list[float | None]:
    """How often it happened in each tenth of the customers, the highest tenth first; None where there are no customers."""
    customers = len(ranking.order)
    if not customers:
        return [None] * DECILES
    sums = [0.0, *(top_sum(ranking, happened, (number + 1) / DECILES) for number in range(DECILES))]
    # Differences of sums: in the last place they may be beyond what they stand for.
    return [min(1.0, max(0.0, (sums[n + 1] - sums[n]) / (customers / DECILES))) for n in range(DECILES)]


def falls_throughout(rates: list[float | None]) -> bool | None:
    """Whether no decile does better than the one above it; None where there are none."""
    known = [rate for rate in rates if rate is not None]
    if not known:
        return None
    return all(later <= earlier + 1e-12 for earlier, later in itertools.pairwise(known))


@dataclass(frozen=True)
class Interval:
    """The middle 95 % of a resampled figure."""

    low: float
    high: float


def bootstrap_auc(
    rankings: dict[str, Ranking], happened: Floats, *, resamples: int, seed: int
) -> dict[str, list[float]]:
    """The area under the ROC curve of each ranking in resamples of the customers, the same customers for all.

    Resamples in which only one kind of customer is left are passed over.
    """
    generator = np.random.default_rng(seed)
    found: dict[str, list[float]] = {name: [] for name in rankings}
    customers = len(happened)
    for _ in range(resamples):
        drawn = np.bincount(generator.integers(0, customers, customers), minlength=customers).astype(float)
        positives, negatives = drawn * happened, drawn * (1.0 - happened)
        if positives.sum() == 0 or negatives.sum() == 0:
            continue
        for name, ranking in rankings.items():
            area = weighted_auc(ranking.group_sums(positives), ranking.group_sums(negatives))
            assert area is not None
            found[name].append(area)
    return found


def interval(values: list[float]) -> Interval | None:
    """The percentile interval of resampled values; None for too few of them."""
    if len(values) < 20:
        return None
    low, high = np.percentile(values, [2.5, 97.5])
    return Interval(float(low), float(high))
