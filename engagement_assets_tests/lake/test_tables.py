"""Versions of a table: what was known when, how long that is kept, and what a vacuum removes and spares."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import dagster as dg
import pyarrow.parquet as pq
import pytest
from pyspark.errors import PySparkException
from pyspark.sql import functions as F
from typer.testing import CliRunner

from engagement_assets.cli.app import app
from engagement_assets.domain.contracts import RawOrders
from engagement_assets.engine import EngineResource
from engagement_assets.lake.published import NotPublishedError
from engagement_assets.lake.reading import opened
from engagement_assets.lake.staging import Staged
from engagement_assets.lake.tables import LakeResource
from engagement_assets.lake.versions import VersionNotKeptError
from engagement_assets_tests.apache_spark import SparkProcess
from engagement_assets_tests.lake.spark_run import both_ways, publish_orders

DAY, NEXT = "2025-03-30", "2025-03-31"

Stage = Callable[..., Staged]


@pytest.fixture
def lake(tmp_path: Path) -> LakeResource:
    return LakeResource(root=str(tmp_path / "lake"))


@pytest.fixture
def stage(lake: LakeResource, engine: EngineResource) -> Stage:
    """Stages one order of an amount on each of some days."""

    def write(amount: int, *days: str) -> Staged:
        rows = [(day, f"o{day}", "c1", f"{day} 12:00:00", amount) for day in days or (DAY,)]
        frame = engine.spark_session.createDataFrame(rows, RawOrders.struct().names)
        typed = frame.select(*[F.col(f.name).cast(f.dataType).alias(f.name) for f in RawOrders.struct()])
        return lake.stage(typed, RawOrders, partitions=list(days or (DAY,)), run_id=f"run{amount}")

    return write


def commit(lake: LakeResource, staged: Staged) -> datetime:
    """Publish; an instant at which this is the current version."""
    lake.commit(staged, run_id="test")
    time.sleep(0.01)
    when = datetime.now(UTC)
    time.sleep(0.01)
    return when


def amounts(lake: LakeResource, when: datetime | None = None, day: str = DAY) -> list[int]:
    with opened(lake, {RawOrders: [day]}, when) as connection:
        return [int(row[0]) for row in connection.execute("SELECT order_amount FROM raw_orders").fetchall()]


def data_files(lake: LakeResource) -> set[str]:
    return {str(path) for path in Path(lake.path(RawOrders), "data").rglob("*.parquet")}


def test_each_version_can_be_read_as_it_was(lake: LakeResource, stage: Stage) -> None:
    before = datetime.now(UTC) - timedelta(seconds=1)
    moments = [commit(lake, stage(amount)) for amount in (1, 2, 3)]
    assert [amounts(lake, when) for when in moments] == [[1], [2], [3]]
    assert amounts(lake) == [3]
    with pytest.raises(
        VersionNotKeptError, match=r"^raw_orders: no version of .* is there; the first is of 20.* the latest of 20"
    ):
        amounts(lake, before)


def test_a_vacuum_keeps_what_was_current_within_the_retention_and_nothing_older(
    lake: LakeResource, stage: Stage
) -> None:
    moments = [commit(lake, stage(amount)) for amount in (1, 2)]
    time.sleep(1.2)
    moments.append(commit(lake, stage(3)))
    removed = lake.vacuum(retention=timedelta(seconds=1), grace=timedelta())
    assert removed["raw_orders"].files == 1
    assert amounts(lake, moments[1]) == [2]
    assert amounts(lake) == [3]
    with pytest.raises(
        VersionNotKeptError, match=r"is not kept any more; .* for 30 days \(ENGAGEMENT_RETENTION_DAYS\)"
    ):
        amounts(lake, moments[0])
    lake.vacuum(retention=timedelta(), grace=timedelta())
    assert data_files(lake) == set(lake.files(RawOrders))


def test_a_vacuum_spares_what_a_run_at_work_has_staged(lake: LakeResource, stage: Stage) -> None:
    commit(lake, stage(1))
    staged = stage(2)
    leftover = Path(lake.location, ".scratch", "dead", "rows.parquet")
    leftover.parent.mkdir(parents=True)
    leftover.write_bytes(b"x")
    killed_early = leftover.parent.with_name("killed-early")
    killed_early.mkdir()
    lake.vacuum()
    assert set(staged.uris()) < data_files(lake)
    assert leftover.exists()
    assert killed_early.exists()
    lake.vacuum(grace=timedelta())
    assert data_files(lake) == set(lake.files(RawOrders))
    assert not leftover.parent.exists()
    assert not killed_early.exists()
    assert amounts(lake) == [1]


def test_versions_outlast_a_checkpoint_of_the_log(lake: LakeResource, stage: Stage) -> None:
    first = commit(lake, stage(1))
    commit(lake, stage(2))
    table = lake.delta(RawOrders)
    assert table is not None
    table.create_checkpoint()
    lake.vacuum(grace=timedelta())
    assert (amounts(lake, first), amounts(lake)) == ([1], [2])


def test_a_run_removes_versions_past_their_time_by_itself(tmp_path: Path, lake: LakeResource, stage: Stage) -> None:
    commit(lake, stage(1))
    forgetful = LakeResource(root=lake.root, retention_days=0, leftover_hours=0)
    forgetful.begin("run", print)
    forgetful.commit(stage(2), run_id="run")
    forgetful.teardown_after_execution(dg.build_init_resource_context())
    assert data_files(lake) == set(lake.files(RawOrders))
    with lake.writing("next", pytest.fail):
        pass


def test_show_known_on_says_which_versions_there_are(
    lake: LakeResource, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENGAGEMENT_LAKE", lake.root)
    monkeypatch.setenv("ENGAGEMENT_TIMEZONE", "Asia/Tokyo")
    commit(lake, stage(7))
    commit(lake, stage(8, DAY, NEXT))

    def show(*arguments: str) -> tuple[int, str, str]:
        done = CliRunner().invoke(app, ["show", "raw_orders", *arguments])
        return done.exit_code, done.stdout, done.stderr

    tokyo = datetime.now(timezone(timedelta(hours=9))).date().isoformat()
    code, shown, _ = show("--date", DAY, "--known-on", tokyo)
    assert (code, "8.00" in shown, f"as known on {tokyo} 23:59 JST" in shown) == (0, True, True)
    code, _, complaint = show("--date", DAY, "--known-on", "2020-01-01T10:30")
    assert (code, "no version of 2020-01-01 10:30 JST is there; the first is of" in complaint) == (1, True)
    code, _, complaint = show("--date", "2025-03-29", "--known-on", tokyo)
    assert (code, f"2025-03-29 was not built yet on {tokyo}" in complaint) == (1, True)
    assert f"the 2 day(s) built by then are of {DAY} to {NEXT}" in complaint
    for wrong in ("yesterday", "2025-3-1", "2025-03-01T25:00", "2025-02-30", "../2025-03-01"):
        code, _, complaint = show("--known-on", wrong)
        assert (code, wrong in complaint, "write it as" in complaint) == (2, True, True)
    with pytest.raises(NotPublishedError, match="`engagement run --from 2025-03-29"):
        lake.require(RawOrders, ["2025-03-29"])


#: Clocks change within these days in Santiago.
MANY_DAYS = [(datetime(2025, 3, 10) + timedelta(days=n)).date().isoformat() for n in range(40)]


def test_few_rows_of_many_files_are_those_that_the_engine_reads(lake: LakeResource, stage: Stage) -> None:
    commit(lake, stage(7, *MANY_DAYS))
    with EngineResource(engine="embedded", timezone="America/Santiago") as there:
        held, read = both_ways(lake, there.spark_session)
    assert held == read
    # Noon in UTC is nine o'clock before, and eight after, the night to 6 April.
    assert held[1] == "('2025-03-10 09:00:00', 9, datetime.date(2025, 3, 10), 'o2025-03-10', Decimal('7.00'))"
    assert held[-1] == "('2025-04-18 08:00:00', 8, datetime.date(2025, 4, 18), 'o2025-04-18', Decimal('7.00'))"
    assert len(held) == 41


def test_what_is_staged_in_many_files_is_read_from_them(
    lake: LakeResource, stage: Stage, engine: EngineResource
) -> None:
    """An audit sees what was written: the rows of the files, and none where one of them cannot be read."""
    staged, spark = stage(7, *MANY_DAYS), engine.spark_session
    frames = lake.read_staged(spark, staged), spark.read.schema(RawOrders.struct()).parquet(*staged.uris())
    held, read = ((frame.schema, sorted(frame.collect())) for frame in frames)
    assert held == read
    assert len(held[1]) == 40
    other = stage(8, *MANY_DAYS)
    Path(other.uris()[17]).write_bytes(b"PAR1 cut short")
    with pytest.raises(PySparkException):
        lake.read_staged(spark, other).collect()


@pytest.mark.slow  # smaller: on the embedded engine, above
@pytest.mark.spark
def test_few_rows_of_many_files_are_those_that_apache_spark_reads(
    lake: LakeResource, stage: Stage, apache_spark: SparkProcess
) -> None:
    commit(lake, stage(7, *MANY_DAYS))
    held, read = apache_spark.run("engagement_assets_tests.lake.spark_run", "both", lake.location, "America/Santiago")
    assert held == read
    assert held[1] == "('2025-03-10 09:00:00', 9, datetime.date(2025, 3, 10), 'o2025-03-10', Decimal('7.00'))"
    assert held[-1] == "('2025-04-18 08:00:00', 8, datetime.date(2025, 4, 18), 'o2025-04-18', Decimal('7.00'))"


@pytest.mark.slow  # smaller: on the embedded engine, above
@pytest.mark.spark
def test_apache_spark_writes_a_day_of_many_rows_as_several_files_each_customer_in_one(
    lake: LakeResource, apache_spark: SparkProcess
) -> None:
    apache_spark.run("engagement_assets_tests.lake.spark_run", "files", lake.location, DAY, "1000", "200", "100")
    files = [pq.read_table(path).to_pydict() for path in lake.files(RawOrders)]
    customers = [set(file["customer_id"]) for file in files]
    assert 2 <= len(files) <= 10
    assert sum(len(file["order_id"]) for file in files) == 1_000
    assert sum(len(held) for held in customers) == 200
    assert all(file["customer_id"] == sorted(file["customer_id"]) for file in files)


def test_a_reader_of_one_customer_can_skip_most_of_a_file(lake: LakeResource, engine: EngineResource) -> None:
    publish_orders(lake, engine.spark_session, DAY, orders=90_000, customers=45_000)
    customers_are_in_few_groups(lake)


@pytest.mark.slow  # smaller: on the embedded engine, above
@pytest.mark.spark
def test_apache_spark_lets_a_reader_of_one_customer_skip_most_of_a_file(
    lake: LakeResource, apache_spark: SparkProcess
) -> None:
    apache_spark.run("engagement_assets_tests.lake.spark_run", "files", lake.location, DAY, "90000", "45000", "100000")
    customers_are_in_few_groups(lake)


def customers_are_in_few_groups(lake: LakeResource) -> None:
    """The one file has several row groups, and the statistics of at most two (a customer across an edge) speak of a customer."""
    (path,) = lake.files(RawOrders)
    footer = pq.ParquetFile(path).metadata
    column = footer.schema.names.index("customer_id")
    groups = [footer.row_group(number).column(column).statistics for number in range(footer.num_row_groups)]
    assert footer.num_rows == 90_000
    assert len(groups) >= 4
    for customer in ("c0", "c22222", "c44999", "c999"):
        assert 1 <= sum(group.min <= customer <= group.max for group in groups) <= 2
