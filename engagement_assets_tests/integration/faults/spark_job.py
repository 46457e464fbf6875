"""Writes two versions of a table on a Spark cluster, the second one slowly: python -m ... MASTER ROOT."""

from __future__ import annotations

import sys
from pathlib import Path

from pyspark.sql import functions as F

from engagement_assets.domain.contracts import RawOrders
from engagement_assets.engine import EngineResource
from engagement_assets.lake.tables import LakeResource
from engagement_assets_tests.integration.faults import writers

_JVM = "-XX:+UseSerialGC -XX:TieredStopAtLevel=1"

#: As small as executors may be, and one task at a time each.
_CLUSTER = {
    "spark.cores.max": 2,
    "spark.executor.cores": 1,
    "spark.executor.memory": "512m",
    "spark.executor.extraJavaOptions": _JVM,
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.extraJavaOptions": _JVM,
    "spark.sql.shuffle.partitions": 3,
    "spark.sql.adaptive.enabled": "false",
}


def main(master: str, root: Path) -> None:
    """Says what it is about to do, a word a line."""
    lake = LakeResource.of(writers.settings(root))
    with EngineResource(engine=master, timezone="UTC", spark_config=_CLUSTER) as engine:
        writers.commit_next(lake, engine)
        say("slow")
        rows = writers.next_rows(lake, engine).repartition(8)
        # Every fiftieth row takes ten milliseconds: some 1.5 seconds a task.
        nap = F.expr("if(hash(order_id) % 50 = 0, java_method('java.lang.Thread', 'sleep', 10L), '')")
        slow = rows.filter(nap.isNotNull())
        staged = lake.stage(slow, RawOrders, partitions=writers.DAYS, run_id="slow")
        lake.commit(staged, run_id="slow")
        say("done")


def say(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
