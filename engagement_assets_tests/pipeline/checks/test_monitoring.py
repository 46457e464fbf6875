"""Monitoring: figures against hand calculations and numpy, grades at their thresholds, results per partition in Dagster."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pytest
from dagster._core.storage.asset_check_state import AssetCheckState
from dagster._core.storage.dagster_run import DagsterRunStatus

from engagement_assets.analysis.monitoring.look import PSI_COLUMNS, Look
from engagement_assets.analysis.monitoring.monitors import (
    Finding,
    customer_count,
    missing_days,
    monitors,
    null_shares,
    rejected_rows,
    row_count,
    score_stability,
    segment_shares,
)
from engagement_assets.analysis.monitoring.stability import population_stability
from engagement_assets.definitions import build_definitions
from engagement_assets.domain.contracts import Contract, EngagementScores, RawCustomers, RawOrders
from engagement_assets.domain.monitoring_policy import MonitoringPolicy
from engagement_assets.pipeline.checks.monitoring import MONITORING_JOB
from engagement_assets.pipeline.partitions import daily_partitions
from engagement_assets.settings import Settings
from engagement_assets_tests.worlds import World

DAY = "2026-06-30"
BEFORE = "2026-06-29"


def days_before(*numbers: int) -> list[str]:
    return [(date.fromisoformat(DAY) - timedelta(days=number)).isoformat() for number in numbers]


def look(
    world: World, published: dict[str, int], snapshots: dict[str, dict[str, Any]] | None = None, **policy: Any
) -> Look:
    """A table that was found so: its rows per day, and what is counted in its snapshots."""
    found = Look(world.lake, Settings(monitoring=MonitoringPolicy(**policy)), EngagementScores, [DAY])
    found.__dict__ |= {"published": published, "_counted": snapshots or {}, "published_before_run": {}}
    return found


# ---- population stability index --------------------------------------------------------------------------------------


def test_the_stability_index_by_hand() -> None:
    """(0.2 - 0.1) ln(0.2/0.1) + (0.8 - 0.9) ln(0.8/0.9) = 0.0693147 + 0.0117783."""
    assert population_stability({0: 10, 1: 90}, {0: 20, 1: 80}) == pytest.approx(0.0810930, abs=1e-7)
    # An empty band counts as 1 in 10,000: (0.0001 - 0.5) ln(0.0001/0.5) + (1 - 0.5) ln(1/0.5) = 4.2577442 + 0.3465736
    assert population_stability({0: 1, 1: 1}, {1: 3}) == pytest.approx(4.6043178, abs=1e-6)
    assert population_stability({0: 1, 9: 3}, {0: 2, 9: 6}) == 0


def score_snapshot(low: int, high: int) -> dict[str, Any]:
    bands = {0: low, 1: high}
    return {"customers": low + high, **{f"bands_{name}": bands for name in PSI_COLUMNS}}


@pytest.mark.parametrize(
    ("previous", "reference", "grade"),
    [
        ((100, 900), (100, 900), "good"),
        ((200, 800), (200, 800), "good"),  # 0.0811, as above
        ((200, 800), (250, 750), "warning"),  # against 10 %: 0.15 ln 2.5 + 0.15 ln(0.9/0.75) = 0.1648
        ((300, 700), (100, 900), "error"),  # 0.2 ln 3 + 0.2 ln(0.9/0.7) = 0.2700
    ],
)
def test_scores_are_compared_with_the_previous_and_the_reference_snapshot(
    world: World, previous: tuple[int, int], reference: tuple[int, int], grade: str
) -> None:
    (month_before,) = days_before(30)
    snapshots = {
        DAY: score_snapshot(100, 900),
        BEFORE: score_snapshot(*previous),
        month_before: score_snapshot(*reference),
    }
    found = score_stability(look(world, dict.fromkeys(snapshots, 1000), snapshots), DAY)
    assert found.grade == grade
    chosen = score_stability(
        look(world, dict.fromkeys(snapshots, 1000), snapshots, reference_date=BEFORE, psi_warning=0.05), DAY
    )
    assert chosen.figures["reference_snapshot"] == BEFORE


# ---- grades ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("weeks", "rows", "grade"),
    [
        ([100] * 4, 100, "good"),
        ([100] * 4, 51, "good"),
        ([100] * 4, 50, "warning"),
        ([100] * 4, 11, "warning"),
        ([100] * 4, 10, "error"),
        ([100] * 4, 299, "good"),
        ([100] * 4, 300, "warning"),
        ([100] * 4, 1000, "error"),
        ([80, 120, 60, 140], 50, "warning"),  # the mean of the weeks counts
        ([9] * 4, 0, "good"),  # 3 sqrt(9 * 1.25) = 10.06 is more than 9: chance
        ([12] * 4, 0, "error"),  # 3 sqrt(12 * 1.25) = 11.62 is less than 12
        ([0] * 4, 5, "warning"),
        ([0] * 4, 0, "good"),
        ([100], 0, "good"),  # one week is too little to compare with
    ],
)
def test_rows_are_compared_with_the_same_weekday_of_the_weeks_before(
    world: World, weeks: list[int], rows: int, grade: str
) -> None:
    published = {DAY: rows, BEFORE: 10**6, **dict(zip(days_before(7, 14, 21, 28), weeks, strict=False))}
    assert row_count(look(world, published), DAY).grade == grade


@pytest.mark.parametrize(
    ("before", "rows", "grade"),
    [(1000, 900, "warning"), (1000, 901, "good"), (1000, 700, "error"), (5, 4, "warning"), (5, 9, "good")],
)
def test_customers_who_vanish_are_told(world: World, before: int, rows: int, grade: str) -> None:
    published = {DAY: rows, days_before(7)[0]: before}
    assert customer_count(look(world, published), DAY).grade == grade


@pytest.mark.parametrize(
    ("missing", "grade", "number"),
    [((), "good", 0), ((3,), "warning", 1), (range(1, 8), "error", 7), ((29, 30), "good", 0)],
)
def test_days_missing_in_the_history(world: World, missing: tuple[int, ...], grade: str, number: int) -> None:
    """The history begins with the first snapshot: 28 days before."""
    days = set(days_before(*range(29))) - set(days_before(*missing))
    found = missing_days(look(world, dict.fromkeys(sorted(days), 1)), DAY)
    assert (found.grade, found.figures["missing_days"]) == (grade, number)


def test_the_share_of_rejected_rows_is_judged_beyond_chance(world: World) -> None:
    """5 % of 100 rows are 5; three standard deviations more are 5 + 3 sqrt(5 * 2) = 14.5."""
    for rejected, grade in ((0, "good"), (14, "good"), (15, "warning"), (51, "error")):
        found = look(world, {DAY: 100 - rejected})
        found.__dict__["rejected"] = {DAY: rejected}
        assert (rejected, rejected_rows(found, DAY).grade) == (rejected, grade)


def test_thresholds_in_the_wrong_order_are_refused() -> None:
    with pytest.raises(ValueError, match="psi_warning must not exceed psi_error"):
        MonitoringPolicy(psi_warning=0.3)


# ---- figures of the sample data against numpy ------------------------------------------------------------------------


def test_figures_of_a_snapshot_equal_those_of_numpy(sample_world: World) -> None:
    def judged(name: str) -> Finding:
        (monitor,) = [each for each in monitors(sample_world.settings)[EngagementScores] if each.name == name]
        return monitor.judge(Look(sample_world.lake, sample_world.settings, EngagementScores, [DAY]), DAY)

    now, then = (sample_world.rows("engagement_scores", day) for day in (DAY, BEFORE))
    nulls = judged("null_shares").figures
    expected = sum(row["recency_days"] is None for row in now) / len(now)
    assert nulls["null_share_recency_days"] == pytest.approx(expected, abs=5e-5)

    psi = judged("score_stability").figures["psi_previous_engagement_score"]
    new, old = (
        np.histogram([round(row["engagement_score"], 10) for row in rows], bins=10, range=(0, 1))[0] / len(rows)
        for rows in (now, then)
    )
    new, old = np.maximum(new, 1e-4), np.maximum(old, 1e-4)
    assert psi == pytest.approx(float(np.sum((new - old) * np.log(new / old))), abs=5e-7)

    revenue = np.array([float(row["total_revenue"]) for row in now if row["total_revenue"] > 0])
    low, high = np.quantile(revenue, [0.25, 0.75])
    share = float(np.mean(revenue > high + 3 * (high - low)))
    assert share > 0
    assert judged("outliers").figures["outlier_share_total_revenue"] == pytest.approx(share, abs=5e-5)

    moved = 0.0
    for column in ("engagement_segment", "value_segment"):
        shares = [Counter(row[column] for row in rows) for rows in (now, then)]
        moved = max(moved, *(abs(shares[0][k] / len(now) - shares[1][k] / len(then)) for k in {*shares[0], *shares[1]}))
    assert judged("segment_shares").figures["largest_change"] == pytest.approx(moved, abs=5e-5)


def test_a_segment_that_holds_hardly_anybody_or_nearly_all_is_told_with_what_to_set(world: World) -> None:
    """Of 200 customers one is High: 0.5 %. Nobody came to the web."""
    counts = {"High": 1, "Medium": 125, "Low": 44, "At Risk": 30}
    found = look(world, {DAY: 200}, {DAY: {"customers": 200, "groups_engagement_segment": counts, "with_sessions": 0}})
    finding = segment_shares(found, DAY)
    assert (finding.grade, finding.figures["share_high"]) == ("warning", 0.005)
    assert finding.words == (
        "High holds 0.5% of the customers, Medium holds 62.5% of the customers; set ENGAGEMENT_SCORING__SEGMENT_MODE=quantiles "
        "(segments of fixed shares); or ENGAGEMENT_SCORING__ORDER_SCALE=log1p (one customer's many orders do not press all "
        "others down); or ENGAGEMENT_SCORING__ORDER_WEIGHT=1 ENGAGEMENT_SCORING__SESSION_WEIGHT=0 (there are no web events)"
    )
    counts.update(High=2, Medium=120, Low=48)  # 1 % and 60 %
    assert segment_shares(found, DAY).grade == "good"


def test_of_the_segments_shares_what_is_amiss_is_told_and_nothing_else(world: World) -> None:
    def of(then: dict[str, int], now: dict[str, int]) -> tuple[str, str]:
        snapshots = {
            day: {
                "customers": 200,
                "with_sessions": 0,
                "groups_engagement_segment": counts,
                "groups_value_segment": {"None": 200},
            }
            for day, counts in ((BEFORE, then), (DAY, now))
        }
        finding = segment_shares(look(world, {BEFORE: 200, DAY: 200}, snapshots), DAY)
        return finding.grade, finding.words.split("; set ")[0]

    even = {"High": 50, "Medium": 50, "Low": 50, "At Risk": 50}
    lopsided = {"High": 20, "Medium": 20, "Low": 30, "At Risk": 130}
    assert of(even, even) == ("good", f"the share of segment At Risk moved by +0.0 percentage points since {BEFORE}")
    assert of(lopsided, lopsided) == ("warning", "At Risk holds 65.0% of the customers")
    moved = f"the share of segment At Risk moved by +40.0 percentage points since {BEFORE}"
    assert of(even, lopsided) == ("error", f"{moved}; At Risk holds 65.0% of the customers")


def test_a_column_that_was_not_known_before_is_no_change(world: World) -> None:
    """As return chances are from one day to the next in a new shop, or columns that came with a release."""
    nullable = [name for name, column in EngagementScores.columns().items() if column.nullable]
    then = {"customers": 100, **{f"empty_{name}": 0 for name in nullable}, "empty_return_chance": 100}
    now = {**then, "empty_return_chance": 20}
    published = {BEFORE: 100, DAY: 100}
    assert null_shares(look(world, published, {BEFORE: then, DAY: now}), DAY).grade == "good"
    # That it is not known any more is one.
    assert null_shares(look(world, published, {BEFORE: now, DAY: then}), DAY).grade == "error"


def test_rejected_rows_are_counted_on_the_day_they_speak_of(sample_world: World) -> None:
    rejected = Counter(
        str(row["row_date"])
        for row in sample_world.rows("rejected_rows")
        if row["source"] == "orders" and row["row_date"] and row["reason"] != "outside_observation_window"
    )
    found = Look(sample_world.lake, sample_world.settings, RawOrders, [DAY]).rejected
    assert found == rejected
    assert len(found) > 10


# ---- in Dagster ------------------------------------------------------------------------------------------------------


def check_state(world: World, table: type[Contract], check: str) -> AssetCheckState:
    key = dg.AssetCheckKey(dg.AssetKey(table.table()), check)
    partitions = daily_partitions(world.settings)
    return world.instance.event_log_storage.get_asset_check_state([(key, partitions)])[key]


def days_with(state: AssetCheckState, status: str) -> set[str]:
    (found,) = [subset for each, subset in state.subsets.items() if each.value == status]
    return set(found.subset_value.get_partition_keys())


def test_each_day_of_a_range_run_has_a_result_of_each_monitor(sample_world: World) -> None:
    built = set(sample_world.lake.partitions(EngagementScores))
    assert len(built) == 16
    for table, watching in monitors(sample_world.settings).items():
        for monitor in watching:
            state = check_state(sample_world, table, monitor.name)
            assert days_with(state, "SUCCEEDED") | days_with(state, "FAILED") == built
            assert days_with(state, "SKIPPED") | days_with(state, "EXECUTION_FAILED") == set()


def test_a_monitor_runs_again_by_hand_on_any_day_and_builds_nothing(world: World) -> None:
    """Also where the table is damaged: the check says so, and the run does not fail."""
    world.options["start_date"] = "2025-03-01"
    world.customers([{"customer_id": "a"}])
    definitions = build_definitions(world.settings)
    job = definitions.resolve_implicit_global_asset_job_def()
    tags = {"dagster/asset_partition_range_start": "2025-03-01", "dagster/asset_partition_range_end": "2025-03-09"}
    raw_customers = job.get_subset(asset_selection={dg.AssetKey("raw_customers")})
    assert raw_customers.execute_in_process(instance=world.instance, tags=tags).success
    table = Path(world.lake.path(RawCustomers))
    version = len(list(table.glob("_delta_log/*.json")))

    customer_count = dg.AssetCheckKey(dg.AssetKey("raw_customers"), "customer_count")

    def by_hand() -> tuple[dg.AssetCheckEvaluation, DagsterRunStatus]:
        check = job.get_subset(asset_selection=set(), asset_check_selection={customer_count})
        result = check.execute_in_process(instance=world.instance, partition_key="2025-03-09")
        (evaluation,) = result.get_asset_check_evaluations()
        run = world.instance.get_run_by_id(result.run_id)
        assert run is not None
        return evaluation, run.status

    evaluation, status = by_hand()
    assert (evaluation.passed, evaluation.description) == (True, "1 customers, +0.0% on a week before (1)")
    assert (status, len(list(table.glob("_delta_log/*.json")))) == (DagsterRunStatus.SUCCESS, version)
    days = {f"2025-03-0{n}" for n in range(1, 10)}
    assert days_with(check_state(world, RawCustomers, "customer_count"), "SUCCEEDED") == days

    # The job that lets one choose a day in the UI, and the UI's "Execute all", which names none.
    monitoring = definitions.resolve_job_def(MONITORING_JOB)
    again = monitoring.execute_in_process(instance=world.instance, partition_key="2025-03-02")
    results = {
        (found.asset_key.to_user_string(), found.check_name): found for found in again.get_asset_check_evaluations()
    }
    assert {found.partition for found in results.values()} == {"2025-03-02"}
    assert results["raw_customers", "customer_count"].passed
    unbuilt = results["raw_orders", "row_count"]
    assert (unbuilt.passed, unbuilt.description) == (False, "not judged: the day is not published")
    everything = job.get_subset(asset_selection=set(), asset_check_selection={customer_count})
    (latest,) = everything.execute_in_process(instance=world.instance).get_asset_check_evaluations()
    assert (latest.partition, latest.passed) == ("2025-03-09", True)
    assert days_with(check_state(world, RawCustomers, "customer_count"), "SUCCEEDED") == days

    (table / "_delta_log" / "00000000000000000000.json").write_text("{")
    evaluation, status = by_hand()
    assert (evaluation.passed, evaluation.severity, status) == (
        False,
        dg.AssetCheckSeverity.ERROR,
        DagsterRunStatus.SUCCESS,
    )
    assert days_with(check_state(world, RawCustomers, "customer_count"), "FAILED") == {"2025-03-09"}
