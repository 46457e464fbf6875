"""Lists of customers, read a block at a time: which there are, their columns, order, filters, neighbours."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from engagement_assets.dashboard.questions import addressed, furthest, where, window
from engagement_assets.dashboard.state import View
from engagement_assets.dashboard.warehouse import Relation, Row, Warehouse, remembered
from engagement_assets.domain.contracts import (
    CampaignAudiences,
    CampaignResults,
    EngagementScores,
    RawOrders,
    SegmentChanges,
    Sessions,
)
from engagement_assets.domain.customer_filters import FILTERS, HIGH_VALUE, Chosen
from engagement_assets.sources.opt_outs import read_opt_outs

Kind = Literal["text", "count", "money", "score", "share", "change", "date"]

#: Rows of one block at the most, whatever the browser asks for.
LARGEST_BLOCK = 500


@dataclass(frozen=True)
class Column:
    """A column of a list: the table's column, its heading, how it is written, and what it means."""

    key: str
    title: str
    kind: Kind
    meaning: str = ""
    width: int = 130
    band: str | None = None


@dataclass(frozen=True)
class CustomerList:
    """A list of customers of a snapshot, on the page at `path`. `condition` narrows it; it may speak of `o`, the comparison
    date's row.

    `order` are the columns it is sorted by, the largest first, until another order is chosen. `derived` gives columns that the
    snapshot does not have, as SQL over `s` and `a`, the row of the day's campaign audiences. `chosen`: the filters of the address
    that hold for it, beyond those that hold everywhere.
    """

    name: str
    path: str
    title: str
    columns: tuple[Column, ...]
    condition: Callable[[View], str]
    order: tuple[str, ...]
    derived: Callable[[View], dict[str, str]] = lambda view: {}
    chosen: Callable[[View], Chosen] = lambda view: ()
    #: The columns that paper and small screens have: the customer, why, how much money, what to do.
    short: tuple[str, ...] = ("customer_id", "why", "total_revenue", "action", "audience", "held_out")

    @property
    def keys(self) -> tuple[str, ...]:
        """The columns that may be sorted and filtered by."""
        return tuple(column.key for column in self.columns)


CUSTOMER = Column("customer_id", "Customer", "text", "Opens the customer's page", 120)
COUNTRY = Column("country", "Country", "text", width=100)
SCORE = Column("engagement_score", "Score", "score", "Engagement score, 0 to 1", 105)
BANDED_SCORE = Column("engagement_score", "Score", "score", "Engagement score, 0 to 1", 140, band="score")
CHANGE = Column(
    "reference_score_change",
    "Change",
    "change",
    "last_change",
    145,
    band="change",
)
SESSIONS = Column("sessions_last_30_days", "Sessions", "count", "customer_sessions", 125)
BANDED_SESSIONS = Column("sessions_last_30_days", "Sessions", "count", "customer_sessions", 115, band="sessions")
ORDERS = Column("total_orders", "Orders", "count", "Orders so far", 100)
REVENUE = Column("total_revenue", "Revenue", "money", "Revenue so far, currency of the orders", 120)
AVERAGE_ORDER = Column("average_order_value", "Average order", "money", "Revenue by orders", 155)
LAST_ORDER = Column("last_order_date", "Last order", "date", width=130)
BANDED_LAST_ORDER = Column("last_order_date", "Last order", "date", width=178, band="recency")
SEGMENT = Column("engagement_segment", "Segment", "text", width=115)
VALUE_SEGMENT = Column("value_segment", "Value segment", "text", width=155)
REASONS = Column("why", "Why", "text", "Why the customer is in this list", 430)
YEAR_REVENUE = Column("revenue_last_365_days", "Revenue, year", "money", "Revenue of the last 365 days", 135)
RETURN_CHANCE = Column("return_chance", "Comes back", "share", "return_chance", 125)
SUCH_CUSTOMERS = Column(
    "return_chance_customers", "Of such", "count", "Customers who stood there before, and were counted", 100
)
EXPECTED = Column("expected_revenue_90_days", "Expected", "money", "expected_revenue", 115)
STAGE = Column("lifecycle_stage", "Stage", "text", width=115)
ACTION = Column("action", "What to do", "text", "What the audience that the customer is in asks for", 260)
AUDIENCE = Column("audience", "Audience", "text", "Campaign audience that the customer is in", 140)
HELD_OUT = Column("held_out", "Hold-out", "text", "Whether the customer is left alone to measure the effect", 110)

