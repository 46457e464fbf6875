"""Score breakdown: what the score is made of, for whom, and what moved it."""

from __future__ import annotations

import plotly.graph_objects as go
from dash import html
from dash.development.base_component import Component

from engagement_assets.dashboard import formats, questions
from engagement_assets.dashboard.components import (
    ALL,
    KeyFigure,
    change,
    figure_cards,
    link,
    listing,
    mark,
    no_comparison,
    no_customers,
    people,
    small,
    stack,
)
from engagement_assets.dashboard.exports import Csv, same
from engagement_assets.dashboard.markup import aria
from engagement_assets.dashboard.pages.breakdown import queries
from engagement_assets.dashboard.questions import of_day
from engagement_assets.dashboard.state import DIMENSIONS, View
from engagement_assets.dashboard.theme import (
    PART_COLOURS,
    Mark,
    axis,
    bars,
    chart,
    figure,
    marks,
    names_axis,
    waterfall,
)
from engagement_assets.dashboard.visuals import Page
from engagement_assets.dashboard.warehouse import Row, Warehouse
from engagement_assets.domain.colours import BLUE, GREY, SEGMENT_COLOURS
from engagement_assets.domain.contracts.engagement import SEGMENTS
from engagement_assets.domain.meanings import counted, enumerated
from engagement_assets.domain.score_parts import PARTS

PAGE = Page("/breakdown", "Score breakdown", "What the score is made of, for whom, and what moved it.", order=20)

_PARTS = tuple(part.name for part in PARTS)

FIGURES = tuple(KeyFigure(f"Average {part} score", part, formats.score, part, "up", **ALL) for part in _PARTS)


@PAGE.visual("breakdown-cards", "Component scores", bare=True)
def cards(warehouse: Warehouse, view: View) -> Component:
    """The component scores with their changes."""
    now = questions.key_figures(warehouse, view.as_of, view.filters)
    return figure_cards(
        warehouse, FIGURES, now, questions.comparison(warehouse, view), view, questions.usual_since(warehouse, view)
    )


def _part_scores(warehouse: Warehouse, view: View) -> list[Row]:
    """Per part: its average score on the day, and on the comparison date."""
    now, before = questions.key_figures(warehouse, view.as_of, view.filters), questions.comparison(warehouse, view)
    if now["average_score"] is None:
        return []
    was = before if before and before["average_score"] is not None else None
    counts = {"customers": now["customers"], "customers_before": was and was["customers"]}
    return [{"part": part, "score": now[part], "before": was and was[part], **counts} for part in _PARTS]


@PAGE.visual(
    "breakdown-drivers",
    "What drives the score",
    lambda warehouse, view: [row for row in [queries.drivers(warehouse, view.as_of, view.filters)] if row["customers"]],
    meaning="drivers",
    note="Open a part to see what it is made of.",
)
def drivers(warehouse: Warehouse, view: View, rows: list[Row]) -> Component:
    """In words what gives most of the score and what tells customers apart; below it the tree of parts and their measures."""
    (row,) = rows
    scoring = warehouse.settings.scoring
    before = queries.drivers(warehouse, view.compared, view.filters) if view.compared else None
    score = row["score"]
    most = max(PARTS, key=lambda part: row[part.name])
    words = [
        f"{most.title} gives most of the average score: {row[most.name]:.3f} of {score:.3f} "
        f"({formats.share(row[most.name] / score)})."
        if score
        else "Nobody has a score above 0."
    ]
    if row["spread"]:
        apart = max(PARTS, key=lambda part: row[f"{part.name}_spread"])
        words.append(
            f"{apart.title} tells customers apart most: {formats.share(row[f'{apart.name}_spread'])} of the spread of scores."
        )
    if before and before["score"] is not None:
        moved = {part.words: row[part.name] - before[part.name] for part in PARTS}
        which = max(moved, key=lambda name: abs(moved[name]))
        words.append(f"Since {view.compared} {which} moved it most: {formats.difference(moved[which])}.")
    then: Row = before or {}

    def line(name: str, value: str, now: float | None, then: float | None, remark: str) -> list[Component]:
        shift = None if now is None or then is None else now - then
        return [
            html.Span(name, className="tree-name"),
            html.Span(value, className="tree-value"),
            change(shift) if shift is not None else html.Span(),
            html.Span(remark, className="quiet small"),
        ]

    branches = []
    for part in PARTS:
        leaves = [
            html.Li(
                line(
                    each.label.capitalize(),
                    formats.score(row[each.score]),
                    row[each.score],
                    then.get(each.score),
                    f"on average {formats.decimal(row[each.column], 1)} {each.unit}".rstrip()
                    + (f"; {formats.share(getattr(scoring, each.share), 0)} of this part" if each.share else ""),
                ),
                className="tree-line",
            )
            for each in part.measures
        ]
        head = line(
            part.title,
            formats.score(row[part.name]),
            row[part.name],
            then.get(part.name),
            f"{formats.share(getattr(scoring, part.weight), 0)} of the score; its own score is {formats.score(row[part.score])}",
        )
        branches.append(
            html.Li(html.Details([html.Summary(head, className="tree-line"), html.Ul(leaves)], className="branch"))
        )
    root = line("Average score", formats.score(score), score, then.get("score"), "the sum of the parts")
    return stack(
        html.Div([html.P(text, className="driver") for text in words]),
        html.Div([html.Div(root, className="tree-line root"), html.Ul(branches)], className="tree"),
        small(["Of ", people(view, row["customers"], f"{counted(row['customers'], 'customer')}"), "."]),
    )


