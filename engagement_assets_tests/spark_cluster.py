"""A standalone Spark cluster on loopback: a master and two workers, each a process of its own."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyspark

from engagement_assets_tests.servers import free_port, running, wait_for

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


@contextmanager
def standalone(place: Path, memory: str = "600m") -> Iterator[Cluster]:
    """A cluster whose workers have a core and so much memory each; logs and workers' folders go to `place`."""
    port, page = free_port(), free_port()
    folders = [place / f"worker-{n}" for n in range(2)]
    with ExitStack() as stack:

        def start(name: str, *arguments: str) -> subprocess.Popen[bytes]:
            command = [_SPARK_CLASS, f"org.apache.spark.deploy.{name.split('-')[0]}", *arguments]
            return stack.enter_context(running(command, place / f"{name}.log", _DAEMONS))

        host = ["--host", "127.0.0.1"]
        server = start("master.Master", *host, "--port", str(port), "--webui-port", str(page))
        wait_for(f"http://127.0.0.1:{page}", server, place / "master.Master.log")
        master = f"spark://127.0.0.1:{port}"
        small = ["--cores", "1", "--memory", memory, "--webui-port", "0"]
        workers = [
            start(f"worker.Worker-{n}", *host, *small, "--work-dir", str(folder), master)
            for n, folder in enumerate(folders)
        ]
        yield Cluster(master, workers, folders)
