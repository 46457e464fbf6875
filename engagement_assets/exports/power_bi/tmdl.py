"""The semantic model as TMDL, the text form that Power BI Desktop opens and version control can compare."""

from __future__ import annotations

import re
from collections.abc import Sequence

from engagement_assets.exports.measures import Measure
from engagement_assets.exports.power_bi.model import (
    COUNTRY_TABLE,
    DATE_TABLE,
    MEASURES,
    Model,
    ModelColumn,
    ModelTable,
    stable_id,
)
from engagement_assets.exports.star_schema import IDS_APART

#: Power BI Desktop of 2024 and later opens it.
COMPATIBILITY_LEVEL = 1601

#: The exported files that the model can read, the one that it does at first first.
FILE_FORMATS = ("csv", "parquet")

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

#: The folder as the user wrote it, with a separator at its end, of the kind that it has elsewhere.
_FOLDER = """\
if Text.EndsWith(DataFolder, "/") or Text.EndsWith(DataFolder, "\\")
then DataFolder
else DataFolder & (if Text.Contains(DataFolder, "\\") then "\\" else "/")"""


_IDS_APART = f"""\
let
    Source = Csv.Document(File.Contents(Folder & "{IDS_APART}.csv"), [Delimiter = $delimiter, Columns = 2, Encoding = 65001, \
QuoteStyle = QuoteStyle.Csv]),
    Promoted = Table.PromoteHeaders(Source, [PromoteAllScalars = true])
in
    Record.FromList(Promoted[shown_as], Promoted[customer_id])"""


def semantic_model(model: Model, data_folder: str, file_format: str, delimiter: str) -> dict[str, str]:
    """The files of the model's definition: path -> text; `delimiter` stands between the cells of CSV files."""
    files = {
        "database.tmdl": f"database\n\tcompatibilityLevel: {COMPATIBILITY_LEVEL}\n",
        "model.tmdl": _model(model),
        "expressions.tmdl": _expressions(data_folder, file_format, delimiter),
        "relationships.tmdl": "\n".join(_relationship(each) for each in model.relationships),
    }
    for table in model.tables:
        measures = model.measures if table.name == MEASURES else ()
        files[f"tables/{table.name}.tmdl"] = _table(table, measures, partition_source(table, delimiter))
    return files


def quoted(name: str) -> str:
    """A name as TMDL writes it: in quotes unless it is a plain word."""
    return name if _PLAIN.fullmatch(name) else "'" + name.replace("'", "''") + "'"


def partition_source(table: ModelTable, delimiter: str) -> str:
    """The Power Query (M) of a table; `delimiter` stands between the cells of CSV files."""
    if table.file_name is None:
        kinds = {"string": "text", "int64": "Int64.Type"}
        columns = ", ".join(f"{_m_name(column.source)} = {kinds[column.kind]}" for column in table.columns)
        rows = ", ".join("{" + ", ".join(_m_value(value) for value in row) + "}" for row in table.rows)
        return f"let\n    Source = #table(type table [{columns}], {{{rows}}})\nin\n    Source"
    types = ", ".join(f"{{{_m_text(column.source)}, {column.m_type}}}" for column in table.columns)
    empty = ", ".join(_m_text(column.source) for column in table.columns if column.nullable)
    csv = (
        f"Csv.Document(File.Contents(Folder & {_m_text(table.file_name + '.csv')}), [Delimiter = {_m_text(delimiter)}, "
        f"Columns = {len(table.columns) + len(table.left_out)}, Encoding = 65001, QuoteStyle = QuoteStyle.Csv])"
    )
    rows = f"Table.PromoteHeaders({csv}, [PromoteAllScalars = true])"
    if empty:
        rows = f'Table.ReplaceValue({rows}, "", null, Replacer.ReplaceValue, {{{empty}}})'
    packed = f"Parquet.Document(File.Contents(Folder & {_m_text(table.file_name + '.parquet')}))"
    steps = [
        f'Source = if FileFormat = "parquet" then {packed} else {rows}',
        *(
            [f"Kept = Table.RemoveColumns(Source, {{{', '.join(map(_m_text, table.left_out))}}})"]
            if table.left_out
            else []
        ),
    ]
    steps.append(f'Typed = Table.TransformColumnTypes({_step(steps[-1])}, {{{types}}}, "en-US")')
    if table.name == COUNTRY_TABLE:
        # The model takes no heed of capitals; a country that is spelled in two ways would be a key twice.
        steps.append('Apart = Table.Distinct(Typed, {{"country", Comparer.OrdinalIgnoreCase}})')
    elif any(column.source == "customer_id" for column in table.columns):
        steps.append(
            "Apart = if Record.FieldCount(IdsApart) = 0 then Typed else Table.TransformColumns(Typed, "
            '{{"customer_id", each Record.FieldOrDefault(IdsApart, _, _), type text}})'
        )
    return "let\n    " + ",\n    ".join(steps) + f"\nin\n    {_step(steps[-1])}"


