"""Published days that are no longer what the sources say, listed, and exactly these built anew.

A day is outdated when rows of its own changed at the source, when a file of it is damaged, when other settings or other code made
it, or when it is older than something it was built from. What the sources say is found by reading them as a run does, without
publishing anything.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

import dagster as dg

from engagement_assets.domain.catalogue import FACTS
from engagement_assets.domain.contracts import Contract, RejectedRows
from engagement_assets.domain.sources import SOURCES
from engagement_assets.lake import staleness
from engagement_assets.lake.damage import Damage
from engagement_assets.lake.tables import LakeResource
from engagement_assets.operations.runs import RunOutcome, build_tables, export_published
from engagement_assets.pipeline.progress import Listener
from engagement_assets.pipeline.rebuild_plan import Plan, Tables
from engagement_assets.settings import Settings
from engagement_assets.sources.incremental import forget

_WHO = "refresh"


@dataclass
class Refreshed:
    """What came of a plan: the runs in their order; the last one failed if `success` is false."""

    runs: list[RunOutcome] = field(default_factory=list)
    #: What is outdated all the same, because the sources changed meanwhile.
    left: Tables = field(default_factory=dict)

    @property
    def success(self) -> bool:
        """Whether everything was built."""
        return all(run.success for run in self.runs) and not self.left


def carry_out(
    settings: Settings, lake: LakeResource, plan: Plan, instance: dg.DagsterInstance, listener: Listener | None = None
) -> Refreshed:
    """Build what a plan lists, run by run, then export what BI tools read. Stops at the first run that fails."""
    done = Refreshed()
    _withdraw(lake, plan.damaged)
    for contract in plan.schema_changes:
        lake.empty(contract, run_id=_WHO)
    for source in SOURCES if plan.schema_changes else ():
        forget(lake, source)
    for step in plan.steps:
        first, last = date.fromisoformat(step.first), date.fromisoformat(step.last)
        done.runs.append(
            build_tables(
                settings,
                first,
                last,
                instance,
                listener,
                step.tables,
                plan.accept_missing,
                rebuild=bool(plan.otherwise),
            )
        )
        if not done.success:
            return done
    if plan.steps:
        done.runs.append(export_published(settings, instance, listener))
    done.left = staleness.since(staleness.outdated(lake, settings), plan.since)
    return done


def _withdraw(lake: LakeResource, damaged: tuple[Damage, ...]) -> None:
    """Take damaged days of facts out of their tables: a run of facts reads what is published, and fills in what is missing."""
    read_again: tuple[type[Contract], ...] = (*FACTS, RejectedRows)
    for contract in read_again:
        partitions = {damage.partition for damage in damaged if damage.contract is contract}
        if not partitions:
            continue
        lake.withdraw(contract, partitions, run_id=_WHO)
        for source in partitions if contract is RejectedRows else ():
            forget(lake, source)


# ---- what the sources say --------------------------------------------------------------------------------------------
