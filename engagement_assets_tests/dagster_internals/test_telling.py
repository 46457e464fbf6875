"""What Dagster shows of days that a step told of by itself: fresh or stale, and what their checks say."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa
from dagster._core.definitions.data_version import CachingStaleStatusResolver, StaleStatus
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.api import execute_run
from dagster._core.loader import LoadingContextForTest
from sqlalchemy import Engine

from engagement_assets.dagster_internals.names import AssetCheckEvaluationTargetMaterializationData
from engagement_assets.dagster_internals.telling import already_told, forget_planned, tell, version_tags
from engagement_assets_tests.integration.production.postgres import postgres_for_tests
from engagement_assets_tests.worlds import World

DAYS = dg.DailyPartitionsDefinition("2025-03-01", end_date="2025-03-11")
ONE, TWO, THREE = "2025-03-01", "2025-03-02", "2025-03-03"
KEY = dg.AssetKey("facts")
CHECK = dg.AssetCheckSpec("good", asset=KEY, partitions_def=DAYS)


@dataclass
class Shop:
    """Two assets, `facts` and `sums`, whose days tell of themselves; what the days hold is in `contents`."""

    instance: dg.DagsterInstance
    contents: dict[str, str] = field(default_factory=dict)
    #: Days that a run fills in.
    filled_in: tuple[str, ...] = ()
    code: str = "1"
    fails: bool = False

    def definitions(self) -> dg.Definitions:
        """The assets as they are now."""

        def told(context: dg.AssetExecutionContext, extra: tuple[str, ...] = ()) -> Iterator[Any]:
            days = [*extra, *context.partition_keys]
            tags = version_tags(context, {day: self.contents.get(day, "nothing") for day in days})
            yield from tell(
                context, [dg.AssetMaterialization(context.asset_key, partition=day, tags=tags[day]) for day in days]
            )

        @dg.asset(
            partitions_def=DAYS,
            backfill_policy=dg.BackfillPolicy.single_run(),
            code_version=self.code,
            check_specs=[CHECK],
        )
        def facts(context: dg.AssetExecutionContext) -> Iterator[Any]:
            if self.fails:
                raise dg.Failure("nothing can be read")
            yield from told(context, self.filled_in)
            records = dg.AssetRecordsFilter(asset_key=KEY, asset_partitions=list(context.partition_keys))
            newest = {
                each.partition_key: each for each in context.instance.fetch_materializations(records, 50).records[::-1]
            }
            yield from tell(
                context,
                [
                    dg.AssetCheckEvaluation(
                        asset_key=KEY,
                        check_name="good",
                        passed=True,
                        metadata={},
                        partition=day,
                        target_materialization_data=AssetCheckEvaluationTargetMaterializationData(
                            storage_id=newest[day].storage_id,
                            run_id=newest[day].run_id,
                            timestamp=newest[day].timestamp,
                        ),
                    )
                    for day in context.partition_keys
                ],
            )
            with already_told(context):
                yield dg.MaterializeResult()
            yield dg.Output(None, output_name=CHECK.get_python_identifier())

        @dg.asset(partitions_def=DAYS, backfill_policy=dg.BackfillPolicy.single_run(), code_version="1", deps=[facts])
        def sums(context: dg.AssetExecutionContext) -> Iterator[Any]:
            yield from told(context)
            with already_told(context):
                yield dg.MaterializeResult()

        return dg.Definitions([facts, sums], executor=dg.in_process_executor)

    @property
    def job(self) -> dg.JobDefinition:
        """Both assets."""
        return self.definitions().resolve_implicit_global_asset_job_def()

    def run(self, first: str, last: str, assets: tuple[str, ...] = ("facts", "sums")) -> dg.ExecuteInProcessResult:
        """Build days."""
        keys = {dg.AssetKey(each) for each in assets}
        return self.job.get_subset(asset_selection=keys).execute_in_process(
            instance=self.instance, tags=tags_of(first, last), raise_on_error=False
        )

    def stale(self, asset: str) -> list[str]:
        """The days of an asset that Dagster shows as stale."""
        graph = self.definitions().resolve_asset_graph()
        resolver = CachingStaleStatusResolver(self.instance, graph, LoadingContextForTest(self.instance))
        days = (ONE, TWO, THREE)
        return [day for day in days if resolver.get_status(dg.AssetKey(asset), day) == StaleStatus.STALE]

    def results(self) -> dict[str, str]:
        """Day -> what the check reads."""
        key = dg.AssetCheckKey(KEY, "good")
        state = self.instance.event_log_storage.get_asset_check_state([(key, DAYS)])[key]
        return {
            day: status.value
            for status, days in state.subsets.items()
            for day in days.subset_value.get_partition_keys()
        }


def tags_of(first: str, last: str) -> dict[str, str]:
    return {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}


@pytest.fixture
def shop(tmp_path: Any) -> Shop:
    return Shop(World(tmp_path).instance)


def test_days_that_were_filled_in_are_as_fresh_as_those_that_were_asked_for(shop: Shop) -> None:
    shop.filled_in = (ONE, TWO)
    result = shop.run(THREE, THREE)
    assert result.success
    assert [each.partition for each in result.asset_materializations_for_node("facts")] == [ONE, TWO, THREE]
    assert shop.instance.get_materialized_partitions(KEY) == {ONE, TWO, THREE}
    assert (shop.stale("facts"), shop.stale("sums")) == ([], [])
    shop.code = "2"
    assert shop.stale("facts") == [ONE, TWO, THREE]


def test_what_was_built_from_another_content_is_stale_and_nothing_else(shop: Shop) -> None:
    shop.contents = {ONE: "a", TWO: "b", THREE: "c"}
    shop.run(ONE, THREE)
    shop.run(ONE, THREE, ("facts",))
    assert shop.stale("sums") == []
    shop.contents[TWO] = "another"
    shop.run(ONE, THREE, ("facts",))
    assert shop.stale("sums") == [TWO]
    shop.run(TWO, TWO, ("sums",))
    assert shop.stale("sums") == []


def test_each_event_is_stored_once_and_in_the_log_of_its_run(shop: Shop) -> None:
    result = shop.run(ONE, THREE)
    kinds = (
        dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED,
        dg.DagsterEventType.ASSET_MATERIALIZATION,
        dg.DagsterEventType.ASSET_CHECK_EVALUATION,
    )
    assert [len(shop.instance.all_logs(result.run_id, of_type=kind)) for kind in kinds] == [6, 6, 3]
    assert len(shop.instance.fetch_materializations(KEY, limit=100).records) == 3
    (record,) = shop.instance.get_asset_records([KEY])
    entry = record.asset_entry.last_materialization_record
    assert (entry and entry.partition_key, record.asset_entry.last_run_id) == (THREE, result.run_id)


def queued(shop: Shop, first: str, last: str) -> dg.DagsterRun:
    """A run that waits: its checks are planned."""
    return shop.instance.create_run_for_job(shop.job, tags=tags_of(first, last))


@pytest.mark.postgres
def test_materialisations_are_one_batch_on_postgresql_too() -> None:
    statements: list[str] = []

    def count(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("INSERT INTO event_logs ") or statement.startswith("INSERT INTO asset_event_tags "):
            statements.append(statement)

    with postgres_for_tests() as address:
        storage = {"storage": {"postgres": {"postgres_url": address.replace("postgresql:", "postgresql+psycopg2:")}}}
        with dg.instance_for_test(overrides=storage) as instance:
            shop = Shop(instance)
            sa.event.listen(Engine, "before_cursor_execute", count)
            try:
                run = shop.run(ONE, THREE, ("facts",))
            finally:
                sa.event.remove(Engine, "before_cursor_execute", count)
            assert run.success
            assert instance.get_materialized_partitions(KEY) == {ONE, TWO, THREE}
            assert shop.results() == dict.fromkeys((ONE, TWO, THREE), "SUCCEEDED")
            assert shop.stale("facts") == []
            told = instance.get_records_for_run(run.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION).records
            assert [each.partition_key for each in told] == [ONE, TWO, THREE]
    batches = [each for each in statements if each.startswith("INSERT INTO asset_event_tags ")]
    assert len(batches) == 1, batches


def test_a_run_that_waited_while_another_built_the_same_days_leaves_no_check_without_a_result(shop: Shop) -> None:
    waiting = queued(shop, ONE, THREE)
    shop.run(TWO, THREE)
    assert execute_run(InMemoryJob(shop.job), waiting, shop.instance).success
    assert shop.results() == dict.fromkeys((ONE, TWO, THREE), "SUCCEEDED")


def test_a_run_that_fails_before_a_check_leaves_its_earlier_result(shop: Shop) -> None:
    shop.run(ONE, TWO)
    shop.fails = True
    failed = shop.run(ONE, THREE)
    assert not failed.success
    assert set(shop.results().values()) == {"EXECUTION_FAILED"}
    forget_planned(shop.instance, failed.run_id)
    assert shop.results() == dict.fromkeys((ONE, TWO), "SUCCEEDED")
