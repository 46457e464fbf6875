"""Colours and charts: one palette that stays readable for the colour-blind, on white and on dark, and one chart helper.

Text and grid lines of charts take their colours from the stylesheet, so that switching between light and dark redraws
nothing and asks the server nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, NamedTuple

import plotly.graph_objects as go
from dash import dcc, html
from dash.development.base_component import Component

from engagement_assets.dashboard.markup import aria
from engagement_assets.domain.colours import COLOURWAY, FEW, GREEN, MANY, VERMILLION
from engagement_assets.domain.score_parts import PARTS

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"

PART_COLOURS = {part.title: part.colour for part in PARTS}

#: From few to many: light to dark blue, also in greyscale.
SCALE = [[0, FEW], [0.25, "#a9cde6"], [0.5, "#5fa3cf"], [0.75, "#2b76ad"], [1, MANY]]

#: Nothing in a chart leaves this server: Plotly's upload button is off and has no address to send to.
GRAPH_CONFIG: Any = {
    "displaylogo": False,
    "showSendToCloud": False,
    "plotlyServerURL": "",
    "responsive": True,
    "displayModeBar": "hover",
    "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d", "zoomIn2d", "zoomOut2d"],
    "toImageButtonOptions": {"format": "png", "scale": 2},
}

CHART_HEIGHT = 320

#: More marks than this have no links below the chart.
_MOST_LINKS = 80


def figure(*traces: Any, **layout: Any) -> go.Figure:
    """A figure in the house style; `layout` adds to it or overrides it."""
    base: dict[str, Any] = {
        "template": "none",
        "font": {"family": FONT, "size": 12, "color": "#495057"},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "margin": {"l": 8, "r": 16, "t": 12, "b": 8},
        "colorway": COLOURWAY,
        "hoverlabel": {"bgcolor": "#212529", "font": {"color": "#ffffff", "family": FONT, "size": 12}},
        "legend": {
            "orientation": "h",
            "x": 0,
            "xanchor": "left",
            "y": 1.02,
            "yanchor": "bottom",
            "traceorder": "normal",
        },
        "separators": ".,",
        "xaxis": axis(),
        "yaxis": axis(),
        "dragmode": False,
    }
    return go.Figure(list(traces), {**base, **layout})


def axis(title: str | None = None, **more: Any) -> dict[str, Any]:
    """An axis in the house style."""
    return {
        "title": {"text": title, "standoff": 10} if title else None,
        "automargin": True,
        "gridcolor": "#dee2e6",
        "zeroline": False,
        "linecolor": "#adb5bd",
        "ticks": "",
        **more,
    }


def day_axis(**more: Any) -> dict[str, Any]:
    """A time axis with ISO dates."""
    return axis(None, type="date", tickformat="%Y-%m-%d", hoverformat="%Y-%m-%d", nticks=4, showgrid=False, **more)


def names_axis(title: str | None = None, **more: Any) -> dict[str, Any]:
    """An axis of names in their own order."""
    return axis(title, type="category", showgrid=False, **more)


def right_axis(title: str, **more: Any) -> dict[str, Any]:
    """A second vertical axis."""
    return {**axis(title, **more), "overlaying": "y", "side": "right", "showgrid": False}


class Mark(NamedTuple):
    """What a mark of a chart says when one points at it, and the address that it opens; None: it opens nothing."""

    words: str
    address: str | None = None


def marks(found: Iterable[Mark]) -> dict[str, Any]:
    """The properties of a trace whose marks are these, in their order."""
    listed = list(found)
    return {
        "hovertext": [mark.words for mark in listed],
        "customdata": [mark.address for mark in listed],
        "hovertemplate": "%{hovertext}<extra></extra>",
    }


def bars(
    x: Any, y: Any, colour: Any, hover: str = "", *, opens: Iterable[Mark] = (), texts: Any = None, **more: Any
) -> go.Bar:
    """Bars in a colour or one each; `texts` stand beside them, `hover` is the template of what is said about one.

    `opens`: what is said about each, and the list of customers that it opens.
    """
    if texts is not None:
        more |= {"text": texts, "textposition": "outside", "cliponaxis": False}
    said = marks(opens) if opens else {"hovertemplate": hover}
    return go.Bar(x=x, y=y, marker={"color": colour}, **said, **more)


def waterfall(
    names: Any,
    values: Any,
    texts: Any,
    total: str,
    scale: dict[str, Any],
    opens: Iterable[Mark] = (),
    *,
    lies: bool = False,
    **more: Any,
) -> go.Figure:
    """From the first value by steps to the last, which has the colour `total`; `opens` as those of bars.

    `scale` is the axis of the values. Bars that lie leave room for long names.
    """
    along, across = ("y", "x") if lies else ("x", "y")
    return figure(
        go.Waterfall(
            **{along: names, across: values},
            orientation="h" if lies else "v",
            cliponaxis=False,
            increasing={"marker": {"color": GREEN}},
            decreasing={"marker": {"color": VERMILLION}},
            measure=["absolute", *["relative"] * (len(values) - 2), "total"],
            text=texts,
            textposition="outside",
            totals={"marker": {"color": total}},
            **(marks(opens) if opens else {"hovertemplate": f"%{{{along}}}: %{{text}}<extra></extra>"}),
            **more,
        ),
        **{f"{along}axis": names_axis(autorange="reversed" if lies else None), f"{across}axis": scale},
        showlegend=False,
    )


def chart(found: go.Figure, label: str, *, height: int = CHART_HEIGHT) -> Component:
    """A figure on the page; `label` says in words what it shows, for those who do not see it.

    A click on a mark goes to its address (`marks`); below the chart stand the same addresses as links, for the keyboard.
    """
    found.update_layout(height=height)
    opened = [mark for mark in marks_of(found) if mark.address]
    name = re.sub(r"\W+", "-", label)[:60]
    graph = dcc.Graph(figure=found, config=GRAPH_CONFIG, style={"height": height}, id={"type": "chart", "name": name})
    parts: list[Component] = [graph]
    if 0 < len(opened) <= _MOST_LINKS:
        links = [
            html.Li(dcc.Link(mark.words.replace("<br>", ": "), href=mark.address, className="link")) for mark in opened
        ]
        parts.append(html.Details([html.Summary("Lists behind this chart"), html.Ul(links)], className="behind"))
    return html.Div(parts, role="group", className="chart opens" if opened else "chart", **aria(label=label))


def marks_of(found: go.Figure) -> list[Mark]:
    """The marks of a figure that were declared by `marks`, with those of the links and nodes of a flow."""
    declared: list[Mark] = []
    for trace in found.data:
        parts = (trace.node, trace.link) if trace.type == "sankey" else (trace,)
        for part in parts:
            said = part.label if trace.type == "sankey" else part.hovertext
            if part.customdata is not None:
                declared += map(Mark, _flat(said), _flat(part.customdata))
    return declared


def _flat(values: Any) -> list[Any]:
    """The values of a row or of a table, row by row."""
    return [each for value in values for each in (_flat(value) if isinstance(value, (list, tuple)) else [value])]
