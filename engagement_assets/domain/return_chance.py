"""How returns are counted in a shop's own past: at which earlier days, in which cells, and what a cell says.

At some earlier days each buyer stood in a cell, by the days since the last order and the number of order days. Who ordered within
90 days came back. A customer who stands in a cell today has the chance that was counted in it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date
from itertools import product

from engagement_assets.domain.days import ONE_DAY

#: Earlier days are multiples of so many days since 1970-01-01, called steps: neighbouring snapshots share them.
STEP_DAYS = 15

#: Days after an earlier day in which who orders comes back, in steps too.
OUTCOME_DAYS = 90
OUTCOME_STEPS = OUTCOME_DAYS // STEP_DAYS

#: So many earlier days are counted at the most, the latest; none before the shop had so many days of history.
MOST_STEPS = 6
LEAST_HISTORY_DAYS = 30

#: Where the bands of silence (days since the last order) and of order days begin.
SILENCE_FROM = (0, 7, 14, 21, 30, 45, 60, 90, 120, 180, 270, 365)
ORDER_DAYS_FROM = (1, 2, 3, 4, 6, 9, 15, 30)

#: Where the bands of a cell begin: silence, order days.
Cell = tuple[int, int]

CELLS: tuple[Cell, ...] = tuple(product(SILENCE_FROM, ORDER_DAYS_FROM))

#: What its row and its column say of a cell weighs as much as so many customers in it.
PRIOR_CUSTOMERS = 20

#: An amount that was spent so many days ago counts 1/e.
DECAY_DAYS = 180

#: Decayed amounts are summed as of the first day of a block of so many days, in decimals: so a sum is the same whichever days are
#: computed together. Blocks, because weights grow with the distance.
_BLOCK_DAYS = 720

EPOCH = date(1970, 1, 1)


def day_of(step: int) -> date:
    """The day of a step."""
    return EPOCH + step * STEP_DAYS * ONE_DAY


def first_step(start: date) -> int:
    """The first step that is counted where `start` is the first partition."""
    return -(-((start - EPOCH).days + LEAST_HISTORY_DAYS) // STEP_DAYS)


def steps_before(day: date, start: date) -> range:
    """The steps that are counted for a snapshot: their outcomes are known by its day. Empty while there are none."""
    last = (day - EPOCH).days // STEP_DAYS - OUTCOME_STEPS
    return range(max(first_step(start), last - MOST_STEPS + 1), last + 1)


def known_from(start: date) -> date:
    """The first day whose snapshot has chances, where `start` is the first partition."""
    return day_of(first_step(start) + OUTCOME_STEPS)


def anchor_of(day: date) -> date:
    """The first day of the block of days that a day is in."""
    return day - (day - EPOCH).days % _BLOCK_DAYS * ONE_DAY


def decayed_share(days: int) -> float:
    """Of what even spending since ever would be worth today, the share that a history of so many days holds."""
    return 1.0 - math.exp(-days / DECAY_DAYS)


def chances(customers: Mapping[Cell, int], came_back: Mapping[Cell, int]) -> dict[Cell, float]:
    """The chance to come back of each of `CELLS`; empty where nobody was counted.

    A cell's share is drawn towards what its row and its column say, as if `PRIOR_CUSTOMERS` more had behaved like that. What they
    say adds up on the logit scale: the shop's share, and by how much the row's and the column's differ from it.
    """
    everybody = sum(customers.values())
    if not everybody:
        return {}
    # Half a customer each way, so that the logit exists where all or none came back.
    shop = (sum(came_back.values()) + 0.5) / (everybody + 1)

    def drawn(counted: int, back: int, towards: float) -> float:
        return (back + PRIOR_CUSTOMERS * towards) / (counted + PRIOR_CUSTOMERS)

    def of_band(place: int, begin: int) -> float:
        own = [cell for cell in customers if cell[place] == begin]
        return _logit(drawn(sum(customers[cell] for cell in own), sum(came_back.get(cell, 0) for cell in own), shop))

    rows, columns = ({begin: of_band(place, begin) for begin in begins} for place, begins in enumerate(_BANDS))
    return {
        (row, column): drawn(
            customers.get((row, column), 0),
            came_back.get((row, column), 0),
            1.0 / (1.0 + math.exp(_logit(shop) - rows[row] - columns[column])),
        )
        for row, column in CELLS
    }


_BANDS = (SILENCE_FROM, ORDER_DAYS_FROM)


def _logit(share: float) -> float:
    return math.log(share / (1.0 - share))
