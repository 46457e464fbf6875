"""What Microsoft's own validators and a DAX parser say of the project; all offline."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from engagement_assets_tests.exports.power_bi import judges
from engagement_assets_tests.exports.power_bi.reading import read_model

#: The executable of Microsoft's modeling server, if somebody has installed it: a preview, under a licence of its own.
MODELING_SERVER = "POWERBI_MODELING_SERVER"


@pytest.mark.usefixtures("node")
def test_the_report_has_no_error_and_no_warning_and_each_query_parses(project: Path) -> None:
    model = read_model(project)
    queries = {table.name: table.query for table in model.tables} | model.expressions
    assert len(queries) == len(model.tables) + 4
    # What stands behind `meta` is of the parameter's record; the parser reads both.
    reports, found = judges.validated([project / "Engagement.Report"], queries)
    assert reports == {project / "Engagement.Report": []}
    assert found == {name: [] for name in queries}


def test_each_measure_is_dax(project: Path) -> None:
    measures = read_model(project).measures()
    assert len(measures) > 40
    assert [name for _, name, dax in measures if not judges.is_dax(dax)] == []


def test_microsofts_modeling_server_loads_the_model(project: Path) -> None:
    server = os.environ.get(MODELING_SERVER)
    if not server:
        pytest.skip(f"optional: {MODELING_SERVER} names no modeling server")
    definition = project / "Engagement.SemanticModel" / "definition"
    answer = ask(server, {"operation": "ConnectFolder", "folderPath": str(definition)})
    model = read_model(project)
    assert answer["data"]["tablesLoaded"] == len(model.tables)
    assert answer["data"]["measuresLoaded"] == len(model.measures())
    assert answer["data"]["relationshipsLoaded"] == len(model.relationships)


def ask(server: str, request: dict[str, str]) -> dict[str, Any]:
    """The answer of the modeling server to one request, in its protocol (JSON-RPC over lines)."""

    def line(**message: Any) -> str:
        return json.dumps({"jsonrpc": "2.0", **message}) + "\n"

    hello = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
    call = {"name": "connection_operations", "arguments": {"request": request}}
    environment = {**os.environ, "DOTNET_SYSTEM_GLOBALIZATION_INVARIANT": "1"}
    with subprocess.Popen(
        [server, "--start", "--readonly"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment,
    ) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write(line(id=1, method="initialize", params=hello))
        process.stdin.write(line(method="notifications/initialized"))
        process.stdin.write(line(id=2, method="tools/call", params=call))
        process.stdin.flush()
        try:
            for text in process.stdout:
                answer = json.loads(text)
                if answer.get("id") == 2:
                    return dict(json.loads(answer["result"]["content"][0]["text"]))
        finally:
            process.terminate()
    raise AssertionError("the modeling server gave no answer")
