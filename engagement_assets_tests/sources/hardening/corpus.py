"""All cases of the corpus in the sources of one world, and what one run made of them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq

from engagement_assets.definitions import build_definitions
from engagement_assets.pipeline.automation import DAILY_JOB
from engagement_assets.sources.accounting import Account
from engagement_assets.sources.incremental import last_read
from engagement_assets_tests.sources.hardening.event_cases import EVENT_CASES
from engagement_assets_tests.sources.hardening.file_cases import FILE_CASES, FileCase
from engagement_assets_tests.sources.hardening.table_cases import TABLE_CASES, TableCase
from engagement_assets_tests.worlds import Row, World, failures

#: The day that is built, and the first partition: few days, so that Apache Spark is done soon.
DAY, START = "2025-03-31", date(2025, 3, 30)

OPTIONS: dict[str, Any] = {"start_date": START, "rejected_share_limit": 1.0, "rejected_share_warning": 1.0}


def read_sources(world: World, *, expect: bool = True) -> dg.ExecuteInProcessResult:
    """Build the day's tables of the sources, and nothing after them; asserts the outcome that is expected."""
    result = (
        build_definitions(world.settings)
        .resolve_job_def(DAILY_JOB)
        .execute_in_process(
            instance=world.instance,
            partition_key=DAY,
            asset_selection=[dg.AssetKey(f"raw_{source}") for source in ("customers", "orders", "web_events")],
            raise_on_error=False,
            run_config={"loggers": {"progress": {}}},
        )
    )
    assert result.success == expect, failures(result) or "the run succeeded, but should have failed"
    return result


def marker(case: TableCase, row: int) -> str:
    """What tells a row of a table case from all others: the value of its other key column."""
    return f"{case.name} / {row}"


def marked_column(case: TableCase) -> str:
    """The column that holds the marker."""
    if case.source == "customers":
        return "customer_id"
    return "customer_id" if case.column == "order_id" else "order_id"


def write_corpus(world: World) -> None:
    """Write every case into the world's sources."""
    raw = Path(world.settings.data)
    customers = {case.customer_id for case in EVENT_CASES if case.outcome == "kept"} | {"c1"}
    customers |= {marker(c, n) for c in TABLE_CASES if c.column == "order_id" for n in range(len(c.values))}
    world.customers([{"customer_id": name} for name in sorted(customers)])
    for number, case in enumerate(TABLE_CASES):
        _write_table(case, raw / case.source / "cases" / f"{number}.parquet")
    for file in FILE_CASES:
        place = raw / file.source / file.path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(file.content)
    (raw / "web_events" / "an empty folder").mkdir()
    (raw / "web_events" / "cases.jsonl").write_bytes(b"".join(case.line + b"\n" for case in EVENT_CASES))


def _write_table(case: TableCase, place: Path) -> None:
    rows = len(case.values)
    good: dict[str, Any] = {
        "orders": {
            "order_id": pa.array([f"o{marker(case, n)}" for n in range(rows)]),
            "customer_id": pa.array(["c1"] * rows),
            "order_date": pa.array([datetime(2025, 3, 31, 12)] * rows, pa.timestamp("us")),
            "order_amount": pa.array(["1.00"] * rows),
        },
        "customers": {
            "customer_id": pa.nulls(rows, pa.string()),
            "signup_date": pa.array([date(2025, 3, 1)] * rows),
            "country": pa.array(["DE"] * rows),
            "email": pa.array(["x@y.example"] * rows),
        },
    }[case.source]
    good[marked_column(case)] = pa.array([marker(case, n) for n in range(rows)])
    good[case.column] = case.values
    place.parent.mkdir(parents=True, exist_ok=True)
    # Columns that no contract knows, of types that no engine reads, and one that differs from another by its case only.
    extra = {"taken_at": pa.array([1] * rows, pa.time64("ns")), "Country": pa.array(["X"] * rows), "n": pa.nulls(rows)}
    pq.write_table(pa.table({**good, **extra}), place, use_deprecated_int96_timestamps=case.int96)


@dataclass
class Outcome:
    """What a run made of the corpus."""

    world: World
    tables: Mapping[str, list[Row]] = field(init=False)

    def __post_init__(self) -> None:
        names = ("raw_customers", "raw_orders", "raw_web_events", "rejected_rows")
        self.tables = {name: self.world.rows(name) for name in names}

    def account(self, source: str) -> Account:
        """The run's own account of a source of facts."""
        found = last_read(self.world.lake, source)
        assert found is not None
        return found.account

    def kept(self, source: str, column: str, value: str) -> list[Row]:
        """Rows of a source's table that have this value."""
        return [row for row in self.tables[f"raw_{source}"] if row[column] == value and str(row["as_of_date"]) == DAY]

    @cached_property
    def rejected_lines(self) -> dict[str, list[str]]:
        """Rejected web events: the line, as it was read -> reasons."""
        found: dict[str, list[str]] = {}
        for row in self.tables["rejected_rows"]:
            if row["source"] == "web_events":
                found.setdefault(row["raw"], []).append(row["reason"])
        return found

    @cached_property
    def rejected_rows(self) -> dict[tuple[str, str, str], list[str]]:
        """Rejected rows of tables: source, column, value -> reasons."""
        found: dict[tuple[str, str, str], list[str]] = {}
        for row in self.tables["rejected_rows"]:
            if row["source"] != "web_events" and row["reason"] != "unreadable_file":
                for column, value in json.loads(row["raw"]).items():
                    found.setdefault((row["source"], column, value), []).append(row["reason"])
        return found

    @cached_property
    def unreadable(self) -> dict[str, str]:
        """Files that were rejected whole: name -> why."""
        return {r["source_path"]: r["raw"] for r in self.tables["rejected_rows"] if r["reason"] == "unreadable_file"}


def expected_rows(source: str) -> Counter[str]:
    """Rows of a source's files, counted while they were made: read, blank, unreadable (whole files)."""
    count: Counter[str] = Counter()
    for file in (file for file in FILE_CASES if file.source == source):
        if file.outcome == "kept":
            count["read"] += file.rows
            count["blank"] += file.blank
        elif not is_passed_over(file):
            count["unreadable"] += 1
    if source == "web_events":
        count["read"] += len(EVENT_CASES)
        count["blank"] += sum(case.outcome == "blank" for case in EVENT_CASES)
    count["read"] += sum(len(case.values) for case in TABLE_CASES if case.source == source)
    return count


def is_passed_over(file: FileCase) -> bool:
    """Whether the file is none of the source's by its name."""
    return file.outcome in ("hidden", "ignored")
