"""Behaviour: from looking to buying, when people come, and whether they come back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from itertools import pairwise
from typing import Any

import plotly.graph_objects as go
from dash import html
from dash.development.base_component import Component

from engagement_assets.dashboard import formats
from engagement_assets.dashboard.components import (
    KeyFigure,
    figure_cards,
    listing,
    mark,
    message,
    people,
    small,
    stack,
    table,
)
from engagement_assets.dashboard.exports import Csv, same
from engagement_assets.dashboard.pages.behaviour import queries
from engagement_assets.dashboard.questions import of_day
from engagement_assets.dashboard.state import View
from engagement_assets.dashboard.theme import SCALE, Mark, axis, bars, chart, day_axis, figure, names_axis, right_axis
from engagement_assets.dashboard.trends import Line, trend_figure
from engagement_assets.dashboard.visuals import Page
from engagement_assets.dashboard.warehouse import Row, Warehouse
from engagement_assets.domain.colours import AMBER, BLUE, SKY
from engagement_assets.domain.customer_filters import STAGES
from engagement_assets.domain.meanings import counted
from engagement_assets.exports.star_schema import SESSION_STEPS, WEEKDAYS

PAGE = Page(
    "/behaviour", "Behaviour", "From looking to buying, when people come, and whether they come back.", order=60
)

_NO_VISITS = message("No sessions in the window", "There are no web sessions of these customers in the window.")


_VISITORS: dict[str, Any] = {"opens": {"sessions": "1.."}, "counted": "visitors"}


def _of_lookers(unit: str) -> Callable[[Row], str]:
    return lambda row: f"{row[unit][3]:,} of {row[unit][0]:,} {unit}"


FIGURES = (
    KeyFigure("Sessions, {window}", "visits", formats.count, "average_sessions", "up", **_VISITORS),
    KeyFigure("Engaged sessions", "engaged", formats.share, "engaged_share", "up", **_VISITORS),
    KeyFigure("Sessions with an order", "bought", formats.share, "funnel", note=_of_lookers("sessions")),
    KeyFigure(
        *("Visitors who ordered", "buyers", formats.share, "funnel"),
        note=_of_lookers("customers"),
        opens={"stage": STAGES[3]},
        counted="bought_customers",
    ),
)


@PAGE.visual("behaviour-cards", "Key figures", bare=True)
def cards(warehouse: Warehouse, view: View) -> Component:
    """Sessions, engaged share, conversion of sessions."""

    def visits(day: str) -> Row:
        days = queries.engaged(warehouse, day, view.filters)
        total = sum(row["sessions"] for row in days)
        return {"visits": total, "engaged": formats.ratio(sum(row["engaged"] for row in days), total)}

    found = queries.funnel(warehouse, view.as_of, view.filters)
    bought, buyers = (formats.ratio(found[unit][3], found[unit][0]) for unit in ("sessions", "customers"))
    steps = queries.orders_by_sessions(warehouse, view.as_of, view.filters)
    now = {
        **visits(view.as_of),
        **found,
        "bought": bought,
        "buyers": buyers,
        "bought_customers": found["customers"][3],
        "visitors": sum(row["customers"] for row in steps if row["step"]),
    }
    return figure_cards(warehouse, FIGURES, now, visits(view.compared) if view.compared else None, view)


def _funnel(warehouse: Warehouse, view: View) -> Row | None:
    """Customers and sessions per stage; nothing where nobody looked."""
    found = queries.funnel(warehouse, view.as_of, view.filters)
    return found if found["sessions"][0] else {}


@PAGE.visual("behaviour-funnel", "From page view to order", _funnel, meaning="funnel", empty=_NO_VISITS)
def funnel(warehouse: Warehouse, view: View, found: Row) -> Component:
    """Customers and sessions per stage, as a funnel."""
    drawn = figure(
        *[
            bars(
                list(STAGES),
                [count / found[unit][0] for count in found[unit]],
                colour,
                opens=[_stage(view, unit, number, found[unit]) for number in range(len(STAGES))],
                texts=[f"{count:,}" for count in found[unit]],
                name=unit.capitalize(),
            )
            for unit, colour in (("customers", BLUE), ("sessions", SKY))
        ],
        barmode="group",
        xaxis=names_axis(),
        yaxis=axis("Share of those who looked", tickformat=".0%", range=[0, 1.12]),
    )
    return chart(drawn, "Funnel from page view to order, customers and sessions.", height=320)


def _stage(view: View, unit: str, number: int, counts: list[int]) -> Mark:
    """What a bar of the funnel says; those of customers open their list."""
    part = f"{STAGES[number]}, {formats.share(counts[number] / counts[0])} of those who looked"
    if unit == "customers":
        return mark(view, part, counts[number], stage=STAGES[number])
    return Mark(f"{part}: {counted(counts[number], 'session')}")


def _stages(warehouse: Warehouse, view: View) -> list[Row]:
    found = queries.funnel(warehouse, view.as_of, view.filters)
    return [
        {"stage": stage, "customers": found["customers"][number], "sessions": found["sessions"][number]}
        for number, stage in enumerate(STAGES)
    ]


@PAGE.visual(
    "behaviour-stages",
    "Conversion and drop-off",
    _funnel,
    meaning="funnel",
    csv=Csv("funnel", same("stage", "customers", "sessions"), _stages),
    empty=_NO_VISITS,
    beside="narrow-wide",
)
def stages(warehouse: Warehouse, view: View, found: Row) -> Component:
    """Conversion and drop-off from stage to stage."""
    rows = []
    for number, stage in enumerate(STAGES):
        row: list[Any] = [stage]
        for unit in ("customers", "sessions"):
            counts = found[unit]
            kept = formats.ratio(counts[number], counts[number - 1]) if number else None
            lost = None if kept is None else 1 - kept
            shown: list[Any] = [formats.count(counts[number]), formats.share(kept), formats.share(lost)]
            if unit == "customers":
                shown[0] = people(view, counts[number], stage=stage)
                # Those who are lost on the way to a stage went no further than the one before.
                gone = counts[number - 1] - counts[number] if number else 0
                shown[2] = people(view, gone, shown[2], stopped_at=STAGES[number - 1])
            row += shown
        rows.append(row)
    return stack(
        table(
            ["Stage", "Customers", "Conversion", "Drop-off", "Sessions", "Conversion", "Drop-off"],
            rows,
            caption="Conversion and drop-off from stage to stage",
        ),
        small(
            f"Conversion is from the stage before. {found['without_session']:,} customers ordered without a recorded "
            "session; they are not in the funnel."
        ),
    )


_WEEK_LINES = (
    Line("cart", "Cart", SKY, "solid"),
    Line("checkout", "Checkout", AMBER, "solid"),
    Line("order", "Order", BLUE, "solid"),
)


@PAGE.visual(
    "behaviour-weeks",
    "How far they get, week by week",
    of_day(queries.stages_by_week),
    meaning="stages_by_week",
    csv=Csv("stages-by-week", same("as_of_date", "visitors", "cart", "checkout", "order")),
    empty=_NO_VISITS,
)
def weeks(warehouse: Warehouse, view: View, rows: list[Row]) -> Component:
    """Shares of each week's visitors who reached a cart, a checkout, an order."""
    drawn = trend_figure(rows, _WEEK_LINES, title="Share of the week's visitors", percent=True, view=view)
    return chart(drawn, "Shares of each week's visitors who reached a cart, a checkout and an order.", height=300)


