"""Monitoring: are the tables complete, did the sources behave, and do the scores still look as they did."""

from __future__ import annotations

import plotly.graph_objects as go
from dash import html
from dash.development.base_component import Component

from engagement_assets.dashboard import formats
from engagement_assets.dashboard.components import failure, message, no_comparison, no_customers, pill, table
from engagement_assets.dashboard.dagster_log import NoHistoryError
from engagement_assets.dashboard.formats import Number
from engagement_assets.dashboard.pages.common import customer_link
from engagement_assets.dashboard.pages.monitoring import queries
from engagement_assets.dashboard.pages.monitoring.queries import NULLABLE, OUTLIER_COLUMNS, PSI_COLUMNS
from engagement_assets.dashboard.state import View
from engagement_assets.dashboard.theme import axis, chart, day_axis, figure
from engagement_assets.dashboard.visuals import Visual, log, place
from engagement_assets.dashboard.warehouse import Warehouse
from engagement_assets.domain.colours import AMBER, BLUE, GREEN, PURPLE, VERMILLION
from engagement_assets.domain.contracts.sources import SOURCES

PATH = "/monitoring"
TITLE = "Monitoring"
PURPOSE = "Whether the tables are complete, what was kept out, and whether scores still look as they did."

_TABLE_NAMES = {
    "raw_customers": "Customers",
    "raw_orders": "Orders",
    "raw_web_events": "Web events",
    "sessions": "Sessions",
    "order_aggregates": "Order aggregates",
    "customer_features": "Customer features",
    "engagement_scores": "Engagement scores",
    "engagement_metrics": "Engagement metrics",
}

_SOURCE_NAMES = {"customers": "Customers", "orders": "Orders", "web_events": "Web events"}

#: A day's rows this far from the mean of the week before are marked.
_UNUSUAL = 0.5

_CHARTED = ("raw_orders", "raw_web_events", "sessions")


def table_name(name: str) -> str:
    """A table in words."""
    return _TABLE_NAMES.get(name, name.replace("_", " ").capitalize())


def rows(warehouse: Warehouse, view: View) -> Component:
    """Rows of each table on the day, against the week before, and gaps."""
    body = []
    for name in queries.daily_tables():
        days = queries.rows_per_day(warehouse, name, view.as_of)
        if not days:
            body.append([table_name(name), formats.NOTHING, formats.NOTHING, formats.NOTHING, pill("not built", "bad")])
            continue
        today = days.get(view.as_of)
        week = [count for day, count in days.items() if count is not None and day != view.as_of][-7:]
        mean = sum(week) / len(week) if week else None
        gaps = sum(count is None for count in days.values())
        off = formats.ratio((today or 0) - mean, mean) if mean is not None and today is not None else None
        state = (
            pill("missing", "bad")
            if today is None
            else pill("unusual", "watch")
            if off is not None and abs(off) > _UNUSUAL
            else pill(f"{gaps} gaps", "watch")
            if gaps
            else pill("complete", "good")
        )
        body.append(
            [
                table_name(name),
                formats.count(today),
                formats.count(mean),
                f"{len(days) - gaps:,} of {len(days):,}",
                state,
            ]
        )
    return table(
        ["Table", "Rows", "7-day mean", "Days built", "State"],
        body,
        left=(0, 4),
        caption=f"Rows per table on {view.as_of}",
    )


def rows_trend(warehouse: Warehouse, view: View) -> Component:
    """Rows per day of the tables that hold facts of the day."""
    traces = []
    for name, colour in zip(_CHARTED, (BLUE, AMBER, GREEN), strict=True):
        days = queries.rows_per_day(warehouse, name, view.as_of)
        traces.append(
            go.Scatter(
                x=list(days),
                y=list(days.values()),
                name=table_name(name),
                line={"color": colour, "width": 2},
                mode="lines" if len(days) > 1 else "markers",
                connectgaps=False,
                hovertemplate=f"%{{x|%Y-%m-%d}}<br>{table_name(name)}: %{{y:,}} rows<extra></extra>",
            )
        )
    drawn = figure(*traces, xaxis=day_axis(), yaxis=axis("Rows per day", tickformat=",", rangemode="tozero"))
    return chart(drawn, "Rows per day of orders, web events and sessions.", height=310)


