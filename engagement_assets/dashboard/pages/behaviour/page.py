"""Behaviour: from looking to buying, when people come, and whether they come back."""

from __future__ import annotations

from datetime import date

import plotly.graph_objects as go
from dash import html
from dash.development.base_component import Component

from engagement_assets.dashboard import formats
from engagement_assets.dashboard.components import Figure, figures, message, no_customers, table
from engagement_assets.dashboard.pages.behaviour import queries
from engagement_assets.dashboard.state import View
from engagement_assets.dashboard.theme import SCALE, axis, chart, day_axis, figure
from engagement_assets.dashboard.visuals import Visual, place
from engagement_assets.dashboard.warehouse import Warehouse
from engagement_assets.domain.colours import AMBER, BLUE, SKY
from engagement_assets.exports.measures import STAGES
from engagement_assets.exports.star_schema import SESSION_STEPS, WEEKDAYS

PATH = "/behaviour"
TITLE = "Behaviour"
PURPOSE = "From looking to buying, when people come, and whether they come back."

_NO_VISITS = message("No sessions in these 30 days", "There are no web sessions of these customers in the window.")


def funnel(warehouse: Warehouse, view: View) -> Component:
    """Customers and sessions per stage, as a funnel."""
    found = queries.funnel(warehouse, view.as_of, view.filters)
    if not found["sessions"][0]:
        return _NO_VISITS
    drawn = figure(
        *[
            go.Bar(
                x=list(STAGES),
                y=[count / found[unit][0] for count in found[unit]],
                name=unit.capitalize(),
                marker={"color": colour},
                text=[f"{count:,}" for count in found[unit]],
                textposition="outside",
                cliponaxis=False,
                hovertemplate=f"%{{x}}: %{{text}} {unit}, %{{y:.1%}} of those who looked<extra></extra>",
            )
            for unit, colour in (("customers", BLUE), ("sessions", SKY))
        ],
        barmode="group",
        xaxis=axis(None, type="category", showgrid=False),
        yaxis=axis("Share of those who looked", tickformat=".0%", range=[0, 1.12]),
    )
    return chart(drawn, "Funnel from page view to order, customers and sessions.", height=320)


def stages(warehouse: Warehouse, view: View) -> Component:
    """Conversion and drop-off from stage to stage."""
    found = queries.funnel(warehouse, view.as_of, view.filters)
    if not found["sessions"][0]:
        return _NO_VISITS
    rows = []
    for number, stage in enumerate(STAGES):
        row = [stage]
        for unit in ("customers", "sessions"):
            counts = found[unit]
            kept = formats.ratio(counts[number], counts[number - 1]) if number else None
            row += [
                formats.count(counts[number]),
                formats.share(kept),
                formats.share(1 - kept) if kept is not None else formats.NOTHING,
            ]
        rows.append(row)
    return html.Div(
        [
            table(
                ["Stage", "Customers", "Conversion", "Drop-off", "Sessions", "Conversion", "Drop-off"],
                rows,
                caption="Conversion and drop-off from stage to stage",
            ),
            html.Div(
                f"Conversion is from the stage before. {found['without_session']:,} customers ordered without a recorded "
                "session; they are not in the funnel.",
                className="quiet small",
            ),
        ],
        className="stack",
    )


def cards(warehouse: Warehouse, view: View) -> Component:
    """Sessions, engaged share, conversion of sessions."""
    days = queries.engaged(warehouse, view.as_of, view.filters)
    sessions, engaged = sum(row["sessions"] for row in days), sum(row["engaged"] for row in days)
    found = queries.funnel(warehouse, view.as_of, view.filters)
    before = queries.engaged(warehouse, view.compared, view.filters) if view.compared else None
    meaning = warehouse.meanings
    then = sum(row["sessions"] for row in before) if before is not None else None
    was = formats.ratio(sum(row["engaged"] for row in before), then) if before else None
    part = formats.ratio(engaged, sessions)
    points = part - was if part is not None and was is not None else None
    moved = float(sessions - then) if then is not None else None
    return figures(
        [
            Figure(
                "Sessions, 30 days",
                formats.count(sessions),
                meaning["average_sessions"],
                moved,
                formats.count(abs(moved or 0)),
                "up",
            ),
            Figure(
                "Engaged sessions",
                formats.share(part),
                meaning["engaged_sessions"],
                points,
                f"{abs(points or 0) * 100:.1f} points",
                "up",
            ),
            Figure(
                "Sessions with an order",
                formats.share(formats.ratio(found["sessions"][3], found["sessions"][0])),
                meaning["funnel"],
                note=f"{found['sessions'][3]:,} of {found['sessions'][0]:,} sessions",
            ),
            Figure(
                "Visitors who ordered",
                formats.share(formats.ratio(found["customers"][3], found["customers"][0])),
                meaning["funnel"],
                note=f"{found['customers'][3]:,} of {found['customers'][0]:,} customers",
            ),
        ],
        view.compared,
    )


