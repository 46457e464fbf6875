"""Questions of the page on the quality of the score."""

from __future__ import annotations

from engagement_assets.analysis.backtest.evaluation import is_month_end
from engagement_assets.analysis.backtest.sensitivity import (
    Sensitivity,
    component_scores,
    customer_rows,
    summary,
    try_weightings,
)
from engagement_assets.dashboard.warehouse import Row, Warehouse, remembered
from engagement_assets.domain.contracts import ScoreBacktest
from engagement_assets.domain.days import as_date

_DAYS = 365
_FEW = 12


@remembered
def judged_day(warehouse: Warehouse, day: str) -> str | None:
    """The snapshot to show: the latest month's end up to `day` that is judged, else the latest that is; None if none is."""
    judged = [found for found, rows in warehouse.days(ScoreBacktest).items() if rows and found <= day]
    ends = [found for found in judged if is_month_end(as_date(found))]
    return ends[-1] if ends else judged[-1] if judged else None


@remembered
def judgements(warehouse: Warehouse, day: str) -> list[Row]:
    """How each predictor of a snapshot did over each horizon."""
    return warehouse.rows(
        "SELECT * FROM {backtest} b ORDER BY horizon_days, auc DESC NULLS LAST, predictor",
        backtest=(ScoreBacktest, [day]),
    )


@remembered
def over_time(warehouse: Warehouse, day: str, horizon: int) -> list[Row]:
    """AUC of score, recency and BG/NBD per judged snapshot up to `day`, and how much of the score's ranking persisted."""
    days = [found for found, rows in warehouse.days(ScoreBacktest).items() if rows and found <= day][-_DAYS:]
    return warehouse.rows(
        """
        SELECT as_of_date, max(auc) FILTER (predictor = 'score') AS score, max(auc) FILTER (predictor = 'recency') AS recency,
               max(auc) FILTER (predictor = 'bg_nbd') AS bg_nbd,
               max(rank_persistence) FILTER (predictor = 'score') AS persistence
        FROM {backtest} b WHERE horizon_days = $horizon GROUP BY 1 ORDER BY 1
        """,
        {"horizon": horizon},
        backtest=(ScoreBacktest, days),
    )


@remembered
def _under_other_weights(warehouse: Warehouse, day: str) -> tuple[Sensitivity | None, list[Row]]:
    customers, parts = component_scores(warehouse.lake, day)
    tried = try_weightings(parts, warehouse.settings.scoring)
    return summary(tried), customer_rows(customers, tried, always_high=_FEW)


def weights(warehouse: Warehouse, day: str) -> Sensitivity | None:
    """What other weights would change in a snapshot."""
    return _under_other_weights(warehouse, day)[0]


def surest(warehouse: Warehouse, day: str) -> list[Row]:
    """The first of the customers who are High under every weighting."""
    return _under_other_weights(warehouse, day)[1]


def rank_ranges(warehouse: Warehouse, day: str) -> list[Row]:
    """Lowest and highest rank and segment of each customer under other weights, the surest first; not remembered, being long."""
    customers, parts = component_scores(warehouse.lake, day)
    return customer_rows(customers, try_weightings(parts, warehouse.settings.scoring))
