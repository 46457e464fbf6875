"""The files for BI tools: what a spreadsheet, pandas and DuckDB make of them."""

from __future__ import annotations

import csv
import hashlib
import json
import re
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from engagement_assets.domain.contracts import EngagementMetrics, EngagementScores
from engagement_assets.exports.chosen_days import newest, thinned
from engagement_assets.exports.csv_files import export_csv
from engagement_assets.lake.published import NotPublishedError
from engagement_assets_tests.exports.reading import loaded
from engagement_assets_tests.worlds import Row, World

DAYS = ("2025-03-01", "2025-03-02")
FORMULAS = ['=HYPERLINK("http://x","y")', "+1", "-1", "@SUM(A1)", "\t=1", "\n=1"]


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
    assert [row["customers"] for row in rows] == ["6", "6"]


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
    assert (written.as_of_date, written.files[0].rows) == (DAYS[0], 6)
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
        assert len(found) == len(frame)
        assert len(found) > 0 or name == "ids_apart"
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
    for name in ("engagement_scores", "score_history", "orders", "session_days", "segment_changes", "campaign_entries"):
        rows = read(sample_export / f"{name}.csv")
        assert {row["customer_id"] for row in rows} <= customers
        assert {row.get("as_of_date") or row["entered"] for row in rows} <= set(dates)


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


def test_the_furthest_stage_is_that_of_the_customers_sessions_and_orders(
    sample_world: World, sample_export: Path
) -> None:
    """By hand from the tables, for the window of thirty days that ends with the snapshot."""
    since = date(2026, 6, 1)
    ordered = {(row["customer_id"], row["as_of_date"]) for row in sample_world.rows("raw_orders")}
    buyers = {customer for customer, day in ordered if day >= since}
    reached: dict[str, int] = {}
    by_day: dict[tuple[str, str], list[int]] = {}
    for row in sample_world.rows("sessions"):
        if row["continues_previous_day"] or row["as_of_date"] < date(2025, 7, 1):
            continue
        customer, day = row["customer_id"], row["as_of_date"]
        flags = [row[name] > 0 for name in ("page_views", "add_to_carts", "checkouts")]
        own = max([number for number, flag in enumerate(flags, 1) if flag], default=0)
        own = 4 if (customer, day) in ordered else own
        counts = by_day.setdefault((customer, day.isoformat()), [0] * 6)
        counts[0] += 1
        counts[1] += row["is_engaged"]
        for number in range(1, own + 1):
            counts[number + 1] += 1
        if day >= since:
            reached[customer] = max(reached.get(customer, 0), 4 if customer in buyers else own)
    names = (
        "sessions",
        "engaged_sessions",
        "page_view_sessions",
        "cart_sessions",
        "checkout_sessions",
        "order_sessions",
    )
    days = {
        (row["customer_id"], row["as_of_date"]): [int(row[name]) for name in names]
        for row in read(sample_export / "session_days.csv")
    }
    assert days == by_day
    found = {row["customer_id"]: int(row["furthest_stage"]) for row in read(sample_export / "customers.csv")}
    assert found == {customer: reached.get(customer, 0) for customer in found}
    assert set(found.values()) == {0, 1, 2, 3, 4}


