"""Two people press the button at once; a run dies while it holds the right to write."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import pytest

from engagement_assets.domain.contracts import TABLES
from engagement_assets.lake.locks import LakeBusyError, WriterLock
from engagement_assets.settings import PREFIX
from engagement_assets_tests.worlds import World

START = "2025-03-01"


def sources(world: World) -> World:
    world.options["start_date"] = START
    world.customers([{"customer_id": name, "signup_date": date(2025, 3, 1)} for name in "abc"])
    world.orders(
        [
            {
                "order_id": f"{name}{day}",
                "customer_id": name,
                "order_date": f"2025-03-0{day}",
                "order_amount": f"{day}.00",
            }
            for name in "ab"
            for day in range(1, 4)
        ]
    )
    world.events([{"customer_id": "c", "event_time": f"2025-03-0{day}T12:00:00Z"} for day in range(1, 4)])
    return world


def command(world: World, *arguments: str) -> subprocess.Popen[str]:
    """`engagement` in a process of its own, on the world's sources and tables."""
    settings = world.settings
    places = {
        f"{PREFIX}{name.upper()}": str(getattr(settings, name)) for name in ("data", "lake", "export", "start_date")
    }
    return subprocess.Popen(
        [sys.executable, "-m", "engagement_assets.cli", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=world.root,
        env={**os.environ, **places, "DAGSTER_HOME": str(world.root / "home")},
    )


@pytest.mark.slow  # smaller: who waits for whom, below
def test_two_runs_of_overlapping_ranges_at_once_give_what_one_gives(world: World, tmp_path: Path) -> None:
    sources(world)
    both = [
        command(world, "run", "--from", first, "--to", last)
        for first, last in (("2025-03-01", "2025-03-02"), ("2025-03-02", "2025-03-03"))
    ]
    said = [process.communicate(timeout=200) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    alone = sources(World(tmp_path / "alone"))
    alone.run("2025-03-01", "2025-03-03")
    assert {name: world.rows(name) for name in TABLES} == {name: alone.rows(name) for name in TABLES}
    for contract in TABLES.values():
        paths = [file.path for file in world.lake.live_files(contract)]
        assert len(paths) == len(set(paths)) == len(world.lake.partitions(contract))


_HOLD = """
import sys, time
from pathlib import Path
from engagement_assets.lake.locks import WriterLock
lock = WriterLock(Path(sys.argv[1]), 1)
lock.take("the-other", print)
print("held", flush=True)
time.sleep(600)
"""


def test_who_waits_is_told_for_whom_and_a_dead_holder_blocks_nobody(tmp_path: Path) -> None:
    place = tmp_path / "locks" / "writer.lock"
    holder = subprocess.Popen([sys.executable, "-c", _HOLD, str(place)], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        heard: list[str] = []
        with pytest.raises(
            LakeBusyError, match=rf"run the-other \(process {holder.pid} on .*ENGAGEMENT_LOCK_WAIT_MINUTES"
        ):
            WriterLock(place, 0.2).take("me", heard.append)
        assert re.fullmatch(
            rf"waiting for run the-other \(process {holder.pid} on .+, since .+ UTC\), which is .*", heard[0]
        )
    finally:
        holder.kill()
        holder.wait()
    began = time.monotonic()
    lock = WriterLock(place, 30)
    lock.take("me", heard.append)
    assert time.monotonic() - began < 1
    assert len(heard) == 1
    lock.take("me", heard.append)  # by its holder again
    lock.give_back()
    assert lock.is_held
    lock.give_back()
    assert not lock.is_held
