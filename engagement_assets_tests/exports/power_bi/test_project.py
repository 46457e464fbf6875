"""The project: the same bytes in each run, sound by our cross-reference, with the pages that were asked for."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from typer.testing import CliRunner

from engagement_assets.cli.app import app
from engagement_assets.domain.contracts import TABLES
from engagement_assets.exports.power_bi.project import project_files, write_project
from engagement_assets.settings import PREFIX, Settings
from engagement_assets_tests.exports.power_bi.cross_reference import faults
from engagement_assets_tests.exports.power_bi.reading import (
    fields,
    projections,
    query_left_out,
    read_model,
    read_report,
)
from engagement_assets_tests.worlds import World

S, C, M, L = "Segments.Engagement segment", "Customers.Customer id", "Measures.", "Latest Scores."
DAY, COUNTRY, VALUE = "Dates.Date", "Countries.Country", "Customers.Value segment"


#: What a customer is called by; the table of customers has it, and facts need not.
LABELS = ("engagement_segment", "engagement_status", "revenue_band", "rfm_segment")


def named(prefix: str, *names: str) -> list[str]:
    return [prefix + name for name in names]


#: What was asked for, visual by visual: the page, the kind, and the fields in their roles.
SPECIFICATION: list[tuple[str, str, dict[str, list[str]]]] = [
    # Executive overview: the key figures, the distribution of the score, the segments, score and risk over time.
    (
        "Executive overview",
        "cardVisual",
        {
            "Data": named(
                f"{M}Daily ",
                "average score",
                "slipping customers",
                "customers",
                "sessions per customer",
                "slipping revenue",
                "high-risk share",
            )
        },
    ),
    (
        "Executive overview",
        "columnChart",
        {"Category": ["Daily Groups.Score bucket"], "Series": [S], "Y": [f"{M}Daily customers"]},
    ),
    ("Executive overview", "donutChart", {"Category": [S], "Y": [f"{M}Daily customers"]}),
    (
        "Executive overview",
        "lineChart",
        {"Category": [DAY], "Y": named(f"{M}Daily ", "average score", "reference score")},
    ),
    (
        "Executive overview",
        "lineChart",
        {"Category": [DAY], "Y": named(f"{M}Daily ", "high-risk share", "slipping share")},
    ),
    # Score breakdown: sessions against orders, mean component scores, contributions, the decomposition tree.
    (
        "Score breakdown",
        "scatterChart",
        {
            "Category": [C],
            "Series": [S],
            "X": [f"{M}Average sessions"],
            "Y": [f"{M}Orders so far"],
            "Size": [f"{M}Revenue"],
        },
    ),
    (
        "Score breakdown",
        "clusteredBarChart",
        {"Category": [S], "Y": named(f"{M}Average ", "recency score", "frequency score", "monetary score")},
    ),
    (
        "Score breakdown",
        "barChart",
        {
            "Category": [S],
            "Y": named(f"{M}Average ", "recency contribution", "frequency contribution", "monetary contribution"),
        },
    ),
    (
        "Score breakdown",
        "decompositionTreeVisual",
        {
            "Analyze": [f"{M}Average score"],
            "ExplainBy": [
                *named("Customers.", "Recency band", "Frequency band", "Monetary band"),
                S,
                *named("Customers.", "Lifecycle stage", "Engagement status"),
                COUNTRY,
            ],
        },
    ),
    # Segmentation: engagement by revenue, the value segments, moves, and the customers with their drill-through.
    (
        "Segmentation",
        "pivotTable",
        {"Rows": [S], "Columns": ["Customers.Revenue band"], "Values": named(M, "Customers", "Revenue")},
    ),
    ("Segmentation", "clusteredBarChart", {"Category": [VALUE], "Y": [f"{M}Customers"]}),
    (
        "Segmentation",
        "tableEx",
        {"Values": [C, S, *named(M, "Average score", "Average sessions", "Orders so far", "Revenue")]},
    ),
    (
        "Segmentation",
        "tableEx",
        {"Values": [VALUE, *named(M, "Customers", "Revenue", "Average order", "Average score", "High-risk customers")]},
    ),
    (
        "Segmentation",
        "tableEx",
        {
            "Values": [
                *named("Segment Moves.", "Previous segment", "Engagement segment"),
                *named(M, "Segment moves", "Newly at high risk", "Out of high risk"),
            ]
        },
    ),
    (
        "Customer value vs engagement risk",
        "cardVisual",
        {"Data": named(M, "Revenue", "Slipping revenue", "High-value customers", "At-risk VIPs")},
    ),
    (
        "Customer value vs engagement risk",
        "scatterChart",
        {
            "Category": [C],
            "Series": [VALUE],
            "X": [f"{M}Average score"],
            "Y": [f"{M}Revenue"],
            "Size": [f"{M}Orders so far"],
        },
    ),
    (
        "Customer value vs engagement risk",
        "pivotTable",
        {"Rows": [VALUE], "Columns": ["Customers.Is high risk"], "Values": named(M, "Customers", "Revenue")},
    ),
    # At-risk customers: slipping first, their share over time, the last order with traffic lights; then risk by score.
    (
        "At-risk customers",
        "kpi",
        {
            "Indicator": [f"{M}Daily slipping customers"],
            "TrendLine": [DAY],
            "Goal": [f"{M}Slipping customers 30 days before"],
        },
    ),
    (
        "At-risk customers",
        "cardVisual",
        {
            "Data": named(
                M,
                "Slipping customers",
                "Slipping revenue",
                "Expected loss of slipping customers",
                "Slipping customers who come back",
            )
        },
    ),
    (
        "At-risk customers",
        "lineChart",
        {"Category": [DAY], "Y": named(f"{M}Daily ", "slipping share", "high-risk share")},
    ),
    (
        "At-risk customers",
        "tableEx",
        {
            "Values": [
                C,
                COUNTRY,
                *named(
                    M,
                    "Latest order",
                    "Slipping revenue",
                    "Slipping customers who come back",
                    "Days since last order",
                    "Average sessions",
                    "Average score",
                    "Change of reference score",
                ),
                f"{L}Slipping reasons",
            ]
        },
    ),
    (
        "At-risk customers",
        "tableEx",
        {
            "Values": [
                C,
                *named(
                    M,
                    "Latest order",
                    "Revenue",
                    "Days since last order",
                    "Average sessions",
                    "Average score",
                    "Change of reference score",
                ),
                f"{L}Risk reasons",
            ]
        },
    ),
    # High-value customers: who, how many of the buyers, where, and whose score falls.
    (
        "High-value customers",
        "cardVisual",
        {
            "Data": named(
                f"{M}High-value ",
                "customers",
                "share of buyers",
                "revenue",
                "declining",
            )
        },
    ),
    (
        "High-value customers",
        "tableEx",
        {
            "Values": [
                C,
                COUNTRY,
                VALUE,
                *named(
                    M,
                    "Revenue",
                    "Orders so far",
                    "Average order",
                    "Days since last order",
                    "Average sessions",
                    "Average score",
                    "Change of reference score",
                ),
            ]
        },
    ),
    ("High-value customers", "clusteredBarChart", {"Category": [COUNTRY], "Y": [f"{M}High-value customers"]}),
    # Behaviour: the funnel, sessions and orders, when people come, score against sessions.
    ("Behaviour", "funnel", {"Category": ["Funnel Stages.Stage"], "Y": [f"{M}Customers at stage"]}),
    (
        "Behaviour",
        "lineClusteredColumnComboChart",
        {"Category": [DAY], "Y": [f"{M}All sessions"], "Y2": [f"{M}All orders"]},
    ),
    (
        "Behaviour",
        "pivotTable",
        {"Rows": ["Dates.Weekday"], "Columns": ["Daily Activity.Start hour"], "Values": [f"{M}All sessions"]},
    ),
    (
        "Behaviour",
        "pivotTable",
        {"Rows": ["Customers.Score bucket"], "Columns": ["Customers.Sessions band"], "Values": [f"{M}Customers"]},
    ),
    (
        "Behaviour",
        "lineClusteredColumnComboChart",
        {
            "Category": ["Customers.Sessions band"],
            "Y": [f"{M}Customers"],
            "Y2": [f"{M}Orders per customer in 30 days"],
        },
    ),
    ("Behaviour", "cardVisual", {"Data": named(M, "Engaged share", "Sessions in the window")}),
    # Audiences: whom to address, why, what to do; the lists that have a name.
    ("Audiences", "cardVisual", {"Data": named(M, "Customers in audiences", "To contact", "Held out")}),
    ("Audiences", "clusteredBarChart", {"Category": ["Audiences.Audience"], "Y": [f"{M}Customers in audiences"]}),
    ("Audiences", "clusteredBarChart", {"Category": ["Named Lists.List name"], "Y": [f"{M}Customers in lists"]}),
    ("Audiences", "tableEx", {"Values": ["Named Lists.List name", C, f"{M}Revenue of listed customers"]}),
    (
        "Audiences",
        "tableEx",
        {
            "Values": [
                "Audiences.Audience",
                C,
                *named("Audiences.", "Recommended action", "Evidence", "Is to contact", "Is holdout"),
                f"{M}Priority",
            ]
        },
    ),
    # Campaign results: uplift with its interval, over time, every result with its verdict.
    ("Campaign results", "cardVisual", {"Data": named(M, "Treated", "Held out to compare", "Revenue earned")}),
    ("Campaign results", "clusteredBarChart", {"Category": ["Campaign Results.Audience"], "Y": [f"{M}Uplift"]}),
    (
        "Campaign results",
        "lineChart",
        {"Category": [DAY], "Series": ["Campaign Results.Audience"], "Y": [f"{M}Uplift"]},
    ),
    (
        "Campaign results",
        "tableEx",
        {
            "Values": [
                *named("Campaign Results.", "Audience", "Horizon days"),
                *named(M, "Treated", "Held out to compare", "Treated who ordered", "Held out who ordered"),
                *named(M, "Uplift", "Uplift at least", "Uplift at most", "Revenue earned", "Verdict"),
            ]
        },
    ),
    (
        "Campaign results",
        "tableEx",
        {
            "Values": [
                *named("Campaign Entries.", "Audience", "Entered"),
                C,
                "Campaign Entries.Is holdout",
                f"{M}Entries",
            ]
        },
    ),
    # Customer: the parts of the score as a chart, the score over time, sessions of thirty days, the orders over time.
    (
        "Customer",
        "cardVisual",
        {
            "Data": named(
                M,
                "Average score",
                "Average percentile",
                "Revenue",
                "Orders so far",
                "Days since last order",
                "Average sessions",
            )
        },
    ),
    (
        "Customer",
        "tableEx",
        {
            "Values": [
                C,
                COUNTRY,
                S,
                VALUE,
                *named("Customers.", "Lifecycle stage", "Engagement status"),
                *named(M, "Change of reference score", "Latest order"),
                f"{L}Slipping reasons",
            ]
        },
    ),
    (
        "Customer",
        "clusteredBarChart",
        {"Category": [C], "Y": named(f"{M}Average ", "recency score", "frequency score", "monetary score")},
    ),
    ("Customer", "lineChart", {"Category": [DAY], "Y": named(M, "Score on the day", "Reference score on the day")}),
    ("Customer", "columnChart", {"Category": [DAY], "Y": [f"{M}Sessions of the window"]}),
    ("Customer", "columnChart", {"Category": [DAY], "Y": [f"{M}Order revenue"]}),
    (
        "Customer",
        "tableEx",
        {"Values": [*named("Orders.", "Order date", "Order id"), f"{M}Order revenue"]},
    ),
    # Monitoring: completeness, what was left out, outliers, rejected rows.
    (
        "Monitoring",
        "cardVisual",
        {
            "Data": named(
                M,
                "Published days",
                "Files of another export",
                "Stability index",
                "Rows kept out",
                "Share without an order",
                "Share without a session",
            )
        },
    ),
    ("Monitoring", "lineChart", {"Category": [DAY], "Y": [f"{M}Daily customers"]}),
    (
        "Monitoring",
        "lineChart",
        {"Category": [DAY], "Series": ["Table Rows.Table name"], "Y": [f"{M}Rows published"]},
    ),
    (
        "Monitoring",
        "tableEx",
        {"Values": named("Exported Files.", "File", "Rows", "First day", "Last day", "Left out")},
    ),
    (
        "Monitoring",
        "tableEx",
        {
            "Values": [
                C,
                "Customers.Outlier in",
                *named(M, "Revenue", "Average order", "Orders so far", "Average sessions"),
            ]
        },
    ),
    (
        "Monitoring",
        "tableEx",
        {"Values": [*named("Rejected Rows.", "Source", "Reason"), f"{M}Rows kept out"]},
    ),
]


def test_model_report_and_exported_files_fit_together(project: Path, sample_export: Path) -> None:
    assert faults(project, sample_export) == []


def test_two_runs_give_the_same_bytes(sample_world: World, project: Path, tmp_path: Path) -> None:
    data = read_model(project).expressions["DataFolder"].split('"')[1]
    kept = tmp_path / "Engagement.SemanticModel" / ".pbi" / "cache.abf"
    kept.parent.mkdir(parents=True)
    kept.write_text("{}")
    for _ in range(2):
        assert write_project(sample_world.settings, tmp_path, data).left_alone == ()
    kept.unlink()
    kept.parent.rmdir()
    assert contents(tmp_path) == contents(project)


def contents(folder: Path) -> dict[str, bytes]:
    return {place.relative_to(folder).as_posix(): place.read_bytes() for place in folder.rglob("*") if place.is_file()}


def test_every_visual_that_was_asked_for_is_there_and_no_other(project: Path) -> None:
    """But for what is on every page: heading, slicers, the card with the day."""
    report = read_report(project)
    found = []
    for name in report.order:
        for visual in report.visuals[name]:
            roles: dict[str, list[str]] = {}
            for role, projection in projections(visual):
                roles.setdefault(role, []).append(projection["queryRef"])
            frame = visual["visual"]["visualType"] in ("slicer", "textbox", "actionButton")
            if not frame and roles not in ({"Data": [f"{M}Snapshot"]}, {"Data": [f"{M}Day shown"]}):
                found.append((report.pages[name]["displayName"], visual["visual"]["visualType"], roles))
    assert [asked for asked in SPECIFICATION if asked not in found] == []
    assert [shown for shown in found if shown not in SPECIFICATION] == []
    assert len(found) == len(SPECIFICATION)
    assert list(dict.fromkeys(page for page, *_ in found)) == list(dict.fromkeys(page for page, *_ in SPECIFICATION))


def test_every_page_has_its_day_and_the_slicers(project: Path) -> None:
    report = read_report(project)
    for name, page in report.pages.items():
        kinds = Counter(visual["visual"]["visualType"] for visual in report.visuals[name])
        groups = [visual["visual"].get("syncGroup", {}).get("groupName") for visual in report.visuals[name]]
        wanted = [] if page["displayName"] == "Customer" else ["Country", "Date", "Segment"]
        assert sorted(group for group in groups if group) == wanted
        assert kinds["textbox"] == 1
        cards = [
            [projection["queryRef"] for _, projection in projections(visual)]
            for visual in report.visuals[name]
            if visual["visual"]["visualType"] == "cardVisual"
        ]
        assert cards.count(["Measures.Snapshot"]) + cards.count(["Measures.Day shown"]) == 1


def test_the_silence_of_slipping_customers_can_be_green(project: Path, sample_export: Path) -> None:
    """They ordered 31 to 119 days ago: green below 61, yellow below 90."""
    report = read_report(project)
    (name,) = [name for name, page in report.pages.items() if page["displayName"] == "At-risk customers"]
    (table,) = [
        visual
        for visual in report.visuals[name]
        if "Latest Scores.Slipping reasons" in [projection["queryRef"] for _, projection in projections(visual)]
    ]
    (days,) = [
        each["properties"]["backColor"]["solid"]["color"]["expr"]["Conditional"]["Cases"]
        for each in table["visual"]["objects"]["values"]
        if each["selector"]["metadata"] == "Measures.Days since last order"
    ]
    limits = [case["Condition"]["Comparison"]["Right"]["Literal"]["Value"] for case in days]
    assert limits == ["61D", "90D"]


def test_visuals_lie_side_by_side(project: Path) -> None:
    report = read_report(project)
    for name, visuals in report.visuals.items():
        boxes = [visual["position"] for visual in visuals]
        for number, one in enumerate(boxes):
            for other in boxes[number + 1 :]:
                apart = (
                    one["x"] + one["width"] <= other["x"]
                    or other["x"] + other["width"] <= one["x"]
                    or one["y"] + one["height"] <= other["y"]
                    or other["y"] + other["height"] <= one["y"]
                )
                assert apart, report.pages[name]["displayName"]


def test_every_visual_has_words_and_every_chart_an_order(project: Path) -> None:
    report = read_report(project)
    for visuals in report.visuals.values():
        for visual in visuals:
            container = visual["visual"]["visualContainerObjects"]
            assert container["general"][0]["properties"]["altText"]["expr"]["Literal"]["Value"].strip("'")
            shown = {projection["queryRef"] for _, projection in projections(visual)}
            roles = {role for role, _ in projections(visual)}
            if "Category" in roles and visual["visual"]["visualType"] != "scatterChart":
                sort = visual["visual"]["query"]["sortDefinition"]["sort"]
                ((_, table, name),) = fields(sort[0]["field"])
                assert f"{table}.{name}" in shown


def test_lists_have_traffic_lights_and_calendars_are_heated(project: Path) -> None:
    report = read_report(project)
    shades: dict[tuple[str, str], list[list[str]]] = {}
    for name, visuals in report.visuals.items():
        for visual in visuals:
            kind, rules = visual["visual"]["visualType"], visual["visual"].get("objects", {}).get("values", [])
            found = [key for rule in rules for key in rule["properties"]["backColor"]["solid"]["color"]["expr"]]
            shades.setdefault((report.pages[name]["displayName"], kind), []).append(found)
    assert shades["At-risk customers", "tableEx"] == [["Conditional"] * 4] * 2
    assert shades["High-value customers", "tableEx"] == [["Conditional"] * 4]
    assert shades["Behaviour", "pivotTable"] == [["FillRule"]] * 2


def test_uplift_is_drawn_with_its_interval(project: Path) -> None:
    report = read_report(project)
    (chart,) = [
        visual["visual"]
        for visuals in report.visuals.values()
        for visual in visuals
        if "error" in visual["visual"].get("objects", {})
    ]
    bars, shown = chart["objects"]["error"]
    assert bars["selector"]["metadata"] == shown["selector"]["metadata"] == "Measures.Uplift"
    ends = bars["properties"]["errorRange"]["explicit"]
    assert ends["isRelative"]["expr"]["Literal"]["Value"] == "false"
    assert [list(fields(ends[end])) for end in ("lowerBound", "upperBound")] == [
        [("Measure", "Measures", "Uplift at least")],
        [("Measure", "Measures", "Uplift at most")],
    ]
    assert shown["properties"]["enabled"]["expr"]["Literal"]["Value"] == "true"


def test_everything_is_described_and_technical_columns_are_hidden(project: Path) -> None:
    definition = project / "Engagement.SemanticModel" / "definition"
    for place in definition.glob("tables/*.tmdl"):
        lines = place.read_text(encoding="utf-8").splitlines()
        for before, line in zip(["", *lines], lines, strict=False):
            if line.strip().startswith(("column ", "measure ", "table ")):
                assert before.strip().startswith("/// "), line
    model = read_model(project)
    for table in model.tables:
        for column in table.columns:
            technical = column.properties["sourceColumn"].endswith("_order") or (
                column.properties["sourceColumn"] in ("customer_id", "as_of_date") and table.name != "Customers"
            )
            assert not technical or "isHidden" in column.properties, (table.name, column.name)
            assert column.properties["summarizeBy"] == "none"


def test_a_change_of_a_contract_changes_the_model() -> None:
    """Every column of the tables that are exported whole is a column of the model; a renamed one stops the measures' test."""
    files = project_files(Settings(), "x")
    for table, name in (
        ("engagement_scores", "Latest Scores"),
        ("engagement_metrics", "Daily Metrics"),
        ("raw_orders", "Orders"),
        ("segment_changes", "Segment Moves"),
    ):
        text = files[f"Engagement.SemanticModel/definition/tables/{name}.tmdl"]
        unread = query_left_out(text)
        for column in TABLES[table].columns():
            assert f"\t\tsourceColumn: {column}\n" in text or column in unread, (table, column)
        assert set(unread) <= {"country", "signup_date", *LABELS}


