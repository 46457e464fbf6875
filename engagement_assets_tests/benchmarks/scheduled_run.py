"""A day's scheduled run on the sample data, from launch to success, as the daemon does it.

    python -m engagement_assets_tests.benchmarks.scheduled_run [--runs 3]

A lake with the day before, and what `make dev` starts; the run is launched over GraphQL, waits in the queue, gets a process of
its own, computes on the embedded engine. Wall time in seconds: until the daemon took it from the queue, until its process began
to compute, until it succeeded; and the processor seconds of that process (on Linux), which a busy machine changes less.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from engagement_assets.operations.dagster_home import LOCAL_INSTANCE
from engagement_assets.pipeline.automation import DAILY_JOB
from engagement_assets.settings import PREFIX
from engagement_assets_tests import PROJECT
from engagement_assets_tests.servers import free_port, fresh_environment, running, wait_for
from engagement_assets_tests.worlds import SAMPLE_DATA, SAMPLE_START, World

WORKSPACE = PROJECT / "workspace.yaml"
LAST = date(2026, 6, 30)

_LAUNCH = "mutation ($run: ExecutionParams!) {launchRun(executionParams: $run) {... on LaunchRunSuccess {run {runId}}}}"
_STATUS = "query ($id: ID!) {runOrError(runId: $id) {... on Run {status}}}"
_EVENTS = """query ($id: ID!) {runOrError(runId: $id) {... on Run {startTime endTime
    eventConnection {events {... on RunStartingEvent {timestamp} ... on EngineEvent {message}}}}}}"""

_PROCESS = re.compile(r"Started process for run \(pid: (\d+)\)")


def main() -> None:
    """Build the day before, launch the days, print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=3)
    runs = parser.parse_args().runs
    console = Console()
    columns = ("day", "launched to dequeued", "to computing", "to success", "total", "processor")
    table = Table(*columns, title="seconds")
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder), options={"data": str(SAMPLE_DATA), "start_date": SAMPLE_START})
        with console.status("building the day before"):
            world.run((LAST - timedelta(days=runs)).isoformat())
        with served(world) as ask, console.status("launching runs"):
            for number in reversed(range(runs)):
                day = (LAST - timedelta(days=number)).isoformat()
                wait_until_idle(ask)  # the files for BI tools follow each run
                table.add_row(day, *(f"{seconds:.1f}" for seconds in launch(ask, day)))
    console.print(table)
    console.print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores", highlight=False)


@contextmanager
def served(world: World) -> Iterator[Any]:
    """What `make dev` starts, for a world; gives a function that asks GraphQL."""
    options = {**world.settings.model_dump(include={"data", "lake", "export"}), "start_date": world.settings.start_date}
    settings = {PREFIX + name.upper(): str(value) for name, value in options.items()}
    environment = {**fresh_environment(), **settings, "DAGSTER_HOME": str(world.root / "home")}
    # The home that `make dev` makes, not the shorter one of tests.
    (world.root / "home" / "dagster.yaml").write_text(LOCAL_INSTANCE, encoding="utf-8")
    port, log = free_port(), world.root / "dagster.log"
    command = [sys.executable, "-m", "dagster", "dev", "--workspace", str(WORKSPACE)]
    with running([*command, "--host", "127.0.0.1", "--port", str(port)], log, environment) as server:
        wait_for(f"http://127.0.0.1:{port}/server_info", server, log)

        def ask(query: str, **variables: Any) -> dict[str, Any]:
            body = json.dumps({"query": query, "variables": variables}).encode()
            request = urllib.request.Request(
                f"http://127.0.0.1:{port}/graphql", body, {"Content-Type": "application/json"}
            )
            with urllib.request.urlopen(request, timeout=60) as answer:
                return dict(json.load(answer)["data"])

        yield ask


def wait_until_idle(ask: Any) -> None:
    """Wait until no run is queued or under way for ten seconds."""
    query = (
        "{runsOrError(filter: {statuses: [QUEUED, NOT_STARTED, STARTING, STARTED]}) {... on Runs {results {runId}}}}"
    )
    quiet = time.monotonic()
    while time.monotonic() - quiet < 10:
        if ask(query)["runsOrError"]["results"]:
            quiet = time.monotonic()
        time.sleep(0.5)


def launch(ask: Any, day: str) -> tuple[float, float, float, float, float]:
    """Launch a day and wait for its success; seconds of the three parts and of all, processor seconds of the run's process.

    Raises RuntimeError if the run fails.
    """
    run = {
        "selector": {
            "jobName": DAILY_JOB,
            "repositoryLocationName": "engagement",
            "repositoryName": "__repository__",
        },
        "mode": "default",
        "runConfigData": {},
        "executionMetadata": {"tags": [{"key": "dagster/partition", "value": day}]},
    }
    launched = time.time()
    identity = ask(_LAUNCH, run=run)["launchRun"]["run"]["runId"]
    used, process = 0.0, None
    # Few questions: each takes time from the run.
    while (status := ask(_STATUS, id=identity)["runOrError"]["status"]) not in ("SUCCESS", "FAILURE"):
        if status == "STARTED" and process is None:
            process = _process(ask(_EVENTS, id=identity)["runOrError"])
        used = max(used, _processor_seconds(process))
        time.sleep(0.4)
    if status == "FAILURE":
        raise RuntimeError(f"the run of {day} failed")
    found = ask(_EVENTS, id=identity)["runOrError"]
    events = found["eventConnection"]["events"]
    starting = next(float(event["timestamp"]) / 1000 for event in events if "timestamp" in event)
    started, ended = found["startTime"], found["endTime"]
    used = max(used, _processor_seconds(process))
    return starting - launched, started - starting, ended - started, ended - launched, used


def _process(run: Any) -> str | None:
    """The number of the process of a run, from what Dagster says of its start."""
    messages = [event.get("message", "") for event in run["eventConnection"]["events"]]
    return next((match[1] for text in messages if (match := _PROCESS.search(text))), None)


def _processor_seconds(process: str | None) -> float:
    """What a process has used so far, with the threads of its engine; 0 where that cannot be told."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
