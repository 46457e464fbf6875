"""Group `serving`: the published tables for other tools, as files: for BI tools, Power BI, mail and advertising tools."""

from collections.abc import Callable
from typing import Any

import dagster as dg

from engagement_assets.domain.catalogue import SERVED, asset_tags
from engagement_assets.domain.contracts import EngagementScores
from engagement_assets.exports.audience_files import write_audiences
from engagement_assets.exports.brief_files import write_brief
from engagement_assets.exports.csv_files import export_csv
from engagement_assets.exports.power_bi.project import project_folder, write_project
from engagement_assets.lake.code_versions import code_version_served, commit_metadata
from engagement_assets.lake.tables import LakeResource
from engagement_assets.pipeline.automation import AFTER_A_PUBLISH
from engagement_assets.pipeline.publication import settings_metadata
from engagement_assets.settings import Settings

#: Writes the files, and says what it wrote.
Write = Callable[[Settings, LakeResource], dict[str, Any]]


def bi_export(settings: Settings, lake: LakeResource) -> dict[str, Any]:
    """CSV files for BI tools."""
    written = export_csv(lake, settings)
    return {
        "as_of_date": written.as_of_date,
        "settings": settings_metadata(commit_metadata(settings, EngagementScores)),
        "dagster/row_count": sum(file.rows for file in written.files),
        "files": dg.MetadataValue.table(
            [dg.TableRecord({"file": str(file.path), "rows": file.rows, "bytes": file.size}) for file in written.files]
        ),
    }


def power_bi_project(settings: Settings, _: LakeResource) -> dict[str, Any]:
    """A Power BI project over the CSV files."""
    project = write_project(settings)
    return {
        "project": dg.MetadataValue.path(str(project.entry)),
        **{name: getattr(project, name) for name in ("files", "tables", "measures", "pages", "visuals")},
        **(
            {"left_alone": dg.MetadataValue.md("\n".join(f"- {what}" for what in project.left_alone))}
            if project.left_alone
            else {}
        ),
    }


def audience_files(settings: Settings, lake: LakeResource) -> dict[str, Any]:
    """Files of the customers to contact."""
    day, written = write_audiences(settings, lake)
    return {
        "as_of_date": day,
        "dagster/row_count": sum(files.customers for files in written),
        "files": dg.MetadataValue.table(
            [
                dg.TableRecord({"audience": files.audience, "customers": files.customers, "file": str(files.csv)})
                for files in written
            ]
        ),
    }


def weekly_brief(settings: Settings, _: LakeResource) -> dict[str, Any]:
    """What happened in the week, in a few sentences."""
    written = write_brief(settings)
    verdicts = [sentence.verdict for sentence in written.brief.sentences]
    return {
        "as_of_date": written.brief.day,
        "headline": written.brief.headline,
        "file": dg.MetadataValue.path(str(written.html)),
        **{verdict: verdicts.count(verdict) for verdict in ("better", "worse")},
    }


def _served(
    settings: Settings, write: Write, kinds: set[str], storage: tuple[str, str], description: str
) -> dg.AssetsDefinition:
    name = write.__name__

    @dg.asset(
        key=settings.asset_key(name),
        group_name="serving",
        owners=[settings.asset_owner],
        tags=asset_tags(name, settings.asset_domain),
        kinds=kinds,
        code_version=code_version_served(settings, name),
        deps=[settings.asset_key(each) for each in SERVED[name]],
        automation_condition=AFTER_A_PUBLISH,
        description=description,
        metadata=dict(zip(("dagster/storage_kind", "dagster/uri"), storage, strict=True)),
    )
    def write_files(lake: LakeResource) -> dg.MaterializeResult:
        return dg.MaterializeResult(metadata=write(settings, lake))

    return write_files


def build_serving_assets(settings: Settings) -> list[dg.AssetsDefinition]:
    """The assets of the group, for these settings."""
    csv = ("csv", settings.export)
    return [
        _served(
            settings,
            bi_export,
            {"csv"},
            csv,
            "Files for BI tools, CSV and Parquet, a star: countries, segments, customers and dates; the latest snapshot "
            "(scores with features), the scores, orders, sessions and moves of the days before it, daily metrics and totals of "
            "groups; a data dictionary, and export.json, which says what the files are.",
        ),
        _served(
            settings,
            power_bi_project,
            {"powerbi"},
            ("powerbi", str(project_folder(settings))),
            "A Power BI project (PBIP) over the CSV files: a model of the star with its measures, and a report of ten "
            "pages. Open Engagement.pbip in Power BI Desktop.",
        ),
        _served(
            settings,
            audience_files,
            {"csv", "json"},
            csv,
            "For mail and advertising tools: per audience a CSV and a JSON Lines file of the customers to contact, of "
            "the latest published day. Held-out customers and those who opted out are in no file.",
        ),
        _served(
            settings,
            weekly_brief,
            {"markdown", "html"},
            ("html", settings.export),
            "What happened in the week to the latest snapshot, in a few sentences by the rules of docs/brief.md: what is "
            "better or worse than usual, who can still be saved, what is wrong with the data.",
        ),
    ]
