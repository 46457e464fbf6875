"""Monitoring checks: what is published, looked at for what is unusual. They keep nothing from being published.

They read published tables only, so that any of them can be run again from the UI on any partition without rebuilding it. One
step per table, one query for all days of the run; the results are told to Dagster per partition, as `publication` does.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg

from engagement_assets.analysis.monitoring.look import Look
from engagement_assets.analysis.monitoring.monitors import Finding, Monitor, monitors
from engagement_assets.domain.contracts import Contract
from engagement_assets.lake.tables import LakeResource
from engagement_assets.pipeline.partitions import daily_partitions
from engagement_assets.pipeline.publication import newest_materializations
from engagement_assets.settings import Settings

MONITORING_JOB = "monitoring"


def build_monitoring_checks(settings: Settings) -> list[dg.AssetChecksDefinition]:
    """The monitoring checks, for these settings."""
    return [_of_table(settings, contract, watching) for contract, watching in monitors(settings).items()]


def _of_table(settings: Settings, contract: type[Contract], watching: tuple[Monitor, ...]) -> dg.AssetChecksDefinition:
    specs = [
        dg.AssetCheckSpec(
            monitor.name,
            asset=contract.table(),
            partitions_def=daily_partitions(settings),
            blocking=False,
            description=f"Monitoring: {monitor.description}",
        )
        for monitor in watching
    ]

    @dg.multi_asset_check(name=f"monitor_{contract.table()}", specs=specs, can_subset=True)
    def monitor_table(context: dg.AssetCheckExecutionContext, lake: LakeResource) -> Iterator[Any]:
        # The UI's button "Execute all" names no partition: then the latest published day is meant.
        named = context.has_partition_key or context.has_partition_key_range
        days = list(context.partition_keys) if named else [*lake.partitions(contract)][-1:]
        look = Look(lake, settings, contract, days)
        targets = newest_materializations(context.instance, dg.AssetKey(contract.table()), days)
        for monitor, spec in zip(watching, specs, strict=True):
            if spec.key in context.selected_asset_check_keys:
                yield from _evaluations(look, monitor, targets)
                yield dg.Output(None, output_name=spec.get_python_identifier())

    return monitor_table


def build_monitoring_job(settings: Settings) -> dg.JobDefinition:
    """The monitoring checks of a day as a job of their own.

    The UI runs the checks of a partitioned asset by themselves for no partition that one could choose; the partitions of a job it
    lets one choose.
    """

    @dg.op(description="Looks at the published tables of the day; the results are those of their checks.")
    def look_again(context: dg.OpExecutionContext, lake: LakeResource) -> Iterator[Any]:
        for contract, watching in monitors(settings).items():
            look = Look(lake, settings, contract, list(context.partition_keys))
            targets = newest_materializations(context.instance, dg.AssetKey(contract.table()), look.days)
            for monitor in watching:
                yield from _evaluations(look, monitor, targets)
        yield dg.Output(None)

    @dg.job(
        name=MONITORING_JOB,
        partitions_def=daily_partitions(settings),
        executor_def=dg.in_process_executor,
        description="Runs every monitoring check again on a day of your choice, and builds nothing: open the launchpad, choose "
        "the partition, launch.",
    )
    def monitoring() -> None:
        look_again()

    return monitoring


def _evaluations(look: Look, monitor: Monitor, targets: Mapping[str, Any]) -> Iterator[dg.AssetCheckEvaluation]:
    """A monitor's results, one per day; `targets` are the materialisations they are about."""
    key = dg.AssetKey(look.contract.table())
    for day in look.days:
        found = _judged(monitor, look, day)
        yield dg.AssetCheckEvaluation(
            asset_key=key,
            check_name=monitor.name,
            passed=found.grade == "good",
            severity=dg.AssetCheckSeverity.ERROR if found.grade == "error" else dg.AssetCheckSeverity.WARN,
            blocking=False,
            partition=day,
            description=found.words,
            metadata={"rule": monitor.description, "violations": int(found.grade != "good"), **found.figures},
            target_materialization_data=targets.get(day),
        )


def _judged(monitor: Monitor, look: Look, day: str) -> Finding:
    """A finding, whatever happens: that a table cannot be looked at is something to be told, not a reason to fail the run."""
    try:
        if day not in look.published:
            return Finding("warning", "not judged: the day is not published")
        return monitor.judge(look, day)
    except Exception as error:
        own = type(error).__module__.startswith("engagement_assets")
        return Finding("error", str(error) if own else f"the table could not be looked at ({type(error).__name__})")
