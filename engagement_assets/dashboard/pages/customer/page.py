"""A customer: who they are, how they score and why, what they did, and the next one in the list."""

from __future__ import annotations

from collections.abc import Callable
from textwrap import wrap
from typing import Any

from dash import html
from dash.development.base_component import Component

from engagement_assets.analysis.explanation import ExplanationError, explain, signed_amount, titled_causes
from engagement_assets.dashboard import formats, lists
from engagement_assets.dashboard.components import (
    KeyFigure,
    figure_cards,
    link,
    message,
    no_comparison,
    pill,
    segment_pill,
    small,
    stack,
    table,
)
from engagement_assets.dashboard.exports import Csv, same
from engagement_assets.dashboard.markup import aria
from engagement_assets.dashboard.pages.customer import queries
from engagement_assets.dashboard.pages.customer.history import orders, score_history, sessions
from engagement_assets.dashboard.questions import Question
from engagement_assets.dashboard.state import View
from engagement_assets.dashboard.theme import axis, bars, chart, figure, names_axis, waterfall
from engagement_assets.dashboard.visuals import Page
from engagement_assets.dashboard.warehouse import Row, Warehouse
from engagement_assets.domain import bands
from engagement_assets.domain.colours import BLUE, GREY
from engagement_assets.domain.score_parts import PARTS

PAGE = Page("/customer", "Customer", "One customer: profile, score and reasons, orders and sessions.", order=90)

#: Signs in a line of a label beside a bar.
_LABEL = 20

#: A part of a change that rounds to less is not drawn.
_SMALLEST_SHOWN = 0.0005

_PARTS = tuple(part.name for part in PARTS)


def _customer(warehouse: Warehouse, view: View) -> Row | None:
    return queries.profile(warehouse, view.as_of, view.customer) if view.customer else None


def _of_customer(name: str, title: str, **more: Any) -> Any:
    """A visual that needs a customer; without one it stays empty, because the head of the page says why."""
    return PAGE.visual(
        name,
        title,
        lambda warehouse, view: _customer(warehouse, view) or {},
        empty=html.Div(className="absent"),
        **more,
    )


def _by_customer(ask: Callable[[Warehouse, str, str], list[Row]]) -> Question:
    """Rows of the customer of the address."""
    return lambda warehouse, view: ask(warehouse, view.as_of, view.customer) if view.customer else []


@PAGE.visual("customer-head", "Profile")
def head(warehouse: Warehouse, view: View) -> Component:
    """Who it is, with previous and next; or how to find one."""
    row = _customer(warehouse, view)
    if row is None:
        return _nobody(warehouse, view)
    signed_up = f"signed up {row['signup_date']} ({row['tenure_days']:,} days ago)"
    pills = [segment_pill(row["engagement_segment"]), pill(row["value_segment"], "calm")]
    if row["is_slipping"]:
        pills.append(pill("Slipping", "bad"))
    if row["is_high_risk"]:
        pills.append(pill("High risk", "bad"))
    name = html.Div([html.Strong(row["customer_id"], className="customer-id"), *pills], className="trail")
    return stack(
        html.Div([name, _neighbours(warehouse, view)], className="customer-head"),
        small(f"{row['country']} · {signed_up} · status {row['engagement_status']}"),
        *([_told("Slipping: ", row["slipping_reasons"], "notice")] if row["slipping_reasons"] else []),
        *([_told("High risk: ", row["risk_reasons"], "notice")] if row["risk_reasons"] else []),
        _told("Recommended: ", _recommended(queries.audience(warehouse, view.as_of, row["customer_id"])), "small"),
    )


def _recommended(audience: Row | None) -> str:
    if audience is None:
        return "nothing now; the customer is in no audience."
    if audience["is_holdout"]:
        return f"nothing; held out from {audience['audience']}, so that its effect can be measured."
    return f"{audience['recommended_action']} (audience {audience['audience']})."


def _told(head: str, text: str, kind: str) -> Component:
    return html.Div([html.Strong(head), text], className=kind)


