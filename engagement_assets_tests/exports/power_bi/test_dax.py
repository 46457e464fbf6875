"""The DAX of the measures, evaluated by an independent engine over exported files, against their twins in DuckDB."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any

import duckdb
import pytest

from engagement_assets.domain.contracts.engagement import SEGMENTS
from engagement_assets.exports.csv_files import export_csv
from engagement_assets.exports.measures import Measure, measures
from engagement_assets.settings import Settings
from engagement_assets_tests.exports.power_bi import dax
from engagement_assets_tests.exports.power_bi.dax import DaxModel
from engagement_assets_tests.exports.power_bi.reading import Report, fields, projections, read_report
from engagement_assets_tests.exports.reading import loaded
from engagement_assets_tests.worlds import World

DAY = date(2026, 6, 30)

COUNTRY, SEGMENT = ("Countries", "Country"), ("Segments", "Engagement segment")

#: Where the values of a column of a dimension stand in the files: by customer, and by group of customers.
DIMENSIONS = {"Countries": "country", "Segments": "engagement_segment"}

#: What customers are grouped by, but for themselves and the many steps of the score.
BY_CUSTOMER = [
    ("Customers", name)
    for name in ("Value segment", "Revenue band", "Is high risk", "Sessions band", "Lifecycle stage")
]

#: Shares of all customers, whatever their page shows: what is counted, among whom, and the flag of the page.
SHARES = {
    "high_risk_share": ("is_high_risk", "true", "is_high_risk"),
    "slipping_share": ("is_slipping", "true", "is_slipping"),
    "high_value_share": ("is_high_value", "s.total_orders > 0", "is_high_value"),
}

#: DAX divides money by a count to four digits after the point.
MONEY = 0.01

#: What the ends of an interval are called by measures and by columns.
ENDS = (("", ""), (" at least", "_low"), (" at most", "_high"))

Cell = Mapping[tuple[str, str], Any]


@pytest.fixture(scope="module")
def model(project: Path, sample_export: Path) -> DaxModel:
    """The generated model over the files of the sample data."""
    return dax.load(project, sample_export)


@pytest.fixture(scope="module")
def report(project: Path) -> Report:
    """The generated report."""
    return read_report(project)


@pytest.fixture(scope="module")
def files(sample_export: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """The exported files as tables of the schema `whole`."""
    with loaded(sample_export) as connection:
        yield connection


def every_measure() -> tuple[Measure, ...]:
    return measures(Settings().scoring)


def twins(files: duckdb.DuckDBPyConnection, cell: Cell, asked: list[Measure]) -> dict[str, Any]:
    """What the twins of measures say of the rows of a cell."""
    narrow(files, cell)
    found: dict[str, Any] = {}
    for source in dict.fromkeys(measure.source for measure in asked):
        own = [measure for measure in asked if measure.source == source]
        plain = [measure for measure in own if measure.sql.split()[0] != "SELECT"]
        if plain:
            alias = "s" if source == "engagement_scores" else ""
            listed = ", ".join(measure.sql for measure in plain)
            (row,) = files.execute(f"SELECT {listed} FROM {source} {alias}").fetchall()
            found |= {measure.key: value for measure, value in zip(plain, row, strict=True)}
        for measure in own:
            if measure not in plain:
                found[measure.key] = files.execute(measure.query).fetchall()[0][0]
    for key, (part, whole, flag) in SHARES.items():
        if ("Customers", title(flag)) in cell and key in found:
            others = {column: value for column, value in cell.items() if column != ("Customers", title(flag))}
            narrow(files, others)
            found[key] = files.execute(
                f"SELECT count(*) FILTER (c.{part})::DOUBLE / nullif(count(*) FILTER ({whole}), 0) "
                "FROM engagement_scores s JOIN whole.customers c USING (customer_id)"
            ).fetchall()[0][0]
    return found


def title(column: str) -> str:
    return column.replace("_", " ").capitalize()


def narrow(files: duckdb.DuckDBPyConnection, cell: Cell) -> None:
    """Views of the files with the rows that a cell lets through, by what hangs on what in the star."""
    chosen = {DIMENSIONS.get(table, column.lower().replace(" ", "_")): value for (table, column), value in cell.items()}
    same = " AND ".join(f"{column} IS NOT DISTINCT FROM {literal(value)}" for column, value in chosen.items()) or "true"
    columns_of: dict[str, set[str]] = {}
    known = "SELECT table_name, column_name FROM duckdb_columns() WHERE schema_name = 'whole'"
    for name, column in files.execute(known).fetchall():
        columns_of.setdefault(name, set()).add(column)
    for name, columns in columns_of.items():
        if "customer_id" in columns:
            condition = f"customer_id IN (SELECT customer_id FROM whole.customers WHERE {same})"
        elif name in ("daily_groups", "daily_activity"):
            own = {column: value for column, value in chosen.items() if column in columns}
            condition = " AND ".join(f"{column} = {literal(value)}" for column, value in own.items()) or "true"
        else:
            condition = "true"
        files.execute(f"CREATE OR REPLACE VIEW main.{name} AS SELECT * FROM whole.{name} WHERE {condition}")


def literal(value: Any) -> str:
    return str(value) if isinstance(value, (bool, int)) else "'" + str(value).replace("'", "''") + "'"


def differences(found: Mapping[str, Any], expected: Mapping[str, Any], asked: list[Measure]) -> dict[str, Any]:
    """The measures of which DAX says something else than the twin."""
    wrong = {}
    for measure in asked:
        said, wanted = found[measure.name], expected[measure.key]
        if isinstance(wanted, list):
            wanted = wanted[0]  # where no stage is chosen, the first is meant
        if isinstance(said, datetime):
            said = said.date()
        if isinstance(wanted, date | str):
            same = said == wanted
        else:
            # Where no row matches, DAX gives blank and counts and sums of the twin give 0.
            tolerance = MONEY if measure.format == "#,0.00" else 1e-9
            same = math.isclose(float(said or 0), float(wanted or 0), rel_tol=1e-9, abs_tol=tolerance)
        if not same:
            wrong[measure.name] = (said, wanted)
    return wrong


def page_filters(page: Mapping[str, Any]) -> Cell:
    """The columns that a page, or a visual, is limited by, each with the value that it lets through."""
    return {
        (table, name): True
        for each in page.get("filterConfig", {}).get("filters", [])
        if each["howCreated"] == "User"
        for _, table, name in fields(each["field"])
    }


def shown_measures(report: Report, page: str) -> set[str]:
    return {
        projection["nativeQueryRef"]
        for visual in report.visuals[page]
        for _, projection in projections(visual)
        if "Measure" in projection["field"]
    }


@pytest.mark.slow  # smaller: in the groups of every visual, below
def test_every_measure_is_its_twin_in_every_cell_of_country_and_segment_under_every_pages_filter(
    model: DaxModel, report: Report, files: duckdb.DuckDBPyConnection
) -> None:
    everything = list(every_measure())
    assert {measure.name for measure in everything} == set(model.measures)
    # What counts the rows of all files takes no heed of cells.
    sliced = [measure for measure in everything if measure.key != "files_that_differ"]
    countries = [row[0] for row in files.execute("SELECT country FROM whole.countries").fetchall()]
    segments = [row[0] for row in files.execute("SELECT engagement_segment FROM whole.segments").fetchall()]
    cells: list[tuple[Cell, list[Measure]]] = [({}, everything)]
    cells += [({COUNTRY: country, SEGMENT: segment}, sliced) for country, segment in product(countries, segments)]
    for name, page in report.pages.items():
        if only := page_filters(page):
            shown = [measure for measure in everything if measure.name in shown_measures(report, name)]
            cells.append((only, sliced))
            cells += [({**only, COUNTRY: country}, shown) for country in countries]
            cells += [({**only, SEGMENT: segment}, shown) for segment in segments]
    wrong = {}
    for cell, asked in cells:
        filters = {column: [value] for column, value in cell.items()}
        found = model.values([measure.name for measure in asked], filters)
        if different := differences(found, twins(files, cell, asked), asked):
            wrong[str(cell)] = different
    assert wrong == {}


def test_every_visual_shows_of_each_of_its_groups_what_the_twins_say(
    model: DaxModel, report: Report, files: duckdb.DuckDBPyConnection
) -> None:
    """Of the visuals that are grouped by what customers are sliced by, under the filters of their page."""
    by_name = {measure.name: measure for measure in every_measure()}
    sliceable = ("Countries", "Segments")
    asked_of: dict[tuple[tuple[tuple[str, str], ...], tuple[tuple[str, str], ...]], set[str]] = {}
    for name, page in report.pages.items():
        for visual in report.visuals[name]:
            only = tuple({**page_filters(page), **page_filters(visual)})
            shown = [each for _, projection in projections(visual) for each in fields(projection["field"])]
            groups = tuple((table, column) for kind, table, column in shown if kind == "Column")
            if all(table in sliceable or (table, column) in BY_CUSTOMER for table, column in groups) and (
                groups or only
            ):
                asked_of.setdefault((only, groups), set()).update(n for kind, _, n in shown if kind == "Measure")
    assert len(asked_of) > 8
    wrong = {}
    for (only, groups), names in asked_of.items():
        asked = [by_name[name] for name in sorted(names)]
        for values in combinations(files, groups):
            cell = {**dict.fromkeys(only, True), **dict(zip(groups, values, strict=True))}
            found = model.values(
                [measure.name for measure in asked],
                {column: [True] for column in only},
                {column: [value] for column, value in zip(groups, values, strict=True)},
            )
            if different := differences(found, twins(files, cell, asked), asked):
                wrong[str(cell)] = different
    assert wrong == {}


def combinations(files: duckdb.DuckDBPyConnection, groups: tuple[tuple[str, str], ...]) -> list[tuple[Any, ...]]:
    """The combinations of values of some columns that customers have."""
    if not groups:
        return [()]
    columns = ", ".join(DIMENSIONS.get(table, column.lower().replace(" ", "_")) for table, column in groups)
    return files.execute(f"SELECT DISTINCT {columns} FROM whole.customers ORDER BY ALL").fetchall()


def test_the_high_value_share_is_one_of_all_buyers_on_its_page_too(model: DaxModel, report: Report) -> None:
    """80 of 356 buyers; the page shows those 80 alone."""
    (page,) = [page for page in report.pages.values() if page["displayName"] == "High-value customers"]
    assert page_filters(page) == {("Customers", "Is high value"): True}
    found = model.values(["High-value share of buyers"], {("Customers", "Is high value"): [True]})
    assert found["High-value share of buyers"] == pytest.approx(80 / 356)


def test_the_choice_of_dates_chooses_the_day_of_the_daily_figures(model: DaxModel, sample_world: World) -> None:
    """Days up to 24 June are chosen: the figures are those of the metrics of that day, for everybody."""
    last = date(2026, 6, 24)
    (day,) = sample_world.rows("engagement_metrics", last.isoformat())
    chosen = [datetime(2026, 1, 1) + timedelta(days=number) for number in range(175)]
    assert chosen[-1].date() == last
    found = model.values(
        ["Daily customers", "Daily average score", "Daily high-risk share", "Daily slipping customers", "Day shown"],
        {("Dates", "Date"): chosen},
    )
    assert found["Day shown"].date() == last
    assert found["Daily customers"] == day["customers"]
    assert found["Daily average score"] == pytest.approx(day["average_score"])
    assert found["Daily high-risk share"] == pytest.approx(day["high_risk_share"])
    assert found["Daily slipping customers"] == day["slipping_customers"]


@pytest.fixture
def longer_horizons(sample_export: Path, tmp_path: Path) -> Path:
    """The exported files with results over 14 days too, of other numbers and from 26 June on; one audience has them from 29."""
    for place in sample_export.iterdir():
        if place.suffix == ".csv":
            (tmp_path / place.name).symlink_to(place)
    results = tmp_path / "campaign_results.csv"
    results.unlink()
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE results AS FROM '{sample_export}/campaign_results.parquet'")
        connection.execute(
            "INSERT INTO results SELECT * REPLACE (14 AS horizon_days, treated // 2 AS treated, "
            "share_uplift / 3 AS share_uplift, incremental_revenue - 7 AS incremental_revenue, 'over 14' AS verdict) "
            "FROM results WHERE as_of_date >= if(audience = 'second_order', DATE '2026-06-29', DATE '2026-06-26')"
        )
        connection.execute(f"COPY results TO '{results}' (HEADER)")
    return tmp_path


def test_each_result_of_campaigns_is_that_of_its_row(project: Path, longer_horizons: Path) -> None:
    """Of an audience and its days, on the latest day and where dates are chosen; without a choice of days over the longest."""
    model = dax.load(project, longer_horizons)
    asked = [measure for measure in every_measure() if measure.source == "campaign_results"]
    columns = {
        **{"Treated": "treated", "Held out to compare": "held_out", "Orders earned": "incremental_orders"},
        **{"Treated who ordered": "treated_share", "Held out who ordered": "held_out_share", "Verdict": "verdict"},
        **{f"Uplift{end}": f"share_uplift{column}" for end, column in ENDS},
        **{f"Revenue earned{end}": f"incremental_revenue{column}" for end, column in ENDS},
    }
    assert {measure.name for measure in asked} == set(columns)
    audience, horizon = ("Campaign Results", "Audience"), ("Campaign Results", "Horizon days")
    with loaded(longer_horizons) as connection:
        table = connection.execute("SELECT * FROM whole.campaign_results")
        names = [column[0] for column in table.description]
        everything = [dict(zip(names, row, strict=True)) for row in table.fetchall()]

        def twin(condition: str) -> dict[str, Any]:
            connection.execute(
                f"CREATE OR REPLACE VIEW main.campaign_results AS FROM whole.campaign_results WHERE {condition}"
            )
            return {m.name: connection.execute(m.query).fetchall()[0][0] for m in asked}

        for day in (DAY, date(2026, 6, 27)):
            rows = [row for row in everything if row["as_of_date"] == day]
            until = [datetime(2026, 6, 1) + timedelta(days=number) for number in range(day.day)]
            dates = {} if day == DAY else {("Dates", "Date"): until}
            assert len(rows) > 14
            for row in rows:
                chosen = {audience: [row["audience"]], horizon: [row["horizon_days"]]}
                expected = {measure.key: row[columns[measure.name]] for measure in asked}
                assert differences(model.values(list(columns), {**chosen, **dates}), expected, asked) == {}, chosen
                same = f"audience = '{row['audience']}'"
                if row["horizon_days"] == 14:
                    longest = model.values(list(columns), {audience: [row["audience"]], **dates})
                    assert differences(longest, expected, asked) == {}, (day, chosen)
                    if day == DAY:
                        assert differences(twin(same), expected, asked) == {}, chosen
                if day == DAY:
                    same += f" AND horizon_days = {row['horizon_days']}"
                    assert differences(twin(same), expected, asked) == {}, chosen
            together = model.values(list(columns), dates)
            over_14 = [row for row in rows if row["horizon_days"] == 14]
            assert together["Treated"] == sum(row["treated"] for row in over_14) > 0
            assert together["Revenue earned"] == pytest.approx(sum(row["incremental_revenue"] or 0 for row in over_14))
            assert together["Uplift"] is together["Verdict"] is None
        # The audience that has its 14 days from 29 June on says nothing of them before.
        early: dax.Filters = {("Dates", "Date"): [datetime(2026, 6, 27)], audience: ["second_order"]}
        assert set(model.values(list(columns), early).values()) == {None}


@pytest.mark.parametrize(
    ("day", "limits"),
    [("2025-02-20", {}), ("2026-06-30", {"export_rows": 600, "export_days": 20})],
    ids=["an_early_day", "strict_limits"],
)
def test_measures_are_right_of_other_exports_too(
    sample_world: World, project: Path, tmp_path: Path, day: str, limits: dict[str, int]
) -> None:
    """Of a day when no return chance is known yet; and where files hold little more than one day."""
    settings = sample_world.settings.model_copy(update=limits)
    export_csv(sample_world.lake, settings, str(tmp_path), day)
    everything = list(every_measure())
    with loaded(tmp_path) as connection:
        expected = twins(connection, {}, everything)
    found = dax.load(project, tmp_path).values([measure.name for measure in everything])
    assert differences(found, expected, everything) == {}
    assert found["Snapshot"].date().isoformat() == day
    scores = sample_world.rows("engagement_scores", day)
    # The whole window, whatever the limits: each session counted once, in the day on which it began.
    since = date.fromisoformat(day) - timedelta(days=29)
    begun = [
        row
        for row in sample_world.rows("sessions")
        if since <= row["as_of_date"] <= date.fromisoformat(day) and not row["continues_previous_day"]
    ]
    assert found["Sessions in the window"] == len(begun)
    if day == "2025-02-20":
        assert {row["return_chance"] for row in scores} == {None}
        assert found["Expected loss of slipping customers"] is None
    else:
        assert found["Stability index"] > 0


def test_a_slicer_moves_what_a_visual_shows_unless_the_visual_says_that_it_does_not(
    model: DaxModel, report: Report
) -> None:
    """Each of the three choices is made, and the engine asked whether a measure of the visual then says something else."""
    everything = [measure.name for measure in every_measure()]
    before = model.values(everything)
    choices: dict[str, tuple[dax.Filters, ...]] = {
        # What is of a day and what is of many: an earlier end, and days of which nothing is published.
        "date": ({("Dates", "Date"): [datetime(2026, 6, 18)]}, {("Dates", "Date"): [datetime(2025, 2, 1)]}),
        "country": tuple({COUNTRY: [country]} for country in ("DE", "FR", "IT", "unknown")),
        "segment": tuple({SEGMENT: [segment]} for segment in SEGMENTS),
    }
    moved = {
        name: {
            measure
            for chosen in options
            for measure, value in model.values(everything, chosen).items()
            if value != before[measure]
        }
        for name, options in choices.items()
    }
    # These are empty in the sample data, whatever is chosen.
    empty = {name for name, value in before.items() if value is None}
    said = 0
    for name, page in report.pages.items():
        if page["displayName"] == "Customer":
            continue
        for visual in report.visuals[name]:
            shown = {p["nativeQueryRef"] for _, p in projections(visual) if "Measure" in p["field"]} - empty
            note = subtitle(visual)
            for choice in choices:
                still = shown - moved[choice]
                if visual["position"]["y"] < 80 or not shown:
                    continue  # the heading with the day, the slicers
                where = (page["displayName"], visual["visual"]["visualType"], choice, note)
                if not still:
                    assert choice not in note or ":" in note, where
                else:
                    said += 1
                    assert choice in note, (*where, still)
                    assert still == shown or all(measure.casefold() in note for measure in still), where
    assert said > 20


def subtitle(visual: Mapping[str, Any]) -> str:
    objects = visual["visual"]["visualContainerObjects"].get("subTitle", [])
    return " ".join(each["properties"]["text"]["expr"]["Literal"]["Value"] for each in objects).casefold()
