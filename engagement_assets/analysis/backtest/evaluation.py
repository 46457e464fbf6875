"""Snapshots against what came after: each predictor of a snapshot judged by the orders of the days that followed.

Judged are customers who had ordered by the snapshot: whether they order again, and how much they spend. Those who never
ordered are left out: recency and frequency say nothing of them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from itertools import chain
from typing import Any

import numpy as np

from engagement_assets.analysis.backtest import bg_nbd, metrics
from engagement_assets.analysis.backtest.earlier import EARLIER
from engagement_assets.analysis.backtest.metrics import Floats, Grouped, Ranking
from engagement_assets.analysis.backtest.outcomes import (
    BG_NBD,
    PREDICTORS,
    RECENCY,
    SCORE,
    FollowedSnapshot,
    Outcomes,
    open_outcomes,
)
from engagement_assets.domain.catalogue import HORIZONS
from engagement_assets.domain.contracts import EngagementScores
from engagement_assets.domain.scoring_policy import ScoringPolicy
from engagement_assets.lake.tables import LakeResource

#: Resamples for the intervals of a month's last snapshot; other days have none.
RESAMPLES = 200

#: What has intervals. BG/NBD is another predictor for each horizon: the purchases that the model expects within it.
WATCHED = (SCORE, RECENCY, BG_NBD)

#: Rows of snapshots that are held in memory together, but for a single one that is larger.
_MOST_ROWS = 1_500_000

#: Snapshots that are judged at a time, and the rows of them together at most, but for a single one that is larger.
_THREADS, _MOST_ROWS_AT_A_TIME = 2, 1_000_000


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


def judge(day: date, found: FollowedSnapshot, *, resamples: int = 0) -> list[Judgement]:
    """Judge each predictor over each horizon; with `resamples`, intervals for those of `WATCHED` and their gain over recency."""
    rankings = {name: Ranking.of(values) for name, values in found.predictors.items()}
    persistence = {name: _persistence(rankings[name], found.earlier[name]) for name in EARLIER}
    ranked = {(name, horizon): ranking for horizon in found.ordered for name, ranking in rankings.items()}
    histories, history_of = found.purchases.different()
    model = bg_nbd.fit(histories)
    if model is not None:
        # Who has the same history has the same future: histories are ranked, not customers.
        expected = bg_nbd.expected_purchases(model, histories, list(found.ordered))
        ranked |= {(BG_NBD, horizon): Ranking.of(values).of_rows(history_of) for horizon, values in expected.items()}
    drawn: dict[tuple[str, int], Floats] = {}
    if resamples:
        pairs = {key: (ranking, found.ordered[key[1]]) for key, ranking in ranked.items() if key[0] in WATCHED}
        drawn = metrics.bootstrap_auc(pairs, resamples=resamples, seed=day.toordinal())
    judged = []
    for horizon, happened in found.ordered.items():
        grouped = {
            name: ranked[name, horizon].sums(happened) for name in (*PREDICTORS, BG_NBD) if (name, horizon) in ranked
        }
        recency = grouped[RECENCY].auc()
        for name in (*PREDICTORS, BG_NBD):
            spent = ranked[name, horizon].sums(found.spent[horizon]) if name in grouped else None
            judged.append(
                _judgement(day, name, horizon, found, grouped.get(name), spent, recency, drawn, persistence.get(name))
            )
    return judged


def _judgement(
    day: date,
    name: str,
    horizon: int,
    found: FollowedSnapshot,
    grouped: Grouped | None,
    spent: Grouped | None,
    recency: float | None,
    drawn: Mapping[tuple[str, int], Floats],
    persistence: float | None,
) -> Judgement:
    happened = found.ordered[horizon]
    area = grouped.auc() if grouped else None
    spread = gained = None
    if (name, horizon) in drawn:
        spread = metrics.interval(drawn[name, horizon])
        if name != RECENCY:
            gained = metrics.interval(drawn[name, horizon] - drawn[RECENCY, horizon])
    rates: list[float | None] = grouped.decile_rates() if grouped else [None] * metrics.DECILES
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
        average_precision=grouped.average_precision() if grouped else None,
        lift_top_decile=grouped.lift() if grouped else None,
        spend_share_top_decile=spent.top_share() if spent else None,
        decile_rates=rates,
        deciles_fall=metrics.falls_throughout(rates),
        high_risk_customers=None if risky is None else int(risky.sum()),
        high_risk_precision=None
        if risky is None or not risky.sum()
        else float((risky & ~happened).sum() / risky.sum()),
        rank_persistence=persistence,
    )


def _persistence(ranking: Ranking, earlier: Floats) -> float | None:
    """How much a ranking is that of 30 days before, over customers who had ordered by then."""
    is_known = ~np.isnan(earlier)
    return metrics.rank_correlation(ranking.of_rows(is_known), Ranking.of(earlier[is_known]))


class Backtest:
    """Judges snapshots of a run, several at a time; made by `open_backtest`."""

    def __init__(
        self, outcomes: Outcomes | None, wanted: Mapping[date, Sequence[int]], rows: Mapping[str, int]
    ) -> None:
        self._outcomes, self._wanted, self._rows = outcomes, wanted, rows

    def judge(self, days: Sequence[date]) -> list[Judgement]:
        """Judge the snapshots of some days over each horizon that is over; the last day of a month with intervals."""
        wanted = [day for day in days if day in self._wanted]
        if self._outcomes is None or not wanted:
            return []
        judged: list[Judgement] = []
        most = max(self._rows.get(day.isoformat(), 0) for day in wanted)
        threads = max(1, min(_THREADS, os.cpu_count() or 1, _MOST_ROWS_AT_A_TIME // max(1, most)))
        with bg_nbd.without_threads(), ThreadPoolExecutor(threads, "backtest") as pool:
            for together in _batches(wanted, self._rows):
                self._outcomes.load(together)
                judged += chain.from_iterable(pool.map(self._judge, together))
        return judged

    def _judge(self, day: date) -> list[Judgement]:
        assert self._outcomes is not None
        found = self._outcomes.of(day, self._wanted[day])
        return judge(day, found, resamples=RESAMPLES if is_month_end(day) else 0)


@contextmanager
def open_backtest(
    lake: LakeResource, policy: ScoringPolicy, days: Sequence[date], last_order_day: date
) -> Iterator[Backtest]:
    """A backtest of the snapshots of some days; what they need is looked up once. Raises NotPublishedError."""
    wanted = {day: horizons for day in days if (horizons := known_horizons(day, last_order_day))}
    if not wanted:
        yield Backtest(None, {}, {})
        return
    with open_outcomes(lake, policy, wanted) as outcomes:
        yield Backtest(outcomes, wanted, lake.partitions(EngagementScores))


def evaluate(lake: LakeResource, policy: ScoringPolicy, days: Sequence[date], last_order_day: date) -> list[Judgement]:
    """Judge the snapshots of some days over each horizon that is over. Raises NotPublishedError."""
    with open_backtest(lake, policy, days, last_order_day) as backtest:
        return backtest.judge(days)


def judgements_in_words(judged: Sequence[Judgement]) -> str:
    """Whether the score beats recency, and by how much, over the longest horizon of one snapshot, in words."""
    if not judged:
        return "The days after this snapshot are not known yet; nothing can be said of its score."
    horizon = max(each.horizon_days for each in judged)
    of = {each.predictor: each for each in judged if each.horizon_days == horizon}
    return gain_in_words(
        horizon,
        of[SCORE].customers,
        of[SCORE].auc,
        of[RECENCY].auc,
        of[SCORE].auc_gain_low,
        of[SCORE].auc_gain_high,
        of[SCORE].spend_share_top_decile,
        of[BG_NBD].auc if BG_NBD in of else None,
    )


def gain_in_words(
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
