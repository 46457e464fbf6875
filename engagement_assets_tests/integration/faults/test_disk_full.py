"""A disk that fills up while a table is written: the published version stays, and the next run needs no cleaning."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from engagement_assets.domain.contracts import RawOrders
from engagement_assets.engine import EngineResource
from engagement_assets.lake.tables import LakeResource
from engagement_assets_tests.conftest import missing
from engagement_assets_tests.integration.faults import writers
from engagement_assets_tests.worlds import SAMPLE_DATA, World, failures

_SIZE = "24m"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 24 MB of its own, gone after the test."""
    place = tmp_path / "disk"
    place.mkdir()
    try:
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={_SIZE}", "tmpfs", place], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        missing("The right to mount a small file system")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)


def fill(disk: Path, spare: int = 0) -> Path:
    """Fill a disk to the last byte, or but for so many."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as stream:
        try:
            while True:
                stream.write(b"\0" * 65536)
        except OSError:
            pass
    if spare:
        os.truncate(filler, filler.stat().st_size - spare)
    return filler


def shown(lake: LakeResource) -> dict[str, tuple[int, int, int]]:
    return writers.marks(lake, RawOrders, "order_amount")


def test_a_disk_that_fills_up_while_files_are_staged_or_committed_loses_nothing(
    small_disk: Path, engine: EngineResource
) -> None:
    lake = LakeResource(root=str(small_disk / "lake"))
    writers.commit_next(lake, engine)
    first = shown(lake)
    assert {rows for rows, _, _ in first.values()} == {writers.ROWS}

    filler = fill(small_disk, spare=100_000)
    with pytest.raises(Exception, match=r"No space left|os error 28"):
        writers.commit_next(lake, engine)
    assert shown(lake) == first
    filler.unlink()

    staged = writers.stage_next(lake, engine)
    filler = fill(small_disk)
    with pytest.raises(Exception, match=r"No space left|os error 28"):
        lake.commit(staged, run_id="full")
    assert shown(lake) == first
    filler.unlink()

    writers.commit_next(lake, engine)
    assert {number for _, number, _ in shown(lake).values()} == {2}
    lake.vacuum(grace=writers.NOTHING, retention=writers.NOTHING)
    files = {str(path) for path in Path(lake.location).glob("*/data/**/*.parquet")}
    assert files == set(lake.files(RawOrders))


def test_a_command_on_a_full_disk_says_so_and_ends_with_its_last_word(small_disk: Path, tmp_path: Path) -> None:
    fill(small_disk)
    places = {"DATA": str(SAMPLE_DATA), "LAKE": str(small_disk), "EXPORT": str(tmp_path / "export")}
    environment = {**os.environ, **{f"ENGAGEMENT_{name}": place for name, place in places.items()}}
    command = [sys.executable, "-m", "engagement_assets.cli", "run", "--date", "2026-01-01"]
    environment["DAGSTER_HOME"] = str(tmp_path / "home")
    told, said = "", 0.0
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            told, said = told + line, time.monotonic()
        assert process.wait(60) == 1
    assert time.monotonic() - said < 10
    assert f"No space left on device: the disk of {small_disk} (ENGAGEMENT_LAKE) is full" in told
    assert "Traceback" not in told


@pytest.mark.slow  # smaller: what was staged or committed, above
def test_a_run_on_a_full_disk_fails_with_its_reason_and_the_next_one_succeeds(small_disk: Path, world: World) -> None:
    world.options |= {"start_date": writers.DAY, "lake": str(small_disk / "lake")}
    day = writers.DAYS[-1]
    world.customers([{"customer_id": "a"}])
    world.run(day)
    before = world.rows("engagement_scores")
    world.customers([{"customer_id": "a"}, {"customer_id": "b"}])
    filler = fill(small_disk)
    assert "No space left" in failures(world.run(day, expect=False))
    assert world.rows("engagement_scores") == before
    filler.unlink()
    world.run(day)
    assert [row["customer_id"] for row in world.rows("engagement_scores")] == ["a", "b"]