def rejected(warehouse: Warehouse, view: View) -> Component:
    """Rejected rows by reason and source."""
    found = queries.rejected(warehouse)
    if not found:
        return message("No row was kept out", "Every source row passed the examination.")
    totals: dict[str, int] = {}
    for row in found:
        totals[row["reason"]] = totals.get(row["reason"], 0) + row["rows"]
    reasons = sorted(totals, key=lambda reason: (-totals[reason], reason))
    traces = []
    for source, colour in zip(SOURCES, (PURPLE, BLUE, AMBER), strict=True):
        counts = {row["reason"]: row["rows"] for row in found if row["source"] == source}
        traces.append(
            go.Bar(
                y=[reason.replace("_", " ").capitalize() for reason in reasons],
                x=[counts.get(reason, 0) for reason in reasons],
                name=_SOURCE_NAMES[source],
                orientation="h",
                marker={"color": colour},
                hovertemplate=f"%{{y}}<br>{_SOURCE_NAMES[source]}: %{{x:,}} rows<extra></extra>",
            )
        )
    drawn = figure(
        *traces,
        barmode="stack",
        xaxis=axis("Rejected rows", tickformat=","),
        yaxis=axis(None, autorange="reversed", type="category", showgrid=False),
    )
    total = sum(row["rows"] for row in found)
    return chart(drawn, f"{total:,} rejected rows by reason and source.", height=max(240, 100 + 24 * len(reasons)))


def nulls(warehouse: Warehouse, view: View) -> Component:
    """Share of customers without a value."""
    found = queries.nulls(warehouse, view.as_of, view.filters)
    if found["others"] is None:
        return no_customers()
    body: list[list[Component | str]] = [
        [
            "All columns that must not be empty",
            formats.share(found["others"]),
            pill("none empty", "good") if not found["others"] else pill("must not be", "bad"),
        ]
    ]
    body += [
        [words, formats.share(found[column]), html.Span("may be empty", className="quiet")]
        for column, words in NULLABLE.items()
    ]
    return table(
        ["Value", "Customers without", "Meant"], body, left=(0, 2), caption="Share of customers without a value"
    )


def stability(warehouse: Warehouse, view: View) -> Component:
    """Population stability index with its two lines."""
    if view.compared is None:
        return no_comparison()
    found = queries.stability(warehouse, view.as_of, view.compared, view.filters)
    if not found:
        return no_customers()
    values = [found[name] for name in PSI_COLUMNS]
    stable, shifted = warehouse.settings.monitoring.psi_warning, warehouse.settings.monitoring.psi_error
    words = ["stable" if value < stable else "worth a look" if value < shifted else "shifted" for value in values]
    colour = {"stable": GREEN, "worth a look": AMBER, "shifted": VERMILLION}
    drawn = figure(
        go.Bar(
            y=list(PSI_COLUMNS.values()),
            x=values,
            orientation="h",
            marker={"color": [colour[word] for word in words]},
            text=[f"{value:.3f} {word}" for value, word in zip(values, words, strict=True)],
            textposition="outside",
            cliponaxis=False,
            hovertemplate="%{y}: %{x:.4f}<extra></extra>",
        ),
        xaxis=axis("Population stability index", range=[0, max(0.34, max(values) * 1.35)], tickformat=".2f"),
        yaxis=axis(None, autorange="reversed", type="category", showgrid=False),
        showlegend=False,
        margin={"l": 8, "r": 16, "t": 28, "b": 8},
    )
    for limit in (stable, shifted):
        drawn.add_vline(
            x=limit,
            line={"color": "#868e96", "width": 1.5, "dash": "dash"},
            annotation={"text": f"{limit:g}", "y": 1, "yanchor": "bottom", "showarrow": False},
        )
    return chart(drawn, "Population stability index of the score and its parts.", height=300)


def outliers(warehouse: Warehouse, view: View) -> Component:
    """Unusually large values."""
    found = queries.outliers(warehouse, view.as_of, view.filters)
    if all(row["largest"] is None for row in found):
        return no_customers()

    def number(measure: str, value: Number) -> str:
        return (
            formats.money(value, 2)
            if measure in ("total_revenue", "average_order_value")
            else formats.decimal(value, 0)
        )

    return table(
        ["Measure", "Limit", "Above it", "Largest", "Customer"],
        [
            [
                OUTLIER_COLUMNS[row["measure"]],
                number(row["measure"], row["threshold"]),
                formats.count(row["customers"]),
                number(row["measure"], row["largest"]),
                customer_link(view, row["customer_id"]) if row["customer_id"] else formats.NOTHING,
            ]
            for row in found
        ],
        caption="Unusually large values",
    )


