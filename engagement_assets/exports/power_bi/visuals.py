"""Parts of a report page in PBIR: fields, visuals, slicers, colours by rule, filters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from engagement_assets.domain.colours import FEW, MANY
from engagement_assets.exports.power_bi.model import MEASURES, stable_id

Json = dict[str, Any]

#: A field as DAX names it: a column `Table[Column]`, or a measure by its bare name.
Field = str

#: Comparison kinds of the query language.
EQUAL, AT_LEAST, BELOW = 0, 2, 3

#: Every cell of a column of values, not the totals.
_EACH_CELL = [{"dataViewWildcard": {"matchingOption": 1}}]

#: Where a visual lies on its page: x, y, width, height; pixels.
Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Visual:
    """A visual: its kind, its title, what differs from the theme, the fields in its roles, its size in percent."""

    name: str
    kind: str
    title: str | None = None
    objects: Json = field(default_factory=dict)
    roles: Mapping[str, Sequence[Field]] = field(default_factory=dict)
    container: Json = field(default_factory=dict)
    sort: tuple[Field, str] | None = None
    sync: str | None = None
    #: The flag to whose rows the visual is limited.
    only: Field | None = None
    width: int = 0
    height: int = 0

    def showing(self, **roles: str) -> Visual:
        """The same with fields in its roles; those of a role with commas between them."""
        return replace(self, roles={role: fields.split(", ") for role, fields in roles.items()})

    def fields(self) -> list[Field]:
        """The fields that it shows."""
        return [each for shown in self.roles.values() for each in shown]

    def as_json(self, page: str, box: Box, order: int) -> Json:
        """The content of the visual's file on a page; `order` is its place in the tab order."""
        visual: Json = {"visualType": self.kind}
        if self.roles:
            state = {role: {"projections": [_projection(each) for each in found]} for role, found in self.roles.items()}
            visual["query"] = {"queryState": state}
            # Charts but scatter charts show their categories in these' own order: Desktop by itself sorts many by value.
            in_order = self.kind != "scatterChart" and "Category" in self.roles
            sort = self.sort or ((self.roles["Category"][0], "Ascending") if in_order else None)
            if sort:
                visual["query"]["sortDefinition"] = {"sort": [{"field": expression(sort[0]), "direction": sort[1]}]}
        if self.objects:
            visual["objects"] = self.objects
        container = dict(self.container)
        if self.title:
            container["title"] = [properties(show=True, text=self.title)]
        if "general" not in container:
            # What is shown, for those who do not see it, where no title says so.
            shown = ", ".join(_split(each)[1] for each in self.fields())
            container["general"] = [properties(altText=self.title or shown)]
        visual["visualContainerObjects"] = container
        if self.sync:
            visual["syncGroup"] = {"groupName": self.sync, "fieldChanges": True, "filterChanges": True}
        visual["drillFilterOtherVisuals"] = True
        x, y, width, height = box
        z = order * 1000
        return {
            "name": short_id("visual", page, self.name),
            "position": {"x": x, "y": y, "z": z, "height": height, "width": width, "tabOrder": z},
            "visual": visual,
            **(only_where(f"{page} {self.name}", self.only) if self.only else {}),
        }


def short_id(*parts: str) -> str:
    """A name of a page, visual or filter: twenty characters, the same in each run."""
    return stable_id(*parts).replace("-", "")[:20]


# ---- fields ----------------------------------------------------------------------------------------------------------


def _split(found: Field) -> tuple[str, str]:
    """The table and the name of a field."""
    table, _, column = found.rstrip("]").partition("[")
    return (table, column) if column else (MEASURES, found)


def expression(found: Field) -> Json:
    """A field as an expression of a query."""
    table, name = _split(found)
    kind = "Measure" if table == MEASURES else "Column"
    return {kind: {"Expression": {"SourceRef": {"Entity": table}}, "Property": name}}


def _projection(found: Field) -> Json:
    return {
        "field": expression(found),
        "queryRef": ".".join(_split(found)),
        "nativeQueryRef": _split(found)[1],
        "active": True,
    }


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


def colour(shade: Json) -> Json:
    """A colour by an expression."""
    return {"solid": {"color": {"expr": shade}}}


# ---- colours that mean something -------------------------------------------------------------------------------------


