"""What is proposed of orders: amounts, lines, joins, states and currencies."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from engagement_assets.domain.sources import in_words
from engagement_assets.sources.connect import words
from engagement_assets.sources.connect.fitting import Scored, View, amount_of, key_of, order_id_of, plain_id
from engagement_assets.sources.connect.making import Making, quoted
from engagement_assets.sources.connect.proposals import BY_BOTH, SURE, Guess, Proposal
from engagement_assets.sources.connect.shapes import Column


def orders_of(making: Making, view: View, ids: Mapping[int, list[Scored]], customers: View | None) -> Proposal | None:
    """The orders of a table; None where they lack a customer, a day or an amount. `ids`: as `Making.customer_ids` has them."""
    proposal = making.begin("orders", view.table)
    numbers = order_id_of(view)
    order = making.pick(proposal, view, "order_id", numbers, "the number of the order")
    who = making.pick(proposal, view, "customer_id", ids[id(view)], "the customer")
    when = making.pick(proposal, view, "order_date", view.candidates("order_date"), "when it was ordered")
    if who is None or when is None:
        return None
    if order is None:
        return _orders_by_day(making, proposal, view, who, when)
    making.customer_key = making.keys.get((id(view), who))
    making.say_nobody(proposal, view, who)
    _join_customers(making, proposal, view, who, customers)
    if not say_amount(making, proposal, view, order) and not _join_amounts(making, proposal, view, order):
        making.result.notes.append(
            f"{view.table.name} looks like orders, but has no amount, and no other table has one "
            f"by {order}; orders are left out"
        )
        return None
    making.say_times(proposal, view, when)
    making.say_updates(proposal, view, when)
    _say_states(making, proposal, view)
    say_currency(making, proposal, view)
    return proposal


def _orders_by_day(making: Making, proposal: Proposal, view: View, who: str, when: str) -> Proposal | None:
    """Orders of rows that have no number of an order: what somebody bought at one time."""
    _, made = amount_of(view)
    if not made:
        making.result.notes.append(
            f"{view.table.name} has neither a number of the order nor an amount; there are no orders"
        )
        return None
    making.customer_key = making.keys.get((id(view), who))
    together = Guess(f"{who} + {when}", "", 0.6, "no column numbers the orders: what one bought at one time is one")
    amount = Guess(made, making.looks(view, made), amount_of(view)[0], BY_BOTH)
    proposal.columns = {"order_id": together, **proposal.columns, "order_amount": amount}
    proposal.say("lines", True, "all rows of one customer and time are summed up")
    if view.columns[made.split(" * ")[0]].decimal == ",":
        proposal.say("decimal", ",")
    making.say_nobody(proposal, view, who)
    making.say_times(proposal, view, when)
    _say_states(making, proposal, view)
    say_currency(making, proposal, view)
    return proposal


def say_amount(making: Making, proposal: Proposal, view: View, order: str) -> bool:
    """The amount, and whether rows are lines of orders; False where there is no amount."""
    column = view.columns[order]
    is_lines = column.uniqueness < 0.98 and (bool(view.best("product")[1]) or bool(view.best("quantity")[1]))
    totals = [each for each in view.candidates("order_amount") if each[0] >= 0.55]
    score, made = amount_of(view)
    if is_lines:
        of_order = next((name for _, name in totals if is_of_order(column, view.columns[name])), None)
        if of_order is not None:
            made, score = of_order, 0.9
            filled = view.columns[of_order].filled > 0.98
            is_lines = not filled  # repeated in each line: the lines are repeats of one order
    if not made:
        return False
    rivals = [(score, made), *(each for each in totals if each[1] != made)]
    if made in (name for _, name in totals) and score >= 0.95:
        rivals = [each for each in rivals if each[0] >= 0.9]
    chosen = making.pick(proposal, view, "order_amount", rivals, "the amount")
    if chosen is None:
        return False
    numbers = view.columns.get(chosen) or view.columns[view.best("unit_price")[1]]
    if numbers.decimal == ",":
        proposal.say("decimal", ",")
    if is_lines:
        proposal.say("lines", True, why_lines(view, order, chosen))
    if chosen in view.columns and _is_in_cents(making, view, chosen):
        looks = proposal.columns["order_amount"].looks
        proposal.columns["order_amount"] = Guess(f"{chosen} / 100", looks, 0.7, "whole numbers, as cents are")
    return True


def why_lines(view: View, order: str, amount: str) -> str:
    """Why rows are lines of orders."""
    below = any(number < 0 for part in amount.split(" * ") for number in view.columns[part].numbers)
    more = '; lines below zero are rejected, refunds = "net" has them reduce their order' if below else ""
    return f"{order} comes again with other products{more}"


def _is_in_cents(making: Making, view: View, name: str) -> bool:
    column = view.columns[name]
    if column.is_written_with_cents:
        return False
    text = words.squashed(name)
    taxes = [each for each in view.columns if words.is_tax(each) and any(view.columns[each].numbers)]
    stripe = (
        sum(text in ("ch", "py", "pi", "cus", "in") for each in view.columns.values() for text in _prefixes(each)) > 1
    )
    likely = (
        bool(re.search(r"cents?$|minor|pennies|pence", text))
        or stripe
        or (bool(taxes) and all(not view.columns[each].is_written_with_cents for each in taxes))
    )
    large = bool(column.numbers) and sorted(map(abs, column.numbers))[len(column.numbers) // 2] >= 100
    if not likely and not large:
        return False
    options = ("currency units", "cents, to be divided by 100")
    return bool(making.asking.choose(f"orders: {name} holds whole numbers; are they", options, int(likely)))


def _join_amounts(making: Making, proposal: Proposal, view: View, order: str) -> bool:
    """The amount from another table that names the order: payments, or lines."""
    known = set(view.columns[order].counts)
    best: tuple[float, str, str, View] | None = None
    for other in making.views:
        if other is view or other is making.by_source.get("customers"):
            continue
        score, made = amount_of(other)
        for sure, key in order_id_of(other):
            values = set(other.columns[key].counts)
            overlap = len(values & known) / len(values) if values else 0.0
            paid = "payment" in words.squashed(other.table.name)
            total = score + overlap + 0.3 * paid
            if made and sure >= 0.8 and overlap > 0.2 and key != plain_id(other) and (best is None or total > best[0]):
                best = total, made, key, other
    if best is None:
        return False
    _, made, key, other = best
    name = _join(making, proposal, other, order, key)
    parts = [f"{name}.{part}" for part in made.split(" * ")]
    text, why = " * ".join(parts), f"summed up by {key}"
    if len(parts) == 1:
        if other.columns[made].decimal == ",":
            proposal.say("decimal", ",")
        if _is_in_cents(making, other, made):
            text, why = f"{text} / 100", f"whole numbers, as cents are; {why}"
    proposal.columns["order_amount"] = Guess(text, making.looks(other, made), 0.75, why)
    return True


def _join_customers(making: Making, proposal: Proposal, view: View, who: str, customers: View | None) -> None:
    """Where each order has a customer number of its own, the one that stays from the customers."""
    if customers is None or view.columns[who].uniqueness < 0.999 or len(view.columns[who].present) < 10:
        return
    _, key = key_of(customers)
    lasting = [
        name for score, name in customers.candidates("customer_id") if "unique" in name.casefold() and name != key
    ]
    if lasting:
        name = _join(making, proposal, customers, who, key)
        looks = making.looks(customers, lasting[0])
        why = f"{who} is another one in each order"
        proposal.columns["customer_id"] = Guess(f"{name}.{lasting[0]}", looks, 0.75, why)
        making.customer_key = lasting[0]


def _join(making: Making, proposal: Proposal, other: View, ours: str, theirs: str) -> str:
    table = other.table
    stem = re.sub(r"[^a-z]+", "_", table.paths[0].rpartition("/")[2].split(".")[0].casefold()).strip("_")
    name = next(
        (part for part in stem.split("_") if part in ("payments", "items", "customers", "lines")), stem or "more"
    )
    said = making.begin("orders", table).said
    join = {key: value for key, value in said.items() if key in ("path", "format", "delimiter", "encoding")}
    join["on"] = ours if ours == theirs else f"{ours} = {theirs}"
    proposal.said["joins"] = {**proposal.said.get("joins", {}), name: join}
    making.joined.add(id(table))
    return name


def _say_states(making: Making, proposal: Proposal, view: View) -> None:
    """Leave out orders that came to nothing."""
    conditions = list(proposal.said.get("where", ()))
    for score, name in view.candidates("status"):
        if score < SURE:
            continue
        states = [value for value in view.columns[name].counts if isinstance(value, str)]
        none = [value for value in states if words.NO_ORDER.fullmatch(words.squashed(value))]
        for value in (value for value in states if words.MAYBE_NO_ORDER.fullmatch(words.squashed(value))):
            if not making.asking.choose(f"orders: does {name} = {value} count as an order?", ("no", "yes"), 1):
                none.append(value)
        if none:
            conditions.append(f"{name} not in {quoted(sorted(none))}")
    score, name = view.best("cancelled_at")
    if score >= SURE and 0 < view.columns[name].filled < 0.5:
        conditions.append(f"{name} is empty")
    if len(conditions) > len(proposal.said.get("where", ())):
        proposal.say("where", conditions, "what was cancelled or failed is left out")


def say_currency(making: Making, proposal: Proposal, view: View) -> None:
    """Rates of the currencies that amounts are in; orders in one without a rate are left out."""
    score, name = view.best("currency")
    if score < SURE or len(view.columns[name].counts) < 2:
        return
    codes = [code for code, _ in view.columns[name].counts.most_common()]
    rates = {codes[0]: Decimal(1)}
    for code in codes[1:]:
        rate = making.asking.rate(f"orders: how much {codes[0]} is one {code}? (Enter leaves its orders out)")
        if rate is not None:
            rates[code] = rate
    if len(rates) > 1:
        proposal.say("currency", {"column": name, "rates": rates})
    if lacking := [code for code in codes if code not in rates]:
        shown = [*proposal.said.get("where", ()), f"{name} in {quoted(list(rates))}"]
        proposal.say("where", shown)
        making.result.notes.append(
            f"Orders in {in_words(lacking, 'and') if len(lacking) > 1 else lacking[0]} are left out: "
            "there is no rate; add one under [orders.currency]"
        )


def is_of_order(order: Column, amount: Column) -> bool:
    """Whether an amount is that of the order as a whole: told once, or the same in each of its lines."""
    told: dict[Any, list[Any]] = {}
    for number, value in zip(order.values, amount.values, strict=True):
        if number is not None:
            told.setdefault(number, []).append(value)
    several = [values for values in told.values() if len(values) > 1]
    if not several:
        return False
    once = sum(sum(value is not None for value in values) == 1 for values in several)
    same = sum(len(set(values)) == 1 and values[0] is not None for values in several)
    return max(once, same) > 0.9 * len(several)


def _prefixes(column: Column) -> Iterable[str]:
    """What stands before an underscore in all values of a column: `ch` of ch_3Nk…."""
    found = {text.partition("_")[0] for text in column.texts[:50] if "_" in text}
    return found if len(found) == 1 else ()
