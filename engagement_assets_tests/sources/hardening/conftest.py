"""The corpus, built once by each engine."""

from __future__ import annotations

from typing import Any

import pytest

from engagement_assets.engine import EngineResource
from engagement_assets_tests.apache_spark import SparkProcess
from engagement_assets_tests.sources.hardening.corpus import DAY, OPTIONS, Outcome, write_corpus
from engagement_assets_tests.worlds import World


@pytest.fixture(scope="session")
def embedded_outcome(tmp_path_factory: pytest.TempPathFactory, engine: EngineResource) -> Outcome:
    """What the embedded engine made of the corpus, in a run of the whole job."""
    world = World(tmp_path_factory.mktemp("embedded"), options=dict(OPTIONS))
    write_corpus(world)
    world.run(DAY)
    return Outcome(world)


@pytest.fixture(scope="session")
def on_spark(tmp_path_factory: pytest.TempPathFactory, apache_spark: SparkProcess) -> tuple[Outcome, dict[str, Any]]:
    """What Apache Spark made of the corpus, of mutated lines and of made-up tables."""
    world = World(tmp_path_factory.mktemp("spark"), options=dict(OPTIONS))
    write_corpus(world)
    found = apache_spark.run("engagement_assets_tests.sources.hardening.spark_run", str(world.root))
    return Outcome(world), found
