"""Executive overview: how engaged the customers are, how many may be lost, and what has changed."""

from __future__ import annotations

import plotly.graph_objects as go
from dash import html
from dash.development.base_component import Component

from engagement_assets.analysis.brief import Brief
from engagement_assets.dashboard import formats, questions
from engagement_assets.dashboard.components import (
    ALL,
    HIGH_RISK,
    SLIPPING,
    KeyFigure,
    change,
    customer_link,
    figure_cards,
    link,
    listing,
    mark,
    message,
    no_customers,
    people,
    pill,
    segment_pill,
    small,
    stack,
    swatch,
)
from engagement_assets.dashboard.exports import Csv, same
from engagement_assets.dashboard.pages.overview import queries
from engagement_assets.dashboard.questions import of_day, since
from engagement_assets.dashboard.state import View
from engagement_assets.dashboard.theme import Mark, axis, bars, chart, figure, marks
from engagement_assets.dashboard.trends import TREND, Line, risk_share, trend_figure
from engagement_assets.dashboard.visuals import Page
from engagement_assets.dashboard.warehouse import Row, Warehouse
from engagement_assets.domain.colours import BLUE, GREY, SEGMENT_COLOURS
from engagement_assets.domain.contracts.engagement import SEGMENTS
from engagement_assets.exports.star_schema import BUCKET

PAGE = Page(
    "/", "Executive overview", "How engaged customers are, how many may be lost, and what has changed.", order=10
)

#: How a verdict of the brief is coloured; what is as usual is not.
_MOODS = {"better": "good", "worse": "bad"}

FIGURES = (
    KeyFigure("Average score", "average_score", formats.score, "average_score", "up", **ALL),
    KeyFigure("Slipping customers", "slipping_customers", formats.count, "slipping_customers", "down", **SLIPPING),
    KeyFigure("Total customers", "customers", formats.count, "customers", "up", **ALL),
    KeyFigure(
        "Average sessions", "average_sessions", formats.decimal, "average_sessions", "up", unit="in {window}", **ALL
    ),
    KeyFigure("Slipping revenue", "slipping_revenue", formats.money, "slipping_revenue", "down", **SLIPPING),
    KeyFigure("High risk by score", "high_risk_share", formats.share, "high_risk_share", "down", **HIGH_RISK),
)


@PAGE.visual(
    "overview-brief",
    "The week",
    lambda warehouse, view: queries.brief(warehouse, view.as_of),
    meaning="brief",
    empty=message("No brief of this day", "The totals of this day are not built; whoever runs the pipeline can do so."),
)
def brief(warehouse: Warehouse, view: View, found: list[Brief]) -> Component:
    """What happened in the week, each sentence with its verdict and the list behind it."""
    (told,) = found
    everybody = " Filters do not change it." if any(view.filters) else ""
    return stack(
        html.P(told.headline, className="headline"),
        html.Ul(
            [
                html.Li(
                    [
                        *([pill(each.verdict.capitalize(), _MOODS[each.verdict])] if each.verdict in _MOODS else []),
                        html.Span(each.text),
                        link(
                            [each.opens, html.Span(f", {each.topic}", className="visually-hidden")],
                            each.link(told.day),
                        ),
                    ],
                    className=f"sentence {each.verdict}",
                )
                for each in told.sentences
            ],
            className="sentences",
        ),
        small(f"The week {told.title}, of all customers.{everybody}"),
    )


@PAGE.visual("overview-cards", "Key figures", bare=True)
def cards(warehouse: Warehouse, view: View) -> Component:
    """The key figures, each with its change."""
    now = questions.key_figures(warehouse, view.as_of, view.filters)
    return figure_cards(
        warehouse, FIGURES, now, questions.comparison(warehouse, view), view, questions.usual_since(warehouse, view)
    )


def _bars_from(warehouse: Warehouse, view: View) -> list[Row]:
    rows = queries.distribution(warehouse, view.as_of, view.filters)
    return [{**row, "bin": round(row["bin"] * BUCKET, 2)} for row in rows]


@PAGE.visual(
    "overview-distribution",
    "How scores are distributed",
    of_day(queries.distribution),
    meaning="distribution",
    csv=Csv("distribution", {"bin": "from_score", "segment": "segment", "customers": "customers"}, _bars_from),
)
def distribution(warehouse: Warehouse, view: View, rows: list[Row]) -> Component:
    """Histogram of scores, coloured by segment."""
    traces = []
    for segment in reversed(SEGMENTS):
        found = [row for row in rows if row["segment"] == segment]
        traces.append(
            bars(
                [(row["bin"] + 0.5) * BUCKET for row in found],
                [row["customers"] for row in found],
                SEGMENT_COLOURS[segment],
                opens=[_bar(view, row) for row in found],
                name=segment,
                width=BUCKET * 0.92,
            )
        )
    drawn = figure(
        *traces,
        barmode="stack",
        xaxis=axis("Engagement score", range=[0, 1], dtick=0.1, tickformat=".1f", showgrid=False),
        yaxis=axis("Customers", tickformat=","),
    )
    return chart(drawn, "Histogram of customers by engagement score, coloured by segment.", height=390)


