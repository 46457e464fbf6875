"""What Microsoft's published schemas say of the files that are generated here: keys, which of them are required, types, values.

The validator checks the schemas only where it can fetch them. These are the parts of them that concern what is written, of the
versions that are written, put down in words of our own: Desktop refuses a file with a key that its schema does not know. Kinds of
expressions that nothing here writes are left out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engagement_assets.exports.written import RECORD
from engagement_assets_tests.exports.power_bi.reading import Report, json_files, projections

_SCHEMAS = "https://developer.microsoft.com/json-schemas/fabric"

#: A type, a set of values, a pattern of texts, a list of a shape, keys with their shapes (the required ones with a `!`), `Each`,
#: or EXPRESSION.
Shape = Any


@dataclass(frozen=True)
class Each:
    """An object with any keys, the values of one shape."""

    shape: Shape


NUMBER = (int, float)
ANYTHING = object
EXPRESSION = "an expression"
VERSION = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+")

SELECTOR = {
    "data": [
        {
            "scopeId": EXPRESSION,
            "wildcard": [EXPRESSION],
            "roles": [str],
            "total": [EXPRESSION],
            "dataViewWildcard": {"matchingOption!": {0, 1, 2}},
        }
    ],
    "metadata": str,
    "id": str,
    "highlightMatching": {0, 1, 2},
    "hierarchyMatching": {0, 1},
    "order": NUMBER,
}


def styled(names: str = "") -> Shape:
    """Formatting of a part of a visual: only properties of these names, if there are any."""
    allowed = dict.fromkeys(names.split(), ANYTHING) if names else Each(ANYTHING)
    return [{"selector": SELECTOR, "properties!": allowed}]


_FONT = "fontSize bold italic underline fontFamily"

#: Expressions of which a container has exactly one.
_EXPRESSIONS: dict[str, Shape] = {
    "SourceRef": {"Entity": str, "Source": str, "Schema": str},
    "Column": {"Expression!": EXPRESSION, "Property!": str},
    "Measure": {"Expression!": EXPRESSION, "Property!": str},
    "Literal": {"Value!": str},
    "Comparison": {"ComparisonKind!": {0, 1, 2, 3, 4}, "Left!": EXPRESSION, "Right!": EXPRESSION},
    "In": {"Expressions!": [EXPRESSION], "Values": [[EXPRESSION]], "Table": EXPRESSION},
    "Conditional": {"Cases!": [{"Condition!": EXPRESSION, "Value!": EXPRESSION}], "DefaultValue": EXPRESSION},
    "FillRule": {"Input!": EXPRESSION, "FillRule!": ANYTHING},
}

_ANNOTATIONS = [{"name!": str, "value!": str}]

_FILTERS = {
    "filters": [
        {
            "name!": str,
            "displayName": str,
            "ordinal": NUMBER,
            "field": EXPRESSION,
            "type": {
                "Categorical", "Range", "Advanced", "Passthrough", "TopN", "Include", "Exclude", "RelativeDate", "Tuple",
                "RelativeTime", "VisualTopN",
            },
            "filter": {
                "Version": {2},
                "From!": [{"Name!": str, "Entity": str, "Schema": str, "Expression": EXPRESSION, "Type": {0, 1, 2}}],
                "Where!": [{"Target": [EXPRESSION], "Condition!": EXPRESSION, "Annotations": ANYTHING}],
            },
            "restatement": str,
            "howCreated": {"Auto", "User", "Drill", "Include", "Exclude", "Drillthrough"},
            "isHiddenInViewMode": bool,
            "isLockedInViewMode": bool,
            "objects": {"general": styled("requireSingleSelect isInvertedSelectionMode")},
        }
    ],
    "filterSortOrder": {"Ascending", "Descending", "Custom"},
}  # fmt: skip

_VISUAL = {
    "visualType!": str,
    "autoSelectVisualType": bool,
    "query": {
        "sortDefinition": {
            "sort": [{"field!": EXPRESSION, "direction!": {"Ascending", "Descending"}}],
            "isDefaultSort": bool,
        },
        "options": {"allowBinnedLineSample": bool, "allowOverlappingPointsSample": bool},
        "queryState!": Each(
            {
                "showAll": bool,
                "projections!": [
                    {
                        "field!": EXPRESSION,
                        "queryRef!": str,
                        "nativeQueryRef": str,
                        "displayName": str,
                        "format": str,
                        "active": bool,
                        "hidden": bool,
                    }
                ],
                "fieldParameters": ANYTHING,
            }
        ),
        "isDrillDisabled": bool,
    },
    "expansionStates": ANYTHING,
    "objects": Each(styled()),
    "visualContainerObjects": {
        "title": styled(f"show text heading titleWrap fontColor background alignment {_FONT}"),
        "subTitle": styled(f"show text heading titleWrap fontColor alignment {_FONT}"),
        "divider": styled("ignorePadding show color width style"),
        "spacing": styled("customizeSpacing verticalSpacing spaceBelowTitle spaceBelowSubTitle spaceBelowTitleArea"),
        "background": styled("show color transparency"),
        "padding": styled("top bottom left right"),
        "lockAspect": styled("show"),
        "general": styled("x y width height altText allowBinnedLineSample allowOverlappingPointsSample keepLayerOrder"),
        "border": styled("show color radius width"),
        "dropShadow": styled(),
        "visualLink": styled(
            "show type bookmark disabledTooltip drillthroughSection enabledTooltip qna suppressDefaultTooltip "
            "showDefaultTooltip navigationSection tooltip tooltipPlaceholderText webUrl dataFunction"
        ),
        "visualTooltip": styled(),
        "stylePreset": styled("name"),
        "visualHeader": styled(),
        "visualHeaderTooltip": styled(),
    },
    "syncGroup": {"groupName!": str, "fieldChanges": bool, "filterChanges": bool},
    "drillFilterOtherVisuals": bool,
}

_THEME = {
    "name!": str,
    "reportVersionAtImport!": {"visual!": VERSION, "page!": VERSION, "report!": VERSION},
    "type!": {"RegisteredResources", "SharedResources"},
}

#: The schemas that files name, and what these say.
FILES: dict[str, Shape] = {
    "pbip/pbipProperties/1.0.0": {
        "version!": str,
        "artifacts!": [{"report!": {"path!": str}}],
        "settings": {"enableAutoRecovery": bool},
    },
    "gitIntegration/platformProperties/2.0.0": {
        "metadata!": {"type!": str, "displayName!": str, "description": str},
        "config!": {"version!": str, "logicalId!": str},
    },
    "item/report/definitionProperties/2.0.0": {
        "version!": str,
        "datasetReference!": {"byPath": {"path!": str}, "byConnection": {"connectionString!": str}},
    },
    "item/semanticModel/definitionProperties/1.0.0": {
        "version!": str,
        "settings": {"qnaEnabled": bool, "qnaLsdlSharingPermissions": {0, 1}},
    },
    "item/report/definition/versionMetadata/1.0.0": {"version!": re.compile(r"[1-9][0-9]*\.(0|[1-9][0-9]*)\.0")},
    "item/report/definition/pagesMetadata/1.0.0": {"pageOrder": [str], "activePageName": str},
    "item/report/definition/report/3.0.0": {
        "themeCollection!": {"baseTheme": _THEME, "customTheme": _THEME},
        "filterConfig": _FILTERS,
        "objects": {"outspacePane": styled("expanded visible"), "section": styled("verticalAlignment")},
        "reportSource": str,
        "publicCustomVisuals": [str],
        "resourcePackages": [
            {
                "id": NUMBER,
                "name!": str,
                "type!": {
                    "CustomVisual",
                    "RegisteredResources",
                    "SharedResources",
                    "OrganizationalStoreCustomVisual",
                },
                "items!": [{"id": NUMBER, "name!": str, "path!": str, "type!": {"Image", "CustomTheme", "BaseTheme"}}],
                "disabled": bool,
            }
        ],
        "organizationCustomVisuals": ANYTHING,
        "annotations": _ANNOTATIONS,
        "dataSourceVariables": str,
        "settings": Each(ANYTHING),
        "slowDataSourceSettings": ANYTHING,
    },
    "item/report/definition/page/2.0.0": {
        "name!": re.compile(".{1,50}"),
        "displayName!": str,
        "displayOption!": {"DeprecatedDynamic", "FitToPage", "FitToWidth", "ActualSize", "ActualSizeTopLeft"},
        "height": NUMBER,
        "width": NUMBER,
        "filterConfig": _FILTERS,
        "pageBinding": {
            "name!": str,
            "type!": {"Default", "Drillthrough", "Tooltip"},
            "referenceScope": {"Default", "CrossReport"},
            "parameters": [
                {
                    "name!": str,
                    "boundFilter": str,
                    "asAggregation": bool,
                    "qnaSingleSelectRequired": bool,
                    "fieldExpr": EXPRESSION,
                }
            ],
            "acceptsFilterContext": {"Default", "None"},
        },
        "objects": Each(styled()),
        "type": {"Drillthrough", "Tooltip"},
        "visibility": {"AlwaysVisible", "HiddenInViewMode"},
        "visualInteractions": ANYTHING,
        "autoPageGenerationConfig": ANYTHING,
        "annotations": _ANNOTATIONS,
        "howCreated": {"Default", "Copilot"},
    },
    "item/report/definition/visualContainer/2.4.0": {
        "name!": re.compile(".{1,50}"),
        "position!": {
            **dict.fromkeys(("x!", "y!", "height!", "width!"), NUMBER),
            **dict.fromkeys(("z", "tabOrder", "angle"), NUMBER),
        },
        # A group of visuals has none; nothing here writes one.
        "visual!": _VISUAL,
        "parentGroupName": str,
        "filterConfig": _FILTERS,
        "isHidden": bool,
        "annotations": _ANNOTATIONS,
        "howCreated": str,
    },
}


def misshapen(project: Path, report: Report) -> Iterator[str]:
    """What is not as the schemas say, and names that have to be unique within a visual and are not."""
    for place in json_files(project):
        content = json.loads(place.read_text(encoding="utf-8"))
        if "RegisteredResources" in place.parts or place.name == RECORD:
            continue  # a theme, which names no schema; the hashes of what was written, which Power BI does not read
        where = place.relative_to(project).as_posix()
        schema = str(content.pop("$schema", "")).removeprefix(f"{_SCHEMAS}/").removesuffix("/schema.json")
        if schema in FILES:
            yield from _objections(where, content, FILES[schema])
        else:
            yield f"{where}: the schema is {schema or 'none'}, of which nothing is known here"
    for name, visuals in report.visuals.items():
        for container in visuals:
            shown = [projection for _, projection in projections(container)]
            for key in ("queryRef", "nativeQueryRef"):
                if len({projection.get(key) for projection in shown}) < len(shown):
                    yield f"{report.pages[name].get('displayName')}: two fields of a visual have one {key}"


def _objections(where: str, found: Any, shape: Shape) -> Iterator[str]:
    """In sentences, what is not of a shape."""
    if shape == EXPRESSION:
        kinds = found if isinstance(found, dict) else {}
        if len(kinds) != 1 or not set(kinds) <= set(_EXPRESSIONS):
            yield f"{where}: {sorted(kinds) or found!r} is no expression"
        for kind in set(kinds) & set(_EXPRESSIONS):
            yield from _objections(f"{where}.{kind}", kinds[kind], _EXPRESSIONS[kind])
    elif isinstance(shape, list) and isinstance(found, list):
        for number, each in enumerate(found):
            yield from _objections(f"{where}[{number}]", each, shape[0])
    elif isinstance(shape, Each) and isinstance(found, dict):
        for key, each in found.items():
            yield from _objections(f"{where}.{key}", each, shape.shape)
    elif isinstance(shape, dict) and isinstance(found, dict):
        known = {key.rstrip("!"): inner for key, inner in shape.items()}
        for key in sorted(key[:-1] for key in shape if key.endswith("!") and key[:-1] not in found):
            yield f"{where}: {key} is missing"
        for key, each in found.items():
            if key in known:
                yield from _objections(f"{where}.{key}", each, known[key])
            else:
                yield f"{where}: the schema knows no {key}"
    elif not _is(found, shape):
        yield f"{where}: {found!r} is not what the schema wants"


def _is(found: Any, shape: Shape) -> bool:
    if isinstance(shape, set):
        return isinstance(found, str | int) and found in shape
    if isinstance(shape, re.Pattern):
        return isinstance(found, str) and shape.fullmatch(found) is not None
    if isinstance(shape, type | tuple):
        return isinstance(found, shape) and (shape in (bool, ANYTHING) or not isinstance(found, bool))
    return False
