"""`engagement connect` as people call it: what it says, what it asks, what it writes and what it leaves alone."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from engagement_assets.cli import connecting
from engagement_assets.cli.app import app
from engagement_assets.domain.source_mapping import parse_mappings
from engagement_assets.sources.accounting import RowsHash
from engagement_assets_tests.sources.connect.shops import csv_text, order_lines, rows, write
from engagement_assets_tests.sources.connect.test_guessing import jaffle_shop_classic, online_retail

Connect = Callable[..., Result]


@pytest.fixture
def connect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Connect:
    """Runs `engagement connect` in an empty folder, with lines of answers where somebody sits at the terminal."""

    def call(*arguments: str, answers: str | None = None) -> Result:
        with monkeypatch.context() as patch:
            home = tmp_path / "home"
            home.mkdir(exist_ok=True)
            patch.chdir(home)
            patch.setattr(connecting, "_somebody_is_there", lambda: answers is not None)
            return CliRunner().invoke(app, ["connect", *arguments], input=answers)

    return call


def test_a_folder_of_files_is_connected_tried_and_told_how_to_run(tmp_path: Path, connect: Connect) -> None:
    shop = write(tmp_path / "shop", online_retail())
    result = connect(str(shop), "--yes")
    assert result.exit_code == 0, result.output
    # 200 orders of three lines: each fifth has no customer, each tenth is a return, whose lines are below zero.
    lines = [order_lines(n) for n in range(600)]
    orders = {str(line["InvoiceNo"]): line for line in lines}
    kept = [line for number, line in orders.items() if not number.startswith("C") and line["CustomerID"]]
    assert re.search(rf"orders +600 +{len(kept)} +100 +2024-01-01 +2024-02-11", result.output)
    assert "orders: 40 missing_customer_id, 60 negative_amount, 360 further lines of orders, summed up" in result.output
    commands = [line for line in result.output.splitlines() if line.startswith(("export", "engagement run"))]
    assert commands == [
        f"export ENGAGEMENT_DATA={shop}",
        f"export ENGAGEMENT_SOURCES={tmp_path}/home/sources.toml",
        "export ENGAGEMENT_START_DATE=2024-01-01",
        "export ENGAGEMENT_LAKE=data/lake",
        "engagement run --from 2024-01-01 --to 2024-02-11",
    ]
    assert [path.name for path in (tmp_path / "home").rglob("*")] == ["sources.toml"]
    assert [path.name for path in shop.rglob("*")] == ["online_retail.csv"]
    text = (tmp_path / "home" / "sources.toml").read_text(encoding="utf-8")
    assert parse_mappings(text, "sources.toml").orders is not None
    assert "# InvoiceNo comes again with other products" in text


def test_a_file_that_is_there_is_replaced_only_on_request(tmp_path: Path, connect: Connect) -> None:
    shop = write(tmp_path / "shop", online_retail())
    mine = tmp_path / "mine.toml"
    mine.write_text("mine", encoding="utf-8")
    refused = connect(str(shop), "--yes", "--to", str(mine))
    assert refused.exit_code == 2
    assert "is there already and stays as it is; --to names another file, --overwrite replaces it" in refused.output
    assert connect(str(shop), "--to", str(mine), answers="n\n").exit_code == 2
    assert mine.read_text(encoding="utf-8") == "mine"
    assert connect(str(shop), "--yes", "--to", str(mine), "--overwrite").exit_code == 0
    assert mine.read_text(encoding="utf-8") != "mine"


def test_who_sits_at_the_terminal_is_asked(tmp_path: Path, connect: Connect) -> None:
    shop = write(tmp_path / "shop", jaffle_shop_classic())
    # Cents; returned ones are no orders, after a number that is none; the zone, after one that is none.
    result = connect(str(shop), answers="2\n7\n1\nMars/Olympus\nAmerica/Chicago\n")
    assert result.exit_code == 0, result.output
    assert "A number from 1 to 2 is meant" in result.output
    assert "'Mars/Olympus' is no IANA time zone" in result.output
    orders = parse_mappings((tmp_path / "home" / "sources.toml").read_text(encoding="utf-8"), "sources.toml").orders
    assert orders is not None
    assert (orders.columns["order_amount"], orders.where) == ("payments.amount / 100", ('status not in ["returned"]',))
    assert "export ENGAGEMENT_TIMEZONE=America/Chicago" in result.output


def test_where_nobody_is_there_the_best_guesses_are_taken_and_that_is_said(tmp_path: Path, connect: Connect) -> None:
    result = connect(str(write(tmp_path / "shop", jaffle_shop_classic())))
    assert (result.exit_code, result.output.splitlines()[0]) == (
        0,
        "Nobody is there to ask: the best guesses are taken, as with --yes.",
    )


def test_other_tables_are_not_mixed_with(tmp_path: Path, connect: Connect) -> None:
    write(tmp_path / "home", {"data/lake/raw_orders/part-0.parquet": b""})
    result = connect(str(write(tmp_path / "shop", jaffle_shop_classic())), "--yes")
    assert "export ENGAGEMENT_LAKE=data/lake_shop" in result.output
    assert "export ENGAGEMENT_EXPORT=data/export_shop" in result.output


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({}, "holds no table that can be read; put exports of customers, orders or events there"),
        (
            {"products.csv": csv_text(rows(9, lambda n: {"sku": n, "name": "x"}))},
            "no table looks like orders or events",
        ),
        ({"orders.parquet": b"PAR1"}, "orders.parquet is unreadable"),
    ],
)
def test_what_cannot_be_connected_is_one_sentence(
    tmp_path: Path, connect: Connect, files: dict[str, str | bytes], told: str
) -> None:
    (tmp_path / "shop").mkdir()
    result = connect(str(write(tmp_path / "shop", files)), "--yes")
    assert (result.exit_code, "Traceback" in result.output) == (2, False)
    assert told in result.output
    assert list((tmp_path / "home").iterdir()) == []


def test_a_folder_that_is_not_there_is_told(tmp_path: Path, connect: Connect) -> None:
    result = connect(str(tmp_path / "nowhere"), "--yes")
    assert result.exit_code == 2
    assert "is no folder; name the folder that holds your files" in result.output


class _Days:
    def __init__(self, rows_by_day: dict[date, int]) -> None:
        self.hashes = {day: RowsHash(count) for day, count in rows_by_day.items()}


def test_a_few_stray_rows_long_before_the_others_do_not_move_the_first_day() -> None:
    usual = {date(2024, 1, 1) + timedelta(days=n): 100 for n in range(50)}
    later = {date(2024, 1, 20): 10, date(2025, 1, 1): 1}
    readings = {
        "customers": _Days({date(1990, 1, 1): 9}),
        "orders": _Days({date(1970, 1, 1): 1, **usual}),
        "web_events": _Days(later),
    }
    now = date(2024, 12, 1)
    assert connecting._days(readings, now) == (date(2024, 1, 1), date(2024, 11, 30))  # type: ignore[arg-type]
