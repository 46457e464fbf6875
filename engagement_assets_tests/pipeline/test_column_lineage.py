"""Column lineage: complete, of columns that exist, and true: a score column moves with what it is said to depend on, only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import dagster as dg
import pytest
from pyspark.sql import DataFrame

from engagement_assets.definitions import build_definitions
from engagement_assets.domain.campaign_policy import AudienceRule, CampaignPolicy
from engagement_assets.domain.catalogue import CATALOGUE
from engagement_assets.domain.column_origins import column_origins
from engagement_assets.domain.contracts import (
    TABLES,
    CampaignAudiences,
    Contract,
    CustomerFeatures,
    EngagementScores,
    RawOrders,
    ReturnRates,
    SegmentChanges,
    Sessions,
)
from engagement_assets.domain.scoring_policy import ScoringPolicy
from engagement_assets.engine import EngineResource
from engagement_assets.pipeline.column_lineage import column_lineage
from engagement_assets.settings import Settings
from engagement_assets.transforms.campaign_audiences import choose_audiences
from engagement_assets.transforms.engagement_scores import score_customers
from engagement_assets.transforms.segment_changes import changes_between
from engagement_assets_tests.worlds import Row, World

DAY = "2026-06-30"

#: A change of each feature that is large enough to show.
CHANGES: Mapping[str, Any] = {
    "recency_days": 13,
    "total_orders": 3,
    "order_days": 30,
    "revenue_last_365_days": Decimal("10.00"),
    "decayed_revenue": 10.0,
    "sessions_last_30_days": 4,
    "total_revenue": Decimal("150.00"),
    "recency_days_30_days_before": 11,
    "total_orders_30_days_before": 1,
    "sessions_previous_30_days": 9,
    "total_revenue_30_days_before": Decimal("120.00"),
    "first_order_date": timedelta(days=-30),
    "tenure_days": 5,
    "average_order_value": Decimal("2.00"),
    "engaged_sessions_last_30_days": 1,
    "page_views_last_30_days": 1,
    "add_to_carts_last_30_days": 1,
    "checkouts_last_30_days": 1,
}


def upstream(contract: type[Contract]) -> list[str]:
    graph = build_definitions(Settings()).resolve_asset_graph()
    return [key.to_user_string() for key in graph.get(dg.AssetKey(contract.table())).parent_keys]


@pytest.mark.parametrize(
    "contract", [table for table in CATALOGUE if CATALOGUE[table].reads], ids=lambda contract: contract.table()
)
def test_every_column_has_an_origin_that_exists_among_the_tables_that_are_read(contract: type[Contract]) -> None:
    above = {*upstream(contract), "raw_contacts"}  # which a shop may be without, and Dagster then shows nothing of
    found = column_origins(contract, CampaignPolicy())
    same_everywhere = {name for name, origins in contract.origins().items() if not origins}
    assert set(found) == set(contract.columns()) - same_everywhere
    for origin in {origin for origins in found.values() for origin in origins}:
        table, column = origin.split(".")
        assert table in above
        assert column in TABLES[table].columns()


def test_what_is_read_from_files_has_no_lineage() -> None:
    assert column_lineage(RawOrders, Settings()) is None


def test_a_score_moves_with_what_it_depends_on_and_with_nothing_else(
    sample_world: World, engine: EngineResource
) -> None:
    """One feature of one customer is changed at a time, each in a snapshot of its own, all dates moved along with it."""
    features = sample_world.rows("customer_features", DAY)
    eligible = [row for row in features if row["total_orders_30_days_before"] and row["sessions_last_30_days"]]
    chosen = sorted(eligible, key=lambda row: row["total_revenue"])[len(eligible) // 2]["customer_id"]
    variants = [None, *CHANGES]
    rows = []
    for number, changed in enumerate(variants):
        for row in features:
            moved = {
                name: value + timedelta(days=number) if hasattr(value, "isoformat") else value
                for name, value in row.items()
            }
            if changed and row["customer_id"] == chosen:
                moved[changed] += CHANGES[changed]
            rows.append(tuple(moved[name] for name in CustomerFeatures.columns()))
    frame = engine.spark_session.createDataFrame(rows, CustomerFeatures.struct())
    rates = frame_of(
        engine,
        ReturnRates,
        [row for number in range(len(variants)) for row in shifted(sample_world.rows("return_rates", DAY), number)],
    )
    start = sample_world.settings.start_date
    scored = score_customers(frame, rates, ScoringPolicy(), start).filter(f"customer_id = '{chosen}'").collect()
    before, *after = sorted((row.asDict() for row in scored), key=lambda row: row["as_of_date"])
    new = [name for name in EngagementScores.columns() if name not in CustomerFeatures.columns()]
    lineage = column_origins(EngagementScores, CampaignPolicy())
    moved_by = {
        changed: {name for name in new if row[name] != before[name]}
        for changed, row in zip(CHANGES, after, strict=True)
    }
    for changed, names in moved_by.items():
        declared = {name for name in new if f"customer_features.{changed}" in lineage[name]}
        assert (changed, names - declared) == (changed, set())
    assert {"recency_score", "engagement_score", "reference_score"} <= moved_by["recency_days"]
    assert {"order_score", "frequency_score", "rfm_frequency"} <= moved_by["total_orders"]
    assert {"return_chance", "return_chance_customers"} <= moved_by["order_days"]
    assert moved_by["decayed_revenue"] == {"expected_revenue_90_days"}
    assert "reference_score_change" in moved_by["sessions_previous_30_days"]
    assert not moved_by["tenure_days"]


def varied(value: Any, number: int) -> Any:
    """Another value of the same kind, not the same step for every customer."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, str):
        labels = {"VIPs": "Dormant", "Dormant": "At-risk VIPs", "Active": "Browsing Only", "Prospect": "At Risk"}
        return labels.get(value, "VIPs")
    if isinstance(value, date):
        return value - timedelta(days=20 * (number % 3))
    if isinstance(value, Decimal):
        return value + 37 * (number % 5)
    return value if value is None else value + (number % 4 if isinstance(value, int) else 0.01 * (number % 7))


