"""Snapshots against what came after: each predictor of a snapshot judged by the orders of the days that followed.

Judged are customers who had ordered by the snapshot: whether they order again, and how much they spend. Those who never
ordered are left out: recency and frequency say nothing of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Any

import duckdb
import numpy as np

from engagement_assets.backtest import bg_nbd, metrics
from engagement_assets.backtest.bg_nbd import Purchases
from engagement_assets.backtest.earlier import EARLIER, earlier_scores
from engagement_assets.backtest.metrics import Floats, Ranking
from engagement_assets.contracts import EngagementScores, RawOrders
from engagement_assets.lineage import HORIZONS
from engagement_assets.partitions import days_between
from engagement_assets.resources.reading import opened
from engagement_assets.resources.tables import LakeResource
from engagement_assets.settings import ScoringPolicy, as_date

SCORE, RECENCY, BG_NBD = "score", "recency", "bg_nbd"

#: What is judged: the score, and simpler things that it has to be better than. SQL over a row of engagement_scores.
PREDICTORS = {
    SCORE: "engagement_score",
    "reference_score": "reference_score",
    RECENCY: "-recency_days",
    "frequency": "total_orders",
    "rfm_quintiles": "rfm_recency + rfm_frequency + rfm_monetary",
}

#: Resamples for the intervals of a month's last snapshot; other days have none.
RESAMPLES = 200

#: What has intervals. BG/NBD is another predictor for each horizon: the purchases that the model expects within it.
WATCHED = (SCORE, RECENCY, BG_NBD)

_TOP = 0.1

#: Columns of a snapshot that are judged, or judged by.
_NEEDED = (
    "as_of_date",
    "customer_id",
    "signup_date",
    "engagement_score",
    "reference_score",
    "reference_score_30_days_before",
    "recency_days",
    "recency_days_30_days_before",
    "total_orders",
    "total_orders_30_days_before",
    "total_revenue_30_days_before",
    "sessions_previous_30_days",
    "rfm_recency",
    "rfm_frequency",
    "rfm_monetary",
    "is_high_risk",
)

#: Rows of snapshots that are held in memory together, but for a single one that is larger.
_MOST_ROWS = 2_000_000


@dataclass(frozen=True)
class Outcome:
    """Customers of a snapshot with what they did in the days after it, each an array in the same order."""

    predictors: dict[str, Floats]
    #: The same of 30 days before, as far as it is known; NaN for customers who had not ordered by then.
    earlier: dict[str, Floats]
    #: What the BG/NBD model is fitted to: orders up to the snapshot.
    purchases: Purchases
    is_high_risk: Floats
    #: Horizon in days -> whether they ordered within it, what they spent.
    ordered: dict[int, Floats]
    spent: dict[int, Floats]


@dataclass(frozen=True)
class Judgement:
    """How well one predictor of one snapshot did over one horizon; the columns of the contract `score_backtest`."""

    as_of_date: date
    horizon_days: int
    predictor: str
    customers: int
    ordered_again: int
    base_rate: float | None
    auc: float | None
    auc_low: float | None
    auc_high: float | None
    auc_gain: float | None
    auc_gain_low: float | None
    auc_gain_high: float | None
    average_precision: float | None
    lift_top_decile: float | None
    spend_share_top_decile: float | None
    decile_rates: list[float | None]
    deciles_fall: bool | None
    high_risk_customers: int | None
    high_risk_precision: float | None
    rank_persistence: float | None

    def row(self, columns: Sequence[str]) -> tuple[Any, ...]:
        """The values of a table's columns."""
        values = asdict(self)
        for number, rate in enumerate(values.pop("decile_rates"), start=1):
            values[f"decile_{number}_rate"] = rate
        return tuple(values[name] for name in columns)


def known_horizons(day: date, last_order_day: date) -> list[int]:
    """The horizons of a snapshot that are over."""
    return [horizon for horizon in HORIZONS if day + timedelta(days=horizon) <= last_order_day]


def is_month_end(day: date) -> bool:
    """Whether the next day begins a month."""
    return (day + timedelta(days=1)).day == 1


def outcome(lake: LakeResource, policy: ScoringPolicy, day: date, horizons: Sequence[int]) -> Outcome:
    """Read a snapshot, the orders up to it, and those of the days after it, up to the longest horizon.

    Raises NotPublishedError.
    """
    with _opened(lake, {day: horizons}) as connection:
        _load(connection, [day])
        return _outcome(connection, policy, day, horizons)


@contextmanager
def _opened(lake: LakeResource, wanted: Mapping[date, Sequence[int]]) -> Iterator[duckdb.DuckDBPyConnection]:
    """The snapshots of some days, all orders before them and within their horizons, looked up once.

    Raises NotPublishedError.
    """
    snapshots = [day.isoformat() for day in wanted]
    last = max(day + timedelta(days=max(horizons)) for day, horizons in wanted.items())
    published = lake.partitions(RawOrders)
    orders = days_between(min([*wanted, *map(as_date, published)]), last)
    lake.require(RawOrders, orders)
    lake.require(EngagementScores, snapshots)
    with opened(lake, {EngagementScores: snapshots, RawOrders: orders}) as connection:
        connection.execute(
            "CREATE TABLE spending AS SELECT customer_id, as_of_date, sum(order_amount) AS amount FROM raw_orders GROUP BY ALL"
        )
        yield connection


