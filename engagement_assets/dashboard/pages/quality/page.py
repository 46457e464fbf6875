"""Is the score any good: what it predicted, against simpler things; and how much depends on its weights."""

from __future__ import annotations

from statistics import fmean, stdev

from dash import html
from dash.development.base_component import Component

from engagement_assets.analysis.backtest.evaluation import judgements_in_words
from engagement_assets.analysis.backtest.lists import DAYS_AFTER, LISTS, lists_in_words
from engagement_assets.analysis.backtest.outcomes import BG_NBD, EXPECTED_REVENUE, RECENCY, RETURN_CHANCE, SCORE
from engagement_assets.analysis.backtest.sensitivity import RANGE_COLUMNS, Sensitivity
from engagement_assets.dashboard import formats
from engagement_assets.dashboard.components import customer_link, listing, message, small, stack, table
from engagement_assets.dashboard.exports import Csv, same
from engagement_assets.dashboard.pages.quality import queries
from engagement_assets.dashboard.state import View
from engagement_assets.dashboard.theme import axis, bars, chart, figure, names_axis
from engagement_assets.dashboard.trends import Line, trend_figure
from engagement_assets.dashboard.visuals import Page
from engagement_assets.dashboard.warehouse import Row, Warehouse
from engagement_assets.domain.colours import AMBER, BLUE, GREY
from engagement_assets.domain.contracts import ScoreBacktest

PAGE = Page(
    "/quality",
    "Score quality",
    "What the score predicted, against simpler things, and how much depends on its weights. Filters do not apply here.",
    order=80,
)

_NAMES = {
    SCORE: "Engagement score",
    "reference_score": "Reference score",
    RECENCY: "Recency only",
    "frequency": "Number of orders only",
    "rfm_quintiles": "Sum of RFM quintiles",
    RETURN_CHANCE: "Return chance",
    EXPECTED_REVENUE: "Expected revenue",
    BG_NBD: "BG/NBD expected purchases",
}


def _judged(warehouse: Warehouse, view: View) -> list[Row]:
    day = queries.judged_day(warehouse, view.as_of)
    return queries.judgements(warehouse, day) if day else []


def _longest(rows: list[Row]) -> list[Row]:
    """The rows of the longest horizon."""
    horizon = max(row["horizon_days"] for row in rows)
    return [row for row in rows if row["horizon_days"] == horizon]


_NOT_YET = message(
    "Nothing can be said yet",
    "A snapshot is judged once the 30 days after it are over, and again after 60 and 90. Build snapshots of earlier days.",
)


@PAGE.visual("quality-verdict", "Does the score beat recency?", _judged, meaning="backtest", empty=_NOT_YET)
def verdict(warehouse: Warehouse, view: View, rows: list[Row]) -> Component:
    """Whether the score beats recency, in words."""
    score = next(row for row in _longest(rows) if row["predictor"] == SCORE)
    return stack(small(f"Snapshot of {score['as_of_date']}"), html.Div(judgements_in_words(rows), className="notice"))


def _listed(warehouse: Warehouse, view: View) -> list[Row]:
    """The row that tells of lists."""
    rows = _judged(warehouse, view)
    return [row for row in rows if row["predictor"] == SCORE and row["horizon_days"] == DAYS_AFTER]


@PAGE.visual(
    "quality-lists",
    "Which list finds those who lapse?",
    _listed,
    meaning="lists",
    empty=message("Nothing can be said yet", f"Lists are judged once the {DAYS_AFTER} days after a snapshot are over."),
)
def compared_lists(warehouse: Warehouse, view: View, rows: list[Row]) -> Component:
    """Whom each list holds of those who lapsed, at the same length."""
    (row,) = rows
    verdict = html.Div(lists_in_words(row), className="notice")
    if not row["lapsing_customers"]:
        return verdict
    held = [
        {"list": words, "customers": row[f"{name}_holds"], "revenue": row[f"{name}_holds_revenue"]}
        for name, words in LISTS.items()
    ]
    return stack(
        verdict,
        listing(
            held,
            [
                ("List", "list"),
                ("Of the lapsing customers", "customers", formats.share),
                ("Of their revenue of a year", "revenue", formats.share),
            ],
            caption="What lists of the same length hold of those who lapsed",
        ),
    )


def _chances(warehouse: Warehouse, view: View) -> list[Row]:
    """The row that tells of the return chance, where it was known."""
    rows = _judged(warehouse, view)
    return [row for row in rows if row["predictor"] == RETURN_CHANCE and row["calibration_error"] is not None]


@PAGE.visual(
    "quality-calibration",
    "Return chance: predicted and seen",
    _chances,
    meaning="calibration",
    empty=message(
        "Nothing can be said yet", "The chance is judged once the 90 days after a snapshot that has one are over."
    ),
)
def calibration(warehouse: Warehouse, view: View, rows: list[Row]) -> Component:
    """Mean chance and share who ordered again, per tenth of the buyers."""
    (row,) = rows
    names = [str(number) for number in range(1, 11)]
    drawn = figure(
        *[
            bars(
                names,
                [row[f"decile_{number}_{kind}"] for number in range(1, 11)],
                colour,
                f"Tenth %{{x}}: %{{y:.1%}}<extra>{name}</extra>",
                name=name,
            )
            for kind, name, colour in (("predicted", "Predicted", AMBER), ("rate", "Ordered again", BLUE))
        ],
        barmode="group",
        xaxis=names_axis("Tenths of the buyers by return chance, the highest first"),
        yaxis=axis("Within 90 days", tickformat=".0%", rangemode="tozero"),
    )
    told = f"Mean distance (expected calibration error): {formats.score(row['calibration_error'])}."
    return stack(chart(drawn, "Return chance against the share who ordered again, by tenth.", height=270), small(told))


