"""The data dictionary of the exported files: what a row of each is, its keys and joins, its columns, and the measures."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping

import pyspark.sql.types as T

from engagement_assets.domain.meanings.measures import MONEY
from engagement_assets.exports.measures import measures
from engagement_assets.exports.star_schema import ExportColumn, ExportFile
from engagement_assets.settings import Settings

#: What a column refers to in another table, by its name.
_JOINS = {
    "customer_id": "customers.customer_id",
    "as_of_date": "dates.date",
    "country": "countries.country",
    "engagement_segment": "segments.engagement_segment",
}

#: Units by patterns of names; money is told by its type.
_UNITS = {
    ".*_days.*(?<!_change)": "days",
    ".*_seconds": "seconds",
    ".*_percentile": "percent",
    ".*_(share|chance)|p_value.*": "share, 0 to 1",
    "share_uplift.*": "difference of shares",
    ".*_imbalance": "standard deviations",
    ".*(_score|_contribution)": "score, 0 to 1",
}

_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#212529}"
    "table{border-collapse:collapse;width:100%;margin:.5rem 0 2rem}td,th{border-bottom:1px solid #dee2e6;padding:.3rem .6rem;"
    "text-align:left;vertical-align:top}code{font-size:90%}"
)


def rows(files: Iterable[ExportFile], settings: Settings, left_out: Mapping[str, str]) -> list[dict[str, str]]:
    """A row per column of the files; `left_out` says of a table, by its name, what this export leaves out of it."""
    return [
        {
            "table_name": file.name,
            "column_name": column.name,
            "type": column.dtype.simpleString(),
            "may_be_empty": "yes" if column.nullable else "no",
            "description": column.description,
            "unit": _unit(column, settings),
            "allowed_values": ", ".join(column.values),
            "key": "yes" if column.name in file.key else "no",
            "joins": _joins(file, column),
            "table_description": _description(file),
            "left_out": left_out.get(file.name, ""),
        }
        for file in files
        for column in file.columns
    ]


def page(files: Iterable[ExportFile], settings: Settings, left_out: Mapping[str, str]) -> str:
    """The same for people to read, with the measures and their formulas."""
    told: dict[str, list[dict[str, str]]] = {}
    for row in rows(files, settings, left_out):
        told.setdefault(row["table_name"], []).append(row)
    parts = [
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Data dictionary</title><style>{_STYLE}</style>',
        "<h1>Data dictionary</h1><p>",
        " · ".join(f'<a href="#{name}">{name}</a>' for name in [*told, "measures"]),
        "</p>",
    ]
    for name, columns in told.items():
        key = ", ".join(row["column_name"] for row in columns if row["key"] == "yes")
        cut = f" <b>Left out:</b> {_text(columns[0]['left_out'])}" if columns[0]["left_out"] else ""
        parts.append(
            f'<h2 id="{name}">{name}</h2><p>{_text(columns[0]["table_description"])} In the order of: {key}.{cut}</p>'
            + _table(
                ("column", "type", "what it is", "unit", "values", "refers to"),
                (
                    [
                        f"<code>{row['column_name']}</code>",
                        row["type"] + (", may be empty" if row["may_be_empty"] == "yes" else ""),
                        *(_text(row[each]) for each in ("description", "unit", "allowed_values", "joins")),
                    ]
                    for row in columns
                ),
            )
        )
    parts.append('<h2 id="measures">Measures</h2><p>Each as a query over the files, in DuckDB.</p>')
    listed = (
        [_text(each.name), _text(each.description), _text(each.unit), f"<code>{_text(each.query)}</code>"]
        for each in measures(settings.scoring, settings.currency)
    )
    parts += [_table(("measure", "what it means", "unit", "query"), listed), "</html>"]
    return "\n".join(parts) + "\n"


def _description(file: ExportFile) -> str:
    ways = (f"{name} ({', '.join(columns)})" for name, columns in file.hierarchies.items())
    return f"{file.description} Hierarchies: {'; '.join(ways)}." if file.hierarchies else file.description


def _joins(file: ExportFile, column: ExportColumn) -> str:
    target = _JOINS.get(column.name, "")
    return "" if target.startswith(f"{file.name}.") else target


def _unit(column: ExportColumn, settings: Settings) -> str:
    if column.is_money:
        return settings.currency or MONEY
    if isinstance(column.dtype, T.StringType | T.DateType | T.BooleanType | T.TimestampNTZType):
        return ""
    return next((unit for pattern, unit in _UNITS.items() if re.fullmatch(pattern, column.name)), "")


def _table(heads: tuple[str, ...], lines: Iterable[list[str]]) -> str:
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in line) + "</tr>\n" for line in lines)
    return "<table><tr>" + "".join(f"<th>{head}</th>" for head in heads) + f"</tr>\n{body}</table>"


def _text(text: str) -> str:
    return html.escape(text)
