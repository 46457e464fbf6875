"""Old runs are forgotten with their events, where a setting says so; others stay."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import dagster as dg

from engagement_assets.definitions import build_definitions
from engagement_assets.pipeline.run_retention import SENSOR, forget_old_runs
from engagement_assets.settings import Settings
from engagement_assets_tests.worlds import World


def test_without_the_setting_nothing_is_forgotten() -> None:
    def names(settings: Settings) -> set[str]:
        return {sensor.name for sensor in build_definitions(settings).get_repository_def().sensor_defs}

    assert names(Settings(run_retention_days=400)) - names(Settings()) == {SENSOR}


def test_runs_that_ended_long_ago_are_forgotten_with_their_events_and_files(world: World) -> None:
    @dg.op
    def work() -> None: ...

    @dg.job
    def nightly() -> None:
        work()

    instance = world.instance
    old = nightly.execute_in_process(instance=instance)
    between = datetime.now(UTC)
    waiting = instance.create_run_for_job(nightly)  # has not ended
    new = nightly.execute_in_process(instance=instance)
    logs = world.root / "home" / "history" / "runs"
    assert (logs / f"{old.run_id}.db").exists()
    assert forget_old_runs(instance, "", between - timedelta(days=1)) == 0
    assert forget_old_runs(instance, "", between) == 1
    assert {run.run_id for run in instance.get_runs()} == {waiting.run_id, new.run_id}
    assert not list(logs.glob(f"{old.run_id}*"))
    assert instance.all_logs(new.run_id)
