"""An independent DAX engine (pbix-mcp) over the exported files, put together as the generated model says.

Tables, columns, relationships and measures are read back from the project's TMDL, rows from the files: nothing of the code that
wrote them is asked.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
from pbix_mcp.dax import engine

from engagement_assets_tests.exports.power_bi.reading import Model, Table, query_file, query_rows, read_model

#: Types of the model as DuckDB reads them from a file; money is added up exactly by the engine.
_READ_AS = {
    "string": "VARCHAR",
    "int64": "BIGINT",
    "double": "DOUBLE",
    "decimal": "DOUBLE",
    "boolean": "BOOLEAN",
    "dateTime": "TIMESTAMP",
}

#: Values of columns that a filter lets through: (table, column) -> values.
Filters = Mapping[tuple[str, str], Iterable[Any]]


@dataclass
class DaxModel:
    """A model with its rows, ready to be asked."""

    model: Model
    tables: dict[str, dict[str, Any]]
    measures: dict[str, str]
    relationships: list[dict[str, Any]]
    #: What a question was answered before: the engine keeps totals that no filter touches.
    cache: dict[Any, Any] = field(default_factory=dict)

    def values(self, names: Iterable[str], filters: Filters = {}, groups: Filters = {}) -> dict[str, Any]:
        """Measures under filters (of slicers, a page, a visual) and the groups of one cell of a visual."""
        context = {f"{table}.{column}": list(values) for (table, column), values in {**filters, **groups}.items()}
        engine._engine.unsupported_functions.clear()
        engine._engine.eval_errors.clear()
        found: dict[str, Any] = engine.evaluate_measures_batch(
            list(names),
            self.tables,
            self.measures,
            filter_context=context,
            date_table="Dates",
            date_column="Date",
            relationships=self.relationships,
            group_keys={f"{table}.{column}" for table, column in groups},
            date_tables={"Dates": "Date"},
            measure_tables=dict.fromkeys(self.measures, "Measures"),
            model_columns={table.name: {column.name for column in table.columns} for table in self.model.tables},
            cache=self.cache,
        )
        wrong = dict(engine._engine.eval_errors), set(engine._engine.unsupported_functions)
        assert wrong == ({}, set()), wrong
        return found


def load(project: Path, export: Path) -> DaxModel:
    """The model of a project over the exported files."""
    model = read_model(project)
    tables = {}
    with duckdb.connect() as connection:
        for table in model.tables:
            tables[table.name] = {
                "columns": [column.name for column in table.columns],
                "rows": _rows(connection, table, export),
            }
    engine.mark_currency_columns(
        tables,
        {
            table.name: [column.name for column in table.columns if column.properties["dataType"] == "decimal"]
            for table in model.tables
        },
    )
    related = [
        {"FromTable": many, "FromColumn": key, "ToTable": one, "ToColumn": name, "IsActive": 1}
        | {"FromCardinality": 2, "ToCardinality": 1, "CrossFilteringBehavior": 1}
        for many, key, one, name in model.relationships
    ]
    return DaxModel(model, tables, {name: dax for _, name, dax in model.measures()}, related)


def _rows(connection: duckdb.DuckDBPyConnection, table: Table, export: Path) -> list[list[Any]]:
    name = query_file(table.query)
    if name is None:
        return query_rows(table.query)
    types = {column.properties["sourceColumn"]: _READ_AS[column.properties["dataType"]] for column in table.columns}
    listed = ", ".join(types)
    with (export / name).open(newline="", encoding="utf-8") as stream:
        types = {column: types.get(column, "VARCHAR") for column in next(csv.reader(stream))}
    found = connection.execute(
        f"SELECT {listed} FROM read_csv($place, columns = $types, header = true, auto_detect = false, nullstr = '')",
        {"place": str(export / name), "types": types},
    ).fetchall()
    return [list(row) for row in found]
