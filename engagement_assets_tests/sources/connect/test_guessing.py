"""Folders of shops as they are out there -> the mapping that is right for them, worked out by hand."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from engagement_assets.domain.source_mapping import parse_mappings
from engagement_assets.sources.connect.guessing import NothingFitsError, guess
from engagement_assets.sources.connect.looking import look
from engagement_assets.sources.connect.proposals import Connection
from engagement_assets.sources.connect.words import SNOWPLOW
from engagement_assets.sources.connect.writing import as_text
from engagement_assets_tests.sources.connect.shops import csv_text, json_lines, moment, order_lines, rows, write

Files = Mapping[str, str | bytes]
Mapped = dict[str, dict[str, Any]]


class Nobody:
    """Takes the best guesses, and notes what was asked."""

    def __init__(self, answers: Mapping[str, str] = {}) -> None:
        self.asked: list[str] = []
        self.answers = answers

    def choose(self, question: str, options: Sequence[str], best: int) -> int:
        self.asked.append(question)
        wanted = next((answer for about, answer in self.answers.items() if about in question), None)
        return best if wanted is None else next(n for n, option in enumerate(options) if option.startswith(wanted))

    def rate(self, question: str) -> Decimal | None:
        self.asked.append(question)
        return next((Decimal(answer) for about, answer in self.answers.items() if about in question), None)


def connect(folder: Path, files: Files, asking: Nobody | None = None) -> Connection:
    found = guess(look(str(write(folder, files))), asking or Nobody())
    parse_mappings(as_text(found), "sources.toml")  # what is written can be read
    return found


def mapped(connection: Connection) -> Mapped:
    return {source: proposal.mapping for source, proposal in connection.proposals.items()}


def stamp(n: int) -> str:
    return moment(n).isoformat(" ")


#: Customers without a sign-up date; those who are never seen count from the first year on.
ID_ONLY = {"customer_id": "id", "signup_date": "= 2024-01-01"}


def own_names() -> Files:
    return {
        "customers/c.csv": csv_text(
            rows(9, lambda n: {"customer_id": n, "signup_date": "2024-01-01", "country": "DE"})
        ),
        "orders/o.csv": csv_text(
            rows(
                20, lambda n: {"ORDER_ID": f"o{n}", "CUSTOMER_ID": n % 9, "ORDER_DATE": "2024-01-02", "ORDER_AMOUNT": n}
            )
        ),
        "web_events/day1.jsonl": json_lines(
            rows(
                20,
                lambda n: {
                    "customer_id": f"{n % 9}",
                    "event_time": f"{moment(n).isoformat()}Z",
                    "event_type": "page_view",
                },
            )
        ),
        "web_events/day2.json": json.dumps(
            rows(
                20,
                lambda n: {
                    "customer_id": f"{n % 9}",
                    "event_time": f"{moment(n).isoformat()}Z",
                    "event_type": "page_view",
                },
            )
        ),
    }


OWN_NAMES: Mapped = {
    "customers": {
        "path": "customers",
        "columns": {"customer_id": "customer_id", "signup_date": "signup_date", "country": "country"},
    },
    "orders": {
        "path": "orders",
        "columns": {
            "order_id": "ORDER_ID",
            "customer_id": "CUSTOMER_ID",
            "order_date": "ORDER_DATE",
            "order_amount": "ORDER_AMOUNT",
        },
    },
    "web_events": {
        "path": "web_events",
        "columns": {"customer_id": "customer_id", "event_time": "event_time", "event_type": "event_type"},
    },
}


def online_retail() -> Files:
    return {"online_retail.csv": csv_text(rows(600, order_lines)).encode("cp1252")}


ONLINE_RETAIL: Mapped = {
    "customers": {"first_seen_in": ["orders"], "columns": {"country": "Country"}},
    "orders": {
        "path": "online_retail.csv",
        "encoding": "cp1252",
        "lines": True,
        "time_format": "%m/%d/%Y %H:%M",
        "columns": {
            "order_id": "InvoiceNo",
            "customer_id": "CustomerID",
            "order_date": "InvoiceDate",
            "order_amount": "Quantity * UnitPrice",
        },
    },
}


def olist() -> Files:
    return {
        "olist_customers_dataset.csv": csv_text(
            rows(
                60,
                lambda n: {"customer_id": f"c{n:032}", "customer_unique_id": f"u{n % 25:032}", "customer_state": "SP"},
            )
        ),
        "olist_orders_dataset.csv": csv_text(
            rows(
                60,
                lambda n: {
                    "order_id": f"o{n:032}",
                    "customer_id": f"c{n:032}",
                    "order_status": "canceled" if n % 20 == 7 else "delivered",
                    "order_purchase_timestamp": stamp(n),
                    "order_approved_at": stamp(n + 1),
                    "order_delivered_customer_date": stamp(n + 30),
                    "order_estimated_delivery_date": stamp(n + 40),
                },
            )
        ),
        "olist_order_payments_dataset.csv": csv_text(
            rows(
                60,
                lambda n: {
                    "order_id": f"o{n:032}",
                    "payment_sequential": 1,
                    "payment_type": "credit_card",
                    "payment_installments": 1 + n % 8,
                    "payment_value": 10.25 + n,
                },
            )
        ),
        "olist_order_items_dataset.csv": csv_text(
            rows(
                90,
                lambda n: {
                    "order_id": f"o{n % 60:032}",
                    "order_item_id": 1,
                    "product_id": f"p{n}",
                    "seller_id": f"s{n % 7}",
                    "price": 9.5 + n,
                    "freight_value": 0.75,
                },
            )
        ),
        "olist_products_dataset.csv": csv_text(rows(9, lambda n: {"product_id": f"p{n}", "product_name_lenght": 40})),
    }


OLIST: Mapped = {
    "customers": {
        "path": "olist_customers_dataset.csv",
        "first_seen_in": ["orders"],
        "columns": {"customer_id": "customer_unique_id", "signup_date": "= 2024-01-01"},
    },
    "orders": {
        "path": "olist_orders_dataset.csv",
        "where": ['order_status not in ["canceled"]'],
        "joins": {
            "customers": {"path": "olist_customers_dataset.csv", "on": "customer_id"},
            "payments": {"path": "olist_order_payments_dataset.csv", "on": "order_id"},
        },
        "columns": {
            "order_id": "order_id",
            "customer_id": "customers.customer_unique_id",
            "order_date": "order_purchase_timestamp",
            "order_amount": "payments.payment_value",
        },
    },
}


def jaffle_shop() -> Files:
    def order(n: int) -> dict[str, Any]:
        subtotal = 700 + 100 * (n % 9)
        tax = subtotal * 6 // 100
        return {
            "id": f"9bed808a-5074-4dfb-b1eb-{n:012}",
            "customer": f"50a2d1c4-d788-4498-a6f7-{n % 12:012}",
            "ordered_at": moment(n).isoformat(),
            "store_id": "4b6c2304-2b9e-41e4-942a-cf11a1819378",
            "subtotal": subtotal,
            "tax_paid": tax,
            "order_total": subtotal + tax,
        }

    return {
        "raw_customers.csv": csv_text(
            rows(12, lambda n: {"id": f"50a2d1c4-d788-4498-a6f7-{n:012}", "name": "Somebody"})
        ),
        "raw_orders.csv": csv_text(rows(80, order)),
        "raw_items.csv": csv_text(
            rows(90, lambda n: {"id": f"i{n}", "order_id": order(n % 80)["id"], "sku": "JAF-001"})
        ),
        "raw_stores.csv": csv_text(
            rows(
                3,
                lambda n: {"id": f"s{n}", "name": "Philadelphia", "opened_at": "2016-09-01T00:00:00", "tax_rate": 0.06},
            )
        ),
    }


JAFFLE_SHOP: Mapped = {
    "customers": {"path": "raw_customers.csv", "first_seen_in": ["orders"], "columns": ID_ONLY},
    "orders": {
        "path": "raw_orders.csv",
        "columns": {
            "order_id": "id",
            "customer_id": "customer",
            "order_date": "ordered_at",
            "order_amount": "order_total / 100",
        },
    },
}


def jaffle_shop_classic() -> Files:
    return {
        "raw_customers.csv": csv_text(rows(30, lambda n: {"id": n + 1, "first_name": "A", "last_name": "B."})),
        "raw_orders.csv": csv_text(
            rows(
                60,
                lambda n: {
                    "id": n + 1,
                    "user_id": n % 30 + 1,
                    "order_date": str(moment(n).date()),
                    "status": ("returned", "completed", "placed")[n % 3],
                },
            )
        ),
        "raw_payments.csv": csv_text(
            rows(
                70,
                lambda n: {"id": n + 1, "order_id": n % 60 + 1, "payment_method": "coupon", "amount": 100 * (n % 30)},
            )
        ),
    }


JAFFLE_SHOP_CLASSIC: Mapped = {
    "customers": {"path": "raw_customers.csv", "first_seen_in": ["orders"], "columns": ID_ONLY},
    "orders": {
        "path": "raw_orders.csv",
        "joins": {"payments": {"path": "raw_payments.csv", "on": "id = order_id"}},
        "columns": {
            "order_id": "id",
            "customer_id": "user_id",
            "order_date": "order_date",
            "order_amount": "payments.amount",
        },
    },
}


def shopify() -> Files:
    def line(n: int) -> dict[str, Any]:
        order, is_first = n // 2, n % 2 == 0
        when = f"{stamp(order)} +0100"
        return {
            "Name": f"#{1001 + order}",
            "Email": f"p{order % 9}@x.example",
            "Financial Status": ("voided" if order % 9 == 8 else "paid") if is_first else "",
            "Paid at": when if is_first else "",
            "Currency": "EUR" if is_first else "",
            "Subtotal": "10.00" if is_first else "",
            "Shipping": "4.90" if is_first else "",
            "Taxes": "1.00" if is_first else "",
            "Total": f"{15.9 + order:.2f}" if is_first else "",
            "Created at": when,
            "Lineitem quantity": 1,
            "Lineitem name": "Mug",
            "Lineitem price": "9.90",
            "Billing Name": "A B" if is_first else "",
            "Billing Country": "DE" if is_first else "",
            "Cancelled at": when if is_first and order % 9 == 7 else "",
            "Refunded Amount": "0.00" if is_first else "",
            "Id": 5100000000000 + order if is_first else "",
        }

    return {"orders_export_1.csv": csv_text(rows(40, line)), "orders_export_2.csv": csv_text(rows(30, line))}


SHOPIFY: Mapped = {
    "customers": {"first_seen_in": ["orders"], "columns": {"email": "Email", "country": "Billing Country"}},
    "orders": {
        "path": "orders_export_*.csv",
        "lines": True,
        "where": ['Financial Status not in ["voided"]', "Cancelled at is empty"],
        "columns": {"order_id": "Name", "customer_id": "Email", "order_date": "Created at", "order_amount": "Total"},
    },
}


def german_shop() -> Files:
    return {
        "Kunden.csv": csv_text(
            rows(
                30,
                lambda n: {
                    "Kundennummer": 10000 + n,
                    "Vorname": "Jörg",
                    "E-Mail": f"k{n}@x.example",
                    "Land": "Österreich",
                    "Kunde seit": f"{moment(n):%d.%m.%Y}",
                },
            ),
            ";",
        ).encode("cp1252"),
        "Bestellungen.csv": csv_text(
            rows(
                90,
                lambda n: {
                    "Bestellnr.": f"B{n}",
                    "Kundennr.": 10000 + n % 30,
                    "Bestelldatum": f"{moment(n):%d.%m.%Y %H:%M}",
                    "Betrag": f"1.0{n:02},5{n % 10}",
                    "Status": "storniert" if n % 9 == 0 else "bezahlt",
                },
            ),
            ";",
        ).encode("cp1252"),
    }


GERMAN_SHOP: Mapped = {
    "customers": {
        "path": "Kunden.csv",
        "delimiter": ";",
        "encoding": "cp1252",
        "time_format": "%d.%m.%Y",
        "columns": {
            "customer_id": "Kundennummer",
            "signup_date": "Kunde seit",
            "email": "E-Mail",
            "country": "Land",
        },
    },
    "orders": {
        "path": "Bestellungen.csv",
        "delimiter": ";",
        "decimal": ",",
        "time_format": "%d.%m.%Y %H:%M",
        "where": ['Status not in ["storniert"]'],
        "columns": {
            "order_id": "Bestellnr.",
            "customer_id": "Kundennr.",
            "order_date": "Bestelldatum",
            "order_amount": "Betrag",
        },
    },
}


def ga4() -> Files:
    names = ["page_view"] * 5 + ["view_item", "add_to_cart", "begin_checkout", "purchase", "scroll"]

    def event(n: int) -> dict[str, Any]:
        micros = int((moment(n // 9) - moment(0)).total_seconds() * 1e6) + 1_704_067_200_000_000 + n
        name = names[n % 10]
        return {
            "event_date": f"{moment(n // 9):%Y%m%d}",
            "event_timestamp": str(micros),
            "event_name": name,
            "event_params": [{"key": "page_location", "value": {"string_value": "x"}}],
            "user_id": None,
            "user_pseudo_id": f"{n % 7}.{1_700_000_000 + n % 7}",
            "user_first_touch_timestamp": str(1_704_067_200_000_000),
            "geo": {"country": "Germany", "city": "Bonn"},
            "ecommerce": {"transaction_id": f"T_{n}", "purchase_revenue": 12.5 + n} if name == "purchase" else {},
        }

    return {f"events_2024010{day}.json": json_lines([event(300 * day + n) for n in range(300)]) for day in (1, 2)}


GA4: Mapped = {
    "customers": {"first_seen_in": ["orders", "web_events"], "columns": {"country": "geo.country"}},
    "orders": {
        "path": "events_*.json",
        "where": ['event_name in ["purchase"]'],
        "time_format": "epoch_us",
        "columns": {
            "order_id": "ecommerce.transaction_id",
            "customer_id": "user_pseudo_id",
            "order_date": "event_timestamp",
            "order_amount": "ecommerce.purchase_revenue",
        },
    },
    "web_events": {
        "path": "events_*.json",
        "time_format": "epoch_us",
        "event_types": {"view_item": "page_view", "begin_checkout": "checkout"},
        "columns": {"customer_id": "user_pseudo_id", "event_time": "event_timestamp", "event_type": "event_name"},
    },
}


def clicks_with_purchases() -> Files:
    kinds = ["view"] * 7 + ["cart", "purchase", "purchase"]
    return {
        "2019-Oct.csv": csv_text(
            rows(
                400,
                lambda n: {
                    "event_time": f"{stamp(n // 10)} UTC",
                    "event_type": kinds[n % 10],
                    "product_id": 1000000 + n,
                    "category_code": "electronics.smartphone",
                    "price": 99.5 + n,
                    "user_id": 500000000 + n // 10 % 15,
                    "user_session": f"7248eb42-{n // 10}",
                },
            )
        )
    }


CLICKS_WITH_PURCHASES: Mapped = {
    "customers": {"first_seen_in": ["orders", "web_events"]},
    "orders": {
        "path": "2019-Oct.csv",
        "where": ['event_type in ["purchase"]'],
        "lines": True,
        "columns": {
            "order_id": "user_session",
            "customer_id": "user_id",
            "order_date": "event_time",
            "order_amount": "price",
        },
    },
    "web_events": {
        "path": "2019-Oct.csv",
        "event_types": {"view": "page_view", "cart": "add_to_cart", "purchase": "checkout"},
        "columns": {"customer_id": "user_id", "event_time": "event_time", "event_type": "event_type"},
    },
}


def snowplow() -> Files:
    def event(n: int) -> dict[str, Any]:
        is_order = n % 10 == 9
        said = {
            "app_id": "shop",
            "platform": "web",
            "collector_tstamp": f"{stamp(n // 10)}.123",
            "event": "transaction" if is_order else "page_view",
            "event_id": f"c6ef3124-b53a-4b13-a233-{n:012}",
            "domain_userid": f"d{n % 13:04}",
            "geo_country": "DE",
            "contexts": '{"schema":"iglu:x","data":[{"a":"b"}]}',
            "event_name": "transaction" if is_order else "page_view",
            "tr_orderid": f"o{n}" if is_order else "",
            "tr_total": "12.50" if is_order else "",
        }
        return {name: said.get(name, "") for name in SNOWPLOW}

    lines = ("\t".join(map(str, row.values())) + "\n" for row in rows(300, event))
    return {"run=2024-01-01-00-00-00/part-00000": "".join(lines)}


_SNOWPLOW = {
    "path": "run=*/part-*",
    "format": "csv",
    "delimiter": "\t",
    "header": list(SNOWPLOW),
    "timezone": "UTC",
}
SNOWPLOW_EVENTS: Mapped = {
    "customers": {"first_seen_in": ["orders", "web_events"], "columns": {"country": "geo_country"}},
    "orders": {
        **_SNOWPLOW,
        "where": ['event_name in ["transaction"]'],
        "columns": {
            "order_id": "tr_orderid",
            "customer_id": "domain_userid",
            "order_date": "collector_tstamp",
            "order_amount": "tr_total",
        },
    },
    "web_events": {
        **_SNOWPLOW,
        "event_types": {"transaction": "checkout"},
        "columns": {
            "customer_id": "domain_userid",
            "event_time": "collector_tstamp",
            "event_type": "event_name",
            "event_id": "event_id",
        },
    },
}


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        pytest.param(own_names, OWN_NAMES, id="names of the contract"),
        pytest.param(online_retail, ONLINE_RETAIL, id="UCI Online Retail"),
        pytest.param(olist, OLIST, id="Olist"),
        pytest.param(jaffle_shop, JAFFLE_SHOP, id="jaffle shop"),
        pytest.param(jaffle_shop_classic, JAFFLE_SHOP_CLASSIC, id="jaffle shop, the first one"),
        pytest.param(shopify, SHOPIFY, id="Shopify"),
        pytest.param(german_shop, GERMAN_SHOP, id="German"),
        pytest.param(ga4, GA4, id="GA4"),
        pytest.param(clicks_with_purchases, CLICKS_WITH_PURCHASES, id="clicks with purchases"),
        pytest.param(snowplow, SNOWPLOW_EVENTS, id="Snowplow"),
    ],
)
def test_what_is_guessed_of_shops_that_are_out_there(
    tmp_path: Path, files: Callable[[], Files], expected: Mapped
) -> None:
    assert mapped(connect(tmp_path, files())) == expected


def test_who_sits_there_is_asked_where_it_is_unsure_and_only_there(tmp_path: Path) -> None:
    asking = Nobody({"status = returned": "no", "amount holds whole numbers": "cents"})
    orders = mapped(connect(tmp_path, jaffle_shop_classic(), asking))["orders"]
    assert asking.asked == [
        "orders: amount holds whole numbers; are they",
        "orders: does status = returned count as an order?",
    ]
    assert orders["columns"]["order_amount"] == "payments.amount / 100"
    assert orders["where"] == ['status not in ["returned"]']


def orders_of(n: int, **more: Any) -> dict[str, Any]:
    return {"order_id": n, "customer_id": n % 9, "order_date": stamp(n), "total": 9.5 + n, **more}


def test_day_or_month_first_is_asked_where_no_value_tells(tmp_path: Path) -> None:
    files = {
        "orders.csv": csv_text(rows(40, lambda n: orders_of(n, order_date=f"{n % 12 + 1:02}/{n % 9 + 1:02}/2024")))
    }
    asking = Nobody({"may be read in two ways": "day first"})
    assert mapped(connect(tmp_path, files, asking))["orders"]["time_format"] == "%d/%m/%Y"
    assert mapped(connect(tmp_path, files))["orders"]["time_format"] == "%m/%d/%Y"


def test_another_column_tells_whether_the_day_comes_first(tmp_path: Path) -> None:
    files = {
        "orders.csv": csv_text(rows(40, lambda n: orders_of(n, order_date=f"{n % 9 + 1:02}/{n % 12 + 1:02}/2024"))),
        "clients.csv": csv_text(rows(9, lambda n: {"customer_id": n, "fecha_alta": f"{20 + n}/01/2024"})),
    }
    asking = Nobody()
    found = mapped(connect(tmp_path, files, asking))
    assert (found["orders"]["time_format"], asking.asked) == ("%d/%m/%Y", [])


def test_currencies_take_a_rate_and_those_without_one_are_left_out(tmp_path: Path) -> None:
    files = {"orders.csv": csv_text(rows(40, lambda n: orders_of(n, currency=("EUR", "EUR", "USD", "SEK")[n % 4])))}
    found = connect(tmp_path, files, Nobody({"one USD": "0.92"}))
    orders = mapped(found)["orders"]
    assert orders["currency"] == {"column": "currency", "rates": {"EUR": Decimal(1), "USD": Decimal("0.92")}}
    assert orders["where"] == ['currency in ["EUR", "USD"]']
    assert found.notes == ["Orders in SEK are left out: there is no rate; add one under [orders.currency]"]


def test_rows_without_a_number_are_orders_of_a_customer_and_a_day(tmp_path: Path) -> None:
    lines = rows(
        90, lambda n: {"t_dat": f"2024-01-{n // 6 + 1:02}", "customer_id": n % 4, "article_id": n, "price": 0.5 + n}
    )
    files = {"transactions_train.csv": csv_text(lines), "articles.csv": csv_text([{"article_id": 1, "name": "x"}])}
    orders = mapped(connect(tmp_path, files))["orders"]
    assert (orders["lines"], orders["columns"]) == (
        True,
        {
            "order_id": "customer_id + t_dat",
            "customer_id": "customer_id",
            "order_date": "t_dat",
            "order_amount": "price",
        },
    )


def test_guests_under_one_number_are_left_out(tmp_path: Path) -> None:
    files = {"orders.csv": csv_text(rows(60, lambda n: orders_of(n, customer_id=0 if n % 3 == 0 else n % 19 + 1)))}
    assert mapped(connect(tmp_path, files))["orders"]["where"] == ['customer_id not in ["0"]']


def test_a_total_that_every_line_repeats_is_not_summed_up(tmp_path: Path) -> None:
    files = {
        "orders.csv": csv_text(
            rows(60, lambda n: orders_of(n // 3, total=9.5 + n // 3, sku=f"p{n}", quantity=1, unit_price=2.5))
        )
    }
    orders = mapped(connect(tmp_path, files))["orders"]
    assert ("lines" in orders, orders["columns"]["order_amount"]) == (False, "total")


def test_whole_numbers_that_a_data_frame_wrote_as_decimals_are_those_of_the_customers(tmp_path: Path) -> None:
    files = {
        "people.csv": csv_text(rows(30, lambda n: {"id": n + 100, "email": f"a{n}@x.example", "created_at": stamp(n)})),
        "sales.csv": csv_text(
            rows(60, lambda n: orders_of(n, customer_id=f"{100 + n % 30}.0" if n % 7 else None, user_id=f"s{n % 3}"))
        ),
    }
    found = mapped(connect(tmp_path, files))
    assert found["orders"]["columns"]["customer_id"] == "customer_id"
    assert (found["orders"].get("whole_number_ids"), found["customers"].get("whole_number_ids")) == (True, None)


def test_identifiers_with_a_fraction_are_left_as_they_are(tmp_path: Path) -> None:
    files = {"orders.csv": csv_text(rows(60, lambda n: orders_of(n, customer_id=f"{n % 19}.{n % 2}")))}
    assert "whole_number_ids" not in mapped(connect(tmp_path, files))["orders"]


def test_the_column_whose_values_are_among_the_customers_names_them(tmp_path: Path) -> None:
    files = {
        "people.csv": csv_text(
            rows(
                30,
                lambda n: {"entity_id": n + 100, "email": f"a{n}@x.example", "created_at": stamp(n), "firstname": "A"},
            )
        ),
        "sales.csv": csv_text(rows(60, lambda n: orders_of(n, customer_id=100 + n % 30, user_id=f"s{n % 3}"))),
    }
    found = mapped(connect(tmp_path, files))
    assert (found["customers"]["columns"]["customer_id"], found["orders"]["columns"]["customer_id"]) == (
        "entity_id",
        "customer_id",
    )


def test_tables_that_are_not_used_are_told(tmp_path: Path) -> None:
    assert connect(tmp_path, olist()).notes == [
        "Not used: olist_order_items_dataset.csv, olist_products_dataset.csv",
    ]


def test_nothing_that_fits_is_told_with_the_columns_that_are_there(tmp_path: Path) -> None:
    files = {"products.csv": csv_text(rows(9, lambda n: {"sku": n, "name": "x", "price": 1.5}))}
    with pytest.raises(
        NothingFitsError, match=r"no table looks like orders or events.*products\.csv: sku, name, price"
    ):
        connect(tmp_path, files)


def test_what_is_written_holds_no_value_of_a_person(tmp_path: Path) -> None:
    text = as_text(connect(tmp_path, german_shop()))
    assert "# text a99@a.a; name and values" in text
    assert not any(value in text for value in ("k1@x.example", "Jörg", "10001", "Österreich"))
