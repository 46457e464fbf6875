"""Writing the project: every file with the same bytes for the same settings, whatever stands in the folder already."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engagement_assets.exports.power_bi import theme
from engagement_assets.exports.power_bi.model import build_model, heed, stable_id
from engagement_assets.exports.power_bi.own_work import Parts
from engagement_assets.exports.power_bi.pages import report_pages
from engagement_assets.exports.power_bi.tmdl import FILE_FORMATS, semantic_model
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
    """A project that was written: its folder, the file to open, how much is in it, and what was left alone, in sentences."""

    folder: Path
    entry: Path
    files: int
    tables: int
    measures: int
    pages: int
    visuals: int
    left_alone: tuple[str, ...] = ()


def project_folder(settings: Settings) -> Path:
    """Where the project is written unless another folder is asked for."""
    return local_path(settings.export) / FOLDER


def write_project(settings: Settings, folder: Path | None = None, data_folder: str | None = None) -> Project:
    """Write the project into a folder (None: `power_bi` in the export folder).

    `data_folder` is what the parameter DataFolder says: a path as the machine with Power BI knows it; None what somebody has
    made of it in the project or by an earlier call, or else the settings, or else the export folder.
    The report and the model are each written only where they are as they were written last: a report that somebody changed
    stays as it is, and so do both where the model was changed. A whole project is then written beside, into `generated`.
    """
    target = folder or project_folder(settings)
    here = settings.export if is_url(settings.export) else str(local_path(settings.export))
    defaults = {"DataFolder": settings.power_bi_data or here, "FileFormat": FILE_FORMATS[0]}
    given = _parts(target).parameters(defaults)
    files = project_files(settings, data_folder or given["DataFolder"], given["FileFormat"])
    left_alone = []
    for place in (target, *(target / f"generated{number}" for number in ("", *range(2, 100)))):
        parts = _parts(place)
        changed = parts.changed(files)
        parts.write(files, (REPORT, MODEL) if MODEL in changed else tuple(changed), defaults)
        if not changed:
            break
        left_alone += [
            f"{place / part}: changed since it was written ({len(names)} files, such as {names[0]}), and left as it is"
            for part, names in changed.items()
        ]
    model, pages = build_model(settings), report_pages(settings.scoring)
    heeded = heed(model)
    return Project(
        place,
        place / f"{NAME}.pbip",
        len(files),
        len(model.tables),
        len(model.measures),
        len(pages),
        sum(len(page.visuals(heeded)) for page in pages),
        tuple(left_alone),
    )


def _parts(folder: Path) -> Parts:
    return Parts(folder, (REPORT, MODEL), f"{MODEL}/definition/expressions.tmdl")


def project_files(settings: Settings, data_folder: str, file_format: str = FILE_FORMATS[0]) -> dict[str, str]:
    """Every file of the project: path within its folder -> text."""
    definition = semantic_model(build_model(settings), data_folder, file_format, settings.export_delimiter)
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
    pages, heeded = report_pages(settings.scoring), heed(build_model(settings))
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
        for visual in page.visuals(heeded):
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
