"""The files for BI tools: what a spreadsheet, pandas and DuckDB make of them."""

from __future__ import annotations

import csv
import re
from decimal import Decimal
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from engagement_assets.domain.contracts import EngagementMetrics, EngagementScores
from engagement_assets.exports.csv_files import export_csv, newest, thinned
from engagement_assets.lake.published import NotPublishedError
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
    export_csv(world.lake, world.settings)
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
    written = export_csv(exported.lake, exported.settings, str(tmp_path), DAYS[0])
    assert {row["as_of_date"] for row in read(tmp_path / "engagement_scores.csv")} == {DAYS[0]}
    assert (written.as_of_date, written.files[0].rows) == (DAYS[0], 5)
    before = sorted((path.name, path.read_bytes()) for path in tmp_path.iterdir())
    with pytest.raises(NotPublishedError, match="2025-03-09"):
        export_csv(exported.lake, exported.settings, str(tmp_path), "2025-03-09")
    assert sorted((path.name, path.read_bytes()) for path in tmp_path.iterdir()) == before


def test_a_snapshot_without_customers_still_has_its_header(world: World) -> None:
    world.options["start_date"] = DAYS[0]
    world.customers([{"customer_id": "late", "signup_date": "2025-06-01"}])
    world.run(DAYS[0])
    export_csv(world.lake, world.settings)
    header = (folder(world) / "engagement_scores.csv").read_text(encoding="utf-8").splitlines()
    assert header == [",".join(EngagementScores.columns())]


# ---- the star schema -------------------------------------------------------------------------------------------------

#: What the types of the data dictionary are in DuckDB.
DUCKDB_TYPES = {"string": "VARCHAR", "int": "INTEGER", "timestamp_ntz": "TIMESTAMP"}


def test_every_file_has_the_declared_columns_and_loads_in_duckdb_and_pandas(sample_export: Path) -> None:
    """As the types of the data dictionary, not as whatever a reader guesses."""
    dictionary: dict[str, list[Row]] = {}
    for row in read(sample_export / "data_dictionary.csv"):
        dictionary.setdefault(row["table_name"], []).append(row)
    assert {f"{name}.csv" for name in [*dictionary, "data_dictionary"]} == {p.name for p in sample_export.glob("*.csv")}
    for name, columns in dictionary.items():
        place = sample_export / f"{name}.csv"
        types = {row["column_name"]: DUCKDB_TYPES.get(row["type"], row["type"].upper()) for row in columns}
        with place.open(encoding="utf-8") as stream:
            assert next(csv.reader(stream)) == list(types)
        found = duckdb.execute(
            "SELECT * FROM read_csv($place, columns = $types, header = true, auto_detect = false)",
            {"place": str(place), "types": types},
        ).fetchall()
        frame = pd.read_csv(place, keep_default_na=False, na_values={column: [""] for column in types})
        assert len(found) == len(frame) > 0
        for number, row in enumerate(columns):
            column = row["column_name"]
            if row["may_be_empty"] == "no":
                assert all(values[number] is not None for values in found), (name, column)
                assert frame[column].notna().all(), (name, column)
            if row["type"] in ("date", "timestamp_ntz"):
                pd.to_datetime(frame[column], format="ISO8601")
            elif row["type"] == "boolean":
                assert {type(value) for value in frame[column].dropna()} <= {bool}, (name, column)
            elif row["type"] != "string":
                assert pd.api.types.is_numeric_dtype(frame[column]), (name, column)


def test_facts_hang_on_customers_and_dates_without_gaps(sample_export: Path) -> None:
    dates = [row["date"] for row in read(sample_export / "dates.csv")]
    assert (dates[0], dates[-1], len(set(dates))) == ("2025-01-01", "2026-12-31", 730)
    customers = {row["customer_id"] for row in read(sample_export / "customers.csv")}
    assert len(customers) == 600
    for name in ("engagement_scores", "score_history", "orders", "sessions", "segment_changes"):
        rows = read(sample_export / f"{name}.csv")
        assert {row["customer_id"] for row in rows} <= customers
        assert {row["as_of_date"] for row in rows} <= set(dates)


def test_bands_of_a_customer_are_those_of_the_score(sample_export: Path) -> None:
    scores = {row["customer_id"]: row for row in read(sample_export / "engagement_scores.csv")}
    for row in read(sample_export / "customers.csv"):
        score = scores[row["customer_id"]]
        low, high = (float(end) for end in row["score_bucket"].split("–"))
        assert low - 1e-9 <= float(score["engagement_score"]) < high or (high == 1 == float(score["engagement_score"]))
        assert row["engagement_segment_order"] == str(
            ("High", "Medium", "Low", "At Risk").index(row["engagement_segment"]) + 1
        )
        for part in ("recency", "frequency", "monetary"):
            value = float(score[f"{part}_score"])
            band = "High" if value >= 0.7 else "Medium" if value >= 0.4 else "Low" if value >= 0.2 else "Very low"
            assert row[f"{part}_band"] == band
        ends = [int(end) for end in re.findall(r"\d+", row["sessions_band"])]
        sessions = int(score["sessions_last_30_days"])
        assert ends[0] <= sessions <= (10**9 if row["sessions_band"].endswith("+") else ends[-1])


def test_the_furthest_stage_is_that_of_the_customers_sessions_and_orders(sample_export: Path) -> None:
    """By hand from the two files, for the window of thirty days that ends with the snapshot."""
    since = "2026-06-01"
    ordered = {(row["customer_id"], row["as_of_date"]) for row in read(sample_export / "orders.csv")}
    buyers = {customer for customer, day in ordered if day >= since}
    reached: dict[str, int] = {}
    for row in read(sample_export / "sessions.csv"):
        flags = [int(row[name]) > 0 for name in ("page_views", "add_to_carts", "checkouts")]
        own = max([number for number, flag in enumerate(flags, 1) if flag], default=0)
        if (row["customer_id"], row["as_of_date"]) in ordered:
            own = 4
        assert row["furthest_stage"] == str(own)
        if row["as_of_date"] >= since and row["continues_previous_day"] == "false":
            best = 4 if row["customer_id"] in buyers else own
            reached[row["customer_id"]] = max(reached.get(row["customer_id"], 0), best)
    found = {row["customer_id"]: int(row["furthest_stage"]) for row in read(sample_export / "customers.csv")}
    assert found == {customer: reached.get(customer, 0) for customer in found}
    assert set(found.values()) == {0, 1, 2, 3, 4}


def test_histories_keep_whole_days_within_the_limits() -> None:
    rows = {"d1": 5, "d2": 5, "d3": 5, "d4": 5, "d5": 5}
    assert newest(rows, 12) == ["d4", "d5"]
    assert newest(rows, 25) == list(rows)
    assert newest(rows, 1) == ["d5"]
    assert thinned(rows, 15) == ["d1", "d3", "d5"]
    assert thinned(rows, 25) == list(rows)
    assert thinned(rows, 1) == ["d5"]


def test_the_settings_bound_the_history_files(sample_world: World, tmp_path: Path) -> None:
    settings = sample_world.settings.model_copy(update={"export_rows": 1500, "export_days": 100})
    written = {file.path.stem: file for file in export_csv(sample_world.lake, settings, str(tmp_path)).files}
    assert {day["as_of_date"] for day in read(written["score_history"].path)} == {"2026-06-23", "2026-06-30"}
    assert 0 < written["orders"].rows <= 1500
    assert 0 < written["sessions"].rows <= 1500
    assert min(row["as_of_date"] for row in read(written["orders"].path)) >= "2026-03-23"
    assert written["customers"].rows == written["engagement_scores"].rows == 600
