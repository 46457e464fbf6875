"""The rules: each looks at rows that are staged but not yet published, and counts violations per day.

A blocking rule keeps its bad days from being published; a warning is told and changes nothing. No result holds a row's
values: counts, the rule, and names of the product's own.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property, partial
from typing import Any

from pyspark.sql import DataFrame, Row
from pyspark.sql import functions as F

from engagement_assets.domain import verdicts
from engagement_assets.domain.contracts import (
    Contract,
    CustomerFeatures,
    EngagementScores,
    RawContacts,
    RawCustomers,
    RawOrders,
    RawWebEvents,
)
from engagement_assets.sources.source import RowWarning

_READABLE = "every source file can be read"

_FILES_NAMED = 10
_LABELS_NAMED = 20

#: A label that looks like a name may be shown; anything else could be somebody's data.
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.:-]{0,39}")


#: What the names of conditions begin with that only pandera finds fault with.
_FAULT = "pandera: "


def _one_row_per(contract: type[Contract]) -> str:
    """The name of the condition that a contract's key identifies its rows."""
    return f"one row per {', '.join(contract.key())}"


@dataclass(frozen=True)
class Audited:
    """What a rule gets to see: the rows of a write, the days it stands for, the rows each day has.

    `published` tells the rows of each published day of another table.
    """

    frame: DataFrame
    contract: type[Contract]
    days: Sequence[str]
    rows: Mapping[str, int]
    published: Callable[[type[Contract]], Mapping[str, int]] = lambda _: {}

    @cached_property
    def violations(self) -> dict[str, dict[str, int]]:
        """Violations of the contract per day and condition; looked for once, whichever rules tell of them."""
        return _violations(self)


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


# ---- the contract ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Named:
    """Conditions of a contract that are told by a rule of their own too: those that people monitor.

    `covers` tells by its name whether a condition is one of them. Of the rows of a source some were rejected, for `reasons`,
    before a condition could see them: the result tells their number.
    """

    name: str
    description: str
    covers: Callable[[str], bool]
    reasons: tuple[str, ...] = ()


_IDENTIFIERS = tuple(f"{name} is not null" for name in ("customer_id", "order_id"))


def _nulls(condition: str) -> bool:
    return condition.endswith(" is not null") or condition == "recency is known for buyers only"


_NO_NULL_IDENTIFIERS = Named(
    "no_null_identifiers",
    "No row without the identifiers it is known by. Such rows of the source are rejected; how many is told.",
    _IDENTIFIERS.__contains__,
    (verdicts.MISSING_CUSTOMER, verdicts.MISSING_ORDER),
)

#: Table -> the rules that tell conditions of its contract by name.
NAMED: dict[type[Contract], tuple[Named, ...]] = {
    RawCustomers: (_NO_NULL_IDENTIFIERS,),
    RawOrders: (
        _NO_NULL_IDENTIFIERS,
        Named(
            "no_negative_amounts",
            "No order with a negative amount. Such rows of the source are rejected; how many is told.",
            "order_amount >= 0".__eq__,
            (verdicts.NEGATIVE_AMOUNT,),
        ),
    ),
    **dict.fromkeys((RawWebEvents, RawContacts), (_NO_NULL_IDENTIFIERS,)),
    CustomerFeatures: (
        Named("one_row_per_customer", "No customer has two rows on a day.", _one_row_per(CustomerFeatures).__eq__),
        Named(
            "no_unexpected_nulls",
            "Columns hold a value unless being empty means something, as recency does for a customer who never ordered.",
            _nulls,
        ),
    ),
    EngagementScores: (
        Named(
            "scores_between_0_and_1",
            "The engagement score, the reference score and the scores of all parts are between 0 and 1.",
            lambda condition: condition.endswith("_score between 0 and 1"),
        ),
        Named(
            "contributions_add_up",
            "The contributions of the parts add up to the engagement score.",
            "contributions add up to the score".__eq__,
        ),
    ),
}


