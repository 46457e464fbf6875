"""How likely a column is what a contract wants, and a table one of the sources: by names (words.py) and values (shapes.py)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from engagement_assets.domain.source_mapping import ISO
from engagement_assets.sources.connect import words
from engagement_assets.sources.connect.found import Table
from engagement_assets.sources.connect.proposals import SURE
from engagement_assets.sources.connect.shapes import Column
from engagement_assets.sources.connect.words import likeness, table_likeness

#: The least likeness of a column that is taken at all.
_LEAST = 0.3

#: The least likeness of a table that is taken for a source.
_LEAST_TABLE = 0.5

#: Columns of contracts that identify something.
IDENTIFIERS = ("customer_id", "order_id", "event_id")

#: How likely, from 0 to 1 and a little more, and what.
Scored = tuple[float, str]


@dataclass(frozen=True)
class View:
    """A table's columns, and how likely each is what."""

    table: Table
    columns: Mapping[str, Column]

    @classmethod
    def of(cls, table: Table) -> View:
        return cls(table, {name: Column(name, values, table.file_of) for name, values in table.columns.items()})

    def where(self, column: str, values: set[str]) -> View:
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

    def candidates(self, role: str) -> list[Scored]:
        """Columns that may be what `role` says, the likeliest first."""
        scored = (
            (_fit(role, column, self.has_names), -at, name) for at, (name, column) in enumerate(self.columns.items())
        )
        return [(score, name) for score, _, name in sorted(scored, reverse=True) if score >= _LEAST]

    def best(self, role: str) -> Scored:
        """The likeliest column; 0 and nothing where there is none."""
        return next(iter(self.candidates(role)), (0.0, ""))


def _fit(role: str, column: Column, has_names: bool) -> float:
    """How likely a column is what `role` says, by its name and by its values."""
    if not column.present:
        return 0.0
    name = likeness(role, column.name) if has_names else 0.0
    filled = min(1.0, 0.5 + column.filled)
    spelling = column.spelling
    if role in IDENTIFIERS:
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


def key_of(view: View) -> Scored:
    """The column that identifies the rows of a table of customers."""
    names = {name: score for score, name in view.candidates("customer_id")}
    if (column := plain_id(view)) is not None:
        names[column] = max(names.get(column, 0.0), 0.9)
    scored = [
        (score * (1.0 if view.columns[name].uniqueness > 0.97 and view.columns[name].filled > 0.9 else 0.3), name)
        for name, score in names.items()
    ]
    return max(scored, key=lambda each: each[0], default=(0.0, ""))


def plain_id(view: View) -> str | None:
    """The column that is called `id`, whatever it identifies."""
    return next(
        (name for name in view.columns if words.squashed(words.without_type(name)) in ("id", "pk", "key", "uuid")), None
    )


def order_id_of(view: View) -> list[Scored]:
    """Columns that may number the orders, the likeliest first."""
    found = view.candidates("order_id")
    plain = plain_id(view)
    if plain is not None and view.columns[plain].uniqueness > 0.5 and plain not in {name for _, name in found}:
        is_key = view.columns[plain].uniqueness > 0.99 and view.columns[plain].filled > 0.99
        found.append((0.9 if is_key else 0.6, plain))
    return sorted(found, key=lambda each: -each[0])


def amount_of(view: View) -> Scored:
    """What the amount of an order or a line is made of."""
    total, price, quantity = view.best("order_amount"), view.best("unit_price"), view.best("quantity")
    if view.has_names and price[1] and quantity[1] and (total[0] < 0.65 or total[1] == price[1]):
        return min(price[0], quantity[0], 0.95), f"{quantity[1]} * {price[1]}"
    return total


def _as_customers(view: View) -> float:
    key, _ = key_of(view)
    person = sum(likeness("person", name) > 0.5 for name in view.columns)
    hint = table_likeness("customers", view.table.name)
    facts = view.best("event_type")[0] > 0.8 or (
        view.best("order_amount")[0] > 0.8 and bool(order_id_of(view)) and hint < 1
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


def _as_orders(view: View) -> float:
    who, when = view.best("customer_id"), view.best("order_date")
    if not who[1] or not when[1]:
        return 0.0
    order = next(iter(order_id_of(view)), (0.0, ""))
    hint = table_likeness("orders", view.table.name)
    score = 0.3 * who[0] + 0.2 * order[0] + 0.2 * when[0] + 0.3 * amount_of(view)[0] + 0.25 * hint
    is_stream = view.best("event_type")[0] > 0.8 and table_likeness("web_events", view.table.name) >= hint
    # Without a number of the order, who bought on one day makes an order; then the amounts have to be there.
    lacking = 1.0 if order[1] else 0.9 if hint and amount_of(view)[0] >= 0.4 else 0.5
    return score * (0.4 if is_stream else 1.0) * lacking


def _as_events(view: View) -> float:
    who, when, kind = view.best("customer_id"), view.best("event_time"), view.best("event_type")
    hint = table_likeness("web_events", view.table.name)
    url = max((likeness("url", name) for name in view.columns), default=0.0)
    if not who[1] or not when[1] or not (kind[1] or url or hint):
        return 0.0
    return 0.3 * who[0] + 0.25 * when[0] + 0.25 * max(kind[0], 0.7 * url) + 0.25 * hint


def sources_of(views: Sequence[View]) -> dict[str, View]:
    """Source -> the table that is most likely it; a table is one source at most."""
    scored = [
        (score * (0.98 if words.is_other_table(view.table.name) else 1.0), view.table.size, source, view)
        for view in views
        for source, how in (("customers", _as_customers), ("orders", _as_orders), ("web_events", _as_events))
        if (score := how(view)) >= _LEAST_TABLE
    ]
    found: dict[str, View] = {}
    for _, _, source, view in sorted(scored, key=lambda each: (-each[0], -each[1])):
        if source not in found and all(view is not taken for taken in found.values()):
            found[source] = view
    return found
