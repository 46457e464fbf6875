"""The rules: each looks at rows that are staged but not yet published, and counts violations per day.

A blocking rule keeps its bad days from being published; a warning is told and changes nothing. No result holds a row's
values: counts, the rule, and names of the product's own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import partial

from pyspark.sql import DataFrame
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
from engagement_assets.pipeline.checks.audited import Audited, by_day, conditions, one_row_per
from engagement_assets.pipeline.checks.kept_out import Rejections, with_kept_out
from engagement_assets.pipeline.checks.outcomes import Outcome, Rule, all_of, last_of
from engagement_assets.sources.source import RowWarning

_LABELS_NAMED = 20

#: A label that looks like a name may be shown; anything else could be somebody's data.
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.:-]{0,39}")


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
        Named("one_row_per_customer", "No customer has two rows on a day.", one_row_per(CustomerFeatures).__eq__),
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
                with_kept_out(kept_out, rule.reasons) if rule.reasons else all_of,
                repeats=True,
            )
            for rule, covered in named
        ],
    ]


def _of_conditions(names: tuple[str, ...], audited: Audited) -> dict[str, Outcome]:
    """The outcomes of some conditions of a contract."""
    return {day: Outcome({name: found[name] for name in names}) for day, found in audited.violations.items()}


# ---- of rows and days ------------------------------------------------------------------------------------------------


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
        found = by_day(bad) if any(audited.rows.values()) else {}
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
        of_run=with_kept_out(kept_out, (verdicts.UNKNOWN_CUSTOMER,)),
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
        with_kept_out(kept_out, (verdicts.OUTSIDE_WINDOW,)),
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
