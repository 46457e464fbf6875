"""What several pages draw: trends, changes, customer links."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import plotly.graph_objects as go
from dash import html
from dash.development.base_component import Component

from engagement_assets.dashboard.components import link
from engagement_assets.dashboard.formats import signed
from engagement_assets.dashboard.markup import aria
from engagement_assets.dashboard.state import View
from engagement_assets.dashboard.theme import axis, day_axis, figure
from engagement_assets.dashboard.warehouse import Row


def trend_figure(
    rows: Sequence[Row], lines: Sequence[tuple[str, str, str, str]], *, title: str, percent: bool, compared: str | None
) -> go.Figure:
    """Lines over time: (column, name, colour, dash). The comparison date is marked."""
    days = [row["as_of_date"] for row in rows]
    pattern = ".1%" if percent else ".3f"
    alone = len(days) == 1
    values = [row[column] for row in rows for column, *_ in lines if row[column] is not None]
    drawn = figure(
        *[
            go.Scatter(
                x=days,
                y=[row[column] for row in rows],
                name=name,
                mode="markers" if alone else "lines",
                line={"color": colour, "width": 2.5, "dash": style},
                marker={"size": 9},
                hovertemplate=f"%{{x|%Y-%m-%d}}<br>{name}: %{{y:{pattern}}}<extra></extra>",
            )
            for column, name, colour, style in lines
        ],
        xaxis=day_axis(),
        yaxis=axis(title, tickformat=".1%" if percent else ".3f", range=_room(values)),
        showlegend=len(lines) > 1,
        hovermode="closest",
    )
    if compared and not alone:
        drawn.add_vline(x=compared, line={"color": "#868e96", "width": 1, "dash": "dot"})
    return drawn


def _room(values: Sequence[float]) -> list[float] | None:
    """The part of a scale that lets a trend be seen without making much of nothing: a fifth of its level at least."""
    if not values:
        return None
    low, high = min(values), max(values)
    half = max(high - low, 0.2 * high, 0.01) / 2 * 1.2
    middle = (low + high) / 2
    return [max(0.0, middle - half), middle + half]


def change(value: float | None, text: str, *, good: Literal["up", "down", "neither"] = "up") -> Component:
    """A change with sign, arrow and, where one way is good, colour."""
    if value is None:
        return html.Span("–")
    way = "up" if value > 0 else "down" if value < 0 else "same"
    mood = "same" if way == "same" or good == "neither" else "better" if way == good else "worse"
    arrow = {"up": "▲", "down": "▼", "same": "■"}[way]
    return html.Span([html.Span(arrow, **aria(hidden="true")), " ", signed(text, value)], className=f"change {mood}")


def customer_link(view: View, customer: str, **came: Any) -> Component:
    """A link to a customer's page; `came` says which list it is in."""
    return link(customer, view.link("/customer", cid=customer, **came))


def histogram_label(number: int, width: float) -> str:
    """The range of a bar in words."""
    return f"{number * width:.2f} to {(number + 1) * width:.2f}"


def segment_pill_mood(segment: str) -> str:
    """The colour class of a segment's pill."""
    return {"High": "good", "Medium": "calm", "Low": "watch", "At Risk": "bad"}.get(segment, "calm")
