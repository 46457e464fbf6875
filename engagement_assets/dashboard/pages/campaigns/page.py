"""Lifecycle and campaigns: where customers stand, who moved and why, whom to address today."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go
from dash import html
from dash.development.base_component import Component

from engagement_assets.dashboard import formats
from engagement_assets.dashboard.components import link, message, no_comparison, no_customers, table
from engagement_assets.dashboard.pages.campaigns import queries
from engagement_assets.dashboard.state import View
from engagement_assets.dashboard.theme import axis, chart, day_axis, figure
from engagement_assets.dashboard.visuals import Visual, place
from engagement_assets.dashboard.warehouse import Warehouse
from engagement_assets.domain.colours import AMBER, BLUE, GREEN, GREY, PURPLE, SKY, VERMILLION

PATH = "/campaigns"
TITLE = "Lifecycle and campaigns"
PURPOSE = (
    "Where customers stand in their life with the shop, who moved since yesterday and why, and whom to address today."
)

#: In the order of a customer's life.
_STAGE_COLOURS = {
    "Prospect": GREY,
    "New": SKY,
    "Active": BLUE,
    "Reactivated": GREEN,
    "Slipping": AMBER,
    "At Risk": VERMILLION,
    "Lapsed": PURPLE,
}
_STAGES = tuple(_STAGE_COLOURS)


def lifecycle(warehouse: Warehouse, view: View) -> Component:
    """Customers per stage, and which way they came since the comparison date."""
    counts = queries.stages(warehouse, view.as_of, view.filters)
    if not counts:
        return no_customers()
    if view.compared is None:
        return html.Div([_counts(counts), no_comparison()], className="stack")
    found = {
        (row["source"], row["target"]): row["customers"]
        for row in queries.transitions(warehouse, view.as_of, view.compared, view.filters)
    }
    rows = [
        [
            name or "no customer yet",
            *[formats.count(found.get((name, target))) if found.get((name, target)) else "·" for target in _STAGES],
            formats.count(sum(number for (source, _), number in found.items() if source == name)),
        ]
        for name in (*_STAGES, "")
    ]
    rows.append(
        ["together", *[formats.count(counts.get(name, 0)) for name in _STAGES], formats.count(sum(counts.values()))]
    )
    return html.Div(
        [
            html.Div(f"From {view.compared} (rows) to {view.as_of} (columns).", className="quiet small"),
            table(["From", *_STAGES, "Together"], rows, caption="Customers by lifecycle stage, then and now"),
        ],
        className="stack",
    )


def _counts(counts: dict[str, int]) -> Component:
    return table(
        ["Stage", "Customers"],
        [[name, formats.count(counts.get(name, 0))] for name in _STAGES],
        caption="Customers by stage",
    )


def transitions(warehouse: Warehouse, view: View) -> Component:
    """Who came to which stage, day by day."""
    rows = queries.daily_transitions(warehouse, view.as_of, view.filters)
    if not rows:
        return message("Nobody moved", "No customer under these filters came to another stage on the days shown.")
    days = sorted({row["as_of_date"] for row in rows})
    arrived = {(row["as_of_date"], row["target"]): 0 for row in rows}
    for row in rows:
        arrived[row["as_of_date"], row["target"]] += row["customers"]
    drawn = figure(
        *[
            go.Bar(
                x=days,
                y=[arrived.get((day, stage), 0) for day in days],
                name=stage,
                marker={"color": colour},
                hovertemplate=f"%{{x|%Y-%m-%d}}<br>to {stage}: %{{y}}<extra></extra>",
            )
            for stage, colour in _STAGE_COLOURS.items()
        ],
        barmode="stack",
        xaxis=day_axis(),
        yaxis=axis("Customers who came to the stage", rangemode="tozero"),
    )
    return chart(
        drawn, "Customers who came to another lifecycle stage on each day, by the stage they came to.", height=300
    )


def rfm(warehouse: Warehouse, view: View) -> Component:
    """RFM segments beside the score."""
    rows = queries.rfm_segments(warehouse, view.as_of, view.filters)
    if not rows:
        return no_customers()
    return table(
        ["RFM segment", "Customers", "Revenue", "Average score", "Average recency, days"],
        [
            [
                row["segment"],
                formats.count(row["customers"]),
                formats.money(row["revenue"]),
                formats.score(row["score"]),
                formats.count(row["recency"]),
            ]
            for row in rows
        ],
        caption="Customers by RFM segment",
    )


def audiences(warehouse: Warehouse, view: View) -> Component:
    """The audiences of the day with their sizes."""
    rows = queries.audiences(warehouse, view.as_of, view.filters)
    if not rows:
        return _none(view)
    return table(
        ["Audience", "Recommended action", "Members", "Held out", "To contact today", "Value at stake"],
        [
            [
                _name(row["audience"]),
                row["action"],
                formats.count(row["members"]),
                formats.count(row["held_out"]),
                formats.count(row["to_contact"]),
                formats.money(row["priority"]),
            ]
            for row in rows
        ],
        left=(0, 1),
        caption="Campaign audiences",
    )


def _name(audience: str) -> str:
    return audience.replace("_", " ").capitalize().replace("vips", "VIPs")


def _none(view: View) -> Component:
    return message(
        "Nobody is in an audience",
        ["No rule fits under these filters, or the audiences of the day are not built: ", html.Code(_build(view)), "."],
    )


def _build(view: View) -> str:
    return f"engagement run --date {view.as_of}"


def first_in_line(warehouse: Warehouse, view: View) -> Component:
    """Whom to contact today first, with the evidence."""
    rows = queries.first_in_line(warehouse, view.as_of, view.filters)
    if not rows:
        return _none(view)
    return table(
        ["Customer", "Audience", "Evidence", "Priority"],
        [
            [
                _customer(view, row["customer_id"]),
                _name(row["audience"]),
                row["evidence"],
                formats.decimal(row["priority"]),
            ]
            for row in rows
        ],
        left=(0, 1, 2),
        caption="Whom to contact today",
    )


def _customer(view: View, customer: str) -> Component:
    return link(customer, view.link("/customer", cid=customer))


def changes(warehouse: Warehouse, view: View) -> Component:
    """Who changed since the day before, and why."""
    rows = queries.changes(warehouse, view.as_of, view.filters)
    if not rows:
        return message("Nobody moved", "No customer under these filters changed segment, risk or stage on this day.")

    def change(amount: float | None) -> Any:
        return formats.NOTHING if amount is None else formats.signed(formats.score(abs(amount)), amount)

    return table(
        ["Customer", "Score", "What happened"],
        [[_customer(view, row["customer_id"]), change(row["score_change"]), row["explanation"]] for row in rows],
        left=(0, 2),
        caption="Who changed since the day before",
    )


def visuals(meaning: dict[str, str]) -> dict[str, Visual]:
    """The visuals of this page."""
    return {
        visual.name: visual
        for visual in (
            Visual("campaigns-lifecycle", "Lifecycle", lifecycle, meaning["lifecycle"], height=330, export="lifecycle"),
            Visual(
                "campaigns-transitions",
                "Stage by stage, day by day",
                transitions,
                meaning["transitions"],
                height=330,
                export="stage-transitions",
            ),
            Visual("campaigns-rfm", "RFM segments", rfm, meaning["rfm"], height=330, export="rfm"),
            Visual("campaigns-audiences", "Audiences", audiences, meaning["audiences"], height=260, export="audiences"),
            Visual(
                "campaigns-first",
                "Whom to contact today",
                first_in_line,
                note="The highest priorities of each audience. The files of the export folder have everybody.",
                height=330,
            ),
            Visual(
                "campaigns-changes",
                "Who moved since the day before, and why",
                changes,
                meaning["changes"],
                height=330,
            ),
        )
    }


def layout(parts: dict[str, Visual]) -> list[Component]:
    """How the visuals are arranged."""
    return [
        place(parts["campaigns-audiences"]),
        place(parts["campaigns-first"]),
        place(parts["campaigns-changes"]),
        place(parts["campaigns-lifecycle"]),
        place(parts["campaigns-transitions"]),
        place(parts["campaigns-rfm"]),
    ]
