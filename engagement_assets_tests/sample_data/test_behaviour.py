"""The customers behave as customers are known to; figures come from SQL over the files, bounds from outside the generator."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import duckdb
import pytest

from engagement_assets.sample_data import generate
from engagement_assets_tests.sample_data.reading import clean_tables

CUSTOMERS = 3_000

#: Sessions as the gap rule cuts them: one row each.
SESSIONS = """
    WITH gaps AS (
        SELECT *, event_time - lag(event_time) OVER (PARTITION BY customer_id ORDER BY event_time) AS gap FROM events
    ), numbered AS (
        SELECT *, sum((gap IS NULL OR gap > INTERVAL 30 MINUTES)::INT) OVER (
            PARTITION BY customer_id ORDER BY event_time ROWS UNBOUNDED PRECEDING) AS session
        FROM gaps
    )
    SELECT customer_id, min(event_time) AS begin, max(event_time) AS finish, count(*) AS events,
        count(*) FILTER (gap = INTERVAL 30 MINUTES) AS longest_gaps
    FROM numbered GROUP BY customer_id, session
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    """Eighteen months of clean data as the tables customers, orders, events and sessions."""
    folder = tmp_path_factory.mktemp("behaviour") / "raw"
    generate(folder, customers=CUSTOMERS, seed=11, bad_rows=False)
    with clean_tables(folder) as connection:
        connection.execute(f"CREATE TABLE sessions AS {SESSIONS}")
        yield connection


def value(shop: duckdb.DuckDBPyConnection, query: str) -> Any:
    """The single value of a query."""
    row = shop.execute(query).fetchone()
    assert row is not None
    return row[0]


def test_a_customer_has_about_forty_five_events_and_seven_orders(shop: duckdb.DuckDBPyConnection) -> None:
    assert value(shop, "SELECT count(*) FROM events") / CUSTOMERS == pytest.approx(45, rel=0.15)
    assert value(shop, "SELECT count(*) FROM orders") / CUSTOMERS == pytest.approx(7, rel=0.15)


def test_a_tenth_of_the_buyers_brings_in_more_than_a_third_of_the_revenue(shop: duckdb.DuckDBPyConnection) -> None:
    share = value(
        shop,
        """
        WITH buyers AS (SELECT sum(order_amount) AS revenue FROM orders GROUP BY customer_id),
             ranked AS (SELECT revenue, percent_rank() OVER (ORDER BY revenue DESC) AS place FROM buyers)
        SELECT sum(revenue) FILTER (place < 0.1) / sum(revenue) FROM ranked
        """,
    )
    assert 0.35 < share < 0.8


def test_many_buyers_order_once_and_a_few_very_often(shop: duckdb.DuckDBPyConnection) -> None:
    counts = "(SELECT count(*) AS orders FROM orders GROUP BY customer_id)"
    assert 0.1 < value(shop, f"SELECT avg((orders = 1)::INT) FROM {counts}") < 0.5
    assert value(shop, f"SELECT max(orders) / median(orders) FROM {counts}") > 10


def test_evenings_are_busier_than_nights_and_lunch_busier_than_the_morning(shop: duckdb.DuckDBPyConnection) -> None:
    """By sessions, for bots read pages at night too."""
    by_hour = dict(shop.execute("SELECT hour(begin), count(*) FROM sessions GROUP BY ALL").fetchall())
    evening, night = sum(by_hour[hour] for hour in (18, 19, 20)), sum(by_hour.get(hour, 0) for hour in (1, 2, 3))
    assert evening > 5 * night
    assert by_hour[11] > 1.5 * by_hour[6]


def test_orders_come_most_on_sundays_and_before_christmas(shop: duckdb.DuckDBPyConnection) -> None:
    """Weeks are compared whole, months per customer who had signed up: the shop grows."""
    by_weekday = dict(shop.execute("SELECT isodow(order_date), count(*) FROM orders GROUP BY ALL").fetchall())
    assert max(by_weekday, key=lambda day: by_weekday[day]) == 7
    assert by_weekday[7] > 1.2 * by_weekday[2]
    by_month = dict(shop.execute("SELECT strftime(order_date, '%Y-%m'), count(*) FROM orders GROUP BY ALL").fetchall())
    assert by_month["2025-12"] > 1.3 * by_month["2025-10"]
    assert by_month["2025-08"] < by_month["2025-10"]


def test_some_look_and_never_order_and_some_do_nothing(shop: duckdb.DuckDBPyConnection) -> None:
    ordered, looked = "(SELECT customer_id FROM orders)", "(SELECT customer_id FROM events)"
    browsers = value(
        shop, f"SELECT count(*) FROM customers WHERE customer_id IN {looked} AND customer_id NOT IN {ordered}"
    )
    idle = value(
        shop, f"SELECT count(*) FROM customers WHERE customer_id NOT IN {looked} AND customer_id NOT IN {ordered}"
    )
    assert 0.05 < browsers / CUSTOMERS < 0.4
    assert 0.05 < idle / CUSTOMERS < 0.4


