"""Statistics of an experiment with two arms: intervals, what allows for several looks, how many customers it takes.

Newcombe, "Interval estimation for the difference between independent proportions", Statistics in Medicine 17 (1998), method 10;
Welch, "The generalization of Student's problem", Biometrika 34 (1947); Holm, "A simple sequentially rejective multiple test
procedure", Scandinavian Journal of Statistics 6 (1979). Differences are the first arm less the second.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from statistics import NormalDist

#: Intervals hold the truth this often, and an uplift that is there is seen this often once there are customers enough.
LEVEL = 0.95
POWER = 0.8

_NORMAL = NormalDist()

#: From so many degrees of freedom on, Student's quantile is a short series about the normal one, exact to 1e-9 at any level that
#: occurs; from a few on it is near that series.
_MANY_DEGREES, _SOME_DEGREES = 1_000, 10

_MOST_STEPS = 100


@dataclass(frozen=True)
class Interval:
    """A difference and the interval around it."""

    difference: float
    low: float
    high: float

    def times(self, factor: float) -> Interval:
        """The same in other units."""
        return Interval(self.difference * factor, self.low * factor, self.high * factor)


@dataclass(frozen=True)
class Moments:
    """Values of the customers of an arm: how many, their mean, their variance (divided by one less; None of fewer than two)."""

    number: int
    mean: float
    variance: float | None

    @classmethod
    def of(cls, number: int, total: Fraction | int, squares: Fraction | int, parts: int = 1) -> Moments | None:
        """From the exact sums of the values and of their squares, counted in such parts of a unit; None of nobody."""
        if not number:
            return None
        # Of whole numbers nothing is rounded but the last quotient.
        spread = squares * parts * number - total**2
        variance = float(spread / (parts**2 * number * (number - 1))) if number > 1 else None
        return cls(number, float(total / (parts * number)), variance)


def wilson(successes: int, number: int, level: float = LEVEL) -> tuple[float, float]:
    """Wilson's interval of a share."""
    z = _normal_quantile(level)
    share, weight = successes / number, z * z / number
    middle = (share + weight / 2) / (1 + weight)
    half = z / (1 + weight) * math.sqrt(share * (1 - share) / number + weight / (4 * number))
    return middle - half, middle + half


def newcombe(one: int, of_one: int, other: int, of_other: int, level: float = LEVEL) -> Interval:
    """The difference of two shares, `one` of `of_one` and `other` of `of_other`, with Newcombe's interval."""
    share, other_share = one / of_one, other / of_other
    low, high = wilson(one, of_one, level)
    other_low, other_high = wilson(other, of_other, level)
    difference = share - other_share
    return Interval(
        difference,
        difference - math.hypot(share - low, other_high - other_share),
        difference + math.hypot(high - share, other_share - other_low),
    )


def p_value(one: int, of_one: int, other: int, of_other: int) -> float:
    """How often shares differ so much by lot: the score test with one share for both arms."""
    pooled = (one + other) / (of_one + of_other)
    spread = pooled * (1 - pooled) * (1 / of_one + 1 / of_other)
    return math.erfc(abs(one / of_one - other / of_other) / math.sqrt(2 * spread)) if spread else 1.0


def welch(one: Moments | None, other: Moments | None, level: float = LEVEL) -> Interval | None:
    """The difference of two means with Welch's interval; None where fewer than two in an arm, or all alike, say nothing of it."""
    if one is None or other is None or one.variance is None or other.variance is None:
        return None
    parts = one.variance / one.number, other.variance / other.number
    error = math.sqrt(sum(parts))
    if not error:
        return None
    degrees = sum(parts) ** 2 / (parts[0] ** 2 / (one.number - 1) + parts[1] ** 2 / (other.number - 1))
    half = student_quantile(level, degrees) * error
    difference = one.mean - other.mean
    return Interval(difference, difference - half, difference + half)


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's adjusted p-values, in the order of those given: below 0.05 is an effect, however many looks there are."""
    adjusted, highest = [0.0] * len(p_values), 0.0
    for rank, place in enumerate(_rising(p_values)):
        highest = max(highest, min(1.0, p_values[place] * (len(p_values) - rank)))
        adjusted[place] = highest
    return adjusted