def _step(text: str) -> str:
    """The name of a step of a query."""
    return text.partition(" ")[0]


def _model(model: Model) -> str:
    order = ", ".join(
        f'"{name}"'
        for name in ("DataFolder", "FileFormat", "Folder", "IdsApart", *(table.name for table in model.tables))
    )
    references = "\n".join(f"ref table {quoted(table.name)}" for table in model.tables)
    return (
        "model Model\n"
        "\tculture: en-US\n"
        "\tdefaultPowerBIDataSourceVersion: powerBI_V3\n"
        "\tdiscourageImplicitMeasures\n"
        "\tsourceQueryCulture: en-US\n"
        "\tdataAccessOptions\n"
        "\t\tlegacyRedirects\n"
        "\t\treturnErrorValuesAsNull\n"
        "\n"
        "\tannotation __PBI_TimeIntelligenceEnabled = 0\n"
        "\n"
        f"\tannotation PBI_QueryOrder = [{order}]\n"
        "\n"
        f"{references}\n"
    )


def _expressions(data_folder: str, file_format: str, delimiter: str) -> str:
    parameter = '[IsParameterQuery = true, Type = "Text", IsParameterQueryRequired = true]'
    return (
        "/// Folder of the exported files. Change it under Transform data, Edit parameters.\n"
        f"expression DataFolder = {_m_text(data_folder)} meta {parameter}\n"
        f"\tlineageTag: {stable_id('expression', 'DataFolder')}\n"
        "\n"
        "\tannotation PBI_ResultType = Text\n"
        "\n"
        "/// Which of the exported files are read: csv or parquet.\n"
        f"expression FileFormat = {_m_text(file_format)} meta {_choice(FILE_FORMATS)}\n"
        f"\tlineageTag: {stable_id('expression', 'FileFormat')}\n"
        "\n"
        "\tannotation PBI_ResultType = Text\n"
        "\n"
        "/// DataFolder with a separator at its end.\n"
        f"expression Folder =\n{_indented(_FOLDER, 2)}\n"
        f"\tlineageTag: {stable_id('expression', 'Folder')}\n"
        "\n"
        "\tannotation PBI_ResultType = Text\n"
        "\n"
        "/// Identifiers that differ from another in capitals only, and what they are shown as.\n"
        f"expression IdsApart =\n{_indented(_IDS_APART.replace('$delimiter', _m_text(delimiter)), 2)}\n"
        f"\tlineageTag: {stable_id('expression', 'IdsApart')}\n"
        "\n"
        "\tannotation PBI_ResultType = Record\n"
    )


def _choice(values: Sequence[str]) -> str:
    listed = ", ".join(_m_text(value) for value in values)
    return (
        f'[IsParameterQuery = true, Type = "Text", IsParameterQueryRequired = true, List = {{{listed}}}, '
        f"DefaultValue = {_m_text(values[0])}]"
    )