def orders(warehouse: Warehouse, view: View) -> Component:
    """Orders per customer by number of sessions."""
    rows = queries.orders_by_sessions(warehouse, view.as_of, view.filters)
    if not rows:
        return no_customers()
    drawn = figure(
        go.Bar(
            x=[SESSION_STEPS[row["step"]][2] for row in rows],
            y=[row["orders"] / row["customers"] for row in rows],
            marker={"color": BLUE},
            text=[f"{row['orders'] / row['customers']:.2f}" for row in rows],
            textposition="outside",
            cliponaxis=False,
            customdata=[[row["customers"], row["orders"], row["ordered"] / row["customers"]] for row in rows],
            hovertemplate="%{x} sessions: %{customdata[0]:,} customers, %{customdata[1]:,} orders<br>"
            "%{customdata[2]:.1%} of them ordered<extra></extra>",
        ),
        xaxis=axis("Sessions in 30 days", type="category", showgrid=False),
        yaxis=axis("Orders per customer", tickformat=".1f", rangemode="tozero"),
        showlegend=False,
    )
    return chart(drawn, "Orders per customer by number of sessions in 30 days.", height=300)


def scores(warehouse: Warehouse, view: View) -> Component:
    """Heatmap of score by session count."""
    rows = queries.score_by_sessions(warehouse, view.as_of, view.filters)
    if not rows:
        return no_customers()
    found = {(row["bin"], row["step"]): row["customers"] for row in rows}
    names = [name for _, _, name in SESSION_STEPS]
    counts = [[found.get((number, step)) for step in range(len(names))] for number in range(10)]
    return chart(
        _heatmap(
            names,
            [f"{number / 10:.1f}–{(number + 1) / 10:.1f}" for number in range(10)],
            counts,
            "Score %{y}, %{x} sessions: %{z:,} customers<extra></extra>",
            xaxis=axis("Sessions in 30 days", type="category", showgrid=False),
            yaxis=axis("Engagement score", type="category", showgrid=False),
        ),
        "Heatmap of customers by score and number of sessions.",
        height=340,
    )


def _heatmap(x: list[str], y: list[str], z: list[list[float | None]], hover: str, **layout: object) -> go.Figure:
    """A heatmap in blue; few large values do not drown the others."""
    rooted = [[None if value is None else value**0.5 for value in row] for row in z]
    return figure(
        go.Heatmap(
            x=x,
            y=y,
            z=rooted,
            customdata=z,
            colorscale=SCALE,
            zmin=0,
            xgap=2,
            ygap=2,
            showscale=False,
            hoverongaps=False,
            text=[["" if value is None else f"{value:,}" for value in row] for row in z] if len(x) < 12 else None,
            texttemplate="%{text}" if len(x) < 12 else None,
            textfont={"size": 11},
            hovertemplate=hover.replace("%{z", "%{customdata"),
        ),
        **layout,
    )


def activity(warehouse: Warehouse, view: View) -> Component:
    """Sessions by weekday and hour."""
    rows = queries.activity(warehouse, view.as_of, view.filters)
    if not rows:
        return _NO_VISITS
    found = {(row["weekday"], row["hour"]): row["sessions"] for row in rows}
    counts = [[found.get((weekday, hour)) for hour in range(24)] for weekday in range(1, 8)]
    busiest = max(rows, key=lambda row: row["sessions"])
    return html.Div(
        [
            html.Div(
                f"Busiest: {WEEKDAYS[busiest['weekday'] - 1]} {busiest['hour']:02d}:00 to {busiest['hour']:02d}:59 with "
                f"{busiest['sessions']:,} sessions ({warehouse.settings.timezone}).",
                className="quiet small",
            ),
            chart(
                _heatmap(
                    [f"{hour:02d}" for hour in range(24)],
                    [day[:3] for day in WEEKDAYS],
                    counts,
                    "%{y} %{x}:00: %{z:,} sessions<extra></extra>",
                    xaxis=axis("Hour of the day", type="category", showgrid=False, tickangle=0),
                    yaxis=axis(None, type="category", autorange="reversed", showgrid=False),
                ),
                "Heatmap of sessions by weekday and hour.",
                height=310,
            ),
        ],
        className="stack",
    )


