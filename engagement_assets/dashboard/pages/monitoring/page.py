"""Monitoring: are the tables complete, did the sources behave, and do the scores still look as they did."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from itertools import cycle

import plotly.graph_objects as go
from dash import html
from dash.development.base_component import Component

from engagement_assets.dashboard import formats
from engagement_assets.dashboard.components import (
    customer_link,
    listing,
    message,
    no_customers,
    people,
    pill,
    small,
    table,
)
from engagement_assets.dashboard.exports import Csv, same
from engagement_assets.dashboard.pages.monitoring import queries
from engagement_assets.dashboard.pages.monitoring.queries import NULLABLE, OUTLIER_COLUMNS, OUTLIER_FILTERS, PSI_COLUMNS
from engagement_assets.dashboard.questions import key_figures, of_day, since
from engagement_assets.dashboard.state import View
from engagement_assets.dashboard.theme import axis, bars, chart, day_axis, figure, names_axis
from engagement_assets.dashboard.visuals import Page
from engagement_assets.dashboard.warehouse import Row, Warehouse
from engagement_assets.domain.catalogue import daily_tables
from engagement_assets.domain.colours import AMBER, BLUE, GREEN, PURPLE, VERMILLION

PAGE = Page(
    "/monitoring",
    "Monitoring",
    "Whether the tables are complete, what was kept out, and whether scores still look as they did.",
    order=100,
)

#: A day's rows this far from the mean of the week before are marked.
_UNUSUAL = 0.5

_CHARTED = ("raw_orders", "raw_web_events", "sessions")


def table_name(name: str) -> str:
    """A table in words."""
    return formats.words(name.removeprefix("raw_"))


def _rows_per_table(warehouse: Warehouse, view: View) -> list[Row]:
    return [
        {"table": name, "as_of_date": day, "rows": rows}
        for name in (contract.table() for contract in daily_tables(warehouse.settings.sources_there))
        for day, rows in queries.rows_per_day(warehouse, name, view.as_of).items()
    ]


@PAGE.visual(
    "monitoring-rows",
    "Rows per table",
    meaning="rows",
    csv=Csv("rows-per-table", same("table", "as_of_date", "rows"), _rows_per_table),
)
def rows(warehouse: Warehouse, view: View) -> Component:
    """Rows of each table on the day, against the week before, and gaps."""
    body = []
    for name in (contract.table() for contract in daily_tables(warehouse.settings.sources_there)):
        days = queries.rows_per_day(warehouse, name, view.as_of)
        if not days:
            body.append([table_name(name), None, None, None, pill("not built", "bad")])
            continue
        today = days.get(view.as_of)
        week = [count for day, count in days.items() if count is not None and day != view.as_of][-7:]
        mean = sum(week) / len(week) if week else None
        gaps = sum(count is None for count in days.values())
        off = formats.ratio((today or 0) - mean, mean) if mean is not None and today is not None else None
        state = (
            ("missing", "bad")
            if today is None
            else ("unusual", "watch")
            if off is not None and abs(off) > _UNUSUAL
            else (f"{gaps} gaps", "watch")
            if gaps
            else ("complete", "good")
        )
        built = f"{len(days) - gaps:,} of {len(days):,}"
        body.append([table_name(name), formats.count(today), formats.count(mean), built, pill(*state)])
    return table(
        ["Table", "Rows", "7-day mean", "Days built", "State"],
        body,
        left=(0, 4),
        caption=f"Rows per table on {view.as_of}",
    )


@PAGE.visual("monitoring-trend", "Rows per day", meaning="rows", beside="halves")
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


def _checks(warehouse: Warehouse, view: View) -> list[Row]:
    return [asdict(result) for result in warehouse.dagster.checks(view.as_of)]


@PAGE.visual(
    "monitoring-checks",
    "Quality checks",
    _checks,
    meaning="checks",
    csv=Csv("checks", same("asset", "check", "passed", "blocking", "words", "run_id")),
    empty=message(
        "No check results for this day", "Dagster's home holds none; it may be another one than the runs used."
    ),
)
def checks(warehouse: Warehouse, view: View, results: list[Row]) -> Component:
    """The latest result of each check for the day."""

    def outcome(result: Row) -> Component:
        return pill(
            *("passed", "good")
            if result["passed"]
            else ("failed", "bad")
            if result["blocking"]
            else ("warning", "watch")
        )

    passed = sum(result["passed"] for result in results)
    return html.Div(
        [
            small(f"{passed:,} of {len(results):,} checks passed."),
            listing(
                results,
                [
                    ("Table", "asset", table_name),
                    ("Check", "check", formats.words),
                    ("Result", outcome),
                    ("In words", lambda result: html.Span(result["words"], className="quiet")),
                ],
                left=(0, 1, 2, 3),
                caption=f"Check results for {view.as_of}",
            ),
        ],
        className="stack scroll-tall",
    )


@PAGE.visual(
    "monitoring-rejected",
    "Rejected rows",
    lambda warehouse, view: queries.rejected(warehouse),
    meaning="rejected",
    csv=Csv("rejected", same("source", "reason", "rows")),
    empty=message("No row was kept out", "Every source row passed the examination."),
    beside="wide-narrow",
)
def rejected(warehouse: Warehouse, view: View, found: list[Row]) -> Component:
    """Rejected rows by reason and source."""
    totals: Counter[str] = Counter()
    for row in found:
        totals[row["reason"]] += row["rows"]
    reasons = sorted(totals, key=lambda reason: (-totals[reason], reason))
    traces = []
    for source, colour in zip(warehouse.settings.sources_there, cycle((PURPLE, BLUE, AMBER, GREEN)), strict=False):
        counts = {row["reason"]: row["rows"] for row in found if row["source"] == source}
        traces.append(
            bars(
                [counts.get(reason, 0) for reason in reasons],
                [formats.words(reason) for reason in reasons],
                colour,
                f"%{{y}}<br>{formats.words(source)}: %{{x:,}} rows<extra></extra>",
                name=formats.words(source),
                orientation="h",
            )
        )
    drawn = figure(
        *traces,
        barmode="stack",
        xaxis=axis("Rejected rows", tickformat=","),
        yaxis=names_axis(autorange="reversed"),
    )
    total = sum(row["rows"] for row in found)
    return chart(drawn, f"{total:,} rejected rows by reason and source.", height=max(240, 100 + 24 * len(reasons)))


def _stability(warehouse: Warehouse, view: View) -> list[Row] | None:
    found = since(queries.stability)(warehouse, view)
    return found and [{"measure": name, "population_stability_index": index} for name, index in found.items()]


@PAGE.visual(
    "monitoring-stability",
    "Stability of scores",
    _stability,
    meaning="psi",
    csv=Csv("stability", same("measure", "population_stability_index")),
)
def stability(warehouse: Warehouse, view: View, rows: list[Row]) -> Component:
    """Population stability index with its two lines."""
    values = [row["population_stability_index"] for row in rows]
    stable, shifted = warehouse.settings.monitoring.psi_warning, warehouse.settings.monitoring.psi_error
    words = ["stable" if value < stable else "worth a look" if value < shifted else "shifted" for value in values]
    colour = {"stable": GREEN, "worth a look": AMBER, "shifted": VERMILLION}
    drawn = figure(
        bars(
            values,
            list(PSI_COLUMNS.values()),
            [colour[word] for word in words],
            "%{y}: %{x:.4f}<extra></extra>",
            texts=[f"{value:.3f} {word}" for value, word in zip(values, words, strict=True)],
            orientation="h",
        ),
        xaxis=axis("Population stability index", range=[0, max(0.34, max(values) * 1.35)], tickformat=".2f"),
        yaxis=names_axis(autorange="reversed"),
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


def _nullable(warehouse: Warehouse, view: View) -> list[Row]:
    found = queries.nulls(warehouse, view.as_of, view.filters)
    return [{"column": column, "share_without": found[column]} for column in NULLABLE]


@PAGE.visual(
    "monitoring-nulls",
    "Empty values",
    of_day(queries.nulls),
    meaning="nulls",
    csv=Csv("nulls", same("column", "share_without"), _nullable),
    beside="halves",
)
def nulls(warehouse: Warehouse, view: View, found: Row) -> Component:
    """Share of customers without a value."""
    if found["others"] is None:
        return no_customers()
    good = ("must not be", "bad") if found["others"] else ("none empty", "good")
    everybody = key_figures(warehouse, view.as_of, view.filters)["customers"]
    may = html.Span("may be empty", className="quiet")
    return table(
        ["Value", "Customers without", "Meant"],
        [
            ["All columns that must not be empty", formats.share(found["others"]), pill(*good)],
            *[
                [
                    warehouse.meanings.filled(words),
                    people(view, round(found[column] * everybody), formats.share(found[column]), without=column),
                    may,
                ]
                for column, words in NULLABLE.items()
            ],
        ],
        left=(0, 2),
        caption="Share of customers without a value",
    )


def _runs(warehouse: Warehouse, view: View) -> list[Row]:
    return [asdict(run) for run in warehouse.dagster.runs()]


@PAGE.visual(
    "monitoring-runs",
    "Last runs",
    _runs,
    meaning="runs",
    csv=Csv("runs", same("started", "job", "days", "status", "seconds", "run_id")),
    empty=message("No run yet", "The first run will show here."),
)
def runs(warehouse: Warehouse, view: View, found: list[Row]) -> Component:
    """The last runs, with links to Dagster."""
    base = warehouse.settings.dagster_url.rstrip("/")
    mood = {"SUCCESS": "good", "FAILURE": "bad", "CANCELED": "watch"}

    def in_dagster(run_id: str) -> Component:
        address = f"{base}/runs/{run_id}"
        return html.A(run_id[:8], href=address, className="link", target="_blank", rel="noreferrer")

    def job(run: Row) -> Component:
        return html.Div([formats.words(run["job"]), html.Div(run["days"], className="quiet")])

    return listing(
        found,
        [
            ("Started", lambda run: run["started"].strftime("%Y-%m-%d %H:%M") if run["started"] else None),
            ("Job", job),
            ("Result", lambda run: pill(run["status"].lower(), mood.get(run["status"], "calm"))),
            ("Seconds", "seconds", lambda seconds: formats.decimal(seconds, 1)),
            ("Dagster", "run_id", in_dagster),
        ],
        left=(0, 1, 2, 4),
        caption="The last runs",
    )


@PAGE.visual(
    "monitoring-outliers",
    "Outliers",
    of_day(queries.outliers),
    meaning="outliers",
    csv=Csv("outliers", same("measure", "threshold", "customers", "largest", "customer_id")),
    beside="halves",
)
def outliers(warehouse: Warehouse, view: View, found: list[Row]) -> Component:
    """Unusually large values."""
    if all(row["largest"] is None for row in found):
        return no_customers()

    def number(key: str) -> Callable[[Row], str]:
        return lambda row: (
            formats.cents if row["measure"] in ("total_revenue", "average_order_value") else formats.count
        )(row[key])

    def above(row: Row) -> Component:
        return people(view, row["customers"], **{f"{OUTLIER_FILTERS[row['measure']]}_above": repr(row["threshold"])})

    return listing(
        found,
        [
            ("Measure", lambda row: warehouse.meanings.filled(OUTLIER_COLUMNS[row["measure"]])),
            ("Limit", number("threshold")),
            ("Above it", above),
            ("Largest", number("largest")),
            ("Customer", lambda row: customer_link(view, row["customer_id"]) if row["customer_id"] else None),
        ],
        caption="Unusually large values",
    )
