"""The figures of the pages on campaigns and on the quality of the score, against plain Python over the tables."""

from __future__ import annotations

from collections import Counter
from datetime import date
from pathlib import Path
from statistics import fmean, stdev

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from dash.development.base_component import Component

from engagement_assets.dashboard import lists
from engagement_assets.dashboard.pages.campaigns import queries as campaigns
from engagement_assets.dashboard.pages.quality import queries as quality
from engagement_assets.dashboard.questions import Filters
from engagement_assets.dashboard.site import VISUALS
from engagement_assets.dashboard.state import parse
from engagement_assets.dashboard.warehouse import Warehouse
from engagement_assets.domain.contracts import CampaignResults
from engagement_assets_tests.dashboard.lakes import copied, publish
from engagement_assets_tests.worlds import Row, World

DAY, BEFORE = "2026-06-30", "2026-06-23"
both = pytest.mark.parametrize("filters", [((), (), ()), (("DE",), (), ("Core", "Dormant", "VIPs"))])


def rows(world: World, filters: Filters) -> list[Row]:
    return [
        row
        for row in world.rows("engagement_scores", DAY)
        if (not filters[0] or row["country"] in filters[0]) and (not filters[2] or row["value_segment"] in filters[2])
    ]


def said(component: Component | str | float | list | tuple | None) -> str:
    """The texts of a component, in their order."""
    if component is None or isinstance(component, (str, int, float)):
        return "" if component is None else str(component)
    if isinstance(component, (list, tuple)):
        return " ".join(filter(None, map(said, component)))
    return said(getattr(component, "children", None))


@both
def test_lifecycle_and_rfm(warehouse: Warehouse, sample_world: World, filters: Filters) -> None:
    now, before = rows(sample_world, filters), sample_world.by_customer("engagement_scores", BEFORE)
    assert campaigns.stages(warehouse, DAY, filters) == Counter(row["lifecycle_stage"] for row in now)
    expected = Counter(
        (before[name]["lifecycle_stage"] if name in before else "", row["lifecycle_stage"])
        for row in now
        for name in [row["customer_id"]]
    )
    found = campaigns.transitions(warehouse, DAY, BEFORE, filters)
    assert {(row["source"], row["target"]): row["customers"] for row in found} == expected
    daily: Counter[tuple[date, str, str]] = Counter()
    for number in range(18, 31):
        snapshots = [
            sample_world.by_customer("engagement_scores", f"2026-06-{day:02d}") for day in (number - 1, number)
        ]
        for name, row in snapshots[1].items():
            source = snapshots[0][name]["lifecycle_stage"] if name in snapshots[0] else ""
            chosen = (row["country"] in filters[0] or not filters[0]) and (
                row["value_segment"] in filters[2] or not filters[2]
            )
            if chosen and source != row["lifecycle_stage"]:
                daily[row["as_of_date"], source, row["lifecycle_stage"]] += 1
    told = campaigns.daily_transitions(warehouse, DAY, filters)
    assert {
        (row["as_of_date"], row["source"], row["target"]): row["customers"]
        for row in told
        if row["as_of_date"] >= date(2026, 6, 18)
    } == daily
    assert len(daily) > 5
    for segment in campaigns.rfm_segments(warehouse, DAY, filters):
        members = [row for row in now if row["rfm_segment"] == segment["segment"]]
        assert segment["customers"] == len(members)
        assert segment["score"] == pytest.approx(fmean(row["engagement_score"] for row in members))


def test_the_chart_of_transitions_counts_who_changed_stage(warehouse: Warehouse, sample_world: World) -> None:
    view = parse("", warehouse.catalogue())
    assert view is not None
    moved = Counter(
        row["lifecycle_stage"]
        for row in sample_world.rows("segment_changes")
        if row["previous_lifecycle_stage"] != row["lifecycle_stage"]
    )
    drawn = VISUALS["campaigns-transitions"].render(warehouse, view).children[0].figure
    assert {bars.name: sum(bars.y) for bars in drawn.data if sum(bars.y)} == moved
    assert len(moved) > 3


