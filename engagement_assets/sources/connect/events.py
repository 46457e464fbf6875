"""What is proposed of web events: who, when and of which type; and of orders that are among them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from engagement_assets.domain.contracts.sources import FUNNEL
from engagement_assets.sources.connect import words
from engagement_assets.sources.connect.fitting import Scored, View
from engagement_assets.sources.connect.making import MOSTLY, Making, quoted
from engagement_assets.sources.connect.orders import is_of_order, say_amount, say_currency, why_lines
from engagement_assets.sources.connect.proposals import Guess, Proposal
from engagement_assets.sources.connect.shapes import Column

#: Most event types that are listed.
_TYPES = 40


def events_of(making: Making, view: View, ids: Mapping[int, list[Scored]]) -> Proposal | None:
    """The events of a table; None where they lack a customer or a time. `ids`: as `Making.customer_ids` has them."""
    proposal = making.begin("web_events", view.table)
    who = making.pick(proposal, view, "customer_id", ids[id(view)], "who did it")
    when = making.pick(proposal, view, "event_time", view.candidates("event_time"), "when it happened")
    if who is None or when is None:
        return None
    making.customer_key = making.customer_key or making.keys.get((id(view), who))
    kind = making.pick(proposal, view, "event_type", view.candidates("event_type"), "the type of the event")
    if kind is None:
        proposal.columns["event_type"] = Guess("= page_view", "", 0.7, "no column tells a type")
    else:
        _say_types(making, proposal, view.columns[kind])
    score, name = view.best("event_id")
    if score >= 0.6 and name not in (who, when, kind):
        proposal.columns["event_id"] = Guess(name, making.looks(view, name), score, "another one in each row")
    making.say_nobody(proposal, view, who)
    making.say_times(proposal, view, when)
    return proposal


def _say_types(making: Making, proposal: Proposal, column: Column) -> None:
    types = [value for value, _ in column.counts.most_common()]
    meanings = {value: words.event_meaning(value) for value in types}
    if "checkout" not in [*meanings.values(), *types]:
        meanings |= {value: "checkout" for value in types if words.is_purchase(value)}
    options = (*FUNNEL, "something else")
    for value in types:
        if not meanings[value] and column.counts[value] >= 0.2 * len(column.present) and not words.is_purchase(value):
            chosen = making.asking.choose(f"web_events: what is {value!r}?", options, len(options) - 1)
            meanings[value] = options[chosen] if chosen < len(FUNNEL) else ""
    said = {value: meaning for value, meaning in meanings.items() if meaning and value != meaning}
    if said:
        proposal.say("event_types", dict(list(said.items())[:_TYPES]))
    if rest := [value for value in types if not meanings[value] and value not in FUNNEL][:_TYPES]:
        proposal.why["event_types"] = f"kept as they are, and count as activity: {', '.join(rest)}"
    if column.filled < MOSTLY:
        conditions = [*proposal.said.get("where", ()), f"{column.name} is not empty"]
        proposal.say("where", conditions, "rows without a type are no events")


def orders_among(making: Making, view: View, events: Proposal | None) -> Proposal | None:
    """Orders from a stream of events that holds them too."""
    kind = events.columns["event_type"].text if events is not None else ""
    if events is None or kind not in view.columns:
        return None
    bought = [value for value in view.columns[kind].counts if words.is_purchase(value)]
    if not bought:
        return None
    rows = view.where(kind, set(bought))
    proposal = making.begin("orders", view.table)
    proposal.say("where", [f"{kind} in {quoted(bought)}"], "the events that are an order")
    _, amount = next(((score, name) for score, name in rows.candidates("order_amount") if score >= 0.4), (0.0, ""))
    sessions = [name for name in rows.columns if "session" in name.casefold() and rows.columns[name].filled > 0.9]
    candidates = [each for each in rows.candidates("order_id") if rows.columns[each[1]].filled > 0.5]
    if not candidates and sessions and rows.columns[sessions[0]].uniqueness < 0.98:
        candidates = [(0.6, sessions[0])]
    if not candidates and "event_id" in events.columns:
        candidates = [(0.6, events.columns["event_id"].text)]
    if not amount or not candidates:
        lacking = "no number of the order" if amount else "no amount"
        making.result.notes.append(
            f"{view.table.name} holds purchases ({', '.join(bought)}), but {lacking}; there are no orders"
        )
        return None
    order = making.pick(proposal, rows, "order_id", candidates, "the number of the order")
    proposal.columns["customer_id"] = events.columns["customer_id"]
    proposal.columns["order_date"] = replace(events.columns["event_time"], why="when the event happened")
    if order is None or not say_amount(making, proposal, rows, order):
        return None
    for key in ("time_format", "timezone"):
        if key in events.said:
            proposal.say(key, events.said[key])
    if rows.columns[order].uniqueness < 0.98 and proposal.columns["order_amount"].text in rows.columns:
        column = rows.columns[proposal.columns["order_amount"].text]
        if not is_of_order(rows.columns[order], column):
            proposal.say("lines", True, why_lines(rows, order, column.name))
    say_currency(making, proposal, rows)
    return proposal
