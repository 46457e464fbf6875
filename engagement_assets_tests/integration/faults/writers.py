"""What the kill test kills and who watches: each function is the body of a process of its own.

A lake under test holds one number that every row carries. A table that shows two numbers at once, or fewer rows than a whole
version has, was seen half-written.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from engagement_assets.domain.contracts import TABLES, Contract, EngagementScores, RawOrders
from engagement_assets.engine import EngineResource
from engagement_assets.lake.staging import Staged
from engagement_assets.lake.tables import LakeResource
from engagement_assets.settings import Settings

DAY = date(2025, 3, 31)
DAYS = [(DAY - timedelta(days=n)).isoformat() for n in (2, 1, 0)]

NOTHING = timedelta()

#: Rows per day of the table that is written over and over.
ROWS = 20_000

#: Customers of the shop that is run over and over.
CUSTOMERS = 50


#: Between two reads, seconds: the writers need the processor too.
_PAUSE = 0.02


def settings(root: Path) -> Settings:
    """A lake under `root` with sources beside it."""
    places = {name: str(root / name) for name in ("data", "lake", "export")}
    return Settings.model_validate({**places, "start_date": DAY})


def commit_forever(root: Path, ready: Connection) -> None:
    """Write whole versions of three days, one after the other, until killed. Says `ready` when the engine runs."""
    lake = LakeResource.of(settings(root))
    with EngineResource(engine="embedded", timezone="UTC") as engine:
        assert engine.spark_session
        ready.send("ready")
        while True:
            commit_next(lake, engine)


def commit_once(root: Path, ready: Connection) -> None:
    """Write one version and end."""
    with EngineResource(engine="embedded", timezone="UTC") as engine:
        commit_next(LakeResource.of(settings(root)), engine)
    ready.send("done")


def commit_next(lake: LakeResource, engine: EngineResource) -> None:
    """Write the version after the published one."""
    staged = stage_next(lake, engine)
    lake.commit(staged, run_id=staged.folder)


def stage_next(lake: LakeResource, engine: EngineResource) -> Staged:
    """Stage the version after the published one."""
    return lake.stage(next_rows(lake, engine), RawOrders, partitions=DAYS, run_id="version")


def next_rows(lake: LakeResource, engine: EngineResource) -> DataFrame:
    """The rows of the version after the published one."""
    spark = engine.spark_session  # before any column is made
    number = (marks(lake, RawOrders, "order_amount") or {DAYS[0]: (0, 0, 0)})[DAYS[0]][1] + 1
    days = F.element_at(F.array(*[F.lit(day).cast("date") for day in DAYS]), (F.col("id") % 3 + 1).cast("int"))
    values = {
        "as_of_date": days,
        "order_id": F.concat(F.lit("o"), F.col("id")),
        "customer_id": F.concat(F.lit("c"), F.col("id") % 997),
        "order_date": days.cast("timestamp"),
        "order_amount": F.lit(number),
    }
    return spark.range(3 * ROWS).select(
        *[values[field.name].cast(field.dataType).alias(field.name) for field in RawOrders.struct()]
    )


def write_sources(root: Path, number: int) -> None:
    """Sources of the shop: every customer has one order, of this amount."""
    names = [f"c{n}" for n in range(CUSTOMERS)]
    everywhere = {
        "customers": {"customer_id": names, "signup_date": [DAY] * CUSTOMERS, "country": ["DE"] * CUSTOMERS},
        "orders": {
            "order_id": [f"o{n}" for n in range(CUSTOMERS)],
            "customer_id": names,
            "order_date": [DAY] * CUSTOMERS,
            "order_amount": [f"{number}.00"] * CUSTOMERS,
        },
    }
    for source, columns in everywhere.items():
        place = root / "data" / source / f"{source}.parquet"
        place.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table(columns), place.with_suffix(".draft"))
        place.with_suffix(".draft").replace(place)


def run_once(root: Path, ready: Connection) -> None:
    """What `engagement run --date` does: every table, then the export. Says `done` after a success."""
    from engagement_assets.operations.dagster_home import local_instance
    from engagement_assets.operations.runs import run_days

    os.environ["DAGSTER_HOME"] = str(root / "home")
    ready.send("ready")
    with local_instance() as instance:
        outcome = run_days(settings(root), DAY, DAY, instance)
    ready.send("done" if outcome.success else f"failed: {outcome.failures}")


def marks(lake: LakeResource, contract: type[Contract], column: str) -> dict[str, tuple[int, int, int]]:
    """Per published day: rows, smallest and largest number they carry."""
    paths = lake.files(contract)
    if not paths:
        return {}
    found = duckdb.execute(
        f"SELECT as_of_date::VARCHAR, count(*), min({column})::INT, max({column})::INT "
        "FROM read_parquet($paths, hive_partitioning = false) GROUP BY 1 ORDER BY 1",
        {"paths": paths},
    ).fetchall()
    return {day: (rows, low, high) for day, rows, low, high in found}


def watch(root: Path, table: str, stop: Event, result: Connection) -> None:
    """Read a table over and over; report how often, which versions were seen, and what was torn."""
    contract, column, days, rows = {
        "raw_orders": (RawOrders, "order_amount", DAYS, ROWS),
        "engagement_scores": (EngagementScores, "total_revenue", DAYS[-1:], CUSTOMERS),
    }[table]
    lake = LakeResource.of(settings(root))
    reads, seen, torn = 0, set(), []
    latest = 0
    while not stop.is_set():
        try:
            found = marks(lake, contract, column)
        except Exception as error:  # whatever a reader may meet is a finding
            torn.append(f"{type(error).__name__}: {error}")
            continue
        if not found:
            continue
        reads += 1
        numbers = {number for _, low, high in found.values() for number in (low, high)}
        whole = list(found) == list(days) and all(count == rows for count, _, _ in found.values())
        if not whole or len(numbers) != 1 or min(numbers) < latest:
            torn.append(str(found))
        latest = max(numbers)
        seen |= numbers
        time.sleep(_PAUSE)
    result.send({"reads": reads, "versions": len(seen), "torn": torn})


def account(root: Path, result: Connection) -> None:
    """Remove what dead runs left, and report what that was, what is left over after it, and the newest numbers."""
    lake = LakeResource.of(settings(root))
    before = _data_files(lake)
    lake.vacuum(retention=NOTHING, grace=NOTHING)
    after = _data_files(lake)
    live = {path for contract in TABLES.values() for path in lake.files(contract)}
    scratch = [str(path) for path in Path(lake.location, ".scratch").rglob("*")]
    result.send(
        {
            "removed": len(before - after),
            "left over": sorted(after - live)[:5] + scratch[:5],
            "missing": sorted(live - after)[:5],
            "raw_orders": marks(lake, RawOrders, "order_amount"),
            "engagement_scores": marks(lake, EngagementScores, "total_revenue"),
        }
    )


def _data_files(lake: LakeResource) -> set[str]:
    # Empty files stand for days without rows and are no leftovers; `files` does not list them.
    return {
        str(path) for path in Path(lake.location).glob("*/data/**/*") if path.is_file() and path.name != "empty.parquet"
    }


@contextmanager
def quiet() -> Iterator[None]:
    """Without the log lines of runs that are to be killed."""
    null = os.open(os.devnull, os.O_WRONLY)
    saved: Any = os.dup(2)
    os.dup2(null, 2)
    try:
        yield
    finally:
        os.dup2(saved, 2)
        os.close(null)
        os.close(saved)
