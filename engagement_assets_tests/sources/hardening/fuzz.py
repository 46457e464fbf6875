"""Mutated lines through an engine, compared line by line with Python's strict `json`.

python -m engagement_assets_tests.sources.hardening.fuzz --lines 1000000 --engine 'local[2]'
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from engagement_assets.domain import verdicts
from engagement_assets.engine import EngineResource
from engagement_assets.sources.finding import SourcesResource
from engagement_assets.sources.inspecting import inspect
from engagement_assets.sources.reading import read
from engagement_assets.sources.registry import SOURCES
from engagement_assets.sources.source import ObservationWindow
from engagement_assets.sources.validating import typed, validate
from engagement_assets_tests.sources.hardening import mutation, strict

FIRST, LAST = date(2025, 3, 2), date(2025, 3, 31)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

#: Lines looked at at once.
PIECE = 100_000


@dataclass
class Comparison:
    """What the engine and the judge said."""

    lines: int = 0
    valid: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    #: Lines that the engine takes for an object and Python does not.
    false_accepts: list[bytes] = field(default_factory=list)
    #: Lines that Python takes for an object and the engine does not.
    lost: list[bytes] = field(default_factory=list)
    #: Lines of which verdict or values differ.
    different: list[tuple[bytes, Any, Any]] = field(default_factory=list)
    #: Lines that went in less rows that came out.
    unaccounted: int = 0

    @property
    def agrees(self) -> bool:
        """Whether there is nothing to complain of."""
        return not (self.false_accepts or self.lost or self.different or self.unaccounted)


def compare(spark: SparkSession, folder: Path, count: int, seed: int) -> Comparison:
    """Write mutated lines to files, some packed, read them by the product's own code, and compare."""
    out = Comparison()
    for piece in range(0, count, PIECE):
        written = list(mutation.lines(min(PIECE, count - piece), seed + piece))
        _compare(spark, folder / f"{piece}", written, out)
    return out


def _compare(spark: SparkSession, folder: Path, written: list[bytes], out: Comparison) -> None:
    place = folder / "raw" / "web_events"
    place.mkdir(parents=True)
    for number in range(3):
        (place / f"{number}.jsonl").write_bytes(b"".join(line + b"\n" for line in written[number::3]))
    sources = SourcesResource(root=str(folder / "raw"))
    inspection = inspect(sources, SOURCES["web_events"])
    (read_lines,) = read(sources, spark, inspection, str(folder / "scratch"))
    # Lines that are no UTF-8 come marked; anything else comes as it was written.
    judged = {_as_read(line): line for line in written}
    parsed = read_lines.frame.select("value", "is_object", "is_blank").collect()
    out.lines += len(written)
    out.unaccounted += len(written) - len(parsed) + len(written) - inspection.rows
    for row in parsed:
        line = judged[row["value"]]
        valid = strict.strict_object(line) is not None
        out.valid += valid
        if row["is_object"] and not valid:
            out.false_accepts.append(line)
        if valid and not row["is_object"]:
            out.lost.append(line)
    named = replace(read_lines, frame=read_lines.frame.withColumn("source_path", F.col("value")))
    examined = validate(
        typed(named, SOURCES["web_events"]), SOURCES["web_events"], ObservationWindow(FIRST, LAST, LAST)
    )
    for row in examined.withColumn("event_time", F.unix_micros("event_time")).collect():
        line = judged[row["source_path"]]
        verdict, event = strict.judge_line(line, FIRST, LAST)
        found = {verdicts.BLANK: strict.BLANK}.get(row["verdict"], row["verdict"])
        out.verdicts[found] += 1
        values = None
        if found == strict.KEPT:
            time = EPOCH + timedelta(microseconds=row["event_time"])
            values = strict.Event(row["customer_id"], time, row["event_type"], row["event_id"])
        if (found, values) != (verdict, event):
            out.different.append((line, (found, values), (verdict, event)))
        if found not in (strict.KEPT, strict.BLANK) and row["raw"] != row["source_path"]:
            out.different.append((line, row["raw"], "the line"))


def _as_read(line: bytes) -> str:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        return "\ufffd" + line.decode("utf-8", "replace")


def main() -> None:
    """Compare as many lines as asked for and say what was found; exit code 1 if anything differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--engine", default="embedded")
    asked = parser.parse_args()
    with EngineResource(engine=asked.engine) as engine, tempfile.TemporaryDirectory() as folder:
        found = compare(engine.spark_session, Path(folder), asked.lines, asked.seed)
    print(  # noqa: T201 - this is what the command is for
        f"{found.lines:,} lines on {asked.engine}, {found.valid:,} of them JSON objects: {len(found.false_accepts)} false "
        f"accepts, {len(found.lost)} lost, {len(found.different)} judged otherwise, {found.unaccounted} unaccounted for; "
        f"verdicts {dict(found.verdicts)}"
    )
    for line in [*found.false_accepts, *found.lost, *found.different][:20]:
        print(line)  # noqa: T201
    sys.exit(not found.agrees)


if __name__ == "__main__":
    main()
