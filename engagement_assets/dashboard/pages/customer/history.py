"""What a customer did over time: score and segment, orders, sessions."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go
from dash import html
from dash.development.base_component import Component

from engagement_assets.dashboard import formats
from engagement_assets.dashboard.components import message, segment_pill, stack
from engagement_assets.dashboard.pages.customer import queries
from engagement_assets.dashboard.state import View
from engagement_assets.dashboard.theme import Mark, axis, bars, chart, day_axis, figure, marks, right_axis
from engagement_assets.dashboard.warehouse import Row, Warehouse
from engagement_assets.domain.colours import BLUE, GREEN, GREY, SEGMENT_COLOURS, SKY


def score_history(warehouse: Warehouse, view: View, row: Row) -> Component:
    """Score and segment over time."""
    rows = queries.history(warehouse, view.as_of, row["customer_id"])
    days = [each["as_of_date"] for each in rows]
    # Marks on every day would hide the line: only where the customer came to a segment.
    begun = [
        each
        for each, before in zip(rows, [None, *rows], strict=False)
        if not before or each["segment"] != before["segment"]
    ]
    drawn = figure(
        go.Scatter(
            x=days,
            y=[each["score"] for each in rows],
            name="Engagement score",
            mode="lines",
            line={"color": BLUE, "width": 2},
            text=[each["segment"] for each in rows],
            hovertemplate="%{x|%Y-%m-%d}: %{y:.3f}, %{text}<extra></extra>",
        ),
        go.Scatter(
            x=[each["as_of_date"] for each in begun],
            y=[each["score"] for each in begun],
            name="Came to a segment",
            mode="markers",
            marker={"color": [SEGMENT_COLOURS[each["segment"]] for each in begun], "size": 9},
            text=[each["segment"] for each in begun],
            hovertemplate="%{x|%Y-%m-%d}: %{text}<extra></extra>",
        ),
        go.Scatter(
            x=days,
            y=[each["reference"] for each in rows],
            name="Reference score (fixed scale)",
            mode="lines" if len(days) > 1 else "markers",
            line={"color": GREY, "width": 2, "dash": "dash"},
            hovertemplate="%{x|%Y-%m-%d}: %{y:.3f}<extra>Reference</extra>",
        ),
        xaxis=day_axis(),
        yaxis=axis("Score", range=[0, 1.02], tickformat=".1f"),
    )
    return stack(chart(drawn, "Score over time.", height=390), _segments_over_time(rows))


def _segments_over_time(rows: list[Row]) -> Component:
    """The segments a customer has been in, the latest first."""
    spells: list[tuple[str, Any, Any]] = []
    for each in rows:
        if spells and spells[-1][0] == each["segment"]:
            spells[-1] = (spells[-1][0], spells[-1][1], each["as_of_date"])
        else:
            spells.append((each["segment"], each["as_of_date"], each["as_of_date"]))
    items = [
        html.Span([segment_pill(segment), f" {first} to {last}"], className="legend-item")
        for segment, first, last in spells[::-1][:6]
    ]
    more = len(spells) - 6
    return html.Div(
        [html.Span("Segments:", className="quiet"), *items, *([html.Span(f"and {more} earlier")] if more > 0 else [])],
        className="legend",
    )


def orders(warehouse: Warehouse, view: View, row: Row) -> Component:
    """Orders over time, with the sum so far."""
    found = queries.orders(warehouse, view.as_of, row["customer_id"])
    if not found:
        return message("No orders", "This customer has not ordered up to this day.")
    total, sums = 0.0, []
    for order in found:
        total += float(order["amount"])
        sums.append(total)
    days = [order["day"] for order in found]
    drawn = figure(
        go.Scatter(
            x=days,
            y=[float(order["amount"]) for order in found],
            name="Order",
            mode="markers",
            marker={"color": GREEN, "size": 10, "opacity": 0.85},
            **marks(
                Mark(f"{order['day']}: {formats.cents(order['amount'])}<br>order {order['order_id']}")
                for order in found
            ),
        ),
        go.Scatter(
            x=days,
            y=sums,
            name="Revenue so far",
            yaxis="y2",
            mode="lines",
            line={"color": GREY, "shape": "hv", "width": 2},
            hovertemplate=f"%{{x|%Y-%m-%d}}: {formats.in_currency('%{y:,.2f}')}<extra>so far</extra>",
        ),
        xaxis=day_axis(),
        yaxis=axis(
            "Order amount", tickformat=",", range=[0, max(float(order["amount"]) for order in found) * 1.15 or 1]
        ),
        yaxis2=right_axis("Revenue so far", tickformat=",", range=[0, total * 1.08 or 1], tickmode="auto"),
    )
    return chart(drawn, f"{len(found):,} orders over time.", height=300)


def sessions(warehouse: Warehouse, view: View, row: Row) -> Component:
    """Sessions per day of the window."""
    found = queries.sessions(warehouse, view.as_of, row["customer_id"])
    if not any(each["sessions"] for each in found):
        return message("No sessions in the window", "This customer was not seen on the web in the window.")
    days = [each["day"] for each in found]
    most = max(each["sessions"] for each in found)
    drawn = figure(
        *[
            bars(days, counts, colour, f"%{{x|%Y-%m-%d}}: %{{y:,}} {name.lower()}<extra></extra>", name=name)
            for name, counts, colour in (
                ("Engaged", [each["engaged"] for each in found], BLUE),
                ("Other", [each["sessions"] - each["engaged"] for each in found], SKY),
            )
        ],
        barmode="stack",
        xaxis=day_axis(),
        yaxis=axis("Sessions", tickformat=",d", rangemode="tozero", dtick=1 if most <= 6 else None),
    )
    return chart(drawn, warehouse.meanings.filled("Sessions per day of the last {window}."), height=300)
