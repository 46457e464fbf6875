"""What runs by itself: the schedule asks for yesterday, the files for BI tools follow a publication."""

from __future__ import annotations

from datetime import datetime, timezone

import dagster as dg

from engagement_assets.automation import DAILY_JOB
from engagement_assets.definitions import build_definitions
from engagement_assets_tests.worlds import World


def test_the_schedule_asks_for_yesterday_in_the_business_time_zone(world: World) -> None:
    """At 02:00 in Auckland it is still the day before yesterday's evening in UTC."""
    world.options["timezone"] = "Pacific/Auckland"
    schedule = build_definitions(world.settings).resolve_schedule_def("daily_snapshot_schedule")
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("0 2 * * *", "Pacific/Auckland")
    two_at_night = datetime(2025, 3, 31, 13, 0, tzinfo=timezone.utc)  # 1 April, 02:00 in Auckland, summer time
    context = dg.build_schedule_context(scheduled_execution_time=two_at_night, instance=world.instance)
    (request,) = schedule.evaluate_tick(context).run_requests or []
    assert (request.partition_key, schedule.job_name) == ("2025-03-31", DAILY_JOB)


def test_the_export_follows_a_publication_though_most_days_are_missing(world: World) -> None:
    world.options["start_date"] = "2025-03-01"
    world.customers([{"customer_id": "a"}])
    definitions = build_definitions(world.settings)
    export = dg.AssetSelection.assets("bi_export")

    def requested(cursor: dg.AssetDaemonCursor | None = None) -> dg.EvaluateAutomationConditionsResult:
        return dg.evaluate_automation_conditions(definitions, world.instance, asset_selection=export, cursor=cursor)

    first = requested()
    assert first.total_requested == 0
    world.run("2025-03-03")
    after = requested(first.cursor)
    assert after.get_num_requested(dg.AssetKey("bi_export")) == 1
    assert requested(after.cursor).total_requested == 0
