"""Measures over time: the figure of a trend, and the trends that several pages show."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import plotly.graph_objects as go
from dash.development.base_component import Component

from engagement_assets.dashboard import questions
from engagement_assets.dashboard.exports import Csv, same
from engagement_assets.dashboard.state import View
from engagement_assets.dashboard.theme import axis, chart, day_axis, figure
from engagement_assets.dashboard.warehouse import Row, Warehouse
from engagement_assets.domain.colours import GREY, VERMILLION

TREND = Csv("trend", same("as_of_date", *questions.FOLLOWED), questions.of_day(questions.trend))

#: A line of a trend: column, name, colour, dash.
Line = tuple[str, str, str, str]


def trend_figure(
    rows: Sequence[Row], lines: Sequence[Line], *, title: str, percent: bool, compared: str | None
) -> go.Figure:
    """Lines over time. The comparison date is marked, and where the scoring policy changed (`policy` of a row)."""
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
    for before, row in pairwise(rows):
        if before.get("policy") and row.get("policy") and before["policy"] != row["policy"]:
            _mark_policy(drawn, row)
    if compared and not alone:
        drawn.add_vline(x=compared, line={"color": "#868e96", "width": 1, "dash": "dot"})
    return drawn


def _mark_policy(drawn: go.Figure, row: Row) -> None:
    """A line at the first day of another scoring policy: a step there is no doing of the customers."""
    drawn.add_vline(x=row["as_of_date"], line={"color": VERMILLION, "width": 1, "dash": "dashdot"})
    drawn.add_annotation(
        x=row["as_of_date"],
        y=1,
        yref="paper",
        yanchor="bottom",
        text="other scoring policy",
        hovertext=f"from here on scored with policy {row['policy']}",
        showarrow=False,
        font={"size": 11},
    )


def _room(values: Sequence[float]) -> list[float] | None:
    """The part of a scale that lets a trend be seen without making much of nothing: a fifth of its level at least."""
    if not values:
        return None
    low, high = min(values), max(values)
    half = max(high - low, 0.2 * high, 0.01) / 2 * 1.2
    middle = (low + high) / 2
    return [max(0.0, middle - half), middle + half]


def risk_share(height: int) -> Callable[[Warehouse, View, Sequence[Row]], Component]:
    """Draws the shares of customers who are slipping, and at high risk by score, over time."""

    def draw(warehouse: Warehouse, view: View, rows: Sequence[Row]) -> Component:
        lines = [
            ("slipping_share", "Slipping", VERMILLION, "solid"),
            ("high_risk_share", "High risk by score", GREY, "dot"),
        ]
        drawn = trend_figure(rows, lines, title="Share of customers", percent=True, compared=view.compared)
        return chart(
            drawn, "Shares of customers who are slipping, and at high risk by score, over time.", height=height
        )

    return draw
