"""The engine of a run: configured alike on every engine, gone at its end."""

from __future__ import annotations

import socket

import pyspark.sql.functions as F
import pytest

from engagement_assets.engine import EngineResource
from engagement_assets_tests.apache_spark import SparkProcess
from engagement_assets_tests.lake.spark_run import session

#: What a session in Auckland says of itself (`spark_run.session`).
ANSWERS = ["2025-04-01", "timestamp", "Pacific/Auckland", "no ui"]


def test_days_are_cut_in_the_session_time_zone_and_no_port_is_open() -> None:
    """13:00 UTC on 31 March is 02:00 on 1 April in Auckland, where summer time has still a week to go."""
    assert session("embedded", "Pacific/Auckland") == ANSWERS


@pytest.mark.spark
def test_apache_spark_cuts_days_in_the_session_time_zone_and_opens_no_port(apache_spark: SparkProcess) -> None:
    answers = apache_spark.run("engagement_assets_tests.lake.spark_run", "session", "local[1]", "Pacific/Auckland")
    assert answers == ANSWERS


def test_the_embedded_server_is_on_loopback_and_stops_with_the_run() -> None:
    engine = EngineResource(engine="embedded")
    with engine:
        assert engine.spark_session.sql("SELECT 6 * 7 AS answer").collect()[0]["answer"] == 42
        address, port = engine._server.listening_address
        assert address == "127.0.0.1"
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_a_run_gets_the_engine_it_asked_for_though_another_session_is_open(engine: EngineResource) -> None:
    with EngineResource(engine="embedded", timezone="Asia/Tokyo") as other:
        assert other.spark_session.conf.get("spark.sql.session.timeZone") == "Asia/Tokyo"
        assert engine.spark_session.conf.get("spark.sql.session.timeZone") == "UTC"
    assert engine.spark_session.sql("SELECT 1 AS one").collect()[0]["one"] == 1


def test_a_spark_connect_server_elsewhere_is_used_and_left_running(engine: EngineResource) -> None:
    assert engine.spark_session.range(1).count() == 1
    _, port = engine._server.listening_address
    with EngineResource(engine=f"sc://127.0.0.1:{port}", timezone="Asia/Tokyo") as client:
        assert client._server is None
        answer = client.spark_session.sql("SELECT hour(TIMESTAMP '2025-03-31 13:00:00+00:00') AS hour").collect()
        assert answer[0]["hour"] == 22
    assert engine.spark_session.range(2).count() == 2


def test_an_engine_that_stops_leaves_the_others_of_its_process_working() -> None:
    first, second = EngineResource(engine="embedded"), EngineResource(engine="embedded")
    with second:
        with first:
            sessions = first.spark_session, second.spark_session
            assert len(sessions) == 2
        # A column made without a session at hand is of the kind that the open session takes.
        doubled = second.spark_session.range(3).select((F.col("id") * 2).alias("doubled"))
        assert [row["doubled"] for row in doubled.collect()] == [0, 2, 4]
