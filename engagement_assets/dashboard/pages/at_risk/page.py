"""At-risk customers: who may be lost, why, and the list to send."""

from __future__ import annotations

from dash import html
from dash.development.base_component import Component

from engagement_assets.dashboard import formats, questions
from engagement_assets.dashboard.components import KeyFigure, figure_cards, link, pill, stack
from engagement_assets.dashboard.grids import grid
from engagement_assets.dashboard.markup import aria
from engagement_assets.dashboard.pages.at_risk import queries
from engagement_assets.dashboard.state import View
from engagement_assets.dashboard.trends import TREND, risk_share
from engagement_assets.dashboard.visuals import Page
from engagement_assets.dashboard.warehouse import Row, Warehouse
from engagement_assets.domain import bands

PAGE = Page(
    "/at-risk",
    "At-risk customers",
    "Who has bought before and is slipping away, why, and the list to act on.",
    order=40,
)

#: Name in the address: title, and what is said where nobody is in it.
_LISTS = {
    "now": ("At risk now", "Nobody is at high risk here. Good news, or too narrow a filter."),
    "new": ("Newly at risk", "Nobody has come to be at risk since the comparison date."),
    "recovered": ("Recovered", "Nobody has recovered since the comparison date."),
}


def _crossed(row: Row, key: str) -> str:
    if key not in row:
        return "no earlier snapshot to compare with"
    return f"since {row['since']}, revenue {formats.money(row[f'{key}_revenue'])}"


FIGURES = (
    KeyFigure("At risk now", "high_risk_customers", formats.count, "high_risk_customers", "down"),
    KeyFigure("Revenue at risk", "revenue_at_risk", formats.money, "revenue_at_risk", "down"),
    KeyFigure("Newly at risk", "new", formats.count, "came_to_risk", note=lambda row: _crossed(row, "new")),
    KeyFigure("Recovered", "recovered", formats.count, "left_risk", note=lambda row: _crossed(row, "recovered")),
)


@PAGE.visual("risk-cards", "Key figures", height=118, bare=True)
def cards(warehouse: Warehouse, view: View) -> Component:
    """At risk, revenue at risk, newly at risk, recovered."""
    now = {**questions.key_figures(warehouse, view.as_of, view.filters), "since": view.compared}
    if view.compared:
        now |= queries.crossings(warehouse, view.as_of, view.compared, view.filters)
    return figure_cards(warehouse, FIGURES, now, questions.comparison(warehouse, view), view.compared)


@PAGE.visual(
    "risk-customers",
    "Target list",
    meaning="high_risk_customers",
    note="Choose a customer to open their page. CSV downloads the list as it is sorted and filtered here.",
    height=520,
)
def customers(warehouse: Warehouse, view: View) -> Component:
    """The list, with a choice between those at risk now, newly, and recovered."""
    choices = [
        link(title, view.link(PAGE.path, list=name if name != "now" else None), className="link choice")
        if name != view.at_risk_list
        else html.Span(title, className="choice chosen", **aria(current="true"))
        for name, (title, _) in _LISTS.items()
    ]
    legend = [
        html.Span([pill(text.partition(":")[0], mood), text.partition(":")[2]], className="legend-item")
        for mood, text in bands.legend(warehouse.settings.scoring)
    ]
    return stack(
        html.Div(choices, className="choices"),
        html.Div(legend, className="legend"),
        grid(warehouse, view, "at-risk", height=520, empty=_LISTS[view.at_risk_list][1]),
    )


PAGE.visual(
    "risk-trend",
    "At-risk share over time",
    questions.of_day(questions.trend),
    meaning="high_risk_share",
    csv=TREND,
    height=240,
)(risk_share(240))
