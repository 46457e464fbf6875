"""What is installed, which engines work here, and what to do if not."""

from __future__ import annotations

import platform
import shutil
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Literal

from engagement_assets.domain.contracts import EngagementScores
from engagement_assets.engine import OLDEST_JAVA, EngineResource, java_version
from engagement_assets.lake.staleness import outdated
from engagement_assets.lake.tables import LakeResource
from engagement_assets.settings import Settings, is_url, local_path
from engagement_assets.sources.finding import SourcesResource

_PACKAGES = ("dagster", "dagster-pyspark", "pyspark", "pysail", "pandera", "pandas", "deltalake", "duckdb", "pyarrow")
_LEAST_FREE_BYTES = 2 * 1024**3


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at: good, worth a note, or bad (something will not work)."""

    grade: Literal["good", "note", "bad"]
    what: str
    found: str


def examine(settings: Settings) -> list[Finding]:
    """Look at everything a run depends on. Starts the configured engine for a moment."""
    return [
        Finding("good", "Python", platform.python_version()),
        *(_package(name) for name in _PACKAGES),
        _java(settings),
        _engine(settings),
        *(_source(settings, name) for name in settings.sources_there),
        _lake(settings),
        _disk(settings),
    ]


def _package(name: str) -> Finding:
    try:
        return Finding("good", name, version(name))
    except PackageNotFoundError:
        grade: Literal["note", "bad"] = "note" if name == "pysail" else "bad"
        return Finding(grade, name, "not installed" + ("; the embedded engine needs it" if name == "pysail" else ""))


def _java(settings: Settings) -> Finding:
    found = java_version()
    needed = not (settings.engine == "embedded" or settings.engine.startswith("sc://"))
    if found is not None and found >= OLDEST_JAVA:
        return Finding("good", "Java", f"{found}; Apache Spark (ENGAGEMENT_ENGINE=local[*]) works here")
    text = f"{'none' if found is None else found}; Apache Spark needs {OLDEST_JAVA} or newer, the embedded engine none"
    return Finding("bad" if needed else "note", "Java", text)


def _engine(settings: Settings) -> Finding:
    what = f"engine {settings.engine}"
    try:
        with EngineResource(engine=settings.engine, timezone=settings.timezone) as engine:
            answer = engine.spark_session.sql("SELECT 6 * 7 AS answer").collect()[0]["answer"]
    except Exception as error:
        return Finding("bad", what, " ".join(str(error).split())[:300])
    if answer != 42:
        return Finding("bad", what, "starts, and computes wrongly")
    if not settings.engine.startswith(("embedded", "local")):
        return Finding(
            "note", what, "starts and computes; who reaches it acts as its owner: docs/security.md, first lines"
        )
    return Finding("good", what, "starts and computes")


def _source(settings: Settings, name: str) -> Finding:
    sources = SourcesResource.of(settings)
    try:
        files = sources.find(name)
    except Exception as error:
        return Finding("bad", f"source {name}", " ".join(str(error).split())[:300])
    if not files:
        return Finding(
            "note", f"source {name}", f"no files in {sources.location}/{name}; ENGAGEMENT_DATA moves the root"
        )
    return Finding("good", f"source {name}", f"{len(files)} file(s), {sum(file.size for file in files):,} bytes")


def _lake(settings: Settings) -> Finding:
    lake = LakeResource.of(settings)
    try:
        days = list(lake.partitions(EngagementScores))
        changed = [contract.table() for contract in lake.schema_changes()]
    except Exception as error:
        return Finding("bad", "tables", " ".join(str(error).split())[:300])
    if not days:
        return Finding("note", "tables", f"no snapshot in {lake.location} yet; `engagement run` builds one")
    if changed:
        found = f"{', '.join(changed)}: written by another version, and not readable by this one: `engagement rebuild`"
        return Finding("bad", "tables", found)
    shown = f"{len(days)} snapshot(s) from {days[0]} to {days[-1]} in {lake.location}"
    stale = {day for table in outdated(lake, settings).values() for day in table}
    if stale:
        return Finding(
            "note", "tables", f"{shown}; {len(stale)} day(s) are outdated: `engagement refresh` rebuilds them"
        )
    return Finding("good", "tables", shown)


def _disk(settings: Settings) -> Finding:
    if is_url(settings.lake):
        return Finding("note", "disk", "the tables are in an object store")
    place = local_path(settings.lake)
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    return Finding(
        "good" if free >= _LEAST_FREE_BYTES else "bad", "disk", f"{free / 1024**3:.1f} GiB free for the tables"
    )
