"""The orders source: a folder per month; two files of other systems write the same things in other types."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa

from engagement_assets.sample_data import faults as faulty
from engagement_assets.sample_data.account import Tally
from engagement_assets.sample_data.activity import Orders
from engagement_assets.sample_data.columns import (
    TWO_HOURS_AHEAD,
    customer_ids,
    decimals,
    instant_texts,
    instants,
    texts,
)
from engagement_assets.sample_data.faults import Faults
from engagement_assets.sample_data.files import SourceFiles
from engagement_assets.sample_data.people import People
from engagement_assets.sample_data.period import SECONDS_PER_DAY, Integers, Period, moment

#: Order numbers: the first one, and how many a block of customers may use.
FIRST_ORDER = 1_000_000_000
ORDERS_PER_BLOCK = 10_000_000

#: Names of the files: of most, of the shop's till, of an old system.
_USUAL, _TILL, _OLD = "part-{part}", "till", "old_system"

_TILLS = 4
_WRONG_TYPES = [
    {"order_amount": "twelve"},
    {"order_date": "yesterday"},
    {"order_amount": "12,50"},
    {"order_date": "2025-02-30 10:00:00"},
    {"order_amount": "0x1F"},
    {"order_date": "12:30"},
]
#: By turns as a number of the till, and as a text of the old system.
_NOT_NUMBERS = [{"order_amount": value} for number in ("nan", "inf", "-inf") for value in (float(number), "NaN")]

#: How far before the first day an early order is, and by how much a later row of an order differs.
_DAYS_EARLY = 40
_LATER_CENTS = 500


@dataclass(frozen=True)
class _Rows(Orders):
    """Orders as they are written: `customer` is a customer's number, and each has an order number."""

    order: Integers


def write_orders(
    block: int, people: People, orders: Orders, period: Period, faults: Faults | None, files: SourceFiles, tally: Tally
) -> None:
    """Append the orders of a block, and damaged rows if there are `faults`."""
    first = FIRST_ORDER + block * ORDERS_PER_BLOCK
    columns = {**vars(orders), "customer": people.number[orders.customer]}
    rows = _Rows(**columns, order=first + np.arange(len(orders)))
    if faults is None:
        tally.kept += len(rows)
        _write(files, _USUAL, _table(rows, _USUAL), rows.second, period)
        return
    rows = rows.joined(_odd_orders(rows, people, first + len(rows), period, faults, tally))
    tally.kept += len(rows)
    # The months of the other systems; both in one where the period has no more.
    till_month, old_month = len(period.months) // 3, 2 * len(period.months) // 3
    of_month, even = period.month_of(rows.second), rows.order % 2 == 0
    till = rows.in_shop & even & (of_month == till_month)
    old = rows.in_shop & ~even & (of_month == old_month)
    tally.odd["of_the_till"] += int(till.sum())
    tally.odd["as_text"] += int(old.sum())
    elsewhere = till | old
    bad = _bad_orders(rows, np.flatnonzero(~elsewhere), first + len(rows), period, faults, tally)
    for name, mask, month in (
        (_USUAL, ~elsewhere, None),
        (_TILL, till, period.months[till_month]),
        (_OLD, old, period.months[old_month]),
    ):
        good, damaged = rows.take(mask), bad[name]
        written = _table(good, name)
        written = pa.concat_tables([written, pa.Table.from_pylist([row for _, row in damaged], written.schema)])
        keys = np.concatenate([good.second, np.array([second for second, _ in damaged], np.int64)])
        _write(files, name, written, keys, period, month)


def _write(
    files: SourceFiles, name: str, rows: pa.Table, second: Integers, period: Period, month: str | None = None
) -> None:
    """Append rows in the order of their times, each to the folder of its month, or all to that of `month`."""
    order = np.argsort(second, kind="stable")
    rows = rows.take(pa.array(order))
    for label, part in [(month, slice(None))] if month else period.by_month(second[order]):
        files.add_table(f"orders/month={label}/{name}", rows[part])


