"""Mutated lines, made-up tables and days of clock changes on the embedded engine, against plain Python.

The full size: `python -m engagement_assets_tests.sources.hardening.fuzz --lines 1000000` (with `--engine 'local[2]'` on
Apache Spark); `python -m engagement_assets_tests.sources.hardening.zones` for every time zone.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engagement_assets.engine import EngineResource
from engagement_assets_tests.sources.hardening import fuzz, made_up, zones

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


def test_dates_clock_times_and_texts_stay_on_their_day_whatever_the_clocks_do(tmp_path: Path) -> None:
    with EngineResource() as engine:  # of its own: the time zone of its session changes
        assert zones.compare(engine.spark_session, tmp_path, zones.some(seed=1, number=3), most_days=16) == []


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(seed=st.integers(0, 2**32))
def test_made_up_tables_are_judged_as_plain_python_does(
    tmp_path_factory: pytest.TempPathFactory, engine: EngineResource, seed: int
) -> None:
    found = made_up.compare(engine.spark_session, tmp_path_factory.mktemp("tables"), seed, TABLES)
    assert found.different == []
    assert found.unaccounted == 0
