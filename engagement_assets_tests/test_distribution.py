"""What `make test` prints and how it shares the work: tests of the test run itself."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from engagement_assets_tests import PROJECT
from engagement_assets_tests.distribution import LONG_FILES
from engagement_assets_tests.servers import fresh_environment

HERE = Path(__file__).parent


def test_every_long_file_is_there() -> None:
    assert [name for name in LONG_FILES if not (HERE / name).exists()] == []


def test_the_output_ends_with_the_summary(tmp_path: Path) -> None:
    """Of the process that shares the tests and of one that runs them: at its end, DuckDB's module reports what is left over."""
    command = [sys.executable, "-m", "pytest", "-n", "1", "--dist", "loadgroup", "-p", "no:cacheprovider"]
    ran = subprocess.run(
        [*command, str(HERE / "domain" / "test_days.py")],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=PROJECT,
        env={**fresh_environment(), "PYTEST_DEBUG_TEMPROOT": str(tmp_path)},
        check=False,
    )
    assert "leaked" not in ran.stdout
    assert " passed in " in ran.stdout.rstrip().splitlines()[-1]
