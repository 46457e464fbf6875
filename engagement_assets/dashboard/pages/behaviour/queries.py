"""Questions of the behaviour page: what customers do between looking and buying, when, and how long they stay."""

from __future__ import annotations

from datetime import date

from engagement_assets.analysis.monitoring.stability import band_sql
from engagement_assets.dashboard.questions import Customers, Filters, furthest, window
from engagement_assets.dashboard.warehouse import Row, Warehouse, remembered
from engagement_assets.domain.contracts import RawOrders, Sessions
from engagement_assets.exports.star_schema import session_step

#: Sign-up months that the cohort table shows.
COHORTS = 12


@remembered
def funnel(warehouse: Warehouse, day: str, filters: Filters) -> Row:
    """Customers and sessions that got at least as far as each stage, and customers who ordered without a session.

    `customers` and `sessions` are lists along STAGES. A session counts once, on the day it began.
    """
    found = Customers(warehouse, day, filters).one(
        f"""
        WITH members AS (SELECT customer_id FROM {{scores}} s WHERE {{filters}}),
        {furthest("SEMI JOIN members USING (customer_id)")}
        SELECT (SELECT [count(*) FILTER (reached >= 1), count(*) FILTER (reached >= 2), count(*) FILTER (reached >= 3),
                        count(*) FILTER (reached >= 4)] FROM people) AS customers,
               (SELECT [count(*) FILTER (reached >= 1), count(*) FILTER (reached >= 2), count(*) FILTER (reached >= 3),
                        count(*) FILTER (reached >= 4)] FROM visits) AS sessions,
               (SELECT count(DISTINCT customer_id) FROM ordered o ANTI JOIN visits USING (customer_id)) AS without_session
        """,
        sessions=(Sessions, window(warehouse, Sessions, day)),
        orders=(RawOrders, window(warehouse, RawOrders, day)),
    )
    return found


@remembered
def orders_by_sessions(warehouse: Warehouse, day: str, filters: Filters) -> list[Row]:
    """Per step of SESSION_STEPS (`step`): customers, orders in the window, customers who ordered in it."""
    return Customers(warehouse, day, filters).rows(
        f"""
        SELECT {session_step("sessions_last_30_days")} AS step, count(*) AS customers,
               sum(total_orders - total_orders_30_days_before)::BIGINT AS orders,
               count(*) FILTER (total_orders > total_orders_30_days_before) AS ordered
        FROM {{scores}} s WHERE {{filters}} GROUP BY 1 ORDER BY 1
        """
    )


@remembered
def score_by_sessions(warehouse: Warehouse, day: str, filters: Filters) -> list[Row]:
    """Customers per tenth of the score (`bin` 0 to 9) and step of SESSION_STEPS (`step`)."""
    return Customers(warehouse, day, filters).rows(
        f"""
        SELECT {band_sql("engagement_score")} AS bin, {session_step("sessions_last_30_days")} AS step,
               count(*) AS customers
        FROM {{scores}} s WHERE {{filters}} GROUP BY ALL
        """
    )


@remembered
def _visits(warehouse: Warehouse, day: str, filters: Filters) -> list[Row]:
    """Sessions of the window and how many were engaged, by day, weekday (1 Monday to 7) and hour of their start."""
    return Customers(warehouse, day, filters).rows(
        """
        SELECT as_of_date, isodow(started) AS weekday, hour(started) AS hour, count(*) AS sessions,
               count(*) FILTER (is_engaged) AS engaged
        FROM (
            SELECT as_of_date, session_start AT TIME ZONE $zone AS started, is_engaged
            FROM {sessions} v SEMI JOIN (SELECT customer_id FROM {scores} s WHERE {filters}) USING (customer_id)
            WHERE NOT continues_previous_day
        ) GROUP BY ALL ORDER BY ALL
        """,
        {"zone": warehouse.settings.timezone},
        sessions=(Sessions, window(warehouse, Sessions, day)),
    )


def activity(warehouse: Warehouse, day: str, filters: Filters) -> list[Row]:
    """Sessions of the window by `weekday` (1 Monday to 7) and `hour` of their start in the business time zone."""
    found: dict[tuple[int, int], int] = {}
    for row in _visits(warehouse, day, filters):
        key = row["weekday"], row["hour"]
        found[key] = found.get(key, 0) + row["sessions"]
    return [{"weekday": key[0], "hour": key[1], "sessions": sessions} for key, sessions in sorted(found.items())]


def engaged(warehouse: Warehouse, day: str, filters: Filters) -> list[Row]:
    """Per day of the window: sessions and how many of them were engaged."""
    found: dict[date, Row] = {}
    for row in _visits(warehouse, day, filters):
        total = found.setdefault(row["as_of_date"], {"as_of_date": row["as_of_date"], "sessions": 0, "engaged": 0})
        total["sessions"] += row["sessions"]
        total["engaged"] += row["engaged"]
    return list(found.values())


@remembered
def cohorts(warehouse: Warehouse, day: str, filters: Filters) -> list[Row]:
    """Of those who signed up in a month (`cohort`, its first day), how many ordered `month` months later; `size` of all.

    Orders before the sign-up are left out. The latest COHORTS months with sign-ups.
    """
    orders = [found for found in warehouse.days(RawOrders) if found <= day]
    return Customers(warehouse, day, filters).rows(
        f"""
        WITH members AS (
            SELECT customer_id, date_trunc('month', signup_date)::DATE AS cohort FROM {{scores}} s WHERE {{filters}}
        ), sizes AS (
            SELECT cohort, count(*) AS size FROM members GROUP BY 1 ORDER BY 1 DESC LIMIT {COHORTS}
        ), active AS (
            SELECT cohort, datediff('month', cohort, o.as_of_date) AS month, count(DISTINCT o.customer_id) AS customers
            FROM {{orders}} o
            JOIN (SELECT * FROM members WHERE cohort >= (SELECT min(cohort) FROM sizes)) USING (customer_id)
            GROUP BY ALL
        )
        SELECT z.cohort, z.size, a.month, a.customers FROM sizes z
        LEFT JOIN active a ON a.cohort = z.cohort AND a.month >= 0 ORDER BY z.cohort, a.month
        """,
        orders=(RawOrders, orders),
    )
