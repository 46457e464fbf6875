"""Parts of pages as HTML: the same elements and words, escaped, and in far fewer components."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

from dash import dcc, html
from dash.development.base_component import Component

from engagement_assets.dashboard.flat import as_html, flattened
from engagement_assets.dashboard.site import PAGES
from engagement_assets.dashboard.warehouse import Warehouse
from engagement_assets_tests.worlds import World

#: The most components that a page of the sample data may be sent as; a cell of a table each would be some hundreds.
MOST_COMPONENTS = 100


def test_elements_attributes_and_texts_are_those_of_the_components() -> None:
    more: Any = {"aria-hidden": "true", "data-rank": "1"}
    part = html.Div(
        [
            html.Span("a", className="b c", style={"backgroundColor": "red", "--n": 3}, tabIndex=0),
            dcc.Link("go", href="/x?a=1&b=2", className="link", title="List"),
            html.Details([html.Summary("more"), html.Br()], open=True),
            html.Th("t", colSpan=2, hidden=False, **more),
            5,
            None,
        ]
    )
    assert as_html(part) == (
        '<div><span class="b c" style="background-color:red;--n:3" tabindex="0">a</span>'
        '<a class="link" href="/x?a=1&amp;b=2" title="List">go</a>'
        "<details open><summary>more</summary><br></details>"
        '<th aria-hidden="true" colspan="2" data-rank="1">t</th>5</div>'
    )


def test_nothing_that_a_table_holds_becomes_an_element_or_an_attribute() -> None:
    hostile = '"><script>alert(\'x\')</script><b onclick="x">&amp;'
    part = html.Div([html.Span(hostile, title=hostile), dcc.Link(hostile, href=hostile)])
    found = _Reader()
    found.feed(as_html(part))
    assert found.elements == [("div", {}), ("span", {"title": hostile}), ("a", {"href": hostile})]
    assert found.words == [hostile, hostile]


def test_what_has_an_id_or_is_no_html_stays_a_component() -> None:
    inner = dcc.Input(id="here")
    found = flattened([html.Div([html.P([html.B("one"), "two"]), inner]), html.Div("three")])
    assert getattr(found[0].children[0], "data-html") == "<p><b>one</b>two</p>"
    assert found[0].children[1] is inner
    assert found[1].children == "three"


def test_pages_have_the_words_they_had_in_few_components(sample_world: World) -> None:
    warehouse = Warehouse(sample_world.settings)
    for page in PAGES:
        whole, flat = page.layout(warehouse, "?compare=7"), flattened(page.layout(warehouse, "?compare=7"))
        assert _words(flat) == _words(whole), page.path
        assert sum(1 for _ in _components(flat)) < MOST_COMPONENTS, page.path


class _Reader(HTMLParser):
    """An independent reader of HTML: elements with their attributes, and texts."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, Any]]] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def _components(part: Any) -> Any:
    if isinstance(part, (list, tuple)):
        for each in part:
            yield from _components(each)
    elif isinstance(part, Component):
        yield part
        yield from _components(getattr(part, "children", None))


def _words(part: Any) -> str:
    """All texts, in their order."""
    if isinstance(part, (list, tuple)):
        return "".join(map(_words, part))
    if not isinstance(part, Component):
        return "" if part is None else str(part)
    if (text := getattr(part, "data-html", None)) is not None:
        reader = _Reader()
        reader.feed(text)
        return "".join(reader.words)
    return _words(getattr(part, "children", None))
