"""Half of a Spark cluster dies in the middle of a job: the rows are all there, or the old version is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pyspark
import pytest

from engagement_assets.contracts import RawOrders
from engagement_assets.resources.tables import LakeResource
from engagement_assets_tests.faults import writers
from engagement_assets_tests.servers import free_port, fresh_environment, running, wait_for

pytestmark = pytest.mark.spark

_SPARK_CLASS = str(Path(pyspark.__file__).parent / "bin" / "spark-class")
_DAEMONS = {
    "SPARK_LOCAL_IP": "127.0.0.1",
    "SPARK_DAEMON_MEMORY": "128m",
    "SPARK_DAEMON_JAVA_OPTS": "-XX:+UseSerialGC -XX:TieredStopAtLevel=1",
}


@dataclass
class Cluster:
    """A master on loopback and its two workers, each with its executors in a process group of its own."""

    master: str
    workers: list[subprocess.Popen[bytes]]
    folders: list[Path]


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    port, page = free_port(), free_port()
    folders = [tmp_path / f"worker-{n}" for n in range(2)]
    with ExitStack() as stack:

        def start(name: str, *arguments: str) -> subprocess.Popen[bytes]:
            command = [_SPARK_CLASS, f"org.apache.spark.deploy.{name.split('-')[0]}", *arguments]
            return stack.enter_context(running(command, tmp_path / f"{name}.log", _DAEMONS))

        place = ["--host", "127.0.0.1"]
        server = start("master.Master", *place, "--port", str(port), "--webui-port", str(page))
        wait_for(f"http://127.0.0.1:{page}", server, tmp_path / "master.Master.log")
        master = f"spark://127.0.0.1:{port}"
        small = ["--cores", "1", "--memory", "600m", "--webui-port", "0"]
        workers = [
            start(f"worker.Worker-{n}", *place, *small, "--work-dir", str(folder), master)
            for n, folder in enumerate(folders)
        ]
        yield Cluster(master, workers, folders)


def test_a_job_that_loses_a_worker_publishes_every_row_and_until_then_the_old_version_is_shown(
    cluster: Cluster, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "engagement_assets_tests.faults.spark_job", cluster.master, str(tmp_path)]
    environment = {**fresh_environment(), "SPARK_LOCAL_IP": "127.0.0.1"}
    lake = LakeResource.of(writers.settings(tmp_path))
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        cwd=Path(__file__).parents[2],
    ) as job:
        try:
            assert job.stdout is not None
            assert job.stdout.readline() == "slow\n", job.communicate()[1][-3000:]
            time.sleep(2)
            assert [len(list(folder.glob("app-*/*"))) for folder in cluster.folders] == [1, 1]
            os.killpg(cluster.workers[0].pid, signal.SIGKILL)
            assert job.poll() is None
            assert shown(lake) == whole(1)
            said, complaints = job.communicate(timeout=120)
        finally:
            job.kill()
    assert (job.returncode, said) == (0, "done\n"), complaints[-3000:]
    assert "Lost executor" in complaints
    assert shown(lake) == whole(2)


def shown(lake: LakeResource) -> dict[str, tuple[int, int, int]]:
    return writers.marks(lake, RawOrders, "order_amount")


def whole(number: int) -> dict[str, tuple[int, int, int]]:
    return dict.fromkeys(writers.DAYS, (writers.ROWS, number, number))
