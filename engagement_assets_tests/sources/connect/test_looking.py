"""Which files are one table, and how they are written."""

from __future__ import annotations

import bz2
import gzip
import json
from collections.abc import Callable
from pathlib import Path

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from engagement_assets.sources.connect import sampling
from engagement_assets.sources.connect.found import Table
from engagement_assets.sources.connect.looking import NothingFoundError, look
from engagement_assets_tests.sources.connect.shops import csv_text, json_lines, order_lines, rows, write

ORDERS = rows(20, lambda n: {"id": n, "user": f"u{n % 5}", "day": f"2024-01-{n + 1:02}", "total": n + 0.5})
EVENTS = rows(20, lambda n: {"user": f"u{n % 5}", "at": f"2024-01-{n + 1:02}T10:00:00Z", "what": "view"})


def tables(folder: Path) -> dict[tuple[str, ...], Table]:
    return {table.paths: table for table in look(str(folder)).tables}


def test_files_side_by_side_are_tables_of_their_own(tmp_path: Path) -> None:
    write(tmp_path, {"orders.csv": csv_text(ORDERS), "web_events.json": json_lines(EVENTS)})
    found = tables(tmp_path)
    assert set(found) == {("orders.csv",), ("web_events.json",)}
    assert found[("orders.csv",)].columns["user"][:2] == ["u0", "u1"]
    assert found[("web_events.json",)].rows == 20


def test_a_folder_that_holds_one_table_is_named_however_deep_its_files_lie(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "orders/month=2024-01/part-0.csv": csv_text(ORDERS[:10]),
            "orders/month=2024-02/part-0.csv.gz": gzip.compress(csv_text(ORDERS[10:]).encode()),
            "events/2024/01/hits_00.jsonl": json_lines(EVENTS),
            "events/_SUCCESS": "",
        },
    )
    found = tables(tmp_path)
    assert set(found) == {("orders",), ("events",)}
    assert found[("orders",)].columns["month"] == ["2024-01"] * 10 + ["2024-02"] * 10


def test_names_that_differ_in_numbers_are_one_table_and_named_by_a_pattern(tmp_path: Path) -> None:
    orders, users = csv_text(ORDERS), csv_text(rows(9, lambda n: {"id": f"u{n}", "mail": f"a{n}@x.example"}))
    write(
        tmp_path,
        {f"2024-01-0{day}/{name}.csv": text for day in (1, 2) for name, text in (("orders", orders), ("users", users))},
    )
    assert set(tables(tmp_path)) == {("*-*-*/orders.csv",), ("*-*-*/users.csv",)}
    assert all(len(table.files) == 2 for table in look(str(tmp_path)).tables)


def test_folders_of_days_are_named_by_a_pattern_because_others_will_come(tmp_path: Path) -> None:
    write(tmp_path, {"2024/01/31/receipts.csv": csv_text(ORDERS), "dump=2024-01-31/people.csv": csv_text(EVENTS)})
    assert set(tables(tmp_path)) == {("*/*/*/receipts.csv",), ("dump=*/people.csv",)}


def test_columns_that_are_equal_make_one_table_of_files_with_other_names(tmp_path: Path) -> None:
    write(tmp_path, {"berlin.csv": csv_text(ORDERS), "paris.csv": csv_text(ORDERS), "people.csv": csv_text(EVENTS)})
    assert set(tables(tmp_path)) == {("berlin.csv", "paris.csv"), ("people.csv",)}


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_delimiters_and_encodings_are_found_out(tmp_path: Path, delimiter: str, encoding: str) -> None:
    text = csv_text(
        rows(30, lambda n: {"Straße": f"Weg {n}, hinten", "Größe": f"{n},50", "Tag": "31.01.2024"}), delimiter
    )
    write(tmp_path, {"a.csv": text.encode(encoding)})
    (table,) = look(str(tmp_path)).tables
    assert table.text.delimiter == delimiter
    assert table.text.encoding == encoding.removesuffix("-sig")
    assert list(table.columns) == ["Straße", "Größe", "Tag"]
    assert table.columns["Größe"][1] == "1,50"


def test_one_foreign_sign_far_inside_a_file_tells_its_encoding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampling, "_HEAD", 2000)
    monkeypatch.setattr(sampling, "_WINDOW", 300)
    write(tmp_path, {"retail.csv": csv_text(rows(900, order_lines)).encode("cp1252")})
    (table,) = look(str(tmp_path)).tables
    assert (table.text.encoding, table.rows < 200) == ("cp1252", True)
    # Windows lie all over the file, and begin and end with whole lines.
    assert {str(value)[0] for value in table.columns["Quantity"]} <= set("-12345")
    assert any(value > "536600" for value in table.columns["InvoiceNo"])


