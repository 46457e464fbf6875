"""Schema changes: a table that another version of the package wrote, against the contract of this one.

A new column that may be null is added to the table; files written before have it as null, and stay as they are. Whatever else
differs would show old rows as something that they are not, and is refused before anything is written.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from deltalake import DeltaTable
from deltalake.schema import Field, Schema
from pyspark.sql.pandas.types import to_arrow_schema

from engagement_assets.domain.contracts import Contract

#: Column -> a value that days of an earlier release have, and what readers in SQL call it now. Of the two stages that 0.1.0 had
#: before Lapsed one is left.
RENAMED_VALUES = dict.fromkeys(("lifecycle_stage", "previous_lifecycle_stage"), ("At Risk", "Slipping"))

#: The command that builds tables anew whose columns do not fit.
REBUILD = "engagement rebuild"


class SchemaChangedError(RuntimeError):
    """A table's columns do not fit the contract, and no rows can be shown or written; the message says what to do."""


@cache
def delta_schema(contract: type[Contract]) -> Schema:
    """The contract's columns as a Delta table has them."""
    return Schema.from_arrow(to_arrow_schema(contract.struct(), timezone="UTC"))


def found(table: DeltaTable, contract: type[Contract], column: str) -> list[str]:
    """What of a table does not fit its contract, in words; `column` is the one that it is to be partitioned by."""
    there, wanted = _fields(table.schema()), _fields(delta_schema(contract))
    columns = contract.columns()
    changes = [f"'{name}' is no column any more" for name in there if name not in wanted]
    changes += [
        f"'{name}' was {_words(there[name])} and is {_words(field)}"
        for name, field in wanted.items()
        if name in there and there[name].type != field.type
    ]
    changes += [
        f"'{name}' is new and must not be null" for name in wanted if name not in there and not columns[name].nullable
    ]
    if table.metadata().partition_columns != [column]:
        changes.append(f"it was partitioned by {', '.join(table.metadata().partition_columns)} and is by {column}")
    return changes


def require_none(changes: list[str], contract: type[Contract]) -> None:
    """Raise SchemaChangedError if something of a table does not fit its contract; `changes` is what `found` gave."""
    if changes:
        raise SchemaChangedError(
            f"{contract.table()}: the table was written by another version of this package, and does not fit this one: "
            f"{'; '.join(changes)}. Nothing was changed; `{REBUILD}` builds what does not fit anew from the sources"
        )


def add_new_columns(table: DeltaTable, contract: type[Contract]) -> None:
    """Give the table the contract's new columns, if there are any."""
    there = _fields(table.schema())
    new = [field for name, field in _fields(delta_schema(contract)).items() if name not in there]
    if new:
        table.alter.add_columns(new)
        table.update_incremental()


def _fields(schema: Schema) -> dict[str, Field]:
    return {field.name: field for field in schema.fields}


def _words(field: Field) -> str:
    kind: Any = field.type
    return str(getattr(kind, "type", kind))
