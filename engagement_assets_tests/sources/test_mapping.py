"""Files as people have them, with what `sources.toml` says of them: what becomes of each row is worked by hand."""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import json
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, write_deltalake

from engagement_assets.domain.source_mapping import parse_mappings
from engagement_assets.settings import Settings
from engagement_assets.sources import reading
from engagement_assets.sources.accounting import Account
from engagement_assets.sources.ingestion import trial
from engagement_assets.sources.inspecting import TableGroup
from engagement_assets.sources.reading import Rows
from engagement_assets_tests.sources.hardening.mapped import CUSTOMERS, DAY, INVOICES, LINES, NEXT, a_german_shop
from engagement_assets_tests.worlds import World, failures

FACTS = ("raw_customers", "raw_orders", "raw_web_events")


class Shop:
    """Files below `raw`, and the mapping that is said of them."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.raw = world.root / "raw"
        world.options |= {"start_date": date(2025, 3, 30), "rejected_share_limit": 1.0}

    def say(self, toml: str) -> None:
        place = self.world.root / "sources.toml"
        place.write_text(toml, encoding="utf-8")
        self.world.options["sources"] = str(place)

    def put(self, name: str, content: bytes | str) -> None:
        place = self.raw / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content.encode() if isinstance(content, str) else content)

    def run(self, first: str = DAY, last: str = NEXT) -> Any:
        return self.world.run(first, last, tables=FACTS)

    def orders(self) -> list[tuple[str, str, str, str]]:
        """Day, id, customer and amount of each order."""
        return [
            (str(row["as_of_date"]), row["order_id"], row["customer_id"], str(row["order_amount"]))
            for row in sorted(self.world.rows("raw_orders"), key=lambda row: row["order_id"])
        ]

    def customers(self, day: str = NEXT) -> list[tuple[str, str, str]]:
        """Id, sign-up and country of each customer."""
        return sorted(
            (row["customer_id"], str(row["signup_date"]), row["country"])
            for row in self.world.rows("raw_customers", day)
        )


@pytest.fixture
def shop(world: World) -> Shop:
    return Shop(world)


def test_lines_of_orders_are_summed_up_and_customers_sign_up_on_the_first_day_seen(shop: Shop) -> None:
    shop.say(LINES)
    shop.put("lines.csv", INVOICES)
    result = shop.run()
    # 6 x 2.555 + 2 x 0.005 = 15.34; what is below zero is rejected, and does not count for order 4.
    assert shop.orders() == [(DAY, "1", "17850", "15.34"), (NEXT, "4", "12583", "3.30")]
    assert shop.customers() == [("12583", NEXT, "Spain"), ("17850", DAY, "France")]
    assert shop.customers(DAY) == [("17850", DAY, "France")]
    assert shop.world.rejected() == {
        "orders:missing_customer_id": 1,
        "orders:negative_amount": 2,
        "orders:wrong_type": 2,
        "orders:malformed_line": 1,
    }
    found = shop.world.metadata(result, "raw_orders")
    assert (found["rows_read"], found["rows_kept"], found["lines_summed_up"]) == (10, 2, 2)
    origins = found["dagster/column_lineage"].deps_by_column
    assert [dep.column_name for dep in origins["order_amount"]] == ["Quantity", "UnitPrice"]
    raw = [row["raw"] for row in shop.world.rows("rejected_rows") if row["reason"] == "malformed_line"]
    assert raw == ["7,1,3/31/2025"]


def test_of_files_that_come_only_these_are_read_for_customers_too(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.say(LINES.replace('"lines.csv"', '"lines"'))
    shop.put("lines/1.csv", INVOICES)
    shop.run(DAY, DAY)
    read: list[list[str]] = []
    tables = reading._Reader.table

    def noting(reader: reading._Reader, group: TableGroup) -> Rows:
        read.append([file.name for file in group.files])
        return tables(reader, group)

    monkeypatch.setattr(reading._Reader, "table", noting)
    head = INVOICES.partition("\n")[0]
    # One who is new, and one who was there a day before the first day seen.
    shop.put("lines/2.csv", f"{head}\n8,1,3/31/2025 1:00,2.00,1,Chile\n9,1,3/30/2025 1:00,2.00,12583,Spain\n")
    shop.run()
    assert {name for files in read for name in files} == {"lines/2.csv"}
    assert shop.customers() == [("1", NEXT, "Chile"), ("12583", DAY, "Spain"), ("17850", DAY, "France")]
    assert [order[1] for order in shop.orders()] == ["1", "4", "8", "9"]
    read.clear()
    shop.run()
    assert read == []


def test_whole_numbers_that_are_written_as_decimals_are_the_customers_of_that_number(shop: Shop) -> None:
    shop.put("people.csv", "id,since\n17850,2025-03-30\n007,2025-03-30\n")
    shop.put(
        "orders.csv",
        "no,who,when,amount\n1.0,17850.0,2025-03-30,1.00\n2.00,17850,2025-03-30,2.00\n3.,007.0,2025-03-30,3.00\n"
        "A4.0,17850.5,2025-03-30,4.00\n5,1.7850e4,2025-03-30,5.00\n6,,2025-03-30,6.00\n",
    )
    mapping = """[customers]
