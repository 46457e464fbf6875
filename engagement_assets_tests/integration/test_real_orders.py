"""A year of a real shop: UCI Online Retail (Chen 2015, CC BY 4.0; doi 10.1057/dbm.2012.17), through the whole pipeline.

The expected figures are those published with the data set and in studies of it, not results of this code.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest

from engagement_assets.contracts import EngagementScores
from engagement_assets_tests.worlds import World

INVOICE_LINES = Path(__file__).parents[3] / "shared" / "data" / "uci_online_retail.parquet"

FIRST_DAY, LAST_DAY = "2011-12-01", "2011-12-09"

INVOICES, CANCELLATIONS, CUSTOMERS, CUSTOMERS_WITH_TWO_COUNTRIES = 25_900, 3_836, 4_372, 8
ORDERS_WITH_AMOUNT, BUYERS, REVENUE = 18_532, 4_338, Decimal("8911407.904")
TOP_SPENDER, TOP_SPENDING = "14646", Decimal("280206.02")

#: Four more invoices of known customers come to nothing: gifts. They are orders.
ZERO_AMOUNT_ORDERS = 4


@pytest.fixture(scope="module")
def shop_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[World, dg.ExecuteInProcessResult]:
    """The shop's customers and orders, run for the last days of the year. It has no web events and no sign-up dates."""
    if not INVOICE_LINES.exists():
        pytest.skip("the data set is not in ../shared/data; it may not be shipped with the product")
    world = World(tmp_path_factory.mktemp("uci"), options={"start_date": date(2010, 12, 1)})
    for source in ("customers", "orders"):
        (world.root / "raw" / source).mkdir(parents=True)
    with duckdb.connect() as connection:
        connection.execute(f"CREATE VIEW lines AS FROM '{INVOICE_LINES}'")
        connection.execute(
            "COPY (SELECT CustomerID AS customer_id, min(InvoiceDate) AS signup_date, Country AS country FROM lines "
            "WHERE CustomerID IS NOT NULL GROUP BY CustomerID, Country ORDER BY ALL) "
            f"TO '{world.root}/raw/customers/customers.parquet'"
        )
        connection.execute(
            "COPY (SELECT InvoiceNo AS order_id, any_value(CustomerID) AS customer_id, min(InvoiceDate) AS order_date, "
            "sum(amt) AS order_amount FROM lines GROUP BY InvoiceNo ORDER BY ALL) "
            f"TO '{world.root}/raw/orders/orders.parquet'"
        )
    return world, world.run(FIRST_DAY, LAST_DAY)


@pytest.fixture
def shop(shop_run: tuple[World, dg.ExecuteInProcessResult]) -> World:
    """The shop after its run."""
    return shop_run[0]


def account(shop_run: tuple[World, dg.ExecuteInProcessResult], asset: str) -> dict[str, Any]:
    """What the run's materialisation says of the rows of a source."""
    world, result = shop_run
    return world.metadata(result, asset)


def test_customers_orders_and_revenue_are_the_published_ones(shop: World) -> None:
    scores = shop.rows("engagement_scores", LAST_DAY)
    buyers = [row for row in scores if row["total_revenue"] > 0]
    orders = [row for row in shop.rows("raw_orders") if row["order_amount"] > 0]
    assert (len(scores), len(buyers), len(orders)) == (CUSTOMERS, BUYERS, ORDERS_WITH_AMOUNT)
    assert sum(row["total_orders"] for row in scores) == ORDERS_WITH_AMOUNT + ZERO_AMOUNT_ORDERS
    # Amounts are kept in cents; the data set has a few unit prices in tenths of a cent.
    assert abs(sum(row["total_revenue"] for row in scores) - REVENUE) < Decimal("0.05")
    top = max(scores, key=lambda row: row["total_revenue"])
    assert (top["customer_id"], top["total_revenue"], top["value_segment"]) == (TOP_SPENDER, TOP_SPENDING, "VIPs")


def test_cancellations_are_rejected_as_negative_amounts_and_every_invoice_is_accounted_for(
    shop_run: tuple[World, dg.ExecuteInProcessResult],
) -> None:
    rejected = shop_run[0].rows("rejected_rows")
    cancelled = [
        row for row in rejected if row["source"] == "orders" and '"order_id":"C' in row["raw"].replace(" ", "")
    ]
    assert len(cancelled) == CANCELLATIONS
    without_customer = {row["reason"] for row in cancelled if '"customer_id"' not in row["raw"]}
    with_customer = {row["reason"] for row in cancelled if '"customer_id"' in row["raw"]}
    assert (without_customer, with_customer) == ({"missing_customer_id"}, {"negative_amount"})
    orders = account(shop_run, "raw_orders")
    assert orders["rows_read"] == INVOICES
    assert orders["rows_kept"] == ORDERS_WITH_AMOUNT + ZERO_AMOUNT_ORDERS
    assert orders["rows_rejected"] == len([row for row in rejected if row["source"] == "orders"])
    assert orders["rows_kept"] + orders["rows_rejected"] == INVOICES
    assert (orders["duplicates_removed"], orders["rows_waiting_for_their_day"]) == (0, 0)


def test_a_customer_with_two_countries_is_one_customer_and_the_other_row_is_shown(
    shop_run: tuple[World, dg.ExecuteInProcessResult],
) -> None:
    assert account(shop_run, "raw_customers")["rows_kept"] == CUSTOMERS
    assert shop_run[0].rejected()["customers:conflicting_duplicate"] == CUSTOMERS_WITH_TWO_COUNTRIES


def test_every_day_of_the_range_is_a_snapshot_and_the_score_is_not_recency_alone(shop: World) -> None:
    days = shop.lake.partitions(EngagementScores)
    assert list(days) == [f"2011-12-0{n}" for n in range(1, 10)]
    assert list(days.values()) == sorted(days.values())
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        files = shop.lake.files(EngagementScores, [LAST_DAY])
        spearman, monetary = connection.execute(
            "SELECT corr(score_rank, recency_rank), median(monetary_score) FROM (SELECT monetary_score, rank() OVER "
            "(ORDER BY engagement_score) AS score_rank, rank() OVER (ORDER BY recency_days DESC) AS recency_rank "
            "FROM read_parquet($files) WHERE recency_days IS NOT NULL)",
            {"files": files},
        ).fetchall()[0]
    # Plain min-max gives 0.993 here, and hardly anybody a monetary score: the reason for the logarithm.
    assert spearman < 0.95
    assert monetary > 0.3