def _nobody(warehouse: Warehouse, view: View) -> Component:
    if not view.customer:
        return message(
            "Choose a customer",
            [
                "Type an id into the search field above, or start from ",
                link("the at-risk list", view.link("/at-risk")),
                ".",
            ],
        )
    close = queries.similar_ids(warehouse, view.as_of, view.customer)
    found: list[Any] = [f"There is no customer “{view.customer}” in the snapshot of {view.as_of}. "]
    if close:
        found.append("Did you mean ")
        for number, each in enumerate(close):
            found += [", " if number else "", link(each, view.link(PAGE.path, cid=each))]
        found.append("?")
    else:
        found.append("Ids are written exactly as in the orders; the customer may have signed up later.")
    return message("No such customer", found)


def _neighbours(warehouse: Warehouse, view: View) -> Component:
    """Previous and next in the list one came from."""
    came = lists.LISTS.get(view.came_from or "")
    place_of = lists.neighbours(warehouse, view, came.name, str(view.customer)) if came else None
    if came is None:
        return html.Div()
    keep = {"from": came.name, **view.place}
    back = link(f"‹ Back to {came.title.lower()}", view.link(came.path, **view.place), id="back")

    def step(text: str, target: str | None, name: str) -> Component:
        if target is None:
            return html.Span(text, className="step off", **aria(disabled="true"))
        return link(text, view.link(PAGE.path, cid=target, **keep), title=f"{name} in {came.title.lower()}: {target}")

    if place_of is None:
        return back
    return html.Div(
        [
            back,
            step("‹ Previous", place_of["previous"], "Previous"),
            html.Span(
                f"{place_of['place']:,} of {place_of['size']:,} in {came.title.lower()}", className="quiet small"
            ),
            step("Next ›", place_of["next"], "Next"),
        ],
        className="trail",
    )


def _score_note(row: Row) -> str:
    return f"higher than or equal to {row['score_percentile']:.0f}% of customers"


def _order_note(row: Row) -> str:
    average = row["average_order_value"]
    return f"{row['total_orders']:,} orders, {formats.cents(average)} on average" if average else "no orders yet"


def _recency_note(row: Row) -> str:
    if not row["last_order_date"]:
        return "never ordered"
    return f"{bands.recency(row['recency_days'])[1]}, last order {row['last_order_date']}"


def _session_note(row: Row) -> str:
    active = bands.sessions(row["sessions_last_30_days"])[1]
    return f"{active}, {row['sessions_previous_30_days']:,} in the {{window}} before"


@_of_customer("customer-cards", "Key figures", bare=True)
def cards(warehouse: Warehouse, view: View, row: Row) -> Component:
    """Score, orders, revenue, recency, sessions."""
    return figure_cards(
        warehouse,
        [
            KeyFigure("Engagement score", "engagement_score", formats.score, "engagement_score", note=_score_note),
            KeyFigure(
                "Change in {window}",
                "reference_score_change",
                formats.difference,
                "reference_score",
                note=lambda row: bands.change(row["reference_score_change"])[1] + " (reference score)",
            ),
            KeyFigure(
                "Revenue so far",
                "total_revenue",
                formats.cents,
                "Sum of all orders so far, in the currency of the orders.",
                note=_order_note,
            ),
            KeyFigure(
                "Days since last order",
                "recency_days",
                formats.count,
                "Days from the last order to the snapshot.",
                note=_recency_note,
            ),
            KeyFigure(
                "Sessions, {window}",
                "sessions_last_30_days",
                formats.count,
                "customer_sessions",
                note=_session_note,
            ),
        ],
        row,
    )


def _score_parts(warehouse: Warehouse, view: View) -> list[Row]:
    row = _customer(warehouse, view)
    if row is None:
        return []
    average = queries.segment_average(warehouse, view.as_of, row["engagement_segment"])
    return [
        {
            "part": part,
            "score": row[f"{part}_score"],
            "segment_average": average[part],
            "contribution": row[f"{part}_contribution"],
        }
        for part in _PARTS
    ]


