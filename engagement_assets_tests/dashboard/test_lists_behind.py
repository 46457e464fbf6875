"""Every mark of every chart, every row of every table and every card opens the list of the customers that it counts.

All pages are drawn, and all that is on them is opened: the list has as many customers as the number says.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from dash import dcc, html
from dash.development.base_component import Component

from engagement_assets.dashboard import lists
from engagement_assets.dashboard.site import OPENS_NOTHING, PAGES, VISUALS
from engagement_assets.dashboard.state import View, parse
from engagement_assets.dashboard.theme import marks_of
from engagement_assets.dashboard.warehouse import Warehouse
from engagement_assets_tests.dashboard.lakes import history_of
from engagement_assets_tests.worlds import World

SEARCHES = (
    "?compare=7&cid=C0000264",
    "?date=2026-06-24&compare=2026-06-17&country=DE&country=FR&segment=Medium&segment=Low&by=country&cid=C0000264",
)


def view_of(warehouse: Warehouse, address: str) -> View:
    view = parse(address.partition("?")[2], warehouse.catalogue())
    assert view is not None
    assert not any("left out" in notice for notice in view.notices), address
    return view


def within(part: Any, kind: type[Component] | None = None, name: str = "") -> Iterator[Any]:
    """The components in a part of a page of a kind, or with a class."""
    if isinstance(part, (list, tuple)):
        for each in part:
            yield from within(each, kind, name)
    elif isinstance(part, Component):
        if (kind and isinstance(part, kind)) or (name and name in str(getattr(part, "className", "")).split()):
            yield part
        yield from within(getattr(part, "children", None), kind, name)


def text_of(part: Any) -> str:
    if isinstance(part, (list, tuple)):
        return " ".join(filter(None, map(text_of, part)))
    return (
        text_of(getattr(part, "children", None)) if isinstance(part, Component) else "" if part is None else str(part)
    )


def opened(drawn: Component) -> Iterator[tuple[str, str]]:
    """What is said of each thing that opens something, and its address."""
    for link in within(drawn, dcc.Link):
        yield f"{text_of(link)} {getattr(link, 'title', '')}", link.href
    for cell in within(drawn, html.Td):
        for link in within(cell, dcc.Link):
            if re.fullmatch(r"[\d,]+", shown := text_of(link)):
                assert re.search(rf"\b{shown} customers?$", link.title), "the number is that of the customers"
    for graph in within(drawn, dcc.Graph):
        yield from ((mark.words, mark.address) for mark in marks_of(graph.figure) if mark.address)


def silent(drawn: Component) -> Iterator[str]:
    """The parts that open nothing: traces, rows and cards, by name; what counts nobody need not."""
    for graph in within(drawn, dcc.Graph):
        for trace in graph.figure.data:
            if trace.type in ("bar", "scatter") and not trace.x:
                continue
            marks = marks_of(type(graph.figure)([trace]))
            if not marks or any(
                mark.address is None and not re.search(r"\b0 customers$", mark.words) for mark in marks
            ):
                yield str(trace.name)
    for card in within(drawn, name="figure"):
        counts_somebody = re.search(r"[1-9]", text_of(list(within(card, name="figure-value"))))
        if counts_somebody and not any(within(card, dcc.Link)):
            yield text_of(card.children[0]).strip()
    for body in within(drawn, html.Tbody):
        for row in body.children:
            numbers = text_of(row.children[1:])
            if not any(within(row, dcc.Link)) and re.search(r"[1-9]", numbers):
                yield "rows"


@pytest.mark.parametrize("search", [pytest.param(SEARCHES[0], marks=pytest.mark.slow), SEARCHES[1]])
def test_each_list_has_as_many_customers_as_the_number_that_opens_it(
    warehouse: Warehouse, sample_world: World, search: str
) -> None:
    found, nothing = 0, set[str]()
    with history_of(sample_world):
        for visual in VISUALS.values():
            drawn = visual.render(warehouse, view_of(warehouse, search))
            whole = visual.name in OPENS_NOTHING
            nothing |= {visual.name if whole else f"{visual.name}: {part}" for part in silent(drawn)}
            for words, address in opened(drawn):
                path = address.partition("?")[0]
                assert path in {page.path for page in PAGES}
                if path != "/customers" or visual.name.startswith("customers-"):
                    continue
                number = re.findall(r"([\d,]+) customers?\b", words) or re.findall(r"([\d,]+)$", words.strip())
                assert number, (visual.name, words)
                view = view_of(warehouse, address)
                assert lists.customers(warehouse, view, view.chosen) == int(number[-1].replace(",", "")), (
                    words,
                    address,
                )
                found += 1
    assert found > 150
    assert nothing - OPENS_NOTHING.keys() == set()
    if search == SEARCHES[0]:
        assert OPENS_NOTHING.keys() - nothing == set(), "these open lists, or are not there"
