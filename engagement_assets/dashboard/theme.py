"""Colours and charts: one palette that stays readable for the colour-blind, on white and on dark, and one chart helper.

Text and grid lines of charts take their colours from the stylesheet, so that switching between light and dark redraws
nothing and asks the server nothing.
"""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go
from dash import dcc, html
from dash.development.base_component import Component

from engagement_assets.dashboard.markup import aria
from engagement_assets.domain.colours import COLOURWAY, FEW, MANY
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


def bars(x: Any, y: Any, colour: Any, hover: str, *, texts: Any = None, **more: Any) -> go.Bar:
    """Bars in a colour or one each; `texts` stand beside them, `hover` is the template of what is said about one."""
    if texts is not None:
        more |= {"text": texts, "textposition": "outside", "cliponaxis": False}
    return go.Bar(x=x, y=y, marker={"color": colour}, hovertemplate=hover, **more)


def waterfall(names: Any, values: Any, texts: Any, total: str, yaxis: dict[str, Any], **more: Any) -> go.Figure:
    """From the first value by steps to the last, which has the colour `total`."""
    return figure(
        go.Waterfall(
            x=names,
            y=values,
            measure=["absolute", *["relative"] * (len(values) - 2), "total"],
            text=texts,
            textposition="outside",
            totals={"marker": {"color": total}},
            hovertemplate="%{x}: %{text}<extra></extra>",
            **more,
        ),
        xaxis=names_axis(),
        yaxis=yaxis,
        showlegend=False,
    )


def chart(found: go.Figure, label: str, *, height: int = CHART_HEIGHT, graph_id: Any = None) -> Component:
    """A figure on the page; `label` says in words what it shows, for those who do not see it."""
    extra = {} if graph_id is None else {"id": graph_id}
    found.update_layout(height=height)
    return html.Div(
        dcc.Graph(figure=found, config=GRAPH_CONFIG, style={"height": height}, **extra),
        role="group",
        className="chart",
        **aria(label=label),
    )
