"""Score breakdown: what the score is made of, for whom, and what moved it."""

from __future__ import annotations

import plotly.graph_objects as go
from dash import Dash, Input, Output, State, html, no_update
from dash.development.base_component import Component

from engagement_assets.dashboard import formats, questions
from engagement_assets.dashboard.components import Figure, figures, link, no_comparison, no_customers, table
from engagement_assets.dashboard.markup import aria
from engagement_assets.dashboard.pages.breakdown import queries
from engagement_assets.dashboard.state import DIMENSIONS, View, parse
from engagement_assets.dashboard.theme import PART_COLOURS, axis, chart, figure
from engagement_assets.dashboard.visuals import Visual, place
from engagement_assets.dashboard.warehouse import Warehouse
from engagement_assets.domain.colours import GREEN, GREY, SEGMENT_COLOURS, VERMILLION
from engagement_assets.domain.contracts.engagement import SEGMENTS

PATH = "/breakdown"
TITLE = "Score breakdown"
PURPOSE = "What the score is made of, for whom, and what moved it."

_GRAPH = "breakdown-graph"
_SCATTER = "breakdown-scatter-graph"
_PARTS = ("recency", "frequency", "monetary")


def cards(warehouse: Warehouse, view: View) -> Component:
    """The three component scores with their changes."""
    now = questions.key_figures(warehouse, view.as_of, view.filters)
    before = questions.comparison(warehouse, view) or {}
    items = []
    for name in _PARTS:
        moved = None if now[name] is None or before.get(name) is None else now[name] - before[name]
        items.append(
            Figure(
                f"Average {name} score",
                formats.score(now[name]),
                warehouse.meanings[name],
                moved,
                formats.score(abs(moved or 0)),
                "up",
            )
        )
    return figures(items, view.compared)


def scatter(warehouse: Warehouse, view: View) -> Component:
    """Sessions against orders, sized by revenue; a sample where there are too many customers."""
    rows = queries.points(warehouse, view.as_of, view.filters)
    if not rows:
        return no_customers()
    total = questions.key_figures(warehouse, view.as_of, view.filters)["customers"]
    biggest = max(row["revenue"] for row in rows) or 1.0
    traces = []
    for segment in SEGMENTS:
        found = [row for row in rows if row["segment"] == segment]
        traces.append(
            go.Scatter(
                x=[row["sessions"] for row in found],
                y=[row["orders"] for row in found],
                mode="markers",
                name=segment,
                marker={
                    "color": SEGMENT_COLOURS[segment],
                    "opacity": 0.65,
                    "size": [6 + 26 * (row["revenue"] / biggest) ** 0.5 for row in found],
                    "line": {"width": 0.5, "color": "white"},
                },
                customdata=[[row["customer_id"], row["revenue"]] for row in found],
                hovertemplate="%{customdata[0]}<br>%{x:,} sessions, %{y:,} orders<br>"
                "revenue %{customdata[1]:,.2f}<extra></extra>",
            )
        )
    drawn = figure(
        *traces,
        xaxis=axis("Sessions in 30 days", tickformat=","),
        yaxis=axis("Orders so far", tickformat=","),
        hovermode="closest",
    )
    shown = (
        f"All {total:,} customers. Click a point to open the customer."
        if total <= len(rows)
        else f"An even sample of {len(rows):,} of {total:,} customers. Click a point to open the customer."
    )
    return html.Div(
        [
            html.Div(shown, className="quiet small"),
            chart(drawn, "Sessions in 30 days against orders so far, sized by revenue.", height=380, graph_id=_SCATTER),
        ],
        className="stack",
    )


def score_change(warehouse: Warehouse, view: View) -> Component:
    """Waterfall from the average score of the comparison date to this one."""
    before, now = questions.comparison(warehouse, view), questions.key_figures(warehouse, view.as_of, view.filters)
    if before is None:
        return no_comparison()
    if now["average_score"] is None or before["average_score"] is None:
        return no_customers()
    changes = [now[f"{name}_part"] - before[f"{name}_part"] for name in _PARTS]
    values = [before["average_score"], *changes, now["average_score"]]
    labels = [f"{view.compared}", "Recency", "Frequency", "Monetary", view.as_of]
    texts = [
        formats.decimal(values[0], 4),
        *[formats.signed(formats.decimal(abs(value), 4), value) for value in changes],
        formats.decimal(values[-1], 4),
    ]
    reach = [values[0]]
    for value in changes:
        reach.append(reach[-1] + value)
    pad = max(max(reach) - min(reach), 0.004) * 0.6
    drawn = figure(
        go.Waterfall(
            x=labels,
            y=values,
            measure=["absolute", "relative", "relative", "relative", "total"],
            text=texts,
            textposition="outside",
            increasing={"marker": {"color": GREEN}},
            decreasing={"marker": {"color": VERMILLION}},
            totals={"marker": {"color": GREY}},
            connector={"line": {"color": "#adb5bd", "width": 1}},
            hovertemplate="%{x}: %{text}<extra></extra>",
        ),
        xaxis=axis(None, type="category", showgrid=False),
        yaxis=axis("Average score", tickformat=".3f", range=[max(0, min(reach) - pad), max(reach) + pad]),
        showlegend=False,
    )
    return chart(
        drawn, "Change of the average score: " + ", ".join(map(" ".join, zip(labels, texts, strict=True))), height=380
    )


