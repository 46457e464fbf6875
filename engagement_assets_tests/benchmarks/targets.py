"""What the product promises of its speed, each promise measured against another measurement of the same run."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path
from statistics import mean, median

import duckdb

from engagement_assets.domain.contracts import EngagementScores
from engagement_assets.domain.days import days_between
from engagement_assets.settings import PREFIX
from engagement_assets_tests.benchmarks.comparison import TOLERANCE, different_rows, require_same_tables
from engagement_assets_tests.benchmarks.processes import ROOT, Measured, middle, python, repeated
from engagement_assets_tests.benchmarks.product import FIRST, LAST, Product, days_before, sources
from engagement_assets_tests.spark_cluster import standalone
from engagement_assets_tests.worlds import SAMPLE_DATA

#: Days of the notebook way that are measured; the rest of a range is extrapolated from all but the first, which warms the JVM.
NOTEBOOK_DAYS = 3


@dataclass(frozen=True)
class Target:
    """A promise: what was measured, the most (or the least) it may be, and the figures behind it."""

    name: str
    measured: float
    limit: float
    unit: str = ""
    at_least: bool = False
    #: Why it is missed, and what comes next; told only where it is.
    if_missed: str = ""
    figures: str = ""

    @property
    def is_met(self) -> bool:
        """Whether the promise holds."""
        return self.measured >= self.limit if self.at_least else self.measured <= self.limit


@dataclass
class Bench:
    """Sizes of a run of the harness, and where it works; results are gathered in `targets` and `profiles`."""

    folder: Path
    customers: int = 100_000
    many_customers: int = 1_000_000
    days: int = 90
    year: int = 365
    month: int = 30
    runs: int = 3
    #: An earlier checkout to compare with.
    against: Path | None = None
    tell: Callable[[str], None] = print
    targets: list[Target] = field(default_factory=list)
    profiles: dict[str, list[tuple[str, float]]] = field(default_factory=dict)

    def product(self, name: str, customers: int | None = None) -> Product:
        """The product on generated sources."""
        return Product(sources(self.folder, customers or self.customers), self.folder / name)

    # ---- ranges ------------------------------------------------------------------------------------------------------

    def ranges(self) -> None:
        """The range of days against the same tables written by hand in DuckDB, and against the notebook way."""
        first = days_before(self.days)
        product = self.product("range")
        by_hand = self.folder / "by-hand"
        ours, theirs = [], []
        for number in range(self.runs):  # in turns: what else the machine does meets both
            self.tell(f"{self.days} days of {self.customers:,} customers, {number + 1} of {self.runs}: the product")
            ours.append(product.fresh().run(first))
            shutil.rmtree(by_hand, ignore_errors=True)
            self.tell(f"{self.days} days of {self.customers:,} customers, {number + 1} of {self.runs}: DuckDB by hand")
            theirs.append(
                python("engagement_assets_tests.benchmarks.duckdb_way", product.data, by_hand, FIRST, first, LAST)
            )
        mine, hand = middle(ours), middle(theirs)
        self.profiles[f"{self.days} days of {self.customers:,} customers, from launch to end {mine.seconds:.1f} s"] = (
            product.profile()
        )
        self._what_tables_cost(product, first, mine)
        rows = require_same_tables(product.lake, by_hand, days_between(first, LAST))
        self.tell(f"{self.days} days of {self.customers:,} customers, once more: where the time goes")
        self.profiles[f"{self.days} days of {self.customers:,} customers, by kind of work"] = (
            product.fresh().where_time_goes(first)
        )
        self.targets.append(
            Target(
                f"{self.days} days of {self.customers:,} customers against DuckDB by hand",
                mine.seconds / hand.seconds,
                1.5,
                "times",
                if_missed="four wide tables are each computed, audited, sorted and written for every day, one after the other; "
                "next: features and scores in one pass",
                figures=f"{mine.seconds:.1f} s (processor {mine.processor:.0f} s, {mine.memory:.1f} GiB) against "
                f"{hand.seconds:.1f} s (processor {hand.processor:.0f} s, {hand.memory:.1f} GiB); "
                f"all {rows:,} rows of these days are the same",
            )
        )
        self.tell(f"the notebook way: {NOTEBOOK_DAYS} days on Apache Spark")
        days = self._notebook(product.data)
        whole = days[0] + mean(days[1:]) * (self.days - 1)
        self.targets.append(
            Target(
                f"{self.days} days of {self.customers:,} customers against the notebook way on Spark local[2]",
                whole / mine.seconds,
                50.0,
                "times faster",
                at_least=True,
                if_missed=f"DuckDB by hand, which checks and records nothing, is {whole / hand.seconds:.0f} times faster itself; "
                "and the notebook writes one table, not eleven; next: features and scores in one pass",
                figures=f"{mine.seconds:.1f} s against {whole:.0f} s, extrapolated from "
                f"{', '.join(f'{seconds:.1f} s' for seconds in days)}",
            )
        )

    def _what_tables_cost(self, product: Product, first: date, run: Measured) -> None:
        """What campaign results and return rates add to a range: the steps of its last run, and of return rates alone."""
        steps = dict(product.profile())
        part = steps["campaign_results"] / run.seconds
        figures = f"{steps['campaign_results']:.1f} of {run.seconds:.1f} s"
        self.targets.append(Target("campaign results in these days", part * 100, 10, "%", figures=figures))
        taken: dict[int, list[float]] = {1: [], self.days: []}
        for number in range(self.runs):
            for days, found in taken.items():
                self.tell(f"return rates alone, {days} days, {number + 1} of {self.runs}")
                product.build(days_before(days), LAST, "return_rates")
                found.append(dict(product.profile())["return_rates"])
        seconds = {days: median(found) for days, found in taken.items()}
        self.targets.append(
            Target(
                f"return rates of {self.days} days against those of one",
                seconds[self.days] / seconds[1],
                1.2,
                "times",
                if_missed="the rows of each day are audited, written and recorded on their own",
                figures=f"{seconds[self.days]:.1f} s against {seconds[1]:.1f} s",
            )
        )
        if self.against is None:
            return
        self.tell(f"{self.days} days of {self.customers:,} customers: {self.against.name}")
        earlier = replace(product, folder=self.folder / "range-earlier", tree=self.against).fresh()
        earlier.run(first)
        before = dict(earlier.profile())
        tables = ("customer_features", "engagement_scores")
        more = steps["return_rates"] + sum(steps[table] - before[table] for table in tables)
        self.targets.append(
            Target(
                f"what features, return rates and scores take longer than in {self.against.name}",
                more / run.seconds * 100,
                15,
                "%",
                figures=f"{sum(before[table] for table in tables):.1f} s there, {sum(steps[table] for table in tables):.1f} s "
                f"and {steps['return_rates']:.1f} s for return rates here, of {run.seconds:.1f} s",
            )
        )

    def _notebook(self, data: Path) -> list[float]:
        days = [LAST - timedelta(days=back) for back in reversed(range(NOTEBOOK_DAYS))]
        done = python("engagement_assets_tests.benchmarks.notebook_way", data, self.folder / "notebook", *days)
        return [float(line.split()[1]) for line in done.output.splitlines()]

    def on_spark(self) -> None:
        """The product's own transforms on Apache Spark, for a few days; for comparison, it promises nothing."""
        first = days_before(3)
        embedded = self.product("three-days")
        self.tell("3 days on the embedded engine")
        ours = repeated(self.runs, lambda: embedded.fresh().run(first))
        spark = replace(embedded, folder=self.folder / "spark", engine="local[2]")
        self.tell("3 days on Apache Spark")
        theirs = spark.fresh().run(first)
        self.targets.append(
            Target(
                f"3 days of {self.customers:,} customers, embedded against the same on Spark local[2]",
                theirs.seconds / ours.seconds,
                1.0,
                "times faster",
                at_least=True,
                figures=f"{ours.seconds:.1f} s against {theirs.seconds:.1f} s",
            )
        )

    def on_cluster(self) -> None:
        """A day on a standalone Spark cluster of two workers, with a core each: the rows of the embedded engine?"""
        # Few days of facts to fill in: Apache Spark takes a second or two for each chunk of small tables.
        embedded = replace(self.product("cluster-embedded"), start=days_before(4 * self.month))
        self.tell("1 day on the embedded engine")
        ours = embedded.fresh().run(LAST)
        place = self.folder / "cluster"
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        with standalone(place, memory="3g") as cluster:
            spark = replace(
                embedded,
                folder=self.folder / "cluster-spark",
                engine=cluster.master,
                settings={"SPARK_LOCAL_IP": "127.0.0.1", "SPARK_CONF_DIR": str(spark_settings(place))},
            )
            self.tell("1 day on a standalone cluster")
            theirs = spark.fresh().run(LAST)
        different, rows = different_rows(embedded, spark)
        self.targets.append(
            Target(
                f"1 day of {self.customers:,} customers, rows of a cluster of two workers that the embedded engine has not",
                different,
                0,
                "rows",
                figures=f"{rows:,} rows of all tables, numbers to {TOLERANCE:g}; {theirs.seconds:.0f} s against "
                f"{ours.seconds:.0f} s; the driver took {theirs.memory:.1f} GiB",
            )
        )

    def skew(self) -> None:
        """Sessions where half of all events are one customer's, against as many events evenly spread."""
        for engine in ("embedded", "local[2]"):
            self.tell(f"a heavy customer on {engine}")
            done = python("engagement_assets_tests.benchmarks.skew", engine, self.customers * 20)
            spread, heavy = map(float, done.output.split())
            self.targets.append(
                Target(
                    f"sessions of {self.customers * 20:,} events, half of them one customer's, on {engine}",
                    heavy / spread,
                    1.5,
                    "times",
                    figures=f"{heavy:.1f} s against {spread:.1f} s evenly spread",
                )
            )

    # ---- the sample data ---------------------------------------------------------------------------------------------

    def demo(self) -> None:
        """What `make demo` does, and single days: events, and time against an earlier checkout where one is named."""
        first, before = days_before(self.days), LAST - timedelta(days=1)
        chunk = {f"{PREFIX}CHUNK_DAYS": "90"}
        trees = {"this": ROOT} | ({"earlier": self.against} if self.against else {})
        products = {name: Product(SAMPLE_DATA, self.folder / f"demo-{name}", tree=tree) for name, tree in trees.items()}
        ranges: dict[str, list[Measured]] = {name: [] for name in trees}
        days: dict[str, list[Measured]] = {name: [] for name in trees}
        for number in range(self.runs):  # in turns: what else the machine does meets both
            for name, product in products.items():
                self.tell(f"`make demo` and the last day again, {number + 1} of {self.runs}: {name} checkout")
                ranges[name].append(replace(product.fresh(), settings=chunk).run(first))
                days[name].append(product.run(LAST))
        self._events("`make demo`", replace(products["this"].fresh(), settings=chunk), first, 6000, 40)
        self._events("one day on an empty lake", products["this"].fresh(), LAST, 2000, 20)
        if self.against is None:
            return
        for what, measured, limit in (("`make demo`", ranges, 0.5), (f"{LAST} once more, after {before}", days, 0.7)):
            mine, theirs = middle(measured["this"]), middle(measured["earlier"])
            self.targets.append(
                Target(
                    f"{what} against {self.against.name}, from launch to end",
                    mine.seconds / theirs.seconds,
                    limit,
                    "times",
                    figures=f"{mine.seconds:.1f} s (processor {mine.processor:.0f} s) against {theirs.seconds:.1f} s "
                    f"(processor {theirs.processor:.0f} s)",
                )
            )

    def _events(self, what: str, product: Product, first: date, most: int, megabytes: float) -> None:
        """How much the runs of one command leave in Dagster's log."""
        self.tell(f"{what}: events")
        product.run(first)
        events, size = product.events()
        self.targets += [
            Target(f"events of {what}", events, most, "events"),
            Target(f"Dagster's log after {what}", size, megabytes, "MB"),
        ]

    # ---- days --------------------------------------------------------------------------------------------------------

    def one_day(self) -> None:
        """A day whose sources are read already, and what a year of history adds to it."""
        product = self.product("one-day").fresh()
        before, day = LAST - timedelta(days=1), LAST
        self.tell("one day: reading the sources")
        product.run(days_before(self.month, before), before)
        product.ingest(day)
        self.tell("one day")
        runs, to_success = [], []
        for _ in range(self.runs):
            runs.append(product.run(day))
            to_success.append(product.seconds_to_success(runs[-1]))
        short = middle(runs)
        self.profiles[f"one day of {self.customers:,} customers, from launch to end {short.seconds:.1f} s"] = (
            product.profile()
        )
        self.profiles[f"one day of {self.customers:,} customers, by kind of work"] = product.where_time_goes(day)
        self.targets.append(
            Target(
                f"1 day of {self.customers:,} customers, sources already read, from launch to success",
                median(to_success),
                6.0,
                "s",
                if_missed="two fifths are starting Python, importing and opening Dagster; a table's day is written on one core; "
                "next: steps that need not wait for each other at the same time",
                figures=f"to the command's end, with the files for BI tools, {short.seconds:.1f} s; "
                f"processor {short.processor:.1f} s, {short.memory:.1f} GiB",
            )
        )
        self.tell(f"{self.year} days of history")
        year = product.run(days_before(self.year, before), before)
        month_days, year_days = self.month, self.year - self.month
        product.ingest(day)
        self.tell("one day after a year of history")
        long = repeated(self.runs, lambda: product.run(day))
        self.targets += [
            Target(
                f"1 day after {self.year} days of history against 1 day after {self.month}",
                long.seconds / short.seconds,
                1.2,
                "times",
                if_missed="told to the command's end, with the files for BI tools; next: compare both by kind of work",
                figures=f"{long.seconds:.1f} s against {short.seconds:.1f} s",
            ),
            Target(
                f"peak memory of {self.year} days of {self.customers:,} customers",
                year.memory,
                6.0,
                "GiB",
                figures=f"{year.seconds:.0f} s",
            ),
        ]
        fresh = self.product("month").fresh()
        self.tell(f"{month_days} days, for the cost of a day")
        month = fresh.run(days_before(month_days))
        again = fresh.run(days_before(month_days))
        self.targets.append(
            Target(
                f"cost per day of {self.year} days against {month_days}, sources already read",
                (year.seconds / self.year) / (again.seconds / month_days),
                1.0,
                "times",
                figures=f"{year.seconds / self.year:.2f} s against {again.seconds / month_days:.2f} s a day; "
                f"{month_days} days with reading the sources {month.seconds:.1f} s; {year_days} of the year were new",
            )
        )
        self._history(product)

    def _history(self, product: Product) -> None:
        customer = duckdb.execute(
            f"SELECT customer_id FROM read_parquet('{product.data}/customers/**/*.parquet') "
            "ORDER BY signup_date, customer_id LIMIT 1"
        ).fetchall()[0][0]
        found = [product.show_history(str(customer)).output.split() for _ in range(self.runs)]
        readings = [float(seconds) for _, seconds in found]
        self.targets.append(
            Target(
                f"reading one customer's history of {int(found[0][0])} days, all columns",
                median(readings),
                1.0,
                "s",
                if_missed="a file is opened for each day, its footer of 45 columns read and a row group decoded; "
                "next: files clustered over days",
                figures=f"{self.customers:,} customers a day; the first reading, maybe from the disk, {readings[0]:.2f} s",
            )
        )

    def one_more_day(self) -> None:
        """Reading one more day of source files into a year of history, against reading them all."""
        product = self.product("one-more-day")
        data = self.folder / "one-more-day-raw"
        shutil.rmtree(data, ignore_errors=True)
        shutil.copytree(product.data, data)
        product = replace(product, data=data, start=days_before(self.year))
        before = LAST - timedelta(days=1)
        held_back = hold_back(data, LAST, self.folder / "held-back")
        self.tell("reading a year of sources")
        whole = repeated(self.runs, lambda: product.fresh().ingest(before))
        all_rows = product.profile()
        for source, file in held_back.items():
            shutil.copy(file, data / source / f"one-more-day{file.suffix}")
        self.tell("reading one more day")
        more = product.ingest(LAST)
        more_rows = product.profile()
        self.profiles[f"reading one more day, from launch to end {more.seconds:.1f} s"] = more_rows
        # Without the launch, which takes as long for either: the steps are what grows with the rows.
        read, read_more = (sum(seconds for _, seconds in steps) for steps in (all_rows, more_rows))
        self.targets.append(
            Target(
                "reading one more day into a year of sources against reading them all",
                read_more / read,
                0.1,
                "times",
                if_missed="a step of a small source is mostly Dagster's and the engine's own time",
                figures=f"steps of {read_more:.1f} s against {read:.1f} s; from launch to end {more.seconds:.1f} s against "
                f"{whole.seconds:.1f} s",
            )
        )

    # ---- size --------------------------------------------------------------------------------------------------------

    def size(self) -> None:
        """Many customers against the usual number."""
        first = days_before(self.month)
        costs = {}
        for customers in (self.customers, self.many_customers):
            product = self.product(f"size-{customers}", customers).fresh()
            self.tell(f"{self.month} days of {customers:,} customers")
            done = product.run(first)
            rows = sum(product.lake.partitions(EngagementScores).values())
            costs[customers] = done, done.seconds / rows * 1e6
            shutil.rmtree(product.folder)
        (small, per_row), (large, per_row_of_many) = costs[self.customers], costs[self.many_customers]
        self.targets += [
            Target(
                f"peak memory of {self.month} days of {self.many_customers:,} customers",
                large.memory,
                8.0,
                "GiB",
                figures=f"{large.seconds:.0f} s",
            ),
            Target(
                f"cost per row of {self.many_customers:,} customers against {self.customers:,}",
                per_row_of_many / per_row,
                1.5,
                "times",
                figures=f"{per_row_of_many:.1f} against {per_row:.1f} µs; {large.seconds:.0f} s against {small.seconds:.0f} s",
            ),
        ]

    def formats(self) -> None:
        """Web events as CSV and as one JSON array, against lines of JSON: the seconds of their reading, and the memory."""
        data = sources(self.folder, self.customers)
        found: dict[str, tuple[float, float]] = {}
        for name, options in EVENT_FORMATS.items():
            place = self.folder / f"raw-{self.customers}-{name}"
            if not place.exists():
                (place / "web_events").mkdir(parents=True)
                (place / "customers").symlink_to(data / "customers")
                ending = "csv" if name == "csv" else "json"
                with duckdb.connect() as connection:
                    texts = (
                        "{customer_id: 'VARCHAR', event_time: 'VARCHAR', event_type: 'VARCHAR', event_id: 'VARCHAR'}"
                    )
                    rows = f"SELECT * FROM read_json('{data}/web_events/*/*', columns = {texts})"
                    connection.execute(f"COPY ({rows}) TO '{place}/web_events/all.{ending}' ({options})")
            product = replace(Product(place, self.folder / "formats"))
            self.tell(f"reading web events: {name}")
            runs = [
                python("engagement_assets_tests.benchmarks.reading", environment=product.environment)
                for _ in range(self.runs)
            ]
            seconds, rows_kept = median(float(run.output.split()[-2]) for run in runs), runs[0].output.split()[-1]
            found[name] = seconds, median(run.memory for run in runs)
            self.tell(f"  {seconds:.1f} s, {found[name][1]:.1f} GiB, {int(rows_kept):,} events kept")
        lines, memory = found["lines"]
        for name, limit in (("csv", 2.0), ("array", 2.0)):
            figures = f"{found[name][0]:.1f} s against {lines:.1f} s; {found[name][1]:.1f} against {memory:.1f} GiB"
            self.targets.append(
                Target(
                    f"reading web events from {name} against lines",
                    found[name][0] / lines,
                    limit,
                    "times",
                    figures=figures,
                )
            )
        self.targets.append(Target("peak memory of one array against lines", found["array"][1] / memory, 1.2, "times"))


