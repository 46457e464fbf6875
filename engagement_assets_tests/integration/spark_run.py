"""A world built on Apache Spark: a job of its process (`engagement_assets_tests.apache_spark`)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from engagement_assets_tests.worlds import World


def main(engine: str, first: str, last: str, root: str, options: dict[str, Any]) -> None:
    """Build the world below `root`, with these options, for the days `first` to `last`."""
    World(Path(root), options={**options, "engine": engine}).run(first, last)
