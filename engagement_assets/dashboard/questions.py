"""What several pages ask: the filters as SQL, key figures of a day, trends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from engagement_assets.dashboard.state import View
from engagement_assets.dashboard.warehouse import Relation, Row, Warehouse, remembered
from engagement_assets.domain.contracts import EngagementMetrics, EngagementScores
from engagement_assets.domain.score_parts import PARTS
from engagement_assets.exports.measures import select
from engagement_assets.lake.staleness import policies

#: Countries, segments, value segments; an empty part stands for all.
Filters = tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]

#: What a visual draws; None where it needs a comparison date and there is none.
Question = Callable[[Warehouse, View], Any]

#: Groups that customers are narrowed to, as (dimension, value), each dimension once.
Within = tuple[tuple[str, str], ...]

#: The column of each dimension that a score can be broken down by.
DIMENSION_COLUMNS = {"segment": "engagement_segment", "country": "country", "status": "engagement_status"}

#: Rows that a trend under filters may read; beyond it, days are left out evenly.
TREND_ROWS = 8_000_000

#: Days that a trend reaches back.
TREND_DAYS = 365

#: Measures of a day's customers, and those of them that are followed over time.
KEY_FIGURES = (
    "customers",
    "average_score",
    "average_reference_score",
    "high_risk_share",
    "high_risk_customers",
    "average_sessions",
    "revenue_at_risk",
    "slipping_customers",
    "slipping_share",
    "slipping_revenue",
    "slipping_loss",
    "slipping_return_share",
    "revenue",
    "orders",
    *(part.name for part in PARTS),
    *(f"{part.name}_part" for part in PARTS),
)
FOLLOWED = (
    *("customers", "average_score", "average_reference_score", "high_risk_customers", "high_risk_share"),
    *("slipping_customers", "slipping_share"),
)


def of_day(ask: Callable[[Warehouse, str, Filters], Any]) -> Question:
    """What is asked of the customers who match the filters on the day."""
    return lambda warehouse, view: ask(warehouse, view.as_of, view.filters)


def since(ask: Callable[[Warehouse, str, str, Filters], Any]) -> Question:
    """What is asked of them and of the comparison date."""
    return lambda warehouse, view: ask(warehouse, view.as_of, view.compared, view.filters) if view.compared else None


def where(filters: Filters, within: Within = ()) -> tuple[str, dict[str, Any]]:
    """Filters and groups as a SQL condition on `s` (`true` where none is set) and its parameters."""
    chosen = dict(zip(("country", "engagement_segment", "value_segment"), filters, strict=True))
    parts: list[str] = []
    parameters: dict[str, Any] = {}
    for column, values in [*chosen.items(), *((DIMENSION_COLUMNS[dimension], (value,)) for dimension, value in within)]:
        if values:
            names = [f"p{len(parameters) + number}" for number in range(len(values))]
            parts.append(f"s.{column} IN ({', '.join('$' + name for name in names)})")
            parameters |= dict(zip(names, values, strict=True))
    return " AND ".join(parts) or "true", parameters


@dataclass(frozen=True)
class Customers:
    """The customers of a day's snapshot who match the filters and belong to the groups.

    In the SQL that is asked, `{scores} s` stands for the snapshot and `{filters}` for the condition on `s`; further relations
    are given by name, another one for `scores` too.
    """

    warehouse: Warehouse
    day: str
    filters: Filters
    within: Within = ()

    def rows(self, sql: str, parameters: dict[str, Any] | None = None, **relations: Relation) -> list[Row]:
        """The rows of a query."""
        condition, own = where(self.filters, self.within)
        relations.setdefault("scores", (EngagementScores, [self.day]))
        return self.warehouse.rows(sql.replace("{filters}", condition), {**own, **(parameters or {})}, **relations)

    def one(self, sql: str, parameters: dict[str, Any] | None = None, **relations: Relation) -> Row:
        """The only row of a query."""
        return self.rows(sql, parameters, **relations)[0]


@remembered
def key_figures(warehouse: Warehouse, day: str, filters: Filters, within: Within = ()) -> Row:
    """Totals of the customers who match the filters on a day; averages are None where nobody does."""
    figures = select(warehouse.settings.scoring, *KEY_FIGURES)
    return Customers(warehouse, day, filters, within).one(f"SELECT {figures} FROM {{scores}} s WHERE {{filters}}")


def comparison(warehouse: Warehouse, view: View) -> Row | None:
    """The key figures of the comparison date; None without one."""
    return key_figures(warehouse, view.compared, view.filters) if view.compared else None


@remembered
def trend(warehouse: Warehouse, until: str, filters: Filters) -> list[Row]:
    """Per day up to `until`: as_of_date, the measures of `FOLLOWED`, policy.

    Without filters from the daily totals; with filters from the snapshots themselves, days left out evenly where that would
    be too many rows.
    """
    if not any(filters):
        measured = [day for day in warehouse.days(EngagementMetrics) if day <= until][-TREND_DAYS:]
        rows = warehouse.rows(
            "SELECT *, slipping_customers / nullif(customers, 0) AS slipping_share FROM {metrics} ORDER BY as_of_date",
            metrics=(EngagementMetrics, measured),
        )
        return _with_policies(warehouse, rows)
    days = [day for day in warehouse.catalogue().days if day <= until][-TREND_DAYS:]
    figures = select(warehouse.settings.scoring, *FOLLOWED)
    rows = Customers(warehouse, until, filters).rows(
        f"SELECT as_of_date, {figures} FROM {{scores}} s WHERE {{filters}} GROUP BY as_of_date ORDER BY as_of_date",
        scores=(EngagementScores, thinned(warehouse, days)),
    )
    return _with_policies(warehouse, rows)


def _with_policies(warehouse: Warehouse, rows: list[Row]) -> list[Row]:
    """Rows of days with the fingerprint of the scoring policy (`policy`) that each day was made with, None where unknown."""
    made = policies(warehouse.lake)
    return [{**row, "policy": made.get(str(row["as_of_date"]))} for row in rows]


def thinned(warehouse: Warehouse, days: list[str], rows: int = TREND_ROWS) -> list[str]:
    """Days, the last among them, left out evenly so that their snapshots hold at most `rows` rows (but two days at least)."""
    published = warehouse.days(EngagementScores)
    most = max(2, rows // max(1, published[days[-1]]))
    step = -(-len(days) // most)
    return days[::-1][::step][::-1]
