"""The Spark session of a run, on the engine the settings name.

`embedded` starts Sail, a Spark-compatible engine, inside the process on loopback: no Java. `local[N]`, `spark://…`, `yarn`
and `k8s://…` start Apache Spark. `sc://…` connects to any Spark Connect server. One engine per run, stopped at its end.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

from dagster import InitResourceContext
from dagster_pyspark import LazyPySparkResource
from pydantic import Field, PrivateAttr
from pyspark.sql import SparkSession

LOOPBACK = "127.0.0.1"

#: pyspark's own switch between the two kinds of session; it never takes it back by itself, and then refuses the other kind.
CONNECT_MODE = "SPARK_CONNECT_MODE_ENABLED"

#: Spark Connect sessions of this process that are open; with the last one the switch goes back.
_connected: set[int] = set()

#: What Sail reads when it is first imported. By default it reports every session to stderr, and its allocator, mimalloc, keeps
#: what is free for a second and gives it back in pieces of 2 MiB only: a run of many days then holds three times the memory.
_SAIL_PROCESS = {"RUST_LOG": "error", "MIMALLOC_PURGE_DELAY": "50", "MIMALLOC_ALLOW_THP": "0"}

#: Java's oldest release that Apache Spark 4 starts on.
OLDEST_JAVA = 17


class EngineUnavailableError(RuntimeError):
    """The chosen engine cannot start here; the message says why and what to do."""


class EngineResource(LazyPySparkResource):
    """dagster-pyspark's lazy session, on the engine of the settings, stopped when the run ends.

    `engine`: embedded, local[N], spark://…, yarn, k8s://… or sc://…. `timezone`: the session time zone, in which text
    without an offset is read and days are cut. `spark_config`: further Spark settings, which win over the defaults.
    """

    engine: str = "embedded"
    timezone: str = "UTC"
    spark_config: dict[str, Any] = Field(default_factory=dict)

    _server: Any = PrivateAttr(default=None)

    @property
    def is_embedded(self) -> bool:
        """Whether Sail inside this process computes."""
        return self.engine == "embedded"

    def _init_session(self) -> None:
        if self._spark_session is not None:
            return
        if self.is_embedded:
            self._spark_session = self._start_embedded()
        elif self.engine.startswith("sc://"):
            self._spark_session = self._connect(self.engine)
        else:
            self._spark_session = self._start_apache_spark()

    def _session_config(self) -> dict[str, str]:
        return {
            "spark.sql.session.timeZone": self.timezone,
            "spark.sql.timestampType": "TIMESTAMP_LTZ",
            # Looking up the caller of each function of a column is a tenth of a small run; tracebacks name it anyway.
            "spark.python.sql.dataFrameDebugging.enabled": "false",
            **{key: str(value) for key, value in self.spark_config.items()},
        }

    def _start_embedded(self) -> SparkSession:
        for name, value in _SAIL_PROCESS.items():
            os.environ.setdefault(name, value)
        try:
            from pysail.spark import SparkConnectServer
        except ImportError as error:
            raise EngineUnavailableError(
                "The embedded engine needs the package pysail, which has no build for this machine; "
                "install Java 17 or newer and set ENGAGEMENT_ENGINE=local[*]."
            ) from error
        self._server = SparkConnectServer(ip=LOOPBACK, port=0)
        self._server.start(background=True)
        _, port = self._server.listening_address
        return self._connect(f"sc://{LOOPBACK}:{port}")

    def _connect(self, url: str) -> SparkSession:
        # `create`, not `getOrCreate`: a session left by other code in this process may belong to another engine.
        session = SparkSession.builder.config(map={"spark.remote": url, **self._session_config()}).create()
        os.environ[CONNECT_MODE] = "1"
        _connected.add(id(self))
        for key, value in self._session_config().items():
            session.conf.set(key, value)
        return session

    def _start_apache_spark(self) -> SparkSession:
        require_java()
        active = SparkSession.getActiveSession()
        if active is not None:
            raise EngineUnavailableError(
                "A Spark session is already open in this process; stop it first, so that this run gets the engine it asked for."
            )
        config = {
            "spark.app.name": "engagement",
            "spark.master": self.engine,
            # The UI would listen on every network interface, whatever the bind address.
            "spark.ui.enabled": "false",
            # Each query is described for that UI; the formatted description of a long plan takes seconds.
            "spark.sql.ui.explainMode": "simple",
            "spark.sql.adaptive.enabled": "true",
            "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
            "spark.sql.shuffle.partitions": "8" if self.engine.startswith("local") else "200",
            **({"spark.driver.host": LOOPBACK, "spark.driver.bindAddress": LOOPBACK} if self._is_local else {}),
            **self._session_config(),
        }
        builder = SparkSession.builder
        for key, value in config.items():
            builder = builder.config(key, value)
        session = builder.getOrCreate()
        session.sparkContext.setLogLevel("ERROR")
        return session

    @property
    def _is_local(self) -> bool:
        return self.engine.startswith("local")

    def stop(self) -> None:
        """Stop the session, and the server if this resource started one. Harmless when nothing was started."""
        session, self._spark_session = self._spark_session, None
        server, self._server = self._server, None
        if session is not None:
            session.stop()
            if id(self) in _connected:
                _connected.remove(id(self))
                if not _connected:
                    os.environ.pop(CONNECT_MODE, None)
        if server is not None:
            server.stop()

    def teardown_after_execution(self, context: InitResourceContext) -> None:
        self.stop()

    def __enter__(self) -> EngineResource:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def java_version() -> int | None:
    """Major version of the Java that Apache Spark would start, None if there is none."""
    home = os.environ.get("JAVA_HOME")
    command = str(Path(home, "bin", "java")) if home else shutil.which("java")
    if not command:
        return None
    try:
        output = subprocess.run([command, "-version"], capture_output=True, text=True, timeout=30, check=True).stderr
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.search(r'version "(\d+)(?:\.(\d+))?', output)
    if not found:
        return None
    major = int(found.group(1))
    return int(found.group(2) or 0) if major == 1 else major


def require_java() -> None:
    """Raise EngineUnavailableError unless a Java that Apache Spark starts on is here."""
    version = java_version()
    if version is None or version < OLDEST_JAVA:
        found = "none was found" if version is None else f"{version} was found"
        raise EngineUnavailableError(
            f"Apache Spark needs Java {OLDEST_JAVA} or newer, and {found}: install it and set JAVA_HOME, "
            "or set ENGAGEMENT_ENGINE=embedded, which needs no Java."
        )