_CONVERSION_LINES = (
    Line("followed", f"Within {queries.FOLLOWED_DAYS} days", BLUE, "solid"),
    Line("one_day", "Within a day", SKY, "dash"),
)


@PAGE.visual(
    "behaviour-conversion",
    "Do sessions turn into orders?",
    of_day(queries.conversion),
    meaning="conversion",
    csv=Csv("conversion", same("as_of_date", "sessions", "one_day", "followed")),
    empty=message("Too early to tell", "A week after a session it is known whether the customer ordered."),
    beside="halves",
)
def conversion(warehouse: Warehouse, view: View, rows: list[Row]) -> Component:
    """Share of sessions after which the customer ordered, week by week, and what has changed since the comparison date."""
    latest = rows[-1]
    words = (
        f"Of {counted(latest['sessions'], 'session')} in the week to {latest['as_of_date']}, "
        f"{formats.share(latest['one_day'])} were followed by an order within a day, "
        f"{formats.share(latest['followed'])} within {queries.FOLLOWED_DAYS} days"
    )
    before = [row for row in rows if view.compared and str(row["as_of_date"]) <= view.compared]
    if before and before[-1] is not latest:
        moved = latest["followed"] - before[-1]["followed"]
        words += f", {formats.difference(moved, formats.points)} against the week to {before[-1]['as_of_date']}"
    drawn = trend_figure(rows, _CONVERSION_LINES, title="Share of sessions", percent=True, view=view)
    return stack(small(f"{words}."), chart(drawn, "Share of sessions that were followed by an order.", height=270))


