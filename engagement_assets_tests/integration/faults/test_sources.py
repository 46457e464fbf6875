"""Faults of sources in random order. The full size: python -m engagement_assets_tests.integration.faults.sources --faults 100."""

from __future__ import annotations

from pathlib import Path

import pytest

from engagement_assets_tests.integration.faults.sources import FACTS, rehearse


@pytest.mark.slow  # smaller: sources/test_guard.py, fault by fault
def test_sources_that_vanish_and_return_empty_nothing_that_is_published(tmp_path: Path) -> None:
    figures = rehearse(tmp_path, faults=3, seed=4, tables=FACTS)
    assert (figures.wrong, figures.without_a_way_out) == ([], [])
    assert sum(figures.faults.values()) == 3
    assert figures.stopped >= 1
    assert figures.succeeded >= 1
