"""The project of the sample data's export, and the validators that need Node."""

from __future__ import annotations

from pathlib import Path

import pytest

from engagement_assets.dashboard.warehouse import Warehouse
from engagement_assets.exports.power_bi.project import write_project
from engagement_assets_tests.conftest import missing
from engagement_assets_tests.exports.power_bi import judges
from engagement_assets_tests.worlds import World


@pytest.fixture(scope="session")
def project(sample_world: World, sample_export: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the generated project; tests read it and do not write."""
    folder = tmp_path_factory.mktemp("power_bi")
    return write_project(sample_world.settings, folder, str(sample_export)).folder


@pytest.fixture(scope="session")
def node() -> None:
    """Node and the validators' packages."""
    absent = judges.absent()
    if absent:
        missing(absent)


@pytest.fixture(scope="module")
def warehouse(sample_world: World) -> Warehouse:
    """What the dashboard asks."""
    return Warehouse(sample_world.settings)
