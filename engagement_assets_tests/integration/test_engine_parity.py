"""The same rows from the embedded engine and from Apache Spark: labels, counts, money, dates exactly, scores to 1e-12."""

from __future__ import annotations

import shutil
from datetime import date
from typing import Any

import pytest

from engagement_assets.domain.contracts import TABLES
from engagement_assets.engine import EngineResource
from engagement_assets.sample_data import generate
from engagement_assets_tests import made_up_shop
from engagement_assets_tests.apache_spark import SparkProcess
from engagement_assets_tests.transforms import made_up_orders
from engagement_assets_tests.worlds import SAMPLE_DATA, Row, World

#: Late in the data, so that Apache Spark has few days of facts to fill in; rows before are rejected on both engines.
START, FIRST, LAST = "2026-06-20", "2026-06-29", "2026-06-30"
TOLERANCE = 1e-12

pytestmark = [pytest.mark.spark, pytest.mark.timeout(900)]

Pair = tuple[World, World]


def built_by_both(
    new_folder: pytest.TempPathFactory, spark: SparkProcess, days: tuple[str, str], options: dict[str, Any]
) -> Pair:
    """The same sources built by both engines."""
    embedded, apache = (World(new_folder.mktemp(name), options=dict(options)) for name in ("embedded", "spark"))
    embedded.run(*days)
    spark.run("engagement_assets_tests.integration.spark_run", "local[2]", *days, str(apache.root), options)
    return embedded, apache


@pytest.fixture(scope="module")
def made_up(tmp_path_factory: pytest.TempPathFactory, engine: EngineResource, apache_spark: SparkProcess) -> Pair:
    """A shop made up by lot, three days in the midst of it."""
    shop = World(tmp_path_factory.mktemp("shop"))
    made_up_shop.shop_of(0).write(shop)
    days = made_up_shop.DAYS[1], made_up_shop.DAYS[3]
    return built_by_both(tmp_path_factory, apache_spark, days, {**made_up_shop.OPTIONS, "data": shop.settings.data})


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory, engine: EngineResource, apache_spark: SparkProcess) -> Pair:
    """The sample data and 2,000 generated customers in one shop, two days; of rows with one id, one stays."""
    data = tmp_path_factory.mktemp("generated") / "raw"
    first, last = date.fromisoformat(START), date.fromisoformat(LAST)
    generate(data, customers=2_000, first_day=first, last_day=last, seed=11, contacts=True, mistaken=0.2)
    for source in SAMPLE_DATA.iterdir():
        shutil.copytree(source, data / source.name / "sample", ignore=_before_the_last_month)
    # What is before the first partition is rejected, and of two rows with one id one is.
    options = {"data": str(data), "start_date": START, "rejected_share_limit": 1.0, "results": {"horizons": (1,)}}
    return built_by_both(tmp_path_factory, apache_spark, (FIRST, LAST), options)


def _before_the_last_month(_: str, names: list[str]) -> list[str]:
    """Folders of months that end before the first partition: of each row before it both engines would say the same."""
    return [name for name in names if name.startswith("month=") and name < f"month={START[:7]}"]


@pytest.mark.parametrize("table", TABLES)
def test_both_engines_give_the_same_rows_of_a_made_up_shop(made_up: Pair, table: str) -> None:
    assert_same_rows(made_up, table)


@pytest.mark.slow  # smaller: a made-up shop, above
@pytest.mark.parametrize("table", TABLES)
def test_both_engines_give_the_same_rows_of_the_sample(sample: Pair, table: str) -> None:
    assert_same_rows(sample, table)


def assert_same_rows(pair: Pair, table: str) -> None:
    """A table has rows, the same of both engines."""
    expected, found = (world.rows(table) for world in pair)
    assert len(found) == len(expected)
    # What comes after the last days of the data is not known, and of so short a history no chance to come back.
    assert expected or table in ("score_backtest", "return_rates")
    for ours, theirs in zip(expected, found, strict=True):
        assert differences(ours, theirs) == {}


def test_both_engines_count_the_same_returns(engine: EngineResource, apache_spark: SparkProcess) -> None:
    """A year of orders of a made-up shop, without a run of each of its days."""
    expected = made_up_orders.scores(engine.spark_session, made_up_orders.LAST)
    found = apache_spark.run("engagement_assets_tests.transforms.made_up_orders", "local[2]")
    assert any(row["return_chance"] != "None" and row["expected_revenue_90_days"] for row in expected)
    assert any(
        "such customers" in row["slipping_reasons"] or "much like them" in row["slipping_reasons"] for row in expected
    )
    assert [differences(ours, theirs) for ours, theirs in zip(expected, found, strict=True)] == [{}] * len(expected)


def differences(ours: Row, theirs: Row) -> Row:
    """The columns in which two rows differ by more than rounding."""

    def same(column: str) -> bool:
        one, other = ours[column], theirs[column]
        if isinstance(one, float) and isinstance(other, float):
            return abs(one - other) <= TOLERANCE * max(1.0, abs(one))
        return bool(one == other)

    return {column: (ours[column], theirs[column]) for column in ours if not same(column)}
