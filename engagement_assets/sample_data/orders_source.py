"""The orders source: a folder per month; two files of other systems write the same things in other types."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from engagement_assets.sample_data import faults as faulty
from engagement_assets.sample_data.account import Tally
from engagement_assets.sample_data.activity import Orders
from engagement_assets.sample_data.columns import (
    INSTANT,
    MONEY,
    TWO_HOURS_AHEAD,
    customer_ids,
    decimals,
    instant_texts,
    instants,
    table,
    texts,
)
from engagement_assets.sample_data.faults import Faults
from engagement_assets.sample_data.files import SourceFiles
from engagement_assets.sample_data.people import People
from engagement_assets.sample_data.period import SECONDS_PER_DAY, Period, moment

#: Order numbers: the first one, and how many a block of customers may use.
FIRST_ORDER = 1_000_000_000
ORDERS_PER_BLOCK = 10_000_000

#: What most files hold; what the till of the shop writes (numbers, and a column of its own); what an old system wrote (text).
_USUAL = pa.schema(
    [("order_id", pa.string()), ("customer_id", pa.string()), ("order_date", INSTANT), ("order_amount", MONEY)]
)
_TILL = pa.schema(
    [
        ("order_id", pa.int64()),
        ("customer_id", pa.string()),
        ("order_date", INSTANT),
        ("order_amount", pa.float64()),
        ("till", pa.int16()),
    ]
)
_OLD = pa.schema([(name, pa.string()) for name in _USUAL.names])

_TILLS = 4
_WRONG_AMOUNTS = ("twelve", "12,50", "0x1F")
_WRONG_DATES = ("yesterday", "2025-02-30 10:00:00", "12:30")
_NOT_NUMBERS = (float("nan"), float("inf"), float("-inf"))

#: How far before the first day an early order is, and by how much a conflicting order differs.
_DAYS_EARLY = 40
_CONFLICT_CENTS = 500


@dataclass(frozen=True)
class _Rows:
    """Orders as they are written: order number, customer number, Unix time, cents, whether in a shop."""

    order: NDArray[np.int64]
    customer: NDArray[np.int64]
    second: NDArray[np.int64]
    cents: NDArray[np.int64]
    in_shop: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.order)

    def take(self, which: NDArray[Any]) -> _Rows:
        """The rows at these places, or where this mask is true."""
        return _Rows(
            self.order[which], self.customer[which], self.second[which], self.cents[which], self.in_shop[which]
        )

    def joined(self, other: _Rows) -> _Rows:
        """These rows and the others."""
        pairs = ((getattr(self, name), getattr(other, name)) for name in self.__dataclass_fields__)
        return _Rows(*(np.concatenate(pair) for pair in pairs))


def write_orders(
    block: int, people: People, orders: Orders, period: Period, faults: Faults | None, files: SourceFiles, tally: Tally
) -> None:
    """Append the orders of a block, and damaged rows if there are `faults`."""
    first = FIRST_ORDER + block * ORDERS_PER_BLOCK
    rows = _Rows(
        first + np.arange(len(orders)), people.number[orders.customer], orders.second, orders.cents, orders.in_shop
    )
    if faults is None:
        tally.kept += len(rows)
        _write(files, "part-{part}", _usual(rows), rows.second, period)
        return
    rows = rows.joined(_odd_orders(rows, people, first + len(rows), period, faults, tally))
    tally.kept += len(rows)
    # The months of the other systems; both in one where the period has no more.
    till_month, old_month = len(period.months) // 3, 2 * len(period.months) // 3
    month, even = period.month_of(rows.second), rows.order % 2 == 0
    till = rows.in_shop & even & (month == till_month)
    old = rows.in_shop & ~even & (month == old_month)
    tally.odd["of_the_till"] += int(till.sum())
    tally.odd["as_text"] += int(old.sum())
    bad = _BadOrders(rows, np.flatnonzero(~till & ~old), first + len(rows), period, faults, tally)
    bad.make()
    usual = rows.take(~till & ~old)
    of_till, of_old = rows.take(till), rows.take(old)
    parts = [
        ("part-{part}", usual, _usual(usual), bad.usual, None),
        ("till", of_till, _till(of_till), bad.till, till_month),
        ("old_system", of_old, _old(of_old), bad.old, old_month),
    ]
    for name, good, written, damaged, only_month in parts:
        keys = np.concatenate([good.second, np.array([second for second, _ in damaged], np.int64)])
        written = pa.concat_tables([written, table([row for _, row in damaged], written.schema)])
        _write(files, name, written, keys, period, only_month)


def _write(
    files: SourceFiles, name: str, rows: pa.Table, second: NDArray[np.int64], period: Period, month: int | None = None
) -> None:
    """Append rows in the order of their times, each to the folder of its month, or all to that of `month`."""
    order = np.argsort(second, kind="stable")
    rows = rows.take(pa.array(order))
    months = period.month_of(second[order]) if month is None else np.full(len(order), month)
    bounds = np.searchsorted(months, np.arange(len(period.months) + 1))
    for number, label in enumerate(period.months):
        files.add_table(f"orders/month={label}/{name}", rows.slice(bounds[number], bounds[number + 1] - bounds[number]))


def _usual(rows: _Rows) -> pa.Table:
    columns = [texts(rows.order), customer_ids(rows.customer), instants(rows.second), decimals(rows.cents)]
    return pa.Table.from_arrays(columns, schema=_USUAL)


def _till(rows: _Rows) -> pa.Table:
    till = pa.array((rows.order % _TILLS + 1).astype(np.int16))
    columns = [
        pa.array(rows.order),
        customer_ids(rows.customer),
        instants(rows.second),
        pa.array(rows.cents / 100),
        till,
    ]
    return pa.Table.from_arrays(columns, schema=_TILL)


def _old(rows: _Rows) -> pa.Table:
    dates = instant_texts(rows.second, separator=" ", offset=TWO_HOURS_AHEAD)
    columns = [texts(rows.order), customer_ids(rows.customer), dates, decimals(rows.cents).cast(pa.string())]
    return pa.Table.from_arrays(columns, schema=_OLD)


def _odd_orders(rows: _Rows, people: People, next_order: int, period: Period, faults: Faults, tally: Tally) -> _Rows:
    """Further valid orders: of nothing, and from before the customer's sign-up."""
    everything = np.arange(len(rows))
    free = rows.take(faults.pick(faulty.SHARE_ZERO_ORDERS, len(rows), everything))
    signup_day = people.signup_day[rows.customer - people.number[0]]
    late = np.flatnonzero(signup_day > 1)
    chosen = faults.pick(faulty.SHARE_ORDERS_BEFORE_SIGNUP, len(rows), late)
    early = rows.take(chosen)
    days_before = faults.random.integers(1, signup_day[chosen], endpoint=True)
    second = period.begin + (signup_day[chosen] - days_before) * SECONDS_PER_DAY + early.second % SECONDS_PER_DAY
    tally.odd["zero_amount"] += len(free)
    tally.odd["before_signup"] += len(early)
    odd = _Rows(free.order, free.customer, free.second, np.zeros_like(free.cents), free.in_shop).joined(
        _Rows(early.order, early.customer, second, early.cents, early.in_shop)
    )
    return _Rows(next_order + np.arange(len(odd)), odd.customer, odd.second, odd.cents, odd.in_shop)


