"""What the tests share: one engine, small sources written from plain lists, runs through Dagster in this process."""

from __future__ import annotations

import functools
import gc
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from engagement_assets.engine import OLDEST_JAVA, EngineResource, java_version
from engagement_assets.exports.csv_files import export_csv
from engagement_assets_tests.apache_spark import SparkProcess, spark_process
from engagement_assets_tests.distribution import Scheduling, keep_together, long_files_first
from engagement_assets_tests.servers import CHROMIUM
from engagement_assets_tests.worlds import SAMPLE_DATA, SAMPLE_START, World

# Timestamps are collected as local times.
os.environ["TZ"] = "UTC"
time.tzset()

# Commands print tables as wide as the terminal was at their start.
os.environ["COLUMNS"] = "250"

# Nothing is read from, or written to, the Dagster home of whoever runs the tests.
_HOME = tempfile.TemporaryDirectory(prefix="engagement-tests-")
os.environ["DAGSTER_HOME"] = f"{_HOME.name}/home"

# Validation that is switched off would let every contract test pass.
os.environ.pop("PANDERA_VALIDATION_ENABLED", None)
for _name in [name for name in os.environ if name.startswith("ENGAGEMENT_")]:
    del os.environ[_name]


def missing(what: str) -> None:
    """Skip on a user's machine, fail where continuous integration promised that the part is there."""
    if os.environ.get("CI"):
        pytest.fail(f"{what} is missing, and CI=true promises it")
    pytest.skip(f"{what} is missing")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Tests that start Apache Spark need a Java that it runs on; those of pages, a browser."""
    if item.get_closest_marker("spark") and (java_version() or 0) < OLDEST_JAVA:
        missing(f"Java {OLDEST_JAVA} or newer")
    if item.get_closest_marker("browser") and not CHROMIUM.exists():
        missing(f"Chromium in {CHROMIUM}")


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Iterator[None]:
    """What shares a process gets its group before xdist looks for groups; what takes long comes first."""
    keep_together(items)
    yield
    items[:] = long_files_first(items)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Scheduling | None:
    """The scheduler of `make test`."""
    return Scheduling(config, log) if config.getvalue("dist") == "loadgroup" else None


def pytest_collection_finish() -> None:
    """What was imported stays until the end: Python's collector of garbage, a twentieth of the time, need not look at it."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def pytest_unconfigure() -> None:
    """At the end Python takes it apart; DuckDB's module would report, after the summary, what is left over."""
    gc.unfreeze()


@pytest.fixture(scope="session")
def engine() -> Iterator[EngineResource]:
    """The embedded engine, shared by all tests of this process."""
    with EngineResource(engine="embedded", timezone="UTC") as started:
        yield started


@pytest.fixture(scope="session")
def apache_spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkProcess]:
    """A process with Apache Spark, shared by all tests of this process."""
    with spark_process(tmp_path_factory.mktemp("spark") / "log") as started:
        yield started


@pytest.fixture
def world(tmp_path: Path, engine: EngineResource) -> World:
    """Empty sources and an empty lake of the test's own."""
    return World(tmp_path)


@pytest.fixture(scope="session")
def sample_world(tmp_path_factory: pytest.TempPathFactory, worker_id: str, engine: EngineResource) -> World:
    """The committed sample data, built for two single days and a range of two weeks; tests read it and do not write."""
    # Built by the first worker that needs it, for all of them: their folders are in one.
    shared = tmp_path_factory.getbasetemp() if worker_id == "master" else tmp_path_factory.getbasetemp().parent
    world = World(shared / "sample", options={"data": str(SAMPLE_DATA), "start_date": SAMPLE_START})
    built = shared / "sample_is_built"
    with FileLock(shared / "sample.lock"):
        if not built.exists():
            world.run("2026-06-17", "2026-06-30")
            world.run("2025-12-15")
            world.run("2025-02-20")
            built.touch()
    # Many tests compare with the rows of the same days.
    world.rows = functools.cache(world.rows)  # type: ignore[method-assign]
    return world


@pytest.fixture(scope="session")
def sample_export(sample_world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the files for BI tools of the sample data; tests read it and do not write."""
    folder = tmp_path_factory.mktemp("export")
    lists = tmp_path_factory.mktemp("lists") / "lists.toml"
    lists.write_text(
        'german = { title = "German and slipping", where = { slipping = true, country = ["DE"] } }\n'
        'many = { title = "Many orders", where = { orders = "5.." } }\n',
        encoding="utf-8",
    )
    settings = sample_world.settings.model_copy(update={"lists": str(lists)})
    export_csv(sample_world.lake, settings, str(folder))
    return folder