@both
def test_audiences(warehouse: Warehouse, sample_world: World, filters: Filters) -> None:
    here = {row["customer_id"] for row in rows(sample_world, filters)}
    members = [row for row in sample_world.rows("campaign_audiences", DAY) if row["customer_id"] in here]
    for found in campaigns.audiences(warehouse, DAY, filters):
        own = [row for row in members if row["audience"] == found["audience"]]
        assert found["members"] == len(own) > 0
        assert found["held_out"] == sum(row["is_holdout"] for row in own)
        assert found["to_contact"] == sum(row["is_to_contact"] for row in own)
        assert found["priority"] == pytest.approx(sum(row["priority"] for row in own))
    to_contact = {row["customer_id"] for row in members if row["is_to_contact"]}
    first = campaigns.first_in_line(warehouse, DAY, filters)
    assert {row["customer_id"] for row in first} <= to_contact
    assert len(first) == min(12, len(to_contact))


@pytest.mark.parametrize("again_after", [30, 1])
def test_a_result_opens_the_customers_whom_it_counts(sample_world: World, again_after: int) -> None:
    """Who entered on the days of the result, in their arm: not in the audience on the days before, by plain Python.

    Customers enter again after 30 days, and of the sample data nobody does; after one day some do, and are listed once.
    """
    settings = sample_world.settings
    results = settings.results.model_copy(update={"again_after_days": again_after})
    warehouse = Warehouse(settings.model_copy(update={"results": results}))
    was_in: dict[tuple[str, str], date] = {}
    entries: list[tuple[date, str, str, bool]] = []
    for row in sorted(sample_world.rows("campaign_audiences"), key=lambda row: row["as_of_date"]):
        who = row["audience"], row["customer_id"]
        if who not in was_in or (row["as_of_date"] - was_in[who]).days > again_after:
            entries.append((row["as_of_date"], *who, row["is_holdout"]))
        was_in[who] = row["as_of_date"]
    found = campaigns.judged(warehouse, DAY)
    assert found
    twice = 0
    for row in sample_world.rows("campaign_results", DAY):
        for arm, column in (("treated", "treated"), ("held-out", "held_out")):
            mine = [
                customer
                for entered, audience, customer, is_holdout in entries
                if (audience, is_holdout) == (row["audience"], arm == "held-out")
                and row["entered_from"] <= entered <= row["entered_to"]
            ]
            view = parse(f"?date={DAY}&result={row['audience']}:{row['horizon_days']}:{arm}", warehouse.catalogue())
            assert view is not None
            names, *listed = lists.everything(warehouse, view, lists.LISTS["customers"], (), "")
            assert {dict(zip(names, each, strict=True))["customer_id"] for each in listed} == set(mine)
            assert found.get((row["audience"], row["horizon_days"], arm == "held-out"), 0) == len(listed)
            if again_after == 30:
                assert len(mine) == row[column]
            twice += len(mine) - len(listed)
    assert (twice > 0) == (again_after == 1)


def test_a_result_says_on_the_page_that_its_draw_failed(sample_world: World, tmp_path: Path) -> None:
    lake = copied(sample_world.lake, tmp_path, [DAY])
    rows = [
        {**row, "is_balanced": False, "finding": "works", "verdict": "works: well"}
        for row in sample_world.rows("campaign_results", DAY)
    ]
    place = tmp_path / "failed.parquet"
    schema = pq.read_schema(sample_world.lake.files(CampaignResults, [DAY])[0])
    pq.write_table(pa.Table.from_pylist(rows[:1], schema), place)
    publish(lake, CampaignResults, {DAY: place}, "failed")
    warehouse = Warehouse(sample_world.settings.model_copy(update={"lake": lake.root}))
    view = parse(f"?date={DAY}", warehouse.catalogue())
    assert view is not None
    drawn = said(VISUALS["campaigns-results"].render(warehouse, view))
    assert "works : well the draw failed" in " ".join(drawn.split())


