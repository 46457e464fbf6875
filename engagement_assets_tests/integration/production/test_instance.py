"""The production instance at work: a backfill, a run killed, and once more together with the code server."""

from __future__ import annotations

import os
import re
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg2
import pytest

from engagement_assets.domain.contracts import EngagementScores
from engagement_assets_tests.integration.production.instance import FILES, Instance, environment_of, running_instance
from engagement_assets_tests.integration.production.postgres import postgres_for_tests
from engagement_assets_tests.servers import running, wait_for
from engagement_assets_tests.worlds import World

# Smaller: a backfill by clicks, in test_dagster_ui.py.
pytestmark = [pytest.mark.slow, pytest.mark.server, pytest.mark.postgres, pytest.mark.timeout(480)]

DAYS = ["2025-03-01", "2025-03-02"]
NEXT = "2025-03-03"

WAITING = "which is writing to the tables"

_STARTED = re.compile(r"Started process for run \(pid: (\d+)\)")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A small shop with an order a day."""
    shop = World(tmp_path_factory.mktemp("shop"), options={"start_date": DAYS[0]})
    shop.customers([{"customer_id": "a"}, {"customer_id": "b"}])
    shop.orders(
        [
            {
                "order_id": f"o{day}",
                "customer_id": "ab"[day % 2],
                "order_date": f"2025-03-{day:02d}",
                "order_amount": "9.50",
            }
            for day in range(1, 4)
        ]
    )
    shop.events([{"customer_id": "a", "event_time": "2025-03-01T10:00:00"}])
    return shop


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    with postgres_for_tests() as address:
        yield address


@pytest.fixture(scope="module")
def instance(shop: World, postgres: str) -> Iterator[Instance]:
    with running_instance(shop.root, shop.settings, postgres) as started:
        yield started


@contextmanager
def tables_taken(shop: World) -> Iterator[None]:
    """While this test writes to the tables, runs stand still at their first table."""
    with shop.lake.writing("a test", lambda text: None):
        yield


def test_a_backfill_ends_and_a_run_that_dies_twice_is_run_again_each_time(
    instance: Instance, shop: World, postgres: str
) -> None:
    backfill = instance.launch_backfill("backfill", *DAYS)
    with tables_taken(shop):
        instance.start("engagement-daemon")  # it looks for backfills at its start, and then every half a minute
        instance.wait_for_message("backfill", 0, WAITING)
        # Another writer waits in the queue, not beside.
        instance.launch_run("next", NEXT)
        time.sleep(3)  # several turns of the queue
        instance.wait_for_statuses("next", "QUEUED")
    instance.wait_for_statuses("backfill", "SUCCESS")

    with tables_taken(shop):  # long before the process of the next run is up
        said = instance.wait_for_message("next", 0, WAITING)
        os.kill(int(next(found[1] for text in said if (found := _STARTED.search(text)))), signal.SIGKILL)
        instance.wait_for_message("next", 0, "SIGKILL")

        instance.wait_for_message("next", 1, WAITING)
        os.killpg(instance.services["engagement-code"][1].pid, signal.SIGKILL)
        instance.stop("engagement-code")
        time.sleep(3)  # run monitoring has asked in vain
        instance.wait_for_statuses("next", "FAILURE", "STARTED")
        instance.start("engagement-code")  # as systemd does
        instance.wait_for_message("next", 1, "the code server has no process of this run")

    runs = instance.wait_for_statuses("next", "FAILURE", "FAILURE", "SUCCESS")
    assert [run["parentRunId"] for run in runs] == [None, runs[0]["runId"], runs[1]["runId"]]
    assert instance.wait_for_backfill(backfill) == "COMPLETED_SUCCESS"
    assert list(shop.lake.partitions(EngagementScores)) == [*DAYS, NEXT]
    with psycopg2.connect(postgres) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT status FROM runs WHERE run_id = %s", (runs[2]["runId"],))
        assert cursor.fetchall() == [("SUCCESS",)]
        cursor.execute(
            "SELECT partition FROM event_logs "
            "WHERE asset_key = %s AND dagster_event_type = 'ASSET_MATERIALIZATION' ORDER BY 1",
            ('["engagement_scores"]',),
        )
        assert [row[0] for row in cursor.fetchall()] == [*DAYS, NEXT]
    assert not instance.unhealthy()


def test_an_instance_that_a_script_started_in_the_background_stops_when_told(
    tmp_path: Path, shop: World, postgres: str
) -> None:
    """A shell lets what it starts there ignore Ctrl-C; Dagster gives the signal to stop the same handler."""
    environment = environment_of(shop.settings, postgres)
    ports = [int(environment[name]) for name in ("CODE_PORT", "UI_PORT", "DASHBOARD_PORT")]
    environment |= {"DAGSTER_HOME": str(tmp_path), "BIN": str(Path(sys.executable).parent)}
    # The first line is what a script does to its background.
    command = ["sh", "-c", f"trap '' INT; exec {FILES / 'start.sh'}"]
    with running(command, tmp_path / "said", environment) as started:
        for port in ports[1:]:
            wait_for(f"http://127.0.0.1:{port}/", started, tmp_path / "said", 120)
        started.terminate()
        started.wait(60)
        said = (tmp_path / "said").read_text(encoding="utf-8")
        assert "Code server was interrupted" in said
        for port in ports:
            with socket.socket() as knock:
                assert knock.connect_ex(("127.0.0.1", port)) != 0, said
