"""Customer value against engagement risk: who is worth what, who moves where, and what to do."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go
from dash import dcc, html
from dash.development.base_component import Component

from engagement_assets.dashboard import formats
from engagement_assets.dashboard.components import listing, mark, people, small, stack, swatch
from engagement_assets.dashboard.exports import Csv, same
from engagement_assets.dashboard.grids import grid
from engagement_assets.dashboard.pages.value import queries
from engagement_assets.dashboard.questions import of_day, since
from engagement_assets.dashboard.state import View
from engagement_assets.dashboard.theme import axis, bars, chart, figure, names_axis
from engagement_assets.dashboard.visuals import Page
from engagement_assets.dashboard.warehouse import Row, Warehouse
from engagement_assets.domain.colours import BLUE, GREY, SEGMENT_COLOURS, SKY, VALUE_COLOURS
from engagement_assets.domain.contracts.engagement import SEGMENTS, STATUSES, VALUE_SEGMENTS
from engagement_assets.domain.customer_filters import NOBODY_YET
from engagement_assets.domain.meanings import group

PAGE = Page(
    "/value",
    "Value and risk",
    "Customer value against engagement: who is worth what, who moves where, and what to do about it.",
    order=30,
)

_BANDS = ("High", "Medium", "Low")


@PAGE.visual(
    "value-matrix",
    "Engagement by revenue",
    of_day(queries.matrix),
    meaning="matrix",
    note="A cell opens the list of its customers.",
    csv=Csv("matrix", same("engagement", "revenue_band", "value_segment", "customers", "revenue")),
)
def matrix(warehouse: Warehouse, view: View, rows: list[Row]) -> Component:
    """Engagement band by revenue band."""
    found = {(row["engagement"], row["revenue_band"]): row for row in rows}
    customers, revenue = sum(row["customers"] for row in rows), sum(row["revenue"] for row in rows)
    head = html.Tr([html.Td(), html.Th("High revenue", scope="col"), html.Th("Low revenue", scope="col")])
    body = [
        html.Tr(
            [
                html.Th(f"{band} engagement", scope="row"),
                *[html.Td(_cell(view, found.get((band, worth)), customers, revenue)) for worth in ("High", "Low")],
            ]
        )
        for band in _BANDS
    ]
    return html.Table([html.Thead(head), html.Tbody(body)], className="matrix")


def _cell(view: View, row: Row | None, customers: int, revenue: float) -> Component:
    if row is None:
        return html.Div("nobody", className="matrix-cell quiet")
    name = row["value_segment"]
    return dcc.Link(
        [
            html.Div(name, className="matrix-name"),
            html.Div(f"{row['customers']:,} customers ({formats.share(row['customers'] / customers)})"),
            html.Div(
                f"{formats.money(row['revenue'])} revenue ({formats.share(formats.ratio(row['revenue'], revenue))})",
                className="quiet",
            ),
        ],
        href=view.list_of(engagement=row["engagement"], revenue_band=row["revenue_band"]),
        className="matrix-cell",
        style={"borderLeftColor": VALUE_COLOURS[name]},
        title=f"List of {row['customers']:,} customers",
    )


@PAGE.visual(
    "value-moves",
    "Moves between segments",
    since(queries.moves),
    meaning="moves",
    csv=Csv("moves", {"source": "from", "target": "to", "customers": "customers"}),
    beside="halves",
)
def moves(warehouse: Warehouse, view: View, rows: list[Row]) -> Component:
    """Flow between segments since the comparison date."""
    sources = [name for name in (*SEGMENTS, queries.NEW) if any(row["source"] == name for row in rows)]
    targets = [name for name in SEGMENTS if any(row["target"] == name for row in rows)]
    place_of = {("from", name): number for number, name in enumerate(sources)}
    place_of |= {("to", name): number + len(sources) for number, name in enumerate(targets)}
    total = dict.fromkeys(place_of, 0)
    for row in rows:
        total["from", row["source"]] += row["customers"]
        total["to", row["target"]] += row["customers"]
    colours = {**SEGMENT_COLOURS, queries.NEW: GREY}
    drawn = figure(
        go.Sankey(
            arrangement="fixed",
            node={
                "label": [f"{name} {total[side, name]:,}" for side, name in place_of],
                "color": [colours[name] for _, name in place_of],
                "pad": 18,
                "thickness": 14,
                "line": {"width": 0},
                "customdata": [
                    _list(view, name, None) if side == "from" else _list(view, None, name) for side, name in place_of
                ],
                "x": [0.001 if side == "from" else 0.999 for side, _ in place_of],
                "y": _heights(sources, total, "from") + _heights(targets, total, "to"),
                "hovertemplate": "%{label} customers<extra></extra>",
            },
            link={
                "source": [place_of["from", row["source"]] for row in rows],
                "target": [place_of["to", row["target"]] for row in rows],
                "value": [row["customers"] for row in rows],
                "color": [_faint(colours[row["source"]]) for row in rows],
                "label": [f"{row['source']} to {row['target']}: {row['customers']:,} customers" for row in rows],
                "customdata": [_list(view, row["source"], row["target"]) for row in rows],
                "hovertemplate": "%{label}<extra></extra>",
            },
            textfont={"size": 12},
        ),
        margin={"l": 8, "r": 8, "t": 12, "b": 12},
    )
    changed = [row for row in rows if row["source"] != row["target"]]
    staying = sum(row["customers"] for row in rows) - sum(row["customers"] for row in changed)
    new = sum(row["customers"] for row in changed if row["source"] == queries.NEW)
    moved = sum(row["customers"] for row in changed) - new
    return stack(
        small(
            f"From {view.compared} to {view.as_of}: {staying:,} customers stayed in their segment, "
            f"{moved:,} moved, {new:,} are new."
        ),
        chart(drawn, "Flow of customers between segments.", height=330),
        listing(
            changed[:5],
            [
                ("From", "source"),
                ("To", "target"),
                ("Customers", lambda row: people(view, row["customers"], **_moved(row["source"], row["target"]))),
            ],
            left=(0, 1),
            caption="The largest moves between segments",
        ),
    )


def _moved(source: str | None, target: str | None) -> dict[str, Any]:
    """The filters of those who came from a segment, or are in one."""
    was = NOBODY_YET if source == queries.NEW else source
    return {**({"was_segment": was} if was else {}), **({"segment": target} if target else {})}


def _list(view: View, source: str | None, target: str | None) -> str:
    return view.list_of(**_moved(source, target))


def _heights(names: list[str], total: dict[tuple[str, str], int], side: str) -> list[float]:
    """Where the nodes of a side stand, in the order of the segments and apart from each other."""
    whole = sum(total[side, name] for name in names) or 1
    gap = 0.06
    room = 1 - gap * (len(names) - 1)
    heights, top = [], 0.0
    for name in names:
        height = room * total[side, name] / whole
        heights.append(min(0.999, max(0.001, top + height / 2)))
        top += height + gap
    return heights


def _faint(colour: str) -> str:
    red, green, blue = (int(colour[start : start + 2], 16) for start in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.35)"


_STATUS_COLOURS = dict(zip(STATUSES, (BLUE, SKY, GREY), strict=True))


@PAGE.visual(
    "value-statuses",
    "Customers by segment",
    of_day(queries.statuses),
    meaning="statuses",
    csv=Csv("segment-statuses", same("segment", "status", "customers")),
)
def statuses(warehouse: Warehouse, view: View, rows: list[Row]) -> Component:
    """Customers of each segment, side by side by what they do now."""
    found = {(row["segment"], row["status"]): row["customers"] for row in rows}
    drawn = figure(
        *[
            bars(
                list(SEGMENTS),
                [found.get((segment, status), 0) for segment in SEGMENTS],
                _STATUS_COLOURS[status],
                opens=[
                    mark(view, f"{segment}, {status}", found.get((segment, status), 0), segment=segment, status=status)
                    for segment in SEGMENTS
                ],
                texts=[formats.count(found.get((segment, status), 0)) for segment in SEGMENTS],
                name=status,
            )
            for status in STATUSES
        ],
        barmode="group",
        xaxis=names_axis(),
        yaxis=axis("Customers", tickformat=",", range=[0, max(found.values()) * 1.15]),
    )
    return chart(drawn, "Customers by segment and status.", height=300)


def _value_segments(warehouse: Warehouse, view: View) -> list[Row]:
    """The value segments that have customers, with the audiences that these are in."""
    found = queries.value_segments(warehouse, view.as_of, view.filters)
    reached: dict[str, list[str]] = {}
    for row in queries.audiences(warehouse, view.as_of, view.filters):
        reached.setdefault(row["name"], []).append(f"{row['audience']} {formats.count(row['customers'])}")
    return [
        {
            **row,
            "average_order": formats.ratio(row["revenue"], row["orders"]),
            "audiences": ", ".join(reached.get(name, ["none"])),
        }
        for name, row in found.items()
    ]


@PAGE.visual(
    "value-segments",
    "Value segments and their audiences",
    _value_segments,
    meaning="value_segments",
    csv=Csv(
        "value-segments",
        {"name": "value_segment", **same("customers", "revenue", "orders", "average_order", "audiences")},
    ),
)
def segments(warehouse: Warehouse, view: View, rows: list[Row]) -> Component:
    """Value segments with share of revenue, average order value, and the audiences that their customers are in."""
    found = {row["name"]: row for row in rows}
    customers, revenue = sum(row["customers"] for row in rows), sum(row["revenue"] for row in rows)
    nobody = {"customers": 0, "revenue": 0.0, "average_order": None, "audiences": ""}

    def who(row: Row) -> Component:
        name = row["name"]
        return html.Div(
            [
                swatch(name, VALUE_COLOURS[name]),
                html.Div(group("value_segment", name).text, className="quiet small nowrap"),
            ]
        )

    return listing(
        [{"name": name, **found.get(name, nobody)} for name in VALUE_SEGMENTS],
        [
            ("Value segment", who),
            ("Customers", lambda row: people(view, row["customers"], value=row["name"])),
            ("Share", lambda row: formats.share(formats.ratio(row["customers"], customers))),
            ("Revenue", "revenue", formats.money),
            ("Share", lambda row: formats.share(formats.ratio(row["revenue"], revenue))),
            ("Average order", "average_order", formats.cents),
            ("Audiences", lambda row: html.Div(row["audiences"], className="action")),
        ],
        left=(0, 6),
        caption="Customers by value segment",
    )


@PAGE.visual(
    "value-customers",
    "Customers",
    note="Choose a customer to open their page; headings sort and filter.",
)
def customers(warehouse: Warehouse, view: View) -> Component:
    """Everybody under the filters."""
    return grid(warehouse, view, "customers", empty="No customers match. Take a filter away to see some.")