#: How DuckDB writes one file of web events.
EVENT_FORMATS = {"lines": "FORMAT json", "csv": "FORMAT csv", "array": "FORMAT json, ARRAY true"}


def hold_back(data: Path, day: date, folder: Path) -> dict[str, Path]:
    """Take a day's orders and events out of the sources; returns the file of each that has them."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    month = f"month={day:%Y-%m}"
    files = {
        "orders": ("read_parquet", "order_date", "parquet", next((data / "orders" / month).iterdir())),
        "web_events": ("read_json", "event_time", "jsonl", next((data / "web_events" / month).iterdir())),
    }
    held = {}
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for source, (read, column, kind, file) in files.items():
            held[source] = folder / f"{source}.{kind}"
            options = ", columns = {customer_id: 'VARCHAR', event_time: 'VARCHAR', event_type: 'VARCHAR', event_id: 'VARCHAR'}"
            rows = f"{read}('{file}'{options if kind == 'jsonl' else ', hive_partitioning = false'})"
            form = (
                "FORMAT json" + (", COMPRESSION gzip" if file.suffix == ".gz" else "")
                if kind == "jsonl"
                else "FORMAT parquet"
            )
            kept = folder / f"kept-{source}{file.suffix}"
            plain = "FORMAT json" if kind == "jsonl" else "FORMAT parquet"
            is_later = f"{column}::TIMESTAMPTZ >= TIMESTAMPTZ '{day}'"
            connection.execute(f"COPY (SELECT * FROM {rows} WHERE {is_later}) TO '{held[source]}' ({plain})")
            connection.execute(f"COPY (SELECT * FROM {rows} WHERE NOT ({is_later})) TO '{kept}' ({form})")
            shutil.move(kept, file)
    return held


def spark_settings(place: Path) -> Path:
    """A folder with Spark's own settings, for executors that fill a worker's memory."""
    folder = place / "conf"
    folder.mkdir()
    (folder / "spark-defaults.conf").write_text("spark.executor.memory 2g\nspark.sql.shuffle.partitions 8\n")
    return folder


#: What can be measured on its own.
PARTS: dict[str, Callable[[Bench], None]] = {
    "demo": Bench.demo,
    "ranges": Bench.ranges,
    "spark": Bench.on_spark,
    "cluster": Bench.on_cluster,
    "skew": Bench.skew,
    "days": Bench.one_day,
    "more": Bench.one_more_day,
    "size": Bench.size,
    "formats": Bench.formats,
}

__all__ = ["PARTS", "Bench", "Measured", "Target"]
