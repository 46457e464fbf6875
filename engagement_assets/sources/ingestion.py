"""Reading the sources of one run: looked at, read, examined, settled, every row accounted for."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from functools import partial

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from engagement_assets.domain.contracts import Contract, RawCustomers, RejectedRows
from engagement_assets.engine import EngineResource
from engagement_assets.lake.code_versions import code_version
from engagement_assets.lake.tables import LakeResource
from engagement_assets.settings import Settings, today
from engagement_assets.sources import accounting as ing
from engagement_assets.sources import customers as customers_step
from engagement_assets.sources import validating as examination
from engagement_assets.sources.finding import SourceChangedError, SourcesResource
from engagement_assets.sources.incremental import (
    LastRead,
    last_read,
    read_notes,
    remember,
    remember_notes,
    remembered_rows,
)
from engagement_assets.sources.inspecting import Inspection
from engagement_assets.sources.registry import Facts
from engagement_assets.sources.validating import ObservationWindow

_DISK_FULL = "No space left on device"


class SourceMissingError(LookupError):
    """The customers source has no file; the message says where it was looked for."""


class SourceReadError(RuntimeError):
    """The engine gave up reading a source, and no file is to blame; the message says what is known."""


@dataclass
class Reader:
    """Reads and examines the sources of one run; intermediate rows go to a folder that is removed at its end."""

    settings: Settings
    sources: SourcesResource
    engine: EngineResource
    lake: LakeResource
    scratch: str

    @property
    def spark(self) -> SparkSession:
        """The run's session."""
        return self.engine.spark_session

    def inspect(self, source: str) -> Inspection:
        """Look at the files of a source; text files that did not change since they were last read are not read again."""
        notes = read_notes(self.lake, source)
        before = dict(notes)
        inspection = self.sources.inspect(source, notes)
        if notes != before:
            remember_notes(self.lake, source, notes)
        return inspection

    def window(self, last_day: date) -> ObservationWindow:
        """The dates a row may have."""
        return ObservationWindow(self.settings.start_date, last_day, today(self.settings))

    def customers(self, inspection: Inspection) -> ing.Ingestion:
        """The customers source, one row per customer among the kept.

        Raises SourceMissingError where there is no file: a folder that was moved or not mounted must empty no table.
        """
        if not inspection.files:
            raise SourceMissingError(
                f"customers: there is no Parquet file in {self.sources.location}/customers; "
                "put the files there, or name the folder above in ENGAGEMENT_DATA"
            )

        def examine(inspection: Inspection) -> Iterator[DataFrame]:
            for rows, kinds in self.sources.read_parquet(self.spark, inspection, self.scratch):
                yield customers_step.examine_customers(rows, kinds, today=today(self.settings))

        examined, inspection = self._examined(inspection, RawCustomers, examine)
        settled = ing.keep(customers_step.settle_customers(examined), f"{self.scratch}/customers-settled", self.spark)
        return ing.take_stock(inspection, settled, customers_step.CONTENTS, files=len(inspection.files))

    def known_customers(self) -> tuple[DataFrame, str | None]:
        """customer_id and signup_date of every customer in the source, whenever they signed up.

        And what stays the same while customers are only added; None where that is not known.
        """
        inspection = self.inspect("customers")
        remembered = self.remembered_customers(inspection)
        settled = remembered[1] if remembered else self.customers(inspection).settled
        known = settled.filter(F.col("verdict") == examination.KEPT).select("customer_id", "signup_date")
        return known, remembered[0].customers if remembered else None

    def remembered_customers(self, inspection: Inspection) -> tuple[LastRead, DataFrame] | None:
        """How the customers were read last, and those that were kept, if that would come to the same today."""
        before = last_read(self.lake, "customers")
        if (
            before is None
            or inspection.unreadable
            or before.signature != self.customers_signature(inspection, before.account)
            or before.published != self.lake.fingerprint(RejectedRows, "customers")
        ):
            return None
        return before, remembered_rows(self.lake, self.spark, before, ing.examined_schema(RawCustomers))

    def customers_signature(self, inspection: Inspection, account: ing.Account) -> str:
        """Changes with what the kept customers depend on: with the clock, where some sign up in its future."""
        clock = today(self.settings).isoformat() if examination.OUTSIDE_WINDOW in account.rejected else ""
        return f"{inspection.signature}:{code_version(self.settings)}:{clock}"

    def remember_customers(self, found: ing.Ingestion) -> None:
        """Have the steps and runs that follow read the customers from here, while the source stays as it is."""
        if found.inspection.unreadable:
            return
        before = last_read(self.lake, "customers")
        kept = found.settled.filter(F.col("verdict") == examination.KEPT)
        only_added = False
        if before is not None:
            earlier = remembered_rows(self.lake, self.spark, before, ing.examined_schema(RawCustomers))
            only_added = not earlier.join(kept, on="customer_id", how="left_anti").limit(1).count()
        read = LastRead(
            self.customers_signature(found.inspection, found.account),
            last_day="",
            account=found.account,
            published=self.lake.fingerprint(RejectedRows, "customers"),
            customers=before.customers if before and only_added else uuid.uuid4().hex,
        )
        remember(self.lake, "customers", read, kept)

    def published(self, source: Facts) -> str:
        """Changes with the published rows of a source, and with its rejected ones."""
        return f"{self.lake.fingerprint(source.contract)}:{self.lake.fingerprint(RejectedRows, source.name)}"

    def facts(self, source: Facts, inspection: Inspection, customers: DataFrame, last_day: date) -> ing.Ingestion:
        """A source of facts as a whole."""
        files = len(inspection.files)
        examined, inspection = self._examined(inspection, source.contract, partial(self._judge, source, last_day))
        keep = partial(ing.keep, folder=f"{self.scratch}/{source.name}-repeated", spark=self.spark)
        settled = examination.settle_repeats(examined, key=source.key, contents=source.contents, keep=keep)
        settled = source.require_customers(settled, customers)
        settled = ing.keep(settled, f"{self.scratch}/{source.name}-settled", self.spark)
        return ing.take_stock(inspection, settled, source.contents, files=files)

    def more_facts(
        self, source: Facts, inspection: Inspection, customers: DataFrame, last_day: date, before: LastRead
    ) -> ing.Ingestion:
        """The rows of a source that came since it was read last, and those that were set aside then.

        Raises DisplacedError where a published row would not be kept any more: a late file repeats its id, and its row comes
        first.
        """
        files = {name for name, version in inspection.versions.items() if before.files.get(name) != version}
        fresh, examined_of = self._examined(
            inspection.only(files), source.contract, partial(self._judge, source, last_day)
        )
        inspection = inspection.without(examined_of.unreadable)
        aside, base = self._set_aside_before(source, before)
        unknown = F.col("verdict") == examination.UNKNOWN_CUSTOMER
        waited = examination.judged_again(aside.filter(~unknown), source.judge_in_time(self.window(last_day)))
        orphans = examination.judged_again(aside.filter(unknown), F.lit(examination.KEPT))
        incoming = fresh.unionByName(waited)
        standing = orphans.withColumn("is_published", F.lit(False))
        repeated = self._published_with_ids_of(source, incoming)
        if repeated is not None:
            standing = standing.unionByName(repeated.withColumn("is_published", F.lit(True)))
        settled = examination.settle_more(incoming, standing, key=source.key, contents=source.contents)
        settled = source.require_customers(settled, customers)
        settled = ing.keep(settled, f"{self.scratch}/{source.name}-settled", self.spark)
        return ing.take_stock(inspection, settled, source.contents, base, files=len(files))

    def remember_facts(self, source: Facts, read: LastRead, found: ing.Ingestion) -> None:
        """Have the next run examine no more than what comes, and the rows that are set aside now."""
        account = found.account
        aside = None
        if account.waiting or {examination.UNKNOWN_CUSTOMER, examination.OUTSIDE_WINDOW} & set(account.rejected):
            aside = examination.set_aside(found.settled, today(self.settings))
        remember(self.lake, source.name, read, aside)

    def _judge(self, source: Facts, last_day: date, inspection: Inspection) -> Iterator[DataFrame]:
        return source.examine(self.sources, self.spark, inspection, self.scratch, self.window(last_day))

    def _set_aside_before(self, source: Facts, before: LastRead) -> tuple[DataFrame, ing.Account]:
        """The rows that were set aside at the last reading, and its account without them."""
        schema = ing.examined_schema(source.contract)
        rows = remembered_rows(self.lake, self.spark, before, schema)
        counts = {row["verdict"]: row["count"] for row in rows.groupBy("verdict").count().collect()}
        rejected = {
            reason: count - counts.get(reason, 0)
            for reason, count in before.account.rejected.items()
            if reason != examination.UNREADABLE_FILE
        }
        waiting = before.account.waiting - counts.get(examination.WAITING, 0)
        return rows, replace(before.account, waiting=waiting, rejected={r: n for r, n in rejected.items() if n})

    def _published_with_ids_of(self, source: Facts, incoming: DataFrame) -> DataFrame | None:
        """Published rows whose id comes again among kept incoming ones, as examined; None where there are none."""
        asking = incoming.filter(F.col("verdict") == examination.KEPT).filter(F.col(source.key[-1]).isNotNull())
        days = list(self.lake.partitions(source.contract))
        if "as_of_date" in source.key:
            dated = {row["as_of_date"].isoformat() for row in asking.select("as_of_date").distinct().collect()}
            days = sorted(dated.intersection(days))
        if not days:
            return None
        published = self.lake.read(self.spark, source.contract, days)
        ids = asking.select(*source.key).distinct()
        if not published.select(*source.key).join(ids, on=list(source.key), how="left_semi").limit(1).count():
            return None
        schema = ing.examined_schema(source.contract)
        return (
            published.join(ids, on=list(source.key), how="left_semi")
            .select(
                *published.columns,
                *[F.lit(None).cast("string").alias(name) for name in schema.names if name not in published.columns],
            )
            .withColumn("verdict", F.lit(examination.KEPT))
            .select(*schema.names)
        )

    def _examined(
        self,
        inspection: Inspection,
        contract: type[Contract],
        examine: Callable[[Inspection], Iterator[DataFrame]],
    ) -> tuple[DataFrame, Inspection]:
        """The examined rows, kept at hand, and the files they are from: less than were found, if some proved damaged.

        Raises SourceChangedError if a file was changed meanwhile, SourceReadError if reading fails for another reason.
        """
        schema = ing.examined_schema(contract)
        spark = self.spark  # started here: an engine that cannot start says why itself
        try:
            frames = [frame.select(*schema.names) for frame in examine(inspection)]
            together = self.lake.erasures.left_out(ing.source_rows(frames, schema, spark))
            rows = ing.keep(together, f"{self.scratch}/{inspection.source}", spark)
        except SourceChangedError:
            raise
        except Exception as error:
            damaged = self.sources.damaged(inspection)
            if damaged:
                return self._examined(inspection.without(damaged), contract, examine)
            # Not the engine's own message: it may quote a value of the row that it failed at.
            raise SourceReadError(f"{inspection.source}: the source could not be read ({_what(error)})") from None
        self.sources.require_unchanged(inspection)
        return rows, inspection


def _what(error: Exception) -> str:
    condition = getattr(error, "getCondition", lambda: None)()
    if _DISK_FULL in str(error):
        condition = _DISK_FULL
    return ", ".join(str(part) for part in (type(error).__name__, condition) if part)


@contextmanager
def reading(
    run_id: str,
    settings: Settings,
    sources: SourcesResource,
    engine: EngineResource,
    lake: LakeResource,
) -> Iterator[Reader]:
    """A reader whose intermediate rows are removed at the end, whatever happens.

    Raises TableDamagedError in place of an engine's error about a published file.
    """
    with lake.scratch(run_id) as scratch:
        try:
            yield Reader(settings, sources, engine, lake, scratch)
        except Exception as error:
            lake.name_damage(error)
            raise