def _by_group(warehouse: Warehouse, view: View) -> list[Row]:
    """Per group its counts, and the step at which it loses the largest share."""
    found = []
    for row in queries.stages_by_group(warehouse, view.as_of, view.filters):
        counts = row["customers"]
        lost = [1 - (formats.ratio(after, before) or 0) if before else 0 for before, after in pairwise(counts)]
        worst = max(range(len(lost)), key=lambda number: lost[number])
        found.append(
            {
                **row,
                "looked": counts[0],
                "ordered": counts[-1],
                "conversion": formats.ratio(counts[-1], counts[0]),
                "lost_after": STAGES[worst] if lost[worst] else None,
                "drop_off": lost[worst],
                "lost": counts[worst] - counts[worst + 1],
            }
        )
    return found


@PAGE.visual(
    "behaviour-groups",
    "Where they drop off, by segment and country",
    _by_group,
    meaning="funnel",
    note="The step at which the largest share is lost; a number opens the list.",
    csv=Csv(
        "drop-off-by-group", same("kind", "name", "looked", "ordered", "conversion", "lost_after", "drop_off", "lost")
    ),
    empty=_NO_VISITS,
)
def groups(warehouse: Warehouse, view: View, rows: list[Row]) -> Component:
    """Where the customers of each segment and country stop on the way to an order."""
    return listing(
        rows,
        [
            (
                "Group",
                lambda row: html.Span([html.Span(f"{row['kind'].capitalize()} ", className="quiet"), row["name"]]),
            ),
            ("Looked", lambda row: people(view, row["looked"], stage=STAGES[0], **{row["kind"]: row["name"]})),
            ("Ordered", lambda row: people(view, row["ordered"], stage=STAGES[-1], **{row["kind"]: row["name"]})),
            ("Conversion", "conversion", formats.share),
            ("Most are lost after", "lost_after"),
            ("Lost", lambda row: people(view, row["lost"], stopped_at=row["lost_after"], **{row["kind"]: row["name"]})),
            ("Drop-off", "drop_off", formats.share),
        ],
        left=(0, 4),
        caption="Where customers drop off, by segment and country",
    )


def _step(number: int) -> str:
    """A step of SESSION_STEPS as a filter."""
    low, high, _ = SESSION_STEPS[number]
    return f"{low}..{'' if high is None else high}"


def _orders(warehouse: Warehouse, view: View) -> list[Row]:
    rows = queries.orders_by_sessions(warehouse, view.as_of, view.filters)
    return [{**row, "sessions": SESSION_STEPS[row["step"]][2]} for row in rows]


