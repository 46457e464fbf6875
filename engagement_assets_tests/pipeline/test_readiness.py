"""Yesterday's snapshot by the hour that is set: judged by the partition, told once, and green again once it is there."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace

import dagster as dg
import pytest
from dagster._core.loader import LoadingContextForTest
from dagster._core.storage.event_log.base import AssetCheckSummaryRecord

from engagement_assets.definitions import build_definitions
from engagement_assets.domain.remedies import DAILY_JOB
from engagement_assets.pipeline import readiness
from engagement_assets.settings import Settings
from engagement_assets_tests.daemon import Daemon
from engagement_assets_tests.webhook import listening
from engagement_assets_tests.worlds import World

KEY = readiness.check_key(Settings())


@pytest.mark.parametrize(
    ("zone", "now", "day"),
    [
        ("UTC", datetime(2026, 7, 1, 5, 59), date(2026, 6, 29)),
        ("UTC", datetime(2026, 7, 1, 6, 0), date(2026, 6, 30)),
        ("Pacific/Auckland", datetime(2026, 6, 30, 18, 0), date(2026, 6, 30)),  # 1 July, 06:00
        ("America/New_York", datetime(2026, 7, 1, 9, 59), date(2026, 6, 29)),  # 1 July, 05:59
    ],
)
def test_a_snapshot_is_due_at_the_hour_of_the_business_time_zone(zone: str, now: datetime, day: date) -> None:
    assert readiness.due(Settings(timezone=zone), now.replace(tzinfo=UTC)) == day


def test_a_snapshot_is_judged_by_its_own_partition(sample_world: World) -> None:
    there = readiness.judge(sample_world.settings, sample_world.lake, date(2026, 6, 30))
    assert (there.passed, there.severity) == (True, dg.AssetCheckSeverity.ERROR)
    # Later days are published, this one is not; sources and sessions were filled in for it.
    missing = readiness.judge(sample_world.settings, sample_world.lake, date(2026, 6, 16))
    assert not missing.passed
    assert str(missing.description).startswith(
        "2026-06-16 was due by 06:00 and is missing in: raw_customers, order_aggregates"
    )


def test_a_late_snapshot_is_told_once_and_shown_until_it_is_there(
    sample_world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sample data end on 30 June 2026."""
    world = World(tmp_path, options=dict(sample_world.options))
    cursor: str | None = None

    def look(now: datetime) -> None:
        nonlocal cursor
        moment = now.replace(tzinfo=UTC).timestamp()
        monkeypatch.setattr(readiness, "time", SimpleNamespace(time=lambda: moment))
        definitions = build_definitions(world.settings)
        with dg.build_sensor_context(instance=world.instance, definitions=definitions, cursor=cursor) as context:
            found = definitions.resolve_sensor_def(readiness.SENSOR).evaluate_tick(context)
        assert not found.run_requests
        cursor = found.cursor

    def shown() -> bool | None:
        storage = world.instance.event_log_storage
        record: AssetCheckSummaryRecord = storage.get_asset_check_summary_records([KEY])[KEY]
        last = record.last_check_execution_record
        event = last.event.dagster_event if last and last.event else None
        return event.asset_check_evaluation_data.passed if event else None

    lakes = {"nothing": str(tmp_path / "lake"), "until 30 June": sample_world.settings.lake}
    steps: list[tuple[datetime, str, bool, int]] = [
        (datetime(2026, 6, 30, 6), "until 30 June", True, 0),
        (datetime(2026, 7, 1, 6), "nothing", False, 1),
        (datetime(2026, 7, 1, 6, 2), "nothing", False, 1),
        (datetime(2026, 7, 1, 6, 4), "until 30 June", True, 1),
        (datetime(2026, 7, 2, 5, 59), "until 30 June", True, 1),
        (datetime(2026, 7, 2, 6), "until 30 June", False, 2),
    ]
    with listening() as hook:
        world.options["alert_webhook"] = hook.address
        for now, published, passed, told in steps:
            world.options["lake"] = lakes[published]
            look(now)
            assert (now, shown(), len(hook.messages)) == (now, passed, told)
    assert [message["text"] for message in hook.messages] == [
        "Snapshot of 2026-06-30 is late: 2026-06-30",
        "Snapshot of 2026-07-01 is late: 2026-07-01",
    ]