def contract_rules(contract: type[Contract], kept_out: Callable[[], Rejections]) -> list[Rule]:
    """The contract as a blocking rule: types, nulls, ranges, labels, row rules, one row per key; and what it says by name.

    The contract has a result per day, its rules by name have one per run. `kept_out` tells what was kept out of a source.
    """
    every = conditions(contract)
    what = f"; one row per {' and '.join(contract.key())}" if contract.key() else ""
    whole = (
        f"Every row keeps the contract of {contract.table()}: {len(contract.rules())} conditions on single rows{what}."
    )
    named = [(rule, tuple(filter(rule.covers, every))) for rule in NAMED.get(contract, ())]
    return [
        Rule(
            "contract",
            whole,
            True,
            lambda audited: {day: Outcome(found) for day, found in audited.violations.items()},
            every,
        ),
        *[
            Rule(
                rule.name,
                rule.description,
                True,
                partial(_of_conditions, covered),
                covered,
                _with_kept_out(kept_out, rule.reasons) if rule.reasons else all_of,
                repeats=True,
            )
            for rule, covered in named
        ],
    ]


def _of_conditions(names: tuple[str, ...], audited: Audited) -> dict[str, Outcome]:
    """The outcomes of some conditions of a contract."""
    return {day: Outcome({name: found[name] for name in names}) for day, found in audited.violations.items()}


def _with_kept_out(
    kept_out: Callable[[], Rejections], reasons: tuple[str, ...]
) -> Callable[[Mapping[str, Outcome]], Outcome]:
    """All days as one, and how many rows of the source were rejected for these reasons."""

    def of_run(outcomes: Mapping[str, Outcome]) -> Outcome:
        found, rejected = all_of(outcomes), kept_out().by_reason
        return replace(
            found, details={**found.details, "rows_kept_out": sum(rejected.get(each, 0) for each in reasons)}
        )

    return of_run


def conditions(contract: type[Contract]) -> tuple[str, ...]:
    """Every condition of a contract by name."""
    key = (_one_row_per(contract),) if contract.key() else ()
    return (*(rule.name for rule in contract.rules()), *key)


def _violations(audited: Audited) -> dict[str, dict[str, int]]:
    """Pandera is the gate: it says whether the rows are good. Only where they are not, violations are counted per day.

    Where pandera finds fault and the counts do not, every day is bad: the gate is never overruled.
    """
    # Without rows there is nothing to violate; that costs as much to find out as of many.
    faults = gate_faults(audited.frame, audited.contract) if any(audited.rows.values()) else []
    if not faults:
        return {day: dict.fromkeys(conditions(audited.contract), 0) for day in audited.days}
    counted = count_violations(audited)
    if not any(any(day.values()) for day in counted.values()):
        counted = {day: {**counted[day], **{f"{_FAULT}{fault}": 1 for fault in faults}} for day in audited.days}
    return counted


def gate_faults(frame: DataFrame, contract: type[Contract]) -> list[str]:
    """Names of the pandera checks that fail; empty for good rows. Values are left out: they may be personal."""
    errors: Any = contract.gate().validate(frame, lazy=True).pandera.errors
    if errors is None:
        return ["validation is switched off (PANDERA_VALIDATION_ENABLED); a gate that does not look is no gate"]
    return [
        f"{fault.get('check') or kind} of {fault.get('column')}"
        for kinds in errors.values()
        for kind, faults in kinds.items()
        for fault in faults
    ]


def count_violations(audited: Audited) -> dict[str, dict[str, int]]:
    """Violations per day and condition, all conditions in one pass over the rows."""
    contract, frame = audited.contract, audited.frame
    rules = contract.rules()
    broken = [
        F.sum(F.when(F.coalesce(F.expr(rule.condition), F.lit(False)), 0).otherwise(1)).alias(f"r{number}")
        for number, rule in enumerate(rules)
    ]
    found = _by_day(frame.groupBy("as_of_date").agg(*broken))
    counts = {
        day: {rule.name: int(found[day][f"r{number}"]) if day in found else 0 for number, rule in enumerate(rules)}
        for day in audited.days
    }
    if contract.key():
        name = _one_row_per(contract)
        repeated = (
            frame.groupBy(*contract.key())
            .agg((F.count(F.lit(1)) - 1).alias("extra"))
            .filter("extra > 0")
            .groupBy("as_of_date")
            .agg(F.sum("extra").alias("extra"))
        )
        extra = _by_day(repeated)
        for day in audited.days:
            counts[day][name] = int(extra[day]["extra"]) if day in extra else 0
    return counts


def _by_day(frame: DataFrame) -> dict[str, Row]:
    return {str(row["as_of_date"]): row for row in frame.collect()}


