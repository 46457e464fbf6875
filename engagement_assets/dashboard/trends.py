"""Measures over time: the figure of a trend, and the trends that several pages show."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from types import MappingProxyType
from typing import Any, NamedTuple

import plotly.graph_objects as go
from dash.development.base_component import Component

from engagement_assets.dashboard import formats, questions
from engagement_assets.dashboard.components import mark
from engagement_assets.dashboard.exports import Csv, same
from engagement_assets.dashboard.state import View
from engagement_assets.dashboard.theme import Mark, axis, chart, day_axis, figure, marks
from engagement_assets.dashboard.warehouse import Row, Warehouse
from engagement_assets.domain.colours import GREY, VERMILLION

TREND = Csv("trend", same("as_of_date", *questions.FOLLOWED), questions.of_day(questions.trend))


class Line(NamedTuple):
    """A line of a trend. `counted`: the column of the customers that a point is of, and `opens` the filters of their list."""

    column: str
    name: str
    colour: str
    dash: str
    counted: str | None = None
    opens: Mapping[str, Any] = MappingProxyType({})


def trend_figure(
    rows: Sequence[Row], lines: Sequence[Line], *, title: str, percent: bool, view: View | None = None
) -> go.Figure:
    """Lines over time. The comparison date of the view is marked, and where the scoring policy changed (`policy` of a row)."""
    compared = view and view.compared
    days = [row["as_of_date"] for row in rows]
    write = formats.share if percent else formats.score
    alone = len(days) == 1
    values = [row[line.column] for row in rows for line in lines if row[line.column] is not None]

    def point(row: Row, line: Line) -> Mark:
        day = formats.day(row["as_of_date"])
        words = f"{day}<br>{line.name} {write(row[line.column])}"
        if view is None or line.counted is None:
            return Mark(words)
        return mark(view, words, row[line.counted] or 0, date=day, **line.opens)

    drawn = figure(
        *[
            go.Scatter(
                x=days,
                y=[row[line.column] for row in rows],
                name=line.name,
                mode="markers" if alone else "lines",
                line={"color": line.colour, "width": 2.5, "dash": line.dash},
                marker={"size": 9},
                **marks(point(row, line) for row in rows),
            )
            for line in lines
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
            Line("slipping_share", "Slipping", VERMILLION, "solid", "slipping_customers", {"slipping": True}),
            Line("high_risk_share", "High risk by score", GREY, "dot", "high_risk_customers", {"high_risk": True}),
        ]
        drawn = trend_figure(rows, lines, title="Share of customers", percent=True, view=view)
        return chart(
            drawn, "Shares of customers who are slipping, and at high risk by score, over time.", height=height
        )

    return draw
