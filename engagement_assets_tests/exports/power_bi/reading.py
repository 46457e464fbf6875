"""A Power BI project read back from its files, without the code that wrote it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_OBJECT = re.compile(
    r"^(\t*)(table|column|measure|hierarchy|level|partition|relationship|expression|database|model)(?: (.*))?$"
)
_DAX_NAME = re.compile(r"(?:'([^']+)'|\b([A-Za-z_]\w*))?\[([^\]]+)\]")


@dataclass
class Column:
    """A column of the model: its properties as TMDL has them."""

    name: str
    properties: dict[str, str] = field(default_factory=dict)


@dataclass
class Table:
    """A table of the model: columns, measures with their DAX, hierarchies with the columns of their levels, its Power Query."""

    name: str
    properties: dict[str, str] = field(default_factory=dict)
    columns: list[Column] = field(default_factory=list)
    measures: list[tuple[str, str]] = field(default_factory=list)
    hierarchies: dict[str, list[str]] = field(default_factory=dict)
    query: str = ""

    def column(self, name: str) -> Column | None:
        """A column by its name."""
        return next((column for column in self.columns if column.name == name), None)


@dataclass
class Model:
    """The semantic model: tables, relationships (both ends), expressions; what TMDL says of a measure, by its name.

    A description is among the properties, as is whatever has no value. `other` are those of the model, of relationships and of
    partitions.
    """

    tables: list[Table] = field(default_factory=list)
    relationships: list[tuple[str, str, str, str]] = field(default_factory=list)
    expressions: dict[str, str] = field(default_factory=dict)
    tags: list[str] = field(default_factory=list)
    measure_properties: dict[str, dict[str, str]] = field(default_factory=dict)
    other: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def table(self, name: str) -> Table | None:
        """A table by its name."""
        return next((table for table in self.tables if table.name == name), None)

    def measures(self) -> list[tuple[str, str, str]]:
        """Every measure: its table, its name, its DAX."""
        return [(table.name, name, dax) for table in self.tables for name, dax in table.measures]


@dataclass
class Report:
    """The report: the order of its pages, and each page with its visuals, as JSON."""

    order: list[str]
    pages: dict[str, dict[str, Any]]
    visuals: dict[str, list[dict[str, Any]]]
    definition: dict[str, Any]


def read_model(project: Path) -> Model:
    """The semantic model of a project."""
    definition = project / "Engagement.SemanticModel" / "definition"
    model = Model()
    for place in sorted(definition.rglob("*.tmdl")):
        _read_tmdl(place.read_text(encoding="utf-8"), model)
    return model


def read_report(project: Path) -> Report:
    """The report of a project. Raises ValueError where a file is no JSON."""
    definition = project / "Engagement.Report" / "definition"
    pages = {place.parent.name: _load(place) for place in sorted(definition.glob("pages/*/page.json"))}
    visuals = {
        name: [_load(place) for place in sorted(definition.glob(f"pages/{name}/visuals/*/visual.json"))]
        for name in pages
    }
    order = _load(definition / "pages" / "pages.json")["pageOrder"]
    return Report(order, pages, visuals, _load(definition / "report.json"))


def json_files(project: Path) -> Iterator[Path]:
    """Every file of a project that is JSON."""
    for place in sorted(project.rglob("*")):
        if place.suffix in (".json", ".pbip", ".pbir", ".pbism", ".platform") or place.name == ".platform":
            yield place


def dax_references(dax: str) -> list[tuple[str | None, str]]:
    """What DAX refers to: (table, column), or (None, measure)."""
    # Texts in quotes refer to nothing.
    plain = re.sub(r'"(?:[^"]|"")*"', '""', dax)
    return [(quoted or bare or None, name) for quoted, bare, name in _DAX_NAME.findall(plain)]


def dax_tables(dax: str) -> set[str]:
    """The tables that DAX names in quotes."""
    return set(re.findall(r"'([^']+)'", re.sub(r'"(?:[^"]|"")*"', '""', dax)))


def fields(value: Any, sources: dict[str, str] | None = None) -> Iterator[tuple[str, str, str]]:
    """Every field that a part of a report refers to: `Column` or `Measure`, the table, the name."""
    if isinstance(value, dict):
        if isinstance(value.get("From"), list):
            sources = {each["Name"]: each["Entity"] for each in value["From"]}
        for kind in ("Column", "Measure"):
            inner = value.get(kind)
            if isinstance(inner, dict) and "Property" in inner:
                source = inner["Expression"]["SourceRef"]
                table = source.get("Entity") or (sources or {}).get(source.get("Source"), "")
                yield kind, table, inner["Property"]
        for each in value.values():
            yield from fields(each, sources)
    elif isinstance(value, list):
        for each in value:
            yield from fields(each, sources)


def projections(visual: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The roles of a visual with the projections in them."""
    for role, state in visual["visual"].get("query", {}).get("queryState", {}).items():
        for projection in state["projections"]:
            yield role, projection