def _table(rows: _Rows, name: str) -> pa.Table:
    """The rows as a file has them: most; that of the shop's till (numbers, and a column of its own); an old system's (text)."""
    columns = {
        "order_id": texts(rows.order),
        "customer_id": customer_ids(rows.customer),
        "order_date": instants(rows.second),
        "order_amount": decimals(rows.cents),
    }
    if name == _TILL:
        till = (rows.order % _TILLS + 1).astype(np.int16)
        columns |= {
            "order_id": pa.array(rows.order),
            "order_amount": pa.array(rows.cents / 100),
            "till": pa.array(till),
        }
    if name == _OLD:
        columns["order_date"] = instant_texts(rows.second, separator=" ", offset=TWO_HOURS_AHEAD)
        columns["order_amount"] = columns["order_amount"].cast(pa.string())
    return pa.table(columns)


def _odd_orders(rows: _Rows, people: People, next_order: int, period: Period, faults: Faults, tally: Tally) -> _Rows:
    """Further valid orders: of nothing, and from before the customer's sign-up."""
    free = rows.take(faults.pick(faulty.SHARE_ZERO_ORDERS, len(rows), np.arange(len(rows))))
    signup_day = people.signup_day[rows.customer - people.number[0]]
    chosen = faults.pick(faulty.SHARE_ORDERS_BEFORE_SIGNUP, len(rows), np.flatnonzero(signup_day > 1))
    early = rows.take(chosen)
    days_before = faults.random.integers(1, signup_day[chosen], endpoint=True)
    second = period.begin + (signup_day[chosen] - days_before) * SECONDS_PER_DAY + early.second % SECONDS_PER_DAY
    tally.odd["zero_amount"] += len(free)
    tally.odd["before_signup"] += len(early)
    odd = replace(free, cents=np.zeros_like(free.cents)).joined(replace(early, second=second))
    return replace(odd, order=next_order + np.arange(len(odd)))


def _bad_orders(
    rows: _Rows, usual: Integers, next_order: int, period: Period, faults: Faults, tally: Tally
) -> dict[str, list[tuple[int, dict[str, Any]]]]:
    """Orders to be rejected or removed, by the name of the file: a Unix time, which says where the row goes, and the row.

    `usual`: places in `rows` of those in the usual files; `next_order`: the first order number that is free.
    """
    made: dict[str, list[tuple[int, dict[str, Any]]]] = {_USUAL: [], _TILL: [], _OLD: []}
    for reason, number, place in faults.draw(faulty.ORDER_SHARES, len(rows), tally, usual=usual):
        cents, customer = int(rows.cents[place]), f"{rows.customer[place]:07d}"
        row: dict[str, Any] = {
            "order_id": str(rows.order[place]),
            "customer_id": f"C{customer}",
            "order_date": moment(int(rows.second[place])),
            "order_amount": _amount(cents),
        }
        if reason not in ("duplicate", "superseded"):
            row["order_id"] = str(next_order)
            next_order += 1
        early = moment(period.begin) - timedelta(days=1 + number % _DAYS_EARLY)
        wrong: dict[str, list[dict[str, Any]]] = {
            "duplicate": [{}],
            "superseded": [{"order_amount": _amount(cents + _LATER_CENTS)}],
            "missing_order_id": [{"order_id": blank} for blank in faulty.BLANKS],
            "missing_customer_id": [{"customer_id": blank} for blank in faulty.BLANKS],
            "missing_date": [{"order_date": None}],
            "negative_amount": [{"order_amount": _amount(-max(cents, 1))}],
            "amount_too_large": [{"order_amount": Decimal(faulty.ABSURD_AMOUNT)}],
            "unknown_customer": [{"customer_id": f"G{customer}"}],
            "outside_observation_window": [{"order_date": early}, {"order_date": faulty.FUTURE}],
            "not_a_number": _NOT_NUMBERS,
            "wrong_type": _WRONG_TYPES,
        }
        row |= wrong[reason][number % len(wrong[reason])]
        name = _USUAL
        if reason == "not_a_number" and number % 2 == 0:
            name, row = _TILL, {**row, "order_id": int(row["order_id"]), "till": 1}
        elif reason in ("not_a_number", "wrong_type"):
            name, row = _OLD, {column: str(value) for column, value in row.items()}
        made[name].append((int(rows.second[place]), row))
    return made


def _amount(cents: int) -> Decimal:
    return Decimal(cents).scaleb(-2)
