"""Every page in a browser: it loads, says what the tables say, and its controls, links and downloads work."""

from __future__ import annotations

import pytest

from engagement_assets_tests.browser.conftest import Visit
from engagement_assets_tests.worlds import World

pytestmark = pytest.mark.browser


def test_the_overview_shows_the_figures_of_the_latest_snapshot(visit: Visit, sample_world: World) -> None:
    rows = sample_world.rows("engagement_scores", "2026-06-30")
    visit.open("/")
    cards = visit.text("overview-cards")
    assert f"Total customers {len(rows):,}" in cards
    assert f"Average score {sum(row['engagement_score'] for row in rows) / len(rows):.3f}" in cards
    assert "Data as of 2026-06-30" in visit.text("status")