@PAGE.visual("quality-deciles", "Who ordered again, by tenth", _judged, meaning="deciles", empty=_NOT_YET)
def deciles(warehouse: Warehouse, view: View, rows: list[Row]) -> Component:
    """Share who ordered again per tenth of the buyers, by score and by recency."""
    of = {row["predictor"]: row for row in _longest(rows)}
    names = [str(number) for number in range(1, 11)]
    drawn = figure(
        *[
            bars(
                names,
                [of[name][f"decile_{number}_rate"] for number in range(1, 11)],
                colour,
                f"Tenth %{{x}}: %{{y:.1%}}<extra>{_NAMES[name]}</extra>",
                name=_NAMES[name],
            )
            for name, colour in ((SCORE, BLUE), (RECENCY, GREY))
        ],
        barmode="group",
        xaxis=names_axis("Tenths of the buyers, the highest first"),
        yaxis=axis("Ordered again", tickformat=".0%", rangemode="tozero"),
    )
    return chart(drawn, "Share of buyers who ordered again by tenth of the score and of recency.", height=300)


@PAGE.visual(
    "quality-stability",
    "Over the snapshots",
    lambda warehouse, view: queries.over_time(warehouse, view.as_of, 30),
    meaning="auc",
    empty=_NOT_YET,
    beside="halves",
)
def stability(warehouse: Warehouse, view: View, rows: list[Row]) -> Component:
    """AUC over the snapshots, and how far it varies."""
    lines = (
        Line(SCORE, _NAMES[SCORE], BLUE, "solid"),
        Line(RECENCY, _NAMES[RECENCY], GREY, "dot"),
        Line(BG_NBD, _NAMES[BG_NBD], AMBER, "dash"),
    )
    known = [row for row in rows if row["score"] is not None and row["recency"] is not None]
    ahead = sum(row["score"] > row["recency"] for row in known)
    drawn = trend_figure(rows, lines, title="AUC over 30 days", percent=False)
    return stack(
        chart(drawn, "AUC of the score and of recency for each snapshot, 30 days ahead.", height=280),
        small(f"The score is ahead of recency on {ahead:,} of {len(known):,} snapshots. {_spread(warehouse, rows)}"),
    )


def _spread(warehouse: Warehouse, rows: list[Row]) -> str:
    """How far the score's figures vary over the snapshots, in words."""
    areas, kept = ([row[name] for row in rows if row[name] is not None] for name in ("score", "persistence"))
    told = []
    if len(areas) > 1:
        told.append(
            f"Its AUC is {fmean(areas):.3f} on average, from {min(areas):.3f} to {max(areas):.3f} "
            f"(standard deviation {stdev(areas):.3f})."
        )
    if kept:
        window = warehouse.meanings.filled("{window}")
        told.append(f"Its ranking correlates with that of {window} before by {fmean(kept):.3f} on average.")
    return " ".join(told)


@PAGE.visual(
    "quality-predictors",
    "Predictors compared",
    _judged,
    meaning="predictors",
    csv=Csv("score-backtest", same(*ScoreBacktest.columns())),
    empty=_NOT_YET,
)
def predictors(warehouse: Warehouse, view: View, rows: list[Row]) -> Component:
    """Each predictor over each horizon."""

    def area(row: Row) -> str:
        if row["auc_low"] is None:
            return formats.score(row["auc"])
        return f"{formats.score(row['auc'])} ({formats.score(row['auc_low'])} to {formats.score(row['auc_high'])})"

    def falls(row: Row) -> str:
        return formats.NOTHING if row["deciles_fall"] is None else "yes" if row["deciles_fall"] else "no"

    return listing(
        rows,
        [
            ("Predictor", lambda row: _NAMES[row["predictor"]]),
            ("Days", "horizon_days"),
            ("Ordered again", "base_rate", formats.share),
            ("AUC", area),
            ("Average precision", "average_precision", formats.score),
            ("Lift, top 10 %", "lift_top_decile", formats.decimal),
            ("Spend, top 10 %", "spend_share_top_decile", formats.share),
            ("Deciles fall", falls),
            ("Rank kept", "rank_persistence", formats.score),
            (
                "Sum, of what was spent",
                lambda row: formats.share(formats.ratio(row["predicted_total"], row["spent_total"])),
            ),
        ],
        caption="How well each predictor told who orders again",
    )


@PAGE.visual(
    "quality-weights",
    "Sensitivity to the weights",
    lambda warehouse, view: queries.weights(warehouse, view.as_of) or [],
    meaning="sensitivity",
)
def weights(warehouse: Warehouse, view: View, found: Sensitivity) -> Component:
    """How much depends on the weights."""
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


@PAGE.visual(
    "quality-surest",
    "High whatever the weights",
    lambda warehouse, view: queries.surest(warehouse, view.as_of),
    meaning="surest",
    csv=Csv("rank-ranges", same(*RANGE_COLUMNS), lambda warehouse, view: queries.rank_ranges(warehouse, view.as_of)),
    empty=message("Nobody is High under every weighting", "Each customer falls below it under some weights."),
    beside="halves",
)
def surest(warehouse: Warehouse, view: View, rows: list[Row]) -> Component:
    """Who is High under every weighting, with their ranks."""
    return listing(
        rows,
        [
            ("Customer", lambda row: customer_link(view, row["customer_id"])),
            ("Score", "score", formats.score),
            ("Lowest rank, percentile", "lowest_percentile", lambda value: formats.decimal(value, 1)),
            ("Highest rank", "highest_percentile", lambda value: formats.decimal(value, 1)),
        ],
        caption="High under every weighting",
    )
