"""The files for BI tools: what a spreadsheet, pandas and DuckDB make of them."""

from __future__ import annotations

import csv
import re
from decimal import Decimal
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from engagement_assets.contracts import EngagementMetrics, EngagementScores
from engagement_assets.export import export_csv
from engagement_assets.resources.tables import NotPublishedError
from engagement_assets_tests.worlds import Row, World

DAYS = ("2025-03-01", "2025-03-02")
FORMULAS = ['=HYPERLINK("http://x","y")', "+1", "-1", "@SUM(A1)", "\t=1"]


def read(path: Path) -> list[Row]:
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory, engine: object) -> World:
    """Two days of customers who tried to write formulas into the country of theirs; one of them bought."""
    world = World(tmp_path_factory.mktemp("export"), options={"start_date": DAYS[0]})
    world.customers([{"customer_id": f"c{n}", "country": text} for n, text in enumerate(FORMULAS)])
    world.orders([{"order_id": "1", "customer_id": "c0", "order_date": "2025-03-01", "order_amount": "1234567.80"}])
    world.run(*DAYS)
    export_csv(world.lake, world.settings.export)
    return world


def folder(world: World) -> Path:
    return Path(world.settings.export)


def test_no_cell_of_text_is_a_formula(exported: World) -> None:
    countries = {row["country"] for row in read(folder(exported) / "engagement_scores.csv")}
    # The text of a source is trimmed of spaces only, and then kept as it is.
    assert countries == {f"'{text}" for text in FORMULAS}


def test_the_latest_snapshot_has_every_column_and_plain_decimals(exported: World) -> None:
    rows = read(folder(exported) / "engagement_scores.csv")
    assert list(rows[0]) == list(EngagementScores.columns())
    assert {row["as_of_date"] for row in rows} == {DAYS[1]}
    buyer = next(row for row in rows if row["customer_id"] == "c0")
    assert buyer["total_revenue"] == "1234567.80"
    numbers = [value for row in rows for name, value in row.items() if name.endswith(("_score", "_contribution"))]
    assert all(re.fullmatch(r"-?\d+\.\d+", number) for number in numbers)
    parts = [Decimal(buyer[f"{part}_contribution"]) for part in ("recency", "frequency", "monetary")]
    assert sum(parts) == Decimal(buyer["engagement_score"])


def test_the_daily_metrics_have_a_row_for_each_day(exported: World) -> None:
    rows = read(folder(exported) / "engagement_metrics.csv")
    assert [row["as_of_date"] for row in rows] == list(DAYS)
    assert [row["customers"] for row in rows] == ["5", "5"]


def test_duckdb_and_pandas_read_the_types_of_the_contract(exported: World) -> None:
    path = folder(exported) / "engagement_scores.csv"
    with duckdb.connect() as connection:
        types = {name: kind for name, kind, *_ in connection.execute(f"DESCRIBE FROM '{path}'").fetchall()}
    assert (types["as_of_date"], types["total_orders"], types["engagement_score"]) == ("DATE", "BIGINT", "DOUBLE")
    assert types["is_high_risk"] == "BOOLEAN"
    frame = pd.read_csv(path)
    assert str(frame["engagement_score"].dtype) == "float64"
    assert str(frame["total_orders"].dtype) == "int64"


def test_the_data_dictionary_explains_every_column_of_the_files(exported: World) -> None:
    explained = {(row["table_name"], row["column_name"]) for row in read(folder(exported) / "data_dictionary.csv")}
    for contract in (EngagementScores, EngagementMetrics):
        assert {(contract.table(), name) for name in contract.columns()} <= explained


def test_another_day_can_be_exported_and_a_missing_one_changes_nothing(exported: World, tmp_path: Path) -> None:
    written = export_csv(exported.lake, str(tmp_path), DAYS[0])
    assert {row["as_of_date"] for row in read(tmp_path / "engagement_scores.csv")} == {DAYS[0]}
    assert (written.as_of_date, written.files[0].rows) == (DAYS[0], 5)
    before = sorted((path.name, path.read_bytes()) for path in tmp_path.iterdir())
    with pytest.raises(NotPublishedError, match="2025-03-09"):
        export_csv(exported.lake, str(tmp_path), "2025-03-09")
    assert sorted((path.name, path.read_bytes()) for path in tmp_path.iterdir()) == before


def test_a_snapshot_without_customers_still_has_its_header(world: World) -> None:
    world.options["start_date"] = DAYS[0]
    world.customers([{"customer_id": "late", "signup_date": "2025-06-01"}])
    world.run(DAYS[0])
    export_csv(world.lake, world.settings.export)
    header = (folder(world) / "engagement_scores.csv").read_text(encoding="utf-8").splitlines()
    assert header == [",".join(EngagementScores.columns())]
