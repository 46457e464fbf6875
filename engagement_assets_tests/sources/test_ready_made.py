"""The mappings of docs/sources/, each on small files in the format that it is for; what is to come out is worked by hand."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path

import pytest

from engagement_assets.domain.source_mapping import SourceMappings, parse_mappings
from engagement_assets.engine import EngineResource
from engagement_assets.settings import Settings
from engagement_assets.sources.connect.words import SNOWPLOW
from engagement_assets_tests import PROJECT
from engagement_assets_tests.sources.connect.shops import json_lines, write
from engagement_assets_tests.sources.kept import Kept, kept_rows

MAPPINGS = {place.stem: place for place in (PROJECT / "docs" / "sources").glob("*.toml")}

Reader = Callable[[str, Mapping[str, str | bytes]], Kept]


@pytest.fixture
def read(tmp_path: Path, engine: EngineResource) -> Reader:
    """Reads files by a ready-made mapping, as a run would."""

    def call(name: str, files: Mapping[str, str | bytes]) -> Kept:
        write(tmp_path / "raw", files)
        settings = Settings(
            data=str(tmp_path / "raw"),
            lake=str(tmp_path / "lake"),
            sources=str(MAPPINGS[name]),
            start_date=date(2010, 1, 1),
        )
        return kept_rows(settings, engine)

    return call


def test_every_mapping_can_be_read_and_is_tested_here() -> None:
    assert all(isinstance(parse_mappings(place.read_text(), place.name), SourceMappings) for place in MAPPINGS.values())
    text = Path(__file__).read_text(encoding="utf-8")
    assert [name for name in MAPPINGS if re.search(rf'read\(\s*"{name}"', text) is None] == []


def test_no_mapping_names_a_web_address() -> None:
    assert [name for name, place in MAPPINGS.items() if "://" in place.read_text() or "www." in place.read_text()] == []


def test_orders_of_shopify_have_their_total_in_the_first_line(read: Reader) -> None:
    head = (
        "Name,Email,Financial Status,Paid at,Currency,Subtotal,Shipping,Taxes,Total,Created at,Lineitem quantity,"
        "Lineitem name,Lineitem price,Billing Name,Billing Country,Cancelled at,Id\n"
    )
    january = (
        "#1001,ann@x.example,paid,2024-02-01,EUR,25.00,4.90,3.00,29.90,2024-01-31 23:30:00 -0500,1,Mug,9.90,A B,FR,,51\n"
        "#1001,ann@x.example,,,,,,,,2024-01-31 23:30:00 -0500,2,Cup,7.55,,,,\n"
        "#1002,bob@x.example,voided,,EUR,9.90,0.00,0.00,9.90,2024-01-31 10:00:00 -0500,1,Mug,9.90,C D,DE,,52\n"
        "#1002,bob@x.example,,,,,,,,2024-01-31 10:00:00 -0500,1,Cup,0.00,,,,\n"
        "#1003,bob@x.example,paid,,EUR,9.90,0.00,0.00,9.90,2024-01-31 11:00:00 -0500,1,Mug,9.90,C D,DE,2024-02-01,53\n"
    )
    february = (
        "#1004,bob@x.example,refunded,,EUR,9.90,0.00,0.00,12.00,2024-02-02 10:00:00 -0500,1,Mug,9.90,C D,DE,,54\n"
    )
    found = read(
        "shopify_orders", {"jan/orders_export_1.csv": head + january, "feb/orders_export_2.csv": head + february}
    )
    assert found["orders"] == (
        [
            ("#1001", "ann@x.example", "2024-02-01 04:30:00", "29.90"),
            ("#1004", "bob@x.example", "2024-02-02 15:00:00", "12.00"),
        ],
        {"filtered": 3, "summed": 1},
    )
    assert found["customers"] == (
        [
            ("ann@x.example", "ann@x.example", "2024-02-01", "FR"),
            ("bob@x.example", "bob@x.example", "2024-01-31", "DE"),
        ],
        {},
    )


def test_orders_and_customers_of_woocommerce(read: Reader) -> None:
    def order(
        number: int, status: str, customer: int, total: str, modified: str = "2024-03-01T10:00:00"
    ) -> dict[str, object]:
        return {
            "id": number,
            "status": status,
            "currency": "EUR",
            "date_created": "2024-03-01T01:30:00",
            "date_created_gmt": "2024-02-29T23:30:00",
            "date_modified_gmt": modified,
            "total": total,
            "customer_id": customer,
            "billing": {"email": "ann@x.example", "country": "AT"},
            "line_items": [{"id": 1, "total": total}],
        }

    people = [
        {"id": 7, "date_created_gmt": "2024-01-15T08:00:00", "email": "ann@x.example", "billing": {"country": "AT"}}
    ]
    first = [order(1, "processing", 7, "10.00"), order(2, "cancelled", 7, "5.00"), order(3, "completed", 0, "8.00")]
    again = [order(1, "completed", 7, "12.50", "2024-03-02T10:00:00")]
    found = read(
        "woocommerce",
        {
            "orders/1.json": json.dumps(again),
            "orders/2.json": json.dumps(first),
            "customers/1.json": json.dumps(people),
        },
    )
    assert found["orders"] == ([("1", "7", "2024-02-29 23:30:00", "12.50")], {"filtered": 2, "superseded": 1})
    assert found["customers"] == ([("7", "ann@x.example", "2024-01-15", "AT")], {})


def test_charges_of_stripe_are_in_the_smallest_unit(read: Reader) -> None:
    def charge(number: int, **more: object) -> dict[str, object]:
        usual = {"amount": 1999, "currency": "usd", "created": 1706745599, "customer": "cus_1", "status": "succeeded"}
        return {"id": f"ch_{number}", "object": "charge", "refunded": False, **usual, **more}

    charges = [
        charge(1),
        charge(2, currency="eur", amount=1000, created=1706745600),
        charge(3, status="failed"),
        charge(4, refunded=True),
        charge(5, currency="sek"),
        charge(6, customer=None),
    ]
    person = {"id": "cus_1", "email": "ann@x.example", "created": 1704067200, "address": {"country": "US"}}
    found = read("stripe_charges", {"charges.jsonl": json_lines(charges), "customers.jsonl": json_lines([person])})
    assert found["orders"] == (
        [("ch_1", "cus_1", "2024-01-31 23:59:59", "19.99"), ("ch_2", "cus_1", "2024-02-01 00:00:00", "10.80")],
        {"filtered": 2, "missing_customer_id": 1, "unknown_currency": 1},
    )
    assert found["customers"] == ([("cus_1", "ann@x.example", "2024-01-01", "US")], {})


def test_events_of_ga4_hold_the_orders_too(read: Reader) -> None:
    def event(name: str, second: int, who: str = "1.1", **ecommerce: object) -> dict[str, object]:
        return {
            "event_date": "20240131",
            "event_timestamp": str((1706745600 + second) * 1_000_000 + 123456),
            "event_name": name,
            "event_params": [{"key": "ga_session_id", "value": {"int_value": "1"}}],
            "user_pseudo_id": who,
            "geo": {"country": "Germany"},
            "ecommerce": ecommerce,
        }

    found = read(
        "ga4_bigquery",
        {
            "events/events_20240201.json.gz": gzip.compress(
                json_lines(
                    [
                        event("view_item", 0),
                        event("begin_checkout", 60),
                        event("purchase", 90, transaction_id="T_1", purchase_revenue=49.9),
                        event("scroll", 100, "2.2"),
                    ]
                ).encode()
            )
        },
    )
    assert found["orders"] == ([("T_1", "1.1", "2024-02-01 00:01:30.123456", "49.90")], {"filtered": 3})
    assert found["web_events"][0] == [
        ("1.1", "2024-02-01 00:00:00.123456", "page_view", "None"),
        ("1.1", "2024-02-01 00:01:00.123456", "checkout", "None"),
        ("1.1", "2024-02-01 00:01:30.123456", "purchase", "None"),
        ("2.2", "2024-02-01 00:01:40.123456", "scroll", "None"),
    ]
    assert found["customers"][0] == [("1.1", "None", "2024-02-01", "Germany"), ("2.2", "None", "2024-02-01", "Germany")]


def test_track_calls_of_segment_and_rudderstack(read: Reader) -> None:
    def call(
        number: int, event: str | None, kind: str = "track", who: str | None = "u1", **properties: object
    ) -> dict[str, object]:
        return {
            "type": kind,
            "event": event,
            "userId": who,
            "anonymousId": "a1",
            "messageId": f"m{number}",
            "timestamp": f"2024-01-31T10:00:0{number}.250Z",
            "properties": properties,
            "context": {"traits": {"email": "ann@x.example"}},
        }

    found = read(
        "segment_rudderstack",
        {
            "calls/1706659200000/part-0": json_lines(
                [
                    call(1, "Product Viewed", price=9.5),
                    call(2, "Product Added"),
                    call(3, "Checkout Started"),
                    call(4, "Order Completed", order_id="o1", total=27.5, revenue=25.0),
                    call(5, None, "page"),
                    call(6, "Product Viewed", who=None),
                ]
            )
        },
    )
    assert found["orders"] == ([("o1", "u1", "2024-01-31 10:00:04.250000", "27.50")], {"filtered": 5})
    assert found["web_events"] == (
        [
            ("u1", "2024-01-31 10:00:01.250000", "page_view", "m1"),
            ("u1", "2024-01-31 10:00:02.250000", "add_to_cart", "m2"),
            ("u1", "2024-01-31 10:00:03.250000", "checkout", "m3"),
            ("u1", "2024-01-31 10:00:04.250000", "Order Completed", "m4"),
        ],
        {"filtered": 2},
    )
    assert found["customers"] == ([("u1", "ann@x.example", "2024-01-31", "unknown")], {})


def test_enriched_events_of_snowplow_have_no_header_and_quotes_that_mean_nothing(read: Reader) -> None:
    def line(**said: str) -> str:
        return "\t".join(said.get(name, "") for name in SNOWPLOW) + "\n"

    seen = {"event": "page_view", "event_name": "page_view", "domain_userid": "d1", "geo_country": "DE"}
    bought = {**seen, "event": "transaction", "event_name": "transaction", "tr_orderid": "o1", "tr_total": "12.5"}
    odd = {"page_title": '"Half a quote', "contexts": '{"schema":"iglu:x"}'}
    lines = [
        line(**seen, **odd, event_id="e1", derived_tstamp="2024-01-31 10:00:00.123"),
        line(**bought, event_id="e2", derived_tstamp="2024-01-31 23:59:59.999"),
        line(**{**seen, "domain_userid": ""}, event_id="e3", derived_tstamp="2024-01-31 10:00:10.000"),
    ]
    found = read("snowplow_enriched", {"enriched/run=2024-01-31/part-00000": "".join(lines)})
    assert found["orders"] == ([("o1", "d1", "2024-01-31 23:59:59.999000", "12.50")], {"filtered": 2})
    assert found["web_events"] == (
        [
            ("d1", "2024-01-31 10:00:00.123000", "page_view", "e1"),
            ("d1", "2024-01-31 23:59:59.999000", "transaction", "e2"),
        ],
        {"missing_customer_id": 1},
    )
    assert found["customers"] == ([("d1", "None", "2024-01-31", "DE")], {})


def test_the_jaffle_shop_counts_in_cents(read: Reader) -> None:
    found = read(
        "jaffle_shop",
        {
            "raw_customers.csv": "id,name\nc1,Ann\nc2,Bob\n",
            "raw_orders.csv": "id,customer,ordered_at,store_id,subtotal,tax_paid,order_total\n"
            "o1,c1,2018-03-01T07:30:00,s1,700,42,742\no2,c1,2018-03-02T07:30:00,s1,1900,114,2014\n",
            "raw_items.csv": "id,order_id,sku\ni1,o1,JAF-001\n",
        },
    )
    assert found["orders"] == (
        [("o1", "c1", "2018-03-01 07:30:00", "7.42"), ("o2", "c1", "2018-03-02 07:30:00", "20.14")],
        {},
    )
    assert found["customers"] == (
        [("c1", "None", "2018-03-01", "unknown"), ("c2", "None", "2016-09-01", "unknown")],
        {},
    )


def test_the_first_jaffle_shop_has_its_amounts_among_the_payments(read: Reader) -> None:
    found = read(
        "jaffle_shop_classic",
        {
            "raw_customers.csv": "id,first_name,last_name\n1,Ann,P.\n2,Bob,M.\n3,Cy,S.\n",
            "raw_orders.csv": "id,user_id,order_date,status\n1,1,2018-01-01,returned\n2,3,2018-01-02,completed\n"
            "3,2,2018-01-04,completed\n4,2,2018-01-05,placed\n",
            "raw_payments.csv": "id,order_id,payment_method,amount\n1,1,credit_card,1000\n2,2,credit_card,2000\n"
            "3,3,coupon,100\n4,3,bank_transfer,2550\n",
        },
    )
    assert found["orders"] == (
        [("2", "3", "2018-01-02 00:00:00", "20.00"), ("3", "2", "2018-01-04 00:00:00", "26.50")],
        {"filtered": 1, "wrong_type": 1},  # the order that nothing was paid for
    )
    assert found["customers"][0] == [
        ("1", "None", "2018-01-01", "unknown"),
        ("2", "None", "2018-01-04", "unknown"),
        ("3", "None", "2018-01-02", "unknown"),
    ]


def test_orders_of_olist_are_those_of_the_customer_who_stays(read: Reader) -> None:
    found = read(
        "olist",
        {
            "olist_customers_dataset.csv": '"customer_id","customer_unique_id","customer_city","customer_state"\n'
            '"c1","u1","sao paulo","SP"\n"c2","u1","sao paulo","SP"\n"c3","u2","rio","RJ"\n',
            "olist_orders_dataset.csv": "order_id,customer_id,order_status,order_purchase_timestamp,order_approved_at\n"
            "o1,c1,delivered,2017-10-02 10:56:33,2017-10-02 11:07:15\no2,c2,shipped,2018-07-24 20:41:37,\n"
            "o3,c3,canceled,2018-08-08 08:38:49,\n",
            "olist_order_payments_dataset.csv": "order_id,payment_sequential,payment_type,payment_installments,payment_value\n"
            "o1,1,credit_card,1,18.12\no1,2,voucher,1,2.00\no2,1,boleto,1,141.46\no3,1,credit_card,3,179.12\n",
        },
    )
    assert found["orders"] == (
        [("o1", "u1", "2017-10-02 10:56:33", "20.12"), ("o2", "u1", "2018-07-24 20:41:37", "141.46")],
        {"filtered": 1},
    )
    assert found["customers"] == ([("u1", "None", "2017-10-02", "BR")], {})


def test_lines_of_online_retail_are_summed_up(read: Reader) -> None:
    lines = (
        "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
        "536365,85123A,WHITE HANGING HEART T-LIGHT HOLDER,6,12/1/2010 8:26,2.55,17850,United Kingdom\n"
        "536365,71053,WHITE METAL LANTERN,6,12/1/2010 8:26,3.39,17850,United Kingdom\n"
        "536414,22139,,56,12/1/2010 11:52,0,,United Kingdom\n"
        'C536379,D,"Discount, £",-1,12/1/2010 9:41,27.5,14527,United Kingdom\n'
        "536370,22728,ALARM CLOCK,24,12/13/2010 8:45,3.75,12583,France\n"
    )
    found = read("online_retail", {"online_retail.csv": lines.encode("cp1252")})
    assert found["orders"] == (
        [("536365", "17850", "2010-12-01 08:26:00", "35.64"), ("536370", "12583", "2010-12-13 08:45:00", "90.00")],
        {"missing_customer_id": 1, "negative_amount": 1, "summed": 1},
    )
    assert found["customers"][0] == [
        ("12583", "None", "2010-12-13", "France"),
        ("14527", "None", "2010-12-01", "United Kingdom"),
        ("17850", "None", "2010-12-01", "United Kingdom"),
    ]
