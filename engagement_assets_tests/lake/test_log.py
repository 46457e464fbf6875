"""A table whose log is damaged is told in one sentence: what of it, where, and what builds the table anew."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from engagement_assets.domain.contracts import RawOrders
from engagement_assets.engine import EngineResource
from engagement_assets.lake.locks import LakeNotWritableError
from engagement_assets.lake.log import LogUnreadableError, history
from engagement_assets.lake.tables import LakeResource
from engagement_assets_tests.integration.faults import writers


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory, engine: EngineResource) -> Path:
    """A table of three commits, the first one without files; in a folder of a strange name."""
    root = tmp_path_factory.mktemp("a log") / "#1 é;'$&"
    lake = LakeResource(root=str(root))
    for _ in range(2):
        writers.commit_next(lake, engine)
    return root


@pytest.fixture
def log(written: Path) -> Path:
    return written / "raw_orders" / "_delta_log"


def test_a_log_in_a_folder_of_a_strange_name_is_read(written: Path) -> None:
    lake = LakeResource(root=str(written))
    table = lake.delta(RawOrders)
    assert table is not None
    assert [entry["version"] for entry in history(table)] == [2, 1, 0]
    assert [entry["version"] for entry in history(table, 1)] == [2]
    assert lake.unverified(RawOrders) == []


@pytest.mark.parametrize(
    ("number", "damage", "what"),
    [
        (0, Path.unlink, "00000000000000000000.json is missing"),
        (1, Path.unlink, "00000000000000000001.json is missing"),
        (2, lambda entry: os.truncate(entry, 200), "00000000000000000002.json is damaged"),
        (2, lambda entry: os.truncate(entry, 0), "00000000000000000002.json is empty"),
        (1, lambda entry: entry.write_bytes(bytes(range(256))), "00000000000000000001.json is damaged"),
    ],
)
def test_a_damaged_entry_is_named_with_what_to_do(
    written: Path, log: Path, number: int, damage: Callable[[Path], object], what: str
) -> None:
    entry = log / f"{number:020d}.json"
    whole = entry.read_bytes()
    damage(entry)
    try:
        with pytest.raises(LogUnreadableError) as told:
            LakeResource(root=str(written)).partitions(RawOrders)
    finally:
        entry.write_bytes(whole)
    first, last = min(writers.DAYS), max(writers.DAYS)
    assert str(told.value) == (
        f"raw_orders: the table's log in {log} cannot be read: {what}. Restore the folder from a backup, or move {log.parent} "
        f"away and build its days anew from the sources: `engagement run --from {first} --to {last}`, "
        "or *Materialize all* of the job daily_snapshot in the Dagster UI"
    )


def test_tables_that_cannot_be_written_are_told_before_anything_is_computed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "lake"
    place.write_text("a file")
    with pytest.raises(
        LakeNotWritableError, match=rf"in {place} \(ENGAGEMENT_LAKE\) cannot be written: {place} is no folder"
    ):
        LakeResource(root=str(place)).begin("test")
    place.unlink()
    (place / "raw_orders").mkdir(parents=True)
    monkeypatch.setattr(os, "access", lambda path, _: path != place / "raw_orders")  # tests may run as root
    with pytest.raises(
        LakeNotWritableError, match="raw_orders may not be written by this user; give yourself the right"
    ):
        LakeResource(root=str(place)).begin("test")