def _without_history(error: NoHistoryError) -> Component:
    return message(
        "No run history", f"{error} Set DAGSTER_HOME to the home of the runs, then start the dashboard again."
    )


def checks(warehouse: Warehouse, view: View) -> Component:
    """The latest result of each check for the day."""
    try:
        found = warehouse.dagster.checks(view.as_of)
    except NoHistoryError as error:
        return _without_history(error)
    if not found:
        return message(
            "No check results for this day", "Dagster's home holds none; it may be another one than the runs used."
        )
    failed = sum(not result.passed for result in found)
    return html.Div(
        [
            html.Div(f"{len(found) - failed:,} of {len(found):,} checks passed.", className="quiet small"),
            table(
                ["Table", "Check", "Result", "In words"],
                [
                    [
                        table_name(result.asset),
                        result.check.replace("_", " ").capitalize(),
                        pill("passed", "good")
                        if result.passed
                        else pill("failed", "bad")
                        if result.blocking
                        else pill("warning", "watch"),
                        html.Span(result.words, className="quiet"),
                    ]
                    for result in found
                ],
                left=(0, 1, 2, 3),
                caption=f"Check results for {view.as_of}",
            ),
        ],
        className="stack scroll-tall",
    )


def runs(warehouse: Warehouse, view: View) -> Component:
    """The last runs, with links to Dagster."""
    try:
        found = warehouse.dagster.runs()
    except NoHistoryError as error:
        return _without_history(error)
    except Exception:
        log.exception("runs could not be read")
        return failure()
    if not found:
        return message("No run yet", "The first run will show here.")
    base = warehouse.settings.dagster_url.rstrip("/")
    mood = {"SUCCESS": "good", "FAILURE": "bad", "CANCELED": "watch"}
    return table(
        ["Started", "Job", "Result", "Seconds", "Dagster"],
        [
            [
                run.started.strftime("%Y-%m-%d %H:%M") if run.started else formats.NOTHING,
                html.Div([run.job.replace("_", " ").capitalize(), html.Div(run.days, className="quiet")]),
                pill(run.status.lower(), mood.get(run.status, "calm")),
                formats.decimal(run.seconds, 1),
                html.A(
                    run.run_id[:8],
                    href=f"{base}/runs/{run.run_id}",
                    className="link",
                    target="_blank",
                    rel="noreferrer",
                ),
            ]
            for run in found
        ],
        left=(0, 1, 2, 4),
        caption="The last runs",
    )


def visuals(meaning: dict[str, str]) -> dict[str, Visual]:
    """The visuals of this page."""
    return {
        visual.name: visual
        for visual in (
            Visual("monitoring-rows", "Rows per table", rows, meaning["rows"], height=310, export="rows-per-table"),
            Visual("monitoring-trend", "Rows per day", rows_trend, meaning["rows"], height=310),
            Visual(
                "monitoring-rejected", "Rejected rows", rejected, meaning["rejected"], height=340, export="rejected"
            ),
            Visual(
                "monitoring-stability", "Stability of scores", stability, meaning["psi"], height=300, export="stability"
            ),
            Visual("monitoring-nulls", "Empty values", nulls, meaning["nulls"], height=300, export="nulls"),
            Visual("monitoring-outliers", "Outliers", outliers, meaning["outliers"], height=240, export="outliers"),
            Visual("monitoring-checks", "Quality checks", checks, meaning["checks"], height=340, export="checks"),
            Visual("monitoring-runs", "Last runs", runs, meaning["runs"], height=340, export="runs"),
        )
    }


def layout(parts: dict[str, Visual]) -> list[Component]:
    """How the visuals are arranged."""
    return [
        html.Div([place(parts["monitoring-rows"]), place(parts["monitoring-trend"])], className="row halves"),
        html.Div([place(parts["monitoring-checks"]), place(parts["monitoring-rejected"])], className="row wide-narrow"),
        html.Div([place(parts["monitoring-stability"]), place(parts["monitoring-nulls"])], className="row halves"),
        html.Div([place(parts["monitoring-runs"]), place(parts["monitoring-outliers"])], className="row halves"),
    ]
