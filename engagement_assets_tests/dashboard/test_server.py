"""The server and its warehouse: loopback, a taken port, snapshots that appear while it runs."""

from __future__ import annotations

import socket
from pathlib import Path

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


def test_answers_forbid_other_hosts(tmp_path: Path) -> None:
    answer = build_app(Settings(lake=str(tmp_path))).server.test_client().get("/")
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "http" not in policy
    assert 'src="http' not in answer.text
    assert 'href="http' not in answer.text
    assert '<html lang="en"' in answer.text


def test_no_chart_offers_to_send_itself_anywhere() -> None:
    graph = chart(figure(), "empty").children
    assert graph.config is GRAPH_CONFIG
    assert GRAPH_CONFIG["showSendToCloud"] is False
    assert GRAPH_CONFIG["plotlyServerURL"] == ""
    assert GRAPH_CONFIG["displaylogo"] is False
