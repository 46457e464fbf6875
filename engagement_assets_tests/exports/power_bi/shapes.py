"""The keys that Microsoft's published schemas allow in the parts of a report that are generated here.

The validator checks the schemas only where it can fetch them; this is what they say, of the versions that are written
(report 3.0.0, page 2.0.0, visualContainer 2.4.0 with visualConfiguration 2.2.0 and filterConfiguration 1.2.0), cut down to
names: Desktop refuses a file with a key that its schema does not know.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from engagement_assets_tests.exports.power_bi.reading import Report, projections

_SCHEMAS = "https://developer.microsoft.com/json-schemas/fabric/item/report/definition"

REPORT = {
    "$schema", "themeCollection", "filterConfig", "objects", "reportSource", "publicCustomVisuals", "resourcePackages",
    "organizationCustomVisuals", "annotations", "dataSourceVariables", "settings", "slowDataSourceSettings",
}  # fmt: skip
PAGE = {
    "$schema", "name", "displayName", "displayOption", "height", "width", "filterConfig", "pageBinding", "objects", "type",
    "visibility", "visualInteractions", "autoPageGenerationConfig", "annotations", "howCreated",
}  # fmt: skip
BINDING = {"name", "type", "referenceScope", "parameters", "acceptsFilterContext"}
PARAMETER = {"name", "boundFilter", "asAggregation", "qnaSingleSelectRequired", "fieldExpr"}
FILTER = {
    "name", "displayName", "ordinal", "field", "type", "filter", "restatement", "howCreated", "isHiddenInViewMode",
    "isLockedInViewMode", "objects",
}  # fmt: skip
CONTAINER = {
    "$schema", "name", "position", "visual", "visualGroup", "parentGroupName", "filterConfig", "isHidden", "annotations",
    "howCreated",
}  # fmt: skip
POSITION = {"x", "y", "z", "height", "width", "tabOrder", "angle"}
VISUAL = {
    "visualType", "autoSelectVisualType", "query", "expansionStates", "objects", "visualContainerObjects", "syncGroup",
    "drillFilterOtherVisuals",
}  # fmt: skip
QUERY = {"sortDefinition", "options", "queryState", "isDrillDisabled"}
PROJECTION = {"field", "queryRef", "nativeQueryRef", "displayName", "format", "active", "hidden"}
SYNC_GROUP = {"groupName", "fieldChanges", "filterChanges"}
CONTAINER_OBJECTS = {
    "title", "subTitle", "divider", "spacing", "background", "padding", "lockAspect", "general", "border", "dropShadow",
    "visualLink", "visualTooltip", "stylePreset", "visualHeader", "visualHeaderTooltip",
}  # fmt: skip


def unknown_keys(report: Report) -> Iterator[str]:
    """What the schemas do not know, and names that have to be unique within a visual and are not."""
    yield from _keys("report.json", report.definition, REPORT, "report/3.0.0")
    for name, page in report.pages.items():
        title = page["displayName"]
        yield from _keys(title, page, PAGE, "page/2.0.0")
        binding = page.get("pageBinding", {})
        yield from _keys(f"{title}: its binding", binding, BINDING)
        for parameter in binding.get("parameters", []):
            yield from _keys(f"{title}: its binding", parameter, PARAMETER)
        for found in page.get("filterConfig", {}).get("filters", []):
            yield from _keys(f"{title}: a filter", found, FILTER)
        for container in report.visuals[name]:
            where = f"{title}: {container['visual']['visualType']}"
            yield from _keys(where, container, CONTAINER, "visualContainer/2.4.0")
            yield from _keys(where, container["position"], POSITION)
            visual = container["visual"]
            yield from _keys(where, visual, VISUAL)
            yield from _keys(where, visual.get("query", {}), QUERY)
            yield from _keys(where, visual.get("syncGroup", {}), SYNC_GROUP)
            yield from _keys(where, visual.get("visualContainerObjects", {}), CONTAINER_OBJECTS)
            for objects in (visual.get("objects", {}), visual.get("visualContainerObjects", {})):
                for each in (found for listed in objects.values() for found in listed):
                    yield from _keys(where, each, {"selector", "properties"})
            shown = [projection for _, projection in projections(container)]
            for projection in shown:
                yield from _keys(where, projection, PROJECTION)
            for key in ("queryRef", "nativeQueryRef"):
                if len({projection[key] for projection in shown}) < len(shown):
                    yield f"{where}: two fields have one {key}"


def _keys(where: str, found: dict[str, Any], allowed: set[str], schema: str | None = None) -> Iterator[str]:
    for key in sorted(set(found) - allowed):
        yield f"{where}: the schema knows no {key}"
    if schema and found.get("$schema") != f"{_SCHEMAS}/{schema}/schema.json":
        yield f"{where}: the schema is not {schema}"
