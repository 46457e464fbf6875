"""At-risk customers: who is slipping and can still be saved, why, and the list to send; beside them who lapsed."""

from __future__ import annotations

from dataclasses import replace

from dash import html
from dash.development.base_component import Component

from engagement_assets.dashboard import formats, lists, questions
from engagement_assets.dashboard.components import (
    HIGH_RISK,
    SLIPPING,
    KeyFigure,
    figure_cards,
    link,
    pill,
    small,
    stack,
)
from engagement_assets.dashboard.grids import grid
from engagement_assets.dashboard.lists import LISTS
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
    "Who has bought before, is slipping away and can still be saved; why, and the list to act on.",
    order=40,
)

#: Name in the address: title, and what is said where nobody is in it.
_LISTS = {
    "now": ("Slipping now", "Nobody is slipping here. Good news, or too narrow a filter."),
    "new": ("Newly slipping", "Nobody has come to be slipping since the comparison date."),
    "recovered": ("Came back", "Nobody who was slipping on the comparison date has ordered since."),
    "lapsed": ("Lapsed", "Nobody has lapsed here."),
    "high-risk": ("High risk by score", "Nobody is at high risk by score here."),
}


def _crossed(row: Row, key: str) -> str:
    if key not in row:
        return "no earlier snapshot to compare with"
    return f"since {row['since']}, spent {formats.money(row[f'{key}_revenue'])} in a year"


def _told_of(row: Row) -> str:
    if row["too_early"]:
        return "too early to tell: the shop's history is too short"
    return "of customers who stood there before, within 90 days"


FIGURES = (
    KeyFigure("Slipping now", "slipping_customers", formats.count, "slipping_customers", "down", **SLIPPING),
    KeyFigure("Their revenue of a year", "slipping_revenue", formats.money, "slipping_revenue", "down", **SLIPPING),
    KeyFigure("Expected loss, 90 days", "slipping_loss", formats.money, "slipping_loss", "down", **SLIPPING),
    KeyFigure("Come back", "slipping_return_share", formats.share, "slipping_return_share", note=_told_of, **SLIPPING),
)

BESIDE = (
    KeyFigure(
        *("Newly slipping", "new", formats.count, "newly_slipping"),
        note=lambda row: _crossed(row, "new"),
        opens={"newly_slipping": True},
    ),
    KeyFigure(
        *("Came back", "recovered", formats.count, "came_back"),
        note=lambda row: _crossed(row, "recovered"),
        opens={"came_back": True},
    ),
    KeyFigure(
        *("Lapsed", "lapsed", formats.count, "lapsed_customers"),
        note=lambda row: f"spent {formats.money(row['lapsed_revenue'])} so far",
        opens={"lifecycle": "Lapsed"},
    ),
    KeyFigure("High risk by score", "high_risk_customers", formats.count, "high_risk_customers", "down", **HIGH_RISK),
)


@PAGE.visual("risk-cards", "Key figures", bare=True)
def cards(warehouse: Warehouse, view: View) -> Component:
    """Slipping customers, what they spent, what may be lost, how many such customers came back."""
    return _cards(warehouse, view, FIGURES)


@PAGE.visual("risk-beside", "Beside them", bare=True)
def beside(warehouse: Warehouse, view: View) -> Component:
    """Newly slipping and no more; the lapsed and those at high risk by score."""
    return _cards(warehouse, view, BESIDE)


def _cards(warehouse: Warehouse, view: View, figures: tuple[KeyFigure, ...]) -> Component:
    now = {**questions.key_figures(warehouse, view.as_of, view.filters), "since": view.compared}
    now |= queries.beside(warehouse, view.as_of, view.filters)
    if view.compared:
        now |= queries.crossings(warehouse, view.as_of, view.compared, view.filters)
    return figure_cards(
        warehouse, figures, now, questions.comparison(warehouse, view), view, questions.usual_since(warehouse, view)
    )


@PAGE.visual(
    "risk-customers",
    "Target list",
    meaning="slipping_customers",
    note="Choose a customer to open their page. CSV downloads the list as it is sorted and filtered here.",
)
def customers(warehouse: Warehouse, view: View) -> Component:
    """The list, with a choice between who is slipping now, newly, came back, lapsed, and is at high risk by score."""
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
    everybody = lists.size(warehouse, replace(view, chosen=(("target", ("no",)),)), LISTS["at-risk"], {})
    here = lists.size(warehouse, view, LISTS["at-risk"], {})
    is_short = dict(view.chosen).get("target") != ("no",)
    left_out = small(
        [
            f"{everybody - here:,} who are held out or opted out are not in this list. "
            if is_short
            else "Those who are held out or opted out are in this list too, to be seen and not to be addressed. ",
            link(
                "Show them too" if is_short else "Leave them out",
                view.link(PAGE.path, **{**view.place, "target": "no" if is_short else None}),
            ),
        ]
    )
    return stack(
        html.Div(choices, className="choices"),
        html.Div(legend, className="legend"),
        *([left_out] if everybody > here or not is_short else []),
        grid(warehouse, view, "at-risk", height=520, empty=_LISTS[view.at_risk_list][1]),
    )


PAGE.visual(
    "risk-trend",
    "Slipping and high-risk share over time",
    questions.of_day(questions.trend),
    meaning="slipping_share",
    csv=TREND,
)(risk_share(240))
