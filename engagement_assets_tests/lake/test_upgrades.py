"""Tables that a previous version of the package wrote: a new column comes without a rebuild, what does not fit is refused."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pandera.pyspark as pa
import pyspark.sql.types as T
import pytest
from deltalake import DeltaTable
from pyspark.sql import functions as F
from typer.testing import CliRunner

from engagement_assets.cli.app import app
from engagement_assets.dagster_internals.run_launcher import PROCESS_TAG, this_process
from engagement_assets.domain.contracts import TABLES, Contract, RawCustomers
from engagement_assets.engine import EngineResource
from engagement_assets.lake.reading import opened, relation_sql
from engagement_assets.lake.schema_changes import SchemaChangedError
from engagement_assets.lake.stores import remove
from engagement_assets.lake.tables import LakeResource
from engagement_assets.lake.versions import VersionNotKeptError
from engagement_assets.operations.doctor import examine
from engagement_assets.operations.erasure import forget
from engagement_assets_tests.apache_spark import SparkProcess
from engagement_assets_tests.worlds import World, failures

DAYS = ["2025-03-01", "2025-03-02"]
NEXT = "2025-03-03"


class Before(Contract):
    """Customers as a version before wrote them, which knew no e-mail addresses."""

    as_of_date: T.DateType() = pa.Field(nullable=False)  # type: ignore[valid-type]
    customer_id: T.StringType() = pa.Field(nullable=False)  # type: ignore[valid-type]
    signup_date: T.DateType() = pa.Field(nullable=False)  # type: ignore[valid-type]
    country: T.StringType() = pa.Field(nullable=False)  # type: ignore[valid-type]

    class Config:
        name = "raw_customers"


class Renamed(Before):
    """One that had a column which is gone, or is called otherwise now."""

    region: T.StringType() = pa.Field(nullable=True)  # type: ignore[valid-type]

    class Config:
        name = "raw_customers"


class OtherType(Before):
    """One that numbered the countries."""

    country: T.IntegerType() = pa.Field(nullable=False)  # type: ignore[valid-type]

    class Config:
        name = "raw_customers"


class Fewer(Contract):
    """One that knew no countries."""

    as_of_date: T.DateType() = pa.Field(nullable=False)  # type: ignore[valid-type]
    customer_id: T.StringType() = pa.Field(nullable=False)  # type: ignore[valid-type]
    signup_date: T.DateType() = pa.Field(nullable=False)  # type: ignore[valid-type]

    class Config:
        name = "raw_customers"


def write(lake: LakeResource, engine: EngineResource, contract: type[Contract], days: list[str] = DAYS) -> None:
    """Publish two customers for some days, as that version did."""
    same = {"signup_date": "2025-01-01", "country": "49", "region": "north"}
    rows = [
        tuple(
            {**same, "as_of_date": day, "customer_id": name, "email": f"{name}@example.com"}[column]
            for column in contract.columns()
        )
        for day in days
        for name in "ab"
    ]
    frame = engine.spark_session.createDataFrame(rows, list(contract.columns()))
    typed = frame.select(*[F.col(field.name).cast(field.dataType).alias(field.name) for field in contract.struct()])
    staged = lake.stage(typed, contract, partitions=days, run_id="before")
    lake.commit(staged, run_id="before")


def shop(world: World) -> World:
    """The customers of `write`, with addresses, an order and an event."""
    world.options |= {"start_date": DAYS[0]}
    world.customers([{"customer_id": name, "email": f"{name}@example.com", "country": "49"} for name in "ab"])
    world.orders([{"order_id": "o1", "customer_id": "a", "order_date": DAYS[0], "order_amount": "9.50"}])
    world.events([{"customer_id": "b", "event_time": f"{DAYS[1]}T12:00:00Z"}])
    return world


@pytest.fixture(scope="module")
def upgraded(tmp_path_factory: pytest.TempPathFactory, engine: EngineResource) -> World:
    """A lake of whose customers two days are the previous version's, and the third this one's; tests only read it."""
    world = World(tmp_path_factory.mktemp("upgraded"))
    write(world.lake, engine, Before)
    shop(world).run(NEXT)
    return world


#: Day, customer, address.
EXPECTED = [
    *[(day, name, None) for day in DAYS for name in "ab"],
    *[(NEXT, name, f"{name}@example.com") for name in "ab"],
]


def test_a_new_column_comes_without_a_rebuild_and_is_null_in_the_days_before(
    upgraded: World, engine: EngineResource
) -> None:
    lake = upgraded.lake
    with opened(lake, {RawCustomers: None}) as connection:
        query = "SELECT as_of_date::text, customer_id, email FROM raw_customers ORDER BY ALL"
        assert connection.execute(query).fetchall() == EXPECTED
    shown = lake.read(engine.spark_session, RawCustomers)
    assert shown.columns == list(RawCustomers.columns())
    assert sorted((str(row.as_of_date), row.customer_id, row.email) for row in shown.collect()) == EXPECTED
    # The old files are the ones that were there, and the table tells other readers of the new column.
    assert len({path for path in lake.files(RawCustomers) if "/before-" in path}) == len(DAYS)
    table = lake.delta(RawCustomers)
    assert table is not None
    assert [field.name for field in table.schema().fields] == [*Before.columns(), "email"]
    assert lake.schema_changes() == {}


def test_days_written_again_have_the_new_column_whatever_the_clock_says(
    tmp_path: Path, engine: EngineResource, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = LakeResource(root=str(tmp_path))
    write(lake, engine, Before)
    monkeypatch.setattr("engagement_assets.lake.staging.now_in_milliseconds", lambda: 1)
    write(lake, engine, RawCustomers, DAYS[1:])
    with opened(lake, {RawCustomers: None}) as connection:
        shown = connection.execute("SELECT email FROM raw_customers ORDER BY as_of_date, customer_id").fetchall()
    assert shown == [(None,), (None,), ("a@example.com",), ("b@example.com",)]


def test_a_customer_is_erased_from_old_and_new_days_alike(upgraded: World, tmp_path: Path) -> None:
    shutil.copytree(upgraded.settings.lake, tmp_path / "lake")
    world = World(tmp_path, options=dict(upgraded.options))
    erased = forget(world.settings, world.lake, "a", lambda text: None)
    assert erased.rows["raw_customers"] == 3
    assert erased.found.left == []
    with opened(world.lake, {RawCustomers: None}) as connection:
        query = "SELECT as_of_date::text, customer_id, email FROM raw_customers ORDER BY ALL"
        assert connection.execute(query).fetchall() == [row for row in EXPECTED if row[1] == "b"]


@pytest.mark.slow  # smaller: the embedded engine reads them, above
@pytest.mark.spark
def test_apache_spark_reads_old_and_new_files_together(upgraded: World, apache_spark: SparkProcess) -> None:
    rows = apache_spark.run("engagement_assets_tests.lake.spark_run", "customers", upgraded.settings.lake)
    assert [tuple(row) for row in rows] == EXPECTED


REFUSED = {
    Renamed: r"'region' is no column any more",
    OtherType: r"'country' was integer and is string",
    Fewer: r"'country' is new and must not be null",
}


@pytest.mark.parametrize("previous", REFUSED, ids=lambda contract: contract.__name__)
def test_what_does_not_fit_is_refused_with_the_command_and_nothing_is_written(
    tmp_path: Path, engine: EngineResource, previous: type[Contract]
) -> None:
    lake = LakeResource(root=str(tmp_path))
    write(lake, engine, previous)
    before = set(tmp_path.rglob("*"))
    reason = f"raw_customers: the table was written by another version .*{REFUSED[previous]}.*`engagement rebuild`"
    for attempt in (
        lambda: lake.begin("a run", print),
        lambda: write(lake, engine, RawCustomers),
        lambda: lake.read(engine.spark_session, RawCustomers),
        lambda: relation_sql(lake, RawCustomers),
    ):
        with pytest.raises(SchemaChangedError, match=reason):
            attempt()
    assert set(tmp_path.rglob("*")) == before


@pytest.mark.slow  # smaller: days written again, above
def test_a_rebuild_gives_the_tables_that_a_new_lake_has_and_leaves_earlier_versions_alone(
    world: World, engine: EngineResource, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop(world).run(DAYS[0], NEXT)
    new = {name: world.rows(name) for name in TABLES}
    # The customers as another version would have left them: numbers in place of a text.
    remove(world.lake.path(RawCustomers))
    write(world.lake, engine, OtherType, [*DAYS, NEXT])
    others = world.lake.delta(RawCustomers)
    assert others is not None
    assert "`engagement rebuild`" in failures(world.run(NEXT, expect=False))
    before = datetime.now(UTC)
    for name in ("data", "lake", "export"):
        monkeypatch.setenv(f"ENGAGEMENT_{name.upper()}", getattr(world.settings, name))
    monkeypatch.setenv("ENGAGEMENT_START_DATE", DAYS[0])
    monkeypatch.setenv("DAGSTER_HOME", str(world.root / "home"))

    def rebuild(*arguments: str) -> str:
        done = CliRunner().invoke(app, ["rebuild", *arguments])
        assert done.exit_code == 0, done.output
        return done.stdout

    listed = rebuild("--dry-run")
    assert "raw_customers: 'country' was integer and is string" in listed
    for table in ("raw_customers", "order_aggregates", "customer_features", "engagement_scores", "engagement_metrics"):
        assert f"  {table}: 3 day(s) to build, {DAYS[0]} to {NEXT}" in listed
    tables = next(finding for finding in examine(world.settings) if finding.what == "tables")
    assert (tables.grade, tables.found.split(":")[0]) == ("bad", "raw_customers")
    assert "Rebuilt 1 table(s)" in rebuild()
    assert world.instance.get_runs(limit=1)[0].tags[PROCESS_TAG] == this_process()
    assert {name: world.rows(name) for name in TABLES} == new
    assert "The columns of every table fit this version" in rebuild()
    with pytest.raises(VersionNotKeptError, match=r"has other columns .'country' was integer and is string"):
        world.lake.files(RawCustomers, known_on=before)
    kept = DeltaTable(others.table_uri, version=others.version()).to_pyarrow_table()
    assert sorted(set(kept["country"].to_pylist())) == [49]
