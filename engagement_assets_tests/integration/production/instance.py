"""A production instance on loopback: the files of docs/production with other ports, places and shorter intervals."""

from __future__ import annotations

import json
import re
import shlex
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from typing import Any, TypeVar

import yaml

from engagement_assets.domain.catalogue import daily_tables
from engagement_assets.pipeline.automation import DAILY_JOB
from engagement_assets.settings import PREFIX, Settings
from engagement_assets_tests import PROJECT
from engagement_assets_tests.servers import free_port, running, wait_for

FILES = PROJECT / "docs" / "production"

_ENOUGH_SECONDS = 120

T = TypeVar("T")

_BACKFILL = """mutation($params: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $params) {
  __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }"""
_BACKFILL_STATUS = """query($id: String!) { partitionBackfillOrError(backfillId: $id) {
  ... on PartitionBackfill { status } } }"""
_RUN = """mutation($params: ExecutionParams!) { launchRun(executionParams: $params) {
  __typename ... on PythonError { message } } }"""
_RUNS = """query($filter: RunsFilter!) { runsOrError(filter: $filter) {
  ... on Runs { results { runId status parentRunId } } } }"""
_EVENTS = """query($run: ID!) { logsForRun(runId: $run) { ... on EventConnection { events {
  __typename ... on MessageEvent { message } } } } }"""
_LOCATIONS = """{ workspaceOrError { ... on Workspace { locationEntries { locationOrLoadError { __typename } } } } }"""
_DAEMONS = "{ instance { daemonHealth { allDaemonStatuses { daemonType required healthy } } } }"


