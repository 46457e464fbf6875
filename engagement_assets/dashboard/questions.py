"""What several pages ask: the filters as SQL, key figures of a day, trends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from engagement_assets.dashboard.state import View
from engagement_assets.dashboard.warehouse import Relation, Row, Warehouse, remembered
from engagement_assets.domain.contracts import EngagementMetrics, EngagementScores
from engagement_assets.domain.score_parts import PARTS
from engagement_assets.exports.measures import select

#: Countries, segments, value segments; an empty part stands for all.
Filters = tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]

#: What a visual draws; None where it needs a comparison date and there is none.
Question = Callable[[Warehouse, View], Any]

_FILTER_COLUMNS = ("country", "engagement_segment", "value_segment")

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
    "revenue",
    "orders",
    *(part.name for part in PARTS),
    *(f"{part.name}_part" for part in PARTS),
)
FOLLOWED = ("customers", "average_score", "average_reference_score", "high_risk_customers", "high_risk_share")


def of_day(ask: Callable[[Warehouse, str, Filters], Any]) -> Question:
    """What is asked of the customers who match the filters on the day."""
    return lambda warehouse, view: ask(warehouse, view.as_of, view.filters)


def since(ask: Callable[[Warehouse, str, str, Filters], Any]) -> Question:
    """What is asked of them and of the comparison date."""
    return lambda warehouse, view: ask(warehouse, view.as_of, view.compared, view.filters) if view.compared else None


def where(filters: Filters, table: str = "s") -> tuple[str, dict[str, Any]]:
    """The filters as a SQL condition (`true` where none is set) and its parameters."""
    parts: list[str] = []
    parameters: dict[str, Any] = {}
    for column, chosen in zip(_FILTER_COLUMNS, filters, strict=True):
        if chosen:
            names = [f"{column}_{number}" for number in range(len(chosen))]
            parts.append(f"{table}.{column} IN ({', '.join('$' + name for name in names)})")
            parameters |= dict(zip(names, chosen, strict=True))
    return " AND ".join(parts) or "true", parameters


def of_customers(
    warehouse: Warehouse,
    day: str,
    filters: Filters,
    sql: str,
    parameters: dict[str, Any] | None = None,
    **relations: Relation,
) -> list[Row]:
    """The rows of a query: `{scores} s` is the snapshot of the day, `{filters}` the condition on it."""
    condition, own = where(filters)
    relations.setdefault("scores", (EngagementScores, [day]))
    return warehouse.rows(sql.replace("{filters}", condition), {**own, **(parameters or {})}, **relations)


def add_conditions(condition: str, parameters: dict[str, Any], within: tuple[tuple[str, str], ...]) -> str:
    """A condition narrowed to groups (`dimension`, `value`); the values become parameters."""
    columns = {"segment": "engagement_segment", "country": "country", "status": "engagement_status"}
    for dimension, value in within:
        condition += f" AND s.{columns[dimension]} = $within_{dimension}"
        parameters[f"within_{dimension}"] = value
    return condition


@remembered
def key_figures(warehouse: Warehouse, day: str, filters: Filters, within: tuple[tuple[str, str], ...] = ()) -> Row:
    """Totals of the customers who match the filters on a day; averages are None where nobody does."""
    condition, parameters = where(filters)
    condition = add_conditions(condition, parameters, within)
    figures = select(warehouse.settings.scoring, *KEY_FIGURES)
    return warehouse.one(
        f"SELECT {figures} FROM {{scores}} s WHERE {condition}",
        parameters,
        scores=(EngagementScores, [day]),
    )


def comparison(warehouse: Warehouse, view: View) -> Row | None:
    """The key figures of the comparison date; None without one."""
    return key_figures(warehouse, view.compared, view.filters) if view.compared else None


@remembered
def trend(warehouse: Warehouse, until: str, filters: Filters) -> list[Row]:
    """Per day up to `until`: customers, average_score, average_reference_score, high_risk_customers, high_risk_share.

    Without filters from the daily totals; with filters from the snapshots themselves, days left out evenly where that would
    be too many rows.
    """
    if not any(filters):
        measured = [day for day in warehouse.days(EngagementMetrics) if day <= until][-TREND_DAYS:]
        return warehouse.rows(
            f"SELECT as_of_date, {', '.join(FOLLOWED)} FROM {{metrics}} ORDER BY as_of_date",
            metrics=(EngagementMetrics, measured),
        )
    days = [day for day in warehouse.catalogue().days if day <= until][-TREND_DAYS:]
    condition, parameters = where(filters)
    figures = select(warehouse.settings.scoring, *FOLLOWED)
    return warehouse.rows(
        f"SELECT as_of_date, {figures} FROM {{scores}} s WHERE {condition} GROUP BY as_of_date ORDER BY as_of_date",
        parameters,
        scores=(EngagementScores, thinned(warehouse, days)),
    )


def thinned(warehouse: Warehouse, days: list[str], rows: int = TREND_ROWS) -> list[str]:
    """Days, the last among them, left out evenly so that their snapshots hold at most `rows` rows (but two days at least)."""
    published = warehouse.days(EngagementScores)
    most = max(2, rows // max(1, published[days[-1]]))
    step = -(-len(days) // most)
    return days[::-1][::step][::-1]