def engaged(warehouse: Warehouse, view: View) -> Component:
    """Share of engaged sessions per day, over the number of sessions."""
    rows = queries.engaged(warehouse, view.as_of, view.filters)
    if not rows:
        return _NO_VISITS
    days = [row["as_of_date"] for row in rows]
    drawn = figure(
        go.Bar(
            x=days,
            y=[row["sessions"] for row in rows],
            name="Sessions",
            marker={"color": SKY, "opacity": 0.55},
            hovertemplate="%{x|%Y-%m-%d}: %{y:,} sessions<extra></extra>",
        ),
        go.Scatter(
            x=days,
            y=[row["engaged"] / row["sessions"] for row in rows],
            name="Engaged share",
            yaxis="y2",
            line={"color": AMBER, "width": 2.5},
            mode="lines+markers",
            marker={"size": 4},
            hovertemplate="%{x|%Y-%m-%d}: %{y:.1%} engaged<extra></extra>",
        ),
        xaxis=day_axis(),
        yaxis=axis("Sessions", tickformat=",", rangemode="tozero"),
        yaxis2={
            **axis("Engaged share", tickformat=".0%", range=[0, 1.05], dtick=0.25),
            "overlaying": "y",
            "side": "right",
            "showgrid": False,
        },
    )
    return chart(drawn, "Sessions per day and the share of engaged ones.", height=310)


def cohorts(warehouse: Warehouse, view: View) -> Component:
    """Retention by sign-up month."""
    rows = queries.cohorts(warehouse, view.as_of, view.filters)
    if not rows:
        return no_customers()
    sizes = {row["cohort"]: row["size"] for row in rows}
    found = {(row["cohort"], row["month"]): row["customers"] for row in rows if row["month"] is not None}
    last = date.fromisoformat(view.as_of)
    ages = {cohort: (last.year - cohort.year) * 12 + last.month - cohort.month for cohort in sizes}
    most = min(12, max(ages.values()))
    cells = []
    for cohort, size in sizes.items():
        row: list[Component | str] = [cohort.strftime("%Y-%m"), formats.count(size)]
        for month in range(most + 1):
            if month > ages[cohort]:
                row.append("")
                continue
            part = found.get((cohort, month), 0) / size
            level = min(4, int(part * 10))
            row.append(html.Span(f"{part:.0%}", className=f"heat heat-{level}"))
        cells.append(row)
    return table(
        ["Signed up", "Customers", *[str(month) for month in range(most + 1)]],
        cells,
        caption="Share of a sign-up month's customers who ordered in each month since",
    )


def visuals(meaning: dict[str, str]) -> dict[str, Visual]:
    """The visuals of this page."""
    return {
        visual.name: visual
        for visual in (
            Visual("behaviour-cards", "Key figures", cards, height=118, bare=True),
            Visual("behaviour-funnel", "From page view to order", funnel, meaning["funnel"], height=320),
            Visual(
                "behaviour-stages", "Conversion and drop-off", stages, meaning["funnel"], height=260, export="funnel"
            ),
            Visual(
                "behaviour-orders",
                "Sessions against orders",
                orders,
                meaning["sessions_orders"],
                height=300,
                export="orders-by-sessions",
            ),
            Visual(
                "behaviour-scores",
                "Score by number of sessions",
                scores,
                meaning["score_sessions"],
                height=340,
                export="score-by-sessions",
            ),
            Visual(
                "behaviour-activity", "When they come", activity, meaning["activity"], height=340, export="activity"
            ),
            Visual(
                "behaviour-engaged",
                "Engaged sessions",
                engaged,
                meaning["engaged_sessions"],
                height=310,
                export="engaged",
            ),
            Visual(
                "behaviour-cohorts",
                "Cohort retention",
                cohorts,
                meaning["cohorts"],
                note="Share of the customers who signed up in a month and ordered so many months later.",
                height=340,
                export="cohorts",
            ),
        )
    }


def layout(parts: dict[str, Visual]) -> list[Component]:
    """How the visuals are arranged."""
    return [
        place(parts["behaviour-cards"]),
        html.Div([place(parts["behaviour-funnel"]), place(parts["behaviour-stages"])], className="row narrow-wide"),
        html.Div([place(parts["behaviour-orders"]), place(parts["behaviour-scores"])], className="row halves"),
        html.Div([place(parts["behaviour-activity"]), place(parts["behaviour-engaged"])], className="row halves"),
        place(parts["behaviour-cohorts"]),
    ]
