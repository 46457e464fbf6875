"""What every table's contract can do: give its pandera schema, its Spark types, and its rules as SQL predicates.

A contract is the only list of a table's columns: the pandera models validate with it, the Dagster UI shows it, files are
read with it, the data dictionary is written from it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, ClassVar

import pandera.pyspark as pa
import pyspark.sql.types as T
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from engagement_assets.domain.meanings import Meanings

#: Range of a share.
SHARE = {"min_value": 0, "max_value": 1}

_FROM = "from"


def column(description: str, *, of: tuple[str, ...] | None = None, nullable: bool = False, **options: Any) -> Any:
    """A pandera field; options as those of `pa.Field`.

    `of` are the columns that its values are computed from, as `table.column`, but for the key, the as-of date and the customer;
    none: it is the same in every snapshot. A column without `of` is handed on under its name from a table that is read.
    """
    return pa.Field(nullable=nullable, description=description, metadata={_FROM: of}, **options)


def columns_of(table: str) -> Callable[..., tuple[str, ...]]:
    """A function that makes origins of the names of a table's columns."""
    return partial(_columns_of, table)


def _columns_of(table: str, *names: str) -> tuple[str, ...]:
    return tuple(f"{table}.{name}" for name in names)


@dataclass(frozen=True)
class Rule:
    """A named condition that each row of a table keeps.

    `condition` is a SQL expression, true (not null) for a good row; `column` is what it speaks of, None for the whole row.
    """

    name: str
    condition: str
    column: str | None = None


class Contract(pa.DataFrameModel):
    """Base of the table contracts. Subclasses declare columns; `_row_rules` adds rules that span columns.

    Where the description of a column depends on a setting, it holds the setting's name in braces; see `descriptions`.
    """

    #: Name -> SQL condition, for rules that span columns.
    _row_rules: ClassVar[dict[str, str]] = {}

    #: Columns that come from a list: after which column -> the columns by name.
    _listed: ClassVar[dict[str, dict[str, pa.Column]]] = {}

    #: Whether the table's folder is for its owner's eyes only.
    _private: ClassVar[bool] = False

    @classmethod
    @cache
    def to_schema(cls) -> pa.DataFrameSchema:
        """The pandera schema, with the columns that come from a list in their places."""
        schema = super().to_schema()
        columns: dict[str, pa.Column] = {}
        for name, column in schema.columns.items():
            columns |= {name: column, **cls._listed.get(name, {})}
        schema.columns = columns
        return schema

    @classmethod
    def table(cls) -> str:
        """The table's name in the lake, which is the asset's too."""
        return str(cls.to_schema().name)

    @classmethod
    def describe(cls) -> str:
        """What a row is, in a sentence."""
        return " ".join((cls.__doc__ or "").split())

    @classmethod
    def descriptions(cls, meanings: Meanings) -> dict[str, str]:
        """What each column holds, with the settings in force."""
        return {name: meanings.filled(str(column.description)) for name, column in cls.columns().items()}

    @classmethod
    def columns(cls) -> dict[str, Any]:
        """The pandera columns in their order, by name."""
        return dict(cls.to_schema().columns)

    @classmethod
    def origins(cls) -> dict[str, tuple[str, ...]]:
        """The columns that are computed -> what from, as `table.column`; the others are handed on under their name."""
        # What a contract inherits it is handed on from the table that it inherits from.
        listed = {name for columns in vars(cls).get("_listed", {}).values() for name in columns}
        own = {name: column for name, column in cls.columns().items() if name in vars(cls) or name in listed}
        return {name: column.metadata[_FROM] for name, column in own.items() if column.metadata[_FROM] is not None}

    @classmethod
    def struct(cls) -> T.StructType:
        """The Spark type of a row; nullable throughout, as Parquet readers give it."""
        return T.StructType([T.StructField(name, column.dtype.type, True) for name, column in cls.columns().items()])

    @classmethod
    def key(cls) -> list[str]:
        """The columns that identify a row; empty where rows have no identity."""
        return list(cls.to_schema().unique or [])

    @classmethod
    def is_private(cls) -> bool:
        """Whether the table's folder is for its owner's eyes only."""
        return cls._private

    @classmethod
    def gate(cls) -> pa.DataFrameSchema:
        """The pandera schema that rows pass before they are published: `validate(frame)`, then `.pandera.errors == {}`.

        Columns and types are checked by pandera itself; all conditions on single rows and the key by one data-frame check, in
        one pass. Left to itself, pandera takes a pass for each column and check, some eighty of them for the scores.
        """
        return _gate(cls)

    @classmethod
    @cache
    def rules(cls) -> tuple[Rule, ...]:
        """Each condition of the contract on a single row: nulls, column checks, row rules.

        Raises UntranslatedCheckError for a pandera check that has no translation, so that none is silently left out.
        """
        rules = []
        for name, column in cls.columns().items():
            if not column.nullable:
                rules.append(Rule(f"{name} is not null", f"`{name}` is not null", name))
            rules += [_translate(name, check) for check in column.checks]
        return (*rules, *(Rule(name, condition) for name, condition in cls._row_rules.items()))


