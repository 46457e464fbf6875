"""Parts of a report page in PBIR: fields, visuals, slicers, colours by rule, filters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from engagement_assets.domain.colours import FEW, MANY
from engagement_assets.exports.power_bi.model import MEASURES, stable_id

Json = dict[str, Any]
Field = Json

VISUAL_SCHEMA = (
    "https://developer.microsoft.com/json-schemas/fabric/item/report/definition/visualContainer/2.4.0/schema.json"
)

#: Comparison kinds of the query language.
EQUAL, AT_LEAST, BELOW = 0, 2, 3

#: Charts whose categories have an order of their own.
_BY_CATEGORY = {
    "barChart",
    "clusteredBarChart",
    "columnChart",
    "donutChart",
    "funnel",
    "lineChart",
    "lineClusteredColumnComboChart",
}

#: Every cell of a column of values, not the totals.
_EACH_CELL = [{"dataViewWildcard": {"matchingOption": 1}}]


@dataclass(frozen=True)
class Box:
    """Where a visual lies on its page, pixels."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True)
class Visual:
    """A visual: its kind, the fields in its roles, its title, and what differs from the theme."""

    name: str
    kind: str
    roles: Mapping[str, Sequence[Field]] = field(default_factory=dict)
    title: str | None = None
    objects: Json = field(default_factory=dict)
    container: Json = field(default_factory=dict)
    sort: tuple[Field, str] | None = None
    sync: str | None = None

    def as_json(self, page: str, box: Box, order: int) -> Json:
        """The visual's file on a page; `order` is its place in the tab order."""
        visual: Json = {"visualType": self.kind}
        if self.roles:
            state = {role: {"projections": [_projection(each) for each in found]} for role, found in self.roles.items()}
            visual["query"] = {"queryState": state}
            sort = self.sort or self._in_order()
            if sort:
                by, direction = sort
                visual["query"]["sortDefinition"] = {"sort": [{"field": by, "direction": direction}]}
        if self.objects:
            visual["objects"] = self.objects
        container = dict(self.container)
        if self.title:
            container["title"] = [properties(show=True, text=self.title)]
        if "general" not in container:
            container["general"] = [properties(altText=self.title or self._fields_in_words())]
        if container:
            visual["visualContainerObjects"] = container
        if self.sync:
            visual["syncGroup"] = {"groupName": self.sync, "fieldChanges": True, "filterChanges": True}
        visual["drillFilterOtherVisuals"] = True
        place = {"x": box.x, "y": box.y, "z": order * 1000, "height": box.height, "width": box.width}
        return {
            "$schema": VISUAL_SCHEMA,
            "name": short_id("visual", page, self.name),
            "position": {**place, "tabOrder": order * 1000},
            "visual": visual,
        }

    def _in_order(self) -> tuple[Field, str] | None:
        """Charts show their categories in the categories' own order: left to itself, Desktop sorts many by value."""
        if self.kind in _BY_CATEGORY and self.roles.get("Category"):
            return self.roles["Category"][0], "Ascending"
        return None

    def _fields_in_words(self) -> str:
        """What is shown, for those who do not see it, where no title says so."""
        return ", ".join(reference(each)[2] for found in self.roles.values() for each in found)


def short_id(*parts: str) -> str:
    """A name of a page, visual or filter: twenty characters, the same in each run."""
    return stable_id(*parts).replace("-", "")[:20]


# ---- fields ----------------------------------------------------------------------------------------------------------


def column(table: str, name: str) -> Field:
    """A column of a table."""
    return {"Column": {"Expression": {"SourceRef": {"Entity": table}}, "Property": name}}


def measure(name: str) -> Field:
    """A measure."""
    return {"Measure": {"Expression": {"SourceRef": {"Entity": MEASURES}}, "Property": name}}


def reference(found: Field) -> tuple[str, str, str]:
    """What a field refers to: `Column` or `Measure`, the table, the name."""
    ((kind, inner),) = found.items()
    return kind, inner["Expression"]["SourceRef"]["Entity"], inner["Property"]


def query_ref(found: Field) -> str:
    """The name by which a visual's query knows a field."""
    _, table, name = reference(found)
    return f"{table}.{name}"


def _projection(found: Field) -> Json:
    return {"field": found, "queryRef": query_ref(found), "nativeQueryRef": reference(found)[2], "active": True}


# ---- values ----------------------------------------------------------------------------------------------------------


def literal(value: str | bool | float) -> Json:
    """A value as an expression: text in quotes, whole numbers with L, others with D."""
    if isinstance(value, bool):
        text = "true" if value else "false"
    elif isinstance(value, str):
        text = "'" + value.replace("'", "''") + "'"
    else:
        text = f"{value}L" if isinstance(value, int) else f"{value:g}D"
    return {"Literal": {"Value": text}}


