"""Reads the web events of the settings' sources as a run does, and prints the seconds that took."""

from __future__ import annotations

import sys
import tempfile
import time

from engagement_assets.engine import EngineResource
from engagement_assets.lake.tables import LakeResource
from engagement_assets.settings import Settings, today
from engagement_assets.sources.finding import SourcesResource
from engagement_assets.sources.ingestion import ingestion
from engagement_assets.sources.registry import CUSTOMERS, SOURCES


def main() -> None:
    """Read and print."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(lake=folder)
        lake, last = LakeResource.of(settings), today(settings)
        engine = EngineResource(engine=settings.engine, timezone=settings.timezone)
        with engine, ingestion("benchmark", settings, SourcesResource.of(settings), engine, lake) as run:
            customers = run.whole(run.inspect(CUSTOMERS), last)
            began = time.perf_counter()
            found = run.whole(run.inspect(SOURCES["web_events"]), last, customers.who)
            sys.stdout.write(f"{time.perf_counter() - began:.3f} {found.account.kept}\n")


if __name__ == "__main__":
    main()
