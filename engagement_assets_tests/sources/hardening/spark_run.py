"""All that the hardening tests ask of Apache Spark, a job of its process (`engagement_assets_tests.apache_spark`)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from engagement_assets.engine import EngineResource
from engagement_assets_tests.sources.hardening import fuzz, made_up, mapped, zones
from engagement_assets_tests.sources.hardening.corpus import OPTIONS, read_sources
from engagement_assets_tests.worlds import World

ENGINE = "local[2]"

#: Lines and tables, of a seed that the embedded engine's tests do not use.
LINES, TABLES, SEED = 20_000, 12, 77

#: Zones whose clocks skipped midnight, skipped a day, and were set back over midnight.
ZONES = ("America/Santiago", "Pacific/Apia", "America/St_Johns")


def main(folder: str) -> dict[str, Any]:
    """Read the corpus in `folder` as the job does, then compare lines, tables and days; what was found of these."""
    root = Path(folder)
    world = World(root, options={**OPTIONS, "engine": ENGINE})
    read_sources(world)
    with EngineResource(engine=ENGINE) as engine:
        of_shops = mapped.read_mapped(root / "mapped", engine)  # before zones: these change the session's
        lines = fuzz.compare(engine.spark_session, root / "lines", LINES, SEED)
        tables = made_up.compare(engine.spark_session, root / "tables", SEED, TABLES)
        days = zones.compare(engine.spark_session, root / "zones", ZONES, most_days=8)
    return {
        "zones": days,
        "mapped": of_shops,
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
