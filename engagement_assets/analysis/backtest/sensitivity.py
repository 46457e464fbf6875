"""How much ranking and segments depend on the weights of the score, and which weights the past would have wanted.

The weights are tried over a grid: each part at least 10 %, in steps of 10 %, adding up to 1. These are the reasonable weightings;
of three parts there are 36.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engagement_assets.analysis.backtest.evaluation import known_horizons
from engagement_assets.analysis.backtest.metrics import Floats, Ranking
from engagement_assets.domain.contracts import EngagementScores, RawOrders
from engagement_assets.domain.contracts.engagement import SEGMENTS
from engagement_assets.domain.days import as_date, days_between
from engagement_assets.domain.score_parts import PARTS
from engagement_assets.domain.scoring_policy import ScoringPolicy
from engagement_assets.lake.reading import opened
from engagement_assets.lake.tables import LakeResource

_STEPS = 10

#: The number of the segment High.
_HIGH = 3

#: A weight for each part of the score.
Weights = tuple[float, ...]

_COMPONENTS = ", ".join(part.score for part in PARTS)


def grid() -> list[Weights]:
    """The reasonable weightings of the parts."""
    tenths = product(range(1, _STEPS), repeat=len(PARTS))
    return [tuple(tenth / _STEPS for tenth in each) for each in tenths if sum(each) == _STEPS]


@dataclass(frozen=True)
class Sensitivity:
    """What other weights would change in a snapshot; shares are of its customers."""

    customers: int
    weightings: int
    #: Mean share of customers whose segment a weighting changes, and the most that one does.
    mean_flips: float
    most_flips: float
    most_flips_weights: Weights
    #: Customers whose segment is the same under every weighting; those who are High under every one, and under some.
    always_the_same: int
    always_high: int
    ever_high: int
    #: Percentile points between a customer's lowest and highest rank: the median and the 95th percentile over customers.
    median_rank_range: float
    wide_rank_range: float


def segments(score: Floats, policy: ScoringPolicy) -> NDArray[np.int64]:
    """0 At Risk, 1 Low, 2 Medium, 3 High, by the fixed thresholds."""
    limits = np.array([policy.low_threshold, policy.medium_threshold, policy.high_threshold])
    return np.searchsorted(limits, score, side="right")


def rank_percentiles(score: Floats) -> Floats:
    """Percent of customers with this score or a lower one."""
    ordered = np.sort(score)
    return 100.0 * np.searchsorted(ordered, score, side="right") / max(1, len(score))


@dataclass(frozen=True)
class Tried:
    """What every weighting says of each customer of a snapshot; arrays in the customers' order."""

    score: Floats
    #: 0 At Risk to 3 High: with the weights of the settings, the lowest and the highest of all weightings.
    segment: NDArray[np.int64]
    lowest_segment: NDArray[np.int64]
    highest_segment: NDArray[np.int64]
    #: Percent of customers with this score or a lower one: the lowest and the highest of all weightings.
    lowest_percentile: Floats
    highest_percentile: Floats
    #: Weightings under which the customer is High.
    weightings_high: NDArray[np.int64]
    #: Share of customers whose segment a weighting changes, in the order of `grid`.
    flips: tuple[float, ...]

    @property
    def always_high(self) -> NDArray[np.bool_]:
        """Who is High under every weighting."""
        return self.lowest_segment == _HIGH


def try_weightings(parts: Floats, policy: ScoringPolicy) -> Tried:
    """Score, rank and segment of every customer under every weighting of the component scores (customers by parts)."""
    customers = len(parts)
    score = _score(parts, weights_of(policy))
    usual = segments(score, policy)
    low, high = np.full(customers, _HIGH + 1, dtype=np.int64), np.full(customers, -1, dtype=np.int64)
    bottom, top = np.full(customers, np.inf), np.full(customers, -np.inf)
    times_high = np.zeros(customers, dtype=np.int64)
    flips = []
    for weights in grid():
        other = _score(parts, weights)
        segment, rank = segments(other, policy), rank_percentiles(other)
        flips.append(float((segment != usual).mean()) if customers else 0.0)
        low, high = np.minimum(low, segment), np.maximum(high, segment)
        bottom, top = np.minimum(bottom, rank), np.maximum(top, rank)
        times_high += segment == _HIGH
    return Tried(score, usual, low, high, bottom, top, times_high, tuple(flips))


def summary(tried: Tried) -> Sensitivity | None:
    """What the weightings change over all customers; None without customers."""
    if not len(tried.score):
        return None
    most = int(np.argmax(tried.flips))
    spread = tried.highest_percentile - tried.lowest_percentile
    return Sensitivity(
        customers=len(tried.score),
        weightings=len(tried.flips),
        mean_flips=float(np.mean(tried.flips)),
        most_flips=tried.flips[most],
        most_flips_weights=grid()[most],
        always_the_same=int((tried.highest_segment == tried.lowest_segment).sum()),
        always_high=int(tried.always_high.sum()),
        ever_high=int((tried.highest_segment == _HIGH).sum()),
        median_rank_range=float(np.median(spread)),
        wide_rank_range=float(np.percentile(spread, 95)),
    )


#: The file of `engagement sensitivity --csv`, in the export folder.
RANGES_FILE = "sensitivity.csv"

#: Columns of `customer_rows`: after the first, what `Tried` has.
RANGE_COLUMNS = (
    "customer_id",
    "score",
    "segment",
    "lowest_percentile",
    "highest_percentile",
    "lowest_segment",
    "highest_segment",
    "weightings_high",
    "always_high",
)