def test_the_page_of_a_customer_explains_the_change(warehouse: Warehouse, sample_world: World) -> None:
    change = max(
        (row for row in sample_world.rows("segment_changes", DAY) if row["movement"] != "New"),
        key=lambda row: abs(row["score_change"]),
    )
    view = parse(f"?compare=2026-06-29&cid={change['customer_id']}", warehouse.catalogue())
    assert view is not None
    text = said(VISUALS["customer-why"].render(warehouse, view))
    assert change["explanation"] in text
    told = said(VISUALS["campaigns-changes"].render(warehouse, view))
    assert change["explanation"] in told


def test_the_quality_of_the_score(warehouse: Warehouse, sample_world: World) -> None:
    """The days of June are not judged yet; 15 December is, and is what a later day shows."""
    assert quality.judged_day(warehouse, DAY) == "2025-12-15"
    assert quality.judged_day(warehouse, "2025-02-19") is None
    view = parse("", warehouse.catalogue())
    assert view is not None
    score = next(
        row
        for row in sample_world.rows("score_backtest", "2025-12-15")
        if (row["predictor"], row["horizon_days"]) == ("score", 90)
    )
    told = said(VISUALS["quality-verdict"].render(warehouse, view))
    assert f"AUC {score['auc']:.3f} against" in told
    of_lists = next(
        row
        for row in sample_world.rows("score_backtest", "2025-12-15")
        if (row["predictor"], row["horizon_days"]) == ("score", 60)
    )
    listed = said(VISUALS["quality-lists"].render(warehouse, view))
    assert f"{of_lists['lapsing_customers']:,} customers were active 30 days before" in listed
    assert f"slipping customers {of_lists['slipping_holds_revenue']:.0%}" in listed
    chance = next(
        row for row in sample_world.rows("score_backtest", "2025-12-15") if row["calibration_error"] is not None
    )
    assert f"{chance['calibration_error']:.3f}" in said(VISUALS["quality-calibration"].render(warehouse, view))
    areas, kept = {}, {}
    for row in sample_world.rows("score_backtest"):
        if (row["predictor"], row["horizon_days"]) == ("score", 30):
            areas[row["as_of_date"]], kept[row["as_of_date"]] = row["auc"], row["rank_persistence"]
    assert len(areas) > 1
    persistence = [value for value in kept.values() if value is not None]
    assert (
        f"Its AUC is {fmean(areas.values()):.3f} on average, from {min(areas.values()):.3f} to {max(areas.values()):.3f} "
        f"(standard deviation {stdev(areas.values()):.3f}). Its ranking correlates with that of 30 days before by "
        f"{fmean(persistence):.3f} on average."
    ) in said(VISUALS["quality-stability"].render(warehouse, view))
    model = next(
        row
        for row in sample_world.rows("score_backtest", "2025-12-15")
        if (row["predictor"], row["horizon_days"]) == ("bg_nbd", 90)
    )
    assert f"A BG/NBD model, fitted to each customer's orders, has AUC {model['auc']:.3f}" in told
    compared = said(VISUALS["quality-predictors"].render(warehouse, view))
    assert f"BG/NBD expected purchases 90 {score['base_rate']:.1%} {model['auc']:.3f}" in compared
    assert "segment the same under every weighting" in said(VISUALS["quality-weights"].render(warehouse, view))
    first = quality.surest(warehouse, DAY)[0]["customer_id"]
    assert said(VISUALS["quality-surest"].render(warehouse, view)).split("Highest rank ")[1].startswith(first)
    early = parse("?date=2025-02-20", warehouse.catalogue())
    assert early is not None
    assert "2025-02-20" in said(VISUALS["quality-verdict"].render(warehouse, early))