def test_some_lapsed_buyers_order_again_after_ninety_days_of_silence(shop: duckdb.DuckDBPyConnection) -> None:
    """Silence of orders and of the web, by customers who had ordered twice before it."""
    returned = value(
        shop,
        """
        WITH acts AS (
            SELECT customer_id, order_date AS moment, true AS is_order FROM orders
            UNION ALL SELECT customer_id, event_time, false FROM events
        ), silences AS (
            SELECT customer_id, moment - lag(moment) OVER until_now AS silence,
                count(*) FILTER (is_order) OVER until_now AS orders,
                count(*) FILTER (is_order) OVER (PARTITION BY customer_id) AS all_orders
            FROM acts WINDOW until_now AS (PARTITION BY customer_id ORDER BY moment)
        )
        SELECT count(DISTINCT customer_id) FROM silences
        WHERE silence > INTERVAL 90 DAYS AND orders BETWEEN 2 AND all_orders - 1
        """,
    )
    assert returned > 0.02 * CUSTOMERS


def test_habits_fade_before_they_end(shop: duckdb.DuckDBPyConnection) -> None:
    """Of customers who were often there and are gone, the last 30 days before the last visit have fewer than those before."""
    last, before = shop.execute(
        """
        WITH gone AS (
            SELECT customer_id, max(begin) AS last FROM sessions GROUP BY ALL
            HAVING count(*) >= 20 AND max(begin) < TIMESTAMPTZ '2026-04-01' AND max(begin) - min(begin) > INTERVAL 150 DAYS
        ), aged AS (SELECT date_diff('day', begin, last) AS age FROM sessions JOIN gone USING (customer_id))
        SELECT count(*) FILTER (age < 30), count(*) FILTER (age BETWEEN 90 AND 119) FROM aged
        """
    ).fetchone() or (0, 0)
    assert 0 < last < before


def test_a_few_bots_read_for_more_than_a_day_without_a_break(shop: duckdb.DuckDBPyConnection) -> None:
    long = "FROM sessions WHERE finish - begin > INTERVAL 20 HOURS"
    assert 1 <= value(shop, f"SELECT count(DISTINCT customer_id) {long}") <= 0.01 * CUSTOMERS
    assert value(shop, f"SELECT max(events) {long}") > 100


def test_some_sessions_pass_midnight_and_some_pause_for_exactly_thirty_minutes(shop: duckdb.DuckDBPyConnection) -> None:
    people = "FROM sessions WHERE finish - begin < INTERVAL 6 HOURS"
    assert value(shop, f"SELECT count(*) {people} AND begin::DATE < finish::DATE") > 20
    assert value(shop, f"SELECT sum(longest_gaps) {people}") > 20


def test_orders_follow_checkouts_but_some_have_no_session(shop: duckdb.DuckDBPyConnection) -> None:
    share = value(
        shop,
        """
        SELECT avg((SELECT count(*) > 0 FROM events WHERE events.customer_id = orders.customer_id
            AND event_type = 'checkout' AND event_time BETWEEN order_date - INTERVAL 2 MINUTES AND order_date)::INT)
        FROM orders
        """,
    )
    assert 0.5 < share < 0.9


def test_nothing_happens_before_the_sign_up_or_outside_the_period(shop: duckdb.DuckDBPyConnection) -> None:
    for table, column in (("orders", "order_date"), ("events", "event_time")):
        early = f"SELECT count(*) FROM {table} JOIN customers USING (customer_id) WHERE {column}::DATE < signup_date"
        assert value(shop, early) == 0
        first, last = shop.execute(f"SELECT min({column})::DATE, max({column})::DATE FROM {table}").fetchone() or (0, 0)
        assert (first, last) == (date(2025, 1, 1), date(2026, 6, 30))


def test_sign_ups_are_spread_before_and_over_the_period(shop: duckdb.DuckDBPyConnection) -> None:
    before = value(shop, "SELECT avg((signup_date < DATE '2025-01-01')::INT) FROM customers")
    assert 0.2 < before < 0.6
    assert value(shop, "SELECT count(DISTINCT strftime(signup_date, '%Y-%m')) FROM customers") > 20


def test_countries_differ_in_size_and_in_baskets(shop: duckdb.DuckDBPyConnection) -> None:
    sizes = dict(shop.execute("SELECT country, count(*) FROM customers GROUP BY ALL").fetchall())
    assert len(sizes) == 9
    assert sizes["DE"] > 3 * sizes["SE"]
    baskets = dict(
        shop.execute(
            "SELECT country, median(order_amount) FROM orders JOIN customers USING (customer_id) GROUP BY ALL"
        ).fetchall()
    )
    assert baskets["US"] > baskets["PL"]


def test_identifiers_are_unique_and_addresses_reserved_for_examples(shop: duckdb.DuckDBPyConnection) -> None:
    for table, column in (
        ("customers", "customer_id"),
        ("customers", "email"),
        ("orders", "order_id"),
        ("events", "event_id"),
    ):
        assert value(shop, f"SELECT count(*) - count(DISTINCT {column}) FROM {table}") == 0
    assert value(shop, "SELECT count(*) FROM customers WHERE email NOT SIMILAR TO '.+@example[.](com|org)'") == 0