def decomposition(warehouse: Warehouse, view: View) -> Component:
    """Contributions per group, a level at a time: by which dimension, and within which groups."""
    taken = {dimension for dimension, _ in view.within}
    by = view.by if view.by not in taken else next((each for each in DIMENSIONS if each not in taken), None)
    trail = _trail(view, by, taken)
    rows = queries.groups(warehouse, view.as_of, view.filters, by, view.within) if by else []
    if by is None:
        return html.Div([trail, _one_group(warehouse, view)], className="stack")
    if not rows:
        return html.Div([trail, no_customers()], className="stack")
    names = [row["name"] for row in rows]
    bars = figure(
        *[
            go.Bar(
                y=names,
                x=[row[part] for row in rows],
                name=part.capitalize(),
                orientation="h",
                marker={"color": PART_COLOURS[part.capitalize()]},
                hovertemplate=f"%{{y}}<br>{part.capitalize()}: %{{x:.3f}}<extra></extra>",
            )
            for part in _PARTS
        ],
        barmode="stack",
        xaxis=axis("Contribution to the average score", tickformat=".2f"),
        yaxis=axis(None, autorange="reversed", type="category", showgrid=False),
    )
    return html.Div(
        [
            trail,
            html.Div(
                [
                    chart(
                        bars,
                        f"Average contributions of recency, frequency and monetary value by {by}.",
                        height=max(220, 90 + 34 * len(rows)),
                        graph_id=_GRAPH,
                    ),
                    table(
                        [by.capitalize(), "Customers", "Score", "Recency", "Frequency", "Monetary"],
                        [
                            [
                                link(row["name"], _deeper(view, by, row["name"])),
                                formats.count(row["customers"]),
                                formats.score(row["score"]),
                                *[formats.score(row[part]) for part in _PARTS],
                            ]
                            for row in rows
                        ],
                        caption=f"Average score and its contributions by {by}",
                    ),
                ],
                className="row halves middle",
            ),
        ],
        className="stack",
    )


def _one_group(warehouse: Warehouse, view: View) -> Component:
    now = questions.key_figures(warehouse, view.as_of, view.filters, view.within)
    return table(
        ["Customers", "Score", "Recency", "Frequency", "Monetary"],
        [
            [
                formats.count(now["customers"]),
                formats.score(now["average_score"]),
                *[formats.score(now[f"{part}_part"]) for part in _PARTS],
            ]
        ],
        left=(),
        caption="The group that was drilled down to",
    )


def _trail(view: View, by: str | None, taken: set[str]) -> Component:
    """Where one is, and by what it can be broken down further."""
    steps: list[Component] = [link("All customers", view.link(PATH, by=by))]
    for number, (_, value) in enumerate(view.within):
        steps += [
            html.Span("›", className="quiet", **aria(hidden="true")),
            link(value, view.link(PATH, by=by, within=_texts(view.within[: number + 1]))),
        ]
    choices = [
        link(dimension.capitalize(), view.link(PATH, by=dimension, within=_texts(view.within)))
        if dimension != by
        else html.Strong(dimension.capitalize(), **aria(current="true"))
        for dimension in DIMENSIONS
        if dimension not in taken
    ]
    return html.Div(
        [
            html.Div(steps, className="trail"),
            html.Div([html.Span("Break down by", className="quiet"), *choices], className="trail")
            if choices
            else html.Div(),
        ],
        className="trails",
    )


def _texts(within: tuple[tuple[str, str], ...]) -> list[str]:
    return [f"{dimension}:{value}" for dimension, value in within]


def _deeper(view: View, by: str, name: str) -> str:
    """One group narrower; the next dimension that is left comes by itself."""
    within = (*view.within, (by, name))
    left = [dimension for dimension in DIMENSIONS if dimension not in dict(within)]
    return view.link(PATH, by=left[0] if left else None, within=_texts(within))


def register(app: Dash, warehouse: Warehouse) -> None:
    """Clicks: a bar drills down, a point opens the customer."""

    @app.callback(
        Output("url", "href", allow_duplicate=True),
        Input(_GRAPH, "clickData"),
        State("url", "search"),
        prevent_initial_call=True,
    )
    def drill(clicked: dict | None, search: str | None) -> object:
        view = parse(search, warehouse.catalogue())
        taken = {dimension for dimension, _ in view.within} if view else set()
        if not clicked or view is None or view.by in taken:
            return no_update
        return _deeper(view, view.by, str(clicked["points"][0]["y"]))

    @app.callback(
        Output("url", "href", allow_duplicate=True),
        Input(_SCATTER, "clickData"),
        State("url", "search"),
        prevent_initial_call=True,
    )
    def open_customer(clicked: dict | None, search: str | None) -> object:
        view = parse(search, warehouse.catalogue())
        if not clicked or view is None:
            return no_update
        return view.link("/customer", cid=str(clicked["points"][0]["customdata"][0]))


def visuals(meaning: dict[str, str]) -> dict[str, Visual]:
    """The visuals of this page."""
    return {
        visual.name: visual
        for visual in (
            Visual("breakdown-cards", "Component scores", cards, height=118, bare=True),
            Visual(
                "breakdown-decomposition",
                "What the score is made of",
                decomposition,
                meaning["contributions"],
                note="Click a bar or a name to look inside a group.",
                height=360,
                export="decomposition",
            ),
            Visual(
                "breakdown-scatter", "Sessions against orders", scatter, meaning["scatter"], height=400, export="points"
            ),
            Visual(
                "breakdown-change", "Change of the average score", score_change, meaning["score_change"], height=400
            ),
        )
    }


def layout(parts: dict[str, Visual]) -> list[Component]:
    """How the visuals are arranged."""
    return [
        place(parts["breakdown-cards"]),
        place(parts["breakdown-decomposition"]),
        html.Div([place(parts["breakdown-scatter"]), place(parts["breakdown-change"])], className="row halves"),
    ]