_AT_RISK = {
    "now": "s.is_slipping",
    "new": "s.is_slipping AND NOT coalesce(o.is_slipping, false)",
    "recovered": "o.is_slipping AND s.lifecycle_stage IN ('Active', 'Reactivated')",
    "lapsed": "s.lifecycle_stage = 'Lapsed'",
    "high-risk": "s.is_high_risk",
}


_ADDRESSED = {
    "action": """CASE WHEN a.is_holdout THEN 'Nothing: held out to measure the effect'
                 ELSE coalesce(a.recommended_action, 'Nothing now: in no audience') END""",
    "audience": "coalesce(a.audience, 'none')",
    "held_out": "if(a.is_holdout, 'held out', NULL)",
}

_LAST_ORDER = "coalesce('last order ' || s.recency_days || ' days ago', 'never ordered')"


def _of_risk(view: View) -> dict[str, str]:
    reasons = "risk_reasons" if view.at_risk_list == "high-risk" else "slipping_reasons"
    return {"why": f"coalesce(s.{reasons}, {_LAST_ORDER})", **_ADDRESSED}


def _of_anybody(view: View) -> dict[str, str]:
    return {"why": f"coalesce(s.slipping_reasons, s.risk_reasons, a.evidence, {_LAST_ORDER})", **_ADDRESSED}


def _target(view: View) -> Chosen:
    """A target list leaves out whom nobody may address, until the address says otherwise."""
    return (("target", dict(view.chosen).get("target", ("yes",))),)


LISTS = {
    found.name: found
    for found in (
        CustomerList(
            "customers",
            "/customers",
            "Customers",
            (
                *(CUSTOMER, REASONS, REVENUE, ACTION, AUDIENCE, HELD_OUT, RETURN_CHANCE, SEGMENT, VALUE_SEGMENT, STAGE),
                *(SCORE, SESSIONS, ORDERS, LAST_ORDER, COUNTRY),
            ),
            lambda view: "true",
            ("engagement_score",),
            _of_anybody,
            lambda view: view.chosen,
        ),
        CustomerList(
            "at-risk",
            "/at-risk",
            "At-risk customers",
            (
                *(CUSTOMER, REASONS, YEAR_REVENUE, ACTION, RETURN_CHANCE, SUCH_CUSTOMERS, EXPECTED, AUDIENCE, HELD_OUT),
                *(BANDED_LAST_ORDER, BANDED_SESSIONS, REVENUE, BANDED_SCORE, COUNTRY),
            ),
            lambda view: _AT_RISK[view.at_risk_list],
            ("revenue_last_365_days", "total_revenue"),
            _of_risk,
            _target,
            ("customer_id", "why", "revenue_last_365_days", "action", "audience", "held_out"),
        ),
        CustomerList(
            "high-value",
            "/high-value",
            "High-value customers",
            (
                *(
                    CUSTOMER,
                    COUNTRY,
                    REASONS,
                    REVENUE,
                    ACTION,
                    AUDIENCE,
                    HELD_OUT,
                    VALUE_SEGMENT,
                    ORDERS,
                    AVERAGE_ORDER,
                ),
                *(BANDED_LAST_ORDER, SESSIONS, SCORE, CHANGE),
            ),
            lambda view: HIGH_VALUE,
            ("total_revenue",),
            _of_anybody,
        ),
    )
}

Sort = Sequence[tuple[str, str]]


def block(
    warehouse: Warehouse, view: View, found: CustomerList, start: int, end: int, sort: Sort, filters: dict[str, Any]
) -> list[Row]:
    """Rows `start` to `end` (not included) of a list."""
    source, parameters, relations = _source(warehouse, view, found, json.dumps(filters, sort_keys=True))
    size = max(0, min(end - start, LARGEST_BLOCK))
    columns = ", ".join(f"s.{key}" for key in dict.fromkeys((*found.keys, "recency_days")))
    return warehouse.rows(
        f"SELECT {columns} {source} ORDER BY {_order(found, sort)} LIMIT {size} OFFSET {max(0, int(start))}",
        parameters,
        **relations,
    )


