"""Time zones of published files: none is named in them, but in those of earlier releases.

An instant is the same in every zone. Up to 186a7d4 the embedded engine named the zone of its session beside it, and it refuses to
read files of two zones together.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import types as T

from engagement_assets.domain.contracts import Contract
from engagement_assets.lake.stores import file_system

#: How an engine writes files that name no zone. The embedded one's option; Apache Spark names none, and passes over it.
NO_ZONE = {"skip_arrow_metadata": "true"}

#: Ends the names of folders with such files, so that these need not be opened to be told from earlier ones.
NO_ZONE_FOLDER = "-instants"

#: Files looked at at the same time, and files whose zone is remembered.
_LOOKS, _REMEMBERED = 8, 100_000


def by_zone(paths: Sequence[str], contract: type[Contract]) -> list[list[str]]:
    """A table's files in groups that an engine can read together: of tables with instants, a group for each zone they name."""
    groups: dict[str, list[str]] = defaultdict(list)
    has_instants = any(isinstance(field.dataType, T.TimestampType) for field in contract.struct())
    earlier = [path for path in paths if has_instants and f"{NO_ZONE_FOLDER}/" not in path]
    with ThreadPoolExecutor(_LOOKS) as pool:
        named = dict(zip(earlier, pool.map(_zone_of, earlier), strict=True))
    for path in paths:
        groups[named.get(path, "UTC")].append(path)
    return list(groups.values())


@lru_cache(_REMEMBERED)
def _zone_of(path: str) -> str:
    files, place = file_system(path)
    with files.open(place, "rb") as stream:
        kinds = [field.type for field in pq.read_schema(stream)]
    return next((kind.tz for kind in kinds if pa.types.is_timestamp(kind) and kind.tz), "UTC")
