"""The corpus of bad inputs, case by case, on the embedded engine and on Apache Spark; one run on each."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from engagement_assets.resources.engine import EngineResource
from engagement_assets_tests.hardening import strict
from engagement_assets_tests.hardening.corpus import (
    DAY,
    OPTIONS,
    START,
    Outcome,
    expected_rows,
    is_passed_over,
    marked_column,
    marker,
    write_corpus,
)
from engagement_assets_tests.hardening.event_cases import EVENT_CASES, EventCase
from engagement_assets_tests.hardening.file_cases import FILE_CASES, FileCase
from engagement_assets_tests.hardening.spark_run import run_on_spark
from engagement_assets_tests.hardening.table_cases import TABLE_CASES, Reject, TableCase
from engagement_assets_tests.worlds import World

ENGINES = ["embedded", pytest.param("spark", marks=[pytest.mark.spark, pytest.mark.timeout(480)])]

on_both_engines = pytest.mark.parametrize("outcome", ENGINES, indirect=True)


@pytest.fixture(scope="module")
def embedded_outcome(tmp_path_factory: pytest.TempPathFactory, engine: EngineResource) -> Outcome:
    """What the embedded engine made of the corpus."""
    world = World(tmp_path_factory.mktemp("embedded"), options=dict(OPTIONS))
    write_corpus(world)
    world.run(DAY)
    return Outcome(world)


@pytest.fixture(scope="module")
def spark_outcome(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """What Apache Spark made of the corpus."""
    world = World(tmp_path_factory.mktemp("spark"), options=dict(OPTIONS))
    write_corpus(world)
    run_on_spark(world, DAY)
    return Outcome(world)


@pytest.fixture
def outcome(request: pytest.FixtureRequest) -> Outcome:
    """What one engine made of the corpus; the engine runs when the first test asks for it."""
    found: Outcome = request.getfixturevalue(f"{request.param}_outcome")
    return found


@on_both_engines
@pytest.mark.parametrize("case", EVENT_CASES, ids=lambda case: case.name)
def test_a_line_of_events_has_the_expected_outcome(outcome: Outcome, case: EventCase) -> None:
    read = case.line.decode("utf-8", "replace")
    read = read if case.line == read.encode() else "\ufffd" + read
    if case.outcome == "unknown_customer":  # known too late for the line to be at hand: told by its values
        read = next(raw for raw in outcome.rejected_lines if '"customer_id":"nobody"' in raw)
    expected = [] if case.outcome in ("kept", "blank") else [case.outcome]
    assert outcome.rejected_lines.get(read, []) == expected
    if case.outcome == "kept":
        key = ("event_id", case.event_id) if case.event_id is not None else ("event_type", case.event_type)
        (row,) = outcome.kept("web_events", *key)
        assert (row["customer_id"], row["event_id"], row["event_type"]) == (
            case.customer_id,
            case.event_id,
            case.event_type,
        )
        assert row["event_time"] == case.time


@on_both_engines
@pytest.mark.parametrize("case", TABLE_CASES, ids=lambda case: f"{case.source} {case.name}")
def test_a_column_of_a_table_has_the_expected_outcome(outcome: Outcome, case: TableCase) -> None:
    for number, expected in enumerate(case.outcomes):
        key = (marked_column(case), marker(case, number))
        rows = outcome.kept(case.source, *key)
        reasons = outcome.rejected_rows.get((case.source, *key), [])
        if isinstance(expected, Reject):
            assert (reasons, rows) == ([expected.reason], []), (number, case.values[number])
        else:
            assert reasons == [], (number, case.values[number])
            assert [row[case.column] for row in rows] == [expected], (number, case.values[number])


@on_both_engines
@pytest.mark.parametrize("case", FILE_CASES, ids=lambda case: case.name)
def test_a_file_has_the_expected_outcome(outcome: Outcome, case: FileCase) -> None:
    key = "event_id" if case.source == "web_events" else "order_id"
    ids = {f"{case.name} {n}" for n in range(case.rows - case.blank)}
    kept = {row[key] for row in outcome.tables[f"raw_{case.source}"]} & ids
    why = outcome.unreadable.get(f"{case.source}/{case.path}")
    if case.outcome == "kept":
        assert (kept, why) == (ids, None)
    elif is_passed_over(case):
        assert (kept, why) == (set(), None)
    else:
        assert kept == set()
        assert why is not None
        assert case.outcome in why


@on_both_engines
@pytest.mark.parametrize("source", ["customers", "orders", "web_events"])
def test_every_row_of_the_corpus_is_accounted_for(outcome: Outcome, source: str) -> None:
    expected = expected_rows(source)
    rejected = [row for row in outcome.tables["rejected_rows"] if row["source"] == source]
    assert sum(row["reason"] == "unreadable_file" for row in rejected) == expected["unreadable"]
    kept = len(outcome.tables[f"raw_{source}"])
    if source == "customers":
        on_the_day = [row for row in outcome.tables["raw_customers"] if str(row["as_of_date"]) == DAY]
        good = {case.customer_id for case in EVENT_CASES if case.outcome == "kept"} | {"c1"}
        good |= {marker(c, n) for c in TABLE_CASES if c.column == "order_id" for n in range(len(c.values))}
        assert len(on_the_day) + len(rejected) == expected["read"] + len(good)
        return
    account = outcome.account(source)
    assert account.balance == 0
    assert account.read == expected["read"] + expected["unreadable"]
    assert account.blank == expected["blank"]
    assert (account.kept, account.rejected_rows) == (kept, len(rejected))
    assert (account.duplicates, account.waiting) == (0, 0)


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


@pytest.mark.spark
@pytest.mark.timeout(480)
def test_both_engines_tell_the_same_of_every_rejected_row(embedded_outcome: Outcome, spark_outcome: Outcome) -> None:
    def told(outcome: Outcome) -> list[tuple[object, ...]]:
        return sorted(
            tuple(str(row[name]) for name in ("source", "source_path", "reason", "raw", "row_date"))
            for row in outcome.tables["rejected_rows"]
        )

    assert told(spark_outcome) == told(embedded_outcome)


def test_a_data_folder_with_patterns_in_its_name_is_read(tmp_path: Path, engine: EngineResource) -> None:
    data = tmp_path / "raw [old] {2025}*"
    world = World(tmp_path, options={**OPTIONS, "data": str(data)})
    (data / "customers").mkdir(parents=True)
    World(tmp_path / "elsewhere").customers([{"customer_id": "c1"}])
    (tmp_path / "elsewhere" / "raw" / "customers" / "customers.parquet").rename(data / "customers" / "c.parquet")
    world.run(DAY)
    assert [row["customer_id"] for row in world.rows("raw_customers", DAY)] == ["c1"]