def test_lists_that_have_a_name_are_a_file_and_amounts_have_their_currency(sample_world: World, tmp_path: Path) -> None:
    lists = tmp_path / "lists.toml"
    lists.write_text(
        """
        ours = { title = "Slipping in DE, 'ours' {$day}", where = { slipping = true, country = ["DE"] } }
        june = { title = "Ordered in June", where = { ordered-in = "2026-06" } }
        far = { title = "Reached the checkout", where = { stage = "Checkout" } }
        one = { title = "Begins with c26", where = { id = "c26" } }
        due = { title = "To contact", where = { to-contact = true } }
        came = { title = "Came back to us", where = { came-back = true } }
        """,
        encoding="utf-8",
    )
    settings = sample_world.settings.model_copy(update={"lists": str(lists), "currency": "EUR"})
    export_csv(sample_world.lake, settings, str(tmp_path))
    rows = read(tmp_path / "named_lists.csv")
    found: dict[str, set[str]] = {}
    for row in rows:
        found.setdefault(row["list_name"], set()).add(row["customer_id"])
    scores = sample_world.by_customer("engagement_scores", "2026-06-30")
    stages = {row["customer_id"]: int(row["furthest_stage"]) for row in read(tmp_path / "customers.csv")}
    orders = [row for row in sample_world.rows("raw_orders") if row["as_of_date"].isoformat()[:7] == "2026-06"]
    visitors = {
        row["customer_id"] for row in sample_world.rows("sessions") if row["as_of_date"] > date(2026, 5, 31)
    } & set(scores)
    expected = {
        "Slipping in DE, 'ours' {$day}": {
            name for name, s in scores.items() if s["is_slipping"] and s["country"] == "DE"
        },
        "Ordered in June": {row["customer_id"] for row in orders} & set(scores),
        "Reached the checkout": {name for name in visitors if stages[name] >= 3},
        "Begins with c26": {name for name in scores if re.fullmatch("C0*26.*", name)},
        "To contact": {
            row["customer_id"] for row in sample_world.rows("campaign_audiences", "2026-06-30") if row["is_to_contact"]
        },
    }
    assert all(expected.values())
    assert found == expected
    assert {(row["as_of_date"], row["total_revenue"]) for row in rows} == {
        ("2026-06-30", str(scores[row["customer_id"]]["total_revenue"])) for row in rows
    }
    told = {row["file"]: row["left_out"] for row in read(tmp_path / "exported_files.csv")}
    assert told["named_lists"] == (
        "Lists that compare with another day, or ask who opted out or what campaigns brought: Came back to us."
    )
    units = {(row["table_name"], row["column_name"]): row["unit"] for row in read(tmp_path / "data_dictionary.csv")}
    money = [
        ("orders", "order_amount"),
        ("engagement_scores", "expected_revenue_90_days"),
        ("named_lists", "total_revenue"),
    ]
    assert [units[each] for each in money] == ["EUR"] * 3
    assert (
        "<td>EUR</td>" in (tmp_path / "data_dictionary.html").read_text(encoding="utf-8").partition('id="measures"')[2]
    )


def test_the_newest_days_are_kept_and_the_window_in_any_case() -> None:
    rows = {"d1": 5, "d2": 5, "d3": 5, "d4": 5, "d5": 5}
    assert newest(rows, 12, "d5") == ["d4", "d5"]
    assert newest(rows, 12, "d3") == ["d3", "d4", "d5"]
    assert newest(rows, 25, "d5") == list(rows)
    assert newest(rows, 1, "d9") == ["d5"]


def test_a_long_history_keeps_recent_days_and_the_last_of_each_month() -> None:
    days = [(date(2026, 1, 1) + timedelta(days=number)).isoformat() for number in range(181)]
    rows = dict.fromkeys(days, 10)
    ends = ["2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30", "2026-05-31"]
    assert (days[-1], thinned(rows, 1810)) == ("2026-06-30", days)
    assert thinned(rows, 1809) == [*ends, *days[-30:]]
    # As far as they fit: the newest, then the ends of months, then recent days.
    assert thinned(rows, 89) == [*ends, "2026-06-28", "2026-06-29", "2026-06-30"]
    assert thinned(rows, 40) == [*ends[2:], "2026-06-30"]
    assert thinned(rows, 1) == ["2026-06-30"]


