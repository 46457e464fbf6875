"""What is read of Dagster's event log is what Dagster's own readers say."""

from __future__ import annotations

import dagster as dg
import pytest

from engagement_assets.dagster_internals.check_results import newest_materializations
from engagement_assets_tests.worlds import World


@pytest.mark.parametrize("table", ["raw_orders", "engagement_scores"])
def test_the_newest_materialisation_of_a_day_is_the_one_that_dagster_shows(sample_world: World, table: str) -> None:
    key, instance = dg.AssetKey(table), sample_world.instance
    # Built alone, in a range, filled in (orders), never.
    days = ["2025-02-20", "2025-12-15", "2026-06-17", "2026-06-30", "2026-06-16", "2031-01-01"]
    found = newest_materializations(instance, key, days)
    shown = {
        day: records[0]
        for day in days
        if (
            records := instance.fetch_materializations(
                dg.AssetRecordsFilter(asset_key=key, asset_partitions=[day]), limit=1
            ).records
        )
    }
    assert len(shown) == (5 if table == "raw_orders" else 4)
    assert {day: (each.storage_id, each.run_id) for day, each in found.items()} == {
        day: (each.storage_id, each.run_id) for day, each in shown.items()
    }
    assert [each.timestamp for each in found.values()] == pytest.approx(
        [shown[day].timestamp for day in found], abs=1e-5
    )
