"""High-value customers: who carries the revenue, what they have in common, who of them is slipping."""

from __future__ import annotations

import plotly.graph_objects as go
from dash import html
from dash.development.base_component import Component

from engagement_assets.dashboard import formats, questions
from engagement_assets.dashboard.components import Figure, figures, message, no_customers, table
from engagement_assets.dashboard.grids import grid
from engagement_assets.dashboard.pages.common import change, customer_link
from engagement_assets.dashboard.pages.high_value import queries
from engagement_assets.dashboard.state import View
from engagement_assets.dashboard.theme import axis, chart, figure
from engagement_assets.dashboard.visuals import Visual, place
from engagement_assets.dashboard.warehouse import Row, Warehouse
from engagement_assets.domain.colours import BLUE

PATH = "/high-value"
TITLE = "High-value customers"
PURPOSE = "Who carries the revenue and still comes, what they have in common, and who of them is slipping."

_NOBODY = "No customer is both revenue-significant and engaged here."


def cards(warehouse: Warehouse, view: View) -> Component:
    """How many there are, their revenue, their orders, how many are slipping."""
    found = queries.profile(warehouse, view.as_of, view.filters).get(True)
    before = queries.profile(warehouse, view.compared, view.filters).get(True) if view.compared else None
    totals = questions.key_figures(warehouse, view.as_of, view.filters)
    then = questions.comparison(warehouse, view)
    meaning = warehouse.meanings
    now = found or {"customers": 0, "revenue": 0.0, "average_order": None, "slipping": 0, "slipping_revenue": 0.0}
    part = formats.ratio(now["revenue"], totals["revenue"])
    was = formats.ratio(before["revenue"], then["revenue"]) if before and then else None
    people = now["customers"] - before["customers"] if before else None
    points = part - was if part is not None and was is not None else None
    order = now["average_order"] - before["average_order"] if before and now["average_order"] is not None else None
    return figures(
        [
            Figure(
                "High-value customers",
                formats.count(now["customers"]),
                meaning["high_value"],
                people,
                formats.count(abs(people or 0)),
                "up",
            ),
            Figure(
                "Share of all revenue",
                formats.share(part),
                "Revenue so far of the high-value customers by that of all customers under the filters.",
                points,
                f"{abs(points or 0) * 100:.1f} points",
            ),
            Figure(
                "Average order value",
                formats.money(now["average_order"], 2),
                "Revenue by orders of the high-value customers.",
                order,
                formats.money(abs(order or 0), 2),
                "up",
            ),
            Figure(
                "Slipping",
                formats.count(now["slipping"]),
                meaning["slipping"],
                note=f"with revenue so far of {formats.money(now['slipping_revenue'])}",
            ),
        ],
        view.compared,
    )


def common_traits(warehouse: Warehouse, view: View) -> Component:
    """High-value customers beside all other buyers."""
    found = queries.profile(warehouse, view.as_of, view.filters)
    if True not in found:
        return message("Nobody here", _NOBODY)
    theirs, others = found[True], found.get(False)
    measures = [
        ("Orders so far", "average_orders", lambda value: formats.decimal(value, 1)),
        ("Average order value", "average_order", lambda value: formats.money(value, 2)),
        ("Days since last order", "recency", lambda value: formats.decimal(value, 0)),
        ("Sessions in 30 days", "sessions", lambda value: formats.decimal(value, 1)),
        ("Engaged sessions", "engaged", formats.share),
        ("Days since sign-up", "tenure", lambda value: formats.count(value)),
        ("Engagement score", "score", formats.score),
    ]
    rows = [
        [name, write(theirs[key]), write(others[key]) if others else formats.NOTHING, _times(theirs, others, key)]
        for name, key, write in measures
    ]
    return table(
        ["On average", "High-value", "Other buyers", "Ratio"], rows, caption="What high-value customers have in common"
    )


def _times(theirs: Row, others: Row | None, key: str) -> str:
    found = formats.ratio(theirs[key], others[key]) if others else None
    return formats.NOTHING if found is None else f"{found:.1f}×"


def countries(warehouse: Warehouse, view: View) -> Component:
    """Where they are, and where they are common."""
    rows = queries.countries(warehouse, view.as_of, view.filters)
    if not rows:
        return no_customers()
    drawn = figure(
        go.Bar(
            y=[row["country"] for row in rows],
            x=[row["high_value"] for row in rows],
            orientation="h",
            marker={"color": BLUE},
            text=[f"{row['high_value']:,} · {row['share']:.0%} of buyers" for row in rows],
            textposition="outside",
            cliponaxis=False,
            hovertemplate="%{y}: %{x:,} high-value customers<extra></extra>",
        ),
        xaxis=axis("High-value customers", tickformat=",", range=[0, max(1, rows[0]["high_value"]) * 1.8]),
        yaxis=axis(None, autorange="reversed", type="category", showgrid=False),
        showlegend=False,
    )
    return chart(drawn, "High-value customers by country.", height=290)


def slipping(warehouse: Warehouse, view: View) -> Component:
    """The high-value customers who fell most."""
    rows = queries.slipping(warehouse, view.as_of, view.filters)
    if not rows:
        return message("Nobody is slipping", "No high-value customer's score has fallen noticeably in 30 days.")
    return table(
        ["Customer", "Revenue", "Days since order", "Sessions, 30 days", "30 days before", "Change"],
        [
            [
                customer_link(view, row["customer_id"], **{"from": "high-value", "sort": "reference_score_change:asc"}),
                formats.money(row["revenue"]),
                formats.count(row["recency_days"]),
                formats.count(row["sessions"]),
                formats.count(row["sessions_before"]),
                change(row["change"], formats.score(abs(row["change"]))),
            ]
            for row in rows
        ],
        caption="High-value customers whose score fell most in 30 days",
    )


def customers(warehouse: Warehouse, view: View) -> Component:
    """All high-value customers."""
    return grid(warehouse, view, "high-value", empty=_NOBODY)


def visuals(meaning: dict[str, str]) -> dict[str, Visual]:
    """The visuals of this page."""
    return {
        visual.name: visual
        for visual in (
            Visual("high-cards", "Key figures", cards, height=118, bare=True),
            Visual(
                "high-common",
                "What they have in common",
                common_traits,
                meaning["high_value"],
                height=290,
                export="traits",
            ),
            Visual(
                "high-countries", "Where they are", countries, meaning["high_value"], height=290, export="countries"
            ),
            Visual("high-slipping", "Who is slipping", slipping, meaning["slipping"], height=290, export="slipping"),
            Visual(
                "high-customers",
                "High-value customers",
                customers,
                meaning["high_value"],
                note="Choose a customer to open their page; headings sort and filter.",
                height=460,
            ),
        )
    }


def layout(parts: dict[str, Visual]) -> list[Component]:
    """How the visuals are arranged."""
    return [
        place(parts["high-cards"]),
        html.Div([place(parts["high-common"]), place(parts["high-countries"])], className="row halves"),
        place(parts["high-slipping"]),
        place(parts["high-customers"]),
    ]
