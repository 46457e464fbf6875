"""Why a customer's score moved between any two snapshots: the exact parts, and the same in words."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from engagement_assets.analysis.report import latest_day
from engagement_assets.domain.contracts import EngagementScores
from engagement_assets.domain.days import as_date
from engagement_assets.domain.scoring_policy import ScoringPolicy
from engagement_assets.lake.reading import opened
from engagement_assets.lake.tables import LakeResource
from engagement_assets.settings import Settings
from engagement_assets.transforms.score_change import Scale, ScoreChange, Standing, split_change

Row = Mapping[str, Any]

#: A part that rounds to less than this is left out of the words.
_SMALLEST = 0.001

#: A stored score further from the one computed by today's settings was made by others.
_SAME = 1e-9

_MEASURES = {
    "recency": "recency_days",
    "orders": "total_orders",
    "sessions": "sessions_last_30_days",
    "revenue": "total_revenue",
}

#: The scales of the snapshots; `{scores}` stands for engagement_scores of the two days.
BOUNDS_SQL = (
    "SELECT as_of_date, "
    + ", ".join(
        f"min({column})::DOUBLE AS {name}_low, max({column})::DOUBLE AS {name}_high"
        for name, column in _MEASURES.items()
    )
    + " FROM {scores} GROUP BY as_of_date"
)

#: The customer on the two days.
CUSTOMER_SQL = (
    "SELECT as_of_date, engagement_score, engagement_segment, is_high_risk, lifecycle_stage, "
    + ", ".join(_MEASURES.values())
    + " FROM {scores} WHERE customer_id = $customer"
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
    first, last = (_standing(found[day], scales[day], policy) for day in days)
    for day, standing in zip(days, (first, last), strict=True):
        if abs(_score(standing, policy) - found[day]["engagement_score"]) > _SAME:
            raise ExplanationError(
                f"the snapshot of {day} was built with other settings than today's; build it again with "
                f"`engagement run --date {day}`"
            )
    before, now = found[days[0]], found[days[1]]
    change = split_change(first, last, (as_date(days[1]) - as_date(days[0])).days, policy)
    return Explanation(customer, before, now, change, in_words(before, now, change))


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


def _money(revenue: float | Decimal, policy: ScoringPolicy) -> float:
    return math.log(1.0 + float(revenue)) if policy.monetary_scale == "log1p" else float(revenue)


def _standing(row: Row, bounds: Row, policy: ScoringPolicy) -> Standing:
    def scale(name: str, put: Callable[[float], float] = float) -> Scale:
        low, high = bounds[f"{name}_low"], bounds[f"{name}_high"]
        if low is None:
            return Scale(0.0, 0.0)
        low, high = put(low), put(high)
        return Scale(low, 1.0 / (high - low) if high > low else 0.0)

    recency = row["recency_days"]
    return Standing(
        has_ordered=0.0 if recency is None else 1.0,
        recency_days=float(recency or 0),
        orders=float(row["total_orders"]),
        sessions=float(row["sessions_last_30_days"]),
        money=_money(row["total_revenue"], policy),
        recency_scale=scale("recency"),
        orders_scale=scale("orders"),
        sessions_scale=scale("sessions"),
        money_scale=scale("revenue", lambda amount: _money(amount, policy)),
    )


def _score(standing: Standing, policy: ScoringPolicy) -> float:
    """The score of a standing: the change from one whose every part is nothing."""
    nothing = Standing(
        0.0,
        0.0,
        standing.orders_scale.low,
        standing.sessions_scale.low,
        standing.money_scale.low,
        standing.recency_scale,
        standing.orders_scale,
        standing.sessions_scale,
        standing.money_scale,
    )
    return float(split_change(nothing, standing, 0, policy).total)


# ---- words -----------------------------------------------------------------------------------------------------------


def signed(amount: float) -> str:
    """A part of a score with its sign and three decimals."""
    thousandths = math.floor(abs(amount) * 1000 + 0.5)
    return f"{'-' if amount < 0 else '+'}{thousandths // 1000}.{thousandths % 1000:03d}"


def causes(before: Row, now: Row, change: ScoreChange) -> list[tuple[str, float]]:
    """What moved the score and by how much, in a fixed order: silence, orders, sessions, revenue, the scale."""
    found: list[tuple[str, float]] = []
    days = now["recency_days"]
    if now["total_orders"] != before["total_orders"]:
        text = "first order" if before["recency_days"] is None else "ordered again"
        found.append((text, change.recency_ageing + change.recency_behaviour))
    elif days is not None:
        text = f"{days} day{'' if days == 1 else 's'} since the last order"
        found.append((text, change.recency_ageing + change.recency_behaviour))
    for column, noun, part in (
        ("total_orders", "order", change.orders_behaviour),
        ("sessions_last_30_days", "session", change.sessions_behaviour),
    ):
        number = now[column] - before[column]
        how = "more" if number > 0 else "fewer"
        found.append((f"{abs(number)} {how} {noun}{'' if abs(number) == 1 else 's'}", part))
    revenue = Decimal(now["total_revenue"]) - Decimal(before["total_revenue"])
    found.append((f"revenue {'-' if revenue < 0 else '+'}{abs(revenue):.2f}", change.monetary_behaviour))
    others = change.orders_rescaling + change.sessions_rescaling + change.monetary_rescaling
    found.append(("others rose" if others < 0 else "others fell", others))
    found.append(("the recency scale moved", change.recency_rescaling))
    return [(text, amount) for text, amount in found if abs(amount) >= _SMALLEST / 2]


def in_words(before: Row, now: Row, change: ScoreChange) -> str:
    """The move and its causes, as `segment_changes` has them."""
    old, new = before["engagement_segment"], now["engagement_segment"]
    head = [new if old == new else f"{old} to {new}"]
    if before["is_high_risk"] != now["is_high_risk"]:
        head.append("now at high risk" if now["is_high_risk"] else "no longer at high risk")
    if before["lifecycle_stage"] != now["lifecycle_stage"]:
        head.append(f"stage {before['lifecycle_stage']} to {now['lifecycle_stage']}")
    why = ", ".join(f"{text} ({signed(amount)})" for text, amount in causes(before, now, change))
    return f"{', '.join(head)}: {why}" if why else ", ".join(head)


__all__ = ["BOUNDS_SQL", "CUSTOMER_SQL", "Explanation", "ExplanationError", "explain", "explain_published"]
