"""Which rows are repeated, spoilt or made unusual, and how many.

Spoilt rows are added to the good ones, as copies with one fault each and, unless the fault is a repeated identifier, an
identifier of their own. So the good rows of a data set are the same with and without them, and each added row is rejected
for exactly one reason.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from engagement_assets.sample_data.account import Tally
from engagement_assets.sample_data.period import Integers, Mask

#: A time that no clock has reached: rows dated then are in the future of any run.
FUTURE = datetime(2099, 1, 1, 12, tzinfo=UTC)

#: More than anybody pays, currency units: a number that slipped into the wrong column.
ABSURD_AMOUNT = 10**13

#: Values that stand for nothing.
BLANKS = (None, "", "  ")

#: Shares of a source's rows that are added, by reason, and how many of each a data set has at least: one for each way of it
#: that has to be there.
CUSTOMER_SHARES = {
    "missing_customer_id": (0.001, 1),
    "missing_date": (0.001, 1),
    "wrong_type": (0.001, 1),
    "outside_observation_window": (0.002, 2),
    "conflicting_duplicate": (0.002, 1),
    "duplicate": (0.004, 1),
}
ORDER_SHARES = {
    "missing_order_id": (0.0008, 1),
    "missing_customer_id": (0.0010, 1),
    "missing_date": (0.0008, 1),
    "wrong_type": (0.0012, 2),
    "not_a_number": (0.0008, 2),
    "negative_amount": (0.0025, 1),
    "outside_observation_window": (0.0015, 2),
    "unknown_customer": (0.0020, 1),
    "superseded": (0.0012, 1),
    "duplicate": (0.0030, 1),
    "amount_too_large": (0.0004, 1),
}
EVENT_SHARES = {
    "malformed_json": (0.0015, 7),
    "missing_customer_id": (0.0010, 1),
    "missing_date": (0.0008, 1),
    "wrong_type": (0.0010, 1),
    "outside_observation_window": (0.0010, 2),
    "unknown_customer": (0.0020, 1),
    "conflicting_duplicate": (0.0010, 1),
    "duplicate": (0.0025, 1),
    "blank": (0.0005, 1),
}

#: Shares of valid rows that are unusual.
SHARE_WITHOUT_EMAIL = 0.02
SHARE_WITHOUT_COUNTRY = 0.01
SHARE_ZERO_ORDERS = 0.004
SHARE_ORDERS_BEFORE_SIGNUP = 0.003
SHARE_OTHER_OFFSET = 0.01
SHARE_WITHOUT_EVENT_ID = 0.005


@dataclass(frozen=True)
class Faults:
    """Draws the rows that get a fault in one block of customers; the first block has at least one of each kind."""

    random: np.random.Generator
    is_first_block: bool

    def pick(self, share: float, rows: int, candidates: Integers, least: int = 1) -> Integers:
        """Some of `candidates`, each once: `share` of `rows`, in the first block no fewer than `least` if there are."""
        count = max(round(share * rows), least if self.is_first_block else 0)
        return np.sort(self.random.choice(candidates, size=min(count, len(candidates)), replace=False))

    def draw(
        self,
        shares: Mapping[str, tuple[float, int]],
        rows: int,
        tally: Tally,
        **candidates: Integers,
    ) -> Iterator[tuple[str, int, int]]:
        """The rows that are added for each reason of `shares`, counted: reason, number within it, place of the row to copy.

        `candidates`: the places to choose from by reason, for all others those of `usual`.
        """
        for reason, (share, least) in shares.items():
            picked = self.pick(share, rows, candidates.get(reason, candidates["usual"]), least)
            tally.add_faults(reason, len(picked))
            yield from ((reason, number, int(place)) for number, place in enumerate(picked))

    def mask(self, share: float, rows: int) -> Mask:
        """`share` of `rows` as a mask over all of them."""
        every = np.arange(rows)
        return np.isin(every, self.pick(share, rows, every))
