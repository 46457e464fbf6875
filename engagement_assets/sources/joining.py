"""Columns that stand in other files: `joins` of `sources.toml`, as where an order's payments have a table of their own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from engagement_assets.domain.source_mapping import SourceMapping
from engagement_assets.sources.inspecting import Inspection, SourceSchemaError
from engagement_assets.sources.reading import Rows
from engagement_assets.sources.shaping import AMOUNT, number_given, text_given
from engagement_assets.sources.source import Source

_KEY = "_key"

#: Sums of amounts, as wide as every engine has decimals.
_SUM = "decimal(34,6)"


def asked_of(mapping: SourceMapping) -> dict[str, SourceMapping]:
    """Join -> what is asked for of its files."""
    return {
        name: SourceMapping(
            path=join.path,
            format=join.format,
            delimiter=join.delimiter,
            encoding=join.encoding,
            columns={column: column for column in (join.keys[1], *_columns(mapping, name))},
        )
        for name, join in mapping.joins.items()
    }


def require_complete(source: Source, name: str, inspection: Inspection) -> None:
    """Raise SourceSchemaError where files of a join are not there, cannot be read, or lack a column: amounts would be wrong."""
    place = f"{source.name}, join {name}"
    if not inspection.files:
        raise SourceSchemaError(f"{place}: there is no file at {', '.join(inspection.mapping.path)}")  # type: ignore[union-attr]
    for file, why in inspection.unreadable.items():
        raise SourceSchemaError(f"{place}: {file} cannot be read ({why}); write or copy it again")
    for group in inspection.groups:
        if missing := sorted(set(inspection.references) - set(group.places)):
            file = next(iter(group.files)).name
            raise SourceSchemaError(
                f"{place}: column {missing[0]!r} is missing in {file}; say in sources.toml what it is called"
            )


def values_of(read: Iterable[Rows], mapping: SourceMapping, name: str) -> DataFrame:
    """Of each row of a join's files: its key as `_key`, the columns that are asked for as `_0`, `_1`…, its part of the amount.

    `_wrong`: whether something is said of the amount that is no number.
    """
    join, amount, parts = mapping.joins[name], _amount(mapping, name), []
    for rows in read:
        texts = [text_given(rows, column).alias(f"_{number}") for number, column in enumerate(_columns(mapping, name))]
        numbers = [number_given(rows, column, mapping) for column in amount]
        value = reduce(lambda one, other: (one * other).try_cast(AMOUNT), numbers) if numbers else F.lit(None)
        told = reduce(
            lambda one, other: one | other, [text_given(rows, each).isNotNull() for each in amount], F.lit(False)
        )
        key = _key(text_given(rows, join.keys[1])).alias(_KEY)
        parts.append(
            rows.frame.select(key, *texts, value.cast(AMOUNT).alias("_amount"), (told & value.isNull()).alias("_wrong"))
        )
    return reduce(DataFrame.unionByName, parts)


def with_joined(rows: Rows, mapping: SourceMapping, others: Mapping[str, DataFrame]) -> Rows:
    """The rows with the columns of their joins; `others`: join -> `values_of` its files.

    An amount that is made of a join's columns is summed up over the rows of the key: its first column stands for the sum, the
    others for 1. Of other columns the first value in the order of the alphabet counts. A row whose key is in no file has none.
    """
    frame, given = rows.frame, dict(rows.given)
    for name, values in others.items():
        columns, amount = _columns(mapping, name), _amount(mapping, name)
        key, total = f"_{name}_key", f"_{name}_amount"
        found = values.groupBy(F.col(_KEY).alias(key)).agg(
            *[F.min(f"_{number}").alias(f"_{name}_{number}") for number in range(len(columns))],
            F.when(~F.max("_wrong"), F.sum("_amount").cast(_SUM)).alias(total),
        )
        ours = _key(text_given(rows, mapping.joins[name].keys[0]))
        frame = frame.withColumn(key, ours).join(found.filter(F.col(key).isNotNull()), on=key, how="left")
        for number, column in enumerate(columns):
            given[f"{name}.{column}"] = F.col(f"_{name}_{number}"), "text"
        for number, column in enumerate(amount):
            one = F.when(F.col(total).isNotNull(), F.lit(1)).cast(_SUM)
            given[f"{name}.{column}"] = (one if number else F.col(total)), "decimal"
    return Rows(frame, given, rows.raw, rows.verdict)


def _columns(mapping: SourceMapping, name: str) -> list[str]:
    """The columns of a join that are asked for."""
    asked = (mapping.joined(column) for column in mapping.asked)
    return [found[1] for found in asked if found is not None and found[0] == name]


def _amount(mapping: SourceMapping, name: str) -> list[str]:
    """The columns of a join of which an order's amount is made."""
    term = mapping.terms.get("order_amount")
    asked = (mapping.joined(column) for column in (term.columns if term else ()))
    return [found[1] for found in asked if found is not None and found[0] == name]


def _key(text: Column) -> Column:
    """A key as both files spell it: numbers without the fraction that one of them may have."""
    return F.regexp_replace(F.trim(text), r"^(-?[0-9]+)[.]0+\z", "$1")
