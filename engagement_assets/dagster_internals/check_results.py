"""The latest result of each check for a day, and the materialisation that one speaks of, as Dagster's event log has them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC
from itertools import takewhile

import dagster as dg
import sqlalchemy as sa
from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluationTargetMaterializationData,
)
from dagster._core.event_api import PartitionKeyFilter
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable, SqlEventLogStorageTable
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage
from dagster._serdes import deserialize_value

#: Results of a check that are looked at.
_MOST_RESULTS = 100


@dataclass(frozen=True)
class CheckResult:
    """The latest result of a check for a day."""

    asset: str
    check: str
    passed: bool
    blocking: bool
    words: str
    run_id: str


def results_in_words(instance: dg.DagsterInstance, check: dg.AssetCheckKey, days: Collection[str]) -> dict[str, str]:
    """What the latest result of a check says of each of these days that it has one for."""
    storage = instance.event_log_storage
    if not days or not isinstance(storage, SqlEventLogStorage):
        return {}
    table = AssetCheckExecutionsTable.c
    its_own = sa.and_(table.asset_key == check.asset_key.to_string(), table.check_name == check.name)
    latest = sa.select(sa.func.max(table.id)).where(its_own, table.partition.in_(list(days))).group_by(table.partition)
    with storage.index_connection() as connection:
        rows = connection.execute(sa.select(table.partition, table.evaluation_event).where(table.id.in_(latest))).all()
    return {day: told.description or "" for day, text in rows if (told := _told(text))}


def newest_materializations(
    instance: dg.DagsterInstance, key: dg.AssetKey, days: Collection[str]
) -> dict[str, AssetCheckEvaluationTargetMaterializationData]:
    """The newest materialisation of each of these days that has one; a result that names none is not shown for its day.

    A bad day needs that of its older, still published version. Dagster's own reader opens every event; here columns are read.
    """
    storage = instance.event_log_storage
    if not days or not isinstance(storage, SqlEventLogStorage):
        return {}
    table, kind = SqlEventLogStorageTable.c, dg.DagsterEventType.ASSET_MATERIALIZATION.value
    its_own = sa.and_(table.asset_key == key.to_string(), table.dagster_event_type == kind)
    newest = (
        sa.select(sa.func.max(table.id))
        .where(its_own, table.partition.between(min(days), max(days)))
        .group_by(table.partition)
    )
    with storage.index_connection() as connection:
        rows = connection.execute(
            sa.select(table.partition, table.id, table.run_id, table.timestamp).where(table.id.in_(newest))
        ).all()
    wanted = set(days)
    return {
        day: AssetCheckEvaluationTargetMaterializationData(
            storage_id=number, run_id=run_id, timestamp=when.replace(tzinfo=UTC).timestamp()
        )
        for day, number, run_id, when in rows
        if day in wanted
    }


def failing_before(instance: dg.DagsterInstance, check: dg.AssetCheckKey, run_id: str) -> list[dg.AssetCheckEvaluation]:
    """The results of a check, of whichever days, before those of a run and since it last passed, the latest first."""
    storage = instance.event_log_storage
    if not isinstance(storage, SqlEventLogStorage):
        return []
    table = AssetCheckExecutionsTable.c
    its_own = sa.and_(table.asset_key == check.asset_key.to_string(), table.check_name == check.name)
    began = sa.select(sa.func.min(table.id)).where(its_own, table.run_id == run_id).scalar_subquery()
    earlier = sa.and_(its_own, table.id < began, table.evaluation_event.is_not(None))
    latest = sa.select(table.evaluation_event).where(earlier).order_by(table.id.desc()).limit(_MOST_RESULTS)
    with storage.index_connection() as connection:
        told = [_told(text) for text in connection.scalars(latest)]
    return list(takewhile(lambda result: not result.passed, filter(None, told)))


def _told(text: str) -> dg.AssetCheckEvaluation | None:
    told = deserialize_value(text, EventLogEntry).get_dagster_event().event_specific_data
    return told if isinstance(told, dg.AssetCheckEvaluation) else None


def check_results(instance: dg.DagsterInstance, prefix: str, day: str) -> list[CheckResult]:
    """The latest result of each check of a shop that ever ran for a day, failed ones first."""
    storage = instance.event_log_storage
    assert isinstance(storage, SqlEventLogStorage)
    table = AssetCheckExecutionsTable.c
    with storage.index_connection() as connection:
        names = connection.execute(
            sa.select(table.asset_key, table.check_name).where(table.partition == day).distinct()
        ).all()
    keys = [
        dg.AssetCheckKey(key, name)
        for text, name in names
        if (key := dg.AssetKey.from_db_string(text)) and "/".join(key.path[:-1]) == prefix
    ]
    found = storage.get_latest_asset_check_execution_by_key(keys, PartitionKeyFilter(key=day))
    results = []
    for check, record in found.items():
        event = record.event.dagster_event if record.event else None
        evaluation = event.asset_check_evaluation_data if event else None
        if evaluation is not None:
            words, blocking = evaluation.description or "", bool(evaluation.blocking)
            asset = check.asset_key.path[-1]
            results.append(CheckResult(asset, check.name, evaluation.passed, blocking, words, record.run_id))
    return sorted(results, key=lambda result: (result.passed, result.asset, result.check))
