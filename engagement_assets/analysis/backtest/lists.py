"""Lists of customers to save, judged by whom they hold of those who then lapse; at the same length, by lot as the yardstick.

Rankings do not tell: a list of those who are long gone ranks well and saves nobody. So a list is asked about customers who were
active a month before the snapshot, and who then lapse: how many of them it holds, and how much of what they spent in a year.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engagement_assets.analysis.backtest.metrics import Values

#: Share of the buyers that a list has room for.
LENGTH = 0.05

#: Who was active a month before: had order days, and of those who stood there so many come back.
ACTIVE_ORDER_DAYS, ACTIVE_CHANCE = 2, 0.5

#: Days before the snapshot, and after it, in which who lapses does not order.
DAYS_BEFORE, DAYS_AFTER = 30, 60

#: The lists by the names of their columns, in words.
LISTS = {
    "slipping": "slipping customers",
    "high_risk": "high risk by score",
    "lowest_score": "lowest score",
    "longest_silence": "longest silence",
    "random": "by lot",
}

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Candidates:
    """The buyers of a snapshot, each an array in the same order, that of their identifiers."""

    is_slipping: Mask
    is_high_risk: Mask
    score: Values
    recency_days: Values
    revenue_of_a_year: Values
    revenue: Values
    #: Order days and return chance as of `DAYS_BEFORE` before; NaN where no chance is known.
    order_days_before: Values
    chance_before: Values

    @property
    def were_active(self) -> Mask:
        """Who was active `DAYS_BEFORE` before the snapshot."""
        return (self.order_days_before >= ACTIVE_ORDER_DAYS) & (self.chance_before >= ACTIVE_CHANCE)

    def ranked(self) -> Iterator[tuple[str, Values]]:
        """Each list: its name, and the buyers in its order, those it does not name left out."""
        yield "slipping", _first(-self.revenue_of_a_year, self.is_slipping)
        yield "high_risk", _first(-self.revenue, self.is_high_risk)
        yield "lowest_score", _first(self.score)
        yield "longest_silence", _first(-self.recency_days)


def _first(order: Values, named: Mask | None = None) -> Values:
    """The buyers from the smallest value on; equal ones in the order of their identifiers."""
    ranked = np.argsort(order, kind="stable")
    return ranked if named is None else ranked[named[ranked]]


def judge_lists(found: Candidates, ordered_after: Mask) -> dict[str, int | float | None]:
    """Whom each list holds of those who lapse; `ordered_after`: who ordered in the `DAYS_AFTER` after the snapshot.

    Returns: list_length, lapsing_customers, lapsing_revenue (in the unit of the candidates' revenue) and for each list
    `<list>_holds` and `<list>_holds_revenue`, shares; of a list by lot what is expected. Shares of nobody are None. Empty where
    nothing is known of a month before.
    """
    if not len(found.score) or bool(np.isnan(found.chance_before).all()):
        return {}
    lapses = found.were_active & (found.recency_days >= DAYS_BEFORE) & ~ordered_after
    length = max(1, round(LENGTH * len(lapses)))
    customers, revenue = int(lapses.sum()), float(found.revenue_of_a_year[lapses].sum())
    by_lot = length / len(lapses) if customers else None
    told: dict[str, int | float | None] = {
        "list_length": length,
        "lapsing_customers": customers,
        "lapsing_revenue": revenue,
        "random_holds": by_lot,
        "random_holds_revenue": by_lot,
    }
    for name, ranked in found.ranked():
        held = ranked[:length][lapses[ranked[:length]]]
        told[f"{name}_holds"] = len(held) / customers if customers else None
        told[f"{name}_holds_revenue"] = float(found.revenue_of_a_year[held].sum()) / revenue if revenue else None
    return told


def lists_in_words(row: Mapping[str, Any]) -> str:
    """Which list to use here; `row` has the columns that `judge_lists` fills."""
    if row["lapsing_customers"] is None:
        return "Which list finds those who lapse cannot be told yet: nothing is known of a month before."
    if not row["lapsing_customers"]:
        return f"Nobody who was active {DAYS_BEFORE} days before has lapsed: no list could find anybody."
    held = {name: row[f"{name}_holds_revenue"] or 0.0 for name in LISTS}
    best = max(held, key=lambda name: held[name])
    told = ", ".join(f"{LISTS[name]} {share:.0%}" for name, share in held.items())
    advice = f"Use the list of {LISTS[best]} here" if best != "random" else "No list is better than one by lot here"
    return (
        f"{row['lapsing_customers']:,} customers were active {DAYS_BEFORE} days before the snapshot and did not order until "
        f"{DAYS_AFTER} days after it; they had spent {row['lapsing_revenue']:,.0f} in a year. Of that, lists of "
        f"{row['list_length']:,} customers hold: {told}. {advice}."
    )
