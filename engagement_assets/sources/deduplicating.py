"""Fifth step: of rows with the same key one is kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from engagement_assets.domain.verdicts import CONFLICT, DISPLACED, DUPLICATE, KEPT
from engagement_assets.sources.source import Source


def deduplicate(
    examined: DataFrame,
    source: Source,
    *,
    among_equals: Sequence[str] = (),
    keep: Callable[[DataFrame], DataFrame] | None = None,
) -> DataFrame:
    """Mark repeated rows: exact repeats as DUPLICATE, other rows of the same key as CONFLICT.

    One row of each key is kept: the first by `source.contents`, which begins with the row's date, so that a later row never
    displaces an earlier one; of equal rows the first by the columns `among_equals`. Rows without a key are no repeats of
    each other. `keep` holds a frame that is used twice, so that the keys are counted once: that takes the most memory here.
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
    same_key = Window.partitionBy(*key).orderBy(*[F.col(name).asc_nulls_last() for name in (*contents, *among_equals)])
    ranked = marked.join(repeated, on="_key", how="left_semi").select(
        *marked.columns,
        F.row_number().over(same_key).alias("_place"),
        *[F.first(name).over(same_key).alias(f"_first_{name}") for name in contents],
    )
    equal = F.lit(True)
    for name in contents:
        equal = equal & F.col(name).eqNullSafe(F.col(f"_first_{name}"))
    verdict = F.when(F.col("_place") == 1, KEPT).when(equal, DUPLICATE).otherwise(CONFLICT)
    settled = ranked.withColumn("verdict", verdict).select(*marked.columns)
    return clear.unionByName(settled).drop("_key")


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