def _counted_rule(
    name: str,
    description: str,
    condition: str,
    bad_rows: Callable[[DataFrame], DataFrame],
    *,
    blocking: bool,
    of_run: Callable[[Mapping[str, Outcome]], Outcome] | None = None,
) -> Rule:
    """A rule with one condition; `bad_rows` gives the violating rows."""

    def evaluate(audited: Audited) -> dict[str, Outcome]:
        bad = bad_rows(audited.frame).groupBy("as_of_date").agg(F.count(F.lit(1)).alias("rows"))
        found = _by_day(bad) if any(audited.rows.values()) else {}
        return {day: Outcome({condition: int(found[day]["rows"]) if day in found else 0}) for day in audited.days}

    return Rule(name, description, blocking, evaluate, (condition,), of_run)


def known_customers(what: str, customers: Callable[[], DataFrame], kept_out: Callable[[], Rejections]) -> Rule:
    """Referential integrity: every row's customer is in the customers source (`customers()`: customer_id)."""
    return _counted_rule(
        "known_customers",
        f"No orphan {what}: the customer of every row is in the customers source. Rows of others are rejected; how many is told.",
        "customer_id is in customers",
        lambda rows: rows.join(customers().select("customer_id"), on="customer_id", how="left_anti"),
        blocking=True,
        of_run=_with_kept_out(kept_out, (verdicts.UNKNOWN_CUSTOMER,)),
    )


def dates_within_window(first: date, last: date, kept_out: Callable[[], Rejections]) -> Rule:
    """Every row is of a day from the first partition to `last`, the day that is over last."""
    condition = f"dated from {first} to today"

    def evaluate(audited: Audited) -> dict[str, Outcome]:
        outside = {day: not first.isoformat() <= day <= last.isoformat() for day in audited.days}
        return {day: Outcome({condition: audited.rows.get(day, 0) * is_out}) for day, is_out in outside.items()}

    return Rule(
        "dates_within_window",
        f"No row dated before the first partition, {first}, or in the future: the observation window, which "
        "ENGAGEMENT_START_DATE begins. Such rows of the source are rejected; how many is told.",
        True,
        evaluate,
        (condition,),
        _with_kept_out(kept_out, (verdicts.OUTSIDE_WINDOW,)),
    )


def signup_not_after_last_event() -> Rule:
    """Warns of customers whose sign-up is later than their latest web event."""
    return _counted_rule(
        "signup_not_after_last_event",
        "Warning: customers whose sign-up is after their latest web event; one of the two dates is probably wrong.",
        "signup_date is not after the last event",
        lambda rows: rows.filter(F.col("signup_date") > F.col("last_session_date")),
        blocking=False,
        of_run=last_of,
    )


def row_warning(warning: RowWarning, customers: Callable[[], DataFrame]) -> Rule:
    """What a source's file says is to be warned of (`customers()`: customer_id, signup_date)."""
    label = warning.label
    if label is None:
        return _counted_rule(
            warning.name,
            warning.description,
            warning.condition,
            lambda rows: warning.rows(rows, customers()),
            blocking=False,
            of_run=all_of,
        )

    def evaluate(audited: Audited) -> dict[str, Outcome]:
        strange = warning.rows(audited.frame, customers())
        per_label = strange.groupBy("as_of_date", label).agg(F.count(F.lit(1)).alias("rows")).collect()
        found: dict[str, dict[str, int]] = {day: {} for day in audited.days}
        for row in per_label:
            name = row[label] if _NAME.fullmatch(row[label]) else "(no plain name)"
            day = found[str(row["as_of_date"])]
            day[name] = day.get(name, 0) + int(row["rows"])
        return {day: Outcome({warning.condition: sum(each.values())}, counts=each) for day, each in found.items()}

    def of_run(outcomes: Mapping[str, Outcome]) -> Outcome:
        found = all_of(outcomes)
        named = ", ".join(f"{name}: {rows}" for name, rows in sorted(found.counts.items())[:_LABELS_NAMED])
        return replace(found, details={f"{label}s": named or "none", **found.details}, remedy=named)

    return Rule(warning.name, warning.description, False, evaluate, (warning.condition,), of_run)


def arms_are_alike() -> Rule:
    """Warns of results whose treated and held out were not alike when they entered an audience."""
    return _counted_rule(
        "arms_are_alike",
        "Warning: results whose treated and held out differed in score, revenue or recency when they entered the audience, by "
        "more than lot explains: the draw failed, and the uplift is not to be trusted.",
        "treated and held out are alike on entry",
        lambda rows: rows.filter(~F.col("is_balanced")),
        blocking=False,
        of_run=last_of,
    )


