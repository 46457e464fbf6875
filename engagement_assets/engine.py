"""The Spark session of a run, on the engine the settings name.

`embedded` starts Sail, a Spark-compatible engine, inside the process on loopback: no Java. `local[N]`, `spark://…`, `yarn`
and `k8s://…` start Apache Spark. `sc://…` connects to any Spark Connect server. One engine per run, stopped at its end.

An engine reads and writes whatever its owner may, so nobody else may give it orders. Sail listens on TCP only, and asks nobody
who they are: as soon as the run is connected, its listening socket is closed. Apache Spark in this process asks for a secret.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import stat
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
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
#: what is free for a second and gives it back in pieces of 2 MiB only: a run of many days then holds three times the memory. It
#: also ends sessions that were idle for 15 minutes, which a run that waits for another may be; this one is nobody else's.
_SAIL_PROCESS = {
    "RUST_LOG": "error",
    "MIMALLOC_PURGE_DELAY": "50",
    "MIMALLOC_ALLOW_THP": "0",
    "SAIL_SPARK__SESSION_TIMEOUT_SECS": str(7 * 24 * 3600),
}

#: The name of a Unix socket is at most some hundred characters long, and a folder for temporary files may be anywhere.
_SHORT_FOLDER = "/tmp"

#: How long the run's own connection to the embedded engine may take, seconds.
_CONNECT_SECONDS = 60

#: An engine in this process that does not answer is gone for good; pyspark would go on asking it for ten minutes.
_RETRIES = 3

#: gRPC drops a connection that was idle for this long, milliseconds, and could not come back: never.
_IDLE = ("grpc.client_idle_timeout_ms", 2**31 - 1)

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
        return self._connect(f"sc://{LOOPBACK}:{port}", only_client_of=port)

    def _connect(self, url: str, only_client_of: int | None = None) -> SparkSession:
        """A session on a Spark Connect server; with `only_client_of`, a port of this process, nobody else gets one there."""
        # Only now, because it takes a moment.
        import grpc
        from pyspark.sql.connect.client import DefaultChannelBuilder
        from pyspark.sql.connect.client.retries import DefaultPolicy
        from pyspark.sql.connect.session import SparkSession as ConnectSession

        class Connection(DefaultChannelBuilder):
            def toChannel(self) -> grpc.Channel:  # noqa: N802 (pyspark's name)
                channel = super().toChannel()
                if only_client_of is not None:
                    grpc.channel_ready_future(channel).result(timeout=_CONNECT_SECONDS)
                    close_to_others(only_client_of)
                return channel

        # `create`, not `getOrCreate`: a session left by other code in this process may belong to another engine.
        builder = ConnectSession.builder.config(map={**self._session_config()})
        session: Any = builder.channelBuilder(Connection(url, channelOptions=[_IDLE])).create()
        os.environ[CONNECT_MODE] = "1"
        _connected.add(id(self))
        if only_client_of is not None:
            session.client.set_retry_policies([DefaultPolicy(max_retries=_RETRIES)])
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
            # The driver's ports are open to every user of this machine; the secret is made for this process alone.
            **(
                {"spark.driver.host": LOOPBACK, "spark.driver.bindAddress": LOOPBACK, "spark.authenticate": "true"}
                if self._is_local
                else {}
            ),
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
            with suppress(RuntimeError):  # it died by itself
                server.stop()

    def teardown_after_execution(self, context: InitResourceContext) -> None:
        self.stop()

    def __enter__(self) -> EngineResource:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


@contextmanager
def _sockets() -> Iterator[list[tuple[int, socket.socket]]]:
    """The Internet sockets of this process, whoever opened them: file descriptor, and a copy to ask."""
    found: list[tuple[int, socket.socket]] = []
    try:
        for number in [int(entry.name) for entry in Path("/dev/fd").iterdir()]:
            try:
                if stat.S_ISSOCK(os.fstat(number).st_mode):
                    found.append((number, socket.socket(fileno=os.dup(number))))
            except OSError:  # closed meanwhile, by another thread or by the listing itself
                continue
        yield [(number, each) for number, each in found if each.family in (socket.AF_INET, socket.AF_INET6)]
    finally:
        for _, each in found:
            each.close()


def close_to_others(port: int) -> None:
    """Close a listening port of this process, and leave the connections that this process has to it.

    Raises EngineUnavailableError if the port was not found, or if somebody else had come in before; they are cut off.
    """
    with _sockets() as sockets, _unreachable() as nobody_knocks:
        listening = [
            number
            for number, each in sockets
            if _port(each.getsockname) == port and each.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
        ]
        for number in listening:
            # The engine keeps a descriptor that listens, of a socket that nobody can reach: on another kind of socket, an
            # attempt to accept that is just under way fails, and is made again for as long as the engine runs, on a whole core.
            os.dup2(nobody_knocks.fileno(), number)
    if not listening:
        raise EngineUnavailableError(f"the embedded engine does not listen on port {port} of this process")
    with _sockets() as sockets:
        ends = [(each, _port(each.getsockname), _port(each.getpeername)) for _, each in sockets]
        own = {local for _, local, peer in ends if peer == port}
        strangers = [each for each, local, peer in ends if local == port and peer is not None and peer not in own]
        for each in strangers:
            each.shutdown(socket.SHUT_RDWR)
    if strangers:
        raise EngineUnavailableError(
            "another program connected to the embedded engine while it started, and was cut off; nothing was computed. "
            "Find out who it was, and run again."
        )


@contextmanager
def _unreachable() -> Iterator[socket.socket]:
    """A socket that listens where nobody can connect: its name is in a folder of this user's alone, and gone."""
    with tempfile.TemporaryDirectory(dir=_SHORT_FOLDER if Path(_SHORT_FOLDER).is_dir() else None) as folder:
        listening = socket.socket(socket.AF_UNIX)
        listening.setblocking(False)
        listening.bind(f"{folder}/s")
        listening.listen(1)
    with listening:
        yield listening


def _port(end: Callable[[], tuple[str, int]]) -> int | None:
    try:
        return end()[1]
    except OSError:  # not connected, or not any more
        return None


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
