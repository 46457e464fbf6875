"""What a rule says of each day, and of a run of many days."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from engagement_assets.pipeline.checks.audited import Audited


@dataclass(frozen=True)
class Outcome:
    """The result of a rule for one day: violations by condition (all conditions, also those with 0), and more to show."""

    violations: Mapping[str, int]
    details: Mapping[str, Any] = field(default_factory=dict)
    #: Violations by what they are, such as the type of an event: name -> rows.
    counts: Mapping[str, int] = field(default_factory=dict)
    is_error: bool = True
    #: What else a person has to know who mends it, in words.
    remedy: str = ""

    @property
    def passed(self) -> bool:
        """Whether no condition was violated."""
        return not any(self.violations.values())


@dataclass(frozen=True)
class Rule:
    """A named rule of an asset: `blocking` ones decide whether a day is published.

    With `of_run` its result is told once per run, made of the outcomes of its days: what is true of a reading of a source is no
    matter of single days. Without, it is told per day.
    """

    name: str
    description: str
    blocking: bool
    evaluate: Callable[[Audited], dict[str, Outcome]]
    conditions: tuple[str, ...] = ()
    of_run: Callable[[Mapping[str, Outcome]], Outcome] | None = None
    #: It tells by name what the contract says too: a day that breaks it is kept back by the contract.
    repeats: bool = False


def any_of(outcomes: Mapping[str, Outcome]) -> Outcome:
    """The outcome of days that all have the same."""
    return next(iter(outcomes.values()))


def last_of(outcomes: Mapping[str, Outcome]) -> Outcome:
    """The outcome of the latest day: snapshots repeat what earlier ones have."""
    return outcomes[max(outcomes)]


def all_of(outcomes: Mapping[str, Outcome]) -> Outcome:
    """The outcomes of days as one: violations added up, and which days have any."""
    violations: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    for outcome in outcomes.values():
        violations.update(outcome.violations)
        counts.update(outcome.counts)
    bad = sorted(day for day, outcome in outcomes.items() if not outcome.passed)
    details = {"days": len(outcomes), "days_with_violations": len(bad)}
    return replace(
        any_of(outcomes),
        violations=violations,
        counts=counts,
        details={**details, **({"first_day": bad[0], "last_day": bad[-1]} if bad else {})},
    )
