"""Executive overview: how engaged the customers are, how many may be lost, and what has changed."""

from __future__ import annotations

import plotly.graph_objects as go
from dash import html
from dash.development.base_component import Component

from engagement_assets.dashboard import formats, questions
from engagement_assets.dashboard.components import Figure, figures, no_comparison, no_customers, pill, swatch, table
from engagement_assets.dashboard.pages.common import (
    change,
    customer_link,
    histogram_label,
    segment_pill_mood,
    trend_figure,
)
from engagement_assets.dashboard.pages.overview import queries
from engagement_assets.dashboard.state import View
from engagement_assets.dashboard.theme import axis, chart, figure
from engagement_assets.dashboard.visuals import Visual, place
from engagement_assets.dashboard.warehouse import Row, Warehouse
from engagement_assets.domain.colours import BLUE, GREY, SEGMENT_COLOURS, VERMILLION
from engagement_assets.domain.contracts.engagement import SEGMENTS
from engagement_assets.exports.star_schema import BUCKET

PATH = "/"
TITLE = "Executive overview"
PURPOSE = "How engaged customers are, how many may be lost, and what has changed."


def cards(warehouse: Warehouse, view: View) -> Component:
    """The five key figures, each with its change."""
    now = questions.key_figures(warehouse, view.as_of, view.filters)
    before = questions.comparison(warehouse, view) or {}
    meaning = warehouse.meanings

    def moved(name: str) -> float | None:
        return None if now[name] is None or before.get(name) is None else float(now[name]) - float(before[name])

    score, risk, people = moved("average_score"), moved("high_risk_share"), moved("customers")
    sessions, revenue = moved("average_sessions"), moved("revenue_at_risk")
    return figures(
        [
            Figure(
                "Average score",
                formats.score(now["average_score"]),
                meaning["average_score"],
                score,
                formats.score(abs(score or 0)),
                "up",
            ),
            Figure(
                "High-risk customers",
                formats.share(now["high_risk_share"]),
                meaning["high_risk_share"],
                risk,
                f"{abs(risk or 0) * 100:.1f} points",
                "down",
            ),
            Figure(
                "Total customers",
                formats.count(now["customers"]),
                meaning["customers"],
                people,
                formats.count(abs(people or 0)),
                "up",
            ),
            Figure(
                "Average sessions",
                formats.decimal(now["average_sessions"]),
                meaning["average_sessions"],
                sessions,
                formats.decimal(abs(sessions or 0)),
                "up",
                unit="in 30 days",
            ),
            Figure(
                "Revenue at risk",
                formats.money(now["revenue_at_risk"]),
                meaning["revenue_at_risk"],
                revenue,
                formats.money(abs(revenue or 0)),
                "down",
            ),
        ],
        view.compared,
    )


def distribution(warehouse: Warehouse, view: View) -> Component:
    """Histogram of scores, coloured by segment."""
    rows = queries.distribution(warehouse, view.as_of, view.filters)
    if not rows:
        return no_customers()
    bars = []
    for segment in reversed(SEGMENTS):
        found = [row for row in rows if row["segment"] == segment]
        bars.append(
            go.Bar(
                x=[(row["bin"] + 0.5) * BUCKET for row in found],
                y=[row["customers"] for row in found],
                width=BUCKET * 0.92,
                name=segment,
                marker={"color": SEGMENT_COLOURS[segment]},
                customdata=[histogram_label(row["bin"], BUCKET) for row in found],
                hovertemplate=f"Score %{{customdata}}<br>{segment}: %{{y:,}} customers<extra></extra>",
            )
        )
    drawn = figure(
        *bars,
        barmode="stack",
        xaxis=axis("Engagement score", range=[0, 1], dtick=0.1, tickformat=".1f", showgrid=False),
        yaxis=axis("Customers", tickformat=","),
    )
    return chart(drawn, "Histogram of customers by engagement score, coloured by segment.", height=390)


def segments(warehouse: Warehouse, view: View) -> Component:
    """Donut of segments with counts and text."""
    counts = queries.segments(warehouse, view.as_of, view.filters)
    total = sum(counts.values())
    if not total:
        return no_customers()
    named = {segment: count for segment, count in counts.items() if count}
    drawn = figure(
        go.Pie(
            labels=list(named),
            values=list(named.values()),
            hole=0.66,
            sort=False,
            direction="clockwise",
            marker={"colors": [SEGMENT_COLOURS[segment] for segment in named], "line": {"color": "white", "width": 2}},
            textinfo="none",
            hovertemplate="%{label}: %{value:,} customers (%{percent})<extra></extra>",
        ),
        showlegend=False,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        annotations=[
            {"text": f"<b>{total:,}</b><br>customers", "showarrow": False, "font": {"size": 16}, "x": 0.5, "y": 0.5}
        ],
    )
    words = ", ".join(f"{segment} {count:,}" for segment, count in counts.items())
    ring = chart(drawn, f"Donut of customers by segment: {words}.", height=210)
    # The legend carries the numbers: labels around a ring are cut off on a small screen.
    legend = table(
        ["Segment", "Customers", "Share"],
        [
            [swatch(segment, SEGMENT_COLOURS[segment]), formats.count(count), formats.share(count / total)]
            for segment, count in counts.items()
        ],
        caption="Customers by segment",
    )
    return html.Div([ring, legend], className="stack")


