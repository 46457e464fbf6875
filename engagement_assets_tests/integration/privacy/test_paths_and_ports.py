"""Nothing that is typed or named becomes a path by itself, and nothing listens beyond this machine."""

from __future__ import annotations

import contextlib
import inspect
import re
import socket
import struct
from pathlib import Path

import pytest
from typer.testing import CliRunner

from engagement_assets.cli.app import app
from engagement_assets.cli.machine import dashboard
from engagement_assets.domain.days import as_date
from engagement_assets.engine import EngineResource
from engagement_assets.exports.csv_files import export_csv
from engagement_assets.operations.erasure import UnknownCustomerError, forget
from engagement_assets_tests import PROJECT
from engagement_assets_tests.worlds import World

HOSTILE = [
    "../../x",
    "2025-03-01/../../x",
    "2025-03-01\x00",
    " 2025-03-01",
    "20250301",
    "2025-W09-6",
    "%2e%2e",
    "",
    "٢٠٢٥-٠٣-٠١",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_only_a_plain_date_is_a_date(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - its text differs with what is wrong
        as_date(text)


def everything(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if "home" not in path.parts}


@pytest.mark.parametrize("text", HOSTILE[:4])
def test_a_hostile_partition_key_or_date_makes_no_file(world: World, text: str) -> None:
    before = everything(world.root.parent)
    with pytest.raises(Exception, match=r".+"):
        world.run(text)
    with pytest.raises((ValueError, LookupError)):
        export_csv(world.lake, world.settings, as_of_date=text)
    assert everything(world.root.parent) - before <= {Path(world.settings.lake), Path(world.settings.lake, ".locks")}


def test_a_customer_id_is_no_path(world: World) -> None:
    before = everything(world.root.parent)
    with pytest.raises(UnknownCustomerError):
        forget(world.settings, world.lake, "../../../x")
    made = everything(world.root.parent) - before
    assert all(path.is_relative_to(world.settings.lake) for path in made)
    assert not [path for path in made if path.name == "x"]


@pytest.mark.parametrize(
    "arguments", [["show", "../raw_customers"], ["show", "raw_customers/../x"], ["forget", " ", "--yes"]]
)
def test_a_hostile_name_on_the_command_line_is_refused(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 2
    assert list(tmp_path.iterdir()) == []


def test_no_module_of_the_product_unpickles() -> None:
    sources = [path.read_text(encoding="utf-8") for path in (PROJECT / "engagement_assets").rglob("*.py")]
    assert len(sources) > 40
    assert not [
        text for text in sources if re.search(r"\b(pickle|cloudpickle|joblib|marshal|shelve|eval|exec)\b\s*[.(]", text)
    ]


def listening() -> set[str]:
    """The addresses on which this process accepts connections."""
    own = set()
    for handle in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):  # the one that lists the folder is gone by now
            own.add(str(handle.readlink()))
    found = set()
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, _, state, *rest = line.split()
        if state == "0A" and f"socket:[{rest[5]}]" in own:
            found.add(socket.inet_ntoa(struct.pack("<I", int(local.split(":")[0], 16))))
    return found


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="Linux tells which sockets listen")
def test_nothing_of_this_process_listens_while_the_embedded_engine_computes(engine: EngineResource) -> None:
    assert engine.spark_session.range(1).count() == 1
    assert listening() == set()


def test_servers_listen_on_loopback_unless_asked_otherwise() -> None:
    assert inspect.signature(dashboard).parameters["host"].default == "127.0.0.1"
    makefile = (PROJECT / "Makefile").read_text(encoding="utf-8")
    assert re.findall(r"dagster dev .*--host (\S+)", makefile) == ["127.0.0.1"]
