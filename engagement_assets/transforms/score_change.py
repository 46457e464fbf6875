"""The exact arithmetic of a score's change: what the customer did, what passing days did, what others did to the scale.

Plain arithmetic, so that it is the same for PySpark columns (every customer of a day) and for numbers (one customer on the
command line or in the dashboard).

The score is a sum of weighted measures, each on the scale that the smallest and the largest value of a snapshot span. Two
things move a measure's score: the customer's own value, and the scale. What came first is not known, so each is counted as the
mean of both orders (the Shapley value): swapping the two dates turns every sign round, and nothing is left over.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Any

from engagement_assets.domain.score_parts import CHANGES, PARTS, ScoredMeasure
from engagement_assets.domain.scoring_policy import ScoringPolicy

#: A number, or a PySpark column of numbers.
Number = Any


@dataclass(frozen=True)
class Standing:
    """Where a customer stands in a snapshot by one measure.

    `value` is on the scale it is scored on; who has none has `has_value` 0 (else 1) and `value` 0. `low` is the smallest value of
    the snapshot, `per_unit` is one by the width of its range (0 where all are equal).
    """

    value: Number
    low: Number
    per_unit: Number
    has_value: Number = 1.0


#: The standings of a customer in a snapshot, by the names of the measures.
Standings = Mapping[str, Standing]


@dataclass(frozen=True)
class ScoreChange:
    """A difference of scores in amounts that add up to it, in units of the score, by their columns in segment_changes."""

    amounts: Mapping[str, Number]

    @property
    def ageing(self) -> Number:
        """What passing days did."""
        return self._sum(CHANGES["ageing"])

    @property
    def behaviour(self) -> Number:
        """What the customer did, or did less than before."""
        return self._sum(CHANGES["behaviour"])

    @property
    def rescaling(self) -> Number:
        """What others did to the scale."""
        return self._sum(CHANGES["rescaling"])

    @property
    def total(self) -> Number:
        """The whole difference."""
        return self.ageing + self.behaviour + self.rescaling

    def _sum(self, columns: Iterable[str]) -> Number:
        return reduce(add, (self.amounts[name] for name in columns))


def _scored(measure: ScoredMeasure, who: Standing, scale: Standing, weight: float) -> Number:
    """The weighted score of a customer on the scale of a snapshot."""
    height = (who.value - scale.low) * scale.per_unit
    return weight * who.has_value * (1.0 - height if measure.lower_is_better else height)


def _split(measure: ScoredMeasure, before: Standing, now: Standing, days: Number, weight: float) -> dict[str, Number]:
    """What each kind of cause did to a measure's weighted score."""
    mean_unit = (before.per_unit + now.per_unit) / 2.0
    towards = -1.0 * weight if measure.lower_is_better else weight

    def scored(who: Standing, scale: Standing) -> Number:
        return _scored(measure, who, scale, weight)

    found = {
        "rescaling": ((scored(before, now) - scored(before, before)) + (scored(now, now) - scored(now, before))) / 2.0
    }
    if measure.may_be_missing:
        found["behaviour"] = (
            (scored(now, before) - scored(before, before)) + (scored(now, now) - scored(before, now))
        ) / 2.0
    else:
        found["behaviour"] = towards * ((now.value - before.value) * mean_unit)
    if "ageing" in measure.causes:
        found["ageing"] = towards * before.has_value * days * mean_unit
        found["behaviour"] -= found["ageing"]
    return found


def split_change(before: Standings, now: Standings, days: Number, policy: ScoringPolicy) -> ScoreChange:
    """Split the difference of two scores of a customer, `days` days apart, into its causes.

    Their sum is the difference of the scores, up to rounding in the last place (below 1e-12).
    """
    return ScoreChange(
        {
            f"{measure.name}_{kind}": amount
            for measure, weight in _weights(policy)
            for kind, amount in _split(measure, before[measure.name], now[measure.name], days, weight).items()
        }
    )


def score_of(standings: Standings, policy: ScoringPolicy) -> Number:
    """The score of a customer who stands like that."""
    own = ((measure, standings[measure.name], weight) for measure, weight in _weights(policy))
    return reduce(add, (_scored(measure, standing, standing, weight) for measure, standing, weight in own))


def _weights(policy: ScoringPolicy) -> list[tuple[ScoredMeasure, float]]:
    """Each measure with its share of the score."""
    return [(measure, policy.weight(part) * policy.share(measure)) for part in PARTS for measure in part.measures]