path = "people.csv"
[customers.columns]
customer_id = "id"
signup_date = "since"
[orders]
path = "orders.csv"
WHOLE
[orders.columns]
order_id = "no"
customer_id = "who"
order_date = "when"
order_amount = "amount"
"""
    shop.say(mapping.replace("WHOLE", ""))
    shop.run(DAY, DAY)
    assert shop.orders() == [(DAY, "2.00", "17850", "2.00")]
    shop.say(mapping.replace("WHOLE", "whole_number_ids = true"))
    shop.run(DAY, DAY)
    assert shop.orders() == [
        (DAY, "1", "17850", "1.00"),
        (DAY, "2", "17850", "2.00"),
        (DAY, "3", "007", "3.00"),
    ]


def test_refunds_are_netted_where_that_is_said(shop: Shop) -> None:
    shop.say(LINES.replace("lines = true", 'lines = true\nrefunds = "net"'))
    shop.put("lines.csv", INVOICES)
    shop.run()
    assert shop.orders() == [(DAY, "1", "17850", "15.34"), (NEXT, "4", "12583", "2.20")]
    assert shop.world.rejected()["orders:negative_amount"] == 1  # C3: nothing to net it with


def test_times_amounts_currencies_conditions_and_event_types_are_read_as_they_are_spelled(shop: Shop) -> None:
    toml, files = a_german_shop()
    shop.say(toml)
    for name, content in files.items():
        shop.put(name, content)
    result = shop.run()
    assert shop.customers() == [("7", "2025-01-05", "Österreich")]
    assert shop.orders() == [(DAY, "b1", "7", "1234.50"), (NEXT, "b2", "7", "9.00")]
    found = {
        row["event_id"]: (row["event_type"], row["event_time"].isoformat()) for row in shop.world.rows("raw_web_events")
    }
    assert {name: kind for name, (kind, _) in found.items()} == {
        "m1": "page_view",
        "m2": "checkout",
        "m3": "Wished",
        "m7": "page_view",
    }
    assert found["m2"][1].startswith("2025-03-31T12:00:00.5")
    assert shop.world.rejected() == {
        "orders:unknown_currency": 1,
        "orders:wrong_type": 1,
        "web_events:wrong_type": 1,
        "web_events:missing_date": 1,
    }
    assert shop.world.metadata(result, "raw_orders")["filtered_rows"] == 2
    assert shop.world.metadata(result, "raw_web_events")["filtered_rows"] == 1


def as_csv(rows: list[dict[str, Any]], delimiter: str = ",", encoding: str = "utf-8") -> bytes:
    lines = [list(rows[0]), *([str(value) for value in row.values()] for row in rows)]
    return "".join(delimiter.join(f'"{cell}"' for cell in line) + "\r\n" for line in lines).encode(encoding)


def as_json_lines(rows: list[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def as_parquet(rows: list[dict[str, Any]]) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), sink)
    return sink.getvalue()


def zstd(content: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as packed:
        packed.write(content)
    return bytes(sink.getvalue())


FORMATS: dict[str, Callable[[list[dict[str, Any]]], bytes]] = {
    "o.csv": as_csv,
    "o.tsv": lambda rows: as_csv(rows, "\t"),
    "o-semicolon.csv": lambda rows: codecs.BOM_UTF8 + as_csv(rows, ";"),
    "o.csv.gz": lambda rows: gzip.compress(as_csv(rows, "|")),
    "o.csv.bz2": lambda rows: bz2.compress(as_csv(rows)),
    "o.tsv.zst": lambda rows: zstd(as_csv(rows, "\t")),
    "o.json.zst": lambda rows: zstd(json.dumps(rows).encode()),
    "o.json": lambda rows: json.dumps(rows).encode(),
    "o-pretty.json": lambda rows: "\n".join(json.dumps(row, indent=2) for row in rows).encode(),
    "o.jsonl": as_json_lines,
    "o.ndjson.gz": lambda rows: gzip.compress(as_json_lines(rows)),
    "o.json.bz2": lambda rows: bz2.compress(json.dumps(rows, indent=1).encode()),
    "o.parquet": as_parquet,
}


@pytest.mark.parametrize("with_mapping", [False, True], ids=["by default", "mapped"])
def test_every_format_gives_the_same_rows_and_accounts_for_each(shop: Shop, with_mapping: bool) -> None:
    """Each file has ten orders of its own, one of them without a customer."""
    names = ("order_id", "customer_id", "order_date", "order_amount")
    called = ("nr", "who", "when", "sum") if with_mapping else ("ORDER_ID", "customer_id", "Order_Date", "order_amount")
    if with_mapping:
        columns = "".join(f'{name} = "{given}"\n' for name, given in zip(names, called, strict=True))
        shop.say(
            f'[customers]\npath = "customers"\n[customers.columns]\ncustomer_id = "customer_id"\nsignup_date = "signup_date"\n'
            f'[orders]\npath = "orders"\n[orders.columns]\n{columns}'
        )
    shop.world.customers([{"customer_id": "c"}])
    for number, (name, write) in enumerate(FORMATS.items()):
        rows = [
            dict(zip(called, (f"{number}-{n}", "c" if n else "", f"{DAY}T10:00:00Z", f"{n}.5"), strict=True))
            for n in range(10)
        ]
        shop.put(f"orders/{name}", write(rows))
    result = shop.run()
    assert [(order, amount) for _, order, _, amount in shop.orders()] == sorted(
        (f"{number}-{n}", f"{n}.50") for number in range(len(FORMATS)) for n in range(1, 10)
    )
    assert shop.world.rejected() == {"orders:missing_customer_id": len(FORMATS)}
    assert shop.world.metadata(result, "raw_orders")["rows_read"] == 10 * len(FORMATS)
    # Once more, and one file more: only that is read.
    shop.put("orders/p.csv", as_csv([dict(zip(called, ("new", "c", f"{NEXT}T10:00:00Z", "1"), strict=True))]))
    found = shop.world.metadata(shop.run(), "raw_orders")
    assert (found["rows_read"], found["source_files_examined"]) == (10 * len(FORMATS) + 1, 1)


def test_types_of_other_systems_are_identifiers_and_columns_lie_in_structures_and_folders(shop: Shop) -> None:
    shop.say(
        CUSTOMERS
        + """
