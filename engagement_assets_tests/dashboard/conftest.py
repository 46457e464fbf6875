"""The warehouse over the sample data, for questions asked without a browser."""

from __future__ import annotations

import pytest

from engagement_assets.dashboard.warehouse import Warehouse
from engagement_assets_tests.worlds import World


@pytest.fixture(scope="session")
def warehouse(sample_world: World) -> Warehouse:
    """The tables of the sample data."""
    return Warehouse(sample_world.settings)