@_of_customer(
    "customer-parts",
    "What the score is made of",
    meaning="contributions",
    csv=Csv("customer-parts", same("part", "score", "segment_average", "contribution"), _score_parts),
)
def parts(warehouse: Warehouse, view: View, row: Row) -> Component:
    """The component scores beside those of the segment, with percentiles."""
    segment = row["engagement_segment"]
    average = queries.segment_average(warehouse, view.as_of, segment)
    scores, means = [row[f"{part}_score"] for part in _PARTS], [average[part] for part in _PARTS]
    percent = queries.percentiles(warehouse, view.as_of, *scores)
    names, label = [part.capitalize() for part in _PARTS], f"Average of segment {segment}"
    drawn = figure(
        bars(names, scores, BLUE, "%{x}: %{y:.3f}<extra>This customer</extra>", name="This customer"),
        bars(names, means, GREY, f"%{{x}}: %{{y:.3f}}<extra>Segment {segment}</extra>", name=label),
        barmode="group",
        xaxis=names_axis(),
        yaxis=axis("Score", range=[0, 1], tickformat=".1f"),
    )
    numbers = [
        *(
            (part.capitalize(), row[f"{part}_score"], average[part], percent[part], row[f"{part}_contribution"])
            for part in _PARTS
        ),
        ("Engagement", row["engagement_score"], average["score"], row["score_percentile"], row["engagement_score"]),
    ]
    rows = [
        [name, formats.score(own), formats.score(mean), f"{rank:.0f}", formats.score(contribution)]
        for name, own, mean, rank, contribution in numbers
    ]
    return stack(
        chart(drawn, "Component scores of the customer beside the segment's averages.", height=250),
        table(
            ["Score", "Customer", f"Average {segment}", "Percentile", "Contribution"], rows, caption="Score components"
        ),
    )


_of_customer(
    "customer-history",
    "Score and segment over time",
    meaning="reference_score",
    csv=Csv(
        "customer-history",
        {**same("as_of_date"), "score": "engagement_score", "reference": "reference_score", **same("segment")},
        _by_customer(queries.history),
    ),
    beside="halves",
)(score_history)


@_of_customer("customer-why", "Why the score moved", meaning="explained")
def why(warehouse: Warehouse, view: View, row: Row) -> Component:
    """The exact split of the score's change since the comparison date."""
    if view.compared is None:
        return no_comparison()
    days = (view.compared, view.as_of)
    rows, bounds = queries.change(warehouse, *days, row["customer_id"])
    try:
        found = explain(row["customer_id"], days, rows, bounds, warehouse.settings.scoring)
    except ExplanationError as error:
        return message("This change cannot be explained", str(error))
    named = [(text, amount) for text, amount in titled_causes(found.change) if abs(amount) >= _SMALLEST_SHOWN]
    before, now = found.before["engagement_score"], found.now["engagement_score"]
    texts = [view.compared, *["<br>".join(wrap(text, _LABEL)) for text, _ in named], view.as_of]
    drawn = waterfall(
        texts,
        [before, *[amount for _, amount in named], 0],
        [formats.score(before), *[signed_amount(amount) for _, amount in named], formats.score(now)],
        GREY,
        axis("Score", tickformat=".2f", range=[0, max(before, now) * 1.3 or 1]),
        lies=True,
    )
    parts_of = (
        f"Ageing {signed_amount(found.change.ageing)}, behaviour {signed_amount(found.change.behaviour)}, "
        f"rescaling {signed_amount(found.change.rescaling)}: together {signed_amount(found.change.total)}."
    )
    return stack(
        html.Div(found.words, className="notice"),
        html.Div(parts_of, className="small"),
        chart(
            drawn, "The score on the comparison date, what moved it, and the score now.", height=90 + 44 * len(texts)
        ),
    )


_of_customer(
    "customer-orders",
    "Orders",
    csv=Csv("customer-orders", same("day", "order_id", "amount"), _by_customer(queries.orders)),
)(orders)
_of_customer(
    "customer-sessions",
    "Sessions in {window}",
    meaning="engaged_share",
    csv=Csv("customer-sessions", same("day", "sessions", "engaged"), _by_customer(queries.sessions)),
    beside="halves",
)(sessions)
