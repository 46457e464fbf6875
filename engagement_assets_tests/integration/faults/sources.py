"""Sources that vanish, return, change hands, lose rights and turn into links, in random order, under a lake with history.

    python -m engagement_assets_tests.integration.faults.sources --faults 100

After each fault a run, or an examination as the sensor makes it, has to stop before it writes, or leave published what the
undisturbed sources say: that is worked out here in plain Python. Runs are processes of their own, without the superuser's right
to read what is closed to them.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import multiprocessing
import os
import random
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from engagement_assets.pipeline.rebuild_plan import make_plan
from engagement_assets.sources.guard import SourceMissingError
from engagement_assets_tests.worlds import Row, World, failures

#: The first day; the second is the one that the lake has a history before.
START = date(2025, 3, 25)
BEGIN = date(2025, 3, 31)

FACTS = ("raw_customers", "raw_orders", "raw_web_events")

#: Whom files are handed to: `nobody` on every Linux.
_NOBODY = 65534

#: How often a step mends one fault, or lets a day pass, rather than making another fault.
_MENDS, _DAY_PASSES = 0.45, 0.15

#: Steps of which one examines the sources instead of running.
_EXAMINES = 5

#: The longest that a run may take, seconds.
_PATIENCE = 180


@dataclass
class Figures:
    """What came of it: `wrong` lists steps after which something else was published than the undisturbed sources say."""

    faults: dict[str, int] = field(default_factory=dict)
    mended: int = 0
    days: int = 0
    stopped: int = 0
    succeeded: int = 0
    wrong: list[str] = field(default_factory=list)
    without_a_way_out: list[str] = field(default_factory=list)


def world_in(root: Path) -> World:
    """The lake under test and its sources."""
    return World(root, {"start_date": START})


def run_once(root: Path, day: str, tables: tuple[str, ...] | None, tells: Connection) -> None:
    """A process: run a day, and say `done`, or why not."""
    give_up_special_rights()
    result = world_in(root).run(day, tables=tables, expect=None)
    tells.send("done" if result.success else failures(result))


def examine_once(root: Path, day: str, tables: tuple[str, ...] | None, tells: Connection) -> None:
    """A process: work out what is to be rebuilt, and say `done` if nothing is, or what, or why that cannot be told."""
    give_up_special_rights()
    world = world_in(root)
    try:
        plan = make_plan(world.settings, world.lake)
        tells.send("done" if not plan.steps else f"would rebuild {plan.steps}")
    except SourceMissingError as error:
        tells.send(str(error))


def give_up_special_rights() -> None:
    """Have the superuser's process read and write no more than the rights of files and folders say."""
    # capset(2): version 3 of the header, then effective, permitted and inheritable rights, 32 of them at a time: none.
    header, none = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    if os.geteuid() == 0 and ctypes.CDLL(None, use_errno=True).capset(header, none):
        raise OSError(ctypes.get_errno(), "capset")


class Shop:
    """Sources of which every row is known; each fault returns what mends it."""

    def __init__(self, world: World, chance: random.Random) -> None:
        self.world, self.chance = world, chance
        self.raw = world.root / "raw"
        self.away = world.root / "away"
        self.away.mkdir()
        self.last = START - timedelta(days=1)
        while self.last < BEGIN:
            self.day_passes()

    # ---- what is meant -------------------------------------------------------------------------------------------

    def day_passes(self) -> None:
        """The files of one more day: a customer, an order in a folder of its day, one beside the others, events."""
        self.last += timedelta(days=1)
        day = self.last
        self.world.customers(
            [{"customer_id": f"c{day}", "signup_date": day, "email": f"{day}@shop.example"}], f"{day}.parquet"
        )
        self.world.orders(self.orders(day)[:2], f"date={day}/part-0.parquet")
        self.world.orders(self.orders(day)[2:], f"{day}.parquet")
        self.world.events(self.events(day), f"{day}.jsonl")

    def orders(self, day: date) -> list[Row]:
        return [
            {"order_id": f"{day}-{n}", "customer_id": f"c{START}", "order_date": f"{day}", "order_amount": f"{n}.50"}
            for n in range(3)
        ]

    def events(self, day: date) -> list[Row]:
        return [
            {"customer_id": f"c{START}", "event_time": f"{day}T10:0{n}:00Z", "event_id": f"{day}-{n}"} for n in range(2)
        ]

    def undisturbed(self, last: date) -> dict[str, Any]:
        """What is to be published through a day."""
        days = [START + timedelta(days=n) for n in range((last - START).days + 1)]
        return {
            "raw_customers": sorted(f"c{day}" for day in days),
            "raw_orders": sorted((row["order_id"], row["order_amount"]) for day in days for row in self.orders(day)),
            "raw_web_events": sorted(row["event_id"] for day in days for row in self.events(day)),
        }

    def published(self, last: date) -> dict[str, Any]:
        """What is published through a day."""
        return {
            "raw_customers": [row["customer_id"] for row in self.world.rows("raw_customers", last.isoformat())],
            "raw_orders": sorted((r["order_id"], str(r["order_amount"])) for r in self.world.rows("raw_orders")),
            "raw_web_events": sorted(row["event_id"] for row in self.world.rows("raw_web_events")),
        }

    # ---- faults --------------------------------------------------------------------------------------------------

    def a_file(self) -> Path:
        """One of the files that are there and were read."""
        return self.chance.choice(sorted(path for path in self.raw.rglob("*.*") if path.is_file()))

    def a_folder(self) -> Path:
        """A source's folder, or one of a day in it."""
        return self.chance.choice(sorted(path for path in self.raw.rglob("*") if path.is_dir()))

    def moved_away(self, path: Path) -> Callable[[], None]:
        place = self.away / f"{len(list(self.away.iterdir()))}"
        path.rename(place)

        def back() -> None:
            if path.is_symlink():
                path.unlink()
            elif path.is_dir():
                path.rmdir()
            place.rename(path)

        return back

    def file_vanishes(self) -> Callable[[], None]:
        return self.moved_away(self.a_file())

    def folder_vanishes(self) -> Callable[[], None]:
        return self.moved_away(self.a_folder())

    def folder_is_empty(self) -> Callable[[], None]:
        folder = self.a_folder()
        back = self.moved_away(folder)
        folder.mkdir()
        return back

    def turns_into_a_link(self) -> Callable[[], None]:
        path = self.chance.choice([self.a_file(), self.a_folder()])
        back = self.moved_away(path)
        path.symlink_to(max(self.away.iterdir(), key=lambda each: int(each.name)))
        return back

    def turns_into_a_link_to_nowhere(self) -> Callable[[], None]:
        path = self.chance.choice([self.a_file(), self.a_folder()])
        back = self.moved_away(path)
        path.symlink_to(self.away / "not mounted")
        return back

    def loses_rights(self) -> Callable[[], None]:
        path = self.chance.choice([self.a_file(), self.a_folder()])
        mode = path.stat().st_mode
        path.chmod(0)
        return lambda: path.chmod(mode)

    def changes_hands(self) -> Callable[[], None]:
        path = self.chance.choice([self.a_file(), self.a_folder()])
        state = path.stat()
        os.chown(path, _NOBODY, _NOBODY)
        path.chmod(0o700 if path.is_dir() else 0o600)

        def back() -> None:
            os.chown(path, state.st_uid, state.st_gid)
            path.chmod(state.st_mode)

        return back

    def is_cut_to_nothing(self) -> Callable[[], None]:
        path = self.a_file()
        content, times = path.read_bytes(), path.stat()
        path.write_bytes(b"")

        def back() -> None:
            path.write_bytes(content)
            os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))

        return back

    def has_another_ending(self) -> Callable[[], None]:
        path = self.a_file()
        other = path.with_name(f"{path.name}.part")
        path.rename(other)

        def back() -> None:
            other.rename(path)

        return back

    def is_renamed(self) -> Callable[[], None]:
        path = self.a_file()
        other = path.with_name(f"again-{path.name}")
        path.rename(other)

        def back() -> None:
            other.rename(path)

        return back

    def every_fault(self) -> list[Callable[[], Callable[[], None]]]:
        """The faults; only the superuser can hand a file to another."""
        return [
            self.file_vanishes,
            self.folder_vanishes,
            self.folder_is_empty,
            self.turns_into_a_link,
            self.turns_into_a_link_to_nowhere,
            self.is_cut_to_nothing,
            self.has_another_ending,
            self.is_renamed,
            self.loses_rights,
            *([self.changes_hands] if os.geteuid() == 0 else []),
        ]


