"""At-risk customers: who may be lost, why, and the list to send."""

from __future__ import annotations

from dash import html
from dash.development.base_component import Component

from engagement_assets.dashboard import formats, questions
from engagement_assets.dashboard.components import Figure, figures, link, no_customers, pill
from engagement_assets.dashboard.grids import grid
from engagement_assets.dashboard.markup import aria
from engagement_assets.dashboard.pages.at_risk import queries
from engagement_assets.dashboard.pages.common import trend_figure
from engagement_assets.dashboard.state import View
from engagement_assets.dashboard.theme import chart
from engagement_assets.dashboard.visuals import Visual, place
from engagement_assets.dashboard.warehouse import Warehouse
from engagement_assets.domain import bands
from engagement_assets.domain.colours import VERMILLION

PATH = "/at-risk"
TITLE = "At-risk customers"
PURPOSE = "Who has bought before and is slipping away, why, and the list to act on."

_LISTS = {"now": "At risk now", "new": "Newly at risk", "recovered": "Recovered"}

_NOBODY = {
    "now": "Nobody is at high risk here. Good news, or too narrow a filter.",
    "new": "Nobody has come to be at risk since the comparison date.",
    "recovered": "Nobody has recovered since the comparison date.",
}


def cards(warehouse: Warehouse, view: View) -> Component:
    """At risk, revenue at risk, newly at risk, recovered."""
    now = questions.key_figures(warehouse, view.as_of, view.filters)
    before = questions.comparison(warehouse, view) or {}
    crossed = queries.crossings(warehouse, view.as_of, view.compared, view.filters) if view.compared else None
    meaning = warehouse.meanings

    def moved(name: str) -> float | None:
        return None if name not in before else float(now[name]) - float(before[name])

    people, revenue = moved("high_risk_customers"), moved("revenue_at_risk")
    items = [
        Figure(
            "At risk now",
            formats.count(now["high_risk_customers"]),
            meaning["at_risk"],
            people,
            formats.count(abs(people or 0)),
            "down",
        ),
        Figure(
            "Revenue at risk",
            formats.money(now["revenue_at_risk"]),
            meaning["revenue_at_risk"],
            revenue,
            formats.money(abs(revenue or 0)),
            "down",
        ),
    ]
    for name, title, key in (("newly_at_risk", "Newly at risk", "new"), ("recovered", "Recovered", "recovered")):
        items.append(
            Figure(
                title,
                formats.count(crossed[key]) if crossed else formats.NOTHING,
                meaning[name],
                note=f"since {view.compared}, revenue {formats.money(crossed[f'{key}_revenue'])}"
                if crossed
                else "no earlier snapshot to compare with",
            )
        )
    return figures(items, view.compared)


def trend(warehouse: Warehouse, view: View) -> Component:
    """Share of customers at high risk over time."""
    rows = questions.trend(warehouse, view.as_of, view.filters)
    if not rows:
        return no_customers()
    lines = [("high_risk_share", "At high risk", VERMILLION, "solid")]
    drawn = trend_figure(rows, lines, title="Share of customers", percent=True, compared=view.compared)
    return chart(drawn, "Share of customers at high risk over time.", height=240)


def customers(warehouse: Warehouse, view: View) -> Component:
    """The list, with a choice between those at risk now, newly, and recovered."""
    choices = [
        link(title, view.link(PATH, list=name if name != "now" else None), className="link choice")
        if name != view.at_risk_list
        else html.Span(title, className="choice chosen", **aria(current="true"))
        for name, title in _LISTS.items()
    ]
    legend = [
        html.Span([pill(text.partition(":")[0], mood), text.partition(":")[2]], className="legend-item")
        for mood, text in bands.legend(warehouse.settings.scoring)
    ]
    return html.Div(
        [
            html.Div(choices, className="choices"),
            html.Div(legend, className="legend"),
            grid(warehouse, view, "at-risk", height=520, empty=_NOBODY[view.at_risk_list]),
        ],
        className="stack",
    )


def visuals(meaning: dict[str, str]) -> dict[str, Visual]:
    """The visuals of this page."""
    return {
        visual.name: visual
        for visual in (
            Visual("risk-cards", "Key figures", cards, height=118, bare=True),
            Visual(
                "risk-trend", "At-risk share over time", trend, meaning["high_risk_share"], height=240, export="trend"
            ),
            Visual(
                "risk-customers",
                "Target list",
                customers,
                meaning["at_risk"],
                note="Choose a customer to open their page. CSV downloads the list as it is sorted and filtered here.",
                height=520,
            ),
        )
    }


def layout(parts: dict[str, Visual]) -> list[Component]:
    """How the visuals are arranged."""
    return [place(parts["risk-cards"]), place(parts["risk-customers"]), place(parts["risk-trend"])]