@PAGE.visual(
    "behaviour-orders",
    "Orders by number of sessions",
    _orders,
    meaning="sessions_orders",
    csv=Csv("orders-by-sessions", same("sessions", "customers", "orders", "ordered")),
)
def orders(warehouse: Warehouse, view: View, rows: list[Row]) -> Component:
    """Orders per customer by number of sessions."""
    drawn = figure(
        bars(
            [row["sessions"] for row in rows],
            [row["orders"] / row["customers"] for row in rows],
            BLUE,
            opens=[
                mark(
                    view,
                    f"{row['sessions']} sessions, {counted(row['orders'], 'order')}, "
                    f"{formats.share(row['ordered'] / row['customers'])} ordered",
                    row["customers"],
                    sessions=_step(row["step"]),
                )
                for row in rows
            ],
            texts=[f"{row['orders'] / row['customers']:.2f}" for row in rows],
        ),
        xaxis=names_axis(warehouse.meanings.filled("Sessions in {window}")),
        yaxis=axis("Orders per customer", tickformat=".1f", rangemode="tozero"),
        showlegend=False,
    )
    label = warehouse.meanings.filled("Orders per customer by number of sessions in {window}.")
    return chart(drawn, label, height=300)


def _scores(warehouse: Warehouse, view: View) -> list[Row]:
    rows = queries.score_by_sessions(warehouse, view.as_of, view.filters)
    return [{**row, "from": row["bin"] / 10, "sessions": SESSION_STEPS[row["step"]][2]} for row in rows]


@PAGE.visual(
    "behaviour-scores",
    "Score by number of sessions",
    _scores,
    meaning="score_sessions",
    csv=Csv("score-by-sessions", {"from": "from_score", **same("sessions", "customers")}),
    beside="halves",
)
def scores(warehouse: Warehouse, view: View, rows: list[Row]) -> Component:
    """Heatmap of score by session count."""
    found = {(row["bin"], row["step"]): row["customers"] for row in rows}
    drawn = _heatmap(
        [name for _, _, name in SESSION_STEPS],
        [f"{number / 10:.1f}–{(number + 1) / 10:.1f}" for number in range(10)],
        [[found.get((number, step)) for step in range(len(SESSION_STEPS))] for number in range(10)],
        [
            [
                mark(
                    view,
                    f"Score {number / 10:.1f} to {(number + 1) / 10:.1f}, {name} sessions",
                    found.get((number, step), 0),
                    score=f"{number / 10:.1f}..{(number + 1) / 10:.1f}",
                    sessions=_step(step),
                )
                for step, (_, _, name) in enumerate(SESSION_STEPS)
            ]
            for number in range(10)
        ],
        xaxis=names_axis(warehouse.meanings.filled("Sessions in {window}")),
        yaxis=names_axis("Engagement score"),
    )
    return chart(drawn, "Heatmap of customers by score and number of sessions.", height=340)


def _heatmap(
    x: list[str], y: list[str], z: list[list[float | None]], cells: list[list[Mark]], **layout: object
) -> go.Figure:
    """A heatmap in blue; few large values do not drown the others. `cells`: what each says, and the list it opens."""
    rooted = [[None if value is None else value**0.5 for value in row] for row in z]
    return figure(
        go.Heatmap(
            x=x,
            y=y,
            z=rooted,
            hovertext=[[cell.words for cell in row] for row in cells],
            customdata=[[cell.address for cell in row] for row in cells],
            colorscale=SCALE,
            zmin=0,
            xgap=2,
            ygap=2,
            showscale=False,
            hoverongaps=False,
            text=[["" if value is None else f"{value:,}" for value in row] for row in z] if len(x) < 12 else None,
            texttemplate="%{text}" if len(x) < 12 else None,
            textfont={"size": 11},
            hovertemplate="%{hovertext}<extra></extra>",
        ),
        **layout,
    )


