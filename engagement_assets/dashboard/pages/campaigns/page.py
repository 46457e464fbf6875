"""Lifecycle and campaigns: where customers stand, who moved and why, whom to address today."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import date
from typing import Any

import plotly.graph_objects as go
from dash import html
from dash.development.base_component import Component

from engagement_assets.dashboard import formats
from engagement_assets.dashboard.components import (
    customer_link,
    listing,
    mark,
    message,
    no_comparison,
    people,
    pill,
    small,
    stack,
    table,
)
from engagement_assets.dashboard.exports import Csv, same
from engagement_assets.dashboard.pages.campaigns import queries
from engagement_assets.dashboard.questions import of_day, since
from engagement_assets.dashboard.state import View
from engagement_assets.dashboard.theme import axis, bars, chart, day_axis, figure, names_axis
from engagement_assets.dashboard.visuals import Page
from engagement_assets.dashboard.warehouse import Row, Warehouse
from engagement_assets.domain.colours import AMBER, BLUE, GREEN, GREY, PURPLE, SKY, VERMILLION
from engagement_assets.domain.customer_filters import NOBODY_YET

PAGE = Page(
    "/campaigns",
    "Lifecycle and campaigns",
    "Where customers stand in their life with the shop, who moved since yesterday and why, and whom to address today.",
    order=70,
)

#: In the order of a customer's life.
_STAGE_COLOURS = {
    "Prospect": GREY,
    "New": SKY,
    "Active": BLUE,
    "Reactivated": GREEN,
    "Slipping": AMBER,
    "Lapsed": PURPLE,
}
_STAGES = tuple(_STAGE_COLOURS)

#: How a finding that is certain is coloured.
_FINDINGS = {"works": GREEN, "harms": VERMILLION}


def _name(audience: str) -> str:
    return formats.words(audience).replace("vips", "VIPs")


def _verdict(row: Row) -> Component:
    """What a result says, with the word of the finding in front where it is certain, and whether the draw failed."""
    word, _, rest = row["verdict"].partition(":")
    said: list[Any] = [html.Strong(word), f":{rest}"] if row["finding"] in _FINDINGS else [row["verdict"]]
    if row["is_balanced"] is False:
        said += [" ", pill("the draw failed", "bad")]
    return html.Div(said, className="verdict")


def _nobody(view: View) -> Component:
    return message(
        "Nobody is in an audience",
        [
            "No rule fits under these filters, or the audiences of the day are not built: ",
            html.Code(f"engagement run --date {view.as_of}"),
            ".",
        ],
    )


@PAGE.visual(
    "campaigns-audiences",
    "Audiences",
    of_day(queries.audiences),
    meaning="audiences",
    csv=Csv(
        "audiences",
        {
            "audience": "audience",
            "action": "recommended_action",
            **same("members", "held_out", "to_contact", "priority"),
        },
    ),
    empty=_nobody,
)
def audiences(warehouse: Warehouse, view: View, rows: list[Row]) -> Component:
    """The audiences of the day with their sizes."""
    return listing(
        rows,
        [
            ("Audience", "audience", _name),
            ("Recommended action", "action"),
            ("Members", lambda row: people(view, row["members"], audience=row["audience"])),
            ("Held out", lambda row: people(view, row["held_out"], audience=row["audience"], held_out=True)),
            (
                "To contact today",
                lambda row: people(view, row["to_contact"], audience=row["audience"], to_contact=True),
            ),
            ("Value at stake", "priority", formats.money),
        ],
        left=(0, 1),
        caption="Campaign audiences",
    )


@PAGE.visual(
    "campaigns-results",
    "Did it work?",
    lambda warehouse, view: queries.results(warehouse, view.as_of),
    meaning="campaign_results",
    note="All customers, whatever the filters.",
    csv=Csv(
        "campaign-results",
        same(
            *("audience", "horizon_days", "treated", "held_out", "treated_share", "held_out_share", "share_uplift"),
            *("share_uplift_low", "share_uplift_high", "share_uplift_low_all_looks", "share_uplift_high_all_looks"),
            *("incremental_orders", "incremental_revenue", "is_early", "is_balanced", "treated_reached"),
            *("held_out_reached", "verdict"),
        ),
    ),
    empty=message(
        "No result yet", "It takes days from a customer's entry into an audience, and audiences of the days before."
    ),
)
def results(warehouse: Warehouse, view: View, rows: list[Row]) -> Component:
    """What those did who were addressed, against those who were held out; where contacts are known, how many were reached."""
    customers = queries.judged(warehouse, view.as_of)

    def counted(row: Row, column: str, arm: str) -> Any:
        """Who entered, with the list of the customers; who entered twice is in it once."""
        found = customers.get((row["audience"], row["horizon_days"], arm == "held-out"), 0)
        told = formats.count(row[column])
        text = told if found == row[column] else f"{told} ({formats.count(found)} customers)"
        result = f"{row['audience']}:{row['horizon_days']}:{arm}"
        return people(view, found, text, "country", "segment", "value", result=result) if row[column] else told

    def reached(write: Callable[[Row], Any]) -> list[tuple[str, Callable[[Row], Any]]]:
        """A column about contacts, where any are known."""
        return [("reached", write)] if any(row["treated_reached"] is not None for row in rows) else []

    return listing(
        rows,
        [
            ("Audience", "audience", _name),
            ("Days", "horizon_days", formats.count),
            ("Verdict", lambda row: _verdict(row)),
            ("Treated", lambda row: counted(row, "treated", "treated")),
            ("ordered", "treated_share", formats.share),
            *reached(lambda row: formats.share(formats.ratio(row["treated_reached"], row["treated"]))),
            ("Held out", lambda row: counted(row, "held_out", "held-out")),
            ("ordered", "held_out_share", formats.share),
            *reached(lambda row: _contaminated(row["held_out_reached"])),
        ],
        left=(0, 2),
        caption="Results of campaigns",
    )


def _contaminated(held_out: int | None) -> Component | str:
    """How many were held out and contacted: a defect of the experiment, where there are any."""
    told = formats.count(held_out)
    return pill(told, "bad") if held_out else told


def _compared(warehouse: Warehouse, view: View) -> list[Row]:
    return [row for row in queries.results(warehouse, view.as_of) if row["share_uplift"] is not None]


_NOTHING_TO_COMPARE = message(
    "No uplift yet", "It takes customers of both kinds: some who were addressed, some who were held out."
)


@PAGE.visual(
    "campaigns-uplift",
    "Uplift with its interval",
    _compared,
    meaning="campaign_results",
    note="Green works, red harms, grey is not certain. An interval that holds zero shows no effect.",
    empty=_NOTHING_TO_COMPARE,
)
def uplift(warehouse: Warehouse, view: View, rows: list[Row]) -> Component:
    """The uplift of each audience and horizon with its interval; an interval across zero shows no effect."""
    names = [f"{_name(row['audience'])}, {row['horizon_days']} days" for row in rows]
    points = [row["share_uplift"] for row in rows]
    drawn = figure(
        go.Scatter(
            x=points,
            y=names,
            mode="markers",
            marker={"color": [_FINDINGS.get(row["finding"], GREY) for row in rows], "size": 10},
            error_x={
                "array": [row["share_uplift_high"] - row["share_uplift"] for row in rows],
                "arrayminus": [row["share_uplift"] - row["share_uplift_low"] for row in rows],
                "color": GREY,
                "thickness": 2,
            },
            text=[row["verdict"] for row in rows],
            hovertemplate="%{y}: %{text}<extra></extra>",
        ),
        xaxis=axis("Treated less held out", tickformat="+.0%"),
        yaxis=names_axis(autorange="reversed"),
        showlegend=False,
    )
    drawn.add_vline(x=0, line={"color": "#868e96", "width": 1, "dash": "dot"})
    return chart(drawn, "Uplift of each audience and horizon with its 95 % interval.", height=90 + 26 * len(rows))


@PAGE.visual(
    "campaigns-uplift-trend",
    "Uplift over time",
    lambda warehouse, view: queries.results_over_time(warehouse, view.as_of),
    meaning="campaign_results",
    note="Each audience over its longest horizon, with its interval. Early days, when few had entered, leave the frame.",
    csv=Csv(
        "campaign-uplift",
        same("as_of_date", "audience", "horizon_days", "share_uplift", "share_uplift_low", "share_uplift_high"),
    ),
    empty=_NOTHING_TO_COMPARE,
    beside="halves",
)
def uplift_trend(warehouse: Warehouse, view: View, rows: list[Row]) -> Component:
    """How the uplift of each audience has come to what it is: a panel each, scaled to the latest interval."""
    names = sorted({row["audience"] for row in rows})
    traces: list[go.Scatter] = []
    layout: dict[str, Any] = {"annotations": []}
    for number, audience in enumerate(names):
        own = [row for row in rows if row["audience"] == audience]
        days, low, high = ([row[key] for row in own] for key in ("as_of_date", "share_uplift_low", "share_uplift_high"))
        place, room = f"y{number + 1 if number else ''}", (high[-1] - low[-1]) / 2
        top = 1 - number / len(names)
        layout[f"yaxis{place[1:]}"] = axis(
            domain=[top - 0.8 / len(names), top - 0.24 / len(names)],
            range=[min(0, low[-1]) - room, max(0, high[-1]) + room],
            tickformat="+.0%",
            nticks=4,
            zeroline=True,
        )
        layout["annotations"].append(
            {
                "text": f"{_name(audience)}, {own[-1]['horizon_days']} days",
                **{"x": 0, "xref": "paper", "xanchor": "left", "y": top, "yref": "paper", "yanchor": "top"},
                "showarrow": False,
            }
        )
        traces += [
            go.Scatter(
                x=days + days[::-1],
                y=high + low[::-1],
                yaxis=place,
                fill="toself",
                fillcolor=f"{BLUE}33",
                line={"width": 0},
                hoverinfo="skip",
            ),
            go.Scatter(
                x=days,
                y=[row["share_uplift"] for row in own],
                yaxis=place,
                name=_name(audience),
                mode="lines" if len(own) > 1 else "markers",
                line={"color": BLUE, "width": 2},
                text=[
                    f"{row['share_uplift']:+.1%} ({row['share_uplift_low']:+.1%} to {row['share_uplift_high']:+.1%})"
                    for row in own
                ],
                hovertemplate=f"%{{x|%Y-%m-%d}}: %{{text}}<extra>{_name(audience)}</extra>",
            ),
        ]
    last = len(names) if len(names) > 1 else ""
    drawn = figure(*traces, **layout, xaxis=day_axis(anchor=f"y{last}"), showlegend=False)
    label = "Uplift of each audience over time, with its 95 % interval."
    return chart(drawn, label, height=60 + 96 * len(names))


@PAGE.visual(
    "campaigns-first",
    "Whom to contact today",
    of_day(queries.first_in_line),
    note="The highest priorities of each audience. The files of the export folder have everybody.",
    empty=_nobody,
)
def first_in_line(warehouse: Warehouse, view: View, rows: list[Row]) -> Component:
    """Whom to contact today first, with the evidence."""
    return listing(
        rows,
        [
            ("Customer", lambda row: customer_link(view, row["customer_id"])),
            ("Audience", "audience", _name),
            ("Evidence", "evidence"),
            ("Priority", "priority", formats.decimal),
        ],
        left=(0, 1, 2),
        caption="Whom to contact today",
    )


@PAGE.visual(
    "campaigns-changes",
    "Who moved since the day before, and why",
    of_day(queries.changes),
    meaning="changes",
    empty=message("Nobody moved", "No customer under these filters changed segment, risk or stage on this day."),
)
def changes(warehouse: Warehouse, view: View, rows: list[Row]) -> Component:
    """Who changed since the day before, and why."""
    return listing(
        rows,
        [
            ("Customer", lambda row: customer_link(view, row["customer_id"])),
            ("Score", "score_change", formats.difference),
            ("What happened", "explanation"),
        ],
        left=(0, 2),
        caption="Who changed since the day before",
    )


@PAGE.visual(
    "campaigns-lifecycle",
    "Lifecycle",
    of_day(queries.stages),
    meaning="lifecycle",
    csv=Csv("lifecycle", {"source": "from", "target": "to", "customers": "customers"}, since(queries.transitions)),
)
def lifecycle(warehouse: Warehouse, view: View, counts: dict[str, int]) -> Component:
    """Customers per stage, and which way they came since the comparison date."""
    if view.compared is None:
        stages = [[name, people(view, counts.get(name, 0), lifecycle=name)] for name in _STAGES]
        return stack(table(["Stage", "Customers"], stages, caption="Customers by stage"), no_comparison())
    found = {
        (row["source"], row["target"]): row["customers"]
        for row in queries.transitions(warehouse, view.as_of, view.compared, view.filters)
    }
    rows = [
        [
            name or "no customer yet",
            *[
                people(view, found[name, target], was_lifecycle=name or NOBODY_YET, lifecycle=target)
                if (name, target) in found
                else "·"
                for target in _STAGES
            ],
            people(
                view,
                sum(number for (source, _), number in found.items() if source == name),
                was_lifecycle=name or NOBODY_YET,
            ),
        ]
        for name in (*_STAGES, "")
    ]
    rows.append(
        [
            "together",
            *[people(view, counts.get(name, 0), lifecycle=name) for name in _STAGES],
            people(view, sum(counts.values())),
        ]
    )
    return stack(
        small(f"From {view.compared} (rows) to {view.as_of} (columns)."),
        table(["From", *_STAGES, "Together"], rows, caption="Customers by lifecycle stage, then and now"),
    )


@PAGE.visual(
    "campaigns-transitions",
    "Stage by stage, day by day",
    of_day(queries.daily_transitions),
    meaning="transitions",
    csv=Csv("stage-transitions", {**same("as_of_date"), "source": "from", "target": "to", **same("customers")}),
    empty=message("Nobody moved", "No customer under these filters came to another stage on the days shown."),
)
def transitions(warehouse: Warehouse, view: View, rows: list[Row]) -> Component:
    """Who came to which stage, day by day."""
    days = sorted({row["as_of_date"] for row in rows})
    arrived: Counter[tuple[date, str]] = Counter()
    for row in rows:
        arrived[row["as_of_date"], row["target"]] += row["customers"]
    drawn = figure(
        *[
            bars(
                days,
                [arrived[day, stage] for day in days],
                colour,
                opens=[
                    mark(view, f"{day}<br>to {stage}", arrived[day, stage], date=day.isoformat(), arrived=stage)
                    for day in days
                ],
                name=stage,
            )
            for stage, colour in _STAGE_COLOURS.items()
        ],
        barmode="stack",
        xaxis=day_axis(),
        yaxis=axis("Customers who came to the stage", rangemode="tozero"),
    )
    return chart(
        drawn, "Customers who came to another lifecycle stage on each day, by the stage they came to.", height=300
    )


@PAGE.visual(
    "campaigns-rfm",
    "RFM segments",
    of_day(queries.rfm_segments),
    meaning="rfm",
    csv=Csv(
        "rfm",
        {
            "segment": "rfm_segment",
            **same("customers", "revenue"),
            "score": "average_score",
            "recency": "average_recency",
        },
    ),
)
def rfm(warehouse: Warehouse, view: View, rows: list[Row]) -> Component:
    """RFM segments beside the score."""
    return listing(
        rows,
        [
            ("RFM segment", "segment"),
            ("Customers", lambda row: people(view, row["customers"], rfm=row["segment"])),
            ("Revenue", "revenue", formats.money),
            ("Average score", "score", formats.score),
            ("Average recency, days", "recency", formats.count),
        ],
        caption="Customers by RFM segment",
    )
