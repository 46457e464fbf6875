"""What several pages ask: the filters as SQL, key figures of a day, trends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from engagement_assets.analysis.brief import WEEKS, usual
from engagement_assets.dashboard.state import View
from engagement_assets.dashboard.warehouse import Relation, Row, Warehouse, remembered
from engagement_assets.domain.contracts import CampaignAudiences, Contract, EngagementMetrics, EngagementScores
from engagement_assets.domain.customer_filters import Chosen, condition
from engagement_assets.domain.days import as_date
from engagement_assets.domain.score_parts import PARTS
from engagement_assets.exports.measures import select
from engagement_assets.exports.star_schema import reached
from engagement_assets.lake.staleness import policies

#: Countries, segments, value segments; an empty part stands for all.
Filters = tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]

#: What a visual draws; None where it needs a comparison date and there is none.
Question = Callable[[Warehouse, View], Any]

#: Groups that customers are narrowed to, as (dimension, value), each dimension once.
Within = tuple[tuple[str, str], ...]

#: Rows that a trend under filters may read; beyond it, days are left out evenly.
TREND_ROWS = 8_000_000

#: Rows that are read to know what is usual, and the fewest changes that tell it.
USUAL_ROWS, FEWEST_CHANGES = 2_000_000, 14

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


def where(filters: Filters, within: Within = (), chosen: Chosen = ()) -> tuple[str, dict[str, Any]]:
    """Filters, groups and filters of lists as a SQL condition (`true` where none is set) and its parameters.

    It speaks of `s`, and of what the filters of lists read beside it.
    """
    parameters: dict[str, Any] = {}

    def quote(value: str | float) -> str:
        parameters[f"p{len(parameters)}"] = value
        return f"$p{len(parameters) - 1}"

    shared = [(key, texts) for key, texts in zip(("country", "segment", "value"), filters, strict=True) if texts]
    groups = [(dimension, (value,)) for dimension, value in within]
    return condition((*shared, *groups, *chosen), quote), parameters


def window(warehouse: Warehouse, contract: type[Contract], day: str, *, back: int = 0) -> list[str]:
    """The published days of the activity window that ends on `day` (or `back` windows before it)."""
    length = warehouse.settings.scoring.activity_window_days
    last = date.fromisoformat(day) - timedelta(days=length * back)
    wanted = {(last - timedelta(days=offset)).isoformat() for offset in range(length)}
    return [found for found in warehouse.days(contract) if found in wanted]


def addressed(warehouse: Warehouse, day: str) -> Relation:
    """The campaign audiences of the days that the results of a day look back on."""
    first = (as_date(day) - timedelta(days=warehouse.settings.results.days_of_audiences)).isoformat()
    return CampaignAudiences, [found for found in warehouse.days(CampaignAudiences) if first <= found <= day]


def furthest(members: str = "") -> str:
    """Common table expressions over `{sessions}` and `{orders}` of a window.

    `ordered`: days with an order; `visits`: sessions with the number of the furthest stage (`reached`), each once, on the day it
    began; `people`: that of each customer who had a session. `members`: a join that narrows them.
    """
    return f"""
        ordered AS (SELECT DISTINCT customer_id, as_of_date FROM {{orders}} o {members}),
        visits AS (
            SELECT v.customer_id, {reached("o.customer_id IS NOT NULL")} AS reached
            FROM {{sessions}} v {members}
            LEFT JOIN ordered o ON o.customer_id = v.customer_id AND o.as_of_date = v.as_of_date
            WHERE NOT continues_previous_day
        ),
        people AS (
            SELECT v.customer_id, greatest(max(reached), CASE WHEN any_value(b.customer_id) IS NOT NULL THEN 4 ELSE 0 END)
                   AS reached
            FROM visits v LEFT JOIN (SELECT DISTINCT customer_id FROM ordered) b ON b.customer_id = v.customer_id
            GROUP BY 1
        )
    """


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
        narrowed, own = where(self.filters, self.within)
        relations.setdefault("scores", (EngagementScores, [self.day]))
        return self.warehouse.rows(sql.replace("{filters}", narrowed), {**own, **(parameters or {})}, **relations)

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
def usual_changes(
    warehouse: Warehouse, compared: str, days: int, filters: Filters, within: Within = ()
) -> dict[str, tuple[float, float]]:
    """Between what each key figure usually changes in so many days: by the changes that end in the twelve weeks before.

    Figures of which too few such changes are known are not in it.
    """
    first = (as_date(compared) - timedelta(days=7 * WEEKS + days)).isoformat()
    before = [day for day in warehouse.catalogue().days if first <= day <= compared]
    if len(before) < FEWEST_CHANGES:
        return {}
    figures = select(warehouse.settings.scoring, *KEY_FIGURES)
    rows = Customers(warehouse, compared, filters, within).rows(
        f"SELECT as_of_date, {figures} FROM {{scores}} s WHERE {{filters}} GROUP BY as_of_date",
        scores=(EngagementScores, thinned(warehouse, before, USUAL_ROWS)),
    )
    found = {row["as_of_date"]: row for row in rows}
    pairs = [(row, found.get(day - timedelta(days=days))) for day, row in found.items()]
    spreads = {}
    for name in KEY_FIGURES:
        changes = [
            float(later[name]) - float(earlier[name])
            for later, earlier in pairs
            if earlier is not None and later[name] is not None and earlier[name] is not None
        ]
        spread = usual(changes, FEWEST_CHANGES)
        if spread is not None:
            spreads[name] = spread
    return spreads


def usual_since(warehouse: Warehouse, view: View) -> dict[str, tuple[float, float]]:
    """Between what each key figure usually changes in as many days as lie between the two snapshots; {} without a comparison."""
    if view.compared is None:
        return {}
    days = (as_date(view.as_of) - as_date(view.compared)).days
    return usual_changes(warehouse, view.compared, days, view.filters)


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
