"""Days are cut in the business time zone, whatever type a date comes in and whatever the clock does that day."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import functions as F

from engagement_assets.engine import EngineResource
from engagement_assets.sources.finding import SourcesResource
from engagement_assets.sources.inspecting import inspect
from engagement_assets.sources.reading import read
from engagement_assets.sources.registry import SOURCES
from engagement_assets.transforms import conversions

UTC = UTC


@pytest.fixture(scope="module")
def berlin() -> Iterator[EngineResource]:
    """The embedded engine in a zone that changes its clocks."""
    with EngineResource(engine="embedded", timezone="Europe/Berlin") as engine:
        yield engine


#: Clock times in Berlin and the instants they stand for: winter, summer, the hour that is skipped (taken as the clock
#: before the change had gone on), the hour that comes twice (the first time).
CLOCKS = [
    (datetime(2025, 1, 15, 0, 30), datetime(2025, 1, 14, 23, 30, tzinfo=UTC)),
    (datetime(2025, 7, 15, 0, 30), datetime(2025, 7, 14, 22, 30, tzinfo=UTC)),
    (datetime(2025, 3, 30, 2, 30), datetime(2025, 3, 30, 1, 30, tzinfo=UTC)),
    (datetime(2025, 10, 26, 2, 30), datetime(2025, 10, 26, 0, 30, tzinfo=UTC)),
]


@pytest.mark.parametrize("kind", ["text", "s", "ms", "us", "ns", "instants of twelve bytes"])
def test_a_clock_time_is_that_of_the_business_zone_in_every_type(
    berlin: EngineResource, tmp_path: Path, kind: str
) -> None:
    clocks = [clock for clock, _ in CLOCKS]
    old = kind == "instants of twelve bytes"
    values = (
        pa.array([clock.isoformat() for clock in clocks])
        if kind == "text"
        else pa.array(clocks, pa.timestamp("us")).cast(pa.timestamp("us" if old else kind))
    )
    number = pa.array([str(n) for n in range(len(clocks))])
    place = tmp_path / "orders" / "a.parquet"
    place.parent.mkdir()
    table = pa.table({"order_id": number, "customer_id": number, "order_date": values, "order_amount": number})
    pq.write_table(table, place, use_deprecated_int96_timestamps=old)
    sources = SourcesResource(root=str(tmp_path))
    inspection = inspect(sources, SOURCES["orders"])
    (read_rows,) = read(sources, berlin.spark_session, inspection, str(tmp_path / "scratch"))
    _, value = conversions.instant(*read_rows.given["order_date"])
    order, _ = read_rows.given["order_id"]
    rows = read_rows.frame.select(
        order.alias("order_id"), F.unix_micros(value).alias("at"), F.to_date(value).alias("day")
    ).collect()
    found = {int(row["order_id"]): (row["at"], row["day"]) for row in rows}
    for n, (clock, instant) in enumerate(CLOCKS):
        assert found[n] == (int(instant.timestamp()) * 1_000_000, clock.date())


def test_an_instant_with_an_offset_is_cut_into_days_by_the_business_zone(berlin: EngineResource) -> None:
    frame = berlin.spark_session.createDataFrame(
        [("2025-01-14T23:30:00Z",), ("2025-01-15T00:30:00+02:00",)], "t string"
    )
    _, value = conversions.instant(F.col("t"), "text")
    days = [row[0] for row in frame.select(F.to_date(value)).collect()]
    assert days == [date(2025, 1, 15), date(2025, 1, 14)]
