"""Second step: which table is what, which column is what, and how its values are spelled; each guess with its reason.

A guess goes by names (words.py) and by values (shapes.py): what repeats, what is a time, what adds up. Where two readings are
about as likely, it is asked; who is not there to answer gets the likelier one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cached_property
from statistics import median
from typing import Any, Protocol

from engagement_assets.domain.contracts.sources import FUNNEL
from engagement_assets.domain.source_mapping import ISO
from engagement_assets.domain.sources import in_words
from engagement_assets.sources.connect import words
from engagement_assets.sources.connect.looking import Found, Table, Text
from engagement_assets.sources.connect.shapes import Column
from engagement_assets.sources.connect.words import likeness, table_likeness

#: From which likeness on a guess is not asked about, and how much less likely the next best has to be.
SURE = 0.8
_APART = 0.08

#: The least likeness of a column that is taken at all.
_LEAST = 0.3

#: The least likeness of a table that is taken for a source.
_LEAST_TABLE = 0.5

_IDENTIFIERS = ("customer_id", "order_id", "event_id")

_BY_BOTH = "name and values"

#: Share of rows with a value from which on the others are faults, and no kind of rows of their own.
_MOSTLY = 0.9

#: Most event types that are listed.
_TYPES = 40


class NothingFitsError(ValueError):
    """No table looks like customers, orders or events; the message says what there is."""


class Asking(Protocol):
    """Who answers where a guess is unsure."""

    def choose(self, question: str, options: Sequence[str], best: int) -> int:
        """The number of the option that is meant."""

    def rate(self, question: str) -> Decimal | None:
        """A number above zero; None where nobody knows."""


@dataclass(frozen=True)
class Guess:
    """What a column of the contract is made of, how that looks, how sure it is, and why."""

    text: str
    looks: str
    sure: float
    why: str


@dataclass
class Proposal:
    """What one source of sources.toml is to say."""

    source: str
    table: Table | None
    columns: dict[str, Guess] = field(default_factory=dict)
    #: Other keys of the mapping -> value; reasons by key.
    said: dict[str, Any] = field(default_factory=dict)
    why: dict[str, str] = field(default_factory=dict)

    def say(self, key: str, value: Any, why: str = "") -> None:
        """Set a key of the mapping, with the reason."""
        self.said[key] = value
        if why:
            self.why[key] = why

    @property
    def mapping(self) -> dict[str, Any]:
        """As `SourceMapping` has it."""
        columns = {name: guess.text for name, guess in self.columns.items()}
        return {**self.said, **({"columns": columns} if columns else {})}


@dataclass
class Connection:
    """What is proposed for a folder, and what is told beside it."""

    proposals: dict[str, Proposal] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


_Scored = tuple[float, str]


@dataclass(frozen=True)
class _View:
    """A table's columns, and how likely each is what."""

    table: Table
    columns: Mapping[str, Column]

    @classmethod
    def of(cls, table: Table) -> _View:
        return cls(table, {name: Column(name, values, table.file_of) for name, values in table.columns.items()})

    def where(self, column: str, values: set[str]) -> _View:
        """The rows whose column has one of these values."""
        chosen = [at for at, value in enumerate(self.columns[column].values) if value in values]
        files = [self.table.file_of[at] for at in chosen]
        return replace(
            self,
            columns={
                name: Column(name, [each.values[at] for at in chosen], files) for name, each in self.columns.items()
            },
        )

    @cached_property
    def has_names(self) -> bool:
        return not all(name.startswith("column_") for name in self.table.text.header or ("a name",))

    def candidates(self, role: str) -> list[_Scored]:
        """Columns that may be what `role` says, the likeliest first."""
        scored = (
            (_fit(role, column, self.has_names), -at, name) for at, (name, column) in enumerate(self.columns.items())
        )
        return [(score, name) for score, _, name in sorted(scored, reverse=True) if score >= _LEAST]

    def best(self, role: str) -> _Scored:
        """The likeliest column; 0 and nothing where there is none."""
        return next(iter(self.candidates(role)), (0.0, ""))


