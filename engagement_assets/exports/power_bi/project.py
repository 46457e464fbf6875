"""Writing the project: every file with the same bytes for the same settings, whatever stands in the folder already."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engagement_assets.exports.folders import made
from engagement_assets.exports.power_bi import theme
from engagement_assets.exports.power_bi.model import build_model, stable_id
from engagement_assets.exports.power_bi.pages import report_pages
from engagement_assets.exports.power_bi.tmdl import semantic_model
from engagement_assets.lake.stores import replacing
from engagement_assets.settings import Settings, is_url, local_path

NAME = "Engagement"
REPORT, MODEL = f"{NAME}.Report", f"{NAME}.SemanticModel"

#: Folder of the project within the export folder.
FOLDER = "power_bi"

_DEFINITION = "item/report/definition"

#: Versions of a Desktop that ships the base theme; what Desktop compares with its own when it opens the report.
_BASE_THEME = "CY24SU10"
_AT_IMPORT = {"visual": "1.8.95", "report": "2.0.95", "page": "1.3.95"}

#: What Desktop keeps for itself beside the definition. The cache holds the imported rows.
CACHE = Path(MODEL, ".pbi", "cache.abf")


@dataclass(frozen=True)
class Project:
    """A project that was written: its folder, the file to open, how much is in it."""

    folder: Path
    entry: Path
    files: int
    tables: int
    measures: int
    pages: int
    visuals: int


def project_folder(settings: Settings) -> Path:
    """Where the project is written unless another folder is asked for."""
    return local_path(settings.export) / FOLDER


def write_project(settings: Settings, folder: Path | None = None, data_folder: str | None = None) -> Project:
    """Write the project into a folder (None: `power_bi` in the export folder).

    `data_folder` is what the parameter DataFolder says: a path as the machine with Power BI knows it; None what the settings
    say, and otherwise the export folder.
    Files of the project's definition that are no longer part of it are removed; what Desktop keeps in `.pbi` stays.
    """
    target = folder or project_folder(settings)
    here = settings.export if is_url(settings.export) else str(local_path(settings.export))
    data = data_folder or settings.power_bi_data or here
    files = project_files(settings, data)
    for name, text in files.items():
        place = target / name
        made(place.parent)
        with replacing(place) as draft:
            draft.write_text(text, encoding="utf-8", newline="\n")
    _remove_others(target, set(files))
    model, pages = build_model(settings), report_pages(settings.scoring)
    return Project(
        target,
        target / f"{NAME}.pbip",
        len(files),
        len(model.tables),
        len(model.measures),
        len(pages),
        sum(len(page.visuals()) for page in pages),
    )


def project_files(settings: Settings, data_folder: str) -> dict[str, str]:
    """Every file of the project: path within its folder -> text."""
    definition = semantic_model(build_model(settings), data_folder, settings.export_delimiter)
    return {
        f"{NAME}.pbip": _json(
            "pbip/pbipProperties/1.0.0",
            version="1.0",
            artifacts=[{"report": {"path": REPORT}}],
            settings={"enableAutoRecovery": True},
        ),
        # What Desktop writes beside the definition is of one machine, and holds data.
        ".gitignore": "**/.pbi/localSettings.json\n**/.pbi/cache.abf\n",
        f"{REPORT}/.platform": _platform("Report"),
        f"{REPORT}/definition.pbir": _json(
            "item/report/definitionProperties/2.0.0",
            version="4.0",
            datasetReference={"byPath": {"path": f"../{MODEL}"}},
        ),
        f"{MODEL}/.platform": _platform("SemanticModel"),
        f"{MODEL}/definition.pbism": _json("item/semanticModel/definitionProperties/1.0.0", version="4.2", settings={}),
        f"{REPORT}/StaticResources/RegisteredResources/{theme.FILE_NAME}": _json(None, **theme.theme()),
        **{f"{MODEL}/definition/{name}": text for name, text in definition.items()},
        **{f"{REPORT}/definition/{name}": text for name, text in _report(settings)},
    }


def _report(settings: Settings) -> Iterator[tuple[str, str]]:
    pages = report_pages(settings.scoring)
    base = {"name": _BASE_THEME, "reportVersionAtImport": _AT_IMPORT, "type": "SharedResources"}
    custom = {"name": theme.FILE_NAME, "reportVersionAtImport": _AT_IMPORT, "type": "RegisteredResources"}
    resource = {"name": theme.FILE_NAME, "path": theme.FILE_NAME, "type": "CustomTheme"}
    yield "version.json", _json(f"{_DEFINITION}/versionMetadata/1.0.0", version="2.0.0")
    yield (
        "report.json",
        _json(
            f"{_DEFINITION}/report/3.0.0",
            themeCollection={"baseTheme": base, "customTheme": custom},
            resourcePackages=[{"name": "RegisteredResources", "type": "RegisteredResources", "items": [resource]}],
            settings={"useStylableVisualContainerHeader": True, "useEnhancedTooltips": True},
        ),
    )
    order = [page.name for page in pages]
    yield "pages/pages.json", _json(f"{_DEFINITION}/pagesMetadata/1.0.0", pageOrder=order, activePageName=order[0])
    for page in pages:
        yield f"pages/{page.name}/page.json", _json(f"{_DEFINITION}/page/2.0.0", **page.as_json())
        for visual in page.visuals():
            place = f"pages/{page.name}/visuals/{visual['name']}/visual.json"
            yield place, _json(f"{_DEFINITION}/visualContainer/2.4.0", **visual)


def _platform(kind: str) -> str:
    return _json(
        "gitIntegration/platformProperties/2.0.0",
        metadata={"type": kind, "displayName": NAME},
        config={"version": "2.0", "logicalId": stable_id("platform", kind)},
    )


def _json(schema: str | None, **content: Any) -> str:
    """The text of a file with its schema (name and version), if it says one."""
    head = {"$schema": f"https://developer.microsoft.com/json-schemas/fabric/{schema}/schema.json"} if schema else {}
    return json.dumps({**head, **content}, indent=2, ensure_ascii=False) + "\n"


def _remove_others(target: Path, files: set[str]) -> None:
    """Remove files of an earlier definition: a page or table that is no longer there would be opened too."""
    for part in (REPORT, MODEL):
        places = sorted((target / part).rglob("*"), reverse=True)
        for place in places:
            inside = place.relative_to(target)
            if ".pbi" in inside.parts:
                continue
            if place.is_file() and inside.as_posix() not in files:
                place.unlink()
            elif place.is_dir() and not any(place.iterdir()):
                place.rmdir()
