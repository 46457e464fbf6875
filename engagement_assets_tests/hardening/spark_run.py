"""One process with Apache Spark for all that the hardening tests ask of it: a world built, lines and tables compared.

python -m engagement_assets_tests.hardening.spark_run ROOT DAY
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from engagement_assets_tests.hardening.corpus import OPTIONS
from engagement_assets_tests.servers import fresh_environment
from engagement_assets_tests.worlds import World

ENGINE = "local[2]"


def run_on_spark(world: World, day: str) -> None:
    """Build a day of the world in a process of its own: Spark's sessions and Spark Connect's share none."""
    command = [sys.executable, "-m", "engagement_assets_tests.hardening.spark_run", str(world.root), day]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
        timeout=450,
        check=False,
        env={**fresh_environment(), "TZ": "UTC"},
    )
    assert done.returncode == 0, done.stderr[-3000:]


if __name__ == "__main__":
    World(Path(sys.argv[1]), options={**OPTIONS, "engine": ENGINE}).run(sys.argv[2])
