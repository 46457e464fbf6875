"""Snapshots with what their buyers did before and after them: read once for all snapshots of a run, in numbers only.

Buyers are numbered in the order of their identifiers; everything that is judged is an array by that number. A snapshot's arrays
hold its own buyers only, in that order, and so do not depend on which other snapshots are read with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from engagement_assets.analysis.backtest import lists
from engagement_assets.analysis.backtest.bg_nbd import Purchases
from engagement_assets.analysis.backtest.earlier import EARLIER, scale_then, score_then
from engagement_assets.analysis.backtest.metrics import Values
from engagement_assets.domain.contracts import EngagementScores, RawOrders, ReturnRates
from engagement_assets.domain.days import as_date, days_between
from engagement_assets.domain.return_chance import ORDER_DAYS_FROM, SILENCE_FROM
from engagement_assets.domain.scoring_policy import ScoringPolicy
from engagement_assets.lake.reading import opened
from engagement_assets.lake.tables import LakeResource

SCORE, RECENCY, BG_NBD = "score", "recency", "bg_nbd"
RETURN_CHANCE, EXPECTED_REVENUE = "return_chance", "expected_revenue"

#: What is judged: the score, and simpler things that it has to be better than. SQL over a row of engagement_scores.
PREDICTORS = {
    SCORE: "engagement_score",
    "reference_score": "reference_score",
    RECENCY: "-recency_days",
    "frequency": "total_orders",
    "rfm_quintiles": "rfm_recency + rfm_frequency + rfm_monetary",
    RETURN_CHANCE: "return_chance",
    EXPECTED_REVENUE: "expected_revenue_90_days",
}

#: What the lists are made from, beside predictors.
_LISTED = {
    "slips": "coalesce(is_slipping, false)",
    "revenue_of_a_year": "coalesce(revenue_last_365_days, 0)::DOUBLE",
    "revenue": "total_revenue::DOUBLE",
}


@dataclass(frozen=True)
class FollowedSnapshot:
    """Customers of a snapshot with what they did in the days after it, each an array in the same order."""

    #: Those that are known of every customer.
    predictors: dict[str, Values]
    #: The same of 30 days before, as far as it is known; NaN for customers who had not ordered by then.
    earlier: dict[str, Values]
    #: What the BG/NBD model is fitted to: orders up to the snapshot.
    purchases: Purchases
    candidates: lists.Candidates
    #: Horizon in days -> whether they ordered within it, what they spent (in hundredths, so that sums are exact).
    ordered: dict[int, NDArray[np.bool_]]
    spent: dict[int, Values]


class Outcomes:
    """The snapshots of some days and all orders before them and within their horizons; made by `open_outcomes`."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, policy: ScoringPolicy) -> None:
        self._connection, self._policy = connection, policy
        connection.execute(
            "CREATE TABLE spending AS SELECT customer_id, as_of_date, (100 * sum(order_amount))::BIGINT AS hundredths "
            "FROM raw_orders GROUP BY ALL"
        )
        connection.execute(
            "CREATE TABLE buyers AS SELECT customer_id, (row_number() OVER (ORDER BY customer_id) - 1)::INTEGER AS buyer "
            "FROM (SELECT DISTINCT customer_id FROM spending)"
        )
        found = connection.execute(
            "SELECT buyer, (as_of_date - DATE '1970-01-01')::INTEGER AS day, hundredths::DOUBLE AS hundredths "
            "FROM spending JOIN buyers USING (customer_id) ORDER BY as_of_date"
        ).fetchnumpy()
        connection.execute("DROP TABLE spending")
        self._buyer, self._day = np.asarray(found["buyer"]), np.asarray(found["day"])
        self._hundredths = np.asarray(found["hundredths"])
        self._buyers = int(self._buyer.max()) + 1 if len(self._buyer) else 0
        self._first_day = np.zeros(self._buyers, dtype=np.int32)
        # Where a buyer is named more than once, the value that is assigned last stays.
        self._first_day[self._buyer[::-1]] = self._day[::-1]

    def load(self, days: Sequence[date]) -> None:
        """Read what is judged of some snapshots into a table: once, not once for each day that is asked for."""
        predictors = ", ".join(f"{sql} AS {name}" for name, sql in {**PREDICTORS, **_LISTED}.items())
        earlier = ", ".join(f"{sql} AS earlier_{name}" for name, sql in EARLIER.items())
        chosen = "as_of_date IN (SELECT unnest($days))"
        self._connection.execute(
            f"CREATE OR REPLACE TABLE scales AS {scale_then(self._policy, chosen)}", {"days": list(days)}
        )
        self._connection.execute(
            f"""
            CREATE OR REPLACE TABLE judged AS
            WITH scored AS (SELECT *, {score_then(self._policy)} AS score_then
                            FROM engagement_scores LEFT JOIN scales USING (as_of_date) WHERE total_orders > 0 AND {chosen})
            SELECT as_of_date, buyer, is_high_risk, {predictors}, {earlier} FROM scored JOIN buyers USING (customer_id)
            """,
            {"days": list(days)},
        )

    def of(self, day: date, horizons: Sequence[int]) -> FollowedSnapshot:
        """A snapshot that is loaded, and what came after; may be asked for in several threads."""
        with self._connection.cursor() as cursor:
            rows = cursor.execute("SELECT * EXCLUDE as_of_date FROM judged WHERE as_of_date = $day", {"day": day})
            found = {name: _plain(values) for name, values in rows.fetchnumpy().items()}
        number = (day - date(1970, 1, 1)).days
        until = int(np.searchsorted(self._day, number, side="right"))
        purchases = np.bincount(self._buyer[:until], minlength=self._buyers)
        order_days_before, chance_before = self._month_before(day, number - lists.DAYS_BEFORE)
        last_day = self._first_day.copy()
        last_day[self._buyer[:until]] = self._day[:until]
        order = np.argsort(found["buyer"])
        order = order[purchases[found["buyer"][order]] > 0]
        columns = {name: values[order] for name, values in found.items()}
        buyer = columns["buyer"]
        ordered, spent = {}, {}
        for horizon in horizons:
            within = slice(until, int(np.searchsorted(self._day, number + horizon, side="right")))
            again = np.zeros(self._buyers, dtype=bool)
            again[self._buyer[within]] = True
            ordered[horizon] = again[buyer]
            spent[horizon] = np.bincount(self._buyer[within], self._hundredths[within], self._buyers)[buyer]
        predictors = {name: columns[name] for name in PREDICTORS}
        return FollowedSnapshot(
            {
                name: values
                for name, values in predictors.items()
                if not (values.dtype.kind == "f" and np.isnan(values).any())
            },
            {name: columns[f"earlier_{name}"] for name in EARLIER},
            Purchases(purchases[buyer] - 1, last_day[buyer] - self._first_day[buyer], number - self._first_day[buyer]),
            lists.Candidates(
                columns["slips"],
                columns["is_high_risk"],
                columns[SCORE],
                -columns[RECENCY],
                columns["revenue_of_a_year"],
                columns["revenue"],
                order_days_before[buyer],
                chance_before[buyer],
            ),
            ordered,
            spent,
        )

    def _month_before(self, day: date, number: int) -> tuple[Values, Values]:
        """Of each buyer the order days up to a day (its `number`), and the chance of the cell they stood in then.

        The chances are those that the snapshot of `day` knows; NaN where it knows none, and for who had not ordered.
        """
        until = int(np.searchsorted(self._day, number, side="right"))
        order_days = np.bincount(self._buyer[:until], minlength=self._buyers)
        last_day = np.zeros(self._buyers, dtype=np.int64)
        last_day[self._buyer[:until]] = self._day[:until]
        with self._connection.cursor() as cursor:
            cells = cursor.execute(
                "SELECT silence_from_days, order_days_from, chance FROM return_rates WHERE as_of_date = $day",
                {"day": day},
            ).fetchall()
        of_cell = {(silence, days): chance for silence, days, chance in cells}
        known = np.full((len(SILENCE_FROM), len(ORDER_DAYS_FROM)), np.nan)
        for row, silence in enumerate(SILENCE_FROM):
            for column, days in enumerate(ORDER_DAYS_FROM):
                known[row, column] = of_cell.get((silence, days), np.nan)
        rows = np.searchsorted(SILENCE_FROM, number - last_day, side="right") - 1
        columns = np.searchsorted(ORDER_DAYS_FROM, order_days, side="right") - 1
        return order_days, np.where(order_days > 0, known[rows, columns], np.nan)


def _plain(values: Any) -> Values:
    """Without a mask: NaN where there is nothing."""
    if np.ma.isMaskedArray(values) and values.mask.any():
        return np.asarray(np.ma.filled(values.astype(float), np.nan))
    return np.asarray(values)


@contextmanager
def open_outcomes(
    lake: LakeResource, policy: ScoringPolicy, wanted: Mapping[date, Sequence[int]]
) -> Iterator[Outcomes]:
    """Snapshots with the horizons over which they are to be judged, looked up once. Raises NotPublishedError."""
    snapshots = [day.isoformat() for day in wanted]
    last = max(day + timedelta(days=max(horizons)) for day, horizons in wanted.items())
    published = lake.partitions(RawOrders)
    orders = days_between(min([*wanted, *map(as_date, published)]), last)
    lake.require(RawOrders, orders)
    lake.require(EngagementScores, snapshots)
    # Without them, as where 0.1.0 built the snapshots, nothing is told of lists.
    rates = sorted(set(snapshots) & set(lake.partitions(ReturnRates)))
    with opened(lake, {EngagementScores: snapshots, RawOrders: orders, ReturnRates: rates}) as connection:
        yield Outcomes(connection, policy)
