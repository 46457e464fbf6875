"""Fifth step: of rows with the same key one is kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from engagement_assets.domain.source_mapping import UPDATED_AT
from engagement_assets.domain.verdicts import CONFLICT, DISPLACED, DUPLICATE, KEPT, SUPERSEDED
from engagement_assets.sources.source import Source

#: Digits to which numbers in file names are filled up with zeros, so that part-10 comes after part-9.
_DIGITS = 30


def deduplicate(
    examined: DataFrame,
    source: Source,
    *,
    among_equals: Sequence[str] = (),
    keep: Callable[[DataFrame], DataFrame] | None = None,
) -> DataFrame:
    """Mark repeated rows: exact repeats as DUPLICATE, others of the same key as SUPERSEDED or CONFLICT.

    One row of each key is kept: of the earliest day (a later row never displaces an earlier one), then the one that was changed
    last (UPDATED_AT), where `source.later_file_wins` of the latest file, there the last one, if positions are told, then the
    first by `source.contents`; of equal rows the first by the columns `among_equals`. Rows that say something else are
    SUPERSEDED where the kept one was changed later or comes later, else CONFLICT. Rows without a key are no repeats of each
    other. `keep` holds a frame that is used twice, so that the keys are counted once: that takes the most memory here.
    """
    key, contents = source.key, source.contents
    suspect = (F.col("verdict") == KEPT) & F.col(key[-1]).isNotNull()
    # Most keys are unique: find the few that are not by a hash, and sort only those.
    hashed = F.xxhash64(*key)
    repeated = examined.filter(suspect).groupBy(hashed.alias("_key")).count().filter("count > 1").select("_key")
    if keep is not None:
        repeated = keep(repeated)
        if repeated.isEmpty():
            return examined
    marked = examined.withColumn("_key", F.when(suspect, hashed))
    clear = marked.join(repeated, on="_key", how="left_anti")
    file = _in_order(F.col("source_path")) if source.later_file_wins else F.lit(None).cast("string")
    day = F.col("as_of_date") if source.as_of is None else F.col(source.dated_by.name)
    said = [F.col(name).asc_nulls_last() for name in contents]
    same_key = Window.partitionBy(*key).orderBy(
        day, *[F.col(name).desc_nulls_last() for name in (UPDATED_AT, "_file", "position")], *said
    )
    ranked = (
        marked.join(repeated, on="_key", how="left_semi")
        .withColumn("_file", file)
        .select(
            "*",
            *[F.first(name).over(same_key).alias(f"_first_{name}") for name in contents],
            *[F.first(name).over(same_key).alias(f"_first_{name}") for name in ("_file", UPDATED_AT, "position")],
        )
    )
    equal = F.lit(True)
    for name in contents:
        equal = equal & F.col(name).eqNullSafe(F.col(f"_first_{name}"))
    ranked = ranked.withColumn("_equal", equal)
    alike = Window.partitionBy(*key, "_equal").orderBy(
        *[F.col(name).asc_nulls_last() for name in (*among_equals, "_file")]
    )
    is_replaced = F.lit(False)
    for name in (UPDATED_AT, "_file"):
        is_replaced = is_replaced | (F.col(name) < F.col(f"_first_{name}"))
    in_file = (F.col("_file") == F.col("_first__file")) & (F.col("position") < F.col("_first_position"))
    is_replaced = is_replaced | in_file
    verdict = (
        F.when(~F.col("_equal"), F.when(is_replaced, SUPERSEDED).otherwise(CONFLICT))
        .when(F.row_number().over(alike) == 1, KEPT)
        .otherwise(DUPLICATE)
    )
    settled = ranked.withColumn("verdict", verdict).select(*marked.columns)
    return clear.unionByName(settled).drop("_key")


def _in_order(path: Column) -> Column:
    """Paths as text that sorts as people number files: a number in a name by its value."""
    filled = F.regexp_replace(path, "([0-9]+)", "0" * _DIGITS + "$1")
    return F.regexp_replace(filled, f"[0-9]*([0-9]{{{_DIGITS}}})", "$1")


def deduplicate_more(incoming: DataFrame, orphans: DataFrame, published: DataFrame | None, source: Source) -> DataFrame:
    """Mark repeats among rows that came in, and against the kept ones of an earlier reading.

    Parameters: examined frames; `orphans` and `published` have together for each key at most one row, of verdict KEPT.
    Returns: the incoming rows with their verdicts, the orphans, and those of both that an incoming row of the same key displaces,
    as DISPLACED.
    """
    together = orphans.withColumn("_standing", F.lit(1)).unionByName(incoming.withColumn("_standing", F.lit(2)))
    if published is not None:
        together = published.withColumn("_standing", F.lit(0)).unionByName(together)
    settled = deduplicate(together, source, among_equals=["_standing"])
    is_displaced = (F.col("_standing") < 2) & (F.col("verdict") != KEPT)
    return (
        settled.withColumn("verdict", F.when(is_displaced, DISPLACED).otherwise(F.col("verdict")))
        .filter((F.col("_standing") > 0) | (F.col("verdict") == DISPLACED))
        .drop("_standing")
    )