@PAGE.visual(
    "breakdown-parts",
    "Average component scores",
    _part_scores,
    meaning="contributions",
    csv=Csv("component-scores", same("part", "score", "before")),
    beside="wide-narrow",
)
def part_scores(warehouse: Warehouse, view: View, rows: list[Row]) -> Component:
    """Bars of the average score of each part, beside those of the comparison date."""
    names = [row["part"].capitalize() for row in rows]

    def series(key: str, counted_by: str, colour: str, day: str) -> go.Bar:
        return bars(
            names,
            [row[key] for row in rows],
            colour,
            opens=[
                mark(view, f"{name} score {formats.score(row[key])} on {day}", row[counted_by], date=day)
                for name, row in zip(names, rows, strict=True)
            ],
            texts=[formats.score(row[key]) for row in rows],
            name=day,
        )

    shown = [series("score", "customers", BLUE, view.as_of)]
    if view.compared and rows[0]["before"] is not None:
        shown.insert(0, series("before", "customers_before", GREY, view.compared))
    highest = max(value for row in rows for value in (row["score"], row["before"]) if value is not None)
    drawn = figure(
        *shown,
        barmode="group",
        xaxis=names_axis(),
        yaxis=axis("Average score of the part", tickformat=".1f", range=[0, highest * 1.2 or 1]),
        showlegend=len(shown) > 1,
    )
    return chart(drawn, "Average scores of the parts.", height=280)


def _groups(warehouse: Warehouse, view: View) -> list[Row]:
    return queries.groups(warehouse, view.as_of, view.filters, view.by, view.within)


@PAGE.visual(
    "breakdown-decomposition",
    "What the score is made of",
    meaning="contributions",
    note="Click a bar or a name to look inside a group.",
    csv=Csv("decomposition", {"name": "group", **same("customers", "score", *_PARTS)}, _groups),
)
def decomposition(warehouse: Warehouse, view: View) -> Component:
    """Contributions per group, a level at a time: by which dimension, and within which groups."""
    taken = {dimension for dimension, _ in view.within}
    by = view.by if view.by not in taken else next((each for each in DIMENSIONS if each not in taken), None)
    trail = _trail(view, by, taken)
    if by is None:
        return stack(trail, _one_group(warehouse, view))
    rows = queries.groups(warehouse, view.as_of, view.filters, by, view.within)
    if not rows:
        return stack(trail, no_customers())
    drawn = figure(
        *[
            bars(
                [row[part] for row in rows],
                [row["name"] for row in rows],
                PART_COLOURS[part.capitalize()],
                opens=[
                    Mark(f"{row['name']}<br>{part.capitalize()}: {row[part]:.3f}", _deeper(view, by, row["name"]))
                    for row in rows
                ],
                name=part.capitalize(),
                orientation="h",
            )
            for part in _PARTS
        ],
        barmode="stack",
        xaxis=axis("Contribution to the average score", tickformat=".2f"),
        yaxis=names_axis(autorange="reversed"),
    )
    label = f"Average contributions of {enumerated(part.words for part in PARTS)} by {by}."
    groups = listing(
        rows,
        [
            (by.capitalize(), lambda row: link(row["name"], _deeper(view, by, row["name"]))),
            ("Customers", lambda row: people(view, row["customers"], **dict(view.within), **{by: row["name"]})),
            ("Score", "score", formats.score),
            *[(part.capitalize(), part, formats.score) for part in _PARTS],
        ],
        caption=f"Average score and its contributions by {by}",
    )
    return stack(
        trail,
        html.Div(
            [chart(drawn, label, height=max(220, 90 + 34 * len(rows))), groups],
            className="row halves middle",
        ),
    )


def _one_group(warehouse: Warehouse, view: View) -> Component:
    return listing(
        [questions.key_figures(warehouse, view.as_of, view.filters, view.within)],
        [
            ("Customers", lambda row: people(view, row["customers"], **dict(view.within))),
            ("Score", "average_score", formats.score),
            *[(part.capitalize(), f"{part}_part", formats.score) for part in _PARTS],
        ],
        left=(),
        caption="The group that was drilled down to",
    )