def customer_rows(customers: Sequence[str], tried: Tried, always_high: int | None = None) -> list[dict[str, Any]]:
    """A row per customer, those whose lowest rank is highest first: rank and segment under every reasonable weighting.

    `always_high`: only so many of those who are High under every weighting.
    """
    order = np.lexsort((np.arange(len(customers)), -tried.score, -tried.lowest_percentile))
    if always_high is not None:
        order = order[tried.always_high[order]][:always_high]
    names = np.array(SEGMENTS[::-1], dtype=object)
    columns = [np.array(customers, dtype=object)]
    for column in RANGE_COLUMNS[1:]:
        values = getattr(tried, column)
        columns.append(names[values] if column.endswith("segment") else values)
    rows = zip(*(values[order].tolist() for values in columns), strict=True)
    return [dict(zip(RANGE_COLUMNS, row, strict=True)) for row in rows]


def weights_of(policy: ScoringPolicy) -> Weights:
    """The weights of the settings."""
    return tuple(policy.weight(part) for part in PARTS)


def _score(parts: Floats, weights: Weights) -> Floats:
    # Rounded beyond any meaning, so that a score that is a threshold in decimals is one in binary too.
    return np.round(parts @ np.array(weights), 12)


def component_scores(lake: LakeResource, day: str) -> tuple[list[str], Floats]:
    """Every customer of a snapshot, and their component scores. Raises NotPublishedError."""
    lake.require(EngagementScores, [day])
    with opened(lake, {EngagementScores: [day]}) as connection:
        found = connection.execute(
            f"SELECT customer_id, {_COMPONENTS} FROM engagement_scores ORDER BY customer_id"
        ).fetchnumpy()
    customers = [str(name) for name in found.pop("customer_id")]
    return customers, np.column_stack([np.asarray(values, dtype=float) for values in found.values()])


# ---- weights that the past would have wanted -------------------------------------------------------------------------


@dataclass(frozen=True)
class Past:
    """A snapshot whose future is known: component scores of its buyers, and whether they ordered again."""

    parts: Floats
    happened: Floats


@dataclass(frozen=True)
class Suggestion:
    """Weights that did best on the past, and what choosing like that would have gained on snapshots it had not seen.

    A suggestion only: `walk_forward_gain` is what counts. It is the mean of AUC with weights chosen on earlier snapshots less
    AUC with the weights of the settings; None with too few snapshots.
    """

    weights: Weights
    auc: float
    usual_auc: float
    snapshots: int
    walk_forward_gain: float | None

    def in_words(self) -> str:
        """The suggestion with its warning."""
        weights = " / ".join(f"{100 * weight:.0f}" for weight in self.weights)
        seen = f"did best on the {self.snapshots} snapshot(s) looked at (mean AUC {self.auc:.3f} against {self.usual_auc:.3f})"
        if self.walk_forward_gain is None:
            return f"A suggestion, not tried on other snapshots: weights {weights} {seen}. More history is needed to trust it."
        if self.walk_forward_gain <= 0.002:
            return (
                f"No better weights are suggested: {weights} {seen}, but weights chosen like that gained "
                f"{self.walk_forward_gain:+.3f} on later snapshots."
            )
        return (
            f"A suggestion: weights {weights} {seen}; weights chosen on earlier snapshots gained "
            f"{self.walk_forward_gain:+.3f} on later ones."
        )


def past_snapshots(lake: LakeResource, days: Sequence[str], horizon: int) -> list[Past]:
    """The snapshots among `days` over which the horizon is over, in their order."""
    published = lake.partitions(RawOrders)
    if not published:
        return []
    last = as_date(max(published))
    found = []
    for day in (day for day in days if horizon in known_horizons(as_date(day), last)):
        after = days_between(as_date(day), as_date(day) + timedelta(days=horizon))[1:]
        lake.require(RawOrders, after)
        with opened(lake, {EngagementScores: [day], RawOrders: after}) as connection:
            columns = connection.execute(
                f"SELECT (customer_id IN (SELECT customer_id FROM raw_orders))::DOUBLE AS happened, {_COMPONENTS} "
                "FROM engagement_scores WHERE total_orders > 0 ORDER BY customer_id"
            ).fetchnumpy()
        happened, *parts = (np.asarray(values, dtype=float) for values in columns.values())
        found.append(Past(np.column_stack(parts), happened))
    return found


def suggest_weights(past: Sequence[Past], policy: ScoringPolicy) -> Suggestion | None:
    """Weights by the mean AUC over past snapshots, walked forward: each snapshot is judged by weights chosen before it.

    None if no snapshot has buyers of both kinds.
    """
    choices = grid()
    table = []  # snapshots by weightings, the settings' own last
    for each in past:
        areas = [Ranking.of(_score(each.parts, w)).sums(each.happened).auc() for w in (*choices, weights_of(policy))]
        known = [area for area in areas if area is not None]
        if len(known) == len(areas):
            table.append(known)
    if not table:
        return None
    found = np.array(table)
    means = found[:, :-1].mean(axis=0)
    best = int(np.argmax(means))
    gains = []
    for number in range(1, len(found)):
        chosen = int(np.argmax(found[:number, :-1].mean(axis=0)))
        gains.append(found[number, chosen] - found[number, -1])
    return Suggestion(
        weights=choices[best],
        auc=float(means[best]),
        usual_auc=float(found[:, -1].mean()),
        snapshots=len(found),
        walk_forward_gain=float(np.mean(gains)) if len(gains) >= 2 else None,
    )
