"""What our event log enters is what Dagster's own does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa
from dagster._core.definitions.asset_checks.asset_check_evaluation import AssetCheckEvaluationPlanned
from dagster._core.events import DagsterEvent
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage

from engagement_assets.dagster_internals.event_log import PooledSqliteEventLogStorage

KEY = dg.AssetKey("scores")
DAYS = dg.DailyPartitionsDefinition("2024-01-01", end_date="2025-01-01")


def planned(check: str, days: Sequence[str] | None) -> EventLogEntry:
    """The event of a run that plans a check, for some days or for none in particular."""
    subset = None if days is None else DAYS.subset_with_partition_keys(days).to_serializable_subset()
    return EventLogEntry(
        error_info=None,
        user_message="",
        level=20,
        run_id="11111111-1111-1111-1111-111111111111",
        timestamp=1_750_000_000.25,
        dagster_event=DagsterEvent(
            event_type_value=dg.DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED.value,
            job_name="daily",
            event_specific_data=AssetCheckEvaluationPlanned(asset_key=KEY, check_name=check, partitions_subset=subset),
        ),
    )


def entered(storage: SqliteEventLogStorage, events: list[EventLogEntry]) -> list[tuple[object, ...]]:
    """The rows of checks after these events, but for when they were entered."""
    storage.store_event_batch(events)
    columns = [each for each in AssetCheckExecutionsTable.c if each.name != "create_timestamp"]
    with storage.index_connection() as connection:
        return [tuple(row) for row in connection.execute(sa.select(*columns).order_by(AssetCheckExecutionsTable.c.id))]


@pytest.mark.parametrize("days", [None, ["2024-02-28", "2024-02-29", "2024-12-31"]], ids=["no day", "three days"])
def test_planned_checks_are_entered_as_dagster_enters_them(tmp_path: Path, days: list[str] | None) -> None:
    events = [planned("contract", days), planned("score_range", days)]
    own, dagsters = PooledSqliteEventLogStorage(str(tmp_path / "own")), SqliteEventLogStorage(str(tmp_path / "dagster"))
    found = entered(own, events)
    assert found == entered(dagsters, events)
    assert len(found) == 2 * len(days or [None])
    own.dispose()
