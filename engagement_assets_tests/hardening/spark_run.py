"""One process with Apache Spark for all that the hardening tests ask of it: the corpus, mutated lines, made-up tables.

python -m engagement_assets_tests.hardening.spark_run ROOT
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from engagement_assets.resources.engine import EngineResource
from engagement_assets_tests.hardening import fuzz, made_up
from engagement_assets_tests.hardening.corpus import OPTIONS, read_sources
from engagement_assets_tests.servers import fresh_environment
from engagement_assets_tests.worlds import World

ENGINE = "local[2]"

#: Lines and tables, of a seed that the embedded engine's tests do not use.
LINES, TABLES, SEED = 20_000, 12, 77


def run_on_spark(world: World) -> dict[str, Any]:
    """Run `main` in a process of its own, since Spark's sessions and Spark Connect's share none; returns what it found."""
    done = subprocess.run(
        [sys.executable, "-m", "engagement_assets_tests.hardening.spark_run", str(world.root)],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
        timeout=450,
        check=False,
        env={**fresh_environment(), "TZ": "UTC"},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads((world.root / "found.json").read_text())
    return found


def main(root: Path) -> None:
    """Read the corpus at `root` as the job does, then compare lines and tables; what was found goes to `root`/found.json."""
    world = World(root, options={**OPTIONS, "engine": ENGINE})
    read_sources(world)
    with EngineResource(engine=ENGINE) as engine:
        lines = fuzz.compare(engine.spark_session, root / "lines", LINES, SEED)
        tables = made_up.compare(engine.spark_session, root / "tables", SEED, TABLES)
    found = {
        "lines": {
            "lines": lines.lines,
            "valid": lines.valid,
            "unaccounted": lines.unaccounted,
            "wrong": [repr(line) for line in (*lines.false_accepts, *lines.lost, *lines.different)],
        },
        "tables": {
            "rows": tables.rows,
            "kept": tables.verdicts["kept"],
            "unaccounted": tables.unaccounted,
            "wrong": [repr(table) for table in tables.different],
        },
    }
    (root / "found.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