def test_limits_shorten_histories_and_say_so_but_nothing_that_figures_need(sample_world: World, tmp_path: Path) -> None:
    settings = sample_world.settings.model_copy(update={"export_rows": 1500, "export_days": 100})
    written = {file.path.name: file for file in export_csv(sample_world.lake, settings, str(tmp_path)).files}
    rows = {name: read(file.path) for name, file in written.items() if name.endswith(".csv")}
    assert {row["as_of_date"] for row in rows["score_history.csv"]} == {"2026-06-29", "2026-06-30"}
    # Every day that is published, and every customer's latest orders however long ago.
    published = {row["as_of_date"] for row in rows["table_rows.csv"] if row["table_name"] == "engagement_scores"}
    assert published == {row["as_of_date"].isoformat() for row in sample_world.rows("engagement_metrics")}
    latest = {row["customer_id"]: row["last_order_date"] for row in rows["engagement_scores.csv"]}
    orders: dict[str, list[str]] = {}
    for row in rows["orders.csv"]:
        orders.setdefault(row["customer_id"], []).append(row["as_of_date"])
    assert len(rows["orders.csv"]) <= 1500
    assert {name: max(days) for name, days in orders.items()} == {name: day for name, day in latest.items() if day}
    # What was left out is told where the files are told of.
    told = {row["file"]: row["left_out"] for row in rows["exported_files.csv"]}
    described = json.loads((tmp_path / "export.json").read_text(encoding="utf-8"))
    assert {each["file"]: each["left_out"] for each in described["files"] if each["file"].endswith(".csv")} == {
        **{f"{name}.csv": text for name, text in told.items()},
        "exported_files.csv": "",
        "data_dictionary.csv": "",
    }
    explained = {row["table_name"]: row["left_out"] for row in rows["data_dictionary.csv"]}
    assert {name: explained[name] for name in told} == told
    page = (tmp_path / "data_dictionary.html").read_text(encoding="utf-8")
    assert page.count("<b>Left out:</b>") == len([text for text in told.values() if text]) > 3
    each = max(map(len, orders.values()))
    assert f"each customer's {each} latest orders are kept (ENGAGEMENT_EXPORT_ROWS)" in told["orders"]
    assert "Days before 2026-03-23 (ENGAGEMENT_EXPORT_DAYS)" in told["session_days"] or "ROWS" in told["session_days"]
    assert {name for name, text in told.items() if not text} >= {"customers", "table_rows", "engagement_metrics"}


def test_the_list_of_files_has_their_hashes_rows_and_days_and_the_settings(sample_export: Path) -> None:
    told = json.loads((sample_export / "export.json").read_text(encoding="utf-8"))
    listed = {each["file"]: each for each in told["files"]}
    assert set(listed) == {place.name for place in sample_export.iterdir()} - {"export.json", ".export.lock"}
    for name, each in listed.items():
        contents = (sample_export / name).read_bytes()
        assert (each["sha256"], each["size"]) == (hashlib.sha256(contents).hexdigest(), len(contents))
    assert told["as_of_date"] == "2026-06-30"
    assert (told["settings"]["export_rows"], told["settings"]["timezone"]) == (15_000_000, "UTC")
    assert json.loads(told["settings"]["scoring_policy"])["high_risk_threshold"] == 0.3
    scores = listed["engagement_scores.csv"]
    assert (scores["rows"], scores["first_day"], scores["last_day"], scores["days"]) == (600, *["2026-06-30"] * 2, 1)


