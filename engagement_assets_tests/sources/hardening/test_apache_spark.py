"""The corpus, mutated lines and made-up tables on Apache Spark, all in one job.

Smaller: `integration/test_engine_parity.py`, in which both engines reject a made-up shop's bad rows.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from engagement_assets.engine import EngineResource
from engagement_assets_tests.sources.hardening.corpus import Outcome
from engagement_assets_tests.sources.hardening.corpus_checks import (
    SOURCES,
    check_account,
    check_column,
    check_file,
    check_line,
)
from engagement_assets_tests.sources.hardening.event_cases import EVENT_CASES, EventCase
from engagement_assets_tests.sources.hardening.file_cases import FILE_CASES, FileCase
from engagement_assets_tests.sources.hardening.mapped import read_mapped
from engagement_assets_tests.sources.hardening.spark_run import LINES, TABLES
from engagement_assets_tests.sources.hardening.table_cases import TABLE_CASES, TableCase

pytestmark = [pytest.mark.slow, pytest.mark.spark, pytest.mark.timeout(900)]

OnSpark = tuple[Outcome, dict[str, Any]]


@pytest.mark.parametrize("case", EVENT_CASES, ids=lambda case: case.name)
def test_a_line_of_events_has_the_expected_outcome_on_spark(on_spark: OnSpark, case: EventCase) -> None:
    check_line(on_spark[0], case)


@pytest.mark.parametrize("case", TABLE_CASES, ids=lambda case: f"{case.source} {case.name}")
def test_a_column_of_a_table_has_the_expected_outcome_on_spark(on_spark: OnSpark, case: TableCase) -> None:
    check_column(on_spark[0], case)


@pytest.mark.parametrize("case", FILE_CASES, ids=lambda case: case.name)
def test_a_file_has_the_expected_outcome_on_spark(on_spark: OnSpark, case: FileCase) -> None:
    check_file(on_spark[0], case)


@pytest.mark.parametrize("source", SOURCES)
def test_every_row_of_the_corpus_is_accounted_for_on_spark(on_spark: OnSpark, source: str) -> None:
    check_account(on_spark[0], source)


def test_both_engines_tell_the_same_of_every_rejected_row(embedded_outcome: Outcome, on_spark: OnSpark) -> None:
    def told(outcome: Outcome) -> list[tuple[object, ...]]:
        return sorted(
            tuple(str(row[name]) for name in ("source", "source_path", "reason", "raw", "row_date"))
            for row in outcome.tables["rejected_rows"]
        )

    assert told(on_spark[0]) == told(embedded_outcome)


def test_both_engines_read_files_by_other_names_and_spellings_alike(
    engine: EngineResource, on_spark: OnSpark, tmp_path: Path
) -> None:
    embedded = read_mapped(tmp_path, engine)
    assert json.loads(json.dumps(embedded)) == on_spark[1]["mapped"]
    kept = {source: len(rows) for source, (rows, _) in embedded["german"].items()}
    assert kept == {"customers": 1, "orders": 2, "web_events": 4, "contacts": 0}


def test_spark_judges_mutated_lines_as_strict_json_does(on_spark: OnSpark) -> None:
    found = on_spark[1]["lines"]
    assert (found["lines"], found["unaccounted"], found["wrong"]) == (LINES, 0, [])
    assert 0.3 < found["valid"] / LINES < 0.7


def test_dates_clock_times_and_texts_stay_on_their_day_on_spark(on_spark: OnSpark) -> None:
    assert on_spark[1]["zones"] == []


def test_spark_judges_made_up_tables_as_plain_python_does(on_spark: OnSpark) -> None:
    found = on_spark[1]["tables"]
    assert (found["unaccounted"], found["wrong"]) == (0, [])
    assert found["rows"] == TABLES * 12
    assert found["kept"] > 20
