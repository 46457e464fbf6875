"""Is the score any good: what it predicted, against simpler things; and how much depends on its weights."""

from __future__ import annotations

from statistics import fmean, stdev

import plotly.graph_objects as go
from dash import html
from dash.development.base_component import Component

from engagement_assets.analysis.backtest.evaluation import BG_NBD, RECENCY, SCORE, in_words
from engagement_assets.dashboard import formats
from engagement_assets.dashboard.components import link, message, no_customers, table
from engagement_assets.dashboard.pages.common import trend_figure
from engagement_assets.dashboard.pages.quality import queries
from engagement_assets.dashboard.state import View
from engagement_assets.dashboard.theme import axis, chart, figure
from engagement_assets.dashboard.visuals import Visual, place
from engagement_assets.dashboard.warehouse import Row, Warehouse
from engagement_assets.domain.colours import AMBER, BLUE, GREY

PATH = "/quality"
TITLE = "Score quality"
PURPOSE = (
    "What the score predicted, against simpler things, and how much depends on its weights. Filters do not apply here."
)

_NAMES = {
    SCORE: "Engagement score",
    "reference_score": "Reference score",
    RECENCY: "Recency only",
    "frequency": "Number of orders only",
    "rfm_quintiles": "Sum of RFM quintiles",
    BG_NBD: "BG/NBD expected purchases",
}


def _judged(warehouse: Warehouse, view: View) -> list[Row]:
    day = queries.judged_day(warehouse, view.as_of)
    return queries.judgements(warehouse, day) if day else []


def _longest(rows: list[Row]) -> list[Row]:
    """The rows of the longest horizon."""
    horizon = max(row["horizon_days"] for row in rows)
    return [row for row in rows if row["horizon_days"] == horizon]


def _not_yet() -> Component:
    return message(
        "Nothing can be said yet",
        "A snapshot is judged once the 30 days after it are over, and again after 60 and 90. Build snapshots of earlier days.",
    )


def verdict(warehouse: Warehouse, view: View) -> Component:
    """Whether the score beats recency, in words."""
    rows = _judged(warehouse, view)
    if not rows:
        return _not_yet()
    of = {row["predictor"]: row for row in _longest(rows)}
    score = of[SCORE]
    words = in_words(
        score["horizon_days"],
        score["customers"],
        score["auc"],
        of[RECENCY]["auc"],
        score["auc_gain_low"],
        score["auc_gain_high"],
        score["spend_share_top_decile"],
        of[BG_NBD]["auc"] if BG_NBD in of else None,
    )
    risk = (
        f"Of {formats.count(score['high_risk_customers'])} customers at high risk, "
        f"{formats.share(score['high_risk_precision'])} did not order again; of all buyers, "
        f"{formats.share(1 - score['base_rate'])}."
        if score["high_risk_precision"] is not None
        else ""
    )
    return html.Div(
        [
            html.Div(f"Snapshot of {score['as_of_date']}", className="quiet small"),
            html.Div(words, className="notice"),
            html.Div(risk, className="small"),
        ],
        className="stack",
    )


def predictors(warehouse: Warehouse, view: View) -> Component:
    """Each predictor over each horizon."""
    rows = _judged(warehouse, view)
    if not rows:
        return _not_yet()

    def area(row: Row) -> str:
        if row["auc_low"] is None:
            return formats.score(row["auc"])
        return f"{formats.score(row['auc'])} ({formats.score(row['auc_low'])} to {formats.score(row['auc_high'])})"

    return table(
        [
            "Predictor",
            "Days",
            "Ordered again",
            "AUC",
            "Average precision",
            "Lift, top 10 %",
            "Spend, top 10 %",
            "Deciles fall",
            "Rank kept",
        ],
        [
            [
                _NAMES[row["predictor"]],
                row["horizon_days"],
                formats.share(row["base_rate"]),
                area(row),
                formats.score(row["average_precision"]),
                formats.decimal(row["lift_top_decile"]),
                formats.share(row["spend_share_top_decile"]),
                formats.NOTHING if row["deciles_fall"] is None else "yes" if row["deciles_fall"] else "no",
                formats.score(row["rank_persistence"]),
            ]
            for row in rows
        ],
        caption="How well each predictor told who orders again",
    )


def deciles(warehouse: Warehouse, view: View) -> Component:
    """Share who ordered again per tenth of the buyers, by score and by recency."""
    rows = _judged(warehouse, view)
    if not rows:
        return _not_yet()
    of = {row["predictor"]: row for row in _longest(rows)}
    names = [str(number) for number in range(1, 11)]
    drawn = figure(
        *[
            go.Bar(
                x=names,
                y=[of[name][f"decile_{number}_rate"] for number in range(1, 11)],
                name=_NAMES[name],
                marker={"color": colour},
                hovertemplate=f"Tenth %{{x}}: %{{y:.1%}}<extra>{_NAMES[name]}</extra>",
            )
            for name, colour in ((SCORE, BLUE), (RECENCY, GREY))
        ],
        barmode="group",
        xaxis=axis("Tenths of the buyers, the highest first", type="category", showgrid=False),
        yaxis=axis("Ordered again", tickformat=".0%", rangemode="tozero"),
    )
    return chart(drawn, "Share of buyers who ordered again by tenth of the score and of recency.", height=300)


