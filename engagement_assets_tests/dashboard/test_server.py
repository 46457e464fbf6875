"""The server and its warehouse: loopback, a taken port, snapshots that appear while it runs."""

from __future__ import annotations

import socket
import stat
from pathlib import Path

import duckdb
import pytest
from typer.testing import CliRunner

from engagement_assets.cli.app import app as command_line
from engagement_assets.dashboard.app import build_app
from engagement_assets.dashboard.questions import key_figures
from engagement_assets.dashboard.server import PortTakenError, open_server
from engagement_assets.dashboard.theme import GRAPH_CONFIG, chart, figure
from engagement_assets.dashboard.warehouse import Warehouse
from engagement_assets.domain.contracts import EngagementScores
from engagement_assets.settings import Settings
from engagement_assets_tests.dashboard.lakes import copied
from engagement_assets_tests.worlds import World

NONE: tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]] = ((), (), ())


def test_a_new_snapshot_shows_up_without_a_restart(sample_world: World, tmp_path: Path) -> None:
    lake = copied(sample_world.lake, tmp_path, ["2026-06-29"])
    warehouse = Warehouse(Settings(lake=lake.root))
    assert warehouse.catalogue().latest == "2026-06-29"
    before = key_figures(warehouse, "2026-06-29", NONE)
    copied(sample_world.lake, tmp_path, ["2026-06-30"], name="later")
    assert warehouse.catalogue().days == ("2026-06-29", "2026-06-30")
    assert key_figures(warehouse, "2026-06-29", NONE) == before
    assert key_figures(warehouse, "2026-06-30", NONE)["customers"] == len(
        sample_world.rows("engagement_scores", "2026-06-30")
    )


def test_files_written_but_not_committed_are_not_seen(sample_world: World, tmp_path: Path) -> None:
    lake = copied(sample_world.lake, tmp_path, ["2026-06-29"])
    warehouse = Warehouse(Settings(lake=lake.root))
    before = key_figures(warehouse, "2026-06-29", NONE)
    staged = Path(lake.path(EngagementScores), "data", "half", "partition=2026-06-29", "rows.parquet")
    staged.parent.mkdir(parents=True)
    staged.write_bytes(b"PAR1 not finished")
    assert key_figures(warehouse, "2026-06-29", NONE) == before


def test_reading_leaves_the_lake_as_it_was(sample_world: World, tmp_path: Path) -> None:
    lake = copied(sample_world.lake, tmp_path, ["2026-06-29"])

    def listing() -> dict[Path, int]:
        return {path: path.stat().st_mtime_ns for path in Path(lake.root).rglob("*")}

    before = listing()
    client = build_app(Settings(lake=lake.root)).server.test_client()
    assert client.get("/export/customers.csv").text.count("\n") > 100
    assert listing() == before


def test_questions_reach_the_lake_and_nothing_else(sample_world: World, tmp_path: Path) -> None:
    # A table that is too large for one disk is a link to another one.
    place = tmp_path / "it's a lake"
    place.mkdir()
    lake = copied(sample_world.lake, place, ["2026-06-30"])
    table, elsewhere = Path(lake.path(EngagementScores)), tmp_path / "elsewhere"
    table.rename(elsewhere)
    table.symlink_to(elsewhere)
    (tmp_path / "secret.csv").write_text("secret\n", encoding="utf-8")
    warehouse = Warehouse(Settings(lake=lake.root))
    assert key_figures(warehouse, "2026-06-30", NONE)["customers"] == 600
    for question in (
        f"SELECT * FROM read_text('{tmp_path}/secret.csv')",
        f"SELECT * FROM read_csv('{tmp_path}/elsewhere/../secret.csv')",
        f"SELECT * FROM glob('{tmp_path}/*')",
        f"SELECT * FROM '{tmp_path}/secret.csv'",
        f"COPY (SELECT 1) TO '{tmp_path}/out.csv'",
        f"ATTACH '{tmp_path}/out.db'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SELECT * FROM read_parquet('https://192.0.2.1/x.parquet')",
    ):
        with pytest.raises(duckdb.PermissionException):
            warehouse.rows(question)
    for setting in ("memory_limit = '9GB'", "enable_external_access = true", "lock_configuration = false"):
        with pytest.raises(duckdb.InvalidInputException, match="locked"):
            warehouse.rows(f"SET {setting}")
    assert not (tmp_path / "out.csv").exists()


def test_rows_that_do_not_fit_into_memory_go_to_a_folder_of_the_owner(tmp_path: Path) -> None:
    warehouse = Warehouse(Settings(lake=str(tmp_path)))
    (folder,) = warehouse.rows("SELECT current_setting('temp_directory') AS name")
    assert stat.S_IMODE(Path(folder["name"]).parent.stat().st_mode) == 0o700


def test_a_question_that_fails_is_not_waited_for(tmp_path: Path) -> None:
    warehouse = Warehouse(Settings(lake=str(tmp_path)))

    def fail() -> None:
        raise ArithmeticError

    for number in range(3):
        with pytest.raises(ArithmeticError):
            warehouse.answer(number, fail)
    assert warehouse.answer(0, lambda: "now") == "now"
    assert not warehouse._pending


def test_a_lake_that_appears_later_is_found(sample_world: World, tmp_path: Path) -> None:
    warehouse = Warehouse(Settings(lake=str(tmp_path / "lake")))
    assert warehouse.catalogue().latest is None
    copied(sample_world.lake, tmp_path, ["2026-06-30"])
    assert warehouse.catalogue().latest == "2026-06-30"


def test_a_taken_port_is_said_in_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(PortTakenError, match=f"port {port} is in use .* --port {port + 1}"):
            open_server(Settings(lake=str(tmp_path)), port)
        monkeypatch.setenv("ENGAGEMENT_LAKE", str(tmp_path))
        result = CliRunner().invoke(command_line, ["dashboard", "--port", str(port)])
    assert result.exit_code == 1


def test_the_server_listens_on_loopback_only(tmp_path: Path) -> None:
    server = open_server(Settings(lake=str(tmp_path)), 0)
    try:
        assert server.socket.getsockname()[0] == "127.0.0.1"
    finally:
        server.close()
        server.task_dispatcher.shutdown()


def test_the_page_names_no_other_host(tmp_path: Path) -> None:
    answer = build_app(Settings(lake=str(tmp_path))).server.test_client().get("/")
    assert 'src="http' not in answer.text
    assert 'href="http' not in answer.text
    assert '<html lang="en"' in answer.text


def test_no_chart_offers_to_send_itself_anywhere() -> None:
    (graph,) = chart(figure(), "empty").children
    assert graph.config is GRAPH_CONFIG
    assert GRAPH_CONFIG["showSendToCloud"] is False
    assert GRAPH_CONFIG["plotlyServerURL"] == ""
    assert GRAPH_CONFIG["displaylogo"] is False