def _fit(role: str, column: Column, has_names: bool) -> float:
    """How likely a column is what `role` says, by its name and by its values."""
    if not column.present:
        return 0.0
    name = likeness(role, column.name) if has_names else 0.0
    filled = min(1.0, 0.5 + column.filled)
    spelling = column.spelling
    if role in _IDENTIFIERS:
        if (spelling and not column.numbers) or (column.has_cents and name < SURE):
            return 0.0
        if role == "event_id":
            return name if column.uniqueness > 0.98 and column.filled > 0.5 else 0.0
        if role == "order_id" and column.name.casefold() == "name":
            name = 1.0 if all(text.startswith("#") for text in column.texts[:20]) else 0.0
        if not has_names:
            name = 0.3 + 0.3 * (column.uniqueness if role == "order_id" else 1 - column.uniqueness)
            if column.is_email:
                name = 0.5 if role == "customer_id" else 0.0
        constant = len(column.counts) == 1 and len(column.present) > 20
        return name * filled * (0.2 if constant else 1.0)
    if role in ("order_date", "signup_date", "event_time", "updated_at", "cancelled_at"):
        if spelling is None:
            return 0.0
        by_values = 0.35 if role in ("order_date", "event_time", "signup_date") and not column.numbers else 0.0
        otherwise = bool(words.likeness("updated_at", column.name) or words.likeness("cancelled_at", column.name))
        if not has_names:
            by_values = 0.7
        hours = 1.0 if spelling.has_hours or role != "event_time" else 0.7
        return max(name, by_values * (not otherwise)) * (filled if role != "cancelled_at" else 1.0) * hours
    if role in ("order_amount", "unit_price", "quantity"):
        if not column.numbers or (
            spelling is not None and spelling.format != ISO and not column.has_cents and name < 0.9
        ):
            return 0.0
        if not has_names:
            name = 0.6 if column.has_cents else 0.31
        is_zero = not any(column.numbers)
        return name * filled * (0.2 if is_zero else 1.0) * (0.5 if role == "quantity" and column.has_cents else 1.0)
    if role == "email":
        return max(name, 0.9) if column.is_email else 0.0
    if role == "event_type":
        return _event_type_fit(name, column)
    if role in ("country", "currency", "status"):
        most = {"country": 300, "currency": 40, "status": 30}[role]
        letters = sum(bool(re.search(r"[^\W\d]", text)) for text in column.texts)
        return 0.0 if len(column.counts) > most or letters < 0.9 * max(1, len(column.texts)) else name
    return name


def _event_type_fit(name: float, column: Column) -> float:
    kinds = len(column.counts)
    if column.numbers or column.spelling or kinds > 500 or (kinds > 10 and kinds > 0.5 * len(column.present)):
        return 0.0
    known = sum(rows for value, rows in column.counts.items() if words.event_meaning(value) or words.is_purchase(value))
    share = known / len(column.present)
    filled = min(1.0, 0.5 + column.filled)
    return max(name * (0.75 + 0.25 * share), 0.65 * share if kinds <= 60 else 0.0) * filled


# ---- which table is which source ----------------------------------------------------------------------------------------


def _key(view: _View) -> _Scored:
    """The column that identifies the rows of a table of customers."""
    names = {name: score for score, name in view.candidates("customer_id")}
    if (column := _plain_id(view)) is not None:
        names[column] = max(names.get(column, 0.0), 0.9)
    scored = [
        (score * (1.0 if view.columns[name].uniqueness > 0.97 and view.columns[name].filled > 0.9 else 0.3), name)
        for name, score in names.items()
    ]
    return max(scored, key=lambda each: each[0], default=(0.0, ""))


def _plain_id(view: _View) -> str | None:
    """The column that is called `id`, whatever it identifies."""
    return next(
        (name for name in view.columns if words.squashed(words.without_type(name)) in ("id", "pk", "key", "uuid")), None
    )


def _order_id(view: _View) -> list[_Scored]:
    found = view.candidates("order_id")
    plain = _plain_id(view)
    if plain is not None and view.columns[plain].uniqueness > 0.5 and plain not in {name for _, name in found}:
        is_key = view.columns[plain].uniqueness > 0.99 and view.columns[plain].filled > 0.99
        found.append((0.9 if is_key else 0.6, plain))
    return sorted(found, key=lambda each: -each[0])


def _amount(view: _View) -> _Scored:
    """What the amount of an order or a line is made of."""
    total, price, quantity = view.best("order_amount"), view.best("unit_price"), view.best("quantity")
    if view.has_names and price[1] and quantity[1] and (total[0] < 0.65 or total[1] == price[1]):
        return min(price[0], quantity[0], 0.95), f"{quantity[1]} * {price[1]}"
    return total


