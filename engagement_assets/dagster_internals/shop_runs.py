"""Runs of one shop: several shops may share an instance, each with a prefix of its own in the keys of its assets.

Dagster tells runs apart by their code location, but those of the command line have none. And it names the step of an asset after
the asset's key.
"""

from __future__ import annotations

from collections.abc import Iterator

from dagster import DagsterInstance, DagsterRun, RunRecord, RunsFilter

#: Tag of the runs of jobs of a shop with a prefix.
SHOP_TAG = "engagement/asset_key_prefix"

_AT_ONCE = 50


def shop_tags(prefix: str) -> dict[str, str]:
    """The tags of a shop's jobs."""
    return {SHOP_TAG: prefix} if prefix else {}


def _shop(run: DagsterRun) -> str:
    """The prefix of the shop of a run: runs that Dagster makes of chosen assets or checks have no job's tags."""
    chosen = [*(run.asset_selection or ()), *(check.asset_key for check in run.asset_check_selection or ())]
    return "/".join(chosen[0].path[:-1]) if chosen else run.tags.get(SHOP_TAG, "")


def runs_of(instance: DagsterInstance, prefix: str, which: RunsFilter | None = None) -> Iterator[RunRecord]:
    """The runs of the shop with this prefix, the latest first."""
    cursor = None
    while records := instance.get_run_records(which, limit=_AT_ONCE, cursor=cursor):
        yield from (record for record in records if _shop(record.dagster_run) == prefix)
        cursor = records[-1].dagster_run.run_id


def asset_of(step: str) -> str:
    """The key of the asset of a step, as people write it."""
    return step.replace("__", "/")