class UntranslatedCheckError(TypeError):
    """A contract has a pandera check that the gate does not know in SQL; the message says which, and what to do."""


def listed_columns(
    listed: Mapping[str, tuple[str, tuple[str, ...]]], *checks: pa.Check, nullable: bool = False
) -> dict[str, pa.Column]:
    """Columns of numbers for `_listed`: name -> description, and `of` as that of `column`."""
    return {
        name: pa.Column(
            T.DoubleType(), list(checks), nullable=nullable, name=name, description=description, metadata={_FROM: of}
        )
        for name, (description, of) in listed.items()
    }


@cache
def _gate(contract: type[Contract]) -> pa.DataFrameSchema:
    columns = {name: pa.Column(column.dtype, nullable=True) for name, column in contract.columns().items()}
    held = _Held(tuple(rule.condition for rule in contract.rules()), tuple(contract.key()))
    checks = [pa.Check(held, name=held.name, error=held.name)] if held.name else []
    return pa.DataFrameSchema(columns, checks=checks, name=contract.table(), strict=True)


@dataclass(frozen=True)
class _Held:
    """Whether every row of a frame keeps conditions (SQL), and none has the key of another: one pass."""

    conditions: tuple[str, ...]
    key: tuple[str, ...]

    @property
    def name(self) -> str:
        """What is looked at; empty if nothing is."""
        return " and ".join(
            ["conditions on single rows"] * bool(self.conditions)
            + [f"one row per {', '.join(self.key)}"] * bool(self.key)
        )

    def __call__(self, frame: DataFrame) -> bool:
        # One text: as nested columns, some eighty conditions are deeper than a Spark Connect message may be. Null is not true.
        kept = " and ".join(f"({condition})" for condition in self.conditions) or "true"
        if not self.key:
            return frame.filter(f"not coalesce({kept}, false)").limit(1).count() == 0
        counted = frame.groupBy(*self.key).agg(F.expr("count(1) as rows"), F.expr(f"count_if({kept}) as kept"))
        return counted.filter("rows <> 1 or kept <> 1").limit(1).count() == 0


def _literal(value: object) -> str:
    return "'" + str(value).replace("'", "''") + "'" if isinstance(value, str) else str(value)


def _translate(column: str, check: pa.Check) -> Rule:
    """A pandera column check as SQL. Null passes, as in pandera; nulls are judged by their own rule."""
    stats: dict[str, Any] = check.statistics or {}
    if check.name == "greater_than_or_equal_to":
        text = f"`{column}` >= {_literal(stats['min_value'])}"
    elif check.name == "greater_than":
        text = f"`{column}` > {_literal(stats['min_value'])}"
    elif check.name == "less_than_or_equal_to":
        text = f"`{column}` <= {_literal(stats['max_value'])}"
    elif check.name == "in_range" and stats["include_min"] and stats["include_max"]:
        text = f"`{column}` between {_literal(stats['min_value'])} and {_literal(stats['max_value'])}"
    elif check.name == "isin":
        text = f"`{column}` in ({', '.join(_literal(value) for value in stats['allowed_values'])})"
    else:
        raise UntranslatedCheckError(
            f"no SQL translation for the pandera check {check.name!r} of column {column!r}: "
            "add one here, or write the condition among the contract's _row_rules"
        )
    return Rule(text.replace("`", ""), f"`{column}` is null or {text}", column)
