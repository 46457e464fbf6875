"""The corpus of bad inputs, case by case, on the embedded engine, in one run of the whole job."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from engagement_assets.engine import EngineResource
from engagement_assets_tests.sources.hardening import strict
from engagement_assets_tests.sources.hardening.corpus import DAY, OPTIONS, START, Outcome, read_sources
from engagement_assets_tests.sources.hardening.corpus_checks import (
    SOURCES,
    check_account,
    check_column,
    check_file,
    check_line,
)
from engagement_assets_tests.sources.hardening.event_cases import EVENT_CASES, EventCase
from engagement_assets_tests.sources.hardening.file_cases import FILE_CASES, FileCase
from engagement_assets_tests.sources.hardening.table_cases import TABLE_CASES, TableCase
from engagement_assets_tests.worlds import World


@pytest.mark.parametrize("case", EVENT_CASES, ids=lambda case: case.name)
def test_a_line_of_events_has_the_expected_outcome(embedded_outcome: Outcome, case: EventCase) -> None:
    check_line(embedded_outcome, case)


@pytest.mark.parametrize("case", TABLE_CASES, ids=lambda case: f"{case.source} {case.name}")
def test_a_column_of_a_table_has_the_expected_outcome(embedded_outcome: Outcome, case: TableCase) -> None:
    check_column(embedded_outcome, case)


@pytest.mark.parametrize("case", FILE_CASES, ids=lambda case: case.name)
def test_a_file_has_the_expected_outcome(embedded_outcome: Outcome, case: FileCase) -> None:
    check_file(embedded_outcome, case)


@pytest.mark.parametrize("source", SOURCES)
def test_every_row_of_the_corpus_is_accounted_for(embedded_outcome: Outcome, source: str) -> None:
    check_account(embedded_outcome, source)


def test_the_judge_of_mutated_lines_agrees_with_the_corpus() -> None:
    """Two expectations of the same lines, one written by hand, one computed."""
    for case in EVENT_CASES:
        verdict, event = strict.judge_line(case.line, START, date(2026, 1, 1))
        if case.outcome == "unknown_customer":
            continue
        assert verdict == case.outcome, case.name
        if event is not None:
            expected = (case.customer_id, case.event_id, case.event_type, case.time)
            assert (event.customer_id, event.event_id, event.event_type, event.event_time) == expected, case.name


def test_a_data_folder_with_patterns_in_its_name_is_read(tmp_path: Path, engine: EngineResource) -> None:
    data = tmp_path / "raw [old] {2025}*"
    world = World(tmp_path, options={**OPTIONS, "data": str(data)})
    (data / "customers").mkdir(parents=True)
    World(tmp_path / "elsewhere").customers([{"customer_id": "c1"}])
    (tmp_path / "elsewhere" / "raw" / "customers" / "customers.parquet").rename(data / "customers" / "c.parquet")
    read_sources(world)
    assert [row["customer_id"] for row in world.rows("raw_customers", DAY)] == ["c1"]