def _trail(view: View, by: str | None, taken: set[str]) -> Component:
    """Where one is, and by what it can be broken down further."""
    steps: list[Component] = [link("All customers", view.link(PAGE.path, by=by))]
    for number, (_, value) in enumerate(view.within):
        steps += [
            html.Span("›", className="quiet", **aria(hidden="true")),
            link(value, view.link(PAGE.path, by=by, within=_texts(view.within[: number + 1]))),
        ]
    choices = [
        link(dimension.capitalize(), view.link(PAGE.path, by=dimension, within=_texts(view.within)))
        if dimension != by
        else html.Strong(dimension.capitalize(), **aria(current="true"))
        for dimension in DIMENSIONS
        if dimension not in taken
    ]
    return html.Div(
        [
            html.Div(steps, className="trail"),
            html.Div([html.Span("Break down by", className="quiet"), *choices], className="trail")
            if choices
            else html.Div(),
        ],
        className="trails",
    )


def _texts(within: tuple[tuple[str, str], ...]) -> list[str]:
    return [f"{dimension}:{value}" for dimension, value in within]


def _deeper(view: View, by: str, name: str) -> str:
    """One group narrower; the next dimension that is left comes by itself."""
    within = (*view.within, (by, name))
    left = [dimension for dimension in DIMENSIONS if dimension not in dict(within)]
    return view.link(PAGE.path, by=left[0] if left else None, within=_texts(within))


@PAGE.visual(
    "breakdown-scatter",
    "Sessions and orders of each customer",
    of_day(queries.points),
    meaning="scatter",
    csv=Csv("points", same("customer_id", "sessions", "orders", "revenue", "segment")),
)
def scatter(warehouse: Warehouse, view: View, rows: list[Row]) -> Component:
    """Sessions against orders, sized by revenue; a sample where there are too many customers."""
    total = questions.key_figures(warehouse, view.as_of, view.filters)["customers"]
    biggest = max(row["revenue"] for row in rows) or 1.0
    traces = []
    for segment in SEGMENTS:
        found = [row for row in rows if row["segment"] == segment]
        traces.append(
            go.Scatter(
                x=[row["sessions"] for row in found],
                y=[row["orders"] for row in found],
                mode="markers",
                name=segment,
                marker={
                    "color": SEGMENT_COLOURS[segment],
                    "opacity": 0.65,
                    "size": [6 + 26 * (row["revenue"] / biggest) ** 0.5 for row in found],
                    "line": {"width": 0.5, "color": "white"},
                },
                **marks(_point(view, row) for row in found),
            )
        )
    drawn = figure(
        *traces,
        xaxis=axis(warehouse.meanings.filled("Sessions in {window}"), tickformat=","),
        yaxis=axis("Orders so far", tickformat=","),
        hovermode="closest",
    )
    shown = (
        f"All {total:,} customers. Click a point to open the customer."
        if total <= len(rows)
        else f"An even sample of {len(rows):,} of {total:,} customers. Click a point to open the customer."
    )
    label = warehouse.meanings.filled("Sessions in {window} against orders so far, sized by revenue.")
    return stack(small(shown), chart(drawn, label, height=380))


def _point(view: View, row: Row) -> Mark:
    words = (
        f"{row['customer_id']}<br>{counted(row['sessions'], 'session')}, {counted(row['orders'], 'order')}<br>"
        f"revenue {formats.cents(row['revenue'])}"
    )
    return Mark(words, view.link("/customer", cid=row["customer_id"]))


@PAGE.visual("breakdown-change", "Change of the average score", meaning="score_change", beside="halves")
def score_change(warehouse: Warehouse, view: View) -> Component:
    """Waterfall from the average score of the comparison date to this one."""
    before, now = questions.comparison(warehouse, view), questions.key_figures(warehouse, view.as_of, view.filters)
    if before is None:
        return no_comparison()
    if now["average_score"] is None or before["average_score"] is None:
        return no_customers()
    changes = [now[f"{name}_part"] - before[f"{name}_part"] for name in _PARTS]
    values = [before["average_score"], *changes, now["average_score"]]
    labels = [f"{view.compared}", *[part.capitalize() for part in _PARTS], view.as_of]

    def four_digits(value: formats.Number) -> str:
        return formats.decimal(value, 4)

    texts = [
        four_digits(values[0]),
        *[formats.difference(value, four_digits) for value in changes],
        four_digits(values[-1]),
    ]
    reach = [values[0]]
    for value in changes:
        reach.append(reach[-1] + value)
    pad = max(max(reach) - min(reach), 0.004) * 0.6
    drawn = waterfall(
        labels,
        values,
        texts,
        GREY,
        axis("Average score", tickformat=".3f", range=[max(0, min(reach) - pad), max(reach) + pad]),
        opens=[
            mark(view, f"{label} {text}", who["customers"], date=day)
            for label, text, who, day in zip(
                labels,
                texts,
                [before, *[now] * (len(labels) - 1)],
                [view.compared, *[view.as_of] * len(changes), view.as_of],
                strict=True,
            )
        ],
        connector={"line": {"color": "#adb5bd", "width": 1}},
    )
    told = ", ".join(map(" ".join, zip(labels, texts, strict=True)))
    return chart(drawn, f"Change of the average score: {told}", height=380)
