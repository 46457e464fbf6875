"""Telling Dagster of many days at once: materialisations with their versions, and results of checks.

What Dagster offers an asset records each event by itself, gives all days of a run one data version, and days beyond those of the
run none at all, so that they are shown as stale ("Unsynced") at once. Here a step logs the events of its days itself, as one
batch: each materialisation with the tags that Dagster's own would have, and a data version of its day's own.

A check that a run plans has a row for each of its days from then on, and the row that was entered last is taken for the latest
result. So the row of a run that waited in the queue would be older than the results of a run that did not, and the check would
read "Missing"; that of a run that failed would read "Failed", though nothing was looked at. Planned rows are therefore taken
out when the result comes, which enters a new one, and at the end of a run.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from dagster import AssetCheckEvaluation, AssetKey, AssetMaterialization, DagsterEventType, DagsterInstance
from dagster._core.definitions.data_version import DataVersion
from dagster._core.events import (
    DagsterEvent,
    DagsterEventBatchMetadata,
    StepMaterializationData,
    generate_event_batch_id,
)
from dagster._core.execution.context.system import StepExecutionContext
from dagster._core.execution.plan.execute_step import (
    _build_data_version_tags,
    _get_code_version,
    _get_input_provenance_data,
)
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage
from dagster._core.storage.tags import EXTERNALLY_MANAGED_ASSETS_TAG

from engagement_assets.dagster_internals.event_log import PooledSqliteEventLogStorage

_CHECKS = AssetCheckExecutionsTable.c

#: SQLite takes so many values in one statement.
_VALUES = 500


def _step(context: Any) -> StepExecutionContext:
    found: StepExecutionContext = getattr(context, "op_execution_context", context).get_step_execution_context()
    return found


def tell(context: Any, told: Sequence[AssetMaterialization | AssetCheckEvaluation]) -> list[DagsterEvent]:
    """Log events of a step as one batch; `context` is that of an asset, an asset check or an op.

    Returns them as Dagster has them: what the step is to yield, so that they are among the results of a run in this process.

    Other event logs than that of a single machine take materialisations as a batch, but no results of checks.
    """
    step, storage = _step(context), context.instance.event_log_storage
    checks = [each for each in told if isinstance(each, AssetCheckEvaluation)]
    if checks and isinstance(storage, SqlEventLogStorage):
        _take_out(storage, step.run_id, checks)
    is_batch = not checks or isinstance(storage, PooledSqliteEventLogStorage)
    batch, events = generate_event_batch_id(), []
    for number, each in enumerate(told, 1):
        data: StepMaterializationData | AssetCheckEvaluation
        if isinstance(each, AssetMaterialization):
            kind, data = DagsterEventType.ASSET_MATERIALIZATION, StepMaterializationData(each)
            words = f"Materialized {each.partition}."
        else:
            kind, data = DagsterEventType.ASSET_CHECK_EVALUATION, each
            words = f"{each.check_name} {'passed' if each.passed else 'did not pass'}."
        is_end = DagsterEventBatchMetadata(batch, number == len(told)) if is_batch else None
        events.append(DagsterEvent.from_step(kind, step, data, words, is_end))
    return events


def version_tags(context: Any, versions: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """The tags of the materialisation of each day: code version, data version (`versions`), and what it was built from."""
    step, key = _step(context), context.asset_key
    code, inputs = _get_code_version(key, step), _get_input_provenance_data(key, step)
    return {day: _build_data_version_tags(DataVersion(each), code, inputs, False) for day, each in versions.items()}


@contextmanager
def already_told(context: Any) -> Iterator[None]:
    """Within it the step can give its outputs, and Dagster records no materialisations for them."""
    tags: Any = _step(context).dagster_run.tags
    tags[EXTERNALLY_MANAGED_ASSETS_TAG] = "true"
    try:
        yield
    finally:
        del tags[EXTERNALLY_MANAGED_ASSETS_TAG]


def _take_out(storage: SqlEventLogStorage, run_id: str, checks: Collection[AssetCheckEvaluation]) -> None:
    """Take out the rows of a run that results of checks are about to be entered for."""
    days_of: dict[tuple[str, str], list[str | None]] = {}
    for each in checks:
        days_of.setdefault((each.asset_key.to_string(), each.check_name), []).append(each.partition)
    with storage.index_connection() as connection:
        for (asset, check), days in days_of.items():
            its_own = sa.and_(_CHECKS.asset_key == asset, _CHECKS.check_name == check, _CHECKS.run_id == run_id)
            for start in range(0, len(days), _VALUES):
                some = days[start : start + _VALUES]
                which = _CHECKS.partition.in_([day for day in some if day is not None])
                also_none = sa.or_(which, _CHECKS.partition.is_(None)) if None in some else which
                connection.execute(AssetCheckExecutionsTable.delete().where(its_own, also_none))


def forget_planned(instance: DagsterInstance, run_id: str) -> None:
    """Forget the checks that a run planned and that never ran: their earlier results stand."""
    storage = instance.event_log_storage
    if isinstance(storage, SqlEventLogStorage):
        planned = AssetCheckExecutionRecordStatus.PLANNED.value
        with storage.index_connection() as connection:
            connection.execute(
                AssetCheckExecutionsTable.delete().where(_CHECKS.run_id == run_id, _CHECKS.execution_status == planned)
            )


def days_with_results(instance: DagsterInstance, asset: AssetKey, days: Collection[str]) -> set[tuple[str, str]]:
    """Check and day, of those days of an asset for which the check has a result."""
    storage = instance.event_log_storage
    if not days or not isinstance(storage, SqlEventLogStorage):
        return set()
    with storage.index_connection() as connection:
        found = connection.execute(
            sa.select(_CHECKS.check_name, _CHECKS.partition)
            .where(_CHECKS.asset_key == asset.to_string(), _CHECKS.partition.between(min(days), max(days)))
            .distinct()
        ).all()
    return {(check, day) for check, day in found if day in days}