@dataclass
class Instance:
    """The running services of an instance, by the names of their units."""

    root: Path
    environment: Mapping[str, str]
    services: dict[str, tuple[ExitStack, Any]] = field(default_factory=dict)

    @property
    def address(self) -> str:
        """Where the webserver answers."""
        return f"http://127.0.0.1:{self.environment['UI_PORT']}"

    def command(self, unit: str) -> list[str]:
        """What systemd would start, from this environment."""
        text = (FILES / f"{unit}.service").read_text(encoding="utf-8")
        found = re.search(r"^ExecStart=/opt/engagement/\.venv/bin/(.*)$", text, re.MULTILINE)
        assert found, f"{unit}: no command in the environment of the project"
        program, *arguments = shlex.split(found[1])
        filled = [str(PROJECT / each) if each.startswith("docs/") else each for each in arguments]
        filled = [Template(each).substitute(self.environment) for each in filled]
        return [str(Path(sys.executable).parent / program), *filled]

    def start(self, unit: str) -> Any:
        """Start a service; its process."""
        stack = ExitStack()
        own = re.findall(r"^Environment=(\w+)=(.*)$", (FILES / f"{unit}.service").read_text(), re.MULTILINE)
        environment = {**self.environment, **dict(own)}
        process = stack.enter_context(running(self.command(unit), self.root / f"{unit}.log", environment))
        self.services[unit] = stack, process
        return process

    def stop(self, unit: str) -> None:
        """End a service, the processes that it started too."""
        self.services.pop(unit)[0].close()

    def log(self, unit: str) -> Path:
        """What a service said."""
        return self.root / f"{unit}.log"

    # ---- GraphQL -----------------------------------------------------------------------------------------------------

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """The answer of the webserver to a query."""
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(f"{self.address}/graphql", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            found = json.load(answer)
        assert not found.get("errors"), found["errors"]
        return dict(found["data"])

    def launch_backfill(self, name: str, *days: str) -> str:
        """Ask for some days of all daily tables; the identifier of the backfill. `name` tells its runs from others."""
        assets = [{"path": [table.table()]} for table in daily_tables()]
        params = {"assetSelection": assets, "partitionNames": days, "tags": _named(name)}
        answer = self.ask(_BACKFILL, params=params)["launchPartitionBackfill"]
        assert answer["__typename"] == "LaunchBackfillSuccess", answer
        return str(answer["backfillId"])

    def backfill_status(self, backfill: str) -> str:
        """Where a backfill stands."""
        return str(self.ask(_BACKFILL_STATUS, id=backfill)["partitionBackfillOrError"]["status"])

    def launch_run(self, name: str, day: str) -> None:
        """Ask for a run of the daily job."""
        job = {"repositoryLocationName": "engagement", "repositoryName": "__repository__", "jobName": DAILY_JOB}
        tags = [*_named(name), {"key": "dagster/partition", "value": day}]
        params = {"selector": job, "runConfigData": {}, "executionMetadata": {"tags": tags}}
        answer = self.ask(_RUN, params=params)["launchRun"]
        assert answer["__typename"] == "LaunchRunSuccess", answer

    def runs(self, name: str) -> list[dict[str, Any]]:
        """The runs of what was launched by a name, the first one first; those that Dagster launched again, too."""
        return list(reversed(self.ask(_RUNS, filter={"tags": _named(name)})["runsOrError"]["results"]))

    def messages(self, run: str) -> list[str]:
        """What the events of a run say."""
        return [event.get("message") or "" for event in self.ask(_EVENTS, run=run)["logsForRun"]["events"]]

    # ---- waiting -----------------------------------------------------------------------------------------------------

    def wait_for_message(self, name: str, number: int, part: str) -> list[str]:
        """Wait until the run of this number among those of a name says something; all that it said."""

        def look() -> list[str]:
            runs = self.runs(name)
            said = self.messages(runs[number]["runId"]) if len(runs) > number else []
            return said if any(part in message for message in said) else []

        return self._wait(look, f"run {number} of {name!r} does not say {part!r}")

    def wait_for_statuses(self, name: str, *statuses: str) -> list[dict[str, Any]]:
        """Wait until the runs of a name have these statuses; the runs."""

        def look() -> list[dict[str, Any]]:
            runs = self.runs(name)
            return runs if tuple(run["status"] for run in runs) == statuses else []

        return self._wait(look, f"the runs of {name!r} do not become {statuses}")

    def wait_for_backfill(self, backfill: str) -> str:
        """Wait until a backfill has come to its end; how it ended."""

        def look() -> str:
            status = self.backfill_status(backfill)
            return "" if status in ("REQUESTED", "COMPLETING", "FAILING", "CANCELING") else status

        return self._wait(look, f"the backfill {backfill} does not end")

    def wait_until_loaded(self) -> None:
        """Wait until the webserver has what the code server offers; it tries again by itself."""

        def look() -> bool:
            found = self.ask(_LOCATIONS)["workspaceOrError"]["locationEntries"]
            return [entry["locationOrLoadError"]["__typename"] for entry in found] == ["RepositoryLocation"]

        self._wait(look, "the code server is not reached")

    def _wait(self, look: Callable[[], T], otherwise: str) -> T:
        end = time.monotonic() + _ENOUGH_SECONDS
        while time.monotonic() < end:
            found = look()
            if found:
                return found
            time.sleep(0.3)
        said = "\n".join(self.log(unit).read_text(errors="replace")[-2000:] for unit in self.services)
        raise AssertionError(f"{otherwise}\n{said}")

    def unhealthy(self) -> list[str]:
        """The daemons that are needed and do not report."""
        found = self.ask(_DAEMONS)["instance"]["daemonHealth"]["allDaemonStatuses"]
        return [daemon["daemonType"] for daemon in found if daemon["required"] and not daemon["healthy"]]


def _named(name: str) -> list[dict[str, str]]:
    return [{"key": "test", "value": name}]


def environment_of(settings: Settings, postgres: str) -> dict[str, str]:
    """The variables of an instance on loopback, but for its home."""
    return {
        # As it is SQLAlchemy's: without the name of the driver it takes another one than dagster-postgres brings.
        "DAGSTER_POSTGRES_URL": postgres.replace("postgresql:", "postgresql+psycopg2:"),
        "LISTEN": "127.0.0.1",
        **{name: str(free_port()) for name in ("CODE_PORT", "UI_PORT", "DASHBOARD_PORT")},
        f"{PREFIX}DATA": settings.data,
        f"{PREFIX}LAKE": settings.lake,
        f"{PREFIX}EXPORT": settings.export,
        f"{PREFIX}START_DATE": settings.start_date.isoformat(),
    }


@contextmanager
def running_instance(root: Path, settings: Settings, postgres: str) -> Iterator[Instance]:
    """Code server and webserver, ready, without a daemon yet; all are stopped when the block is left."""
    home = root / "dagster-home"
    home.mkdir()
    config = yaml.safe_load((FILES / "dagster.yaml").read_text(encoding="utf-8"))
    config["run_monitoring"]["poll_interval_seconds"] = 2
    config["run_queue"]["dequeue_interval_seconds"] = 1
    (home / "dagster.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    environment = {"DAGSTER_HOME": str(home), **environment_of(settings, postgres)}
    instance = Instance(root, environment)
    try:
        instance.start("engagement-code")
        webserver = instance.start("engagement-webserver")
        wait_for(f"{instance.address}/server_info", webserver, instance.log("engagement-webserver"))
        instance.wait_until_loaded()
        yield instance
    finally:
        for unit in list(instance.services):
            instance.stop(unit)
