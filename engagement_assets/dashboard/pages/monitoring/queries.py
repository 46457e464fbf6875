"""Questions of the monitoring page: are the tables complete, and do they still look as they did."""

from __future__ import annotations

from datetime import date, timedelta

from engagement_assets.analysis.monitoring.look import FAR_OUT
from engagement_assets.analysis.monitoring.stability import band_sql, population_stability
from engagement_assets.dashboard.questions import Customers, Filters
from engagement_assets.dashboard.warehouse import Row, Warehouse, remembered
from engagement_assets.domain.contracts import TABLES, EngagementScores, RejectedRows
from engagement_assets.domain.score_parts import PARTS

#: Days of the row counts that are shown.
ROW_DAYS = 60

PSI_COLUMNS = {
    "engagement_score": "Engagement score",
    "reference_score": "Reference score",
    **{part.score: f"{part.title} score" for part in PARTS},
}

#: Columns that may be empty, in words.
NULLABLE = {
    "recency_days": "Days since last order",
    "first_order_date": "First order",
    "last_order_date": "Last order",
    "average_order_value": "Average order value",
    "last_session_date": "Latest session ({two_windows})",
    "recency_days_30_days_before": "Recency {window} before",
    "reference_score_change": "Change of the reference score",
}

OUTLIER_COLUMNS = {
    "total_revenue": "Revenue",
    "average_order_value": "Average order value",
    "total_orders": "Orders",
    "sessions_last_30_days": "Sessions ({window})",
}

#: The filter of each of them begins with.
OUTLIER_FILTERS = {
    "total_revenue": "revenue",
    "average_order_value": "average_order",
    "total_orders": "orders",
    "sessions_last_30_days": "sessions",
}


def rows_per_day(warehouse: Warehouse, table: str, day: str) -> dict[str, int | None]:
    """Rows of a table on each of the last days up to `day`; None where the day is not published."""
    published = warehouse.days(TABLES[table])
    last = date.fromisoformat(day)
    days = [(last - timedelta(days=offset)).isoformat() for offset in range(ROW_DAYS)][::-1]
    return {each: published.get(each) for each in days if each >= min(published, default=day)}


@remembered
def rejected(warehouse: Warehouse) -> list[Row]:
    """Rejected rows by source and reason, the most first."""
    return warehouse.rows(
        "SELECT source, reason, count(*) AS rows FROM {rejected} r GROUP BY ALL ORDER BY rows DESC, source, reason",
        rejected=(RejectedRows, None),
    )


@remembered
def nulls(warehouse: Warehouse, day: str, filters: Filters) -> dict[str, float | None]:
    """Share of customers without a value, per column that may be empty, and for all others together (`others`)."""
    counted = [f"avg(({column} IS NULL)::INT) AS {column}" for column in NULLABLE]
    others = [name for name, column in EngagementScores.columns().items() if not column.nullable]
    anything = " OR ".join(f"{name} IS NULL" for name in others)
    return Customers(warehouse, day, filters).one(
        f"SELECT {', '.join(counted)}, avg(({anything})::INT) AS others FROM {{scores}} s WHERE {{filters}}"
    )


@remembered
def stability(warehouse: Warehouse, day: str, before: str, filters: Filters) -> dict[str, float]:
    """Population stability index of the score and its parts between two dates; empty without customers on either."""
    bands = ", ".join(f"histogram({band_sql(column)}) AS {column}" for column in PSI_COLUMNS)
    rows = Customers(warehouse, day, filters).rows(
        f"SELECT as_of_date, {bands} FROM {{scores}} s WHERE {{filters}} GROUP BY 1 ORDER BY 1",
        scores=(EngagementScores, [before, day]),
    )
    if len(rows) < 2:
        return {}
    old, new = rows
    return {name: population_stability(old[name], new[name]) for name in PSI_COLUMNS}


@remembered
def outliers(warehouse: Warehouse, day: str, filters: Filters) -> list[Row]:
    """Per measure: the limit, how many customers are above it, the largest value and whose it is."""
    found = []
    for column in OUTLIER_COLUMNS:
        row = Customers(warehouse, day, filters).one(
            f"""
            WITH v AS (SELECT customer_id, {column}::DOUBLE AS value FROM {{scores}} s WHERE {{filters}} AND {column} > 0),
            q AS (SELECT quantile_cont(value, 0.25) AS low, quantile_cont(value, 0.75) AS high FROM v)
            SELECT any_value(high + {FAR_OUT} * (high - low)) AS threshold,
                   count(*) FILTER (value > high + {FAR_OUT} * (high - low)) AS customers,
                   max(value) AS largest, arg_max(customer_id, (value, customer_id)) AS customer_id
            FROM v, q
            """
        )
        found.append({"measure": column, **row})
    return found
