"""What is audited: rows that are staged but not yet published, and which conditions of their contract they violate.

Pandera is the gate: it says whether the rows are good. No result holds a row's values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pyspark.sql import DataFrame, Row
from pyspark.sql import functions as F

from engagement_assets.domain.contracts import Contract

#: What the names of conditions begin with that only pandera finds fault with.
_FAULT = "pandera: "


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


def one_row_per(contract: type[Contract]) -> str:
    """The name of the condition that a contract's key identifies its rows."""
    return f"one row per {', '.join(contract.key())}"


def conditions(contract: type[Contract]) -> tuple[str, ...]:
    """Every condition of a contract by name."""
    key = (one_row_per(contract),) if contract.key() else ()
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
    found = by_day(frame.groupBy("as_of_date").agg(*broken))
    counts = {
        day: {rule.name: int(found[day][f"r{number}"]) if day in found else 0 for number, rule in enumerate(rules)}
        for day in audited.days
    }
    if contract.key():
        name = one_row_per(contract)
        repeated = (
            frame.groupBy(*contract.key())
            .agg((F.count(F.lit(1)) - 1).alias("extra"))
            .filter("extra > 0")
            .groupBy("as_of_date")
            .agg(F.sum("extra").alias("extra"))
        )
        extra = by_day(repeated)
        for day in audited.days:
            counts[day][name] = int(extra[day]["extra"]) if day in extra else 0
    return counts


def by_day(frame: DataFrame) -> dict[str, Row]:
    """The rows of a frame with one row per day, by their day."""
    return {str(row["as_of_date"]): row for row in frame.collect()}