def test_parquet_files_have_the_same_rows_with_the_types_of_the_dictionary(sample_export: Path) -> None:
    with loaded(sample_export) as connection:
        names = [name for (name,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()]
        assert len(names) == len(list(sample_export.glob("*.parquet"))) == 20
        for name in names:
            packed = f"read_parquet('{sample_export / name}.parquet', hive_partitioning = false)"
            types = connection.execute(f"SELECT column_name, column_type FROM (DESCRIBE FROM {packed})").fetchall()
            assert (
                types
                == connection.execute(f"SELECT column_name, column_type FROM (DESCRIBE FROM whole.{name})").fetchall()
            )
            # In CSV a double has fifteen digits after the point.
            rounded = [f"round({column}, 9)" if kind == "DOUBLE" else column for column, kind in types]
            rows = [f"SELECT {', '.join(rounded)} FROM {source}" for source in (packed, f"whole.{name}")]
            for one, other in (rows, rows[::-1]):
                assert connection.execute(f"{one} EXCEPT ALL {other} LIMIT 1").fetchall() == [], name


def test_delimiter_and_byte_order_mark_are_settings_and_parquet_can_be_left_out(
    sample_world: World, sample_export: Path, tmp_path: Path
) -> None:
    options = {"export_delimiter": ";", "export_byte_order_mark": True, "export_parquet": False}
    export_csv(sample_world.lake, sample_world.settings.model_copy(update=options), str(tmp_path))
    assert list(tmp_path.glob("*.parquet")) == []
    for place in tmp_path.glob("*.csv"):
        assert place.read_bytes().startswith(b"\xef\xbb\xbf")
        with place.open(newline="", encoding="utf-8-sig") as stream:
            rows = list(csv.DictReader(stream, delimiter=";"))
        if place.stem not in ("exported_files", "named_lists"):
            assert rows == read(sample_export / place.name), place.name


def test_identifiers_that_differ_in_capitals_only_are_told_apart(world: World) -> None:
    """Power BI takes `a1` for `A1`, and refuses to load a key that is there twice."""
    world.options["start_date"] = DAYS[0]
    people = ["A1", "a1", "B2", "ß", "SS", "c3", "C3"]
    world.customers([{"customer_id": name, "country": "de" if name == "a1" else "DE"} for name in people])
    world.run(DAYS[0])
    export_csv(world.lake, world.settings)
    apart = {row["customer_id"]: row["shown_as"] for row in read(folder(world) / "ids_apart.csv")}
    assert apart == {"a1": "a1 (2)", "c3": "c3 (2)"}
    shown = [apart.get(name, name) for name in people]
    assert len({name.lower() for name in shown}) == len(people)
    # The files have the identifiers as they are.
    assert sorted(row["customer_id"] for row in read(folder(world) / "customers.csv")) == sorted(people)


def test_the_dictionary_has_keys_joins_units_and_values_and_is_a_page_too(sample_export: Path) -> None:
    told = {(row["table_name"], row["column_name"]): row for row in read(sample_export / "data_dictionary.csv")}
    assert told["orders", "order_id"]["key"] == "yes"
    assert [told["orders", name]["joins"] for name in ("customer_id", "as_of_date", "order_amount")] == [
        "customers.customer_id",
        "dates.date",
        "",
    ]
    assert told["customers", "customer_id"]["joins"] == ""
    assert told["segments", "engagement_segment"]["allowed_values"] == "High, Medium, Low, At Risk"
    units = [told["engagement_scores", name]["unit"] for name in ("total_revenue", "recency_days", "engagement_score")]
    assert units == ["currency units", "days", "score, 0 to 1"]
    assert told["orders", "order_id"]["table_description"].startswith("One row per order")
    assert "Calendar (year, quarter, month, date); Weeks (week, date)" in told["dates", "year"]["table_description"]
    # Each key that is told of is one, and each join finds its row.
    with loaded(sample_export) as connection:
        keys: dict[str, list[str]] = {}
        for (table, column), row in told.items():
            if row["key"] == "yes":
                keys.setdefault(table, []).append(column)
            if row["joins"]:
                other, name = row["joins"].split(".")
                lost = f"SELECT count(*) FROM {table} t ANTI JOIN {other} o ON t.{column} = o.{name}"
                assert connection.execute(lost).fetchall() == [(0,)], (table, column)
        for table, columns in keys.items():
            twice = f"SELECT count(*) - count(DISTINCT ({', '.join(columns)})) FROM {table}"
            assert connection.execute(twice).fetchall() == [(0,)], table
    page = (sample_export / "data_dictionary.html").read_text(encoding="utf-8")
    assert all(f'<h2 id="{table}">' in page and f"<code>{column}</code>" in page for table, column in told)
    assert "Each is a buyer without an order for more than 30 days" in page