def _bar(view: View, row: Row) -> Mark:
    low, high = row["bin"] * BUCKET, (row["bin"] + 1) * BUCKET
    words = f"Score {low:.2f} to {high:.2f}<br>{row['segment']}"
    return mark(view, words, row["customers"], segment=row["segment"], score=f"{low:.2f}..{high:.2f}")


def _segments(warehouse: Warehouse, view: View) -> list[Row]:
    counts = queries.segments(warehouse, view.as_of, view.filters)
    return [{"segment": segment, "customers": customers} for segment, customers in counts.items()]


@PAGE.visual(
    "overview-segments",
    "Segments",
    _segments,
    meaning="segments",
    csv=Csv("segments", same("segment", "customers")),
    beside="wide-narrow",
)
def segments(warehouse: Warehouse, view: View, rows: list[Row]) -> Component:
    """Donut of segments with counts and text."""
    total = sum(row["customers"] for row in rows)
    if not total:
        return no_customers()
    named = [row for row in rows if row["customers"]]
    drawn = figure(
        go.Pie(
            labels=[row["segment"] for row in named],
            values=[row["customers"] for row in named],
            hole=0.66,
            sort=False,
            direction="clockwise",
            marker={
                "colors": [SEGMENT_COLOURS[row["segment"]] for row in named],
                "line": {"color": "white", "width": 2},
            },
            textinfo="none",
            **marks(mark(view, row["segment"], row["customers"], segment=row["segment"]) for row in named),
        ),
        showlegend=False,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        annotations=[
            {"text": f"<b>{total:,}</b><br>customers", "showarrow": False, "font": {"size": 16}, "x": 0.5, "y": 0.5}
        ],
    )
    words = ", ".join(f"{row['segment']} {row['customers']:,}" for row in rows)
    # The legend carries the numbers: labels around a ring are cut off on a small screen.
    legend = listing(
        rows,
        [
            ("Segment", lambda row: swatch(row["segment"], SEGMENT_COLOURS[row["segment"]])),
            ("Customers", lambda row: people(view, row["customers"], segment=row["segment"])),
            ("Share", lambda row: formats.share(row["customers"] / total)),
        ],
        caption="Customers by segment",
    )
    return stack(chart(drawn, f"Donut of customers by segment: {words}.", height=210), legend)


@PAGE.visual(
    "overview-score",
    "Average score over time",
    of_day(questions.trend),
    meaning="reference_score",
    csv=TREND,
)
def score_trend(warehouse: Warehouse, view: View, rows: list[Row]) -> Component:
    """Average score over time, and the reference score beside it."""
    lines = [
        Line("average_score", "Engagement score", BLUE, "solid", counted="customers"),
        Line("average_reference_score", "Reference score (fixed scale)", GREY, "dash", counted="customers"),
    ]
    drawn = trend_figure(rows, lines, title="Average score", percent=False, view=view)
    return chart(drawn, "Average engagement score and reference score over time.", height=280)


PAGE.visual(
    "overview-risk",
    "Slipping and high-risk share over time",
    of_day(questions.trend),
    meaning="slipping_share",
    beside="halves",
)(risk_share(280))


@PAGE.visual(
    "overview-groups",
    "Groups that changed most",
    since(queries.group_movers),
    meaning="movers",
    csv=Csv(
        "group-movers",
        {
            "kind": "grouped_by",
            "name": "group",
            "customers": "customers",
            "customers_change": "customers_change",
            "score": "average_reference_score",
            "score_change": "average_reference_score_change",
            "slipping_change": "slipping_customers_change",
        },
    ),
)
def group_movers(warehouse: Warehouse, view: View, rows: list[Row]) -> Component:
    """Which groups moved most since the comparison date."""

    keys = {"Country": "country", "Segment": "segment", "Value segment": "value", "Status": "status"}

    def customers(row: Row) -> Component:
        told = people(view, row["customers"], **{keys[row["kind"]]: row["name"]})
        return html.Span([told, f" ({formats.difference(row['customers_change'], formats.count)})"])

    return listing(
        rows,
        [
            ("Group", lambda row: html.Span([html.Span(f"{row['kind']} ", className="quiet"), row["name"]])),
            ("Customers", customers),
            ("Reference score", "score", formats.score),
            ("Change", "score_change", change),
        ],
        caption=f"Groups whose average reference score moved most since {view.compared}",
    )


@PAGE.visual(
    "overview-customers",
    "Customers who changed most",
    since(queries.customer_movers),
    meaning="customer_movers",
    csv=Csv("customer-movers", {**same("customer_id", "segment"), "score": "reference_score", "change": "change"}),
    beside="halves",
)
def customer_movers(warehouse: Warehouse, view: View, rows: list[Row]) -> Component:
    """Which customers moved most since the comparison date."""
    return listing(
        rows,
        [
            ("Customer", lambda row: customer_link(view, row["customer_id"])),
            ("Segment", "segment", segment_pill),
            ("Reference score", "score", formats.score),
            ("Change", "change", change),
        ],
        left=(0, 1),
        caption=f"Customers whose reference score moved most since {view.compared}",
    )