[orders]
path = "warehouse"
[orders.columns]
order_id = "id"
customer_id = "customer.key"
order_date = "day"
order_amount = "cents / 100"
"""
    )
    uuid = UUID("12345678-1234-5678-1234-567812345678")
    keys = pa.array([b"k1", b"k2"], pa.binary())
    for day, ids in (
        (DAY, pa.ExtensionArray.from_storage(pa.uuid(), pa.array([uuid.bytes, None], pa.binary(16)))),
        (NEXT, pa.array(["a", "b"]).dictionary_encode()),
    ):
        table = pa.table(
            {
                "ID": ids,
                "customer": pa.StructArray.from_arrays([keys], ["key"]),
                "cents": pa.array([Decimal(1250), Decimal(199)], pa.decimal256(50, 0)),
            }
        )
        place = shop.raw / "warehouse" / f"day={day}" / "part.parquet"
        place.parent.mkdir(parents=True)
        pq.write_table(table, place)
    shop.run()
    assert shop.orders() == [(DAY, str(uuid), "k1", "12.50"), (NEXT, "a", "k1", "12.50"), (NEXT, "b", "k2", "1.99")]
    assert shop.world.rejected() == {"orders:missing_order_id": 1}


def test_a_delta_table_is_read_by_its_log_and_its_versions_are_followed(shop: Shop) -> None:
    shop.world.customers([{"customer_id": "c"}])
    place = str(shop.raw / "orders")

    def rows(*ids: str, amount: str = "1.00", day: str = DAY) -> pa.Table:
        at = datetime.fromisoformat(f"{day}T10:00:00")
        columns = {"order_id": [*ids], "customer_id": ["c"] * len(ids), "order_date": [at] * len(ids)}
        return pa.table({**columns, "order_amount": [amount] * len(ids)})

    write_deltalake(place, rows("a", "b"))
    shop.run()
    assert [order[1] for order in shop.orders()] == ["a", "b"]
    write_deltalake(place, rows("d", day=NEXT), mode="append")
    found = shop.world.metadata(shop.run(), "raw_orders")
    assert (found["rows_read"], found["source_files_examined"]) == (3, 1)
    DeltaTable(place).delete("order_id = 'a'")
    shop.run()
    assert [order[1] for order in shop.orders()] == ["b", "d"]


def test_rows_changed_last_win_where_a_column_says_so(shop: Shop) -> None:
    shop.say(
        CUSTOMERS
        + """