def holm_levels(p_values: Sequence[float], level: float = LEVEL) -> list[float]:
    """The level of each interval that allows for the other looks: that of Holm's step, or of the step at which he stops."""
    levels, left = [0.0] * len(p_values), len(p_values)
    for rank, place in enumerate(_rising(p_values)):
        levels[place] = 1 - (1 - level) / left
        if p_values[place] * left <= 1 - level:
            left = len(p_values) - rank - 1
        # A step that is not taken ends the procedure: those after it keep its level.
    return levels


def customers_needed(share: float, uplift: float, held_out_share: float) -> int | None:
    """Customers of both arms it takes to see that a share rises by `uplift`; None where it cannot rise so far.

    Two-sided at `LEVEL`, seen with `POWER`; the normal approximation with pooled variance under no effect.
    """
    if not 0 < held_out_share < 1 or not 0 <= share <= 1 - uplift:
        return None
    treated_share = 1 - held_out_share
    risen = share + uplift
    pooled = treated_share * risen + held_out_share * share
    by_lot = pooled * (1 - pooled) * (1 + treated_share / held_out_share)
    with_effect = risen * (1 - risen) + share * (1 - share) * treated_share / held_out_share
    z = _normal_quantile(LEVEL) * math.sqrt(by_lot) + _NORMAL.inv_cdf(POWER) * math.sqrt(with_effect)
    return math.ceil((z / uplift) ** 2 / treated_share)


def student_quantile(level: float, degrees: float) -> float:
    """How many standard errors on each side an interval of means reaches: Student's quantile at (1 + level) / 2."""
    z = _normal_quantile(level)
    # Abramowitz and Stegun 26.7.5.
    near = (
        z
        + (z**3 + z) / (4 * degrees)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * degrees**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * degrees**3)
    )
    if degrees >= _MANY_DEGREES:
        return near
    # Newton's way: the tail is convex and the normal quantile is short of the other, so that it never goes too far. A step leaves
    # about the square of its length.
    scale = math.lgamma((degrees + 1) / 2) - math.lgamma(degrees / 2) - math.log(degrees * math.pi) / 2
    t = near if degrees >= _SOME_DEGREES else z
    for _ in range(_MOST_STEPS):
        density = 2 * math.exp(scale - (degrees + 1) / 2 * math.log1p(t * t / degrees))
        step = (_beyond(t, degrees) - (1 - level)) / density
        t += step
        if abs(step) <= 1e-8 * t:
            break
    return t


def _beyond(t: float, degrees: float) -> float:
    """How often Student's t is beyond `t` on either side: the regularised incomplete beta function."""
    return _incomplete_beta(degrees / (degrees + t * t), degrees / 2, 0.5)


def _incomplete_beta(x: float, a: float, b: float) -> float:
    if x in (0.0, 1.0):
        return x
    if x > (a + 1) / (a + b + 2):
        return 1 - _incomplete_beta(1 - x, b, a)
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)) / a
    # Lentz's way through the continued fraction, Abramowitz and Stegun 26.5.8.
    c, d = 1.0, 1 / (1 - (a + b) * x / (a + 1))
    fraction = d
    for m in range(1, 10_000):
        for step in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1 / (1 + step * d)
            c = 1 + step / c
            fraction *= c * d
        if abs(c * d - 1) < 1e-15:
            break
    return front * fraction


def _normal_quantile(level: float) -> float:
    return _NORMAL.inv_cdf((1 + level) / 2)


def _rising(p_values: Sequence[float]) -> list[int]:
    return sorted(range(len(p_values)), key=p_values.__getitem__)
