"""Questions to Apache Spark, jobs of its process (`engagement_assets_tests.apache_spark`)."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

from engagement_assets.contracts import RawCustomers
from engagement_assets.resources.engine import EngineResource
from engagement_assets.resources.tables import LakeResource


def main(question: str, *arguments: str) -> Any:
    """The answer to `customers LAKE` or `session ENGINE TIMEZONE`."""
    questions: dict[str, Callable[..., Any]] = {"customers": customers, "session": session}
    return questions[question](*arguments)


def customers(lake: str) -> list[list[str | None]]:
    """Day, identifier and address of the published customers, in this order."""
    with EngineResource(engine="local[1]") as engine:
        rows = LakeResource(root=lake).read(engine.spark_session, RawCustomers).collect()
    return sorted([str(row.as_of_date), row.customer_id, row.email] for row in rows)


def session(engine: str, timezone: str) -> list[str]:
    """The day of an instant, the type of a timestamp, the time zone, and whether Spark's own pages are served."""
    with EngineResource(engine=engine, timezone=timezone) as started:
        spark = started.spark_session
        row = spark.sql(
            "SELECT CAST(TIMESTAMP '2025-03-31 13:00:00+00:00' AS DATE) AS day, typeof(TIMESTAMP '2025-01-01') AS kind"
        ).collect()[0]
        with socket.socket() as probe:
            pages = "ui" if probe.connect_ex(("127.0.0.1", 4040)) == 0 else "no ui"
        return [str(row.day), row.kind, str(spark.conf.get("spark.sql.session.timeZone")), pages]