def rehearse(root: Path, faults: int, seed: int, tables: tuple[str, ...] | None = None) -> Figures:
    """So many faults, one after the other, some of them mended in between; at the end all are.

    `root` is an empty folder; `tables` are what a run builds (None: everything).
    """
    figures, chance, made = Figures(), random.Random(seed), Counter[str]()
    shop = Shop(world_in(root), chance)
    context: Any = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__, "engagement_assets.definitions", "pysail.spark", "duckdb"])

    def ask(body: Callable[..., None]) -> str:
        hears, tells = context.Pipe(duplex=False)
        process = context.Process(target=body, args=(root, shop.last.isoformat(), tables, tells), daemon=True)
        process.start()
        tells.close()
        try:
            return str(hears.recv()) if hears.poll(_PATIENCE) else "took too long"
        except EOFError:
            return "died"
        finally:
            process.join(_PATIENCE)

    built = shop.last

    def step(what: str, examine: bool = False) -> bool:
        said = ask(examine_once if examine else run_once)
        if said == "done":
            figures.succeeded += 1
            nonlocal built
            built = built if examine else shop.last
        else:
            figures.stopped += 1
            if "Nothing was published" not in said:
                figures.without_a_way_out.append(f"{what}: {said[-300:]}")
        if shop.published(built) != shop.undisturbed(built):
            figures.wrong.append(f"{what}: {said[:300]}")
        return said == "done"

    if not step("the first run"):
        raise AssertionError(figures.without_a_way_out)
    outstanding: list[Callable[[], None]] = []
    kinds = shop.every_fault()
    while made.total() < faults:
        dice = chance.random()
        if outstanding and dice < _MENDS:
            outstanding.pop()()
            figures.mended += 1
            what = "a fault mended"
        elif not outstanding and dice < _MENDS + _DAY_PASSES:
            shop.day_passes()
            figures.days += 1
            what = f"{shop.last} came"
        else:
            if outstanding and dice < _MENDS + _DAY_PASSES:
                continue
            fault = chance.choice(kinds)
            try:
                outstanding.append(fault())
            except IndexError:  # nothing is left that it could happen to
                outstanding.pop()()
                continue
            made[fault.__name__] += 1
            what = fault.__name__
        step(what, examine=chance.randrange(_EXAMINES) == 0 and not what.endswith("came"))
    while outstanding:
        outstanding.pop()()
    if not (step("everything mended") and step("an examination at the end", examine=True)):
        figures.wrong.append("what was mended did not go on")
    figures.faults = dict(made)
    return figures


def main() -> None:
    """The command line; exit code 1 if anything else was published than the undisturbed sources say."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faults", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = rehearse(Path(folder), given.faults, given.seed)
    print(json.dumps(asdict(figures), indent=2))  # noqa: T201 - the command's answer
    raise SystemExit(1 if figures.wrong or figures.without_a_way_out else 0)


if __name__ == "__main__":
    main()
