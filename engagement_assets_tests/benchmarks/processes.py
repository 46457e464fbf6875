"""Whole processes, timed: wall time, processor time and peak memory of each, from launch to end."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from engagement_assets_tests import PROJECT

ROOT = PROJECT


class BenchmarkError(RuntimeError):
    """A measured command failed; the message holds the end of what it said."""


@dataclass(frozen=True)
class Measured:
    """One process: wall seconds, processor seconds of it and the children it waited for, peak memory in GiB, its output.

    `launched`: when it was, in seconds of Unix time.
    """

    seconds: float
    processor: float
    memory: float
    output: str = ""
    launched: float = 0.0


def python(
    module: str, *arguments: object, environment: Mapping[str, str] | None = None, tree: Path = ROOT
) -> Measured:
    """Run a module in a process of its own, of this checkout or of another (`tree`). Raises BenchmarkError if it fails."""
    command = [sys.executable, "-m", module, *map(str, arguments)]
    started, launched = time.monotonic(), time.time()
    with subprocess.Popen(
        command,
        env={**os.environ, "PYTHONPATH": str(tree), **(environment or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=tree,
    ) as process:
        assert process.stdout is not None
        output = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise BenchmarkError(f"{' '.join(command[2:])} failed: {output[-500:]}")
    seconds = time.monotonic() - started
    return Measured(seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024**2, output, launched)


def repeated(runs: int, measure: Callable[[], Measured]) -> Measured:
    """The run with the median wall time."""
    return middle([measure() for _ in range(runs)])


def middle(runs: Sequence[Measured]) -> Measured:
    """The run whose wall time is the median of all, the longer of two."""
    wanted = median(run.seconds for run in runs)
    return min(runs, key=lambda run: (abs(run.seconds - wanted), -run.seconds))
