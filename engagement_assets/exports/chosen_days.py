"""Which days, and which orders, of the tables an export holds, and in words what it leaves out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from itertools import accumulate

import duckdb
import pyarrow as pa

from engagement_assets.domain.catalogue import daily_tables
from engagement_assets.domain.contracts import Contract
from engagement_assets.domain.days import as_date
from engagement_assets.exports.star_schema import KNOWN_ORDERS, Days
from engagement_assets.settings import PREFIX, Settings

#: Days up to the exported one of which a thinned history keeps each; of the months before, it keeps the last day.
DAILY_DAYS = 30

_BY_ROWS = f"({PREFIX}EXPORT_ROWS)"


@dataclass(frozen=True)
class Chosen:
    """The days of a table that a file is made from (None: the table has no days), and what is left out, in words."""

    days: list[str] | None
    left_out: str = ""


@dataclass(frozen=True)
class Choice:
    """What is chosen for the export of a day; `published` gives the published days of a table with their rows."""

    settings: Settings
    day: str
    published: Callable[[type[Contract]], Mapping[str, int]]

    def days(self, contract: type[Contract], wanted: Days) -> Chosen:
        """The days of a table that a file is made from."""
        if contract not in daily_tables():
            return Chosen(None)
        if wanted is Days.SNAPSHOT:
            return Chosen([self.day])
        known = {found: rows for found, rows in self.published(contract).items() if found <= self.day}
        if wanted is Days.ALL:
            return Chosen(list(known))
        if wanted is Days.RESULTS:
            return Chosen(
                [found for found in known if found >= self._first(self.settings.results.days_of_audiences + 1)]
            )
        window = self._first(self.settings.scoring.activity_window_days)
        # What looks back over the window, and a week back, is right whatever the limits.
        first = window if wanted is Days.WINDOW else min(window, self._first(self.settings.export_days))
        rows = {found: count for found, count in known.items() if found >= first}
        if wanted is Days.WINDOW or not rows:
            return Chosen(list(rows))
        left_out = f"Days before {first} ({PREFIX}EXPORT_DAYS)." if len(rows) < len(known) else ""
        if wanted is Days.HISTORY:
            days = thinned(rows, self.settings.export_rows)
            if len(days) < len(rows):
                left_out += (
                    f" {len(rows) - len(days)} days between {first} and {self.day}: of the last {DAILY_DAYS} days each is "
                    f"kept, and of earlier months the last, as far as they fit {_BY_ROWS}."
                )
        elif wanted is Days.NEWEST:
            days = newest(rows, self.settings.export_rows, window)
            if len(days) < len(rows):
                left_out = f"Days before {days[0]} {_BY_ROWS}."
        else:
            days = list(rows)
        return Chosen(days, left_out.strip())

    def latest_orders(self, connection: duckdb.DuckDBPyConnection) -> tuple[str, str]:
        """The condition on `raw_orders` that keeps each customer's latest orders, as many as fit, and what it leaves out.

        Both are empty where every order fits. A customer's latest order is kept in any case.
        """
        most = self.settings.export_rows
        (total,) = connection.execute(f"SELECT count(*) FROM {KNOWN_ORDERS}").fetchall()[0]
        if total <= most:
            return "", ""
        per_number = connection.execute(
            f"SELECT orders, count(*) FROM (SELECT count(*) AS orders FROM {KNOWN_ORDERS} GROUP BY customer_id) GROUP BY 1"
        ).fetchall()

        def kept(each: int) -> int:
            return sum(min(orders, each) * customers for orders, customers in per_number)

        each = 1
        while kept(each + 1) <= most:
            each += 1
        condition = (
            f"QUALIFY row_number() OVER (PARTITION BY customer_id ORDER BY order_date DESC, order_id DESC) <= {each}"
        )
        latest = "latest order" if each == 1 else f"{each} latest orders"
        return condition, f"{total - kept(each)} older orders: each customer's {latest} are kept {_BY_ROWS}."

    def row_counts(self) -> pa.Table:
        """The rows of each daily table on its days, from the tables' logs: as_of_date, table_name, rows."""
        counted = [
            {"as_of_date": day, "table_name": contract.table(), "rows": rows}
            for contract in daily_tables()
            for day, rows in self.published(contract).items()
            if day <= self.day
        ]
        names = {"as_of_date": pa.string(), "table_name": pa.string(), "rows": pa.int64()}
        return pa.Table.from_pylist(counted, pa.schema(names))

    def literals(self) -> dict[str, str]:
        """What the names in a file's query stand for."""
        return {
            "$zone": f"'{self.settings.timezone}'",
            "$first": f"DATE '{self.settings.start_date.year}-01-01'",
            "$again_after": str(self.settings.results.again_after_days),
            "$day": f"DATE '{self.day}'",
            "$after": f"DATE '{as_date(self.day).year + 1}-01-01'",
        }

    def _first(self, days: int) -> str:
        return (as_date(self.day) - timedelta(days=days - 1)).isoformat()


def newest(rows: Mapping[str, int], most: int, at_least_from: str) -> list[str]:
    """The newest days that have at most so many rows together, and in any case those from a day on; `rows` by day, in order."""
    days = list(rows)[::-1]
    fit = sum(total <= most for total in accumulate(rows[day] for day in days))
    always = sum(day >= at_least_from for day in days)
    return days[: max(fit, always, 1)][::-1]


def thinned(rows: Mapping[str, int], most: int) -> list[str]:
    """Every day if they have at most so many rows together; otherwise the newest, the last of each month, and the last 30 days.

    Of these, in this order and the newest first, those that fit; the newest in any case.
    """
    days = list(rows)[::-1]
    if sum(rows.values()) <= most:
        return days[::-1]
    newest_day = as_date(days[0])
    month_ends = list({day[:7]: day for day in rows}.values())[::-1]
    recent = [day for day in days if (newest_day - as_date(day)).days < DAILY_DAYS]
    kept: list[str] = []
    total = 0
    for day in dict.fromkeys([days[0], *month_ends, *recent]):
        total += rows[day]
        if kept and total > most:
            break
        kept.append(day)
    return sorted(kept)
