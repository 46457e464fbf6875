"""How processes share the tests (`make test`): file by file, the long ones first, those on Apache Spark in one process."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling

#: Files that take long, the longest first: begun last, one of them would leave the other processes without work.
LONG_FILES = (
    "integration/test_engine_parity.py",
    "integration/test_dagster_ui.py",
    "dashboard/test_figures.py",  # makes the sample world, for which others would wait
    "integration/test_invariants.py",
    "production/test_instance.py",
    "integration/test_object_store.py",
    "integration/test_hand_worked_snapshots.py",
    "test_refresh.py",
    "test_cli.py",
    "browser/test_pages.py",
    "browser/test_states.py",  # beside the other, with which it shares a server
    "checks/test_publication.py",
    "faults/test_worker_loss.py",
    "faults/test_two_runs.py",
    "integration/test_more_files.py",
    "integration/test_real_orders.py",
    "integration/test_duckdb_way.py",
    "privacy/test_forget.py",
    "faults/test_kill.py",
    "resources/test_upgrades.py",
    "hardening/test_unsteady_files.py",
    "test_automation.py",
)

#: Tests that use the fixture `apache_spark`, by the beginnings of their names.
ON_APACHE_SPARK = (
    "integration/test_engine_parity.py",
    "hardening/test_apache_spark.py",
    "resources/test_upgrades.py::test_apache_spark",
    "resources/test_engine.py::test_apache_spark",
    "resources/test_tables.py::test_apache_spark",
)

_HERE = Path(__file__).parent


def long_files_first(items: Sequence[pytest.Item]) -> list[pytest.Item]:
    """The tests with those of long files first; the order within a file, and of the others, stays."""
    places = {name: place for place, name in enumerate(LONG_FILES)}
    return sorted(items, key=lambda item: places.get(item.path.relative_to(_HERE).as_posix(), len(places)))


class Scheduling(LoadFileScheduling):
    """A file to a process, and all that want Apache Spark to one, so that it is started once."""

    def __init__(self, config: pytest.Config, log: Any = None) -> None:
        config.option.loadscopereorder = False  # the order of the tests is that of `long_files_first`
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        name = nodeid.removeprefix(f"{_HERE.name}/")
        return "Apache Spark" if name.startswith(ON_APACHE_SPARK) else str(super()._split_scope(nodeid))
