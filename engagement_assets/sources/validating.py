"""Fourth step: a verdict on each row (domain/verdicts.py): kept, set aside until its day, or rejected for a reason.

An examined frame has the table's columns, `source_path`, and
`verdict`: KEPT, BLANK, WAITING, DUPLICATE, ERASED, or a reject reason;
`raw`: the row as text, where it was rejected, or may be once its day has come;
`updated_at`: when the row was changed last, where `sources.toml` names such a column;
`position`: how many rows are before it in its file, where that was asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from engagement_assets.domain.contracts import Contract
from engagement_assets.domain.source_mapping import UPDATED_AT, SourceMapping
from engagement_assets.domain.verdicts import (
    KEPT,
    NOT_REJECTED,
    OUTSIDE_WINDOW,
    UNKNOWN_CUSTOMER,
    WAITING,
)
from engagement_assets.sources import shaping
from engagement_assets.sources.reading import Rows
from engagement_assets.sources.source import ObservationWindow, Source
from engagement_assets.transforms.conversions import with_year


def examined_schema(contract: type[Contract]) -> T.StructType:
    """The columns of an examined source: the table's, and the verdict."""
    extra = [T.StructField(name, T.StringType()) for name in ("source_path", "verdict", "raw")]
    extra += [T.StructField(UPDATED_AT, T.TimestampType()), T.StructField("position", T.LongType())]
    return T.StructType([*contract.struct().fields, *extra])


def typed(rows: Rows, source: Source, mapping: SourceMapping | None = None, beside: Sequence[str] = ()) -> DataFrame:
    """The rows with their values, each as `<name>_text` and `<name>`; facts have their day as as_of_date.

    `beside` names columns of `sources.toml` that are not of this source, to be given as text.
    """
    frame, values = shaping.shapes(rows, source, mapping)
    updated = values.pop(UPDATED_AT, None)
    day = None if source.as_of is not None else values[source.dated_by.name].day
    nothing = F.lit(None).cast("string")
    return frame.select(
        "source_path",
        (nothing if rows.raw is None else rows.raw).alias("raw"),
        shaping.whole_verdict(rows, mapping).alias("verdict"),
        *[shape.text.alias(f"{name}_text") for name, shape in values.items()],
        *[shape.value.alias(name) for name, shape in values.items()],
        (F.lit(None).cast("date") if day is None else day).alias("as_of_date"),
        (F.lit(None).cast("timestamp") if updated is None else updated.value).alias(UPDATED_AT),
        "position",
        *[shaping.text_of(rows, mapping, name).alias(name) for name in beside],
    )


def validate(values: DataFrame, source: Source, window: ObservationWindow) -> DataFrame:
    """Judge each row by itself; `values` as `typed` gives them. Returns an examined frame."""
    by_field = [verdict for field in source.fields for verdict in field.verdicts()]
    verdict = F.coalesce(F.col("verdict"), *by_field, _in_time(source, window))
    raw = F.coalesce(F.col("raw"), _as_json({name: F.col(f"{name}_text") for name in source.columns}))
    default = {field.name: F.lit(field.default) for field in source.fields if field.default is not None}
    return values.select(
        "as_of_date",
        *[F.coalesce(name, default[name]).alias(name) if name in default else F.col(name) for name in source.columns],
        "source_path",
        verdict.alias("verdict"),
        _when_rejected(verdict, raw).alias("raw"),
        UPDATED_AT,
        "position",
    )


def _in_time(source: Source, window: ObservationWindow) -> Column:
    return F.coalesce(*source.in_time(window), F.lit(KEPT))


def _when_rejected(verdict: Column, raw: Column) -> Column:
    """The row as text where it was rejected or may be when its day comes, null elsewhere: good rows need no second copy."""
    return F.when((verdict == WAITING) | ~verdict.isin(*NOT_REJECTED), raw)


def _as_json(columns: dict[str, Column]) -> Column:
    """Columns as one JSON object, for rows that never were text."""
    text = F.to_json(F.struct(*[column.alias(name) for name, column in columns.items()]))
    for code in (0x0B, *range(0x0E, 0x10), *range(0x1A, 0x20)):  # one engine writes \u001F, the other \u001f
        text = F.replace(text, F.lit(f"\\u{code:04X}"), F.lit(f"\\u{code:04x}"))
    return text


def require_customers(examined: DataFrame, customers: DataFrame) -> DataFrame:
    """Mark kept rows whose customer is not among `customers` (column customer_id, unique) as UNKNOWN_CUSTOMER."""
    known = customers.select("customer_id", F.lit(True).alias("_known"))
    orphan = (F.col("verdict") == KEPT) & F.col("_known").isNull()
    return (
        examined.join(known, on="customer_id", how="left")
        .withColumn("verdict", F.when(orphan, UNKNOWN_CUSTOMER).otherwise(F.col("verdict")))
        .drop("_known")
    )


def with_late_raw(examined: DataFrame, source: Source) -> DataFrame:
    """Give rows that were rejected after their examination their text, rebuilt from the typed columns."""
    rebuilt = _as_json({name: F.col(name).cast("string") for name in source.columns})
    return examined.withColumn("raw", F.coalesce(F.col("raw"), _when_rejected(F.col("verdict"), rebuilt)))


def set_aside(settled: DataFrame, today: date) -> DataFrame:
    """The rows whose verdict may be another one at the next reading, though their files are the same.

    Those that wait for their day, those dated in the future of the clock, and those whose customer is not known yet.
    """
    is_future = (F.col("verdict") == OUTSIDE_WINDOW) & (with_year(F.col("as_of_date")) > F.lit(today))
    return settled.filter(F.col("verdict").isin(WAITING, UNKNOWN_CUSTOMER) | is_future)


def judged_again(aside: DataFrame, source: Source, window: ObservationWindow) -> tuple[DataFrame, DataFrame]:
    """Rows that were set aside, with the verdicts they have now: those that were judged by their date, and the orphans.

    A row that is kept now needs its text no more.
    """
    is_orphan = F.col("verdict") == UNKNOWN_CUSTOMER
    dated, orphans = (
        rows.withColumn("verdict", verdict).withColumn("raw", _when_rejected(F.col("verdict"), F.col("raw")))
        for rows, verdict in (
            (aside.filter(~is_orphan), _in_time(source, window)),
            (aside.filter(is_orphan), F.lit(KEPT)),
        )
    )
    return dated, orphans