def _relationship(each: tuple[str, str, str, str]) -> str:
    many, many_column, one, one_column = map(quoted, each)
    return (
        f"relationship {stable_id('relationship', *each)}\n"
        f"\tfromColumn: {many}.{many_column}\n\ttoColumn: {one}.{one_column}\n"
    )


def _table(table: ModelTable, measures: tuple[Measure, ...], source: str) -> str:
    head = f"/// {table.description}\ntable {quoted(table.name)}\n\tlineageTag: {stable_id('table', table.name)}\n"
    if table.name == DATE_TABLE:
        head += "\tdataCategory: Time\n"
    parts = [
        head,
        *(_measure(measure) for measure in measures),
        *(_column(table, column) for column in table.columns),
        *(_hierarchy(table, name, levels) for name, levels in table.hierarchies.items()),
        f"\tpartition {quoted(table.name)} = m\n\t\tmode: import\n\t\tsource =\n{_indented(source, 4)}\n",
    ]
    return "\n".join(parts)


def _measure(measure: Measure) -> str:
    dax = re.sub(r" (?=(?:VAR|RETURN) )", "\n", measure.dax)
    body = f" = {dax}\n" if "\n" not in dax else f" =\n{_indented(dax, 3)}\n"
    form = f"\t\tformatString: {_value(measure.format)}\n" if measure.format else ""
    return (
        f"\t/// {measure.description}\n"
        f"\tmeasure {quoted(measure.name)}{body}"
        f"{form}"
        f"\t\tdisplayFolder: {measure.folder}\n"
        f"\t\tlineageTag: {stable_id('measure', measure.name)}\n"
    )


def _column(table: ModelTable, column: ModelColumn) -> str:
    lines = [f"/// {column.description}", f"column {quoted(column.name)}", f"\tdataType: {column.kind}"]
    if column.hidden:
        lines.append("\tisHidden")
    if column.is_key:
        lines.append("\tisKey")
    if not column.in_mdx:
        lines.append("\tisAvailableInMdx: false")
    if column.format:
        lines.append(f"\tformatString: {_value(column.format)}")
    if column.folder:
        lines.append(f"\tdisplayFolder: {column.folder}")
    lines += [
        f"\tlineageTag: {stable_id('column', table.name, column.name)}",
        "\tsummarizeBy: none",
        f"\tsourceColumn: {column.source}",
    ]
    if column.sort_by:
        lines.append(f"\tsortByColumn: {quoted(column.sort_by)}")
    if column.m_type == "type date":
        lines += ["", "\tannotation UnderlyingDateTimeDataType = Date"]
    return "".join(f"\t{line}\n" if line else "\n" for line in lines)


def _value(text: str) -> str:
    """A text as TMDL writes it behind a colon: in quotes if it has any."""
    return '"' + text.replace('"', '""') + '"' if '"' in text else text


def _hierarchy(table: ModelTable, name: str, levels: Sequence[str]) -> str:
    parts = [
        f"\t/// From the large to the small: {', '.join(level.lower() for level in levels)}.\n"
        f"\thierarchy {quoted(name)}\n\t\tlineageTag: {stable_id('hierarchy', table.name, name)}\n"
    ]
    parts += [
        f"\t\tlevel {quoted(level)}\n\t\t\tlineageTag: {stable_id('level', table.name, name, level)}\n"
        f"\t\t\tcolumn: {quoted(level)}\n"
        for level in levels
    ]
    return "\n".join(parts)


def _indented(text: str, tabs: int) -> str:
    return "\n".join("\t" * tabs + line for line in text.splitlines())


def _m_text(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _m_name(name: str) -> str:
    return name if _PLAIN.fullmatch(name) else f"#{_m_text(name)}"


def _m_value(value: object) -> str:
    return _m_text(value) if isinstance(value, str) else str(value)
