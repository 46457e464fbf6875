"""Customers who sign up on the first day that they are seen in other sources, for shops without a table of customers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from engagement_assets.domain.source_mapping import UPDATED_AT, SourceMapping, Term
from engagement_assets.sources import validating
from engagement_assets.sources.customers import EARLIEST_SIGNUP, SOURCE
from engagement_assets.sources.reading import Rows
from engagement_assets.sources.source import Source

#: What other sources may say of a customer beside the day.
_BESIDE = ("country", "email")


def with_customers(mapping: SourceMapping, customers: SourceMapping) -> SourceMapping:
    """What is asked for of a source in which customers are seen: its own columns, and what it says of the customers."""
    if customers.path:
        return mapping
    beside = {name: text for name, text in customers.columns.items() if name in _BESIDE}
    return mapping.model_copy(update={"columns": {**mapping.columns, **beside}})


def seen(rows: Rows, source: Source, mapping: SourceMapping, today: date) -> DataFrame:
    """Of each row of a source: customer_id, day, country, email, and the source as source_path.

    The customer_id is null where a row does not name a customer and a day. To be kept at hand before it is filtered: Sail fails
    at what is filtered by fields of JSON and grouped.
    """
    named = validating.typed(rows, source, mapping, beside=_BESIDE)
    day = F.col("as_of_date")
    counts = F.col("verdict").isNull() & day.between(F.lit(EARLIEST_SIGNUP), F.lit(today))
    return named.select(
        F.when(counts, F.col("customer_id")).alias("customer_id"),
        day.alias("day"),
        *_BESIDE,
        F.lit(source.name).alias("source_path"),
    )


def again(customers: DataFrame) -> DataFrame:
    """Customers of an earlier reading (examined rows), as `seen` gives them."""
    unknown = next(field.default for field in SOURCE.fields if field.name == "country")
    country = F.when(F.col("country") != unknown, F.col("country"))
    return customers.select(
        "customer_id", F.col("signup_date").alias("day"), country.alias("country"), "email", "source_path"
    )


def signed_up(own: DataFrame | None, frames: Sequence[DataFrame], customers: SourceMapping) -> DataFrame:
    """Customers as `validating.typed` gives them, from their own rows, if there are any, and from where they were `seen`.

    Each of those who are only seen has one row. Of a customer with an own row the day is filled in where the row has none; a
    constant day counts for those who were never seen.
    """
    first = (
        reduce(DataFrame.unionByName, frames)
        .filter(F.col("customer_id").isNotNull())
        .groupBy("customer_id")
        .agg(
            F.min("day").alias("day"),
            F.min("source_path").alias("source_path"),
            *[
                F.min(F.when(F.col(name).isNotNull(), F.struct("day", name))).getField(name).alias(name)
                for name in _BESIDE
            ],
        )
    )
    if own is None:
        nothing = F.lit(None).cast("string")
        return first.select(
            "source_path",
            nothing.alias("raw"),
            nothing.alias("verdict"),
            *[F.col(name).alias(f"{name}_text") for name in ("customer_id", *_BESIDE)],
            F.col("day").cast("string").alias("signup_date_text"),
            *[F.col(name) for name in ("customer_id", *_BESIDE)],
            F.col("day").alias("signup_date"),
            F.lit(None).cast("date").alias("as_of_date"),
            F.lit(None).cast("timestamp").alias(UPDATED_AT),
            F.lit(None).cast("bigint").alias("position"),
        )
    is_constant = customers.terms.get("signup_date", Term(constant="")).constant is not None
    lacks_day = F.lit(True) if is_constant else F.col("signup_date_text").isNull()
    found = own.join(first.select("customer_id", "day"), on="customer_id", how="left").withColumn(
        "_fills", lacks_day & F.col("day").isNotNull()
    )
    filled = {"signup_date": F.col("day"), "signup_date_text": F.col("day").cast("string")}
    return found.select(
        *[
            F.when(F.col("_fills"), filled[name]).otherwise(F.col(name)).alias(name) if name in filled else F.col(name)
            for name in own.columns
        ]
    )
