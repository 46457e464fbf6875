"""Whether a run is still at work, told from what it was started by."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from dagster._core.launcher import WorkerStatus
from dagster._core.storage.dagster_run import DagsterRun
from dagster._core.storage.tags import GRPC_INFO_TAG

from engagement_assets.dagster_internals.run_launcher import PROCESS_TAG, WatchedRunLauncher, this_process
from engagement_assets_tests.servers import free_port


def status(**tags: str) -> WorkerStatus:
    run = DagsterRun(job_name="daily_snapshot", tags={name.replace("__", "/"): value for name, value in tags.items()})
    return WatchedRunLauncher().check_run_worker_health(run).status


def ended_process() -> int:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


def test_a_run_of_a_command_is_over_with_its_process() -> None:
    assert PROCESS_TAG == "engagement/process"
    assert status(engagement__process=this_process()) is WorkerStatus.RUNNING
    assert status(engagement__process=f"{socket.gethostname()}:{ended_process()}") is WorkerStatus.FAILED


@pytest.mark.parametrize(
    "where",
    ["", "another-machine:1", f"another-machine:{os.getpid()}"],
    ids=["nowhere", "another machine", "another machine with a process of this number"],
)
def test_a_run_of_which_nothing_can_be_told_counts_as_at_work(where: str) -> None:
    assert status(engagement__process=where) is WorkerStatus.RUNNING


def test_a_code_server_with_its_own_socket_does_not_come_back_one_with_a_port_may(tmp_path: Path) -> None:
    gone = {"host": "localhost", "socket": str(tmp_path / "gone")}
    silent = {"host": "127.0.0.1", "port": free_port()}
    name = GRPC_INFO_TAG.replace("/", "__")
    assert status(**{name: json.dumps(gone)}) is WorkerStatus.FAILED
    assert status(**{name: json.dumps(silent)}) is WorkerStatus.RUNNING
