"""What the Dagster UI is told of each table: links that lead somewhere, the settings of each materialisation."""

from __future__ import annotations

from urllib.parse import urlsplit

import dagster as dg

from engagement_assets.dashboard.site import PAGES
from engagement_assets.definitions import build_definitions
from engagement_assets.domain.catalogue import daily_tables
from engagement_assets.settings import Settings
from engagement_assets_tests.worlds import World

DAY = "2026-06-30"


def test_every_table_links_to_a_page_of_the_dashboard_to_its_files_and_to_the_csv_files() -> None:
    settings = Settings(dashboard_url="https://dashboard.test/", lake="/lake", export="/export")
    graph = build_definitions(settings).resolve_asset_graph()
    paths = {page.path for page in PAGES}
    for table in daily_tables():
        metadata = graph.get(dg.AssetKey(table.table())).metadata
        link = urlsplit(str(metadata["dashboard"].value))
        assert (link.netloc, link.path in paths) == ("dashboard.test", True)
        assert metadata["dagster/uri"] == f"/lake/{table.table()}"
        assert metadata["csv_files"].value == "/export"


def test_each_materialisation_tells_the_settings_it_was_made_with_and_links_to_its_day(sample_world: World) -> None:
    for table in daily_tables():
        key = dg.AssetKey(table.table())
        for day in (DAY, "2025-02-20"):
            records = dg.AssetRecordsFilter(asset_key=key, asset_partitions=[day])
            record = sample_world.instance.fetch_materializations(records, limit=1).records[0]
            assert record.asset_materialization is not None
            metadata = record.asset_materialization.metadata
            recorded = metadata["settings"].value
            assert isinstance(recorded, dict)
            assert recorded["scoring_policy"] == sample_world.settings.scoring.model_dump(mode="json")
            assert str(metadata["dashboard"].value).endswith(f"?date={day}")
