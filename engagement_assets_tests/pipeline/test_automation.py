"""What runs by itself: the schedule asks for yesterday, the files for BI tools follow a publication."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from engagement_assets.definitions import build_definitions
from engagement_assets.domain.campaign_policy import CampaignPolicy
from engagement_assets.domain.scoring_policy import ScoringPolicy
from engagement_assets.pipeline.automation import DAILY_JOB
from engagement_assets_tests import PROJECT
from engagement_assets_tests.worlds import World


def test_the_schedule_asks_for_yesterday_in_the_business_time_zone(world: World) -> None:
    """At 02:00 in Auckland it is still the day before yesterday's evening in UTC."""
    world.options["timezone"] = "Pacific/Auckland"
    schedule = build_definitions(world.settings).resolve_schedule_def("daily_snapshot_schedule")
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("0 2 * * *", "Pacific/Auckland")
    two_at_night = datetime(2025, 3, 31, 13, 0, tzinfo=UTC)  # 1 April, 02:00 in Auckland, summer time
    context = dg.build_schedule_context(scheduled_execution_time=two_at_night, instance=world.instance)
    (request,) = schedule.evaluate_tick(context).run_requests or []
    assert (request.partition_key, schedule.job_name) == ("2025-03-31", DAILY_JOB)


def test_neither_definitions_nor_a_run_use_what_dagster_gives_up(world: World) -> None:
    world.options["start_date"] = "2025-03-01"
    world.customers([{"customer_id": "a"}])
    with warnings.catch_warnings(record=True) as given:
        warnings.simplefilter("always")
        world.run("2025-03-01")
    ours = [each for each in given if "engagement_assets/" in each.filename]
    assert [str(each) for each in ours if each.category in (DeprecationWarning, dg.SupersessionWarning)] == []


def test_dagster_dev_without_a_home_says_that_it_forgets_but_in_a_clone(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "DAGSTER_HOME"}
    environment |= {"DAGSTER_IS_DEV_CLI": "1", "PYTHONPATH": str(PROJECT)}
    load = [sys.executable, "-c", "import engagement_assets.definitions"]
    for folder, forgets in ((tmp_path, True), (PROJECT, False)):
        said = subprocess.run(load, env=environment, cwd=folder, capture_output=True, text=True, check=True)
        assert ("`dagster dev` forgets its runs when it ends. `make dev` keeps them" in said.stderr) is forgets


def test_the_export_follows_a_publication_though_most_days_are_missing(world: World) -> None:
    world.options["start_date"] = "2025-03-01"
    world.customers([{"customer_id": "a"}])
    definitions = build_definitions(world.settings)
    export = dg.AssetSelection.assets("bi_export", "power_bi_project")

    def requested(cursor: dg.AssetDaemonCursor | None = None) -> dg.EvaluateAutomationConditionsResult:
        return dg.evaluate_automation_conditions(definitions, world.instance, asset_selection=export, cursor=cursor)

    first = requested()
    assert first.total_requested == 0
    world.run("2025-03-03")
    after = requested(first.cursor)
    assert after.get_num_requested(dg.AssetKey("bi_export")) == 1
    assert after.get_num_requested(dg.AssetKey("power_bi_project")) == 1
    assert requested(after.cursor).total_requested == 0


@pytest.mark.slow  # smaller: what the sensor asks for in operations/test_refresh.py
def test_the_refresh_sensor_asks_for_one_range_after_the_other_until_nothing_is_outdated(world: World) -> None:
    """A late event of the second day, found by a run of the third."""
    world.options |= {
        "start_date": "2025-03-01",
        "scoring": ScoringPolicy(activity_window_days=1),
        "campaigns": CampaignPolicy(abandoned_cart_days=1),
        "refresh_days": 3660,
    }
    days = [f"2025-03-{n:02}" for n in range(1, 13)]
    world.customers([{"customer_id": "a"}])
    events = [{"customer_id": "a", "event_time": f"{day}T12:00:00Z"} for day in days]
    world.events(events)
    world.run(days[0], days[-1])
    definitions = build_definitions(world.settings)
    sensor = definitions.resolve_sensor_def("refresh_outdated")
    assert sensor.default_status == dg.DefaultSensorStatus.STOPPED

    def asked() -> dg.RunRequest | None:
        with dg.build_sensor_context(instance=world.instance, definitions=definitions) as context:
            found = sensor.evaluate_tick(context)
        return found.run_requests[0] if found.run_requests else None

    assert asked() is None
    world.events([*events, {"customer_id": "a", "event_time": "2025-03-02T20:00:00Z"}])
    # Only facts are brought up to date by it: it is asked for nothing else of the past.
    world.run(days[-1])
    requests = []
    while (request := asked()) is not None:
        again = asked()
        assert again is not None
        assert again.run_key == request.run_key  # the same request is not made twice
        requests.append(request)
        result = definitions.resolve_job_def(DAILY_JOB).execute_in_process(
            instance=world.instance,
            tags=request.tags,
            partition_key=request.tags.get("dagster/partition"),
            asset_selection=request.asset_selection,
            run_config={"loggers": {"progress": {}}},
        )
        assert result.success
    request, day_after = requests
    snapshots = {
        "customer_features",
        "engagement_scores",
        "engagement_metrics",
        "segment_changes",
        "campaign_audiences",
        "campaign_results",
        "score_backtest",
    }
    assert {key.to_user_string() for key in request.asset_selection or []} == snapshots
    assert [key.to_user_string() for key in day_after.asset_selection or []] == ["segment_changes"]
    ends = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")
    # Its session may go on into the 3rd, and the features count the sessions of seven days.
    assert [request.tags[end] for end in ends] == ["2025-03-02", "2025-03-09"]
