"""kill -9 at random moments, while a reader watches: python -m engagement_assets_tests.integration.faults.kill --kills 100

Two kinds of process are killed: one that stages and commits versions of a table without a pause, so that most kills hit a
write; and whole runs, as `engagement run` does them. Every read must see an old or a new version, whole; the next writer must
succeed as if nothing had happened; what the dead left must go with a vacuum.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from engagement_assets_tests.integration.faults import writers

#: The longest that a process may need for what it does before it is killed, or to its end, seconds.
_PATIENCE = 120

#: Seconds from `ready` within which the kill comes: a few commits. For runs: as long as the first one took.
_COMMITS = 0.8

#: Of so many runs, one is left alone, and has to succeed.
_SPARED = 4


@dataclass
class Figures:
    """What came of it. `torn` lists reads that saw no whole version, `failed` what should have succeeded."""

    kills: int = 0
    survived: int = 0
    reads: int = 0
    versions: int = 0
    leftovers_removed: int = 0
    rows_lost: int = 0
    seconds: float = 0.0
    torn: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


class Ground:
    """Processes that begin with everything imported, forked from a server that has started no thread."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.context: Any = multiprocessing.get_context("forkserver")
        self.context.set_forkserver_preload(
            ["engagement_assets_tests.integration.faults.writers", "engagement_assets.definitions", "pysail.spark"]
        )

    def start(self, body: Callable[..., None], *arguments: Any) -> tuple[BaseProcess, Any]:
        """A process that runs `body`, and the end of a pipe that hears from it."""
        hears, tells = self.context.Pipe(duplex=False)
        process = self.context.Process(target=body, args=(self.root, *arguments, tells), daemon=True)
        process.start()
        tells.close()
        return process, hears

    def ask(self, body: Callable[..., None], *arguments: Any) -> Any:
        """What a process says before it ends."""
        process, hears = self.start(body, *arguments)
        said = None
        try:
            while hears.poll(_PATIENCE):
                said = hears.recv()
        except EOFError:
            pass
        process.join(_PATIENCE)
        return said

    @contextmanager
    def watched(self, table: str, figures: Figures) -> Iterator[None]:
        """While the block runs, a reader polls a table."""
        stop = self.context.Event()
        process, hears = self.start(writers.watch, table, stop)
        try:
            yield
        finally:
            stop.set()
            seen: dict[str, Any] = (
                hears.recv() if hears.poll(_PATIENCE) else {"reads": 0, "versions": 0, "torn": ["the reader died"]}
            )
            process.join(_PATIENCE)
            figures.reads += seen["reads"]
            figures.versions += seen["versions"]
            figures.torn += seen["torn"]


def kill_after(process: BaseProcess, hears: Any, seconds: float) -> bool:
    """Kill a process so long after it said `ready`; whether it was still at work."""
    if not hears.poll(_PATIENCE):
        raise AssertionError("the process to be killed never began")
    hears.recv()
    process.join(seconds)
    alive = process.is_alive()
    process.kill()
    process.join(_PATIENCE)
    return alive


def kill_commits(ground: Ground, kills: int, chance: random.Random, figures: Figures) -> None:
    """Kill processes that stage and commit without a pause."""
    ground.ask(writers.commit_once)
    with ground.watched("raw_orders", figures):
        for _ in range(kills):
            process, hears = ground.start(writers.commit_forever)
            figures.kills += kill_after(process, hears, chance.uniform(0, _COMMITS))
        if ground.ask(writers.commit_once) != "done":
            figures.failed.append("the commit after the kills")
    rest = ground.ask(writers.account)
    lost = sum(writers.ROWS - rest["raw_orders"].get(day, (0,))[0] for day in writers.DAYS)
    settle(figures, rest, lost)


def kill_runs(ground: Ground, kills: int, chance: random.Random, figures: Figures) -> None:
    """Kill runs of the whole pipeline; every so many, one is left alone and has to publish the newest sources."""
    number, done = 1, 0
    writers.write_sources(ground.root, number)
    began = time.monotonic()
    if ground.ask(writers.run_once) != "done":
        figures.failed.append("the first run")
    length = time.monotonic() - began
    with ground.watched("engagement_scores", figures):
        while done < kills:
            number += 1
            writers.write_sources(ground.root, number)
            process, hears = ground.start(writers.run_once)
            killed = kill_after(process, hears, chance.uniform(0, length))
            done += killed
            figures.kills += killed
            if done == kills or done % _SPARED == 0:
                said = ground.ask(writers.run_once)
                if said != "done":
                    figures.failed.append(f"a run after kills: {said}")
    rest = ground.ask(writers.account)
    rows, low, high = rest["engagement_scores"].get(writers.DAYS[-1], (0, 0, 0))
    if not low == high == number:
        figures.failed.append(f"the newest sources ({number}) are not what is published ({low} to {high})")
    settle(figures, rest, writers.CUSTOMERS - rows)


def settle(figures: Figures, rest: dict[str, Any], lost: int) -> None:
    """Add what the account at the end says."""
    figures.leftovers_removed += rest["removed"]
    figures.rows_lost += lost
    figures.failed += [f"left over: {path}" for path in rest["left over"]]
    figures.failed += [f"missing: {path}" for path in rest["missing"]]


def rehearse(folder: Path, kills: int, runs: int, seed: int) -> Figures:
    """`kills` kills, `runs` of them of whole runs; in a folder of its own each."""
    figures, chance, began = Figures(), random.Random(seed), time.monotonic()
    for name, body, count in (("commits", kill_commits, kills - runs), ("runs", kill_runs, runs)):
        if count > 0:
            root = folder / name
            root.mkdir(parents=True)
            body(Ground(root), count, chance, figures)
    figures.survived = figures.kills if not (figures.torn or figures.failed or figures.rows_lost) else 0
    figures.seconds = round(time.monotonic() - began, 1)
    return figures


def main() -> None:
    """The command line; exit code 1 if anything was torn, lost or failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--runs", type=int, default=None, help="how many of them kill whole runs (default: a quarter)")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, writers.quiet():
        runs = given.kills // 4 if given.runs is None else given.runs
        figures = rehearse(Path(folder), given.kills, runs, given.seed)
    print(json.dumps(asdict(figures), indent=2))  # noqa: T201 - the command's answer
    raise SystemExit(0 if figures.survived else 1)


if __name__ == "__main__":
    main()