def query_file(query: str) -> str | None:
    """The file that a table's Power Query reads."""
    found = re.search(r'Folder & "([^"]+\.csv)"', query)
    return found.group(1) if found else None


def query_rows(query: str) -> list[list[object]]:
    """The rows that stand in a table's Power Query itself."""
    found = re.search(r"\], (\{.*\})\)\s+in", query, re.DOTALL)
    rows = json.loads(found.group(1).replace("{", "[").replace("}", "]")) if found else []
    return [list(row) for row in rows]


def query_left_out(query: str) -> list[str]:
    """The columns of a file that a table's Power Query removes."""
    found = re.search(r"Table\.RemoveColumns\(Source, \{(.*?)\}\)", query)
    return re.findall(r'"([^"]+)"', found.group(1)) if found else []


def query_types(query: str) -> dict[str, str]:
    """The columns that a table's Power Query gives types to, in their order."""
    typed = re.search(r"TransformColumnTypes\((.*), \"en-US\"\)", query, re.DOTALL)
    if typed:
        return dict(re.findall(r'\{"([^"]+)", ([^}]+)\}', typed.group(1)))
    return dict(re.findall(r"(\w+) = (text|Int64\.Type)", query))


def _load(place: Path) -> dict[str, Any]:
    return dict(json.loads(place.read_text(encoding="utf-8")))


def _name(text: str) -> str:
    text = text.strip()
    return text[1:-1].replace("''", "'") if text.startswith("'") else text


def _split(text: str) -> tuple[str, str]:
    """A name and what follows the equals sign after it."""
    if text.startswith("'"):
        end = text.index("'", 1)
        return text[1:end], text[end + 1 :].partition("=")[2].strip()
    name, _, rest = text.partition("=")
    return name.strip(), rest.strip()


def _read_tmdl(text: str, model: Model) -> None:
    table: Table | None = None
    target: dict[str, str] = {}
    levels: list[str] = []
    ends: dict[str, tuple[str, str]] = {}
    lines = text.splitlines()
    position = 0
    while position < len(lines):
        line = lines[position]
        position += 1
        found = _OBJECT.match(line)
        depth = len(line) - len(line.lstrip("\t"))
        if found and line.strip() and not line.lstrip().startswith("///"):
            kind, rest = found.group(2), found.group(3) or ""
            above = lines[position - 2].strip() if position > 1 else ""
            target = {"description": above[4:]} if above.startswith("/// ") else {}
            if kind == "table":
                table = Table(_name(rest), target)
                model.tables.append(table)
            elif kind == "column" and table:
                table.columns.append(Column(_name(rest), target))
            elif kind in ("measure", "expression"):
                name, body = _split(rest)
                if not body:
                    body, position = _block(lines, position, depth + 2)
                if kind == "measure" and table:
                    table.measures.append((name, body))
                    model.measure_properties[name] = target
                else:
                    model.expressions[name] = body
            elif kind == "hierarchy" and table:
                levels = table.hierarchies.setdefault(_name(rest), [])
            elif kind in ("model", "relationship", "partition"):
                model.other.append((kind, target))
            continue
        word, _, value = line.strip().partition(":")
        if line.strip() == "source =" and table:
            table.query, position = _block(lines, position, depth + 2)
        elif word in ("fromColumn", "toColumn"):
            target[word] = value.strip()
            ends[word] = _ends(value.strip())
            if len(ends) == 2:
                model.relationships.append((*ends["fromColumn"], *ends["toColumn"]))
                ends = {}
        elif word == "lineageTag":
            model.tags.append(value.strip())
        elif word == "column":
            levels.append(_name(value))
        elif line.strip().startswith("annotation "):
            name, _, value = line.strip().partition(" = ")
            target[name] = value
        elif word and not word.startswith("///"):
            target[word] = value.strip()


def _ends(text: str) -> tuple[str, str]:
    parts = re.fullmatch(r"('(?:[^']|'')+'|[^.]+)\.(.+)", text)
    assert parts, text
    return _name(parts.group(1)), _name(parts.group(2))


def _block(lines: list[str], position: int, depth: int) -> tuple[str, int]:
    """The lines of an expression, which are indented at least so far; and where it ends."""
    body = []
    while position < len(lines) and lines[position].startswith("\t" * depth):
        body.append(lines[position][depth:])
        position += 1
    return "\n".join(body), position