def _load(connection: duckdb.DuckDBPyConnection, days: Sequence[date]) -> None:
    """Read what is needed of some snapshots into a table: once, not once for each day that is asked for."""
    connection.execute(
        f"CREATE OR REPLACE TABLE snapshots AS SELECT {', '.join(_NEEDED)} FROM engagement_scores "
        "WHERE as_of_date IN (SELECT unnest($days))",
        {"days": list(days)},
    )


def _batches(days: Sequence[date], rows: Mapping[str, int]) -> Iterator[list[date]]:
    """Days whose snapshots are read together, in their order."""
    batch: list[date] = []
    held = 0
    for day in days:
        own = rows.get(day.isoformat(), 0)
        if batch and held + own > _MOST_ROWS:
            yield batch
            batch, held = [], 0
        batch.append(day)
        held += own
    if batch:
        yield batch


def _outcome(
    connection: duckdb.DuckDBPyConnection, policy: ScoringPolicy, day: date, horizons: Sequence[int]
) -> Outcome:
    predictors = ", ".join(f"CAST({sql} AS DOUBLE) AS {name}" for name, sql in PREDICTORS.items())
    spent = ", ".join(
        f"coalesce(sum(amount) FILTER (o.as_of_date <= $day + {horizon}), 0)::DOUBLE AS spent_{horizon}, "
        f"(count(*) FILTER (o.as_of_date <= $day + {horizon}) > 0)::DOUBLE AS ordered_{horizon}"
        for horizon in horizons
    )
    totals = ", ".join(
        f"coalesce(spent_{h}, 0) AS spent_{h}, coalesce(ordered_{h}, 0) AS ordered_{h}" for h in horizons
    )
    earlier = ", ".join(f"CAST({sql} AS DOUBLE) AS earlier_{name}" for name, sql in EARLIER.items())
    found = connection.execute(
        f"""
        WITH after AS (
            SELECT customer_id, {spent} FROM spending o
            WHERE o.as_of_date > $day AND o.as_of_date <= $day + {max(horizons)} GROUP BY customer_id
        ), until AS (
            SELECT customer_id, count(*) - 1 AS repeats, max(as_of_date) - min(as_of_date) AS bought_for,
                   $day - min(as_of_date) AS age
            FROM spending WHERE as_of_date <= $day GROUP BY customer_id
        ), before AS ({earlier_scores(policy)})
        SELECT {predictors}, {earlier}, u.repeats, u.bought_for, u.age, is_high_risk, {totals}
        FROM snapshots s JOIN until u USING (customer_id) LEFT JOIN before USING (customer_id)
        LEFT JOIN after USING (customer_id)
        WHERE s.as_of_date = $day AND total_orders > 0 ORDER BY customer_id
        """,
        {"day": day},
    ).fetchnumpy()
    columns: dict[str, Floats] = {
        name: np.ma.filled(np.ma.asarray(values, dtype=float), np.nan) for name, values in found.items()
    }
    return Outcome(
        {name: columns[name] for name in PREDICTORS},
        {name: columns[f"earlier_{name}"] for name in EARLIER},
        Purchases(columns["repeats"], columns["bought_for"], columns["age"]),
        columns["is_high_risk"],
        {horizon: columns[f"ordered_{horizon}"] for horizon in horizons},
        {horizon: columns[f"spent_{horizon}"] for horizon in horizons},
    )


def judge(day: date, found: Outcome, *, resamples: int = 0) -> list[Judgement]:
    """Judge each predictor over each horizon; with `resamples`, intervals for those of `WATCHED` and their gain over recency."""
    rankings = {name: Ranking.of(values) for name, values in found.predictors.items()}
    persistence = {name: _persistence(found, name) for name in EARLIER}
    model = bg_nbd.fit(found.purchases)
    ranked = {(name, horizon): ranking for horizon in found.ordered for name, ranking in rankings.items()}
    if model is not None:
        expected = bg_nbd.expected_purchases(model, found.purchases, list(found.ordered))
        ranked |= {(BG_NBD, horizon): Ranking.of(purchases) for horizon, purchases in expected.items()}
    drawn: dict[tuple[str, int], Floats] = {}
    if resamples:
        pairs = {key: (ranking, found.ordered[key[1]]) for key, ranking in ranked.items() if key[0] in WATCHED}
        drawn = metrics.bootstrap_auc(pairs, resamples=resamples, seed=day.toordinal())
    return [
        _judgement(day, name, horizon, found, ranked, drawn, persistence.get(name))
        for horizon in found.ordered
        for name in (*PREDICTORS, BG_NBD)
    ]


