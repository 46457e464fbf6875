"""The exact arithmetic of a score's change: what the customer did, what passing days did, what others did to the scale.

Plain arithmetic, so that it is the same for PySpark columns (every customer of a day) and for numbers (one customer on the
command line or in the dashboard).

The score is a sum of four weighted parts, each on the scale that the smallest and the largest value of a snapshot span. Two
things move a part: the customer's own value, and the scale. What came first is not known, so each is counted as the mean of
both orders (the Shapley value): swapping the two dates turns every sign round, and nothing is left over.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from engagement_assets.domain.scoring_policy import ScoringPolicy

#: A number, or a PySpark column of numbers.
Number = Any


@dataclass(frozen=True)
class Scale:
    """A measure's scale in a snapshot: its smallest value, and one by the width of its range (0 where all are equal)."""

    low: Number
    per_unit: Number


@dataclass(frozen=True)
class Standing:
    """A customer in a snapshot: the measures as they are scored, and the scales of that snapshot.

    `has_ordered` is 1 or 0; `recency_days` of one who has not is 0. `money` is revenue on the scale it is scored on.
    """

    has_ordered: Number
    recency_days: Number
    orders: Number
    sessions: Number
    money: Number
    recency_scale: Scale
    orders_scale: Scale
    sessions_scale: Scale
    money_scale: Scale


@dataclass(frozen=True)
class ScoreChange:
    """A difference of scores in nine parts that add up to it, in units of the score.

    Ageing is what the days alone did to the recency of the last order; behaviour what the customer's orders, sessions and
    revenue did; rescaling what moved because the smallest or largest value of the snapshot did.
    """

    recency_ageing: Number
    recency_behaviour: Number
    orders_behaviour: Number
    sessions_behaviour: Number
    monetary_behaviour: Number
    recency_rescaling: Number
    orders_rescaling: Number
    sessions_rescaling: Number
    monetary_rescaling: Number

    @property
    def ageing(self) -> Number:
        """What passing days did."""
        return self.recency_ageing

    @property
    def behaviour(self) -> Number:
        """What the customer did, or did less than before."""
        return self.recency_behaviour + self.orders_behaviour + self.sessions_behaviour + self.monetary_behaviour

    @property
    def rescaling(self) -> Number:
        """What others did to the scale."""
        return self.recency_rescaling + self.orders_rescaling + self.sessions_rescaling + self.monetary_rescaling

    @property
    def total(self) -> Number:
        """The whole difference."""
        return self.ageing + self.behaviour + self.rescaling


#: The parts by name, in their order.
PARTS = tuple(field.name for field in fields(ScoreChange))


def _recency(standing: Standing, scale: Scale, weight: float) -> Number:
    """The recency part of a score: its weight for an order on the day of the most recent one, 0 for never-buyers."""
    return weight * standing.has_ordered * (1.0 - (standing.recency_days - scale.low) * scale.per_unit)


def _value(value: Number, scale: Scale, weight: float) -> Number:
    return weight * ((value - scale.low) * scale.per_unit)


def split_change(before: Standing, now: Standing, days: Number, policy: ScoringPolicy) -> ScoreChange:
    """Split the difference of two scores of a customer, `days` days apart, into its parts.

    Their sum is the difference of the scores, up to rounding in the last place (below 1e-12).
    """
    old, new = before.recency_scale, now.recency_scale
    weight = policy.recency_weight
    mean_unit = (old.per_unit + new.per_unit) / 2.0
    ageing = -1.0 * weight * before.has_ordered * days * mean_unit
    own = (
        (_recency(now, old, weight) - _recency(before, old, weight))
        + (_recency(now, new, weight) - _recency(before, new, weight))
    ) / 2.0
    recency_rescaling = (
        (_recency(before, new, weight) - _recency(before, old, weight))
        + (_recency(now, new, weight) - _recency(now, old, weight))
    ) / 2.0

    def measure(value: Number, other: Number, old: Scale, new: Scale, weight: float) -> tuple[Number, Number]:
        behaviour = weight * ((other - value) * ((old.per_unit + new.per_unit) / 2.0))
        rescaling = (
            (_value(value, new, weight) - _value(value, old, weight))
            + (_value(other, new, weight) - _value(other, old, weight))
        ) / 2.0
        return behaviour, rescaling

    order_weight = policy.frequency_weight * policy.order_weight
    session_weight = policy.frequency_weight * policy.session_weight
    orders = measure(before.orders, now.orders, before.orders_scale, now.orders_scale, order_weight)
    sessions = measure(before.sessions, now.sessions, before.sessions_scale, now.sessions_scale, session_weight)
    money = measure(before.money, now.money, before.money_scale, now.money_scale, policy.monetary_weight)
    return ScoreChange(
        recency_ageing=ageing,
        recency_behaviour=own - ageing,
        orders_behaviour=orders[0],
        sessions_behaviour=sessions[0],
        monetary_behaviour=money[0],
        recency_rescaling=recency_rescaling,
        orders_rescaling=orders[1],
        sessions_rescaling=sessions[1],
        monetary_rescaling=money[1],
    )
