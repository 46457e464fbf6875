"""Does one customer with as many events as all others together slow sessionization down? Seconds for either, on one engine.

python -m engagement_assets_tests.benchmarks.skew ENGINE EVENTS
"""

from __future__ import annotations

import sys
import time
from datetime import date

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from engagement_assets.domain.scoring_policy import ScoringPolicy
from engagement_assets.engine import EngineResource
from engagement_assets.transforms.sessions import sessionize

FIRST, DAYS = date(2026, 6, 1), 30
CUSTOMERS = 100_000
_SECONDS = DAYS * 24 * 60 * 60


def events(spark: SparkSession, number: int, *, heavy: bool) -> DataFrame:
    """So many page views of a month; with `heavy`, every second one is of the same customer."""
    one_of_many: Column = F.pmod(F.xxhash64("id"), F.lit(CUSTOMERS))
    who = F.when(F.col("id") % 2 == 0, F.lit(-1)).otherwise(one_of_many) if heavy else one_of_many
    second = F.pmod(F.xxhash64(F.col("id") + 1), F.lit(_SECONDS))
    when = F.timestamp_seconds(F.unix_timestamp(F.lit(FIRST).cast("timestamp")) + second)
    return spark.range(number).select(
        F.to_date(when).alias("as_of_date"),
        who.cast("string").alias("customer_id"),
        when.alias("event_time"),
        F.lit("page_view").alias("event_type"),
    )


def seconds(spark: SparkSession, number: int, *, heavy: bool) -> float:
    """How long it takes to make sessions of them, and to look at each."""
    last = date.fromordinal(FIRST.toordinal() + DAYS - 1)
    sessions = sessionize(events(spark, number, heavy=heavy), ScoringPolicy(), FIRST, last)
    begun = time.monotonic()
    found = sessions.agg(F.sum("events"), F.sum(F.hash(*sessions.columns).cast("bigint"))).collect()[0]
    if found[0] != number:
        raise AssertionError(f"{number} events went in, {found[0]} came out")
    return time.monotonic() - begun


def main(engine: str, number: int) -> None:
    """Print the seconds of evenly spread events, and of as many with a heavy customer."""
    with EngineResource(engine=engine, timezone="UTC") as started:
        spark = started.spark_session
        seconds(spark, number // 100, heavy=True)  # plans are compiled
        spread, heavy = ([seconds(spark, number, heavy=is_heavy) for _ in range(3)] for is_heavy in (False, True))
        print(sorted(spread)[1], sorted(heavy)[1])  # noqa: T201 - what the caller reads


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
