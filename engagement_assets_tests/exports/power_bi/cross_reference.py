"""What no validator looks at: does everything that is named exist, and do model, report and exported files fit together."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from engagement_assets_tests.exports.power_bi.reading import (
    Model,
    Report,
    dax_references,
    dax_tables,
    fields,
    json_files,
    projections,
    query_file,
    query_left_out,
    query_types,
    read_model,
    read_report,
)
from engagement_assets_tests.exports.power_bi.shapes import misshapen

#: Types of Power Query, the type of the model that they load as, and what the data dictionary calls them.
LOADS_AS = {
    "type text": ("string", {"string"}),
    "text": ("string", {"string"}),
    "Int64.Type": ("int64", {"bigint", "int"}),
    "type number": ("double", {"double"}),
    "Currency.Type": ("decimal", {"decimal(18,2)"}),
    "type logical": ("boolean", {"boolean"}),
    "type date": ("dateTime", {"date"}),
    "type datetime": ("dateTime", {"timestamp_ntz"}),
}


def faults(project: Path, export: Path) -> list[str]:
    """Everything that does not fit together, a sentence each; empty for a sound project."""
    broken = list(_no_json(project))
    if broken:
        return broken
    model, report = read_model(project), read_report(project)
    return [
        *_names(model),
        *_relationships(model),
        *_columns(model),
        *_measures(model),
        *_files(model, export),
        *_fields(model, report),
        *_pages(report),
        *_theme(report, project),
        *misshapen(project, report),
    ]


def _no_json(project: Path) -> Iterator[str]:
    for place in json_files(project):
        try:
            json.loads(place.read_text(encoding="utf-8"))
        except ValueError:
            yield f"{place.name} is no JSON"


def _twice(names: list[str]) -> list[str]:
    return [name for name, times in Counter(name.casefold() for name in names).items() if times > 1]


def _names(model: Model) -> Iterator[str]:
    for name in _twice([table.name for table in model.tables]):
        yield f"two tables are called {name}"
    for name in _twice([name for _, name, _ in model.measures()]):
        yield f"two measures are called {name}"
    for table in model.tables:
        for name in _twice([*(column.name for column in table.columns), *(name for name, _ in table.measures)]):
            yield f"two columns or measures of {table.name} are called {name}"
    for tag in _twice(model.tags):
        yield f"two objects have the lineage tag {tag}"


def _relationships(model: Model) -> Iterator[str]:
    for one, column, other, key in model.relationships:
        ends = []
        for table_name, name in ((one, column), (other, key)):
            table = model.table(table_name)
            found = table.column(name) if table else None
            if found is None:
                yield f"a relationship names {table_name}[{name}], which does not exist"
            else:
                ends.append(found)
        if len(ends) == 2:
            if ends[0].properties["dataType"] != ends[1].properties["dataType"]:
                yield f"{one}[{column}] and {other}[{key}] are related, but of different types"
            if "isKey" not in ends[1].properties:
                yield f"{other}[{key}] is the one side of a relationship, but no key"
    for pair, times in Counter((one, other) for one, _, other, _ in model.relationships).items():
        if times > 1:
            yield f"{pair[0]} and {pair[1]} are related twice"
    related = {name for one, _, other, _ in model.relationships for name in (one, other)}
    for table in model.tables:
        names = {column.properties.get("sourceColumn") for column in table.columns}
        if table.name not in related and names & {"customer_id", "as_of_date"}:
            yield f"{table.name} is related to no table"


def _columns(model: Model) -> Iterator[str]:
    for table in model.tables:
        for column in table.columns:
            by = column.properties.get("sortByColumn", "").strip("'")
            if by and table.column(by) is None:
                yield f"{table.name}[{column.name}] is sorted by {by}, which does not exist"
        typed = query_types(table.query)
        sources = [column.properties.get("sourceColumn", "") for column in table.columns]
        if list(typed) != sources:
            yield f"{table.name}: its query gives {sorted(set(typed) ^ set(sources)) or 'another order'}, not its columns"
            continue
        for column in table.columns:
            kind = LOADS_AS[typed[column.properties["sourceColumn"]]][0]
            if column.properties.get("dataType") != kind:
                yield f"{table.name}[{column.name}] loads as {kind}, but is declared {column.properties.get('dataType')}"


def _measures(model: Model) -> Iterator[str]:
    known = {name: dax for _, name, dax in model.measures()}
    for name, dax in known.items():
        for table_name in dax_tables(dax):
            if model.table(table_name) is None:
                yield f"the measure {name} names the table {table_name}, which does not exist"
        for owner, reference in dax_references(dax):
            table = model.table(owner) if owner else None
            if owner and (table is None or table.column(reference) is None):
                yield f"the measure {name} names {owner}[{reference}], which does not exist"
            # GENERATESERIES calls its column Value.
            if not owner and reference not in known and reference != "Value":
                yield f"the measure {name} names [{reference}], which is no measure"
        if name in _reached(name, known):
            yield f"the measure {name} refers to itself"


def _reached(name: str, known: dict[str, str]) -> set[str]:
    seen: set[str] = set()
    waiting = [reference for owner, reference in dax_references(known[name]) if owner is None]
    while waiting:
        each = waiting.pop()
        if each in known and each not in seen:
            seen.add(each)
            waiting += [reference for owner, reference in dax_references(known[each]) if owner is None]
    return seen


def _files(model: Model, export: Path) -> Iterator[str]:
    with (export / "data_dictionary.csv").open(newline="", encoding="utf-8") as stream:
        declared = {(row["table_name"], row["column_name"]): row for row in csv.DictReader(stream)}
    used = set()
    for table in model.tables:
        name = query_file(table.query)
        if name is None:
            continue
        used.add(name)
        if not (export / name).exists():
            yield f"{table.name} reads {name}, which is not exported"
            continue
        with (export / name).open(newline="", encoding="utf-8") as stream:
            header = next(csv.reader(stream))
        sources = [column.properties.get("sourceColumn", "") for column in table.columns]
        left_out = query_left_out(table.query)
        for column in set(left_out) - set(header):
            yield f"{table.name} removes {column}, which {name} does not have"
        if [column for column in header if column not in left_out] != sources:
            yield f"{name} has the columns {sorted(set(header) ^ set(sources)) or 'in another order'}, {table.name} not"
        if f"Columns = {len(header)}," not in table.query:
            yield f"{table.name} does not read the {len(header)} columns of {name}"
        for source, kind in query_types(table.query).items():
            row = declared.get((name.removesuffix(".csv"), source))
            if row and row["type"] not in LOADS_AS[kind][1]:
                yield f"{table.name} reads {source} as {kind}, but the file has {row['type']}"
            empty = f'"{source}"' in table.query.partition("Replacer.ReplaceValue")[2].partition("})")[0]
            if row and (row["may_be_empty"] == "yes") != empty:
                yield f"{table.name}: empty cells of {source} are not read as the file has them"
    used |= {name for text in model.expressions.values() if (name := query_file(text))}
    for name in {f"{table}.csv" for table, _ in declared} - used:
        yield f"{name} is exported, but no table reads it"


def _fields(model: Model, report: Report) -> Iterator[str]:
    measures = {(table, name) for table, name, _ in model.measures()}
    columns = {(table.name, column.name) for table in model.tables for column in table.columns}
    for page_name, page in report.pages.items():
        title = page["displayName"]
        for kind, table, name in fields([page, report.visuals[page_name]]):
            if (table, name) not in (columns if kind == "Column" else measures):
                yield f"{title}: the {kind.lower()} {table}[{name}] is not in the model"
        for visual in report.visuals[page_name]:
            for _, projection in projections(visual):
                ((_, table, name),) = fields(projection["field"])
                if (projection["queryRef"], projection["nativeQueryRef"]) != (f"{table}.{name}", name):
                    yield f"{title}: {projection['queryRef']} stands for {table}[{name}]"
            shown = {projection["queryRef"] for _, projection in projections(visual)}
            for objects in visual["visual"].get("objects", {}).values():
                for each in objects:
                    styled = each.get("selector", {}).get("metadata")
                    if styled and styled not in shown:
                        yield f"{title}: a colour is for {styled}, which the visual does not show"


def _pages(report: Report) -> Iterator[str]:
    if sorted(report.order) != sorted(report.pages):
        yield "the order of the pages does not name each page once"
    names = [visual["name"] for visuals in report.visuals.values() for visual in visuals]
    for name in _twice(names):
        yield f"two visuals are called {name}"
    open_pages = [name for name, page in report.pages.items() if page.get("visibility") != "HiddenInViewMode"]
    shown = {
        found
        for name in open_pages
        for visual in report.visuals[name]
        for found in fields(visual["visual"].get("query"))
    }
    for name, page in report.pages.items():
        title = page["displayName"]
        binding = page.get("pageBinding", {})
        if name in open_pages:
            continue
        if binding.get("type") != "Drillthrough" or not binding.get("parameters"):
            yield f"{title} is hidden, and no drill-through leads to it"
            continue
        filters = {each["name"]: each for each in page.get("filterConfig", {}).get("filters", [])}
        for parameter in binding["parameters"]:
            bound = filters.get(parameter["boundFilter"])
            if bound is None or bound["field"] != parameter["fieldExpr"] or bound.get("howCreated") != "Drillthrough":
                yield f"{title}: the drill-through is bound to no filter of the page"
            (wanted,) = fields(parameter["fieldExpr"])
            if wanted not in shown:
                yield f"{title}: no other page shows {wanted[1]}[{wanted[2]}], from which to drill through"
        links = [
            each["properties"]["type"]["expr"]["Literal"]["Value"]
            for visual in report.visuals[name]
            for each in visual["visual"].get("visualContainerObjects", {}).get("visualLink", [])
        ]
        if "'Back'" not in links:
            yield f"{title} has no back button"
    groups: dict[str, set[tuple[str, str, str]]] = {}
    for visuals in report.visuals.values():
        for visual in visuals:
            if "syncGroup" in visual["visual"]:
                found = set(fields(visual["visual"]["query"]))
                groups.setdefault(visual["visual"]["syncGroup"]["groupName"], set()).update(found)
    for group, chosen in groups.items():
        if len(chosen) != 1:
            yield f"the slicers {group} are of different columns"


def _theme(report: Report, project: Path) -> Iterator[str]:
    custom = report.definition["themeCollection"]["customTheme"]["name"]
    if not (project / "Engagement.Report" / "StaticResources" / "RegisteredResources" / custom).exists():
        yield f"the theme {custom} is not there"
