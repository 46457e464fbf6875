"""The one place that builds the project's Definitions."""

from __future__ import annotations

import logging
import os
import warnings
from pathlib import Path

import dagster as dg

from engagement_assets.engine import EngineResource
from engagement_assets.lake.tables import LakeResource
from engagement_assets.pipeline.assets.engagement import build_engagement_assets
from engagement_assets.pipeline.assets.marketing import build_marketing_assets
from engagement_assets.pipeline.assets.monitoring import build_backtest_assets
from engagement_assets.pipeline.assets.serving import build_serving_assets
from engagement_assets.pipeline.assets.sources import build_source_assets
from engagement_assets.pipeline.automation import build_automation
from engagement_assets.pipeline.progress import progress_logger
from engagement_assets.pipeline.readiness import build_snapshot
from engagement_assets.settings import Settings
from engagement_assets.sources.finding import SourcesResource

# Partitioned checks and kinds are marked as previews in Dagster; the minor version is pinned for that reason.
warnings.filterwarnings("ignore", category=dg.PreviewWarning)
warnings.filterwarnings("ignore", category=dg.BetaWarning)


def build_definitions(settings: Settings) -> dg.Definitions:
    """Assets, checks, jobs, schedules and resources for these settings."""
    lake = LakeResource.of(settings)
    return dg.Definitions(
        assets=[
            *build_source_assets(settings, lake.location),
            *build_engagement_assets(settings, lake.location),
            *build_marketing_assets(settings, lake.location),
            *build_backtest_assets(settings, lake.location),
            *build_serving_assets(settings),
            build_snapshot(settings),
        ],
        **build_automation(settings),
        resources={
            "engine": EngineResource(engine=settings.engine, timezone=settings.timezone),
            "lake": lake,
            "sources": SourcesResource.of(settings),
        },
        loggers={"console": dg.colored_console_logger, "progress": progress_logger},
        # One process per run: the engine is started once, not once per step.
        executor=dg.in_process_executor,
    )


# Without a home Dagster takes one for as long as it runs; `dagster.yaml` in a clone says where its history lasts.
if os.environ.get("DAGSTER_IS_DEV_CLI") and not os.environ.get("DAGSTER_HOME") and not Path("dagster.yaml").exists():
    logging.getLogger("dagster").warning(
        "DAGSTER_HOME is not set: `dagster dev` forgets its runs when it ends. `make dev` keeps them, in .dagster_home"
    )

_settings = Settings()
defs = build_definitions(_settings)


def definitions_of(settings: Settings) -> dg.Definitions:
    """`defs`, or Definitions built for these settings where they are others."""
    return defs if settings == _settings else build_definitions(settings)