def size(warehouse: Warehouse, view: View, found: CustomerList, filters: dict[str, Any]) -> int:
    """How many customers a list has."""
    return _size(warehouse, view, found.name, json.dumps(filters, sort_keys=True))


@remembered
def _size(warehouse: Warehouse, view: View, name: str, filters: str) -> int:
    # To count, columns of the list are read only where they are filtered by.
    source, parameters, relations = _source(warehouse, view, LISTS[name], filters, is_counted=filters == "{}")
    return int(warehouse.one(f"SELECT count(*) AS n {source}", parameters, **relations)["n"])


def customers(warehouse: Warehouse, view: View, chosen: Chosen) -> int:
    """How many customers match the view's shared filters and these."""
    return size(warehouse, replace(view, chosen=chosen), LISTS["customers"], {})


def everything(
    warehouse: Warehouse, view: View, found: CustomerList, sort: Sort, filters: str
) -> Iterator[Sequence[Any]]:
    """The whole list for a CSV file, a block in memory at a time; column names first."""
    source, parameters, relations = _source(warehouse, view, found, filters or "{}")
    columns = ", ".join(f"s.{key}" for key in ("as_of_date", *found.keys))
    return warehouse.stream(f"SELECT {columns} {source} ORDER BY {_order(found, sort)}", parameters, **relations)


@remembered
def neighbours(warehouse: Warehouse, view: View, name: str, customer: str) -> Row | None:
    """The customers before and after one in a list, its `place` and the list's `size`; None if it is not in the list."""
    found = LISTS[name]
    source, parameters, relations = _source(warehouse, view, found, view.where or "{}")
    order = _order(found, view.sort)
    rows = warehouse.rows(
        f"""
        SELECT * FROM (
            SELECT customer_id, lag(customer_id) OVER w AS previous, lead(customer_id) OVER w AS next,
                   row_number() OVER w AS place, count(*) OVER () AS size
            FROM (SELECT s.* {source}) s WINDOW w AS (ORDER BY {order})
        ) WHERE customer_id = $customer
        """,
        {**parameters, "customer": customer},
        **relations,
    )
    return rows[0] if rows else None


def _source(
    warehouse: Warehouse, view: View, found: CustomerList, filters: str, *, is_counted: bool = False
) -> tuple[str, dict[str, Any], dict[str, Relation]]:
    chosen, own = found.chosen(view), found.condition(view)
    narrowed, parameters = where(view.filters, chosen=chosen)
    of_columns, more = compiled(json.loads(filters), found)
    parameters |= more
    relations: dict[str, Relation] = {"scores": (EngagementScores, [view.as_of])}
    derived = {} if is_counted else found.derived(view)
    reads: set[str] = {FILTERS[key].reads for key, _ in chosen}
    joined = "{scores} s"
    if derived or reads & {"a", "opted_out"}:
        joined += " LEFT JOIN {audiences} a ON a.customer_id = s.customer_id"
        relations["audiences"] = (CampaignAudiences, [view.as_of])
    if "o." in own or "o" in reads:
        # Without a comparison date nobody is new and nobody has recovered.
        relations["before"] = (EngagementScores, [view.compared] if view.compared else [])
        joined += " LEFT JOIN {before} o ON o.customer_id = s.customer_id"
        if view.compared is None:
            own = "false"
    if "c" in reads:
        relations["changes"] = (SegmentChanges, [view.as_of])
        joined += " LEFT JOIN {changes} c ON c.customer_id = s.customer_id"
    if "f" in reads:
        relations["sessions"] = (Sessions, window(warehouse, Sessions, view.as_of))
        relations["orders"] = (RawOrders, window(warehouse, RawOrders, view.as_of))
        joined += f" LEFT JOIN (WITH {furthest()} FROM people) f ON f.customer_id = s.customer_id"
    if "orders" in reads:
        months = {text for key, texts in chosen if FILTERS[key].reads == "orders" for text in texts}
        days = [day for day in warehouse.days(RawOrders) if day <= view.as_of and day[:7] in months]
        relations["all_orders"] = (RawOrders, days)
    if "results" in reads:
        relations |= {"results": (CampaignResults, [view.as_of]), "addressed": addressed(warehouse, view.as_of)}
        parameters["again_after"] = warehouse.settings.results.again_after_days
    if any(key == "target" and texts == ("yes",) for key, texts in chosen):
        parameters["opted_out"] = sorted(read_opt_outs(warehouse.settings))
    columns = "".join(f", {sql} AS {name}" for name, sql in derived.items())
    source = f"FROM (SELECT s.*{columns} FROM {joined} WHERE {narrowed} AND {own}) s WHERE {of_columns}"
    return source, parameters, relations


