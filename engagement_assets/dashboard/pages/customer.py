"""A customer: who they are, how they score and why, what they did, and the next one in the list."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go
from dash import html
from dash.development.base_component import Component

from engagement_assets.dashboard import bands, formats
from engagement_assets.dashboard.actions import RECOMMENDED
from engagement_assets.dashboard.components import Figure, figures, link, message, pill, table
from engagement_assets.dashboard.markup import aria
from engagement_assets.dashboard.pages.common import segment_pill_mood
from engagement_assets.dashboard.queries import customer, lists
from engagement_assets.dashboard.state import View
from engagement_assets.dashboard.theme import BLUE, GREEN, GREY, SEGMENT_COLOURS, SKY, axis, chart, day_axis, figure
from engagement_assets.dashboard.visuals import Render, Visual, place
from engagement_assets.dashboard.warehouse import Row, Warehouse

PATH = "/customer"
TITLE = "Customer"
PURPOSE = "One customer: profile, score and reasons, orders and sessions."

_PARTS = ("recency", "frequency", "monetary")


def _found(warehouse: Warehouse, view: View) -> Row | None:
    return customer.profile(warehouse, view.as_of, view.customer) if view.customer else None


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
    close = customer.similar_ids(warehouse, view.as_of, view.customer)
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
    place_of = lists.neighbours(warehouse, view, came, str(view.customer)) if came else None
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
    average = customer.segment_average(warehouse, view.as_of, segment)
    scores = [row[f"{part}_score"] for part in _PARTS]
    percent = customer.percentiles(warehouse, view.as_of, *scores)
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


def score_history(warehouse: Warehouse, view: View, row: Row) -> Component:
    """Score and segment over time."""
    rows = customer.history(warehouse, view.as_of, row["customer_id"])
    days = [each["as_of_date"] for each in rows]
    mode = "lines+markers" if len(days) <= 120 else "lines"
    drawn = figure(
        go.Scatter(
            x=days,
            y=[each["score"] for each in rows],
            name="Engagement score",
            mode=mode,
            line={"color": BLUE, "width": 2},
            marker={"color": [SEGMENT_COLOURS[each["segment"]] for each in rows], "size": 7},
            text=[each["segment"] for each in rows],
            hovertemplate="%{x|%Y-%m-%d}: %{y:.3f}, %{text}<extra></extra>",
        ),
        go.Scatter(
            x=days,
            y=[each["reference"] for each in rows],
            name="Reference score (fixed scale)",
            mode="lines" if len(days) > 1 else "markers",
            line={"color": GREY, "width": 2, "dash": "dash"},
            hovertemplate="%{x|%Y-%m-%d}: %{y:.3f}<extra>Reference</extra>",
        ),
        xaxis=day_axis(),
        yaxis=axis("Score", range=[0, 1.02], tickformat=".1f"),
    )
    return html.Div(
        [chart(drawn, "Score over time.", height=390), _segments_over_time(rows)],
        className="stack",
    )


def _segments_over_time(rows: list[Row]) -> Component:
    """The segments a customer has been in, the latest first."""
    spells: list[tuple[str, Any, Any]] = []
    for each in rows:
        if spells and spells[-1][0] == each["segment"]:
            spells[-1] = (spells[-1][0], spells[-1][1], each["as_of_date"])
        else:
            spells.append((each["segment"], each["as_of_date"], each["as_of_date"]))
    items = [
        html.Span([pill(segment, segment_pill_mood(segment)), f" {first} to {last}"], className="legend-item")
        for segment, first, last in spells[::-1][:6]
    ]
    more = len(spells) - 6
    return html.Div(
        [html.Span("Segments:", className="quiet"), *items, *([html.Span(f"and {more} earlier")] if more > 0 else [])],
        className="legend",
    )


def orders(warehouse: Warehouse, view: View, row: Row) -> Component:
    """Orders over time, with the sum so far."""
    found = customer.orders(warehouse, view.as_of, row["customer_id"])
    if not found:
        return message("No orders", "This customer has not ordered up to this day.")
    total, sums = 0.0, []
    for order in found:
        total += float(order["amount"])
        sums.append(total)
    days = [order["day"] for order in found]
    drawn = figure(
        go.Scatter(
            x=days,
            y=[float(order["amount"]) for order in found],
            name="Order",
            mode="markers",
            marker={"color": GREEN, "size": 10, "opacity": 0.85},
            customdata=[order["order_id"] for order in found],
            hovertemplate="%{x|%Y-%m-%d}: %{y:,.2f}<br>order %{customdata}<extra></extra>",
        ),
        go.Scatter(
            x=days,
            y=sums,
            name="Revenue so far",
            yaxis="y2",
            mode="lines",
            line={"color": GREY, "shape": "hv", "width": 2},
            hovertemplate="%{x|%Y-%m-%d}: %{y:,.2f}<extra>so far</extra>",
        ),
        xaxis=day_axis(),
        yaxis=axis(
            "Order amount", tickformat=",", range=[0, max(float(order["amount"]) for order in found) * 1.15 or 1]
        ),
        yaxis2={
            **axis("Revenue so far", tickformat=",", range=[0, total * 1.08 or 1], tickmode="auto"),
            "overlaying": "y",
            "side": "right",
            "showgrid": False,
        },
    )
    return chart(drawn, f"{len(found):,} orders over time.", height=300)


def sessions(warehouse: Warehouse, view: View, row: Row) -> Component:
    """Sessions per day of the window."""
    found = customer.sessions(warehouse, view.as_of, row["customer_id"])
    if not any(each["sessions"] for each in found):
        return message("No sessions in these 30 days", "This customer was not seen on the web in the window.")
    days = [each["day"] for each in found]
    most = max(each["sessions"] for each in found)
    drawn = figure(
        go.Bar(
            x=days,
            y=[each["engaged"] for each in found],
            name="Engaged",
            marker={"color": BLUE},
            hovertemplate="%{x|%Y-%m-%d}: %{y:,} engaged<extra></extra>",
        ),
        go.Bar(
            x=days,
            y=[each["sessions"] - each["engaged"] for each in found],
            name="Other",
            marker={"color": SKY},
            hovertemplate="%{x|%Y-%m-%d}: %{y:,} other<extra></extra>",
        ),
        barmode="stack",
        xaxis=day_axis(),
        yaxis=axis("Sessions", tickformat=",d", rangemode="tozero", dtick=1 if most <= 6 else None),
    )
    return chart(drawn, "Sessions per day of the last 30 days.", height=300)


def visuals(meaning: dict[str, str]) -> dict[str, Visual]:
    """The visuals of this page."""
    return {
        visual.name: visual
        for visual in (
            Visual("customer-head", "Profile", head, height=110),
            Visual("customer-cards", "Key figures", of_customer(cards), height=118, bare=True),
            Visual(
                "customer-parts", "What the score is made of", of_customer(parts), meaning["contributions"], height=420
            ),
            Visual(
                "customer-history",
                "Score and segment over time",
                of_customer(score_history),
                meaning["reference_score"],
                height=420,
                export="customer-history",
            ),
            Visual("customer-orders", "Orders", of_customer(orders), height=300, export="customer-orders"),
            Visual(
                "customer-sessions",
                "Sessions in 30 days",
                of_customer(sessions),
                meaning["engaged_sessions"],
                height=300,
            ),
        )
    }


def layout(found: dict[str, Visual]) -> list[Component]:
    """How the visuals are arranged. Without a customer the stylesheet hides all but the head."""
    return [
        place(found["customer-head"]),
        place(found["customer-cards"]),
        html.Div([place(found["customer-parts"]), place(found["customer-history"])], className="row halves"),
        html.Div([place(found["customer-orders"]), place(found["customer-sessions"])], className="row halves"),
    ]