def colours_of(found: Field, colours: Mapping[str, str]) -> list[Json]:
    """A colour for each value of a category or series."""
    return [
        {
            "properties": {"fill": colour(literal(shade))},
            "selector": {"data": [{"scopeId": _comparison(EQUAL, found, value)}]},
        }
        for value, shade in colours.items()
    ]


def traffic_light(found: Field, kind: int, limits: Sequence[float], shades: Sequence[str]) -> Json:
    """The background of a column's cells: the shade of the first limit that they keep to, compared like `kind`, or the last."""
    rules = [
        {"Condition": _comparison(kind, found, float(limit)), "Value": literal(shade)}
        for limit, shade in zip(limits, shades, strict=False)
    ]
    return _cells(found, {"Conditional": {"Cases": rules, "DefaultValue": literal(shades[-1])}})


def heat(found: Field) -> Json:
    """The background of a column's cells from light to dark, from its smallest value to its largest."""
    gradient = {
        "min": {"color": literal(FEW)},
        "max": {"color": literal(MANY)},
        "nullColoringStrategy": {"strategy": literal("asZero")},
    }
    return _cells(found, {"FillRule": {"Input": expression(found), "FillRule": {"linearGradient2": gradient}}})


def interval(found: Field, low: Field, high: Field) -> list[Json]:
    """Error bars from one measure to another around each value of a measure."""
    ends = {name: {"expr": expression(end)} for name, end in (("lowerBound", low), ("upperBound", high))}
    around = {"kind": "ErrorRange", "explicit": {"isRelative": {"expr": literal(False)}, **ends}}
    each_point = {"data": [{"dataViewWildcard": {"matchingOption": 0}}], "highlightMatching": 1}
    metadata = ".".join(_split(found))
    return [
        {"properties": {"errorRange": around}, "selector": {**each_point, "metadata": metadata}},
        {**properties(enabled=True), "selector": {"metadata": metadata}},
    ]


def _comparison(kind: int, found: Field, value: str | float) -> Json:
    return {"Comparison": {"ComparisonKind": kind, "Left": expression(found), "Right": literal(value)}}


def _cells(found: Field, shade: Json) -> Json:
    return {
        "properties": {"backColor": colour(shade)},
        "selector": {"data": _EACH_CELL, "metadata": ".".join(_split(found))},
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


def slicer(name: str, found: Field, mode: str) -> Visual:
    """A choice that is the same on every page."""
    objects = {"data": [properties(mode=mode)], "header": [properties(show=True, text=name)]}
    return Visual(name, "slicer", objects=objects, sync=name).showing(Values=found)


def back_button() -> Visual:
    """Goes back to the page one came from."""
    return Visual(
        "back",
        "actionButton",
        objects={"icon": [{**properties(shapeType="back"), "selector": {"id": "default"}}]},
        container={"visualLink": [properties(show=True, type="Back")], "general": [properties(altText="Back")]},
    )


# ---- filters ---------------------------------------------------------------------------------------------------------


def only_where(place: str, flag: Field) -> Json:
    """The part of a page or a visual that limits it to rows with a flag."""
    table, name = _split(flag)
    inside = {"Column": {"Expression": {"SourceRef": {"Source": "t"}}, "Property": name}}
    condition = {"In": {"Expressions": [inside], "Values": [[literal(True)]]}}
    only = {
        "name": short_id("filter", place, table, name),
        "field": expression(flag),
        "type": "Categorical",
        "filter": {
            "Version": 2,
            "From": [{"Name": "t", "Entity": table, "Type": 0}],
            "Where": [{"Condition": condition}],
        },
        "howCreated": "User",
    }
    return {"filterConfig": {"filters": [only]}}


def drill_through(page: str, found: Field) -> Json:
    """The parts of a page that make it the target of a drill-through by a column."""
    name, field = short_id("drill-through", page), expression(found)
    by = {"name": name, "field": field, "type": "Categorical", "howCreated": "Drillthrough"}
    return {
        "type": "Drillthrough",
        "visibility": "HiddenInViewMode",
        "filterConfig": {"filters": [by]},
        "pageBinding": {
            "name": short_id("binding", page),
            "type": "Drillthrough",
            "parameters": [{"name": f"Param_{name}", "boundFilter": name, "fieldExpr": field}],
        },
    }
