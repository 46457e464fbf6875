"""What must hold of the corpus after a run, whichever engine made it."""

from __future__ import annotations

from engagement_assets_tests.sources.hardening.corpus import (
    DAY,
    Outcome,
    expected_rows,
    is_passed_over,
    marked_column,
    marker,
)
from engagement_assets_tests.sources.hardening.event_cases import EVENT_CASES, EventCase
from engagement_assets_tests.sources.hardening.file_cases import FileCase
from engagement_assets_tests.sources.hardening.table_cases import TABLE_CASES, Reject, TableCase

SOURCES = ("customers", "orders", "web_events")


def check_line(outcome: Outcome, case: EventCase) -> None:
    """A line of events has the expected outcome."""
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


def check_column(outcome: Outcome, case: TableCase) -> None:
    """Each value of a column has the expected outcome."""
    for number, expected in enumerate(case.outcomes):
        key = (marked_column(case), marker(case, number))
        rows = outcome.kept(case.source, *key)
        reasons = outcome.rejected_rows.get((case.source, *key), [])
        if isinstance(expected, Reject):
            assert (reasons, rows) == ([expected.reason], []), (number, case.values[number])
        else:
            assert reasons == [], (number, case.values[number])
            assert [row[case.column] for row in rows] == [expected], (number, case.values[number])


def check_file(outcome: Outcome, case: FileCase) -> None:
    """A file has the expected outcome."""
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


def check_account(outcome: Outcome, source: str) -> None:
    """Every row of a source is accounted for."""
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
