"""The product's range run against the notebook way, in one run on one machine.

    python -m engagement_assets_tests.benchmarks.pipeline [--customers 100000] [--days 90] [--folder build/benchmark]

Whole processes, from launch to end: the product with its ingestion, checks, publishing and Dagster events on the embedded
engine; the notebook way on Apache Spark `local[2]`, three days measured and the range extrapolated from the last two, when
the JVM is warm. The sources are generated, without bad rows: the notebook way would stop at them.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import subprocess
import sys
import time
from datetime import date, timedelta
from pathlib import Path
from statistics import mean

from rich.console import Console
from rich.table import Table

from engagement_assets.sample_data import generate
from engagement_assets.settings import PREFIX

FIRST, LAST = date(2025, 1, 1), date(2026, 6, 30)


def main() -> None:
    """Generate, run both, print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--customers", type=int, default=100_000)
    parser.add_argument("--days", type=int, default=90)
    parser.add_argument("--folder", type=Path, default=Path("build/benchmark"))
    asked = parser.parse_args()
    folder = asked.folder.resolve()
    console = Console()
    sources = folder / "raw"
    with console.status(f"generating {asked.customers:,} customers"):
        made = generate(
            sources, customers=asked.customers, first_day=FIRST, last_day=LAST, seed=7, bad_rows=False, overwrite=True
        )
    first = LAST - timedelta(days=asked.days - 1)
    with console.status(f"the product: {asked.days} days"):
        product, memory = run_product(sources, folder, first)
    with console.status("the notebook way: 3 days"):
        days = run_notebook(sources, folder)
    notebook = days[0] + mean(days[1:]) * (asked.days - 1)
    table = Table(
        "", "seconds", "per day", title=f"{made.customers:,} customers, {made.events:,} events, {asked.days} days"
    )
    table.add_row("the product, embedded engine", f"{product:.1f}", f"{product / asked.days:.2f}")
    table.add_row("the notebook way, Spark local[2] (extrapolated)", f"{notebook:.0f}", f"{mean(days[1:]):.1f}")
    table.add_row("ratio", f"{notebook / product:.1f}", "")
    console.print(table)
    console.print(
        f"notebook days measured: {', '.join(f'{seconds:.1f} s' for seconds in days)}; product's peak {memory:.1f} GiB"
    )


def run_product(sources: Path, folder: Path, first: date) -> tuple[float, float]:
    """Seconds of a range run on a fresh lake, and its peak memory in GiB."""
    for name in ("lake", "home", "export"):
        shutil.rmtree(folder / name, ignore_errors=True)
    environment = {
        "DAGSTER_HOME": str(folder / "home"),
        f"{PREFIX}DATA": str(sources),
        f"{PREFIX}LAKE": str(folder / "lake"),
        f"{PREFIX}EXPORT": str(folder / "export"),
        f"{PREFIX}START_DATE": FIRST.isoformat(),
    }
    command = [
        sys.executable,
        "-m",
        "engagement_assets.cli",
        "run",
        "--from",
        first.isoformat(),
        "--to",
        LAST.isoformat(),
    ]
    started = time.monotonic()
    subprocess.run(command, env={**os.environ, **environment}, check=True, stdout=subprocess.DEVNULL)
    seconds = time.monotonic() - started
    return seconds, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024**2


def run_notebook(sources: Path, folder: Path) -> list[float]:
    """Seconds of each of three days."""
    days = [(LAST - timedelta(days=back)).isoformat() for back in (2, 1, 0)]
    command = [sys.executable, "-m", "engagement_assets_tests.benchmarks.notebook_way"]
    done = subprocess.run(
        [*command, str(sources), str(folder / "notebook"), *days], check=True, stdout=subprocess.PIPE, text=True
    )
    return [float(line.split()[1]) for line in done.stdout.splitlines()]


if __name__ == "__main__":
    main()
