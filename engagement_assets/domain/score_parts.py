"""What the engagement score is made of: its parts, and the measures that each part is made of.

    measure score = (value - low) / (high - low), or 1 less that where low values are good; 0 for who has no value
    part score    = sum over its measures of share * measure score
    score         = sum over the parts of weight * part score

`low` and `high` are the smallest and the largest value of the snapshot; those of the reference score are settings.

Texts hold the names of settings in braces; `Meanings` fills them in.

Whatever speaks of the parts goes through `PARTS`: transforms, columns of the contracts, the split of a change and its words,
measures, Power BI, the dashboard. Another part is another entry, with the settings that it names in `scoring_policy`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from engagement_assets.domain.colours import AMBER, BLUE, GREEN

#: What can move a score: passing days, what the customer did, what others did to the scale.
KINDS = ("ageing", "behaviour", "rescaling")


@dataclass(frozen=True)
class ScoredMeasure:
    """A number of each customer, scored between two bounds."""

    #: `<name>_behaviour` and the like are its columns in segment_changes.
    name: str
    #: Columns of customer_features: its value, and that of 30 days before.
    column: str
    column_before: str
    #: Column of engagement_scores with its score, and what that is.
    score: str
    meaning: str
    #: What it is called beside the fixed bounds of the reference score, and the setting with these bounds.
    label: str
    reference: str
    #: Of `KINDS`, those that can move its score: what did it. A measure with `ageing` grows by one each day by itself.
    causes: Mapping[str, str]
    #: What the dashboard calls these causes. Without a title of its own, rescaling is told together with that of other measures.
    titles: Mapping[str, str]
    #: The customer's own change in words: SQL, for Spark and DuckDB alike, over its column and `previous_<column>`.
    told: str
    #: Unit of its bounds; empty: a plain number.
    unit: str = ""
    #: Setting with its share of the part; None: it is all of it.
    share: str | None = None
    #: Setting with the scale it is scored on, `log1p` or `none`; None: its own.
    scale: str | None = None
    lower_is_better: bool = False
    #: Whether there are customers without a value.
    may_be_missing: bool = False


@dataclass(frozen=True)
class ScorePart:
    """A weighted part of the score, with the columns `<name>_score`, `<name>_contribution`, `average_<name>_contribution`."""

    name: str
    #: What it is called in a sentence.
    words: str
    #: Setting with its weight.
    weight: str
    colour: str
    measures: tuple[ScoredMeasure, ...]

    @property
    def title(self) -> str:
        """What it is called at the head of a column."""
        return self.name.capitalize()

    @property
    def score(self) -> str:
        """Column of engagement_scores with its score."""
        return f"{self.name}_score"

    @property
    def meaning(self) -> str:
        """What its score is, settings named in braces."""
        shares = (f"{{{each.share}_percent}} " if each.share else "" for each in self.measures)
        return ", ".join(share + each.meaning for share, each in zip(shares, self.measures, strict=True))

    @property
    def contribution(self) -> str:
        """Column of engagement_scores with its weighted score."""
        return f"{self.name}_contribution"


def counted(column: str, noun: str) -> str:
    """Words for a change of a number of things, as SQL: `3 fewer sessions`, `1 more order`."""
    size = f"abs({column} - previous_{column})"
    return (
        f"cast({size} AS string) || CASE WHEN {column} > previous_{column} THEN ' more ' ELSE ' fewer ' END "
        f"|| CASE WHEN {size} = 1 THEN '{noun}' ELSE '{noun}s' END"
    )


PARTS: tuple[ScorePart, ...] = (
    ScorePart(
        name="recency",
        words="recency",
        weight="recency_weight",
        colour=BLUE,
        measures=(
            ScoredMeasure(
                name="recency",
                column="recency_days",
                column_before="recency_days_30_days_before",
                score="recency_score",
                meaning="1 for who ordered last, 0 for whose last order is longest ago and for never-buyers",
                label="recency",
                unit="days",
                reference="reference_recency_days",
                causes={
                    "ageing": "a day more since the last order",
                    "behaviour": "a new order made the last one recent",
                    "rescaling": "the recency scale moved",
                },
                titles={
                    "ageing": "Days without an order",
                    "behaviour": "Ordered again",
                    "rescaling": "Others: recency",
                },
                told="""CASE WHEN total_orders = previous_total_orders
                             THEN cast(recency_days AS string) || CASE WHEN recency_days = 1 THEN ' day' ELSE ' days' END
                                  || ' since the last order'
                             WHEN previous_recency_days IS NULL THEN 'first order' ELSE 'ordered again' END""",
                lower_is_better=True,
                may_be_missing=True,
            ),
        ),
    ),
    ScorePart(
        name="frequency",
        words="frequency",
        weight="frequency_weight",
        colour=GREEN,
        measures=(
            ScoredMeasure(
                name="orders",
                column="total_orders",
                column_before="total_orders_30_days_before",
                score="order_score",
                meaning="{scored_orders} between the day's fewest and most",
                label="orders",
                reference="reference_orders",
                causes={"behaviour": "more orders", "rescaling": "the scale of orders moved"},
                titles={"behaviour": "Orders"},
                told=counted("total_orders", "order"),
                share="order_weight",
                scale="order_scale",
            ),
            ScoredMeasure(
                name="sessions",
                column="sessions_last_30_days",
                column_before="sessions_previous_30_days",
                score="session_score",
                meaning="sessions of the last {window} between the day's fewest and most",
                label="sessions in the window",
                reference="reference_sessions",
                causes={
                    "behaviour": "more or fewer sessions in the last {window}",
                    "rescaling": "the scale of sessions moved",
                },
                titles={"behaviour": "Sessions"},
                told=counted("sessions_last_30_days", "session"),
                share="session_weight",
            ),
        ),
    ),
    ScorePart(
        name="monetary",
        words="monetary value",
        weight="monetary_weight",
        colour=AMBER,
        measures=(
            ScoredMeasure(
                name="monetary",
                column="total_revenue",
                column_before="total_revenue_30_days_before",
                score="monetary_score",
                meaning="{scored_revenue} between the day's lowest and highest",
                label="revenue",
                reference="reference_revenue",
                causes={"behaviour": "more revenue", "rescaling": "the scale of revenue moved"},
                titles={"behaviour": "Revenue"},
                told="""'revenue ' || CASE WHEN total_revenue < previous_total_revenue THEN '-' ELSE '+' END
                        || cast(cast(abs(total_revenue - previous_total_revenue) AS decimal(18, 2)) AS string)""",
                scale="monetary_scale",
            ),
        ),
    ),
)

MEASURES: tuple[ScoredMeasure, ...] = tuple(measure for part in PARTS for measure in part.measures)


def _scores() -> dict[str, str]:
    found: dict[str, str] = {}
    for part in PARTS:
        found |= {measure.score: measure.meaning for measure in part.measures}
        sums = (f"{{{measure.share}}} {measure.score.replace('_', ' ')}" for measure in part.measures)
        found.setdefault(part.score, " + ".join(sums))
    return found


#: Columns of engagement_scores with the score of each measure and part: what they are, settings named in braces.
SCORES = _scores()
CONTRIBUTIONS = tuple(part.contribution for part in PARTS)

#: Columns of segment_changes by the kind of cause.
CHANGES = {kind: tuple(f"{measure.name}_{kind}" for measure in MEASURES if kind in measure.causes) for kind in KINDS}