def _as_customers(view: _View) -> float:
    key, _ = _key(view)
    person = sum(likeness("person", name) > 0.5 for name in view.columns)
    hint = table_likeness("customers", view.table.name)
    facts = view.best("event_type")[0] > 0.8 or (
        view.best("order_amount")[0] > 0.8 and bool(_order_id(view)) and hint < 1
    )
    score = (
        0.3 * key
        + 0.2 * view.best("signup_date")[0]
        + 0.15 * view.best("email")[0]
        + 0.15 * view.best("country")[0]
        + 0.3 * hint
        + 0.1 * min(person, 2)
    )
    return score * (0.3 if facts else 1.0) * (1.0 if key >= 0.5 else 0.3)


def _as_orders(view: _View) -> float:
    who, when = view.best("customer_id"), view.best("order_date")
    if not who[1] or not when[1]:
        return 0.0
    order = next(iter(_order_id(view)), (0.0, ""))
    hint = table_likeness("orders", view.table.name)
    score = 0.3 * who[0] + 0.2 * order[0] + 0.2 * when[0] + 0.3 * _amount(view)[0] + 0.25 * hint
    is_stream = view.best("event_type")[0] > 0.8 and table_likeness("web_events", view.table.name) >= hint
    # Without a number of the order, who bought on one day makes an order; then the amounts have to be there.
    lacking = 1.0 if order[1] else 0.9 if hint and _amount(view)[0] >= 0.4 else 0.5
    return score * (0.4 if is_stream else 1.0) * lacking


def _as_events(view: _View) -> float:
    who, when, kind = view.best("customer_id"), view.best("event_time"), view.best("event_type")
    hint = table_likeness("web_events", view.table.name)
    url = max((likeness("url", name) for name in view.columns), default=0.0)
    if not who[1] or not when[1] or not (kind[1] or url or hint):
        return 0.0
    return 0.3 * who[0] + 0.25 * when[0] + 0.25 * max(kind[0], 0.7 * url) + 0.25 * hint


def _sources(views: Sequence[_View]) -> dict[str, _View]:
    """Source -> the table that is most likely it; a table is one source at most."""
    scored = [
        (score * (0.98 if words.is_other_table(view.table.name) else 1.0), view.table.size, source, view)
        for view in views
        for source, how in (("customers", _as_customers), ("orders", _as_orders), ("web_events", _as_events))
        if (score := how(view)) >= _LEAST_TABLE
    ]
    found: dict[str, _View] = {}
    for _, _, source, view in sorted(scored, key=lambda each: (-each[0], -each[1])):
        if source not in found and all(view is not taken for taken in found.values()):
            found[source] = view
    return found


# ---- the proposal as a whole ----------------------------------------------------------------------------------------------


def guess(found: Found, asking: Asking) -> Connection:
    """What sources.toml is to say of the tables of a folder. Raises NothingFitsError."""
    views = [_View.of(table) for table in found.tables]
    by_source = _sources(views)
    if not by_source.keys() & {"orders", "web_events"}:
        listed = "; ".join(f"{view.table.name}: {', '.join(list(view.columns)[:8])}" for view in views[:4])
        raise NothingFitsError(
            "no table looks like orders or events, which need at least who and when in each row (columns such as customer_id "
            f"and order_date); there is {listed}. Add a file that has them, or write sources.toml by hand: docs/own_data.md"
        )
    maker = _Maker(asking, views, by_source)
    return maker.make()