[orders]
path = "o"
[orders.columns]
order_id = "id"
customer_id = "customer"
order_date = "at"
order_amount = "total"
updated_at = "changed"
"""
    )
    head = "id,customer,at,total,changed\n"
    shop.put("o/2.csv", f"{head}a,c,{DAY},5.00,{DAY} 09:00\na,c,{DAY},7.00,{DAY} 10:00\nb,c,{DAY},1.00,{DAY} 11:00\n")
    shop.put("o/3.csv", f"{head}a,c,{DAY},6.00,{DAY} 08:00\n")
    result = shop.run()
    assert [(order, amount) for _, order, _, amount in shop.orders()] == [("a", "7.00"), ("b", "1.00")]
    assert shop.world.rejected() == {}
    assert shop.world.metadata(result, "raw_orders")["superseded_rows"] == 2
    # What comes later with a newer date of change replaces what is published, what comes with an older one does not.
    shop.put("o/4.csv", f"{head}b,c,{DAY},2.00,{DAY} 12:00\na,c,{DAY},9.00,{DAY} 01:00\n")
    shop.run()
    assert [(order, amount) for _, order, _, amount in shop.orders()] == [("a", "7.00"), ("b", "2.00")]


def test_of_a_full_dump_a_day_the_last_counts_however_many_there_are(shop: Shop) -> None:
    """More folders than are told apart by reading each by itself."""
    for number in range(60):
        day = f"dump={date(2025, 1, 1).toordinal() + number}"
        shop.world.customers([{"customer_id": "c", "country": f"L{number}"}], f"{day}/c.parquet")
        order = {"order_id": "a", "customer_id": "c", "order_date": DAY, "order_amount": f"{number}.00"}
        shop.world.orders([order], f"{day}/o.parquet")
    result = shop.run()
    assert [order[3] for order in shop.orders()] == ["59.00"]
    assert [country for _, _, country in shop.customers()] == ["L59"]
    assert shop.world.rejected() == {}
    assert shop.world.metadata(result, "raw_orders")["superseded_rows"] == 59


def test_another_mapping_makes_what_is_published_outdated_and_a_run_reads_anew(shop: Shop) -> None:
    toml = (
        CUSTOMERS + '[orders]\npath = "o.csv"\n[orders.columns]\norder_id = "id"\ncustomer_id = "c"\norder_date = "d"\n'
    )
    shop.put("o.csv", f"id,c,d,net,gross\na,c,{DAY},1.00,1.19\n")
    shop.say(toml + 'order_amount = "net"\n')
    shop.run()
    shop.say(toml + 'order_amount = "gross"\n')
    shop.run()
    assert [order[3] for order in shop.orders()] == ["1.19"]


@pytest.mark.parametrize(
    ("toml", "told"),
    [
        ("[orders]\npath = 1\n", "line 2 (orders.path)"),
        ('[orders]\npath = "o"\ncolumns = {}\n', "orders needs customer_id, order_amount, order_date and order_id"),
        ("[orders\n", "is not TOML"),
        (
            '[shop]\npath = "o"\n',
            "line 1 (shop): there is no such key; the sources are customers, orders, web_events and contacts",
        ),
        ('[orders]\npath = "../o"\n', "line 2 (orders.path"),
        ('[orders]\npath = "o"\ntimezone = "Mars"\n', "line 3 (orders.timezone): 'Mars' is no IANA time zone"),
        (
            '[orders]\npath = "o"\ntimezone = "localtime"\n',
            "line 3 (orders.timezone): 'localtime' is no IANA time zone",
        ),
        ('[orders]\npath = "o"\ntime_format = "%Q"\n', "line 3 (orders.time_format): '%Q' is no time format"),
        ('[orders]\npath = "o"\nencoding = "klingon"\n', "line 3 (orders.encoding): 'klingon' is no encoding"),
        ('[web_events]\npath = "e"\nlines = true\n', "line 3 (web_events.lines): lines is for orders only"),
    ],
)
def test_what_is_wrong_with_the_file_is_told_with_its_line(tmp_path: Path, toml: str, told: str) -> None:
    place = tmp_path / "sources.toml"
    place.write_text(toml, encoding="utf-8")
    with pytest.raises(ValueError, match="sources") as raised:
        Settings(sources=str(place))
    assert told in str(raised.value)


def test_a_column_that_is_not_there_is_told_with_those_that_are(shop: Shop) -> None:
    shop.say(LINES)
    shop.put("lines.csv", "InvoiceNo,Quantity,InvoiceDate,Price,CustomerID,Country\n1,6,3/30/2025 8:26,2,1,F\n")
    told = failures(shop.world.run(DAY, NEXT, tables=FACTS, expect=False))
    assert "column 'UnitPrice' is missing in" in told
    assert "found: InvoiceNo, Quantity, InvoiceDate, Price, CustomerID, Country" in told


def test_a_trial_reads_everything_and_leaves_nothing(shop: Shop) -> None:
    shop.say(LINES)
    shop.put("lines.csv", INVOICES)
    found = trial(shop.world.settings)
    assert found["orders"].account == Account(
        read=10, kept=2, summed=2,
        rejected={"malformed_line": 1, "missing_customer_id": 1, "negative_amount": 2, "wrong_type": 2},
    )  # fmt: skip
    assert (min(found["orders"].hashes), max(found["orders"].hashes)) == (date(2025, 3, 30), date(2025, 3, 31))
    assert found["customers"].account.kept == 2
    assert not Path(shop.world.lake.root).exists()


def test_the_mapping_has_a_hash_that_changes_with_what_rows_depend_on() -> None:
    one = parse_mappings(LINES, "x")
    assert one.hash_of("orders") == parse_mappings(LINES + "\n", "x").hash_of("orders")
    other = parse_mappings(LINES.replace("Quantity * UnitPrice", "Quantity"), "x")
    assert {
        source: one.hash_of(source) == other.hash_of(source) for source in ("orders", "customers", "web_events")
    } == {
        "orders": False,
        "customers": False,
        "web_events": True,
    }
