"""Column lineage: complete, of columns that exist, and true: a score column moves with what it is said to depend on, only."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

import dagster as dg
import pytest

from engagement_assets.column_lineage import COMPUTED, column_lineage, depends_on
from engagement_assets.contracts import TABLES, Contract, CustomerFeatures, EngagementScores, RawOrders
from engagement_assets.definitions import build_definitions
from engagement_assets.resources.engine import EngineResource
from engagement_assets.settings import ScoringPolicy, Settings
from engagement_assets.transforms.engagement_scores import score_customers
from engagement_assets_tests.worlds import World

DAY = "2026-06-30"

#: A change of each feature that is large enough to show.
CHANGES: Mapping[str, Any] = {
    "recency_days": 13,
    "total_orders": 3,
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


@pytest.mark.parametrize("contract", COMPUTED, ids=lambda contract: contract.table())
def test_every_column_has_an_origin_that_exists_among_the_tables_that_are_read(contract: type[Contract]) -> None:
    above = upstream(contract)
    found = depends_on(contract, above)
    assert set(found) == set(contract.columns())
    for origin in {origin for origins in found.values() for origin in origins}:
        table, column = origin.split(".")
        assert table in above
        assert column in TABLES[table].columns()


def test_what_is_read_from_files_has_no_lineage() -> None:
    assert column_lineage(RawOrders, upstream(RawOrders)) is None


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
    scored = score_customers(frame, ScoringPolicy()).filter(f"customer_id = '{chosen}'").collect()
    before, *after = sorted((row.asDict() for row in scored), key=lambda row: row["as_of_date"])
    new = [name for name in EngagementScores.columns() if name not in CustomerFeatures.columns()]
    lineage = depends_on(EngagementScores, ["customer_features"])
    moved_by = {
        changed: {name for name in new if row[name] != before[name]}
        for changed, row in zip(CHANGES, after, strict=True)
    }
    for changed, names in moved_by.items():
        declared = {name for name in new if f"customer_features.{changed}" in lineage[name]}
        assert (changed, names - declared) == (changed, set())
    assert {"recency_score", "engagement_score", "reference_score"} <= moved_by["recency_days"]
    assert {"order_score", "frequency_score", "rfm_frequency"} <= moved_by["total_orders"]
    assert "reference_score_change" in moved_by["sessions_previous_30_days"]
    assert not moved_by["tenure_days"]