@PAGE.visual(
    "behaviour-activity",
    "When they come",
    of_day(queries.activity),
    meaning="activity",
    csv=Csv("activity", same("weekday", "hour", "sessions")),
    empty=_NO_VISITS,
)
def activity(warehouse: Warehouse, view: View, rows: list[Row]) -> Component:
    """Sessions by weekday and hour."""
    found = {(row["weekday"], row["hour"]): row["sessions"] for row in rows}
    busiest = max(rows, key=lambda row: row["sessions"])
    drawn = _heatmap(
        [f"{hour:02d}" for hour in range(24)],
        [day[:3] for day in WEEKDAYS],
        [[found.get((weekday, hour)) for hour in range(24)] for weekday in range(1, 8)],
        [
            [
                Mark(f"{day[:3]} {hour:02d}:00: {counted(found.get((weekday, hour), 0), 'session')}")
                for hour in range(24)
            ]
            for weekday, day in enumerate(WEEKDAYS, 1)
        ],
        xaxis=names_axis("Hour of the day", tickangle=0),
        yaxis=names_axis(autorange="reversed"),
    )
    return stack(
        small(
            f"Busiest: {WEEKDAYS[busiest['weekday'] - 1]} {busiest['hour']:02d}:00 to {busiest['hour']:02d}:59 with "
            f"{busiest['sessions']:,} sessions ({warehouse.settings.timezone})."
        ),
        chart(drawn, "Heatmap of sessions by weekday and hour.", height=310),
    )


@PAGE.visual(
    "behaviour-engaged",
    "Engaged sessions",
    of_day(queries.engaged),
    meaning="engaged_share",
    csv=Csv("engaged", same("as_of_date", "sessions", "engaged")),
    empty=_NO_VISITS,
    beside="halves",
)
def engaged(warehouse: Warehouse, view: View, rows: list[Row]) -> Component:
    """Share of engaged sessions per day, over the number of sessions."""
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
        yaxis2=right_axis("Engaged share", tickformat=".0%", range=[0, 1.05], dtick=0.25),
    )
    return chart(drawn, "Sessions per day and the share of engaged ones.", height=310)


@PAGE.visual(
    "behaviour-cohorts",
    "Cohort retention",
    of_day(queries.cohorts),
    meaning="cohorts",
    note="Share of the customers who signed up in a month and ordered so many months later.",
    csv=Csv(
        "cohorts", {"cohort": "signup_month", "size": "customers", "month": "months_since", "customers": "ordered"}
    ),
)
def cohorts(warehouse: Warehouse, view: View, rows: list[Row]) -> Component:
    """Retention by sign-up month."""
    sizes = {row["cohort"]: row["size"] for row in rows}
    found = {(row["cohort"], row["month"]): row["customers"] for row in rows if row["month"] is not None}
    last = date.fromisoformat(view.as_of)
    ages = {cohort: (last.year - cohort.year) * 12 + last.month - cohort.month for cohort in sizes}
    most = min(12, max(ages.values()))
    cells = []
    for cohort, size in sizes.items():
        signed = cohort.strftime("%Y-%m")
        row: list[Component | str] = [signed, people(view, size, cohort=signed)]
        for month in range(most + 1):
            if month > ages[cohort]:
                row.append("")
                continue
            number = found.get((cohort, month), 0)
            cell = html.Span(f"{number / size:.0%}", className=f"heat heat-{min(4, int(number / size * 10))}")
            later = cohort.year * 12 + cohort.month - 1 + month
            ordered = f"{later // 12}-{later % 12 + 1:02d}"
            row.append(people(view, number, cell, cohort=signed, ordered_in=ordered))
        cells.append(row)
    return table(
        ["Signed up", "Customers", *[str(month) for month in range(most + 1)]],
        cells,
        caption="Share of a sign-up month's customers who ordered in each month since",
    )
