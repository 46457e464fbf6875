"""Lakes made without the pipeline: files put under a table and committed as if a run had written them."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from engagement_assets.contracts import TABLES, Contract
from engagement_assets.resources.tables import LakeResource, Staged


def publish(lake: LakeResource, contract: type[Contract], files: Mapping[str, Path]) -> None:
    """Commit a Parquet file per partition; the files are moved into the lake."""
    folder = "data/given"
    root = Path(lake.path(contract))
    for partition, file in files.items():
        place = root / folder / f"partition={partition}" / f"{len(list(root.rglob('*.parquet')))}.parquet"
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(file, place)
    staged = lake._staged_files(contract, str(root), folder, list(files))
    lake.commit(Staged(contract, str(root), folder, tuple(staged)), run_id="given")


def copied(source: LakeResource, target: Path, days: list[str]) -> LakeResource:
    """A lake with some days of another; tables without days (rejected rows) are copied whole."""
    lake = LakeResource(root=str(target / "lake"))
    for contract in TABLES.values():
        daily = "as_of_date" in contract.columns()
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
            publish(lake, contract, files)
    return lake
