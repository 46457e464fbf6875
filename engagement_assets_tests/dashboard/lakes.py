"""Lakes made without the pipeline: files put under a table and committed as if a run had written them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from engagement_assets.domain.catalogue import daily_tables
from engagement_assets.domain.contracts import TABLES, Contract
from engagement_assets.lake.staging import staged_files
from engagement_assets.lake.tables import LakeResource
from engagement_assets.operations.dagster_home import HOME_VARIABLE
from engagement_assets_tests.worlds import World


def publish(lake: LakeResource, contract: type[Contract], files: Mapping[str, Path], name: str = "given") -> None:
    """Commit a Parquet file per partition; the files are moved into the lake."""
    root, folder = lake.path(contract), f"data/{name}"
    for partition, file in files.items():
        place = Path(root, folder, f"partition={partition}")
        place.mkdir(parents=True)
        shutil.move(file, place / "rows.parquet")
    lake.commit(staged_files(contract, root, folder, list(files)), run_id=name)


def copied(source: LakeResource, target: Path, days: list[str], name: str = "given") -> LakeResource:
    """A lake with some days of another; tables without days (rejected rows) are copied whole."""
    lake = LakeResource(root=str(target / "lake"))
    for contract in TABLES.values():
        daily = contract in daily_tables()
        wanted = [day for day in source.partitions(contract) if not daily or day in days]
        files = {}
        for partition in wanted:
            for number, path in enumerate(source.files(contract, [partition])):
                if number:
                    raise ValueError(f"{contract.table()} of {partition} has several files; this helper copies one")
                copy = target / f"{contract.table()}-{partition}.parquet"
                shutil.copy(path, copy)
                files[partition] = copy
        if files:
            publish(lake, contract, files, name)
    return lake


@contextmanager
def history_of(world: World) -> Iterator[None]:
    """Let the dashboard find the runs that built a world."""
    assert world.instance is not None  # made at its first use
    before = os.environ.get(HOME_VARIABLE)
    os.environ[HOME_VARIABLE] = str(world.root / "home")
    try:
        yield
    finally:
        os.environ.pop(HOME_VARIABLE)
        if before is not None:
            os.environ[HOME_VARIABLE] = before