@dataclass
class _Maker:
    asking: Asking
    views: Sequence[_View]
    by_source: dict[str, _View]
    result: Connection = field(default_factory=Connection)

    def make(self) -> Connection:
        customers, orders, events = (self.by_source.get(name) for name in ("customers", "orders", "web_events"))
        ids = self._customer_ids(customers, [view for view in (orders, events) if view is not None])
        made: dict[str, Proposal | None] = {"customers": None, "orders": None, "web_events": None}
        if orders is not None:
            made["orders"] = self._orders(orders, ids, customers)
        if events is not None:
            made["web_events"] = self._events(events, ids)
            if made["orders"] is None:
                made["orders"] = self._orders_among(events, made["web_events"])
        seen_in = [name for name in ("orders", "web_events") if made[name] is not None]
        made["customers"] = self._customers(customers, made, seen_in)
        for proposal in made.values():
            if proposal is not None:
                self._say_whole_numbers(proposal)
        self.result.proposals = {name: made_ for name, made_ in made.items() if made_ is not None}
        used = {id(each.table) for each in self.result.proposals.values()} | self.joined
        if rest := [view.table.name for view in self.views if id(view.table) not in used]:
            self.result.notes.append(f"Not used: {', '.join(rest)}")
        return self.result

    joined: set[int] = field(default_factory=set)
    #: Table and column that names the customer -> the column of the customers that has its values.
    keys: dict[tuple[int, str], str] = field(default_factory=dict)
    #: Before everything that orders and events tell of.
    first_year: int = 9999
    #: The column of the customers that identifies them, where the others' rows say so.
    customer_key: str | None = None

    # ---- who --------------------------------------------------------------------------------------------------------

    def _customer_ids(self, customers: _View | None, others: Sequence[_View]) -> Mapping[int, list[_Scored]]:
        """Of each other table, the columns that may name the customer; what is found among the customers counts more."""
        keys: dict[str, set[Any]] = {}
        if customers is not None:
            _, key = _key(customers)
            others_of_it = [
                name
                for name, column in customers.columns.items()
                if words.is_identifier(name) and column.uniqueness > 0.97 and column.filled > 0.97
            ]
            names = dict.fromkeys((key, *others_of_it, customers.best("email")[1]))
            keys = {name: customers.columns[name].identifiers for name in names if name}
        found: dict[int, list[_Scored]] = {}
        for view in others:
            scored = []
            for score, name in view.candidates("customer_id"):
                column = view.columns[name]
                own = column.identifiers
                overlaps = {key: len(known & own) / len(own) for key, known in keys.items()}
                key = max(overlaps, key=overlaps.__getitem__, default="")
                if key and overlaps[key] > 0.1:
                    self.keys[id(view), name] = key
                    score += 0.5 * overlaps[key] * column.filled
                scored.append((score, name))
            found[id(view)] = sorted(scored, key=lambda each: -each[0])
        return found

    # ---- one column ---------------------------------------------------------------------------------------------------

    def _pick(self, proposal: Proposal, view: _View, role: str, candidates: Sequence[_Scored], what: str) -> str | None:
        """The column for a role, asked for where it is not clear."""
        if not candidates:
            return None
        (score, name), *others = candidates
        close = [(other, text) for other, text in others if score - other < _APART]
        if (score < SURE or close) and others:
            options = [name, *(text for _, text in others[:5])]
            chosen = self.asking.choose(
                f"{proposal.source}: which column of {view.table.name} is {what}?",
                [f"{text}  ({self._looks(view, text)})" for text in options],
                0,
            )
            score, name = (score if not chosen else 1.0), options[chosen]
        why = _BY_BOTH if score >= SURE else "the likeliest by its values; look at it"
        proposal.columns[role] = Guess(name, self._looks(view, name), score, why)
        return name

    @staticmethod
    def _looks(view: _View, text: str) -> str:
        column = view.columns.get(text)
        if column is None:
            return "product of numbers"
        return column.looks

    @staticmethod
    def _say_nobody(proposal: Proposal, view: _View, who: str) -> None:
        """Leave out rows of guests, where one value stands for all of them."""
        counts = view.columns[who].counts
        usual = median(counts.values())
        nobody = [value for value in counts if str(value).casefold() in words.NOBODY and counts[value] > 2 * usual]
        if nobody:
            told = f"{who} not in {_quoted(nobody)}"
            proposal.say("where", [*proposal.said.get("where", ()), told], "rows of guests belong to no customer")

    def _say_whole_numbers(self, proposal: Proposal) -> None:
        """Say that identifiers are whole numbers where they are written as decimals: elsewhere they may not be."""
        view = next((view for view in self.views if view.table is proposal.table), None)
        for role, guess in proposal.columns.items() if view is not None else ():
            column = view.columns.get(guess.text) if view is not None else None
            if role in _IDENTIFIERS and column is not None and column.is_whole_decimals:
                proposal.say("whole_number_ids", True, f"{guess.text} has whole numbers that are written as decimals")

    # ---- how the table is written, and its times ------------------------------------------------------------------------

    def _begin(self, source: str, table: Table) -> Proposal:
        proposal = Proposal(source, table)
        proposal.say("path", table.paths[0] if len(table.paths) == 1 else list(table.paths))
        if table.is_untold:
            proposal.say("format", table.format, "the ends of the names do not say it")
        plain = Text()
        for key in ("delimiter", "quote", "encoding", "header"):
            value = getattr(table.text, key)
            if value != getattr(plain, key) and table.format in ("csv", "json"):
                reason = {
                    "encoding": "not all of it is UTF-8; correct it where names look wrong" if value == "cp1252" else ""
                }
                proposal.say(key, list(value) if key == "header" else value, reason.get(key, ""))
        if table.text.header:
            proposal.why["header"] = "the files do not begin with the names of their columns"
        return proposal

    def _say_times(self, proposal: Proposal, view: _View, name: str) -> None:
        spelling = view.columns[name].spelling
        if spelling is None:
            return
        if proposal.source != "customers":
            self.first_year = min(self.first_year, view.columns[name].first_year or self.first_year)
        form = spelling.format
        if spelling.other is not None:
            readings = {"%d": "day first", "%m": "month first"}
            options = (form, spelling.other)
            usual = self._usual_order
            best = int(usual is not None and not form.startswith(usual))
            chosen = best
            if usual is None:
                chosen = self.asking.choose(
                    f"{proposal.source}: {name} may be read in two ways; which comes first?",
                    [f"{readings[each[:2]]}  ({each})" for each in options],
                    best,
                )
            form = options[chosen]
            as_well = f"the values would fit {options[1 - chosen]} as well"
            proposal.why["time_format"] = "other columns tell the order" if usual else as_well
        if form != ISO:
            proposal.say("time_format", form)
        told = bool(spelling.fixed_zone or re.search(r"utc|gmt", words.squashed(name)))
        if (told and spelling.zone != "told") or spelling.fixed_zone or view.table.text.header == words.SNOWPLOW:
            proposal.say("timezone", "UTC", f"{name} says so" if told else "all times of Snowplow are")

    @cached_property
    def _usual_order(self) -> str | None:
        """Whether day or month comes first in the columns that tell; None where none does, or both."""
        spellings = (column.spelling for view in self.views for column in view.columns.values())
        found = {each.format[:2] for each in spellings if each is not None and each.other is None}
        first = found & {"%d", "%m"}
        return first.pop() if len(first) == 1 else None

    def _say_updates(self, proposal: Proposal, view: _View, dated: str) -> None:
        score, name = view.best("updated_at")
        ours, theirs = (view.columns[each].spelling if each else None for each in (dated, name))
        if score >= SURE and name != dated and theirs and (ours is None or ours.format == theirs.format):
            proposal.columns["updated_at"] = Guess(
                name, self._looks(view, name), score, "tells later versions of a row"
            )

    # ---- orders --------------------------------------------------------------------------------------------------------

    def _orders(self, view: _View, ids: Mapping[int, list[_Scored]], customers: _View | None) -> Proposal | None:
        proposal = self._begin("orders", view.table)
        numbers = _order_id(view)
        order = self._pick(proposal, view, "order_id", numbers, "the number of the order")
        who = self._pick(proposal, view, "customer_id", ids[id(view)], "the customer")
        when = self._pick(proposal, view, "order_date", view.candidates("order_date"), "when it was ordered")
        if who is None or when is None:
            return None
        if order is None:
            return self._orders_by_day(proposal, view, who, when)
        self.customer_key = self.keys.get((id(view), who))
        self._say_nobody(proposal, view, who)
        self._join_customers(proposal, view, who, customers)
        if not self._say_amount(proposal, view, order) and not self._join_amounts(proposal, view, order):
            self.result.notes.append(
                f"{view.table.name} looks like orders, but has no amount, and no other table has one "
                f"by {order}; orders are left out"
            )
            return None
        self._say_times(proposal, view, when)
        self._say_updates(proposal, view, when)
        self._say_states(proposal, view)
        self._say_currency(proposal, view)
        return proposal

    def _orders_by_day(self, proposal: Proposal, view: _View, who: str, when: str) -> Proposal | None:
        """Orders of rows that have no number of an order: what somebody bought at one time."""
        _, made = _amount(view)
        if not made:
            self.result.notes.append(
                f"{view.table.name} has neither a number of the order nor an amount; there are no orders"
            )
            return None
        self.customer_key = self.keys.get((id(view), who))
        together = Guess(f"{who} + {when}", "", 0.6, "no column numbers the orders: what one bought at one time is one")
        amount = Guess(made, self._looks(view, made), _amount(view)[0], _BY_BOTH)
        proposal.columns = {"order_id": together, **proposal.columns, "order_amount": amount}
        proposal.say("lines", True, "all rows of one customer and time are summed up")
        if view.columns[made.split(" * ")[0]].decimal == ",":
            proposal.say("decimal", ",")
        self._say_nobody(proposal, view, who)
        self._say_times(proposal, view, when)
        self._say_states(proposal, view)
        self._say_currency(proposal, view)
        return proposal

    def _say_amount(self, proposal: Proposal, view: _View, order: str) -> bool:
        """The amount, and whether rows are lines of orders; False where there is no amount."""
        column = view.columns[order]
        is_lines = column.uniqueness < 0.98 and (bool(view.best("product")[1]) or bool(view.best("quantity")[1]))
        totals = [each for each in view.candidates("order_amount") if each[0] >= 0.55]
        score, made = _amount(view)
        if is_lines:
            of_order = next((name for _, name in totals if _is_of_order(column, view.columns[name])), None)
            if of_order is not None:
                made, score = of_order, 0.9
                filled = view.columns[of_order].filled > 0.98
                is_lines = not filled  # repeated in each line: the lines are repeats of one order
        if not made:
            return False
        rivals = [(score, made), *(each for each in totals if each[1] != made)]
        if made in (name for _, name in totals) and score >= 0.95:
            rivals = [each for each in rivals if each[0] >= 0.9]
        chosen = self._pick(proposal, view, "order_amount", rivals, "the amount")
        if chosen is None:
            return False
        numbers = view.columns.get(chosen) or view.columns[view.best("unit_price")[1]]
        if numbers.decimal == ",":
            proposal.say("decimal", ",")
        if is_lines:
            proposal.say("lines", True, self._why_lines(view, order, chosen))
        if chosen in view.columns and self._is_in_cents(view, chosen):
            looks = proposal.columns["order_amount"].looks
            proposal.columns["order_amount"] = Guess(f"{chosen} / 100", looks, 0.7, "whole numbers, as cents are")
        return True

    @staticmethod
    def _why_lines(view: _View, order: str, amount: str) -> str:
        below = any(number < 0 for part in amount.split(" * ") for number in view.columns[part].numbers)
        more = '; lines below zero are rejected, refunds = "net" has them reduce their order' if below else ""
        return f"{order} comes again with other products{more}"

    def _is_in_cents(self, view: _View, name: str) -> bool:
        column = view.columns[name]
        if column.is_written_with_cents:
            return False
        text = words.squashed(name)
        taxes = [each for each in view.columns if words.is_tax(each) and any(view.columns[each].numbers)]
        stripe = (
            sum(text in ("ch", "py", "pi", "cus", "in") for each in view.columns.values() for text in _prefixes(each))
            > 1
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
        return bool(self.asking.choose(f"orders: {name} holds whole numbers; are they", options, int(likely)))

    def _join_amounts(self, proposal: Proposal, view: _View, order: str) -> bool:
        """The amount from another table that names the order: payments, or lines."""
        known = set(view.columns[order].counts)
        best: tuple[float, str, str, _View] | None = None
        for other in self.views:
            if other is view or other is self.by_source.get("customers"):
                continue
            score, made = _amount(other)
            for sure, key in _order_id(other):
                values = set(other.columns[key].counts)
                overlap = len(values & known) / len(values) if values else 0.0
                paid = "payment" in words.squashed(other.table.name)
                total = score + overlap + 0.3 * paid
                if (
                    made
                    and sure >= 0.8
                    and overlap > 0.2
                    and key != _plain_id(other)
                    and (best is None or total > best[0])
                ):
                    best = total, made, key, other
        if best is None:
            return False
        _, made, key, other = best
        name = self._join(proposal, other, order, key)
        parts = [f"{name}.{part}" for part in made.split(" * ")]
        text, why = " * ".join(parts), f"summed up by {key}"
        if len(parts) == 1:
            if other.columns[made].decimal == ",":
                proposal.say("decimal", ",")
            if self._is_in_cents(other, made):
                text, why = f"{text} / 100", f"whole numbers, as cents are; {why}"
        proposal.columns["order_amount"] = Guess(text, self._looks(other, made), 0.75, why)
        return True

    def _join_customers(self, proposal: Proposal, view: _View, who: str, customers: _View | None) -> None:
        """Where each order has a customer number of its own, the one that stays from the customers."""
        if customers is None or view.columns[who].uniqueness < 0.999 or len(view.columns[who].present) < 10:
            return
        _, key = _key(customers)
        lasting = [
            name for score, name in customers.candidates("customer_id") if "unique" in name.casefold() and name != key
        ]
        if lasting:
            name = self._join(proposal, customers, who, key)
            looks = self._looks(customers, lasting[0])
            why = f"{who} is another one in each order"
            proposal.columns["customer_id"] = Guess(f"{name}.{lasting[0]}", looks, 0.75, why)
            self.customer_key = lasting[0]

    def _join(self, proposal: Proposal, other: _View, ours: str, theirs: str) -> str:
        table = other.table
        stem = re.sub(r"[^a-z]+", "_", table.paths[0].rpartition("/")[2].split(".")[0].casefold()).strip("_")
        name = next(
            (part for part in stem.split("_") if part in ("payments", "items", "customers", "lines")), stem or "more"
        )
        said = self._begin("orders", table).said
        join = {key: value for key, value in said.items() if key in ("path", "format", "delimiter", "encoding")}
        join["on"] = ours if ours == theirs else f"{ours} = {theirs}"
        proposal.said["joins"] = {**proposal.said.get("joins", {}), name: join}
        self.joined.add(id(table))
        return name

    def _say_states(self, proposal: Proposal, view: _View) -> None:
        """Leave out orders that came to nothing."""
        conditions = list(proposal.said.get("where", ()))
        for score, name in view.candidates("status"):
            if score < SURE:
                continue
            states = [value for value in view.columns[name].counts if isinstance(value, str)]
            none = [value for value in states if words.NO_ORDER.fullmatch(words.squashed(value))]
            for value in (value for value in states if words.MAYBE_NO_ORDER.fullmatch(words.squashed(value))):
                if not self.asking.choose(f"orders: does {name} = {value} count as an order?", ("no", "yes"), 1):
                    none.append(value)
            if none:
                conditions.append(f"{name} not in {_quoted(sorted(none))}")
        score, name = view.best("cancelled_at")
        if score >= SURE and 0 < view.columns[name].filled < 0.5:
            conditions.append(f"{name} is empty")
        if len(conditions) > len(proposal.said.get("where", ())):
            proposal.say("where", conditions, "what was cancelled or failed is left out")

    def _say_currency(self, proposal: Proposal, view: _View) -> None:
        score, name = view.best("currency")
        if score < SURE or len(view.columns[name].counts) < 2:
            return
        codes = [code for code, _ in view.columns[name].counts.most_common()]
        rates = {codes[0]: Decimal(1)}
        for code in codes[1:]:
            rate = self.asking.rate(f"orders: how much {codes[0]} is one {code}? (Enter leaves its orders out)")
            if rate is not None:
                rates[code] = rate
        if len(rates) > 1:
            proposal.say("currency", {"column": name, "rates": rates})
        if lacking := [code for code in codes if code not in rates]:
            shown = [*proposal.said.get("where", ()), f"{name} in {_quoted(list(rates))}"]
            proposal.say("where", shown)
            self.result.notes.append(
                f"Orders in {in_words(lacking, 'and') if len(lacking) > 1 else lacking[0]} are left out: "
                "there is no rate; add one under [orders.currency]"
            )

    # ---- events --------------------------------------------------------------------------------------------------------

    def _events(self, view: _View, ids: Mapping[int, list[_Scored]]) -> Proposal | None:
        proposal = self._begin("web_events", view.table)
        who = self._pick(proposal, view, "customer_id", ids[id(view)], "who did it")
        when = self._pick(proposal, view, "event_time", view.candidates("event_time"), "when it happened")
        if who is None or when is None:
            return None
        self.customer_key = self.customer_key or self.keys.get((id(view), who))
        kind = self._pick(proposal, view, "event_type", view.candidates("event_type"), "the type of the event")
        if kind is None:
            proposal.columns["event_type"] = Guess("= page_view", "", 0.7, "no column tells a type")
        else:
            self._say_types(proposal, view.columns[kind])
        score, name = view.best("event_id")
        if score >= 0.6 and name not in (who, when, kind):
            proposal.columns["event_id"] = Guess(name, self._looks(view, name), score, "another one in each row")
        self._say_nobody(proposal, view, who)
        self._say_times(proposal, view, when)
        return proposal

    def _say_types(self, proposal: Proposal, column: Column) -> None:
        types = [value for value, _ in column.counts.most_common()]
        meanings = {value: words.event_meaning(value) for value in types}
        if "checkout" not in [*meanings.values(), *types]:
            meanings |= {value: "checkout" for value in types if words.is_purchase(value)}
        options = (*FUNNEL, "something else")
        for value in types:
            if (
                not meanings[value]
                and column.counts[value] >= 0.2 * len(column.present)
                and not words.is_purchase(value)
            ):
                chosen = self.asking.choose(f"web_events: what is {value!r}?", options, len(options) - 1)
                meanings[value] = options[chosen] if chosen < len(FUNNEL) else ""
        said = {value: meaning for value, meaning in meanings.items() if meaning and value != meaning}
        if said:
            proposal.say("event_types", dict(list(said.items())[:_TYPES]))
        if rest := [value for value in types if not meanings[value] and value not in FUNNEL][:_TYPES]:
            proposal.why["event_types"] = f"kept as they are, and count as activity: {', '.join(rest)}"
        if column.filled < _MOSTLY:
            conditions = [*proposal.said.get("where", ()), f"{column.name} is not empty"]
            proposal.say("where", conditions, "rows without a type are no events")

    def _orders_among(self, view: _View, events: Proposal | None) -> Proposal | None:
        """Orders from a stream of events that holds them too."""
        kind = events.columns["event_type"].text if events is not None else ""
        if events is None or kind not in view.columns:
            return None
        bought = [value for value in view.columns[kind].counts if words.is_purchase(value)]
        if not bought:
            return None
        rows = view.where(kind, set(bought))
        proposal = self._begin("orders", view.table)
        proposal.say("where", [f"{kind} in {_quoted(bought)}"], "the events that are an order")
        _, amount = next(((score, name) for score, name in rows.candidates("order_amount") if score >= 0.4), (0.0, ""))
        sessions = [name for name in rows.columns if "session" in name.casefold() and rows.columns[name].filled > 0.9]
        candidates = [each for each in rows.candidates("order_id") if rows.columns[each[1]].filled > 0.5]
        if not candidates and sessions and rows.columns[sessions[0]].uniqueness < 0.98:
            candidates = [(0.6, sessions[0])]
        if not candidates and "event_id" in events.columns:
            candidates = [(0.6, events.columns["event_id"].text)]
        if not amount or not candidates:
            lacking = "no number of the order" if amount else "no amount"
            self.result.notes.append(
                f"{view.table.name} holds purchases ({', '.join(bought)}), but {lacking}; there are no orders"
            )
            return None
        order = self._pick(proposal, rows, "order_id", candidates, "the number of the order")
        proposal.columns["customer_id"] = events.columns["customer_id"]
        proposal.columns["order_date"] = replace(events.columns["event_time"], why="when the event happened")
        if order is None or not self._say_amount(proposal, rows, order):
            return None
        for key in ("time_format", "timezone"):
            if key in events.said:
                proposal.say(key, events.said[key])
        if rows.columns[order].uniqueness < 0.98 and proposal.columns["order_amount"].text in rows.columns:
            column = rows.columns[proposal.columns["order_amount"].text]
            if not _is_of_order(rows.columns[order], column):
                proposal.say("lines", True, self._why_lines(rows, order, column.name))
        self._say_currency(proposal, rows)
        return proposal

    # ---- customers -----------------------------------------------------------------------------------------------------

    def _customers(
        self, view: _View | None, made: Mapping[str, Proposal | None], seen_in: Sequence[str]
    ) -> Proposal | None:
        if view is None:
            return self._customers_among(seen_in)
        proposal = self._begin("customers", view.table)
        score, key = _key(view)
        if self.customer_key and self.customer_key != key:
            score, key = 0.9, self.customer_key
        proposal.columns["customer_id"] = Guess(key, self._looks(view, key), score, "another one in each row")
        signup = None
        if view.candidates("signup_date"):
            signup = self._pick(proposal, view, "signup_date", view.candidates("signup_date"), "the sign-up")
        self._say_person(proposal, view, key)
        if signup is not None:
            self._say_times(proposal, view, signup)
            self._say_updates(proposal, view, signup)
        elif not seen_in:
            return None
        if signup is None or (view.columns[signup].filled < _MOSTLY and seen_in):
            proposal.say("first_seen_in", list(seen_in), "who has no sign-up date signs up on the first day seen")
        if signup is None:
            proposal.columns["signup_date"] = Guess(f"= {self.first_year}-01-01", "", 1.0, "of those never seen")
        return proposal

    def _customers_among(self, seen_in: Sequence[str]) -> Proposal:
        """Customers from the others' rows, where no table has them."""
        proposal = Proposal("customers", None)
        for name in seen_in:
            view = self.by_source.get(name) or self.by_source["web_events"]
            if not proposal.columns:
                self._say_person(proposal, view, "")
        proposal.say("first_seen_in", list(seen_in), "no table has the customers: each signs up on the first day seen")
        return proposal

    def _say_person(self, proposal: Proposal, view: _View, key: str) -> None:
        for role in ("email", "country"):
            score, name = view.best(role)
            if name and score >= 0.6 and (name != key or role == "email"):
                proposal.columns[role] = Guess(name, self._looks(view, name), score, _BY_BOTH)


def _is_of_order(order: Column, amount: Column) -> bool:
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


def _quoted(values: Iterable[str]) -> str:
    return json.dumps(list(values), ensure_ascii=False)
