"""The engine of a run: configured alike on every engine, gone at its end."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pyspark.sql.functions as F
import pytest
from pysail.spark import SparkConnectServer

from engagement_assets.engine import EngineResource, EngineUnavailableError, close_to_others
from engagement_assets.settings import Settings
from engagement_assets_tests.apache_spark import SparkProcess
from engagement_assets_tests.lake.spark_run import session

#: What a session in Auckland says of itself (`spark_run.session`).
ANSWERS = ["2025-04-01", "timestamp", "Pacific/Auckland", "no ui"]


@contextmanager
def plain_server() -> Iterator[int]:
    """The port of a Spark Connect server that takes whoever comes."""
    server = SparkConnectServer("127.0.0.1", 0)
    server.start(background=True)
    try:
        assert server.listening_address
        yield server.listening_address[1]
    finally:
        server.stop()


def test_days_are_cut_in_the_session_time_zone_and_no_port_is_open() -> None:
    """13:00 UTC on 31 March is 02:00 on 1 April in Auckland, where summer time has still a week to go."""
    assert session("embedded", "Pacific/Auckland") == ANSWERS


@pytest.mark.spark
def test_apache_spark_cuts_days_in_the_session_time_zone_and_opens_no_port(apache_spark: SparkProcess) -> None:
    answers = apache_spark.run("engagement_assets_tests.lake.spark_run", "session", "local[1]", "Pacific/Auckland")
    assert answers == ANSWERS


#: Says whether a port takes a connection.
KNOCK = "import socket, sys; print(socket.socket().connect_ex(('127.0.0.1', int(sys.argv[1]))) == 0)"


#: Speaks HTTP/2 as far as the server's greeting, then waits until it is cut off.
INTRUDER = """
import socket, sys
there = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
there.sendall(b"PRI * HTTP/2.0\\r\\n\\r\\nSM\\r\\n\\r\\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0]))
there.recv(1)
print("in", flush=True)
try:
    while there.recv(1000):
        pass
except OSError:
    pass
print("out", flush=True)
"""


def knocks(port: int) -> str:
    """What another user of this machine (where this one may become one) finds: True if the port is open."""
    # By a program that changes the user: Python would fork this process for it, whose threads are not made for that.
    stranger = ["setpriv", "--reuid", "nobody", "--clear-groups"] if os.geteuid() == 0 else []
    # Not the environment's Python: it lies where the other user may not look.
    command = [*stranger, shutil.which("python3", path=os.defpath) or sys.executable, "-I", "-c", KNOCK, str(port)]
    return subprocess.run(command, check=True, capture_output=True, text=True, cwd="/").stdout.strip()


def test_while_a_run_lasts_nobody_else_can_connect_to_its_engine() -> None:
    with EngineResource(engine="embedded") as engine:
        assert engine.spark_session.sql("SELECT 6 * 7 AS answer").collect()[0]["answer"] == 42
        address, port = engine._server.listening_address
        assert address == "127.0.0.1"
        assert knocks(port) == "False"
        assert engine.spark_session.range(3).count() == 3


def test_who_waits_at_the_closed_door_is_told_that_nobody_is_there_and_not_that_it_is_broken() -> None:
    """An engine's server that hears an error asks again at once, for as long as it runs; nobody there is no reason to ask."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as mine, listening.accept()[0] as theirs:
            close_to_others(port)
            with pytest.raises(BlockingIOError):
                listening.accept()
            mine.sendall(b"still here")
            assert theirs.recv(10) == b"still here"
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port))


def test_without_the_closed_door_another_user_would_get_in() -> None:
    with plain_server() as port:
        assert knocks(port) == "True"


def test_a_program_that_came_in_before_the_door_was_closed_is_cut_off_and_the_run_stops() -> None:
    with plain_server() as port:
        command = [sys.executable, "-c", INTRUDER, str(port)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout
            assert process.stdout.readline() == "in\n"
            with pytest.raises(EngineUnavailableError, match="was cut off"):
                EngineResource()._connect(f"sc://127.0.0.1:{port}", only_client_of=port)
            assert process.stdout.readline() == "out\n"


def test_an_engine_that_died_is_not_asked_for_minutes() -> None:
    started = time.monotonic()
    with EngineResource(engine="embedded") as engine:
        assert engine.spark_session.range(3).count() == 3
        engine._server.stop()
        with pytest.raises(Exception, match=r"UNAVAILABLE|refused|failed to connect"):
            engine.spark_session.range(3).count()
    assert time.monotonic() - started < 10


#: Asks twice, with a pause; Sail is told how long a session may be idle before it is first imported.
PAUSING = """
import os, time
if {idle!r}: os.environ[NAME := "SAIL_SPARK__SESSION_TIMEOUT_SECS"] = {idle!r}
from engagement_assets.engine import EngineResource
with EngineResource(engine="embedded", timezone="UTC") as engine:
    engine.spark_session.range(2).count()
    time.sleep(3)
    print(engine.spark_session.range(3).count(), os.environ["SAIL_SPARK__SESSION_TIMEOUT_SECS"])
"""


def test_a_session_that_is_idle_as_long_as_a_run_may_wait_is_not_ended() -> None:
    """The setting is obeyed: a session that may be idle for a second ends. By default it may for longer than a run waits."""

    def ask(idle: str) -> subprocess.CompletedProcess[str]:
        environment = {key: value for key, value in os.environ.items() if not key.startswith("SAIL_")}
        command = [sys.executable, "-c", PAUSING.format(idle=idle)]
        return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)

    ended = ask("1")
    assert ended.returncode != 0
    assert "is not running" in ended.stderr
    count, seconds = ask("").stdout.split()
    assert (count, int(seconds) > 24 * 60 * Settings().lock_wait_minutes) == ("3", True)


def test_a_run_gets_the_engine_it_asked_for_though_another_session_is_open(engine: EngineResource) -> None:
    with EngineResource(engine="embedded", timezone="Asia/Tokyo") as other:
        assert other.spark_session.conf.get("spark.sql.session.timeZone") == "Asia/Tokyo"
        assert engine.spark_session.conf.get("spark.sql.session.timeZone") == "UTC"
    assert engine.spark_session.sql("SELECT 1 AS one").collect()[0]["one"] == 1


def test_a_spark_connect_server_elsewhere_is_used_and_left_running() -> None:
    with plain_server() as port:
        for _ in range(2):
            with EngineResource(engine=f"sc://127.0.0.1:{port}", timezone="Asia/Tokyo") as client:
                assert client._server is None
                answer = client.spark_session.sql("SELECT hour(TIMESTAMP '2025-03-31 13:00:00+00:00') AS hour")
                assert answer.collect()[0]["hour"] == 22


def test_an_engine_that_stops_leaves_the_others_of_its_process_working() -> None:
    first, second = EngineResource(engine="embedded"), EngineResource(engine="embedded")
    with second:
        with first:
            sessions = first.spark_session, second.spark_session
            assert len(sessions) == 2
        # A column made without a session at hand is of the kind that the open session takes.
        doubled = second.spark_session.range(3).select((F.col("id") * 2).alias("doubled"))
        assert [row["doubled"] for row in doubled.collect()] == [0, 2, 4]
