"""Which rows are repeated, spoilt or made unusual, and how many.

Spoilt rows are added to the good ones, as copies with one fault each and, unless the fault is a repeated identifier, an
identifier of their own. So the good rows of a data set are the same with and without them, and each added row is rejected
for exactly one reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone

import numpy as np
from numpy.typing import NDArray

#: A time that no clock has reached: rows dated then are in the future of any run.
FUTURE = datetime(2099, 1, 1, 12, tzinfo=timezone.utc)

#: More than anybody pays, currency units: a number that slipped into the wrong column.
ABSURD_AMOUNT = 10**13

#: Values that stand for nothing.
BLANKS = (None, "", "  ")

#: Shares of a source's rows that are added, by reason; a data set has at least one of each.
CUSTOMER_SHARES = {
    "missing_customer_id": 0.001,
    "missing_date": 0.001,
    "wrong_type": 0.001,
    "outside_observation_window": 0.002,
    "conflicting_duplicate": 0.002,
    "duplicate": 0.004,
}
ORDER_SHARES = {
    "missing_order_id": 0.0008,
    "missing_customer_id": 0.0010,
    "missing_date": 0.0008,
    "wrong_type": 0.0012,
    "not_a_number": 0.0008,
    "negative_amount": 0.0025,
    "outside_observation_window": 0.0015,
    "unknown_customer": 0.0020,
    "conflicting_duplicate": 0.0012,
    "duplicate": 0.0030,
    "amount_too_large": 0.0004,
}
EVENT_SHARES = {
    "malformed_json": 0.0015,
    "missing_customer_id": 0.0010,
    "missing_date": 0.0008,
    "wrong_type": 0.0010,
    "outside_observation_window": 0.0010,
    "unknown_customer": 0.0020,
    "conflicting_duplicate": 0.0010,
    "duplicate": 0.0025,
    "blank": 0.0005,
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

    def pick(self, share: float, rows: int, candidates: NDArray[np.int64], least: int = 1) -> NDArray[np.int64]:
        """Some of `candidates`, each once: `share` of `rows`, in the first block no fewer than `least` if there are."""
        count = max(round(share * rows), least if self.is_first_block else 0)
        return np.sort(self.random.choice(candidates, size=min(count, len(candidates)), replace=False))

    def mask(self, share: float, rows: int) -> NDArray[np.bool_]:
        """`share` of `rows` as a mask over all of them."""
        chosen = np.zeros(rows, np.bool_)
        chosen[self.pick(share, rows, np.arange(rows))] = True
        return chosen
