"""Builds worlds on another engine, in a process of its own: Apache Spark's sessions and Spark Connect's share none.

python -m engagement_assets_tests.integration.spark_run 'local[2]' FIRST LAST ROOT=DATA=START [...]
"""

from __future__ import annotations

import sys
from pathlib import Path

from engagement_assets_tests.worlds import World


def main(engine: str, first: str, last: str, worlds: list[str]) -> None:
    """Build each world, `root=data folder=first partition`, for the days `first` to `last`."""
    for text in worlds:
        root, data, start = text.split("=")
        World(Path(root), options={"data": data, "start_date": start, "engine": engine}).run(first, last)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:])
