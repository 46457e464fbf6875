"""Days at which clocks change, in any time zone: a date, a clock time and a text stay on their day, in every source.

python -m engagement_assets_tests.sources.hardening.zones              # every zone; --engine 'local[2]' for Apache Spark
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import reduce
from pathlib import Path
from zoneinfo import ZoneInfo, available_timezones

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from engagement_assets.engine import EngineResource
from engagement_assets.sources.finding import SourcesResource
from engagement_assets.sources.inspecting import inspect
from engagement_assets.sources.reading import read
from engagement_assets.sources.registry import SOURCES
from engagement_assets.sources.source import ObservationWindow
from engagement_assets.sources.validating import typed, validate

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)

#: Zones whose clocks skipped midnight, whole days, half an hour, or were set back over midnight.
NAMED = (
    *("America/Santiago", "Asia/Beirut", "America/Havana", "Africa/Cairo", "America/Asuncion", "America/Sao_Paulo"),
    *("Pacific/Apia", "America/St_Johns", "Australia/Lord_Howe", "Asia/Tehran", "America/Scoresbysund", "Asia/Gaza"),
)

#: Years over which the tz databases of Python, Java and the embedded engine agree in every zone, by their releases of 2024.
YEARS = range(1998, 2022)

#: Times of day: midnight, and around the hours that clocks skip or repeat.
TIMES = [timedelta(minutes=minutes) for minutes in (0, 1, 30, 90, 150, 23 * 60 + 30)]

FORMS = ("date", "clock time", "text", "text with an offset")

Value = tuple[datetime, str]


def zones() -> list[str]:
    """Every zone that the settings take."""
    return sorted(available_timezones() - {"Factory", "localtime"})


def days_of_change(zone: ZoneInfo) -> Iterator[date]:
    """The days at whose midnight the clocks are off, or were changed on the day before or the day itself."""
    day = datetime(YEARS[0], 1, 1)
    while day.year in YEARS:
        here, before = (moment.replace(tzinfo=zone).utcoffset() for moment in (day + DAY, day))
        if here != before:
            yield day.date()
            yield (day + DAY).date()
        day += DAY


def write(root: Path, days: Collection[date]) -> dict[str, Value]:
    """Sources with each of the days in every form; what each row holds: its id -> clock time, form."""
    values: dict[str, Value] = {}
    for form in FORMS:
        for day in sorted(days):
            for time in TIMES if form != "date" else TIMES[:1]:
                values[f"{len(values)}"] = datetime.combine(day, datetime.min.time()) + time, form
    for form in FORMS[:3]:
        chosen = {key: clock for key, (clock, own) in values.items() if own == form}
        column = {
            "date": lambda clocks: pa.array([clock.date() for clock in clocks]),
            "clock time": lambda clocks: pa.array(clocks, pa.timestamp("us")),
            "text": lambda clocks: pa.array([_text(clock) for clock in clocks]),
        }[form](list(chosen.values()))
        keys = pa.array(list(chosen))
        tables = {
            "orders": {"order_id": keys, "customer_id": keys, "order_date": column, "order_amount": keys},
            "customers": {"customer_id": keys, "signup_date": column, "country": keys},
        }
        for source, table in tables.items():
            (root / source).mkdir(parents=True, exist_ok=True)
            pq.write_table(pa.table(table), root / source / f"{form}.parquet")
    (root / "web_events").mkdir(parents=True)
    with (root / "web_events" / "a.jsonl").open("w") as file:
        for key, (clock, form) in values.items():
            text = f"{clock.isoformat()}+00:00" if form == FORMS[3] else _text(clock)
            file.write(json.dumps({"customer_id": key, "event_time": text, "event_type": "x"}) + "\n")
    return values


def _text(clock: datetime) -> str:
    return clock.date().isoformat() if clock.time() == datetime.min.time() else clock.isoformat()


def expected(clock: datetime, form: str, zone: ZoneInfo) -> tuple[date, int]:
    """The day and the instant (Unix microseconds) of a clock time or, with an offset, of an instant in UTC.

    A skipped time is taken as if the clocks had not been changed yet, one that comes twice as the first.
    """
    instant = clock.replace(tzinfo=UTC if form == FORMS[3] else zone)
    day = instant.astimezone(zone).date() if form == FORMS[3] else clock.date()
    return day, round((instant - EPOCH) / timedelta(microseconds=1))


def compare(spark: SparkSession, folder: Path, names: Sequence[str], most_days: int, seed: int = 1) -> list[str]:
    """What is not as Python's zoneinfo has it, in words; each zone is one query over all sources."""
    days = {day for name in NAMED for day in days_of_change(ZoneInfo(name))}
    for name in names:
        days |= set(list(days_of_change(ZoneInfo(name)))[:4])
    chosen = {
        date(2011, 12, 30),
        date(2024, 9, 8),
        *random.Random(seed).sample(sorted(days), min(most_days, len(days))),
    }
    values = write(folder, chosen)
    sources = SourcesResource(root=str(folder))
    inspections = [inspect(sources, SOURCES[name]) for name in ("customers", "orders", "web_events")]
    wrong = []
    for name in names:
        spark.conf.set("spark.sql.session.timeZone", name)
        frames = []
        for inspection in inspections:
            source = inspection.source
            window = ObservationWindow(date(1970, 1, 1), date(2100, 1, 1), date(2100, 1, 1))
            for rows in read(sources, spark, inspection, str(folder / "scratch")):
                day, at = (
                    ("signup_date", F.lit(None))
                    if source.as_of
                    else ("as_of_date", F.unix_micros(source.dated_by.name))
                )
                judged = validate(typed(rows, source), source, window)
                frames.append(judged.select("customer_id", F.lit(source.name), "verdict", day, at.cast("bigint")))
        found = reduce(DataFrame.unionAll, frames).collect()
        assert len(found) == 2 * sum(form != FORMS[3] for _, form in values.values()) + len(values)
        for key, source_name, verdict, day, at in found:
            clock, form = values[key]
            wanted_day, wanted = expected(clock, form, ZoneInfo(name))
            if (verdict, day) != ("kept", wanted_day) or at not in (None, wanted):
                wrong.append(
                    f"{name}, {source_name}: {form} {clock} became {verdict} on {day}, at {at} instead of {wanted}"
                )
    return wrong


def some(seed: int, number: int) -> list[str]:
    """The named zones and some others."""
    return [*NAMED, *random.Random(seed).sample(zones(), number)]


def main() -> None:
    """Compare in every zone and say what was found; exit code 1 if anything differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engine", default="embedded")
    asked = parser.parse_args()
    with EngineResource(engine=asked.engine) as engine, tempfile.TemporaryDirectory() as folder:
        wrong = compare(engine.spark_session, Path(folder), zones(), 200)
    print(f"{len(zones())} zones on {asked.engine}: {len(wrong)} values are on another day or instant")  # noqa: T201
    for line in wrong[:20]:
        print(line)  # noqa: T201
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
