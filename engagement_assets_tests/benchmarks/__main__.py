"""How fast the product is, against other ways of doing the same on the same machine in the same run.

    python -m engagement_assets_tests.benchmarks                     # everything: hours
    python -m engagement_assets_tests.benchmarks --part ranges       # one part
    python -m engagement_assets_tests.benchmarks --part demo --against ../earlier   # events, and the time of another checkout
    python -m engagement_assets_tests.benchmarks --customers 10000 --many-customers 100000 --days 30

Each way is a whole process, from launch to end: the product with its ingestion, checks, publishing and Dagster's events on the
embedded engine. Sources are generated, without bad rows: the other ways would stop at them. The table has a row per promise,
with its ratio and whether it holds.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console
from rich.table import Table

from engagement_assets_tests.benchmarks.targets import PARTS, Bench


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--part", action="append", choices=list(PARTS), help="what to measure (default: all)")
    parser.add_argument("--customers", type=int, default=100_000)
    parser.add_argument("--many-customers", type=int, default=1_000_000)
    parser.add_argument("--days", type=int, default=90)
    parser.add_argument("--year", type=int, default=365, help="days of a long history")
    parser.add_argument("--runs", type=int, default=3, help="the median of so many runs is told")
    parser.add_argument("--against", type=Path, help="an earlier checkout, for the parts `demo` and `ranges`")
    parser.add_argument("--folder", type=Path, default=Path("build/benchmark"))
    asked = parser.parse_args()
    console = Console()
    bench = Bench(
        asked.folder.resolve(),
        asked.customers,
        asked.many_customers,
        asked.days,
        asked.year,
        runs=asked.runs,
        against=asked.against and asked.against.resolve(),
        tell=lambda text: console.print(text, style="dim"),
    )
    for part in asked.part or PARTS:
        PARTS[part](bench)
    for name, steps in bench.profiles.items():
        profile = Table("where", "seconds", title=name)
        for step, seconds in steps:
            profile.add_row(step, f"{seconds:.2f}")
        console.print(profile)
    table = Table("promise", "measured", "limit", "", "figures")
    for target in bench.targets:
        limit = f"{'at least' if target.at_least else 'at most'} {target.limit:g}"
        figures = target.figures if target.is_met else "; ".join(filter(None, (target.figures, target.if_missed)))
        table.add_row(
            target.name, f"{target.measured:.2f} {target.unit}", limit, "pass" if target.is_met else "FAIL", figures
        )
    console.print(table)


if __name__ == "__main__":
    main()