def test_a_result_stays_shown_whatever_is_built_and_is_not_told_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dagster calls a check *Not Evaluated* whose result is older than the latest materialisation of any day of its asset."""
    moment = datetime(2026, 7, 1, 7, tzinfo=UTC).timestamp()
    monkeypatch.setattr(readiness, "time", SimpleNamespace(time=lambda: moment))
    with listening() as hook:
        world = World(tmp_path, options={"alert_webhook": hook.address})
        definitions = build_definitions(world.settings)
        sensor, storage = definitions.resolve_sensor_def(readiness.SENSOR), world.instance.event_log_storage
        cursor: str | None = "2026-06-29:ready"
        for built in (None, None, "2025-03-01", "2025-03-02"):
            if built:
                world.instance.report_runless_asset_event(dg.AssetMaterialization("engagement_scores", partition=built))
            with dg.build_sensor_context(instance=world.instance, definitions=definitions, cursor=cursor) as context:
                cursor = sensor.evaluate_tick(context).cursor
            (record,) = storage.get_asset_check_execution_history(KEY, limit=10)
            assert asyncio.run(record.targets_latest_materialization(LoadingContextForTest(world.instance)))
        assert len(hook.messages) == 1


def test_a_new_install_is_late_only_when_a_day_was_due_under_its_eyes_and_nothing_builds_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Switched on at ten, when yesterday would have been due at six; its first build takes until after six the next day."""
    with listening() as hook:
        world = World(tmp_path, options={"alert_webhook": hook.address})
        daemon = Daemon(world)
        job = build_definitions(world.settings).resolve_job_def(DAILY_JOB)
        building: dg.DagsterRun | None = None
        for now, builds, told in (
            (datetime(2026, 7, 1, 10), False, 0),
            (datetime(2026, 7, 1, 23), True, 0),
            (datetime(2026, 7, 2, 6, 2), True, 0),
            (datetime(2026, 7, 2, 6, 4), False, 1),
            (datetime(2026, 7, 2, 6, 6), True, 1),
            (datetime(2026, 7, 3, 6), True, 2),  # no longer the first build
        ):
            moment = now.replace(tzinfo=UTC).timestamp()
            monkeypatch.setattr(readiness, "time", SimpleNamespace(time=lambda moment=moment: moment))
            if builds and building is None:
                building = world.instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
            elif not builds and building is not None:
                world.instance.delete_run(building.run_id)
                building = None
            daemon.tick(readiness.SENSOR)
            assert (now, len(hook.messages)) == (now, told)
        results = world.instance.event_log_storage.get_asset_check_execution_history(KEY, limit=10)
        assert len(results) == 2


def test_no_run_that_somebody_starts_judges_punctuality() -> None:
    definitions = build_definitions(Settings())
    everything = definitions.resolve_implicit_global_asset_job_def()
    graph = definitions.resolve_asset_graph()
    built = everything.get_subset(asset_selection=graph.materializable_asset_keys)
    asked = [built, *(definitions.resolve_job_def(name) for name in ("daily_snapshot", "monitoring", "serve"))]
    assert not any("ready_by_hour" in node for job in asked for node in job.graph.node_dict)
    assert {"engagement_scores", "bi_export"} <= set(built.graph.node_dict)
    by_hand = everything.get_subset(asset_selection=set(), asset_check_selection={KEY})
    assert [*by_hand.graph.node_dict] == ["yesterdays_snapshot_ready_by_hour"]
