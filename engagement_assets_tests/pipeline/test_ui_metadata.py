"""What the Dagster UI is told of each table: links that lead somewhere, the settings of each materialisation."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import dagster as dg
import pytest

from engagement_assets.dashboard.site import PAGES
from engagement_assets.definitions import build_definitions
from engagement_assets.domain.catalogue import daily_tables
from engagement_assets.domain.contracts.engagement import SEGMENTS
from engagement_assets.settings import Settings
from engagement_assets_tests import PROJECT
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


def test_dg_knows_this_project_beside_its_workspace(tmp_path: Path) -> None:
    """`dg.toml` leads to the definitions that `workspace.yaml` leads to, under the same name of the code location."""
    dg_command = Path(sys.executable).with_name("dg")
    environment = {**os.environ, "DAGSTER_HOME": str(tmp_path)}
    listed = subprocess.run(
        [dg_command, "list", "defs", "--json"],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert listed.returncode == 0, listed.stderr
    keys = {asset["asset_key"] for asset in json.loads(listed.stdout)["assets"]}
    assert {table.table() for table in daily_tables()} < keys
    assert 'code_location_name = "engagement"\n' in (PROJECT / "dg.toml").read_text()
    assert "location_name: engagement\n" in (PROJECT / "workspace.yaml").read_text()


def test_scores_and_metrics_carry_the_numbers_that_dagster_plots_over_time(sample_world: World) -> None:
    rows = sample_world.rows("engagement_scores", DAY)
    shares = {
        f"share_{name}": label for name, label in zip(("high", "medium", "low", "at_risk"), SEGMENTS, strict=True)
    }
    expected = {
        "average_score": sum(row["engagement_score"] for row in rows) / len(rows),
        **{name: sum(row["engagement_segment"] == label for row in rows) / len(rows) for name, label in shares.items()},
        "share_high_risk": sum(row["is_high_risk"] for row in rows) / len(rows),
        "share_slipping": sum(row["is_slipping"] for row in rows) / len(rows),
    }
    assert expected["share_slipping"] > 0
    for table, own_rows in (("engagement_scores", len(rows)), ("engagement_metrics", 1)):
        records = dg.AssetRecordsFilter(asset_key=dg.AssetKey(table), asset_partitions=[DAY])
        record = sample_world.instance.fetch_materializations(records, limit=1).records[0]
        assert record.asset_materialization is not None
        told = {name: value.value for name, value in record.asset_materialization.metadata.items()}
        assert {name: told[name] for name in expected} == pytest.approx(expected, abs=1e-6)
        assert told["dagster/partition_row_count"] == own_rows