def _judgement(
    day: date,
    name: str,
    horizon: int,
    found: Outcome,
    ranked: Mapping[tuple[str, int], Ranking],
    drawn: Mapping[tuple[str, int], Floats],
    persistence: float | None,
) -> Judgement:
    happened = found.ordered[horizon]
    ranking = ranked.get((name, horizon))
    area = metrics.auc(ranking, happened) if ranking else None
    recency = metrics.auc(ranked[RECENCY, horizon], happened)
    spread = gained = None
    if (name, horizon) in drawn:
        spread = metrics.interval(drawn[name, horizon])
        if name != RECENCY:
            gained = metrics.interval(drawn[name, horizon] - drawn[RECENCY, horizon])
    rates: list[float | None] = [None] * metrics.DECILES
    if ranking:
        rates = metrics.decile_rates(ranking, happened)
    risky = found.is_high_risk if name == SCORE else None
    return Judgement(
        as_of_date=day,
        horizon_days=horizon,
        predictor=name,
        customers=len(happened),
        ordered_again=int(happened.sum()),
        base_rate=float(happened.mean()) if len(happened) else None,
        auc=area,
        auc_low=spread.low if spread else None,
        auc_high=spread.high if spread else None,
        auc_gain=None if area is None or recency is None else area - recency,
        auc_gain_low=gained.low if gained else None,
        auc_gain_high=gained.high if gained else None,
        average_precision=metrics.average_precision(ranking, happened) if ranking else None,
        lift_top_decile=metrics.lift(ranking, happened, _TOP) if ranking else None,
        spend_share_top_decile=metrics.share_of_amount(ranking, found.spent[horizon], _TOP) if ranking else None,
        decile_rates=rates,
        deciles_fall=metrics.falls_throughout(rates),
        high_risk_customers=None if risky is None else int(risky.sum()),
        high_risk_precision=None
        if risky is None or not risky.sum()
        else float((risky * (1.0 - happened)).sum() / risky.sum()),
        rank_persistence=persistence,
    )


def _persistence(found: Outcome, name: str) -> float | None:
    """How much the ranking of a predictor is that of 30 days before, over customers who had ordered by then."""
    known = ~np.isnan(found.earlier[name])
    return metrics.rank_correlation(found.predictors[name][known], found.earlier[name][known])


def evaluate(lake: LakeResource, policy: ScoringPolicy, days: Sequence[date], last_order_day: date) -> list[Judgement]:
    """Judge the snapshots of some days over each horizon that is over; the last day of a month with intervals."""
    wanted = {day: horizons for day in days if (horizons := known_horizons(day, last_order_day))}
    judged: list[Judgement] = []
    if wanted:
        with _opened(lake, wanted) as connection, bg_nbd.without_threads():
            for together in _batches(list(wanted), lake.partitions(EngagementScores)):
                _load(connection, together)
                for day in together:
                    found = _outcome(connection, policy, day, wanted[day])
                    judged += judge(day, found, resamples=RESAMPLES if is_month_end(day) else 0)
    return judged


def verdict(judged: Sequence[Judgement]) -> str:
    """Whether the score beats recency, and by how much, over the longest horizon of one snapshot, in words."""
    if not judged:
        return "The days after this snapshot are not known yet; nothing can be said of its score."
    horizon = max(each.horizon_days for each in judged)
    of = {each.predictor: each for each in judged if each.horizon_days == horizon}
    return in_words(
        horizon,
        of[SCORE].customers,
        of[SCORE].auc,
        of[RECENCY].auc,
        of[SCORE].auc_gain_low,
        of[SCORE].auc_gain_high,
        of[SCORE].spend_share_top_decile,
        of[BG_NBD].auc if BG_NBD in of else None,
    )


def in_words(
    horizon: int,
    customers: int,
    score: float | None,
    recency: float | None,
    gain_low: float | None,
    gain_high: float | None,
    spend_share: float | None,
    model: float | None = None,
) -> str:
    """A verdict from the figures of the score, of recency, and of a BG/NBD model (None: it could not be fitted)."""
    if score is None or recency is None:
        return f"Of {customers:,} buyers all or none ordered within {horizon} days: no score could tell them from each other."
    gain = score - recency
    if gain_low is not None and gain_high is not None:
        sure = f", 95 % interval {gain_low:+.3f} to {gain_high:+.3f}"
        better, worse = gain_low > 0, gain_high < 0
    else:
        sure = ", without an interval"
        better, worse = gain > 0, gain < 0
    how = (
        "tells better than recency alone"
        if better
        else "tells worse than recency alone"
        if worse
        else "tells no better than recency alone"
    )
    spend = (
        "" if spend_share is None else f" The top 10 % by score brought {100 * spend_share:.0f} % of what was spent."
    )
    fitted = (
        " No BG/NBD model could be fitted: too few buyers came back, or none fits."
        if model is None
        else f" A BG/NBD model, fitted to each customer's orders, has AUC {model:.3f} ({score - model:+.3f} for the score)."
    )
    return (
        f"Over {horizon} days the score {how} which of {customers:,} buyers order again: AUC {score:.3f} against "
        f"{recency:.3f} ({gain:+.3f}{sure}).{fitted}{spend}"
    )
