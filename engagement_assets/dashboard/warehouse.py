"""The published tables for the dashboard: one DuckDB connection per process, a cursor per question, answers remembered.

Nothing here writes to the lake or takes a lock. Which files make up a table is looked up again as soon as the table
changes, so that a new snapshot shows up by itself and a half-written one never does.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

import duckdb

from engagement_assets.dashboard.dagster_log import DagsterLog
from engagement_assets.domain.contracts import TABLES, Contract, EngagementScores
from engagement_assets.lake.reading import connect, lock_down, relation_sql
from engagement_assets.lake.tables import LakeResource
from engagement_assets.settings import Settings

Row = dict[str, Any]
Relation = tuple[type[Contract], Sequence[str] | None]
Stamp = tuple[object, ...]

#: Memory that DuckDB may take; the rest of the server needs some 200 MB.
MEMORY_LIMIT = "500MB"

#: Answers remembered: aggregates, never lists of customers.
_MOST_ANSWERS = 512

#: Tables and days whose files are remembered; a year of days is some 60 kB.
_MOST_RELATIONS = 256

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class Catalogue:
    """What there is to choose from: the published snapshots in their order, and the countries of the latest."""

    days: tuple[str, ...]
    countries: tuple[str, ...]

    @property
    def latest(self) -> str | None:
        """The latest snapshot's day; None if nothing is published."""
        return self.days[-1] if self.days else None


class Warehouse:
    """Questions to the published tables."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.lake = LakeResource.of(settings)
        self.dagster = DagsterLog(settings)
        self.meanings = settings.meanings
        self._connection = connect(self.lake)
        self._connection.execute(f"SET memory_limit = '{MEMORY_LIMIT}'")
        self._connection.execute("SET preserve_insertion_order = false")
        # Files never change once they are written, so what their footers say may be kept.
        self._connection.execute("SET parquet_metadata_cache = true")
        lock_down(self._connection, self.lake)
        self._answers: OrderedDict[object, Any] = OrderedDict()
        self._relations: dict[object, str] = {}
        self._pending: dict[object, threading.Lock] = {}
        self._guard = threading.Lock()
        self._stamp: Stamp = ()

    # ---- what is published -------------------------------------------------------------------------------------------

    def stamp(self) -> Stamp:
        """Something that changes whenever a table does; also forgets what was remembered of older versions."""
        current = self.lake.stamp()
        if current != self._stamp:
            with self._guard:
                self._stamp = current
                self._answers.clear()
                self._relations.clear()
                self._pending.clear()
        return current

    def catalogue(self) -> Catalogue:
        """The published snapshots and what can be filtered by."""
        return _catalogue(self)

    def days(self, contract: type[Contract]) -> dict[str, int]:
        """The published partitions of a table with their rows."""
        return partitions(self, contract.table())

    def built_at(self, contract: type[Contract]) -> str | None:
        """When a table was last published, `YYYY-MM-DD HH:MM` in the business time zone."""
        when = self.lake.published_at(contract)
        return when.astimezone(self.settings.zone).strftime("%Y-%m-%d %H:%M") if when else None

    # ---- asking ------------------------------------------------------------------------------------------------------

    def rows(self, sql: str, parameters: dict[str, Any] | None = None, **relations: Relation) -> list[Row]:
        """The rows of a query as dictionaries.

        `{name}` in the SQL stands for a table restricted to some days: `name=(EngagementScores, ["2026-06-30"])`.
        """
        names, found = self._run(sql, parameters, relations, lambda cursor: cursor.fetchall())
        return [dict(zip(names, row, strict=True)) for row in found]

    def one(self, sql: str, parameters: dict[str, Any] | None = None, **relations: Relation) -> Row:
        """The only row of a query."""
        return self.rows(sql, parameters, **relations)[0]

    def stream(
        self, sql: str, parameters: dict[str, Any] | None = None, **relations: Relation
    ) -> Iterator[Sequence[Any]]:
        """The rows of a query, a block at a time in memory; the column names come first."""
        names, cursor = self._run(sql, parameters, relations, lambda cursor: cursor)
        yield names
        with cursor:
            while block := cursor.fetchmany(5_000):
                yield from block

    def _run(
        self,
        sql: str,
        parameters: dict[str, Any] | None,
        relations: dict[str, Relation],
        take: Callable[[duckdb.DuckDBPyConnection], T],
    ) -> tuple[list[str], T]:
        # A file can be replaced and vacuumed between looking it up and reading it: then it is looked up once more.
        for attempt in (1, 2):
            text = sql.format(**{name: f"({self._relation(*relation)})" for name, relation in relations.items()})
            cursor = self._connection.cursor()
            try:
                cursor.execute(text, parameters or {})
                return [column[0] for column in cursor.description], take(cursor)
            except duckdb.IOException:
                if attempt == 2:
                    raise
                self._relations.clear()
        raise AssertionError("unreachable")

    def _relation(self, contract: type[Contract], days: Sequence[str] | None) -> str:
        key = (contract.table(), None if days is None else tuple(days))
        found = self._relations.get(key)
        if found is None:
            found = relation_sql(self.lake, contract, days)
            if len(self._relations) >= _MOST_RELATIONS:
                self._relations.clear()
            self._relations[key] = found
        return found

    def answer(self, key: object, ask: Callable[[], T]) -> T:
        """The remembered answer to a question, or a new one; of several askers at once, one does the work."""
        stamp = self.stamp()
        full = (stamp, key)
        with self._guard:
            if full in self._answers:
                self._answers.move_to_end(full)
                return self._answers[full]
            turn = self._pending.setdefault(full, threading.Lock())
        with turn:
            with self._guard:
                if full in self._answers:
                    return self._answers[full]
            try:
                given = ask()
                with self._guard:
                    self._answers[full] = given
                    while len(self._answers) > _MOST_ANSWERS:
                        self._answers.popitem(last=False)
                return given
            finally:
                with self._guard:
                    self._pending.pop(full, None)


def remembered(
    question: Callable[Concatenate[Warehouse, P], T],
) -> Callable[Concatenate[Warehouse, P], T]:
    """Remember a question's answers by its arguments, as long as no table changes. For aggregates and short lists."""

    @wraps(question)
    def asked(warehouse: Warehouse, *args: P.args, **kwargs: P.kwargs) -> T:
        key = (question.__module__, question.__qualname__, args, tuple(sorted(kwargs.items())))
        return warehouse.answer(key, lambda: question(warehouse, *args, **kwargs))

    return asked


@remembered
def partitions(warehouse: Warehouse, table: str) -> dict[str, int]:
    """The published partitions of a table with their rows."""
    return warehouse.lake.partitions(TABLES[table])


@remembered
def _catalogue(warehouse: Warehouse) -> Catalogue:
    days = tuple(day for day, rows in warehouse.days(EngagementScores).items() if rows)
    if not days:
        return Catalogue((), ())
    found = warehouse.rows(
        "SELECT DISTINCT country FROM {scores} ORDER BY country", scores=(EngagementScores, [days[-1]])
    )
    return Catalogue(days, tuple(row["country"] for row in found))