class _BadOrders:
    """Orders to be rejected or removed, by kind of file: pairs of a Unix time, which says where the row goes, and the row."""

    def __init__(
        self, rows: _Rows, usual: NDArray[np.int64], next_order: int, period: Period, faults: Faults, tally: Tally
    ) -> None:
        """`usual`: places in `rows` of those in the usual files; `next_order`: the first order number that is free."""
        self._rows, self._candidates, self._period, self._faults, self._tally = rows, usual, period, faults, tally
        self._next_order = next_order
        self.usual: list[tuple[int, dict[str, Any]]] = []
        self.till: list[tuple[int, dict[str, Any]]] = []
        self.old: list[tuple[int, dict[str, Any]]] = []

    def make(self) -> None:
        """Make and count them all."""
        for reason, share in faulty.ORDER_SHARES.items():
            least = 2 if reason in ("outside_observation_window", "wrong_type", "not_a_number") else 1
            picked = self._faults.pick(share, len(self._rows), self._candidates, least)
            for number, place in enumerate(picked):
                self._add(reason, number, place)
            if reason == "duplicate":
                self._tally.duplicates += len(picked)
            else:
                self._tally.rejected[reason] += len(picked)

    def _add(self, reason: str, number: int, place: int) -> None:
        second, cents = int(self._rows.second[place]), int(self._rows.cents[place])
        row: dict[str, Any] = {
            "order_id": str(self._rows.order[place]),
            "customer_id": f"C{self._rows.customer[place]:07d}",
            "order_date": moment(second),
            "order_amount": Decimal(cents).scaleb(-2),
        }
        fresh = {**row, "order_id": str(self._next_order)}
        blank = faulty.BLANKS[number % len(faulty.BLANKS)]
        if reason not in ("duplicate", "conflicting_duplicate"):
            self._next_order += 1
        match reason:
            case "duplicate":
                self.usual.append((second, row))
            case "conflicting_duplicate":
                self.usual.append((second, {**row, "order_amount": Decimal(cents + _CONFLICT_CENTS).scaleb(-2)}))
            case "missing_order_id":
                self.usual.append((second, {**fresh, "order_id": blank}))
            case "missing_customer_id":
                self.usual.append((second, {**fresh, "customer_id": blank}))
            case "missing_date":
                self.usual.append((second, {**fresh, "order_date": None}))
            case "negative_amount":
                self.usual.append((second, {**fresh, "order_amount": Decimal(-max(cents, 1)).scaleb(-2)}))
            case "amount_too_large":
                self.usual.append((second, {**fresh, "order_amount": Decimal(faulty.ABSURD_AMOUNT)}))
            case "unknown_customer":
                self.usual.append((second, {**fresh, "customer_id": f"G{self._rows.customer[place]:07d}"}))
            case "outside_observation_window":
                early = moment(self._period.begin) - timedelta(days=1 + number % _DAYS_EARLY)
                self.usual.append((second, {**fresh, "order_date": (early, faulty.FUTURE)[number % 2]}))
            case "not_a_number" if number % 2 == 0:
                broken = {
                    "order_id": int(fresh["order_id"]),
                    "order_amount": _NOT_NUMBERS[number // 2 % len(_NOT_NUMBERS)],
                }
                self.till.append((second, {**fresh, **broken, "till": 1}))
            case "not_a_number":
                self.old.append((second, {**_as_text(fresh), "order_amount": "NaN"}))
            case "wrong_type" if number % 2 == 0:
                self.old.append(
                    (second, {**_as_text(fresh), "order_amount": _WRONG_AMOUNTS[number // 2 % len(_WRONG_AMOUNTS)]})
                )
            case "wrong_type":
                self.old.append(
                    (second, {**_as_text(fresh), "order_date": _WRONG_DATES[number // 2 % len(_WRONG_DATES)]})
                )


def _as_text(row: dict[str, Any]) -> dict[str, str]:
    """The row as the old system writes it."""
    return {name: str(value) for name, value in row.items()}
