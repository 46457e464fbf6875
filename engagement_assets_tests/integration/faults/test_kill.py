"""kill -9 of writers and of whole runs. The full size: python -m engagement_assets_tests.integration.faults.kill --kills 200."""

from __future__ import annotations

from pathlib import Path

from engagement_assets_tests.integration.faults import writers
from engagement_assets_tests.integration.faults.kill import rehearse


def test_killed_writers_and_runs_leave_whole_versions_and_nothing_to_clean_by_hand(tmp_path: Path) -> None:
    with writers.quiet():
        figures = rehearse(tmp_path, kills=6, runs=1, seed=3)
    assert (figures.torn, figures.failed, figures.rows_lost) == ([], [], 0)
    # Fewer than asked for, if a run was over before its kill came.
    assert figures.survived == figures.kills >= 5
    assert figures.reads > 20
    assert figures.leftovers_removed > 0
