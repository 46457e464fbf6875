"""Half of a Spark cluster dies in the middle of a job: the rows are all there, or the old version is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from engagement_assets.domain.contracts import RawOrders
from engagement_assets.lake.tables import LakeResource
from engagement_assets_tests import PROJECT
from engagement_assets_tests.integration.faults import writers
from engagement_assets_tests.servers import fresh_environment
from engagement_assets_tests.spark_cluster import Cluster, standalone

# Smaller: killed writers and runs, in test_kill.py.
pytestmark = [pytest.mark.slow, pytest.mark.spark]


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    with standalone(tmp_path) as started:
        yield started


def test_a_job_that_loses_a_worker_publishes_every_row_and_until_then_the_old_version_is_shown(
    cluster: Cluster, tmp_path: Path
) -> None:
    command = [
        sys.executable,
        "-m",
        "engagement_assets_tests.integration.faults.spark_job",
        cluster.master,
        str(tmp_path),
    ]
    environment = {**fresh_environment(), "SPARK_LOCAL_IP": "127.0.0.1"}
    lake = LakeResource.of(writers.settings(tmp_path))
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        cwd=PROJECT,
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