def properties(**values: str | bool | float) -> Json:
    """An object of a visual with these properties."""
    return {"properties": {name: {"expr": literal(value)} for name, value in values.items()}}


def colour(value: str) -> Json:
    """A fixed colour."""
    return {"solid": {"color": {"expr": literal(value)}}}


# ---- colours that mean something -------------------------------------------------------------------------------------


def colours_of(found: Field, colours: Mapping[str, str]) -> list[Json]:
    """A colour for each value of a category or series."""
    return [
        {
            "properties": {"fill": colour(shade)},
            "selector": {
                "data": [{"scopeId": {"Comparison": {"ComparisonKind": EQUAL, "Left": found, "Right": literal(value)}}}]
            },
        }
        for value, shade in colours.items()
    ]


def traffic_light(found: Field, cases: Sequence[tuple[int, float, str]], otherwise: str) -> Json:
    """The background of a column's cells: the colour of the first case (comparison, limit, colour) that holds."""
    rules = [
        {
            "Condition": {"Comparison": {"ComparisonKind": kind, "Left": found, "Right": literal(float(limit))}},
            "Value": literal(shade),
        }
        for kind, limit, shade in cases
    ]
    expression = {"Conditional": {"Cases": rules, "DefaultValue": literal(otherwise)}}
    return _cells(found, expression)


def heat(found: Field) -> Json:
    """The background of a column's cells from light to dark, from its smallest value to its largest."""
    gradient = {
        "min": {"color": literal(FEW)},
        "max": {"color": literal(MANY)},
        "nullColoringStrategy": {"strategy": literal("asZero")},
    }
    return _cells(found, {"FillRule": {"Input": found, "FillRule": {"linearGradient2": gradient}}})


def _cells(found: Field, expression: Json) -> Json:
    return {
        "properties": {"backColor": {"solid": {"color": {"expr": expression}}}},
        "selector": {"data": _EACH_CELL, "metadata": query_ref(found)},
    }


# ---- visuals that carry no data --------------------------------------------------------------------------------------


def heading(title: str, purpose: str) -> Visual:
    """The title of a page and what it is for."""

    def run(text: str, size: str, weight: str) -> Json:
        return {"textRuns": [{"value": text, "textStyle": {"fontSize": size, "fontWeight": weight}}]}

    paragraphs = [run(title, "18pt", "bold"), run(purpose, "10pt", "normal")]
    return Visual(
        "heading",
        "textbox",
        objects={"general": [{"properties": {"paragraphs": paragraphs}}]},
        container={"general": [properties(altText=title)]},
    )


def slicer(name: str, found: Field, *, mode: str) -> Visual:
    """A choice that is the same on every page."""
    return Visual(
        name,
        "slicer",
        {"Values": [found]},
        objects={"data": [properties(mode=mode)], "header": [properties(show=True, text=name)]},
        sync=name,
    )


def back_button() -> Visual:
    """Goes back to the page one came from."""
    return Visual(
        "back",
        "actionButton",
        objects={"icon": [{**properties(shapeType="back"), "selector": {"id": "default"}}]},
        container={"visualLink": [properties(show=True, type="Back")], "general": [properties(altText="Back")]},
    )


# ---- filters ---------------------------------------------------------------------------------------------------------


def is_one_of(page: str, found: Field, *values: str | bool) -> Json:
    """A filter of a page: the column has one of these values."""
    _, table, name = reference(found)
    inside = {"Column": {"Expression": {"SourceRef": {"Source": "t"}}, "Property": name}}
    condition = {"In": {"Expressions": [inside], "Values": [[literal(value)] for value in values]}}
    return {
        "name": short_id("filter", page, table, name),
        "field": found,
        "type": "Categorical",
        "filter": {
            "Version": 2,
            "From": [{"Name": "t", "Entity": table, "Type": 0}],
            "Where": [{"Condition": condition}],
        },
        "howCreated": "User",
    }


def drill_through(page: str, found: Field) -> Json:
    """The parts of a page that make it the target of a drill-through by a column."""
    name = short_id("drill-through", page)
    return {
        "type": "Drillthrough",
        "visibility": "HiddenInViewMode",
        "filterConfig": {
            "filters": [{"name": name, "field": found, "type": "Categorical", "howCreated": "Drillthrough"}]
        },
        "pageBinding": {
            "name": short_id("binding", page),
            "type": "Drillthrough",
            "parameters": [{"name": f"Param_{name}", "boundFilter": name, "fieldExpr": found}],
        },
    }
