"""Group `serving`: the published tables as CSV files for BI tools, and a Power BI project over them."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from engagement_assets.exports.csv_files import export_csv
from engagement_assets.exports.power_bi.project import project_folder, write_project
from engagement_assets.lake.code_versions import code_version, commit_metadata
from engagement_assets.lake.tables import LakeResource
from engagement_assets.pipeline.asset_factory import OWNER
from engagement_assets.pipeline.automation import AFTER_A_PUBLISH
from engagement_assets.pipeline.publication import settings_metadata
from engagement_assets.settings import Settings

GROUP = "serving"


def build_serving_assets(settings: Settings) -> list[dg.AssetsDefinition]:
    """The assets of the group, for these settings."""

    @dg.asset(
        group_name=GROUP,
        owners=[OWNER],
        kinds={"csv"},
        code_version=code_version(settings),
        deps=["engagement_scores", "engagement_metrics", "raw_orders", "sessions", "segment_changes"],
        automation_condition=AFTER_A_PUBLISH,
        description="CSV files for BI tools, a star: customers and dates; the latest snapshot (scores with features), the "
        "scores, orders, sessions and moves of the days before it, the daily metrics of all days; and a data dictionary.",
        metadata={"dagster/storage_kind": "csv", "dagster/uri": settings.export},
    )
    def bi_export(context: dg.AssetExecutionContext, lake: LakeResource) -> Iterator[Any]:
        written = export_csv(lake, settings)
        yield dg.MaterializeResult(
            metadata={
                "as_of_date": written.as_of_date,
                "settings": settings_metadata(commit_metadata(settings)),
                "dagster/row_count": sum(file.rows for file in written.files),
                "files": dg.MetadataValue.table(
                    [
                        dg.TableRecord({"file": str(file.path), "rows": file.rows, "bytes": file.size})
                        for file in written.files
                    ]
                ),
            }
        )

    @dg.asset(
        group_name=GROUP,
        owners=[OWNER],
        kinds={"powerbi"},
        code_version=code_version(settings),
        deps=["bi_export"],
        automation_condition=AFTER_A_PUBLISH,
        description="A Power BI project (PBIP) over the CSV files: a model of the star with its measures, and a report of nine "
        "pages. Open Engagement.pbip in Power BI Desktop.",
        metadata={"dagster/storage_kind": "powerbi", "dagster/uri": str(project_folder(settings))},
    )
    def power_bi_project() -> dg.MaterializeResult:
        project = write_project(settings)
        return dg.MaterializeResult(
            metadata={
                "project": dg.MetadataValue.path(str(project.entry)),
                "files": project.files,
                "tables": project.tables,
                "measures": project.measures,
                "pages": project.pages,
                "visuals": project.visuals,
            }
        )

    return [bi_export, power_bi_project]
