"""The customers behind a number: one list for all filters, with reasons, what to do, and files of exactly what is shown."""

from __future__ import annotations

from typing import Any

import dash_mantine_components as dmc
from dash import ALL, Dash, Input, Output, State, ctx, html, no_update
from dash.development.base_component import Component

from engagement_assets.dashboard import lists
from engagement_assets.dashboard.components import link, stack
from engagement_assets.dashboard.grids import grid
from engagement_assets.dashboard.markup import aria
from engagement_assets.dashboard.state import View, parse, rewrite
from engagement_assets.dashboard.visuals import Page
from engagement_assets.dashboard.warehouse import Warehouse
from engagement_assets.domain import customer_filters
from engagement_assets.domain.customer_filters import FILTERS, Flag, Names

PAGE = Page(
    "/customers",
    "Customers",
    "Who is behind a number: every mark, row and card of the other pages opens its list here.",
    order=15,
)

#: Filters that can be set here; every other one of FILTERS comes with a number that was clicked.
_OFFERED = (
    *(
        "status",
        "lifecycle",
        "rfm",
        "audience",
        "stage",
        "stopped-at",
        "slipping",
        "high-risk",
        "high-value",
        "declining",
    ),
    *("held-out", "score", "sessions", "recency", "orders", "revenue"),
)


@PAGE.visual("customers-filters", "Filters", bare=True)
def filters(warehouse: Warehouse, view: View) -> Component:
    """What the list is narrowed to, each part with a way to drop it, and what else it can be narrowed by."""
    chips = [
        link(
            f"{FILTERS[key].words(texts)} ✕",
            view.link(PAGE.path, **{**view.place, "row": None, key: None}),
            className="link choice chosen",
            title=f"Take away: {FILTERS[key].words(texts)}",
        )
        for key, texts in view.all_filters
    ]
    if len(chips) > 1:
        chips.append(link("Take all away", view.link(PAGE.path, country=None, segment=None, value=None)))
    named = [each.title for each in warehouse.settings.named_lists.values() if each.filters == view.all_filters]
    given = dict(view.chosen)
    audiences = (*(rule.name for rule in warehouse.settings.campaigns.audiences), customer_filters.NOBODY_YET)
    more = html.Details(
        [
            html.Summary("Filter by more"),
            dmc.SimpleGrid(
                [_control(key, given.get(key, ()), audiences) for key in _OFFERED],
                cols={"base": 1, "xs": 2, "md": 4},
                spacing="xs",
            ),
        ],
        className="behind",
        open=view.more,
    )
    return dmc.Paper(
        stack(*(html.Strong(title) for title in named), html.Div(chips, className="choices"), more),
        withBorder=True,
        p="md",
        radius="md",
    )


def _control(key: str, texts: tuple[str, ...], audiences: tuple[str, ...]) -> Component:
    each = FILTERS[key]
    shared: dict[str, Any] = {
        "id": {"type": "filter", "key": key},
        "label": each.title[:1].upper() + each.title[1:],
        "size": "xs",
    }
    if isinstance(each, Names):
        return dmc.MultiSelect(value=list(texts), data=list(each.choices or audiences), clearable=True, **shared)
    if isinstance(each, Flag):
        return dmc.Select(value=texts[0] if texts else None, data=["yes", "no"], clearable=True, **shared)
    return dmc.TextInput(value=texts[0] if texts else "", placeholder="from..to", debounce=True, **shared)


@PAGE.visual(
    "customers-list",
    "List",
    note="Choose a customer to open their page. CSV and JSON Lines hold the list as it is sorted and filtered here.",
)
def customers(warehouse: Warehouse, view: View) -> Component:
    """The customers, with a choice between all of them and those who may be addressed."""
    everybody, target = (
        tuple(pair for pair in view.chosen if pair[0] != "target") + more for more in ((), (("target", ("yes",)),))
    )
    is_target = dict(view.chosen).get("target") == ("yes",)
    sizes = [lists.customers(warehouse, view, chosen) for chosen in (everybody, target)]
    names = (
        f"Everybody: {sizes[0]:,}",
        f"Target list: {sizes[1]:,}, without {sizes[0] - sizes[1]:,} who are held out or opted out",
    )
    choices = [
        html.Span(name, className="choice chosen", **aria(current="true"))
        if number == is_target
        else link(
            name,
            view.link(PAGE.path, **{**view.place, "row": None, "target": "yes" if number else None}),
            className="link choice",
        )
        for number, name in enumerate(names)
    ]
    return stack(
        html.Div(choices, className="choices"),
        grid(warehouse, view, "customers", height=600, empty="No customers match. Take a filter away to see some."),
    )


def register(app: Dash, warehouse: Warehouse) -> None:
    """Controls of the filters: what is chosen goes into the address."""

    @app.callback(
        Output("url", "search", allow_duplicate=True),
        Input({"type": "filter", "key": ALL}, "value"),
        State({"type": "filter", "key": ALL}, "id"),
        State("address", "data"),
        prevent_initial_call=True,
    )
    def narrow(values: list[Any], ids: list[dict[str, str]], search: str | None) -> Any:
        view = parse(search, warehouse.catalogue())
        if view is None or ctx.triggered_id is None:
            return no_update
        key = ctx.triggered_id["key"]
        value = values[ids.index(dict(ctx.triggered_id))] or []
        texts = tuple(value) if isinstance(value, list) else (value.strip(),)
        if key not in FILTERS or texts == dict(view.chosen).get(key, ()):
            return no_update
        return rewrite(search, **{key: list(texts), "row": None, "more": "yes"})


PAGE.register = register