def shifted(rows: Iterable[Row], days: int, changed: str | None = None) -> list[Row]:
    """Rows with all their dates moved, and one column varied."""
    moved = []
    for number, row in enumerate(rows):
        new = {name: value + timedelta(days) if isinstance(value, date) else value for name, value in row.items()}
        if changed:
            new[changed] = varied(new[changed], number)
        moved.append(new)
    return moved


def frame_of(engine: EngineResource, contract: type[Contract], rows: Sequence[Row]) -> DataFrame:
    values = [tuple(row[name] for name in contract.columns()) for row in rows]
    return engine.spark_session.createDataFrame(values, contract.struct())


def columns_that_move(found: DataFrame, variants: Sequence[str], first: date, step: int) -> dict[str, set[str]]:
    """Varied column -> columns of the result that differ from those of the first day, where nothing was varied.

    The days are `step` apart. `_listed` stands for customers who are in one of the two results only.
    """
    by_day: dict[date, dict[str, Row]] = {}
    for row in found.collect():
        by_day.setdefault(row["as_of_date"], {})[row["customer_id"]] = row.asDict()
    plain = by_day[first]
    moved = {}
    for number, varied_column in enumerate(variants, start=1):
        new = by_day.get(first + timedelta(days=number * step), {})
        moved[varied_column] = {
            name
            for customer in {*plain} & {*new}
            for name in found.columns
            if name != "as_of_date" and plain[customer][name] != new[customer][name]
        } | ({"_listed"} if {*plain} != {*new} else set())
    return moved


def test_a_change_of_segment_moves_with_what_it_depends_on_and_with_nothing_else(
    sample_world: World, engine: EngineResource
) -> None:
    """Each feature of all customers of a day is varied in turn, the day before left as it was."""
    today = date.fromisoformat(DAY)
    customers = {row["customer_id"] for row in sample_world.rows("segment_changes", DAY)}
    others = [row["customer_id"] for row in sample_world.rows("customer_features", DAY)][:60]
    before, now = (
        [row for row in sample_world.rows("customer_features", day) if row["customer_id"] in {*customers, *others}]
        for day in ((today - timedelta(days=1)).isoformat(), DAY)
    )
    variants = [name for name in CustomerFeatures.columns() if name not in ("as_of_date", "customer_id", "country")]
    days = [(2 * number, name) for number, name in enumerate([None, *variants])]
    found = changes_between(
        frame_of(engine, CustomerFeatures, [row for days_on, _ in days for row in shifted(before, days_on)]),
        frame_of(engine, CustomerFeatures, [row for days_on, name in days for row in shifted(now, days_on, name)]),
        ScoringPolicy(),
    )
    lineage = column_origins(SegmentChanges, CampaignPolicy())
    moved = columns_that_move(found, variants, today, 2)
    # Who is listed at all depends on the segment, the risk, the stage and on slipping.
    labels = ("engagement_segment", "is_high_risk", "lifecycle_stage", "is_slipping")
    declared = {**lineage, "_listed": tuple(origin for label in labels for origin in lineage[label])}
    for changed, names in moved.items():
        assert {name for name in names if f"engagement_scores.{changed}" not in declared[name]} == set(), changed
    assert "recency_behaviour" in moved["recency_days"]
    assert moved["first_order_date"]
    assert not moved["tenure_days"]
    parts = {"orders_behaviour", "sessions_behaviour", "monetary_behaviour"}
    for changed, part in {
        "total_orders": "orders_behaviour",
        "sessions_last_30_days": "sessions_behaviour",
        "total_revenue": "monetary_behaviour",
    }.items():
        assert [name for name in parts if f"engagement_scores.{changed}" in lineage[name]] == [part]
        assert part in moved[changed]


