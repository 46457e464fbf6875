"""How processes share the tests (`make test`): file by file, the long ones first, what uses one Java or browser together."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from xdist.scheduler import LoadGroupScheduling

#: Files that take long, the longest first: begun last, one of them would leave the other processes without work.
LONG_FILES = (
    "integration/test_engine_parity.py",
    "dashboard/test_figures.py",  # makes the sample world, for which others would wait
    "integration/test_invariants.py",
    "integration/test_dagster_ui.py",
    "integration/production/test_instance.py",
    "browser/test_pages.py",
    "operations/test_erasure.py",
    "integration/faults/test_worker_loss.py",
    "integration/faults/test_two_runs.py",
    "integration/test_real_orders.py",
    "integration/test_duckdb_way.py",
    "integration/test_object_store.py",
    "cli/test_console.py",
    "integration/test_hand_worked_snapshots.py",
    "sources/test_mapping.py",
    "sources/test_guard.py",
    "cli/test_cli.py",
    "pipeline/checks/test_publication.py",
    "operations/test_refresh.py",
    "integration/test_more_files.py",
    "integration/faults/test_kill.py",
    "lake/test_upgrades.py",
    "pipeline/test_automation.py",
)

#: Fixtures that cost more than the tests that use them: all of these are run by one process.
SHARED_FIXTURES = ("apache_spark", "playwright")

_HERE = Path(__file__).parent


def keep_together(items: Sequence[pytest.Item]) -> None:
    """Put the tests that use one of the shared fixtures into a group of its name."""
    for item in items:
        for name in SHARED_FIXTURES:
            if name in getattr(item, "fixturenames", ()):
                item.add_marker(pytest.mark.xdist_group(name))


def long_files_first(items: Sequence[pytest.Item]) -> list[pytest.Item]:
    """The tests with those of long files first; the order within a file, and of the others, stays."""
    places = {_HERE / name: place for place, name in enumerate(LONG_FILES)}
    return sorted(items, key=lambda item: places.get(item.path, len(places)))


class Scheduling(LoadGroupScheduling):
    """A group to a process, and a file to a process where a test is in no group; in the order of `long_files_first`."""

    def _split_scope(self, nodeid: str) -> str:
        group = super()._split_scope(nodeid)
        return nodeid.split("::")[0] if group == nodeid else group