def held_out_left_alone() -> Rule:
    """Warns of results whose held out were contacted all the same."""
    return _counted_rule(
        "held_out_left_alone",
        "Warning: results whose held out were contacted for the audience all the same: the experiment is contaminated, and a "
        "true uplift looks smaller than it is. They count as held out, as they were drawn.",
        "nobody who is held out is contacted",
        lambda rows: rows.filter(F.col("held_out_reached") > 0),
        blocking=False,
        of_run=last_of,
    )


def customers_conserved() -> Rule:
    """Every customer of the day's raw_customers has one row here: nobody is lost, nobody invented."""

    def evaluate(audited: Audited) -> dict[str, Outcome]:
        wanted = audited.published(RawCustomers)
        outcomes = {}
        for day in audited.days:
            have, want = audited.rows.get(day, 0), wanted.get(day)
            missing = abs(have - want) if want is not None else have or 1
            outcomes[day] = Outcome({"as many customers as raw_customers": missing})
        return outcomes

    return Rule(
        "customers_conserved",
        "As many customers as raw_customers has on the same day: inactive ones are kept.",
        True,
        evaluate,
        of_run=all_of,
    )


@dataclass(frozen=True)
class Rejections:
    """What was kept out of a source as a whole: rows at fault, rows read, rows by reason, files that cannot be read.

    Rows outside the observation window are not at fault: that is a matter of settings, and told by a warning of its own.
    """

    faulty: int
    read: int
    by_reason: Mapping[str, int] = field(default_factory=dict)
    unreadable_files: Sequence[str] = ()


def rejected_share(rejected: Callable[[], Rejections], warning: float, limit: float) -> Rule:
    """The share of the source's rows that were rejected: a warning above `warning`, no publication above `limit`."""

    def evaluate(audited: Audited) -> dict[str, Outcome]:
        found = rejected()
        share = found.faulty / found.read if found.read else 0.0
        in_force = limit if share > limit else warning
        outcome = Outcome(
            {f"rejected share is at most {in_force:.1%}": found.faulty if share > warning else 0},
            {
                "rows_rejected": found.faulty,
                "rows_read": found.read,
                "rejected_share": round(share, 6),
                "limit": limit,
                # A number of its own per reason: Dagster draws those over time.
                **{f"rejected_{reason}": rows for reason, rows in sorted(found.by_reason.items())},
            },
            is_error=share > limit,
            remedy=_remedy(audited.contract, found),
        )
        return dict.fromkeys(audited.days, outcome)

    return Rule(
        "rejected_share",
        f"Share of the source's rows that were rejected: a warning above {warning:.1%}, an error that stops above {limit:.1%}.",
        True,
        evaluate,
        of_run=any_of,
    )


def _remedy(contract: type[Contract], found: Rejections) -> str:
    """Which files cannot be read and how many rows each reason took, the most first, and where the rows are shown."""
    source = contract.table().removeprefix("raw_")
    files = [f"cannot be read: {', '.join(found.unreadable_files[:_FILES_NAMED])}"] if found.unreadable_files else []
    by_number = sorted(found.by_reason.items(), key=lambda each: -each[1])
    reasons = ", ".join(f"{rows:,} {reason}" for reason, rows in by_number)
    return "; ".join(
        [*files, f"of {found.read:,} rows read {reasons}", f"`engagement rejects --source {source}` shows them"]
    )


def readable_files(rejected: Callable[[], Rejections]) -> Rule:
    """Warns of source files that could not be read: their rows are missing, however many they are."""

    def evaluate(audited: Audited) -> dict[str, Outcome]:
        found = rejected().unreadable_files
        more = f" and {len(found) - _FILES_NAMED} more" if found[_FILES_NAMED:] else ""
        named = ", ".join(found[:_FILES_NAMED]) + more
        return dict.fromkeys(audited.days, Outcome({_READABLE: len(found)}, {"files": named or "none"}, is_error=False))

    return Rule(
        "readable_files",
        "Warning: source files that could not be read. Their rows are missing; `engagement rejects` says why.",
        False,
        evaluate,
        (_READABLE,),
        any_of,
    )