def _trend(warehouse: Warehouse, view: View) -> list[Row]:
    return questions.trend(warehouse, view.as_of, view.filters)


def score_trend(warehouse: Warehouse, view: View) -> Component:
    """Average score over time, and the reference score beside it."""
    rows = _trend(warehouse, view)
    if not rows:
        return no_customers()
    lines = [
        ("average_score", "Engagement score", BLUE, "solid"),
        ("average_reference_score", "Reference score (fixed scale)", GREY, "dash"),
    ]
    drawn = trend_figure(rows, lines, title="Average score", percent=False, compared=view.compared)
    return chart(drawn, "Average engagement score and reference score over time.", height=280)


def risk_trend(warehouse: Warehouse, view: View) -> Component:
    """Share of customers at high risk over time."""
    rows = _trend(warehouse, view)
    if not rows:
        return no_customers()
    lines = [("high_risk_share", "At high risk", VERMILLION, "solid")]
    drawn = trend_figure(rows, lines, title="Share of customers", percent=True, compared=view.compared)
    return chart(drawn, "Share of customers at high risk over time.", height=280)


def group_movers(warehouse: Warehouse, view: View) -> Component:
    """Which groups moved most since the comparison date."""
    if view.compared is None:
        return no_comparison()
    rows = queries.group_movers(warehouse, view.as_of, view.compared, view.filters)
    if not rows:
        return no_customers()
    return table(
        ["Group", "Customers", "Reference score", "Change"],
        [
            [
                html.Span([html.Span(f"{row['kind']} ", className="quiet"), row["name"]]),
                f"{row['customers']:,} ({formats.signed(formats.count(abs(row['customers_change'])), row['customers_change'])})",
                formats.score(row["score"]),
                change(row["score_change"], formats.score(abs(row["score_change"]))),
            ]
            for row in rows
        ],
        caption=f"Groups whose average reference score moved most since {view.compared}",
    )


def customer_movers(warehouse: Warehouse, view: View) -> Component:
    """Which customers moved most since the comparison date."""
    if view.compared is None:
        return no_comparison()
    rows = queries.customer_movers(warehouse, view.as_of, view.compared, view.filters)
    if not rows:
        return no_customers()
    return table(
        ["Customer", "Segment", "Reference score", "Change"],
        [
            [
                customer_link(view, row["customer_id"]),
                pill(row["segment"], segment_pill_mood(row["segment"])),
                formats.score(row["score"]),
                change(row["change"], formats.score(abs(row["change"]))),
            ]
            for row in rows
        ],
        left=(0, 1),
        caption=f"Customers whose reference score moved most since {view.compared}",
    )


def visuals(meaning: dict[str, str]) -> dict[str, Visual]:
    """The visuals of this page."""
    return {
        visual.name: visual
        for visual in (
            Visual("overview-cards", "Key figures", cards, height=118, bare=True),
            Visual(
                "overview-distribution",
                "How scores are distributed",
                distribution,
                meaning["distribution"],
                height=390,
                export="distribution",
            ),
            Visual("overview-segments", "Segments", segments, meaning["segments"], export="segments"),
            Visual(
                "overview-score",
                "Average score over time",
                score_trend,
                meaning["reference_score"],
                height=280,
                export="trend",
            ),
            Visual("overview-risk", "At-risk share over time", risk_trend, meaning["high_risk_share"], height=280),
            Visual(
                "overview-groups", "Groups that changed most", group_movers, meaning["movers"], export="group-movers"
            ),
            Visual(
                "overview-customers",
                "Customers who changed most",
                customer_movers,
                meaning["customer_movers"],
                export="customer-movers",
            ),
        )
    }


def layout(parts: dict[str, Visual]) -> list[Component]:
    """How the visuals are arranged."""
    return [
        place(parts["overview-cards"]),
        html.Div(
            [place(parts["overview-distribution"]), place(parts["overview-segments"])], className="row wide-narrow"
        ),
        html.Div([place(parts["overview-score"]), place(parts["overview-risk"])], className="row halves"),
        html.Div([place(parts["overview-groups"]), place(parts["overview-customers"])], className="row halves"),
    ]
