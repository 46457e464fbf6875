"""High-value customers: who carries the revenue, what they have in common, whose score falls."""

from __future__ import annotations

from typing import Any

from dash.development.base_component import Component

from engagement_assets.dashboard import formats, questions
from engagement_assets.dashboard.components import (
    KeyFigure,
    change,
    customer_link,
    figure_cards,
    listing,
    mark,
    message,
    people,
    table,
)
from engagement_assets.dashboard.exports import Csv, same
from engagement_assets.dashboard.grids import grid
from engagement_assets.dashboard.pages.high_value import queries
from engagement_assets.dashboard.questions import of_day
from engagement_assets.dashboard.state import View
from engagement_assets.dashboard.theme import axis, bars, chart, figure, names_axis
from engagement_assets.dashboard.visuals import Page
from engagement_assets.dashboard.warehouse import Row, Warehouse
from engagement_assets.domain.colours import BLUE

PAGE = Page(
    "/high-value",
    "High-value customers",
    "Who carries the revenue and still comes, what they have in common, and whose score falls.",
    order=50,
)

_NOBODY = "No customer is both revenue-significant and engaged here."

_THEY: dict[str, Any] = {"opens": {"high_value": True}, "counted": "customers"}

FIGURES = (
    KeyFigure("High-value customers", "customers", formats.count, "high_value_customers", "up", **_THEY),
    KeyFigure(
        "Share of all revenue",
        "part",
        formats.share,
        "Revenue so far of the high-value customers by that of all customers under the filters.",
        **_THEY,
    ),
    KeyFigure(
        "Average order value",
        "average_order",
        formats.cents,
        "Revenue by orders of the high-value customers.",
        "up",
        **_THEY,
    ),
    KeyFigure(
        "Declining",
        "declining",
        formats.count,
        "high_value_declining",
        note=lambda row: f"with revenue so far of {formats.money(row['declining_revenue'])}",
        opens={"high_value": True, "declining": True},
    ),
)

#: What is compared with other buyers: in words, the measure, how it is written.
_TRAITS = (
    ("Orders so far", "average_orders", lambda value: formats.decimal(value, 1)),
    ("Average order value", "average_order", formats.cents),
    ("Days since last order", "recency", formats.count),
    ("Sessions in {window}", "sessions", lambda value: formats.decimal(value, 1)),
    ("Engaged sessions", "engaged", formats.share),
    ("Days since sign-up", "tenure", formats.count),
    ("Engagement score", "score", formats.score),
)


@PAGE.visual("high-cards", "Key figures", bare=True)
def cards(warehouse: Warehouse, view: View) -> Component:
    """How many there are, their revenue, their orders, how many are declining."""

    def measures(day: str, nobody: Row) -> Row:
        found = queries.profile(warehouse, day, view.filters).get(True, nobody)
        everybody = questions.key_figures(warehouse, day, view.filters)
        return {**found, "part": formats.ratio(found.get("revenue"), everybody["revenue"])}

    now = measures(view.as_of, {"customers": 0, "revenue": 0.0, "declining": 0, "declining_revenue": 0.0})
    before = measures(view.compared, {}) if view.compared else None
    return figure_cards(warehouse, FIGURES, now, before, view)


def _groups(warehouse: Warehouse, view: View) -> list[Row]:
    found = queries.profile(warehouse, view.as_of, view.filters)
    return [{**row, "group": "high-value" if high else "other buyers"} for high, row in found.items()]


@PAGE.visual(
    "high-common",
    "What they have in common",
    meaning="high_value_customers",
    csv=Csv("traits", same("group", "customers", *[key for _, key, _ in _TRAITS]), _groups),
)
def common_traits(warehouse: Warehouse, view: View) -> Component:
    """High-value customers beside all other buyers."""
    found = queries.profile(warehouse, view.as_of, view.filters)
    if True not in found:
        return message("Nobody here", _NOBODY)
    theirs, others = found[True], found.get(False, {})
    rows: list[list[Any]] = [
        [
            "Customers",
            people(view, theirs["customers"], high_value=True),
            people(view, others.get("customers", 0), high_value=False, orders="1.."),
            None,
        ]
    ]
    for name, key, write in _TRAITS:
        times = formats.ratio(theirs[key], others.get(key))
        ratio = formats.NOTHING if times is None else f"{times:.1f}×"
        rows.append([warehouse.meanings.filled(name), write(theirs[key]), write(others.get(key)), ratio])
    return table(
        ["On average", "High-value", "Other buyers", "Ratio"], rows, caption="What high-value customers have in common"
    )


@PAGE.visual(
    "high-countries",
    "Where they are",
    of_day(queries.countries),
    meaning="high_value_customers",
    csv=Csv("countries", same("country", "high_value", "buyers", "share")),
    beside="halves",
)
def countries(warehouse: Warehouse, view: View, rows: list[Row]) -> Component:
    """Where they are, and where they are common."""
    drawn = figure(
        bars(
            [row["high_value"] for row in rows],
            [row["country"] for row in rows],
            BLUE,
            opens=[
                mark(view, f"{row['country']}, high-value", row["high_value"], country=row["country"], high_value=True)
                for row in rows
            ],
            texts=[f"{row['high_value']:,} · {row['share']:.0%} of buyers" for row in rows],
            orientation="h",
        ),
        xaxis=axis("High-value customers", tickformat=",", range=[0, max(1, rows[0]["high_value"]) * 1.8]),
        yaxis=names_axis(autorange="reversed"),
        showlegend=False,
    )
    return chart(drawn, "High-value customers by country.", height=290)


@PAGE.visual(
    "high-declining",
    "Whose score falls",
    of_day(queries.declining),
    meaning="high_value_declining",
    csv=Csv("declining", same("customer_id", "revenue", "recency_days", "sessions", "sessions_before", "change")),
    empty=message("Nobody is declining", "No high-value customer's score has fallen noticeably of late."),
)
def declining(warehouse: Warehouse, view: View, rows: list[Row]) -> Component:
    """The high-value customers who fell most."""
    came = {"from": "high-value", "sort": "reference_score_change:asc"}
    return listing(
        rows,
        [
            ("Customer", lambda row: customer_link(view, row["customer_id"], **came)),
            ("Revenue", "revenue", formats.money),
            ("Days since order", "recency_days", formats.count),
            (warehouse.meanings.filled("Sessions, {window}"), "sessions", formats.count),
            (warehouse.meanings.filled("{window} before"), "sessions_before", formats.count),
            ("Change", "change", change),
        ],
        caption=warehouse.meanings.filled("High-value customers whose score fell most in {window}"),
    )


@PAGE.visual(
    "high-customers",
    "High-value customers",
    meaning="high_value_customers",
    note="Choose a customer to open their page; headings sort and filter.",
)
def customers(warehouse: Warehouse, view: View) -> Component:
    """All high-value customers."""
    return grid(warehouse, view, "high-value", empty=_NOBODY)
