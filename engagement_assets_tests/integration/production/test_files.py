"""The files of docs/production and docs/container name things that exist."""

from __future__ import annotations

import re
import shlex
import subprocess
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
import yaml

from engagement_assets.pipeline.asset_factory import LAKE_POOL
from engagement_assets.settings import PREFIX, Settings
from engagement_assets_tests.integration.production.instance import FILES, PROJECT

CONTAINER = PROJECT / "docs" / "container"
UNITS = sorted(FILES.glob("*.service"))


def loaded(path: Path) -> dict[str, Any]:
    return dict(yaml.safe_load(path.read_text(encoding="utf-8")))


def dockerfile() -> str:
    return (CONTAINER / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")


def test_the_image_copies_files_that_exist_and_starts_a_script_among_them() -> None:
    copied = [path for line in re.findall(r"^COPY (.*)$", dockerfile(), re.MULTILINE) for path in line.split()[:-1]]
    assert "engagement_assets" in copied
    assert [path for path in copied if not (PROJECT / path).exists()] == []
    start = re.findall(r'^CMD \["(.*)"\]$', dockerfile(), re.MULTILINE)
    assert [(PROJECT / path).stat().st_mode & 0o111 != 0 for path in start] == [True]
    assert any(start[0].startswith(f"{path}/") for path in copied)


def test_the_services_of_compose_are_built_from_this_project() -> None:
    services = loaded(CONTAINER / "compose.yaml")["services"]
    build = services["engagement"]["build"]
    assert (CONTAINER / build["context"]).resolve() == PROJECT
    assert (PROJECT / build["dockerfile"]).is_file()
    assert all(port.startswith("127.0.0.1:") for port in services["engagement"]["ports"])


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_a_unit_starts_an_installed_command_with_files_of_the_project(unit: Path) -> None:
    text = unit.read_text(encoding="utf-8")
    found = re.search(r"^ExecStart=/opt/engagement/\.venv/bin/(.*)$", text, re.MULTILINE)
    assert found
    program, *arguments = shlex.split(found[1])
    assert program in {script.name for script in entry_points(group="console_scripts")}
    assert all((PROJECT / each).exists() for each in arguments if each.startswith("docs/"))
    assert "0.0.0.0" not in text
    for name in re.findall(r"engagement-\w+\.service|engagement\.target", text):
        assert (FILES / name).is_file()


def test_the_script_starts_what_the_units_start() -> None:
    script = (FILES / "start.sh").read_text(encoding="utf-8")
    for unit in UNITS:
        command = re.findall(r"^ExecStart=/opt/engagement/\.venv/bin/(\S+ \S+)", unit.read_text(), re.MULTILINE)[0]
        assert command.replace(" ", '" ', 1).replace(" --host", "") in script
        for variable in re.findall(r"^Environment=(.*)$", unit.read_text(), re.MULTILINE):
            assert variable in script
    subprocess.run(["bash", "-n", str(FILES / "start.sh")], check=True)


def test_the_environment_file_sets_what_is_a_setting() -> None:
    lines = (FILES / "engagement.env").read_text(encoding="utf-8").splitlines()
    names = [line.lstrip("#").split("=")[0] for line in lines if re.match(r"#?[A-Z_]+=", line)]
    assert {"DAGSTER_HOME", "DAGSTER_POSTGRES_URL"} < set(names)
    own = [name.removeprefix(PREFIX).lower() for name in names if name.startswith(PREFIX)]
    assert own
    assert set(own) <= set(Settings.model_fields)


def test_the_instance_names_the_pool_of_the_assets() -> None:
    assert LAKE_POOL in (FILES / "dagster.yaml").read_text(encoding="utf-8")
    assert loaded(FILES / "dagster.yaml")["concurrency"]["pools"] == {"granularity": "run", "default_limit": 1}
