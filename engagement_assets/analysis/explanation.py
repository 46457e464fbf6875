"""Why a customer's score moved between any two snapshots: the exact parts, and the same in words."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from engagement_assets.analysis.report import latest_day
from engagement_assets.domain.contracts import EngagementScores
from engagement_assets.domain.days import as_date
from engagement_assets.domain.score_parts import KINDS, MEASURES, ScoredMeasure
from engagement_assets.domain.scoring_policy import ScoringPolicy
from engagement_assets.lake.reading import opened
from engagement_assets.lake.tables import LakeResource
from engagement_assets.settings import Settings
from engagement_assets.transforms.score_change import ScoreChange, Standing, score_of, split_change
from engagement_assets.transforms.segment_changes import TOLD_FROM, words_of_change

Row = Mapping[str, Any]

#: A stored score further from the one computed by today's settings was made by others.
_SAME = 1e-9

#: The scales of the snapshots; `{scores}` stands for engagement_scores of the two days.
BOUNDS_SQL = (
    "SELECT as_of_date, "
    + ", ".join(f"min({m.column})::DOUBLE AS {m.name}_low, max({m.column})::DOUBLE AS {m.name}_high" for m in MEASURES)
    + " FROM {scores} GROUP BY as_of_date"
)

#: The customer on the two days.
CUSTOMER_SQL = (
    f"SELECT as_of_date, engagement_score, {', '.join(TOLD_FROM)} FROM {{scores}} WHERE customer_id = $customer"
)


class ExplanationError(LookupError):
    """The change cannot be explained; the message says what is missing or differs, and what to do."""


@dataclass(frozen=True)
class Explanation:
    """A customer's change between two days: the rows they had, the parts it splits into, and the words."""

    customer: str
    before: Row
    now: Row
    change: ScoreChange
    words: str


def explain(
    customer: str, days: tuple[str, str], rows: Sequence[Row], bounds: Sequence[Row], policy: ScoringPolicy
) -> Explanation:
    """Explain a customer's change from the first day to the second, from the rows of CUSTOMER_SQL and BOUNDS_SQL.

    Raises ExplanationError if the customer is missing on one of the days, or a score was made with other settings.
    """
    found = {row["as_of_date"].isoformat(): row for row in rows}
    scales = {row["as_of_date"].isoformat(): row for row in bounds}
    for day in days:
        if day not in found:
            raise ExplanationError(f"there is no customer {customer!r} in the snapshot of {day}")
    first, last = (
        {measure.name: _standing(measure, found[day], scales[day], policy) for measure in MEASURES} for day in days
    )
    for day, standings in zip(days, (first, last), strict=True):
        if abs(score_of(standings, policy) - found[day]["engagement_score"]) > _SAME:
            raise ExplanationError(
                f"the snapshot of {day} was built with other settings than today's; build it again with "
                f"`engagement run --date {day}`"
            )
    before, now = found[days[0]], found[days[1]]
    change = split_change(first, last, (as_date(days[1]) - as_date(days[0])).days, policy)
    return Explanation(customer, before, now, change, _words(before, now, change))


def explain_published(settings: Settings, customer: str, first: str, last: str | None = None) -> Explanation:
    """Explain a customer's change between two published snapshots (default of the second: the latest).

    Raises NotPublishedError or ExplanationError.
    """
    lake = LakeResource.of(settings)
    end = latest_day(lake, EngagementScores, last)
    lake.require(EngagementScores, [first])
    if first >= end:
        raise ExplanationError(f"the first day, {first}, has to be before the second, {end}")

    with opened(lake, {EngagementScores: [first, end]}) as connection:

        def ask(sql: str, parameters: dict[str, Any]) -> list[Row]:
            found = connection.execute(sql.format(scores=EngagementScores.table()), parameters)
            names = [column[0] for column in found.description]
            return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

        rows, bounds = ask(CUSTOMER_SQL, {"customer": customer}), ask(BOUNDS_SQL, {})
    return explain(customer, (first, end), rows, bounds, settings.scoring)


def _standing(measure: ScoredMeasure, row: Row, bounds: Row, policy: ScoringPolicy) -> Standing:
    def scaled(value: Any) -> float:
        return math.log(1.0 + float(value)) if policy.is_logarithmic(measure) else float(value)

    value, smallest, largest = row[measure.column], bounds[f"{measure.name}_low"], bounds[f"{measure.name}_high"]
    low, high = (0.0, 0.0) if smallest is None else (scaled(smallest), scaled(largest))
    return Standing(
        value=0.0 if value is None else scaled(value),
        low=low,
        per_unit=1.0 / (high - low) if high > low else 0.0,
        has_value=0.0 if value is None else 1.0,
    )


def _words(before: Row, now: Row, change: ScoreChange) -> str:
    """The move and its causes, as `segment_changes` has them."""
    told = {name: now[name] for name in TOLD_FROM} | {f"previous_{name}": before[name] for name in TOLD_FROM}
    values = {**told, **change.amounts}
    row = ", ".join(f"${name} AS {name}" for name in values)
    with duckdb.connect() as connection:
        found = connection.execute(f"SELECT {words_of_change()} FROM (SELECT {row})", values).fetchall()
    return str(found[0][0])


def titled_causes(change: ScoreChange) -> list[tuple[str, float]]:
    """What moved the score, under the titles of a chart, and by how much."""
    own = [(m.titles[kind], change.amounts[f"{m.name}_{kind}"]) for kind in KINDS for m in MEASURES if kind in m.titles]
    together = [measure for measure in MEASURES if "rescaling" not in measure.titles]
    others = ", ".join(measure.titles["behaviour"].lower() for measure in together)
    return [*own, (f"Others: {others}", sum(change.amounts[f"{measure.name}_rescaling"] for measure in together))]


def signed_amount(amount: float) -> str:
    """An amount of score with its sign and three decimals."""
    thousandths = math.floor(abs(amount) * 1000 + 0.5)
    return f"{'-' if amount < 0 else '+'}{thousandths // 1000}.{thousandths % 1000:03d}"
