"""What an analyst changed or added in the project stays; the product's own is written beside it, and it is said."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from engagement_assets.exports.power_bi.project import Project, write_project
from engagement_assets.settings import Settings
from engagement_assets_tests.exports.power_bi.reading import read_model, read_report

DEFINITION = Path("Engagement.Report/definition")
TABLES = Path("Engagement.SemanticModel/definition/tables")
EXPRESSIONS = Path("Engagement.SemanticModel/definition/expressions.tmdl")

#: Other settings, under which both model and report are written differently.
LATER = Settings(scoring={"high_risk_threshold": 0.25})


def snapshot(folder: Path) -> dict[str, bytes]:
    return {
        place.relative_to(folder).as_posix(): place.read_bytes()
        for place in folder.rglob("*")
        if place.is_file() and "generated" not in place.parts and place.name != ".written.json"
    }


def some_visual(folder: Path) -> Path:
    return min(folder.glob(f"{DEFINITION}/pages/*/visuals/*/visual.json"))


def add_a_page(folder: Path) -> None:
    first = min((folder / DEFINITION / "pages").glob("*/"))
    shutil.copytree(first, first.with_name("mine"))
    pages = folder / DEFINITION / "pages" / "pages.json"
    told = json.loads(pages.read_text())
    pages.write_text(json.dumps({**told, "pageOrder": [*told["pageOrder"], "mine"]}))


def add_a_file(folder: Path) -> None:
    (folder / DEFINITION / "bookmarks").mkdir()
    (folder / DEFINITION / "bookmarks" / "bookmarks.json").write_text("{}")


@pytest.mark.parametrize(
    "work",
    [
        add_a_page,
        add_a_file,
        lambda folder: some_visual(folder).write_text("{}"),
        lambda folder: shutil.rmtree(some_visual(folder).parent),
    ],
    ids=["a_page_added", "a_file_added", "a_visual_changed", "a_visual_deleted"],
)
def test_a_report_that_somebody_worked_on_stays_and_the_model_follows(
    tmp_path: Path, work: Callable[[Path], None]
) -> None:
    write_project(Settings(), tmp_path, "data")
    work(tmp_path)
    before = snapshot(tmp_path / "Engagement.Report")
    for _ in range(2):
        written = write_project(LATER, tmp_path, "data")
        assert snapshot(tmp_path / "Engagement.Report") == before
        assert len(written.left_alone) == 1
        assert str(tmp_path / "Engagement.Report") in written.left_alone[0]
        # The model is the product's still, and the whole project stands beside.
        assert "a score below 0.25" in (tmp_path / TABLES / "Measures.tmdl").read_text(encoding="utf-8")
        assert written.entry == tmp_path / "generated" / "Engagement.pbip"
        assert len(read_report(written.folder).pages) == written.pages
    # Work on what stands beside stays too.
    some_visual(tmp_path / "generated").write_text("{}")
    assert write_project(Settings(), tmp_path, "data").folder == tmp_path / "generated2"
    assert some_visual(tmp_path / "generated").read_text() == "{}"


def test_a_model_that_somebody_worked_on_stays_and_so_does_the_report(tmp_path: Path) -> None:
    write_project(Settings(), tmp_path, "data")
    orders = tmp_path / TABLES / "Orders.tmdl"
    orders.write_text(orders.read_text(encoding="utf-8") + "\n\tmeasure Mine = 1\n", encoding="utf-8")
    before = snapshot(tmp_path)
    written = write_project(LATER, tmp_path, "data")
    assert snapshot(tmp_path) == before
    assert [str(tmp_path / "Engagement.SemanticModel") in what for what in written.left_alone] == [True]
    assert "a score below 0.25" in (written.folder / TABLES / "Measures.tmdl").read_text(encoding="utf-8")
    # Put back as it was, it is the product's again.
    orders.write_text(orders.read_text(encoding="utf-8").replace("\n\tmeasure Mine = 1\n", ""), encoding="utf-8")
    assert write_project(LATER, tmp_path, "data").left_alone == ()


def test_the_folder_that_somebody_set_stays_and_is_no_change(tmp_path: Path) -> None:
    def folder_and_format(written: Project) -> list[str]:
        expressions = read_model(written.folder).expressions
        return [expressions[name].split('"')[1] for name in ("DataFolder", "FileFormat")]

    assert folder_and_format(write_project(Settings(), tmp_path, "first")) == ["first", "csv"]
    place = tmp_path / EXPRESSIONS
    text = (
        place.read_text(encoding="utf-8")
        .replace('= "first"', '= "D:\\theirs"')
        .replace('Format = "csv"', 'Format = "parquet"')
    )
    place.write_text(text.replace("\n", "\r\n"), encoding="utf-8", newline="")
    for settings in (LATER, Settings()):
        written = write_project(settings, tmp_path)
        assert (written.left_alone, written.folder) == ((), tmp_path)
        assert folder_and_format(written) == ["D:\\theirs", "parquet"]
    assert folder_and_format(write_project(Settings(), tmp_path, "asked for")) == ["asked for", "parquet"]
    assert folder_and_format(write_project(LATER, tmp_path)) == ["asked for", "parquet"]


def test_a_new_setting_of_the_folder_is_followed(tmp_path: Path) -> None:
    write_project(Settings(), tmp_path, "by the command")
    # Of two decisions the later counts: the setting is new.
    for folder in ("one", "two"):
        written = write_project(Settings(power_bi_data=folder), tmp_path)
        assert read_model(written.folder).expressions["DataFolder"].startswith(f'"{folder}" meta')


def test_a_project_of_a_release_that_kept_no_record_is_left_alone(tmp_path: Path) -> None:
    write_project(LATER, tmp_path, "data")
    (tmp_path / ".written.json").unlink()
    before = snapshot(tmp_path)
    written = write_project(Settings(), tmp_path, "data")
    assert snapshot(tmp_path) == before
    assert written.folder == tmp_path / "generated"
    # What it would write anyway, it takes for its own.
    assert write_project(LATER, tmp_path, "data").left_alone == ()