def _order(found: CustomerList, sort: Sort) -> str:
    known = [(key, way) for key, way in sort if key in found.keys] or [(key, "desc") for key in found.order]
    parts = [f"s.{key} {'DESC' if way == 'desc' else 'ASC'} NULLS LAST" for key, way in known]
    return ", ".join([*parts, "s.customer_id"])


# ---- column filters of the grid ---------------------------------------------------------------------------------------

_COMPARE = {
    "equals": "=",
    "notEqual": "<>",
    "lessThan": "<",
    "lessThanOrEqual": "<=",
    "greaterThan": ">",
    "greaterThanOrEqual": ">=",
}


def compiled(model: dict[str, Any], found: CustomerList) -> tuple[str, dict[str, Any]]:
    """A grid's filter model as a SQL condition. Columns and operators come from lists of ours, values are parameters."""
    kinds = {column.key: column.kind for column in found.columns}
    conditions: list[str] = []
    parameters: dict[str, Any] = {}
    for key, filtered in model.items():
        if key not in kinds or not isinstance(filtered, dict):
            continue
        parts = filtered.get("conditions") if isinstance(filtered.get("conditions"), list) else [filtered]
        texts = [_condition(key, kinds[key], part, parameters) for part in parts or [] if isinstance(part, dict)]
        kept = [text for text in texts if text]
        if kept:
            joined = " OR " if filtered.get("operator") == "OR" else " AND "
            conditions.append(f"({joined.join(kept)})")
    return " AND ".join(conditions) or "true", parameters


def _condition(key: str, kind: Kind, part: dict[str, Any], parameters: dict[str, Any]) -> str | None:
    how = part.get("type")
    column = f"s.{key}"
    if how in ("blank", "notBlank"):
        return f"{column} IS {'NOT ' if how == 'notBlank' else ''}NULL"
    name = f"f{len(parameters)}"
    if kind == "text":
        value = str(part.get("filter", ""))[:200].lower()
        text = f"lower({column})"
        ways = {
            "contains": f"contains({text}, ${name})",
            "notContains": f"NOT contains({text}, ${name})",
            "equals": f"{text} = ${name}",
            "notEqual": f"{text} <> ${name}",
            "startsWith": f"starts_with({text}, ${name})",
            "endsWith": f"ends_with({text}, ${name})",
        }
        if how not in ways:
            return None
        parameters[name] = value
        return f"coalesce({ways[how]}, {'true' if how in ('notContains', 'notEqual') else 'false'})"
    read: Callable[[Any], Any] = (lambda value: str(value)[:10]) if kind == "date" else float
    cast = "DATE" if kind == "date" else "DOUBLE"
    first, second = ("dateFrom", "dateTo") if kind == "date" else ("filter", "filterTo")
    try:
        parameters[name] = read(part[first])
        if how == "inRange":
            parameters[f"{name}_to"] = read(part[second])
            return f"{column} BETWEEN try_cast(${name} AS {cast}) AND try_cast(${name}_to AS {cast})"
        return f"{column} {_COMPARE[str(how)]} try_cast(${name} AS {cast})"
    except (KeyError, TypeError, ValueError):
        parameters.pop(name, None)
        return None
