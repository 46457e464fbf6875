"""Worlds built on Apache Spark: a job of its process (`engagement_assets_tests.apache_spark`)."""

from __future__ import annotations

from pathlib import Path

from engagement_assets_tests.worlds import World


def main(engine: str, first: str, last: str, worlds: list[dict[str, str]]) -> None:
    """Build each world, of `root`, `data` and `start_date`, for the days `first` to `last`."""
    for world in worlds:
        options = {"data": world["data"], "start_date": world["start_date"], "engine": engine}
        World(Path(world["root"]), options=options).run(first, last)
