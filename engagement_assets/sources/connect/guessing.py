"""Second step: which table is what, which column is what, and how its values are spelled; each guess with its reason.

A guess goes by names (words.py) and by values (shapes.py): what repeats, what is a time, what adds up. Where two readings are
about as likely, it is asked; who is not there to answer gets the likelier one.
"""

from __future__ import annotations

from engagement_assets.sources.connect.customers import customers_of
from engagement_assets.sources.connect.events import events_of, orders_among
from engagement_assets.sources.connect.fitting import View, sources_of
from engagement_assets.sources.connect.found import Found
from engagement_assets.sources.connect.making import Making
from engagement_assets.sources.connect.orders import orders_of
from engagement_assets.sources.connect.proposals import Asking, Connection, Proposal


class NothingFitsError(ValueError):
    """No table looks like customers, orders or events; the message says what there is."""


def guess(found: Found, asking: Asking) -> Connection:
    """What sources.toml is to say of the tables of a folder. Raises NothingFitsError."""
    views = [View.of(table) for table in found.tables]
    by_source = sources_of(views)
    if not by_source.keys() & {"orders", "web_events"}:
        listed = "; ".join(f"{view.table.name}: {', '.join(list(view.columns)[:8])}" for view in views[:4])
        raise NothingFitsError(
            "no table looks like orders or events, which need at least who and when in each row (columns such as customer_id "
            f"and order_date); there is {listed}. Add a file that has them, or write sources.toml by hand: docs/own_data.md"
        )
    return _made(Making(asking, views, by_source))


def _made(making: Making) -> Connection:
    """Orders first: their rows tell which column of the customers identifies them."""
    customers, orders, events = (making.by_source.get(name) for name in ("customers", "orders", "web_events"))
    ids = making.customer_ids(customers, [view for view in (orders, events) if view is not None])
    made: dict[str, Proposal | None] = {"customers": None, "orders": None, "web_events": None}
    if orders is not None:
        made["orders"] = orders_of(making, orders, ids, customers)
    if events is not None:
        made["web_events"] = events_of(making, events, ids)
        if made["orders"] is None:
            made["orders"] = orders_among(making, events, made["web_events"])
    seen_in = [name for name in ("orders", "web_events") if made[name] is not None]
    made["customers"] = customers_of(making, customers, made, seen_in)
    for proposal in made.values():
        if proposal is not None:
            making.say_whole_numbers(proposal)
    making.result.proposals = {name: made_ for name, made_ in made.items() if made_ is not None}
    used = {id(each.table) for each in making.result.proposals.values()} | making.joined
    if rest := [view.table.name for view in making.views if id(view.table) not in used]:
        making.result.notes.append(f"Not used: {', '.join(rest)}")
    return making.result
