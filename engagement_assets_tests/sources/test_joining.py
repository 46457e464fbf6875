"""Amounts and customers that stand in other files than the orders; what becomes of each row is worked by hand."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from engagement_assets.engine import EngineResource
from engagement_assets.sources.ingestion import trial
from engagement_assets.sources.inspecting import SourceSchemaError
from engagement_assets_tests.sources.kept import kept_rows
from engagement_assets_tests.sources.test_mapping import CUSTOMERS, Shop
from engagement_assets_tests.worlds import World

PAID = (
    CUSTOMERS
    + """
[orders]
path = "orders*.csv"
[orders.columns]
order_id = "id"
customer_id = "user"
order_date = "at"
order_amount = "payments.amount"
[orders.joins.payments]
path = "payments*.csv"
on = "id = order_id"
"""
)

ORDERS = "id,user,at\n1,a,2025-03-30\n2,b,2025-03-31\n3,a,2025-03-31\n4,a,2025-03-31\n"


@pytest.fixture
def shop(world: World) -> Shop:
    return Shop(world)


def test_what_was_paid_is_summed_up_and_a_payment_that_comes_later_changes_its_order(shop: Shop) -> None:
    shop.say(PAID)
    shop.put("orders.csv", ORDERS)
    # Order 3 has a payment that is no number, order 4 none; nobody knows of order 9.
    shop.put("payments.csv", "id,order_id,amount\n1,1,10.00\n2,1,2.345\n3,2,5\n4,3,1\n5,3,x\n6,9,100\n")
    shop.run()
    assert shop.orders() == [("2025-03-30", "1", "a", "12.35"), ("2025-03-31", "2", "b", "5.00")]
    assert [(row["reason"], row["raw"]) for row in shop.world.rows("rejected_rows")] == [
        ("wrong_type", '{"order_id":"3","customer_id":"a","order_date":"2025-03-31"}'),
        ("wrong_type", '{"order_id":"4","customer_id":"a","order_date":"2025-03-31"}'),
    ]
    shop.put("payments_2.csv", "id,order_id,amount\n7,4,7.50\n8,2,1\n")
    shop.run()
    assert shop.orders() == [
        ("2025-03-30", "1", "a", "12.35"),
        ("2025-03-31", "2", "b", "6.00"),
        ("2025-03-31", "4", "a", "7.50"),
    ]


def test_amounts_of_lines_in_another_file_are_multiplied_row_by_row(shop: Shop, engine: EngineResource) -> None:
    shop.say(
        PAID.replace('"payments.amount"', '"lines.qty * lines.price"')
        .replace("[orders.joins.payments]", "[orders.joins.lines]")
        .replace("payments*.csv", "lines.parquet")
        .replace('path = "orders*.csv"', 'path = "orders*.csv"\ndecimal = ","')
    )
    shop.put("orders.csv", ORDERS)
    # The keys are numbers with a fraction there, as pandas writes those of a column with gaps.
    lines = {"order_id": [1.0, 1.0, 2.0, None], "qty": [2, 1, 3, 1], "price": ["1,25", "1.000,00", "0,33", "9"]}
    pq.write_table(pa.table(lines), shop.raw / "lines.parquet")
    orders, others = kept_rows(shop.world.settings, engine)["orders"]
    assert [row[:2] + row[3:] for row in orders] == [("1", "a", "1002.50"), ("2", "b", "0.99")]
    assert others == {"wrong_type": 2}


def test_who_ordered_may_stand_in_json_and_lines_may_have_joins(shop: Shop, engine: EngineResource) -> None:
    shop.say(
        CUSTOMERS
        + """
[orders]
path = "lines.csv"
lines = true
where = ['people.kind != "test"']
[orders.columns]
order_id = "order"
customer_id = "people.person.id"
order_date = "at"
order_amount = "amount"
[orders.joins.people]
path = "people.json"
on = "account"
"""
    )
    shop.put(
        "lines.csv",
        "order,account,at,amount\n1,7,2025-03-30,1.5\n1,7,2025-03-30,2\n2,8,2025-03-31,4\n3,9,2025-03-31,4\n",
    )
    shop.put(
        "people.json",
        '[{"account": 7, "person": {"id": "p1"}, "kind": "real"}, {"account": "8", "person": {"id": "p1"}, "kind": "real"},'
        ' {"account": 9, "person": {"id": "p2"}, "kind": "test"}]',
    )
    found = kept_rows(shop.world.settings, engine)
    assert found["orders"] == (
        [("1", "p1", "2025-03-30 00:00:00", "3.50"), ("2", "p1", "2025-03-31 00:00:00", "4.00")],
        {"summed": 1, "filtered": 1},
    )
    assert found["customers"][0] == [("p1", "None", "2025-03-30", "unknown")]


@pytest.mark.parametrize(
    ("payments", "told"),
    [
        (None, r"orders, join payments: there is no file at payments\*\.csv"),
        ("id,order_id,sum\n1,1,1\n", r"orders, join payments: column 'amount' is missing in payments\.csv"),
        (
            b"id,order_id,amount\n1,1,\xa3\n",
            r"orders, join payments: payments\.csv cannot be read \(it is no utf-8 text",
        ),
    ],
)
def test_a_join_that_is_not_whole_stops_the_reading(shop: Shop, payments: str | bytes | None, told: str) -> None:
    shop.say(PAID)
    shop.put("orders.csv", ORDERS)
    if payments is not None:
        shop.put("payments.csv", payments)
    with pytest.raises(SourceSchemaError, match=told):
        trial(shop.world.settings)


def test_customers_with_files_of_their_own_do_not_read_those_in_which_they_are_seen(
    shop: Shop, engine: EngineResource
) -> None:
    shop.say(
        PAID.replace("[customers]", '[customers]\npath = "people.csv"').replace(
            "[orders]", '[customers.columns]\ncustomer_id = "id"\nsignup_date = "= 2020-01-01"\n[orders]', 1
        )
    )
    shop.put("orders.csv", ORDERS)
    shop.put("payments.csv", "id,order_id,amount\n1,1,1\n2,2,2\n3,3,3\n4,4,4\n")
    shop.put("people.csv", "id,name\na,A\nb,B\nc,C\n")
    assert kept_rows(shop.world.settings, engine)["customers"] == (
        [
            ("a", "None", "2025-03-30", "unknown"),
            ("b", "None", "2025-03-31", "unknown"),
            ("c", "None", "2020-01-01", "unknown"),
        ],
        {},
    )


def test_rows_without_a_number_are_put_together_to_orders(shop: Shop, engine: EngineResource) -> None:
    shop.say(
        CUSTOMERS
        + """
[orders]
path = "bought.csv"
lines = true
[orders.columns]
order_id = "card + day"
customer_id = "card"
order_date = "day"
order_amount = "price"
"""
    )
    shop.put(
        "bought.csv",
        "day,card,price\n2025-03-30,a,1.5\n2025-03-30,a,2\n2025-03-30,b,4\n2025-03-31,a,8\n2025-03-31,,9\n",
    )
    assert kept_rows(shop.world.settings, engine)["orders"] == (
        [
            ("a 2025-03-30", "a", "2025-03-30 00:00:00", "3.50"),
            ("a 2025-03-31", "a", "2025-03-31 00:00:00", "8.00"),
            ("b 2025-03-30", "b", "2025-03-30 00:00:00", "4.00"),
        ],
        {"missing_order_id": 1, "summed": 1},
    )
