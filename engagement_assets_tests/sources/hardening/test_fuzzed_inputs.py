"""Mutated lines and made-up tables on the embedded engine, against Python's strict `json` and plain Python.

The full size: `python -m engagement_assets_tests.sources.hardening.fuzz --lines 1000000` (with `--engine 'local[2]'` on
Apache Spark).
"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engagement_assets.engine import EngineResource
from engagement_assets_tests.sources.hardening import fuzz, made_up

LINES = 20_000
TABLES = 8


def test_20_000_mutated_lines_are_judged_as_strict_json_does(tmp_path: Path, engine: EngineResource) -> None:
    found = fuzz.compare(engine.spark_session, tmp_path, LINES, seed=1)
    assert found.false_accepts == []
    assert found.lost == []
    assert found.different == []
    assert (found.lines, found.unaccounted) == (LINES, 0)
    # Good and bad lines in fair shares, and every verdict that a line can have by itself.
    assert 0.3 < found.valid / LINES < 0.7
    assert set(found.verdicts) == {
        "kept",
        "blank",
        "malformed_json",
        "missing_customer_id",
        "missing_date",
        "wrong_type",
        "outside_observation_window",
    }


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(seed=st.integers(0, 2**32))
def test_made_up_tables_are_judged_as_plain_python_does(
    tmp_path_factory: pytest.TempPathFactory, engine: EngineResource, seed: int
) -> None:
    found = made_up.compare(engine.spark_session, tmp_path_factory.mktemp("tables"), seed, TABLES)
    assert found.different == []
    assert found.unaccounted == 0
