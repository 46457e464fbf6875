"""Snapshots against what came after: each predictor of a snapshot judged by the orders of the days that followed.

Judged are customers who had ordered by the snapshot: whether they order again, and how much they spend. Those who never
ordered are left out: recency and frequency say nothing of them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import chain
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from engagement_assets.analysis.backtest import bg_nbd, lists, metrics
from engagement_assets.analysis.backtest.earlier import EARLIER
from engagement_assets.analysis.backtest.metrics import Floats, Grouped, Ranking, Values
from engagement_assets.analysis.backtest.outcomes import (
    BG_NBD,
    EXPECTED_REVENUE,
    PREDICTORS,
    RECENCY,
    RETURN_CHANCE,
    SCORE,
    FollowedSnapshot,
    Outcomes,
    open_outcomes,
)
from engagement_assets.domain.catalogue import HORIZONS
from engagement_assets.domain.contracts import EngagementScores, ScoreBacktest
from engagement_assets.domain.return_chance import OUTCOME_DAYS
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


#: How well one predictor of one snapshot did over one horizon: a row of the table `score_backtest`, its columns in their order.
Judgement = Mapping[str, Any]


def known_horizons(day: date, last_order_day: date) -> list[int]:
    """The horizons of a snapshot that are over."""
    return [horizon for horizon in HORIZONS if day + timedelta(days=horizon) <= last_order_day]


def is_month_end(day: date) -> bool:
    """Whether the next day begins a month."""
    return (day + timedelta(days=1)).day == 1


def _batches(days: Sequence[date], rows: Mapping[str, int]) -> Iterator[list[date]]:
    """Days whose snapshots are read together, in their order."""
    batch: list[date] = []
    for day in days:
        if batch and sum(rows.get(each.isoformat(), 0) for each in (*batch, day)) > _MOST_ROWS:
            yield batch
            batch = []
        batch.append(day)
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
    judged: list[Judgement] = []
    for horizon, happened in found.ordered.items():
        recency = ranked[RECENCY, horizon].sums(happened).auc()
        for name in (*PREDICTORS, BG_NBD):
            key = (name, horizon)
            row: dict[str, Any] = dict.fromkeys(ScoreBacktest.columns())
            row |= {
                "as_of_date": day,
                "horizon_days": horizon,
                "predictor": name,
                "customers": len(happened),
                "ordered_again": int(happened.sum()),
                "base_rate": float(happened.mean()) if len(happened) else None,
                "rank_persistence": persistence.get(name),
            }
            if key in ranked:
                row |= _figures(ranked[key].sums(happened), ranked[key].sums(found.spent[horizon]))
                row["auc_gain"] = None if row["auc"] is None or recency is None else row["auc"] - recency
            if key in drawn:
                row["auc_low"], row["auc_high"] = metrics.interval(drawn[key])
                if name != RECENCY:
                    gained = drawn[key] - drawn[RECENCY, horizon]
                    row["auc_gain_low"], row["auc_gain_high"] = metrics.interval(gained)
            if name == SCORE:
                risky = found.candidates.is_high_risk
                active = risky & found.candidates.were_active
                row["high_risk_customers"] = int(risky.sum())
                row["high_risk_precision"] = float((active & ~happened).sum() / active.sum()) if active.any() else None
                if horizon == lists.DAYS_AFTER:
                    row |= lists.judge_lists(found.candidates, happened)
            if horizon == OUTCOME_DAYS and key in ranked:
                row |= _against_what_was_seen(name, found.predictors.get(name), ranked[key], row, found.spent[horizon])
            judged.append(row)
    return judged


def _figures(ordered: Grouped, spent: Grouped) -> dict[str, Any]:
    """What a ranking tells of who ordered again, and of what was spent."""
    rates = ordered.decile_rates()
    return {
        "auc": ordered.auc(),
        "average_precision": ordered.average_precision(),
        "lift_top_decile": ordered.lift(),
        "spend_share_top_decile": spent.top_share(),
        **{f"decile_{number}_rate": rate for number, rate in enumerate(rates, start=1)},
        "deciles_fall": metrics.falls_throughout(rates),
    }


def _against_what_was_seen(
    name: str, predicted: Values | None, ranking: Ranking, row: Mapping[str, Any], spent: Values
) -> dict[str, Any]:
    """How far what is a forecast, of a chance or of a sum, was from what was seen."""
    if predicted is None:
        return {}
    if name == EXPECTED_REVENUE:
        return {"predicted_total": float(predicted.sum()), "spent_total": float(spent.sum()) / 100}
    if name != RETURN_CHANCE:
        return {}
    chances = ranking.sums(predicted).decile_rates()
    seen = [row[f"decile_{number}_rate"] for number in range(1, len(chances) + 1)]
    return {
        **{f"decile_{number}_predicted": chance for number, chance in enumerate(chances, start=1)},
        "calibration_error": float(np.mean([abs(chance - rate) for chance, rate in zip(chances, seen, strict=True)])),
    }


def _persistence(ranking: Ranking, earlier: Floats) -> float | None:
    """How much a ranking is that of 30 days before, over customers who had ordered by then."""
    is_known = ~np.isnan(earlier)
    return metrics.rank_correlation(ranking.of_rows(is_known), Ranking.of(earlier[is_known]))


@dataclass(frozen=True)
class Backtest:
    """Judges snapshots of a run, several at a time; made by `open_backtest`."""

    _outcomes: Outcomes | None
    #: The horizons of each snapshot that are over; the rows of each day's snapshot.
    _wanted: Mapping[date, Sequence[int]]
    _rows: Mapping[str, int]

    def judge(self, days: Sequence[date]) -> list[Judgement]:
        """Judge the snapshots of some days over each horizon that is over; the last day of a month with intervals."""
        outcomes, wanted = self._outcomes, [day for day in days if day in self._wanted]
        if outcomes is None or not wanted:
            return []

        def judged(day: date) -> list[Judgement]:
            found = outcomes.of(day, self._wanted[day])
            return judge(day, found, resamples=RESAMPLES if is_month_end(day) else 0)

        most = max(self._rows.get(day.isoformat(), 0) for day in wanted)
        threads = max(1, min(_THREADS, os.cpu_count() or 1, _MOST_ROWS_AT_A_TIME // max(1, most)))
        found: list[Judgement] = []
        # Linear algebra in one thread: of matrices of a few numbers, threads wait for each other more than they work.
        with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(threads, "backtest") as pool:
            for together in _batches(wanted, self._rows):
                outcomes.load(together)
                found += chain.from_iterable(pool.map(judged, together))
        return found


@contextmanager
def open_backtest(
    lake: LakeResource, policy: ScoringPolicy, days: Sequence[date], last_order_day: date
) -> Iterator[Backtest]:
    """A backtest of the snapshots of some days; what they need is looked up once. Raises NotPublishedError."""
    wanted = {day: horizons for day in days if (horizons := known_horizons(day, last_order_day))}
    with open_outcomes(lake, policy, wanted) if wanted else nullcontext() as outcomes:
        yield Backtest(outcomes, wanted, lake.partitions(EngagementScores))


def judgements_in_words(judged: Sequence[Judgement]) -> str:
    """Whether the score beats recency, and by how much, over the longest horizon of one snapshot, in words."""
    if not judged:
        return "The days after this snapshot are not known yet; nothing can be said of its score."
    horizon = max(each["horizon_days"] for each in judged)
    of = {each["predictor"]: each for each in judged if each["horizon_days"] == horizon}
    row, recency, model = of[SCORE], of[RECENCY]["auc"], of.get(BG_NBD, {}).get("auc")
    customers, score, spend_share = row["customers"], row["auc"], row["spend_share_top_decile"]
    if score is None or recency is None:
        return f"Of {customers:,} buyers all or none ordered within {horizon} days: no score could tell them from each other."
    gain = low = high = score - recency
    sure = ", without an interval"
    if row["auc_gain_low"] is not None:
        low, high = row["auc_gain_low"], row["auc_gain_high"]
        sure = f", 95 % interval {low:+.3f} to {high:+.3f}"
    how = "better" if low > 0 else "worse" if high < 0 else "no better"
    spend = (
        "" if spend_share is None else f" The top 10 % by score brought {100 * spend_share:.0f} % of what was spent."
    )
    fitted = (
        " No BG/NBD model could be fitted: too few buyers came back, or none fits."
        if model is None
        else f" A BG/NBD model, fitted to each customer's orders, has AUC {model:.3f} ({score - model:+.3f} for the score)."
    )
    return (
        f"Over {horizon} days the score tells {how} than recency alone which of {customers:,} buyers order again: "
        f"AUC {score:.3f} against {recency:.3f} ({gain:+.3f}{sure}).{fitted}{spend}"
    )
