"""The product as the benchmarks run it: whole commands on a lake of their own, and where their time went."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import dagster as dg

from engagement_assets.lake.tables import LakeResource
from engagement_assets.pipeline.automation import DAILY_JOB
from engagement_assets.sample_data import generate
from engagement_assets.settings import PREFIX
from engagement_assets_tests.benchmarks.processes import ROOT, BenchmarkError, Measured, python

#: Three half-years: a year of history, the windows before it, and days to add.
FIRST, LAST = date(2025, 1, 1), date(2026, 6, 30)


def days_before(days: int, last: date = LAST) -> date:
    """The first of so many days that end on `last`."""
    return last - timedelta(days=days - 1)


def sources(folder: Path, customers: int) -> Path:
    """Generated sources without bad rows, about 46 events and 7 orders a customer; made once."""
    place = folder / f"raw-{customers}"
    if not (place / "customers").exists():
        generate(place, customers=customers, first_day=FIRST, last_day=LAST, seed=7, bad_rows=False, overwrite=True)
    return place


@dataclass
class Product:
    """The product on some sources; `fresh` starts it over."""

    data: Path
    folder: Path
    engine: str = "embedded"
    start: date = FIRST
    settings: dict[str, str] = field(default_factory=dict)
    #: The checkout whose code runs.
    tree: Path = ROOT

    @property
    def environment(self) -> dict[str, str]:
        """The settings of its commands."""
        return {
            "DAGSTER_HOME": str(self.folder / "home"),
            f"{PREFIX}DATA": str(self.data),
            f"{PREFIX}LAKE": str(self.folder / "lake"),
            f"{PREFIX}EXPORT": str(self.folder / "export"),
            f"{PREFIX}ENGINE": self.engine,
            f"{PREFIX}START_DATE": self.start.isoformat(),
            **self.settings,
        }

    @property
    def lake(self) -> LakeResource:
        """Its tables."""
        return LakeResource(root=str(self.folder / "lake"))

    def fresh(self) -> Product:
        """The same, with nothing built."""
        for name in ("lake", "home", "export"):
            shutil.rmtree(self.folder / name, ignore_errors=True)
        self.folder.mkdir(parents=True, exist_ok=True)
        return self

    def run(self, first: date, last: date = LAST) -> Measured:
        """`engagement run` for these days."""
        days = ("--from", first, "--to", last)
        return python("engagement_assets.cli", "run", *days, environment=self.environment, tree=self.tree)

    def where_time_goes(self, first: date, last: date = LAST) -> list[tuple[str, float]]:
        """`engagement run` for these days once more, with seconds by kind of work (`spans.py`)."""
        module = "engagement_assets_tests.benchmarks.spans"
        told = python(module, "run", "--from", first, "--to", last, environment=self.environment).output.splitlines()
        lines = (line.split("\t") for line in told if "\t" in line)
        return [(kind, float(seconds)) for seconds, kind in lines]

    def ingest(self, last: date) -> Measured:
        """Only the tables of the sources, up to a day."""
        return self.build(last, last, "raw_customers", "raw_orders", "raw_web_events")

    def build(self, first: date, last: date, *tables: str) -> Measured:
        """Only some tables, for some days."""
        return python("engagement_assets_tests.benchmarks.tables", first, last, *tables, environment=self.environment)

    def show_history(self, customer: str) -> Measured:
        """`engagement show engagement_scores` of one customer, all days."""
        return python("engagement_assets_tests.benchmarks.history", customer, environment=self.environment)

    def seconds_to_success(self, command: Measured) -> float:
        """Seconds from the launch of the last command to the success of its daily job; files for BI tools come after it."""
        os.environ["DAGSTER_HOME"] = str(self.folder / "home")
        with dg.DagsterInstance.get() as instance:
            (run,) = instance.get_run_records(dg.RunsFilter(job_name=DAILY_JOB), limit=1)
        if run.dagster_run.status != dg.DagsterRunStatus.SUCCESS or run.end_time is None:
            raise BenchmarkError(f"the run {run.dagster_run.run_id} is {run.dagster_run.status.value}, no success")
        return run.end_time - command.launched

    def events(self) -> tuple[int, float]:
        """Events of all runs in its Dagster home, and megabytes of their logs."""
        os.environ["DAGSTER_HOME"] = str(self.folder / "home")
        with dg.DagsterInstance.get() as instance:
            events = sum(len(instance.all_logs(run.run_id)) for run in instance.get_runs())
        logs = (self.folder / "home" / "history" / "runs").iterdir()
        return events, sum(file.stat().st_size for file in logs) / 1e6

    def profile(self) -> list[tuple[str, float]]:
        """Seconds of each step of the last run of the daily job, as Dagster recorded them."""
        os.environ["DAGSTER_HOME"] = str(self.folder / "home")
        with dg.DagsterInstance.get() as instance:
            runs = instance.get_runs(dg.RunsFilter(job_name=DAILY_JOB), limit=1)
            steps = instance.get_run_step_stats(runs[0].run_id)
            told = [(step.step_key, step.start_time, step.end_time) for step in steps]
        return [(key, end - start) for key, start, end in told if start is not None and end is not None]