def stability(warehouse: Warehouse, view: View) -> Component:
    """AUC over the snapshots, and how far it varies."""
    rows = queries.over_time(warehouse, view.as_of, 30)
    if not rows:
        return _not_yet()
    lines = (
        (SCORE, _NAMES[SCORE], BLUE, "solid"),
        (RECENCY, _NAMES[RECENCY], GREY, "dot"),
        (BG_NBD, _NAMES[BG_NBD], AMBER, "dash"),
    )
    known = [row for row in rows if row["score"] is not None and row["recency"] is not None]
    ahead = sum(row["score"] > row["recency"] for row in known)
    return html.Div(
        [
            chart(
                trend_figure(rows, lines, title="AUC over 30 days", percent=False, compared=None),
                "AUC of the score and of recency for each snapshot, 30 days ahead.",
                height=280,
            ),
            html.Div(
                f"The score is ahead of recency on {ahead:,} of {len(known):,} snapshots. {_spread(rows)}",
                className="quiet small",
            ),
        ],
        className="stack",
    )


def _spread(rows: list[Row]) -> str:
    """How far the score's figures vary over the snapshots, in words."""
    areas, kept = ([row[name] for row in rows if row[name] is not None] for name in ("score", "persistence"))
    told = []
    if len(areas) > 1:
        told.append(
            f"Its AUC is {fmean(areas):.3f} on average, from {min(areas):.3f} to {max(areas):.3f} "
            f"(standard deviation {stdev(areas):.3f})."
        )
    if kept:
        told.append(f"Its ranking correlates with that of 30 days before by {fmean(kept):.3f} on average.")
    return " ".join(told)


def weights(warehouse: Warehouse, view: View) -> Component:
    """How much depends on the weights."""
    found = queries.weights(warehouse, view.as_of)
    if found is None:
        return no_customers()
    least = " / ".join(f"{100 * weight:.0f}" for weight in found.most_flips_weights)
    return table(
        ["Under other weights", "Customers"],
        [
            ["segment changed, on average over the weightings", formats.share(found.mean_flips)],
            [f"segment changed, at most (weights {least})", formats.share(found.most_flips)],
            ["segment the same under every weighting", formats.count(found.always_the_same)],
            ["High under every weighting", formats.count(found.always_high)],
            ["High under some weighting", formats.count(found.ever_high)],
            [
                "median distance of lowest and highest rank, percentile points",
                formats.decimal(found.median_rank_range, 1),
            ],
        ],
        caption="What other weights would change",
    )


def surest(warehouse: Warehouse, view: View) -> Component:
    """Who is High under every weighting, with their ranks."""
    rows = queries.surest(warehouse, view.as_of)
    if not rows:
        return message("Nobody is High under every weighting", "Each customer falls below it under some weights.")
    return table(
        ["Customer", "Score", "Lowest rank, percentile", "Highest rank"],
        [
            [
                link(row["customer_id"], view.link("/customer", cid=row["customer_id"])),
                formats.score(row["score"]),
                formats.decimal(row["lowest_percentile"], 1),
                formats.decimal(row["highest_percentile"], 1),
            ]
            for row in rows
        ],
        caption="High under every weighting",
    )


def visuals(meaning: dict[str, str]) -> dict[str, Visual]:
    """The visuals of this page."""
    return {
        visual.name: visual
        for visual in (
            Visual("quality-verdict", "Does the score beat recency?", verdict, meaning["backtest"], height=120),
            Visual(
                "quality-predictors",
                "Predictors compared",
                predictors,
                meaning["predictors"],
                height=330,
                export="score-backtest",
            ),
            Visual("quality-deciles", "Who ordered again, by tenth", deciles, meaning["deciles"], height=330),
            Visual("quality-stability", "Over the snapshots", stability, meaning["auc"], height=330),
            Visual("quality-weights", "Sensitivity to the weights", weights, meaning["sensitivity"], height=300),
            Visual(
                "quality-surest",
                "High whatever the weights",
                surest,
                meaning["surest"],
                height=300,
                export="rank-ranges",
            ),
        )
    }


def layout(parts: dict[str, Visual]) -> list[Component]:
    """How the visuals are arranged."""
    return [
        place(parts["quality-verdict"]),
        html.Div([place(parts["quality-deciles"]), place(parts["quality-stability"])], className="row halves"),
        place(parts["quality-predictors"]),
        html.Div([place(parts["quality-weights"]), place(parts["quality-surest"])], className="row halves"),
    ]
