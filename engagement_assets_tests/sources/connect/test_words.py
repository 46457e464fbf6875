"""What shops call things, in the languages of their exports."""

from __future__ import annotations

import pytest

from engagement_assets.sources.connect.words import (
    SNOWPLOW,
    event_meaning,
    is_purchase,
    is_tax,
    likeness,
    squashed,
    table_likeness,
)


def test_names_are_compared_without_case_accents_and_signs() -> None:
    assert squashed("N° Commande") == "ncommande"
    assert squashed("Straße") == "strasse"
    assert squashed("Order #") == squashed("orderNumber") == "ordernumber"


@pytest.mark.parametrize(
    ("role", "names"),
    [
        (
            "customer_id",
            "CustomerID customer_id user_id userId Kundennummer Kundennr. id_cliente visitorid o_custkey klantnummer",
        ),
        (
            "order_id",
            "InvoiceNo order_id Bestellnr. id_pedido ORDERNUMBER transaction_id increment_id Auftragsnummer o_orderkey",
        ),
        (
            "order_date",
            "InvoiceDate order_purchase_timestamp Bestelldatum fecha_pedido ordered_at created_at order_ts date_add",
        ),
        (
            "order_amount",
            "order_total grand_total Betrag importe_total total_paid payment_value revenue Gesamtbetrag",
        ),
        ("country", "Country Land pays billing.country country_code geo.country Shipping-Country"),
        ("signup_date", "signup_date registered_at fecha_alta created_at member_since customer_since date_add"),
        ("event_time", "event_time timestamp event_timestamp collector_tstamp properties.time occurred_at"),
        ("event_type", "event_type event event_name action eventType"),
        ("updated_at", "updated_at date_modified last_modified updatedAt date_upd"),
    ],
)
def test_names_that_shops_use(role: str, names: str) -> None:
    assert {name: likeness(role, name) for name in names.split() if likeness(role, name) < 0.8} == {}


@pytest.mark.parametrize(
    ("role", "names"),
    [
        ("order_date", "order_delivered_customer_date order_estimated_delivery_date cancelled_at updated_at"),
        (
            "order_amount",
            "tax_amount shipping_total discount_amount refunded_amount lifetime_value order_id payment_installments",
        ),
        ("customer_id", "customer_city user_type customer_phone"),
        ("signup_date", "updated_at birth_date last_login last_order_date"),
    ],
)
def test_names_that_mean_something_else(role: str, names: str) -> None:
    assert {name: likeness(role, name) for name in names.split() if likeness(role, name) >= 0.5} == {}


def test_taxes_are_not_found_inside_other_words() -> None:
    assert [
        name for name in ("tax_paid", "Taxes", "VAT", "iva", "payment_value", "private", "status") if is_tax(name)
    ] == [
        "tax_paid",
        "Taxes",
        "VAT",
        "iva",
    ]


def test_tables_by_the_names_of_files_and_folders() -> None:
    assert table_likeness("customers", "raw_customers.csv") == 1
    assert table_likeness("orders", "exports/Bestellungen.csv") == 1
    assert table_likeness("web_events", "events_*.json.gz") == 1
    assert table_likeness("orders", "olist_order_items_dataset.csv") == 0
    assert table_likeness("customers", "products.parquet") == 0


@pytest.mark.parametrize(
    ("meaning", "types"),
    [
        ("page_view", ["view", "page_view", "Product Viewed", "$pageview", "view_item", "PageView", "screen_view"]),
        ("add_to_cart", ["cart", "add_to_cart", "addtocart", "Product Added", "Add to Basket", "add_to_bag"]),
        ("checkout", ["begin_checkout", "Checkout Started", "checkout", "initiateCheckout"]),
        (
            "",
            ["remove_from_cart", "scroll", "session_start", "login", "search", "Cart Viewed", "view_cart", "page_ping"],
        ),
    ],
)
def test_event_types(meaning: str, types: list[str]) -> None:
    assert {each: event_meaning(each) for each in types} == dict.fromkeys(types, meaning)


def test_event_types_that_are_an_order() -> None:
    types = ["purchase", "Order Completed", "transaction", "buy", "Placed Order", "checkout", "view", "refund"]
    assert [each for each in types if is_purchase(each)] == types[:5]


def test_enriched_events_of_snowplow_have_131_columns() -> None:
    assert (len(SNOWPLOW), len(set(SNOWPLOW))) == (131, 131)