def test_an_audience_moves_with_what_its_rules_speak_of_and_with_nothing_else(
    sample_world: World, engine: EngineResource
) -> None:
    """Each column of the scores is varied in turn."""
    today = date.fromisoformat(DAY)
    chosen = sample_world.rows("campaign_audiences", DAY)
    some = {
        row["customer_id"] for audience in {row["audience"] for row in chosen} for row in _first(chosen, audience, 8)
    }
    scores = [row for row in sample_world.rows("engagement_scores", DAY) if row["customer_id"] in some]
    sessions = [row for row in sample_world.rows("sessions") if 0 <= (today - row["as_of_date"]).days < 7]
    variants = [name for name in EngagementScores.columns() if name not in ("as_of_date", "customer_id", "country")]
    step = 70  # the contact day is the same one, and no cart is left from the days before
    days = [(step * number, name) for number, name in enumerate([None, *variants])]
    found = choose_audiences(
        frame_of(engine, EngagementScores, [row for on, name in days for row in shifted(scores, on, name)]),
        frame_of(engine, Sessions, [row for on, _ in days for row in shifted(sessions, on)]),
        (),
        CampaignPolicy(),
        today,
        today + timedelta(days=days[-1][0]),
    )
    lineage = column_origins(CampaignAudiences, CampaignPolicy())
    moved = columns_that_move(found, variants, today, step)
    declared = {**lineage, "_listed": lineage["audience"]}
    for changed, names in moved.items():
        assert {name for name in names if f"engagement_scores.{changed}" not in declared[name]} == set(), changed
    assert "audience" in moved["value_segment"]
    assert "evidence" in moved["total_revenue"]
    assert {"evidence", "priority"} <= moved["revenue_last_365_days"]
    assert "priority" in moved["return_chance"]
    assert not moved["revenue_band"]


def _first(rows: Sequence[Row], audience: str, number: int) -> list[Row]:
    return [row for row in rows if row["audience"] == audience][:number]


def test_the_origins_of_an_audience_are_those_of_its_own_rules() -> None:
    rule = AudienceRule(
        name="big_spenders",
        condition="total_revenue > 500 and country <> 'total_orders'",
        action="Thank",
        evidence="spent {total_revenue}; {recency_days|day} since",
        value="1.0",
        drop="1.0 - ENGAGEMENT_SCORE",
    )
    found = column_origins(CampaignAudiences, CampaignPolicy(audiences=(rule,)))
    chosen = {"engagement_scores.total_revenue", "engagement_scores.country"}
    assert set(found["audience"]) == set(found["value"]) == chosen
    assert set(found["evidence"]) == {*chosen, "engagement_scores.recency_days"}
    assert set(found["priority"]) == {*chosen, "engagement_scores.engagement_score"}


def test_a_materialisation_of_what_marketing_acts_on_records_its_column_lineage(sample_world: World) -> None:
    for table in ("segment_changes", "campaign_audiences", "campaign_results", "score_backtest"):
        records = dg.AssetRecordsFilter(asset_key=dg.AssetKey(table), asset_partitions=[DAY])
        record = sample_world.instance.fetch_materializations(records, limit=1).records[0]
        assert record.asset_materialization is not None
        lineage = record.asset_materialization.metadata["dagster/column_lineage"].value
        assert isinstance(lineage, dg.TableColumnLineage)
        assert set(lineage.deps_by_column) == set(column_origins(TABLES[table], CampaignPolicy()))
