"""A new install builds what is missing by itself: a range in one run, once, and again only when something may have changed."""

from __future__ import annotations

from datetime import UTC, date, datetime, tzinfo

import dagster as dg
import pytest

from engagement_assets.definitions import build_definitions
from engagement_assets.domain.contracts import CampaignAudiences, EngagementScores, RawOrders
from engagement_assets.domain.remedies import DAILY_JOB
from engagement_assets.pipeline import catch_up
from engagement_assets.settings import Settings
from engagement_assets_tests.daemon import Daemon
from engagement_assets_tests.worlds import World

RANGE = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")


class Clock(datetime):
    """A clock that stands still."""

    moment = datetime(2025, 3, 6, 10, tzinfo=UTC)

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Clock:
        """The moment."""
        return cls.fromtimestamp(cls.moment.timestamp(), tz)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> type[Clock]:
    """The clock of the sensor."""
    monkeypatch.setattr(catch_up, "datetime", Clock)
    monkeypatch.setattr(Clock, "moment", Clock.moment)
    return Clock


def asked(found: dg.RunRequest | str) -> tuple[str, ...]:
    """The first and the last day, or the day, of a request."""
    assert isinstance(found, dg.RunRequest), found
    return tuple(found.tags[end] for end in RANGE if end in found.tags) or (found.tags["dagster/partition"],)


def order(number: int, customer: str, day: str) -> dict[str, object]:
    return {"order_id": f"o{number}", "customer_id": customer, "order_date": day, "order_amount": "1.00"}


def test_what_is_missing_is_asked_for_as_one_range_and_then_no_more(world: World, clock: type[Clock]) -> None:
    world.options |= {"start_date": date(2025, 3, 1), "catch_up_days": 3}
    daemon = Daemon(world)
    daemon.tick(catch_up.SENSOR)
    assert str(daemon.tick(catch_up.SENSOR)).startswith("no customers in ")
    world.customers([{"customer_id": "a"}])
    assert "waiting until they stay" in str(daemon.tick(catch_up.SENSOR))
    request = daemon.tick(catch_up.SENSOR)
    assert isinstance(request, dg.RunRequest)
    assert asked(request) == ("2025-03-03", "2025-03-05")
    job = build_definitions(world.settings).resolve_job_def(DAILY_JOB)
    for status in (dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED):
        waiting = world.instance.create_run_for_job(job, status=status, tags=request.tags)
        assert "a run is under way" in str(daemon.tick(catch_up.SENSOR))
        world.instance.delete_run(waiting.run_id)
    daemon.start(request, DAILY_JOB)
    assert daemon.tick(catch_up.SENSOR) == "no day of the last 3 is missing"
    for table in (EngagementScores, CampaignAudiences):
        assert list(world.lake.partitions(table)) == ["2025-03-03", "2025-03-04", "2025-03-05"]
    # The facts before them were filled in.
    assert min(world.lake.partitions(RawOrders)) == "2025-03-01"

    # The night after, yesterday is the schedule's until an hour after it; of two gaps the later comes first.
    clock.moment = datetime(2025, 3, 7, 2, 59, tzinfo=UTC)
    assert daemon.tick(catch_up.SENSOR) == "no day of the last 3 is missing"
    clock.moment = datetime(2025, 3, 7, 3, tzinfo=UTC)
    assert asked(daemon.tick(catch_up.SENSOR)) == ("2025-03-06",)
    world.options["catch_up_days"] = 30
    later = daemon.tick(catch_up.SENSOR)
    assert isinstance(later, dg.RunRequest)
    assert asked(later) == ("2025-03-06",)
    daemon.start(later, DAILY_JOB)
    assert asked(daemon.tick(catch_up.SENSOR)) == ("2025-03-01", "2025-03-02")


def test_days_that_failed_are_asked_for_again_when_the_files_are_others(world: World, clock: type[Clock]) -> None:
    world.options |= {"start_date": date(2025, 3, 4)}
    world.customers([{"customer_id": "a"}])
    world.orders([order(1, "nobody", "2025-03-04"), order(2, "nobody", "2025-03-05")])
    daemon = Daemon(world)
    daemon.tick(catch_up.SENSOR)
    first = daemon.tick(catch_up.SENSOR)
    assert isinstance(first, dg.RunRequest)
    assert asked(first) == ("2025-03-04", "2025-03-05")
    daemon.start(first, DAILY_JOB, expect=False)
    refused = str(daemon.tick(catch_up.SENSOR))
    assert "2025-03-04 to 2025-03-05 has failed" in refused
    assert "`engagement run`, or *Materialize all* of the job daily_snapshot" in refused
    # The day after, only that day is new.
    clock.moment = datetime(2025, 3, 7, 10, tzinfo=UTC)
    assert asked(daemon.tick(catch_up.SENSOR)) == ("2025-03-06",)
    world.orders([order(1, "a", "2025-03-04"), order(2, "a", "2025-03-05")])
    assert "waiting until they stay" in str(daemon.tick(catch_up.SENSOR))
    again = daemon.tick(catch_up.SENSOR)
    assert isinstance(again, dg.RunRequest)
    assert asked(again) == ("2025-03-04", "2025-03-06")
    daemon.start(again, DAILY_JOB)
    assert daemon.tick(catch_up.SENSOR) == "no day of the last 30 is missing"


def test_it_is_on_where_runs_are_daily_and_off_otherwise() -> None:
    for daily, status in ((True, dg.DefaultSensorStatus.RUNNING), (False, dg.DefaultSensorStatus.STOPPED)):
        definitions = build_definitions(Settings(run_daily=daily))
        assert definitions.resolve_sensor_def(catch_up.SENSOR).default_status == status
