"""Questions of the behaviour page: what customers do between looking and buying, when, and how long they stay."""

from __future__ import annotations

from datetime import date, timedelta

from engagement_assets.analysis.monitoring.stability import band_sql
from engagement_assets.dashboard.questions import Customers, Filters, furthest, window
from engagement_assets.dashboard.warehouse import Row, Warehouse, remembered
from engagement_assets.domain.contracts import Contract, RawOrders, Sessions
from engagement_assets.exports.star_schema import reached, session_step

#: Sign-up months that the cohort table shows.
COHORTS = 12

#: Weeks that trends of this page go back, days in which a session may lead to an order, groups that are compared.
WEEKS, FOLLOWED_DAYS, MOST_GROUPS = 12, 7, 12


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


def _weeks_back(warehouse: Warehouse, contract: type[Contract], day: str) -> list[str]:
    """The published days of the last WEEKS weeks up to a day, and of the FOLLOWED_DAYS before."""
    first = (date.fromisoformat(day) - timedelta(days=7 * WEEKS + FOLLOWED_DAYS)).isoformat()
    return [found for found in warehouse.days(contract) if first < found <= day]


@remembered
def conversion(warehouse: Warehouse, day: str, filters: Filters) -> list[Row]:
    """Per week whose FOLLOWED_DAYS days after are over, the earliest first: `as_of_date` (its last day), `sessions`, and the
    shares of them after which the customer ordered within one day (`one_day`) and within FOLLOWED_DAYS days (`followed`).
    """
    return Customers(warehouse, day, filters).rows(
        f"""
        WITH members AS (SELECT customer_id FROM {{scores}} s WHERE {{filters}}),
        bought AS (SELECT DISTINCT customer_id, as_of_date AS day FROM {{orders}} o SEMI JOIN members USING (customer_id)),
        visits AS (
            SELECT customer_id, as_of_date AS day, count(*) AS sessions
            FROM {{sessions}} v SEMI JOIN members USING (customer_id)
            WHERE NOT continues_previous_day AND as_of_date <= $last::DATE GROUP BY ALL
        ),
        told AS (
            SELECT v.day, any_value(v.sessions) AS sessions, min(b.day - v.day) AS days
            FROM visits v LEFT JOIN bought b
                ON v.customer_id = b.customer_id AND b.day BETWEEN v.day AND v.day + {FOLLOWED_DAYS}
            GROUP BY v.customer_id, v.day
        )
        SELECT $last::DATE - 7 * (($last::DATE - day) // 7)::INTEGER AS as_of_date, sum(sessions)::BIGINT AS sessions,
               coalesce(sum(sessions) FILTER (days <= 1), 0) / sum(sessions) AS one_day,
               coalesce(sum(sessions) FILTER (days <= {FOLLOWED_DAYS}), 0) / sum(sessions) AS followed
        FROM told WHERE $last::DATE - day < {7 * WEEKS} GROUP BY 1 ORDER BY 1
        """,
        {"last": (date.fromisoformat(day) - timedelta(days=FOLLOWED_DAYS)).isoformat()},
        sessions=(Sessions, _weeks_back(warehouse, Sessions, day)),
        orders=(RawOrders, _weeks_back(warehouse, RawOrders, day)),
    )


@remembered
def stages_by_week(warehouse: Warehouse, day: str, filters: Filters) -> list[Row]:
    """Per week, the earliest first: `as_of_date` (its last day), `visitors`, and the shares of them who got in that week at least
    as far as the second, third and fourth of STAGES (`cart`, `checkout`, `order`).
    """
    return Customers(warehouse, day, filters).rows(
        f"""
        WITH members AS (SELECT customer_id FROM {{scores}} s WHERE {{filters}}),
        bought AS (SELECT DISTINCT customer_id, as_of_date FROM {{orders}} o SEMI JOIN members USING (customer_id)),
        visits AS (
            SELECT v.customer_id, ($day::DATE - v.as_of_date) // 7 AS week,
                   max({reached("b.customer_id IS NOT NULL")}) AS reached
            FROM {{sessions}} v SEMI JOIN members USING (customer_id)
            LEFT JOIN bought b ON b.customer_id = v.customer_id AND b.as_of_date = v.as_of_date
            WHERE NOT continues_previous_day AND $day::DATE - v.as_of_date < {7 * WEEKS} GROUP BY ALL
        )
        SELECT $day::DATE - 7 * week::INTEGER AS as_of_date, count(*) AS visitors,
               avg((reached >= 2)::INTEGER) AS cart, avg((reached >= 3)::INTEGER) AS checkout,
               avg((reached >= 4)::INTEGER) AS "order"
        FROM visits GROUP BY 1 ORDER BY 1
        """,
        {"day": day},
        sessions=(Sessions, _weeks_back(warehouse, Sessions, day)),
        orders=(RawOrders, _weeks_back(warehouse, RawOrders, day)),
    )


@remembered
def stages_by_group(warehouse: Warehouse, day: str, filters: Filters) -> list[Row]:
    """Visitors of the window by country and by segment: `kind`, `name`, and how many got at least as far as each stage
    (`customers`). The largest groups first.
    """
    return Customers(warehouse, day, filters).rows(
        f"""
        WITH members AS (SELECT customer_id, country, engagement_segment FROM {{scores}} s WHERE {{filters}}),
        {furthest("SEMI JOIN members USING (customer_id)")}
        SELECT CASE WHEN country IS NULL THEN 'segment' ELSE 'country' END AS kind, coalesce(country, engagement_segment) AS name,
               [count(*) FILTER (reached >= 1), count(*) FILTER (reached >= 2), count(*) FILTER (reached >= 3),
                count(*) FILTER (reached >= 4)] AS customers
        FROM people JOIN members USING (customer_id)
        GROUP BY GROUPING SETS ((country), (engagement_segment)) ORDER BY kind DESC, customers[1] DESC, name
        LIMIT {MOST_GROUPS}
        """,
        sessions=(Sessions, window(warehouse, Sessions, day)),
        orders=(RawOrders, window(warehouse, RawOrders, day)),
    )


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
