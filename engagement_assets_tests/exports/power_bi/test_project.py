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
from engagement_assets_tests.exports.power_bi.reading import fields, projections, read_model, read_report
from engagement_assets_tests.worlds import World

#: The pages of the specification with the visuals that each must have.
PAGES = {
    "Executive overview": {"cardVisual": 1, "columnChart": 1, "donutChart": 1, "lineChart": 2},
    "Score breakdown": {"scatterChart": 1, "barChart": 1, "decompositionTreeVisual": 1},
    "Segmentation": {"pivotTable": 1, "clusteredBarChart": 1, "tableEx": 2},
    "Customer value vs engagement risk": {"cardVisual": 1, "scatterChart": 1, "pivotTable": 1},
    "At-risk customers": {"kpi": 1, "cardVisual": 1, "lineChart": 1, "tableEx": 1},
    "High-value customers": {"cardVisual": 1, "tableEx": 1, "clusteredBarChart": 1},
    "Behaviour": {"funnel": 1, "lineClusteredColumnComboChart": 2, "pivotTable": 1, "cardVisual": 1},
    "Customer": {"cardVisual": 1, "tableEx": 2, "lineChart": 1, "columnChart": 1, "actionButton": 1},
    "Monitoring": {"cardVisual": 1, "lineChart": 2, "tableEx": 1},
}


def test_model_report_and_exported_files_fit_together(project: Path, sample_export: Path) -> None:
    assert faults(project, sample_export) == []


def test_two_runs_give_the_same_bytes_whatever_stood_there(sample_world: World, project: Path, tmp_path: Path) -> None:
    data = read_model(project).expressions["DataFolder"].split('"')[1]
    old = tmp_path / "Engagement.Report" / "definition" / "pages" / "gone" / "page.json"
    kept = tmp_path / "Engagement.SemanticModel" / ".pbi" / "cache.abf"
    for place in (old, kept):
        place.parent.mkdir(parents=True)
        place.write_text("{}")
    write_project(sample_world.settings, tmp_path, data)
    kept.unlink()
    kept.parent.rmdir()
    assert contents(tmp_path) == contents(project)


def contents(folder: Path) -> dict[str, bytes]:
    return {place.relative_to(folder).as_posix(): place.read_bytes() for place in folder.rglob("*") if place.is_file()}


def test_every_page_has_the_visuals_that_it_is_asked_for(project: Path) -> None:
    report = read_report(project)
    found = {}
    for name in report.order:
        kinds = Counter(visual["visual"]["visualType"] for visual in report.visuals[name])
        slicers = sorted(
            visual["visual"]["syncGroup"]["groupName"]
            for visual in report.visuals[name]
            if visual["visual"]["visualType"] == "slicer"
        )
        title = report.pages[name]["displayName"]
        assert slicers == ([] if title == "Customer" else ["Country", "Date", "Segment"])
        assert kinds.pop("textbox") == 1
        kinds.pop("slicer", None)
        found[title] = dict(kinds)
    assert found == PAGES


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


def test_the_tree_explains_by_bands_and_the_lists_have_traffic_lights(project: Path) -> None:
    report = read_report(project)
    by_kind = {
        (report.pages[name]["displayName"], visual["visual"]["visualType"]): visual
        for name, visuals in report.visuals.items()
        for visual in visuals
    }
    tree = by_kind["Score breakdown", "decompositionTreeVisual"]
    explained = [projection["queryRef"] for role, projection in projections(tree) if role == "ExplainBy"]
    assert explained[:3] == ["Customers.Recency band", "Customers.Frequency band", "Customers.Monetary band"]
    for page in ("At-risk customers", "High-value customers"):
        rules = by_kind[page, "tableEx"]["visual"]["objects"]["values"]
        assert len(rules) == 4
        assert all("Conditional" in rule["properties"]["backColor"]["solid"]["color"]["expr"] for rule in rules)
    heat = by_kind["Behaviour", "pivotTable"]["visual"]["objects"]["values"]
    assert "FillRule" in heat[0]["properties"]["backColor"]["solid"]["color"]["expr"]


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
    dates = model.table("Dates")
    assert dates is not None
    assert dates.properties["dataCategory"] == "Time"


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
        for column in TABLES[table].columns():
            assert f"\t\tsourceColumn: {column}\n" in text, (table, column)


def test_settings_are_told_in_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{PREFIX}SCORING__HIGH_RISK_THRESHOLD", "0.25")
    monkeypatch.setenv(f"{PREFIX}SCORING__ACTIVITY_WINDOW_DAYS", "14")
    text = project_files(Settings(), "x")["Engagement.SemanticModel/definition/tables/Measures.tmdl"]
    assert (
        "without an order for more than 14 days, with at most 1 session in the last 14 days and a score below 0.25."
        in text
    )
    assert "'Session Days'[As of date] > LastDay - 14" in text


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
