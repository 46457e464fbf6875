"""The parts of the backtest that are no SQL: a model that is fitted, and intervals that are drawn.

Both are called as one calls a library. That they are right is for their own tests to say; the comparison says nothing of it.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
from threadpoolctl import threadpool_limits

from engagement_assets.analysis.backtest.bg_nbd import Purchases, expected_purchases, fit
from engagement_assets.analysis.backtest.metrics import Ranking, bootstrap_auc, interval

HORIZONS = (30, 60, 90)

#: Predictors that have intervals, on the last days of months.
WATCHED = ("score", "recency", "bg_nbd")

RESAMPLES = 200

_HISTORY = ("repeats", "bought_for", "age")

_EXPECTED = pa.schema(
    [
        ("as_of_date", pa.date32()),
        ("horizon_days", pa.int32()),
        *((name, pa.int64()) for name in _HISTORY),
        ("bg_nbd", pa.float64()),
    ]
)


def expect_purchases(connection: duckdb.DuckDBPyConnection) -> None:
    """Fit a BG/NBD model to each snapshot in `buyers`; table `expected` has what it expects of each history, by horizon."""
    found: dict[str, Any] = connection.execute(
        "SELECT as_of_date, repeats, bought_for, age, count(*)::DOUBLE AS buyers FROM buyers GROUP BY ALL ORDER BY ALL"
    ).fetchnumpy()

    def expected(day: np.datetime64) -> list[pa.Table]:
        rows = found["as_of_date"] == day
        repeats, bought_for, age, buyers = (found[name][rows] for name in (*_HISTORY, "buyers"))
        known = Purchases(repeats, bought_for, age, buyers)
        model = fit(known)
        if model is None:
            return []
        key, ones = [repeats, bought_for, age], np.ones(len(age), np.int32)
        return [
            pa.table([np.full(len(age), day), horizon * ones, *key, purchases], schema=_EXPECTED)
            for horizon, purchases in expected_purchases(model, known, HORIZONS).items()
        ]

    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(2) as pool:
        tables = [table for each in pool.map(expected, np.unique(found["as_of_date"])) for table in each]
    connection.register("model", pa.concat_tables([_EXPECTED.empty_table(), *tables]))
    connection.execute("CREATE TABLE expected AS SELECT * FROM model")
    connection.unregister("model")


def draw_intervals(connection: duckdb.DuckDBPyConnection) -> None:
    """Table `intervals`: those of the AUC and of its gain over recency, for the snapshots in `outcomes` of months' last days."""
    connection.execute(
        "CREATE TABLE intervals (as_of_date DATE, horizon_days INTEGER, predictor VARCHAR, auc_low DOUBLE, auc_high DOUBLE, "
        "auc_gain_low DOUBLE, auc_gain_high DOUBLE)"
    )
    snapshots = connection.execute(
        "SELECT DISTINCT as_of_date, horizon_days FROM outcomes WHERE day(as_of_date + 1) = 1"
    ).fetchall()
    for day, horizon in snapshots:
        found: dict[str, Any] = connection.execute(
            f"SELECT {', '.join(WATCHED)}, again FROM outcomes WHERE as_of_date = $1 AND horizon_days = $2 "
            "ORDER BY customer_id",
            [day, horizon],
        ).fetchnumpy()
        fitted = [name for name in WATCHED if not np.ma.is_masked(found[name])]
        rankings = {name: (Ranking.of(found[name]), found["again"]) for name in fitted}
        drawn = bootstrap_auc(rankings, resamples=RESAMPLES, seed=day.toordinal())
        for name, areas in drawn.items():
            gain = interval(areas - drawn["recency"]) if name != "recency" else (None, None)
            ends = [*interval(areas), *gain]
            connection.execute("INSERT INTO intervals VALUES (?, ?, ?, ?, ?, ?, ?)", [day, horizon, name, *ends])
