"""Monitoring checks: what is published, looked at for what is unusual. They keep nothing from being published.

They read published tables only, so that any of them can be run again from the UI on any partition without rebuilding it. One
step per table, one query for all days of the run; the results are told to Dagster per partition, as `publication` does.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

import dagster as dg

from engagement_assets.analysis.monitoring.look import Look
from engagement_assets.analysis.monitoring.monitors import Finding, Monitor, monitors
from engagement_assets.dagster_internals.check_results import newest_materializations, results_in_words
from engagement_assets.dagster_internals.shop_runs import shop_tags
from engagement_assets.dagster_internals.telling import tell
from engagement_assets.domain.contracts import Contract
from engagement_assets.domain.days import ONE_DAY, as_date
from engagement_assets.lake.tables import LakeResource
from engagement_assets.pipeline.partitions import daily_partitions
from engagement_assets.settings import Settings

MONITORING_JOB = "monitoring"


def build_monitoring_checks(settings: Settings) -> list[dg.AssetChecksDefinition]:
    """The monitoring checks, for these settings."""
    return [_of_table(settings, contract, watching) for contract, watching in monitors(settings).items()]


def _of_table(settings: Settings, contract: type[Contract], watching: tuple[Monitor, ...]) -> dg.AssetChecksDefinition:
    specs = [
        dg.AssetCheckSpec(
            monitor.name,
            asset=dg.AssetKey(settings.asset_key(contract.table())),
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
        chosen = [
            (monitor, spec)
            for monitor, spec in zip(watching, specs, strict=True)
            if spec.key in context.selected_asset_check_keys
        ]
        yield from _look_and_tell(context, lake, settings, contract, days, [monitor for monitor, _ in chosen])
        for _, spec in chosen:
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
            yield from _look_and_tell(context, lake, settings, contract, list(context.partition_keys), watching)
        yield dg.Output(None)

    @dg.job(
        name=MONITORING_JOB,
        partitions_def=daily_partitions(settings),
        executor_def=dg.in_process_executor,
        tags=shop_tags(settings.asset_key_prefix),
        description="Runs every monitoring check again on a day of your choice, and builds nothing: open the launchpad, choose "
        "the partition, launch.",
    )
    def monitoring() -> None:
        look_again()

    return monitoring


def _look_and_tell(
    context: Any,
    lake: LakeResource,
    settings: Settings,
    contract: type[Contract],
    days: Sequence[str],
    watching: Sequence[Monitor],
) -> list[dg.DagsterEvent]:
    """Tell Dagster the findings of the monitors, one per day; `context` is that of a check or an op.

    Later days are compared with these: what a monitor said of them is told again where it has changed. Where a gap is filled, for
    one, fewer days are missing.
    """
    instance, key = context.instance, dg.AssetKey(settings.asset_key(contract.table()))
    told = {
        (monitor, day): words
        for monitor in watching
        for day, words in results_in_words(
            instance, dg.AssetCheckKey(key, monitor.name), _compared_with(lake, contract, days, monitor)
        ).items()
    }
    look = Look(lake, settings, contract, sorted({*days, *(day for _, day in told)}))
    found = {(monitor, day): _judged(monitor, look, day) for monitor in watching for day in days}
    for (monitor, day), words in told.items():
        if (now := _judged(monitor, look, day)).words != words:
            found[monitor, day] = now
    # Dagster shows the result that comes last as the latest: that of the last day asked for.
    in_order = sorted({day for _, day in found}, key=lambda day: (day in days, day))
    targets = newest_materializations(instance, key, in_order)
    return tell(
        context,
        [
            dg.AssetCheckEvaluation(
                asset_key=key,
                check_name=monitor.name,
                passed=finding.grade == "good",
                severity=dg.AssetCheckSeverity.ERROR if finding.grade == "error" else dg.AssetCheckSeverity.WARN,
                blocking=False,
                partition=day,
                description=finding.words,
                metadata={"violations": int(finding.grade != "good"), **finding.figures},
                target_materialization_data=targets.get(day),
            )
            for day in in_order
            for monitor in watching
            if (finding := found.get((monitor, day)))
        ],
    )


def _compared_with(lake: LakeResource, contract: type[Contract], days: Sequence[str], monitor: Monitor) -> list[str]:
    """Published days after the first of these that a monitor compares with them."""
    if not days or not monitor.looks_back:
        return []
    last = (as_date(days[-1]) + monitor.looks_back * ONE_DAY).isoformat()
    with suppress(Exception):  # `_judged` says what is wrong with the table
        return [day for day in lake.partitions(contract) if days[0] < day <= last and day not in days]
    return []


def _judged(monitor: Monitor, look: Look, day: str) -> Finding:
    """A finding, whatever happens: that a table cannot be looked at is something to be told, not a reason to fail the run."""
    try:
        if day not in look.published:
            return Finding("warning", "not judged: the day is not published")
        return monitor.judge(look, day)
    except Exception as error:
        own = type(error).__module__.startswith("engagement_assets")
        return Finding("error", str(error) if own else f"the table could not be looked at ({type(error).__name__})")