def test_settings_are_told_in_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{PREFIX}SCORING__HIGH_RISK_THRESHOLD", "0.25")
    monkeypatch.setenv(f"{PREFIX}SCORING__ACTIVITY_WINDOW_DAYS", "14")
    text = project_files(Settings(), "x")["Engagement.SemanticModel/definition/tables/Measures.tmdl"]
    assert (
        "without an order for more than 14 days, with at most 1 session in the last 14 days and a score below 0.25."
        in text
    )
    assert "'Session Days'[As of date] > LastDay - 14" in text


@pytest.mark.parametrize(("currency", "written"), [("", "#,0.00"), ("€", '"""€""#,0.00"'), ("EUR", '"#,0.00 ""EUR"""')])
def test_amounts_have_their_currency(currency: str, written: str, tmp_path: Path) -> None:
    """As on the pages of the dashboard: a sign before the number, a code behind it."""
    model = read_model(write_project(Settings(currency=currency), tmp_path, "x").folder)
    orders = model.table("Orders")
    scores = model.table("Latest Scores")
    assert orders
    assert scores
    columns = [orders.column("Order amount"), scores.column("Expected revenue 90 days"), scores.column("Total revenue")]
    shown = [column.properties["formatString"] for column in columns if column]
    shown += [model.measure_properties[name]["formatString"] for name in ("Revenue", "Average order", "Order revenue")]
    assert shown == [written] * 6
    assert model.measure_properties["Customers"]["formatString"] == "#,0"


def test_the_command_writes_for_the_machine_that_has_power_bi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = CliRunner().invoke(app, ["power-bi", "--to", str(tmp_path), "--data", 'D:\\shop "north"'])
    assert done.exit_code == 0, done.output
    assert str(tmp_path / "Engagement.pbip") in done.stdout.replace("\n", "")
    text = (tmp_path / "Engagement.SemanticModel/definition/expressions.tmdl").read_text(encoding="utf-8")
    assert 'expression DataFolder = "D:\\shop ""north""" meta [' in text
    monkeypatch.setenv(f"{PREFIX}POWER_BI_DATA", "E:\\export")
    assert CliRunner().invoke(app, ["power-bi", "--to", str(tmp_path)]).exit_code == 0
    text = (tmp_path / "Engagement.SemanticModel/definition/expressions.tmdl").read_text(encoding="utf-8")
    assert 'expression DataFolder = "E:\\export" meta [' in text
    entry = json.loads((tmp_path / "Engagement.pbip").read_text(encoding="utf-8"))
    assert (tmp_path / entry["artifacts"][0]["report"]["path"] / "definition.pbir").exists()