@pytest.mark.parametrize("shape", ["lines", "array", "pretty array", "pretty objects"])
@pytest.mark.parametrize("packing", ["", ".gz", ".bz2", ".zst"])
def test_json_in_every_shape_and_packing(tmp_path: Path, shape: str, packing: str) -> None:
    nested = rows(20, lambda n: {"id": n, "who": {"id": f"u{n}", "tags": [1, 2]}, "items": [{"a": 1}]})
    text = {
        "lines": json_lines(nested),
        "array": json.dumps(nested),
        "pretty array": json.dumps(nested, indent=2),
        "pretty objects": "\n".join(json.dumps(row, indent=2) for row in nested),
    }[shape]
    pack: dict[str, Callable[[bytes], bytes]] = {
        "": bytes,
        ".gz": gzip.compress,
        ".bz2": bz2.compress,
        ".zst": lambda data: pa.Codec("zstd").compress(data, asbytes=True),
    }
    write(tmp_path, {f"orders.json{packing}": pack[packing](text.encode())})
    (table,) = look(str(tmp_path)).tables
    assert table.columns["who.id"] == [f"u{n}" for n in range(20)]
    assert table.columns["id"][3] == "3"
    assert (table.format, table.is_untold) == ("json", False)


def test_broken_lines_are_passed_over(tmp_path: Path) -> None:
    write(tmp_path, {"e.jsonl": '{"a": 1}\n{"a": \nnonsense\n{"a": 2}\n', "c.csv": "a,b\n1,2\n1,2,3\n4\n5,6\n"})
    found = tables(tmp_path)
    assert found[("e.jsonl",)].columns["a"] == ["1", "2"]
    assert found[("c.csv",)].columns["b"] == ["2", "6"]


def test_a_file_without_a_header_gets_names_for_its_columns(tmp_path: Path) -> None:
    write(tmp_path, {"orders.csv": csv_text(ORDERS, header=False)})
    (table,) = look(str(tmp_path)).tables
    assert table.text.header == ("column_1", "column_2", "column_3", "column_4")
    assert table.rows == 20


def test_names_that_do_not_tell_the_format_are_told_by_contents(tmp_path: Path) -> None:
    write(tmp_path, {"raw/part-00000": json_lines(EVENTS), "dump.dat": csv_text(ORDERS, "|"), "logo.bin": b"\0\1\2\3"})
    found = tables(tmp_path)
    assert {paths: (table.format, table.is_untold) for paths, table in found.items()} == {
        ("raw",): ("json", True),
        ("dump.dat",): ("csv", True),
    }


def test_parquet_and_delta_tables(tmp_path: Path) -> None:
    pq.write_table(pa.table({"id": [1, 2], "at": pa.array([0, 1], pa.timestamp("ns"))}), tmp_path / "plain.parquet")
    (tmp_path / "orders" / "_delta_log").mkdir(parents=True)
    write(tmp_path, {"orders/_delta_log/00000000000000000000.json": "{}"})
    pq.write_table(
        pa.table({"o": pa.array(["x"]).dictionary_encode(), "s": [{"in": 7}]}), tmp_path / "orders/a.parquet"
    )
    found = tables(tmp_path)
    assert {paths: table.format for paths, table in found.items()} == {
        ("orders",): "delta",
        ("plain.parquet",): "parquet",
    }
    assert found[("orders",)].columns == {"o": ["x"], "s.in": ["7"]}


def test_what_cannot_be_read_is_told_with_what_to_do(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "good.csv": csv_text(ORDERS),
            "a.xlsx": b"PK",
            "b.parquet": b"PAR1",
            "c.json": json.dumps({"orders": ORDERS, "count": 20}),
            "ice/metadata/v1.metadata.json": "{}",
            "ice/data/x.parquet": b"PAR1",
            "d.csv.gz": b"\x1f\x8bnot",
        },
    )
    problems = look(str(tmp_path)).problems
    assert set(problems) == {"a.xlsx", "b.parquet", "c.json", "ice", "d.csv.gz"}
    assert problems["a.xlsx"] == "a workbook; save its sheet as CSV"
    assert problems["c.json"] == "one object around a list; `jq -c '.orders[]' FILE` writes it as lines"
    assert problems["ice"].startswith("an Iceberg table")


def test_nothing_there_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(NothingFoundError, match="is no folder; name the folder that holds your files"):
        look(str(tmp_path / "nowhere"))
    with pytest.raises(NothingFoundError, match="holds no table that can be read; put exports of customers, orders"):
        look(str(tmp_path))


def test_links_in_a_circle_are_followed_once(tmp_path: Path) -> None:
    write(tmp_path, {"shop/orders.csv": csv_text(ORDERS)})
    (tmp_path / "shop" / "again").symlink_to(tmp_path)
    assert [table.files for table in look(str(tmp_path)).tables] == [("shop/orders.csv",)]


def test_one_file_may_be_meant(tmp_path: Path) -> None:
    write(tmp_path, {"mine.csv": csv_text(ORDERS), "other.csv": csv_text(EVENTS)})
    found = look(str(tmp_path / "mine.csv"))
    assert (found.place, [table.paths for table in found.tables]) == (str(tmp_path), [("mine.csv",)])


def test_a_store_is_looked_at_by_its_address() -> None:
    store = fsspec.filesystem("memory")
    for number in (1, 2):
        store.pipe(f"/shop/orders/part-{number}.csv", csv_text(ORDERS).encode())
    store.pipe("/shop/orders/_SUCCESS", b"")
    store.pipe("/shop/events.jsonl.gz", gzip.compress(json_lines(EVENTS).encode()))
    found = look("memory://shop/")
    assert found.place == "memory://shop"
    assert {table.paths: len(table.files) for table in found.tables} == {("events.jsonl.gz",): 1, ("orders",): 2}
    with pytest.raises(NothingFoundError, match="holds no table that can be read"):
        look("memory://elsewhere")
