"""Dagster's default run launcher, and what it lacks: telling whether a run that counts as started is still at work.

A run is a child process of a code server, which reports a child that dies. When the code server dies with it (the machine
restarts, memory runs out), nobody reports the run: it would count as started for ever and hold its place in the queue. Run
monitoring asks this launcher, which asks the code server that the run was started on. A run of the command line has no code
server; it is tagged with its process.
"""

from __future__ import annotations

import json
import os
import socket

import grpc
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.launcher import CheckRunHealthResult, DefaultRunLauncher, WorkerStatus
from dagster._core.storage.dagster_run import DagsterRun
from dagster._core.storage.tags import GRPC_INFO_TAG
from dagster._grpc.client import DagsterGrpcClient
from dagster._grpc.types import GetCurrentRunsResult
from dagster._serdes import deserialize_value

#: The process of a run that the command line executes itself, as `host:pid`.
PROCESS_TAG = "engagement/process"


def this_process() -> str:
    """The value of PROCESS_TAG for this process."""
    return f"{socket.gethostname()}:{os.getpid()}"


class WatchedRunLauncher(DefaultRunLauncher):
    """DefaultRunLauncher that says whether the process of a run is alive, for `run_monitoring`."""

    @property
    def supports_check_run_worker_health(self) -> bool:
        """Run monitoring may ask."""
        return True

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """FAILED if the run's code server does not know the run or is gone for good, or its own process is gone.

        RUNNING as long as that is open.
        """
        where = json.loads(run.tags.get(GRPC_INFO_TAG, "null"))
        if where is None:
            if _is_over(run.tags.get(PROCESS_TAG, "")):
                return CheckRunHealthResult(WorkerStatus.FAILED, "the process of the command that ran it is gone")
            return CheckRunHealthResult(WorkerStatus.RUNNING, "the run was not started by this launcher")
        client = DagsterGrpcClient(
            host=where.get("host"),
            port=where.get("port"),
            socket=where.get("socket"),
            use_ssl=bool(where.get("use_ssl", False)),
        )
        try:
            known = deserialize_value(client.get_current_runs(), GetCurrentRunsResult).current_runs
        except DagsterUserCodeUnreachableError as error:
            # A server with a socket of its own never comes back; one with a port is restarted, and then knows its runs.
            if where.get("socket") and _is_nobody_there(error):
                return CheckRunHealthResult(WorkerStatus.FAILED, "the code server of the run is gone")
            return CheckRunHealthResult(WorkerStatus.RUNNING, "the code server does not answer; it is asked again")
        if run.run_id in known:
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        return CheckRunHealthResult(WorkerStatus.FAILED, "the code server has no process of this run")


def _is_nobody_there(error: DagsterUserCodeUnreachableError) -> bool:
    cause = error.__cause__
    return isinstance(cause, grpc.Call) and cause.code() == grpc.StatusCode.UNAVAILABLE


def _is_over(process: str) -> bool:
    """Whether a process of this machine is gone; False where that cannot be told."""
    host, _, number = process.rpartition(":")
    if host != socket.gethostname() or os.name != "posix":
        return False
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return True
    except PermissionError:  # somebody else's, so it is there
        pass
    return False
