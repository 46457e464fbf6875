"""A customer: who they are, how they score and why, what they did, and the next one in the list."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go
from dash import html
from dash.development.base_component import Component

from engagement_assets.analysis.explanation import ExplanationError, explain, signed
from engagement_assets.dashboard import formats, lists
from engagement_assets.dashboard.actions import RECOMMENDED
from engagement_assets.dashboard.components import Figure, figures, link, message, no_comparison, pill, table
from engagement_assets.dashboard.markup import aria
from engagement_assets.dashboard.pages.common import segment_pill_mood
from engagement_assets.dashboard.pages.customer import queries
from engagement_assets.dashboard.pages.customer.history import orders, score_history, sessions
from engagement_assets.dashboard.state import View
from engagement_assets.dashboard.theme import axis, chart, figure
from engagement_assets.dashboard.visuals import Render, Visual, place
from engagement_assets.dashboard.warehouse import Row, Warehouse
from engagement_assets.domain import bands
from engagement_assets.domain.colours import BLUE, GREY

PATH = "/customer"
TITLE = "Customer"
PURPOSE = "One customer: profile, score and reasons, orders and sessions."

#: A part of a change that rounds to less is not drawn.
_SMALLEST_SHOWN = 0.0005

_PARTS = ("recency", "frequency", "monetary")


def _found(warehouse: Warehouse, view: View) -> Row | None:
    return queries.profile(warehouse, view.as_of, view.customer) if view.customer else None


def of_customer(draw: Any) -> Render:
    """A visual that needs a customer; without one it stays empty, because the head of the page says why."""

    def render(warehouse: Warehouse, view: View) -> Component:
        row = _found(warehouse, view)
        return html.Div(className="absent") if row is None else draw(warehouse, view, row)

    return render


def head(warehouse: Warehouse, view: View) -> Component:
    """Who it is, with previous and next; or how to find one."""
    row = _found(warehouse, view)
    if row is None:
        return _nobody(warehouse, view)
    facts = [
        f"{row['country']}",
        f"signed up {row['signup_date']} ({row['tenure_days']:,} days ago)",
        f"status {row['engagement_status']}",
    ]
    return html.Div(
        [
            html.Div(
                [
                    html.Div(
                        [
                            html.Strong(row["customer_id"], className="customer-id"),
                            pill(row["engagement_segment"], segment_pill_mood(row["engagement_segment"])),
                            pill(row["value_segment"], "calm"),
                            *([pill("High risk", "bad")] if row["is_high_risk"] else []),
                        ],
                        className="trail",
                    ),
                    _neighbours(warehouse, view),
                ],
                className="customer-head",
            ),
            html.Div(" · ".join(facts), className="quiet small"),
            *(
                [html.Div([html.Strong("Why at risk: "), row["risk_reasons"]], className="notice")]
                if row["risk_reasons"]
                else []
            ),
            html.Div([html.Strong("Recommended: "), RECOMMENDED[row["value_segment"]]], className="small"),
        ],
        className="stack",
    )


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
            found += [", " if number else "", link(each, view.link(PATH, cid=each))]
        found.append("?")
    else:
        found.append("Ids are written exactly as in the orders; the customer may have signed up later.")
    return message("No such customer", found)


def _neighbours(warehouse: Warehouse, view: View) -> Component:
    """Previous and next in the list one came from."""
    came = lists.LISTS.get(view.came_from or "")
    place_of = lists.neighbours(warehouse, view, came.name, str(view.customer)) if came else None
    if came is None or place_of is None:
        return html.Div()
    keep = {
        "from": came.name,
        "list": view.at_risk_list if view.at_risk_list != "now" else None,
        "sort": [f"{key}:{way}" for key, way in view.sort] or None,
        "where": view.where or None,
    }

    def step(text: str, target: str | None, name: str) -> Component:
        if target is None:
            return html.Span(text, className="step off", **aria(disabled="true"))
        return link(text, view.link(PATH, cid=target, **keep), title=f"{name} in {came.title.lower()}: {target}")

    return html.Div(
        [
            step("‹ Previous", place_of["previous"], "Previous"),
            html.Span(
                f"{place_of['place']:,} of {place_of['size']:,} in {came.title.lower()}", className="quiet small"
            ),
            step("Next ›", place_of["next"], "Next"),
        ],
        className="trail",
    )


def cards(warehouse: Warehouse, view: View, row: Row) -> Component:
    """Score, orders, revenue, recency, sessions."""
    change = row["reference_score_change"]
    recency, active = bands.recency(row["recency_days"])[1], bands.sessions(row["sessions_last_30_days"])[1]
    order = row["average_order_value"]
    return figures(
        [
            Figure(
                "Engagement score",
                formats.score(row["engagement_score"]),
                warehouse.meanings["average_score"].replace(
                    "Mean engagement score of the customers", "Engagement score"
                ),
                note=f"higher than or equal to {row['score_percentile']:.0f}% of customers",
            ),
            Figure(
                "Change in 30 days",
                formats.NOTHING if change is None else formats.signed(formats.score(abs(change)), change),
                warehouse.meanings["reference_score"],
                note=bands.change(change)[1] + " (reference score)",
            ),
            Figure(
                "Revenue so far",
                formats.money(row["total_revenue"], 2),
                "Sum of all orders so far, in the currency of the orders.",
                note=f"{row['total_orders']:,} orders, {formats.money(order, 2)} on average"
                if order
                else "no orders yet",
            ),
            Figure(
                "Days since last order",
                formats.count(row["recency_days"]),
                "Days from the last order to the snapshot.",
                note=f"{recency}, last order {row['last_order_date']}" if row["last_order_date"] else "never ordered",
            ),
            Figure(
                "Sessions, 30 days",
                formats.count(row["sessions_last_30_days"]),
                "Web sessions in the 30 days up to the date.",
                note=f"{active}, {row['sessions_previous_30_days']:,} in the 30 days before",
            ),
        ],
        None,
    )


def parts(warehouse: Warehouse, view: View, row: Row) -> Component:
    """The three component scores beside those of the segment, with percentiles."""
    segment = row["engagement_segment"]
    average = queries.segment_average(warehouse, view.as_of, segment)
    scores = [row[f"{part}_score"] for part in _PARTS]
    percent = queries.percentiles(warehouse, view.as_of, *scores)
    names = [part.capitalize() for part in _PARTS]
    drawn = figure(
        go.Bar(
            x=names,
            y=scores,
            name="This customer",
            marker={"color": BLUE},
            hovertemplate="%{x}: %{y:.3f}<extra>This customer</extra>",
        ),
        go.Bar(
            x=names,
            y=[average[part] for part in _PARTS],
            name=f"Average of segment {segment}",
            marker={"color": GREY},
            hovertemplate=f"%{{x}}: %{{y:.3f}}<extra>Segment {segment}</extra>",
        ),
        barmode="group",
        xaxis=axis(None, type="category", showgrid=False),
        yaxis=axis("Score", range=[0, 1], tickformat=".1f"),
    )
    rows = [
        [
            name,
            formats.score(row[f"{part}_score"]),
            formats.score(average[part]),
            f"{percent[part]:.0f}",
            formats.score(row[f"{part}_contribution"]),
        ]
        for name, part in zip(names, _PARTS, strict=True)
    ]
    rows.append(
        [
            "Engagement",
            formats.score(row["engagement_score"]),
            formats.score(average["score"]),
            f"{row['score_percentile']:.0f}",
            formats.score(row["engagement_score"]),
        ]
    )
    return html.Div(
        [
            chart(drawn, "Component scores of the customer beside the segment's averages.", height=250),
            table(
                ["Score", "Customer", f"Average {segment}", "Percentile", "Contribution"],
                rows,
                caption="Score components",
            ),
        ],
        className="stack",
    )


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
    named = [
        (text, amount)
        for text, amount in (
            ("Days without an order", found.change.recency_ageing),
            ("Ordered again", found.change.recency_behaviour),
            ("Orders", found.change.orders_behaviour),
            ("Sessions", found.change.sessions_behaviour),
            ("Revenue", found.change.monetary_behaviour),
            ("Others: recency", found.change.recency_rescaling),
            ("Others: orders, sessions, revenue", found.change.rescaling - found.change.recency_rescaling),
        )
        if abs(amount) >= _SMALLEST_SHOWN
    ]
    before, now = found.before["engagement_score"], found.now["engagement_score"]
    drawn = figure(
        go.Waterfall(
            x=[view.compared, *[text for text, _ in named], view.as_of],
            y=[before, *[amount for _, amount in named], 0],
            measure=["absolute", *["relative"] * len(named), "total"],
            text=[formats.score(before), *[signed(amount) for _, amount in named], formats.score(now)],
            textposition="outside",
            totals={"marker": {"color": BLUE}},
            hovertemplate="%{x}: %{text}<extra></extra>",
        ),
        xaxis=axis(None, type="category", showgrid=False),
        yaxis=axis("Score", tickformat=".2f", rangemode="tozero"),
        showlegend=False,
    )
    parts_of = (
        f"Ageing {signed(found.change.ageing)}, behaviour {signed(found.change.behaviour)}, "
        f"rescaling {signed(found.change.rescaling)}: together {signed(found.change.total)}."
    )
    return html.Div(
        [
            html.Div(found.words, className="notice"),
            html.Div(parts_of, className="small"),
            chart(drawn, "The score on the comparison date, what moved it, and the score now.", height=300),
        ],
        className="stack",
    )


def visuals(meaning: dict[str, str]) -> dict[str, Visual]:
    """The visuals of this page."""
    return {
        visual.name: visual
        for visual in (
            Visual("customer-head", "Profile", head, height=110),
            Visual("customer-cards", "Key figures", of_customer(cards), height=118, bare=True),
            Visual(
                "customer-parts",
                "What the score is made of",
                of_customer(parts),
                meaning["contributions"],
                height=420,
                export="customer-parts",
            ),
            Visual(
                "customer-history",
                "Score and segment over time",
                of_customer(score_history),
                meaning["reference_score"],
                height=420,
                export="customer-history",
            ),
            Visual(
                "customer-why",
                "Why the score moved",
                of_customer(why),
                meaning["explained"],
                height=400,
            ),
            Visual("customer-orders", "Orders", of_customer(orders), height=300, export="customer-orders"),
            Visual(
                "customer-sessions",
                "Sessions in 30 days",
                of_customer(sessions),
                meaning["engaged_sessions"],
                height=300,
                export="customer-sessions",
            ),
        )
    }


def layout(found: dict[str, Visual]) -> list[Component]:
    """How the visuals are arranged. Without a customer the stylesheet hides all but the head."""
    return [
        place(found["customer-head"]),
        place(found["customer-cards"]),
        html.Div([place(found["customer-parts"]), place(found["customer-history"])], className="row halves"),
        place(found["customer-why"]),
        html.Div([place(found["customer-orders"]), place(found["customer-sessions"])], className="row halves"),
    ]
