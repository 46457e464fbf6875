"""The way of a source's rows, from the files to a verdict on each that is accounted for: the steps in their order.

A run writes only the days that are missing, or whose rows changed. Where files were changed or taken away it examines the
source as a whole, and tells which days changed by a hash of each day's rows, compared with what is published; so a late or a
corrected file is noticed whatever its name or date. Where files only came, their rows are examined, and those that waited.
"""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from functools import partial, reduce

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from engagement_assets.domain import verdicts
from engagement_assets.domain.contracts import Contract, RejectedRows
from engagement_assets.domain.days import ONE_DAY, Days
from engagement_assets.domain.source_mapping import SourceMapping
from engagement_assets.engine import EngineResource
from engagement_assets.lake.code_versions import code_version, days_of
from engagement_assets.lake.locks import DISK_FULL
from engagement_assets.lake.notes import read_rows, write_rows
from engagement_assets.lake.tables import LakeResource
from engagement_assets.settings import Settings, today
from engagement_assets.sources import (
    accounting,
    deduplicating,
    first_seen,
    guard,
    incremental,
    inspecting,
    joining,
    order_lines,
    reading,
    validating,
)
from engagement_assets.sources.accounting import Account, DisplacedError, Reading
from engagement_assets.sources.finding import SourceChangedError, SourcesResource
from engagement_assets.sources.formats import ENDINGS
from engagement_assets.sources.guard import SourceMissingError
from engagement_assets.sources.incremental import Basis, LastRead, Published
from engagement_assets.sources.inspecting import Inspection
from engagement_assets.sources.reading import Rows
from engagement_assets.sources.registry import CUSTOMERS, SOURCES
from engagement_assets.sources.source import ObservationWindow, Source
from engagement_assets.transforms.conversions import with_year


class SourceReadError(RuntimeError):
    """The engine gave up reading a source, and no file is to blame; the message says what is known."""


@dataclass
class Ingestion:
    """Reads and examines the sources of one run; intermediate rows go to a folder that is removed at its end."""

    run_id: str
    settings: Settings
    sources: SourcesResource
    engine: EngineResource
    lake: LakeResource
    scratch: str

    @property
    def spark(self) -> SparkSession:
        """The run's session."""
        return self.engine.spark_session

    # ---- the steps ---------------------------------------------------------------------------------------------------

    def inspect(self, source: Source) -> Inspection:
        """Look at the files of a source; text files that did not change since they were last read are not read again.

        Raises SourceMissingError where less is found than was read before, or is published, and nobody said that it is meant.
        """
        inspection = self._inspect(source)
        if inspection.mapping is None:
            return inspection
        seen_in = []
        for seen in inspection.mapping.first_seen_in:
            mapping = self.sources.mapping(seen)
            assert mapping is not None
            asked = first_seen.with_customers(mapping, inspection.mapping)
            seen_in.append(self._with_joins(self._inspect(SOURCES[seen], asked)))
        return replace(self._with_joins(inspection), seen_in=tuple(seen_in))

    def _inspect(self, source: Source, asked: SourceMapping | None = None) -> Inspection:
        listing = guard.present(self.sources, self.lake, source)
        notes = incremental.read_notes(self.lake, source.name)
        known = dict(notes)
        inspection = inspecting.inspect(self.sources, source, notes, listing, self.scratch, asked)
        if notes != known:
            incremental.remember_notes(self.lake, source.name, notes)
        return inspection

    def _with_joins(self, inspection: Inspection) -> Inspection:
        """The inspection with those of its joins; raises SourceSchemaError where one cannot be read as a whole."""
        source, joined = inspection.source, {}
        for name, asked in joining.asked_of(inspection.mapping).items() if inspection.mapping else ():
            listing = self.sources.look_up_paths(asked.path, asked.format)
            joined[name] = inspecting.inspect(self.sources, source, None, listing, self.scratch, asked)
            joining.require_complete(source, name, joined[name])
        return replace(inspection, joined=joined)

    def _rows(self, inspection: Inspection) -> Iterator[Rows]:
        """The rows of the files, with the columns of their joins."""
        mapping, others = inspection.mapping or SourceMapping(), {}
        for name, each in inspection.joined.items():
            values = joining.values_of(reading.read(self.sources, self.spark, each, self.scratch), mapping, name)
            others[name] = self.keep(values, f"{inspection.source.name}-join-{name}")
        for rows in reading.read(self.sources, self.spark, inspection, self.scratch):
            yield joining.with_joined(rows, mapping, others)

    def whole(
        self,
        inspection: Inspection,
        last_day: date,
        customers: DataFrame | None = None,
        seen_before: DataFrame | None = None,
    ) -> Reading:
        """A source as a whole, its rows those of known `customers` only, if they are given.

        `seen_before` are customers of an earlier reading, in addition to those who are seen in the files (first_seen.seen).

        Raises SourceMissingError where a source that every day is made from has no file: a folder that was moved or not mounted
        must empty no table.

        Rows of one file that contradict each other need their positions, to which the source is read once more: where nothing
        contradicts, nothing is copied.
        """
        source = inspection.source
        if source.as_of is not None and not inspection.files:
            raise SourceMissingError(
                f"{source.name}: there is no file that ends in {ENDINGS} in {self.sources.place(source.name)}; "
                "put the files there, or name the folder above in ENGAGEMENT_DATA; of data whose files and columns have other "
                "names `engagement connect FOLDER` finds out what is what"
            )
        examined, readable = self._examined(inspection, last_day, seen_before)
        if source.name not in self.sources.accept_missing:
            before = incremental.last_read(self.lake, source.name)
            guard.require_readable(source, readable.unreadable, before.files if before else ())
        keep = partial(self.keep, folder=f"{source.name}-repeated")
        settled = deduplicating.deduplicate(examined, source, keep=keep)
        found = self._settled(readable, settled, customers, files=len(inspection.files))
        if found.account.rejected.get(verdicts.CONFLICT) and _has_order(inspection):
            return self.whole(replace(inspection, with_positions=True), last_day, customers, seen_before)
        if source.name not in self.sources.accept_missing:
            rows = [rows for day, rows in self.lake.partitions(source.contract).items() if day <= last_day.isoformat()]
            published = sum(rows) if source.as_of is None else (rows or [0])[-1]
            guard.require_rows(source, found.account.kept, published, self.settings.missing_share_limit)
        return found

    def more(self, inspection: Inspection, last_day: date, customers: DataFrame, before: LastRead) -> Reading:
        """The rows of a source that came since it was read last, and those that were set aside then.

        Raises DisplacedError where only the whole source tells what becomes of rows of one id: a late file repeats the id of a
        published row and comes first, or two rows contradict each other and their order matters.
        """
        source = inspection.source
        files = {name for name, state in inspection.states.items() if before.files.get(name) != state}
        fresh, examined_of = self._examined(inspection.only(files), last_day)
        aside = self._remembered_rows(source, before)
        waited, orphans = validating.judged_again(aside, source, self._window(last_day))
        incoming = fresh.unionByName(waited)
        published = self._published_with_keys_of(source, incoming)
        settled = deduplicating.deduplicate_more(incoming, orphans, published, source)
        readable = inspection.without(examined_of.unreadable)
        earlier = _account_without(before.account, aside)
        found = self._settled(readable, settled, customers, earlier, files=len(files))
        conflicts = [account.rejected.get(verdicts.CONFLICT, 0) for account in (earlier, found.account)]
        if source.later_file_wins and conflicts[0] < conflicts[1]:
            # Which file a published row is from is not known any more.
            raise DisplacedError
        return found

    def _examined(
        self, inspection: Inspection, last_day: date, seen_before: DataFrame | None = None
    ) -> tuple[DataFrame, Inspection]:
        """The examined rows, kept at hand, and the files they are from: less than were found, if some proved damaged.

        Raises SourceChangedError if a file was changed meanwhile, SourceReadError if reading fails for another reason.
        """
        source = inspection.source
        schema = validating.examined_schema(source.contract)
        spark = self.spark  # started here: an engine that cannot start says why itself
        try:
            values = self._values(inspection, seen_before)
            examined = (
                spark.createDataFrame([], schema)
                if values is None
                else validating.validate(values, source, self._window(last_day)).select(*schema.names)
            )
            rows = self.keep(self.lake.erasures.left_out(examined), source.name)
        except SourceChangedError:
            raise
        except Exception as error:
            damaged = inspecting.damaged_files(self.sources, inspection)
            for other in inspection.others:
                damaged |= inspecting.damaged_files(self.sources, other)
            if damaged:
                return self._examined(inspection.without(damaged), last_day, seen_before)
            # Not the engine's own message: it may quote a value of the row that it failed at.
            raise SourceReadError(f"{source.name}: the source could not be read ({_what(error)})") from None
        self.sources.require_unchanged(source.name, inspection.files)
        return rows, inspection

    def _values(self, inspection: Inspection, seen_before: DataFrame | None = None) -> DataFrame | None:
        """The rows of the files as `validating.typed` gives them; None where there is no file."""
        source, mapping = inspection.source, inspection.mapping
        frames = [validating.typed(rows, source, mapping) for rows in self._rows(inspection)]
        together = reduce(DataFrame.unionByName, frames) if frames else None
        if together is not None and mapping is not None and mapping.lines:
            return order_lines.sum_up(together, mapping)
        if not inspection.seen_in:
            return together
        seen = [
            self.keep(
                first_seen.seen(rows, each.source, each.mapping, today(self.settings)), f"{each.source.name}-seen-{n}"
            )
            for each in inspection.seen_in
            for n, rows in enumerate(self._rows(each))
            if each.mapping is not None
        ]
        seen += [] if seen_before is None else [seen_before]
        return first_seen.signed_up(together, seen, mapping) if seen and mapping is not None else together

    def _settled(
        self,
        inspection: Inspection,
        settled: DataFrame,
        customers: DataFrame | None,
        earlier: Account | None = None,
        *,
        files: int,
    ) -> Reading:
        source = inspection.source
        if customers is not None:
            settled = validating.require_customers(settled, customers)
        settled = self.keep(validating.with_late_raw(settled, source), f"{source.name}-settled")
        return accounting.take_stock(inspection, settled, earlier, files=files)

    def keep(self, frame: DataFrame, folder: str) -> DataFrame:
        """Write a frame aside and read it back, so that what follows does not compute it again."""
        schema = frame.schema
        write_rows(frame, f"{self.scratch}/{folder}")
        return read_rows(self.spark, f"{self.scratch}/{folder}", schema)

    def _window(self, last_day: date) -> ObservationWindow:
        return ObservationWindow(self.settings.start_date, last_day, today(self.settings))

    def _published_with_keys_of(self, source: Source, incoming: DataFrame) -> DataFrame | None:
        """Published rows whose key comes again among kept incoming ones, as examined; None where there are none."""
        key = list(source.key)
        asking = incoming.filter((F.col("verdict") == verdicts.KEPT) & F.col(key[-1]).isNotNull())
        days = list(self.lake.partitions(source.contract))
        if "as_of_date" in key:
            dated = {row["as_of_date"].isoformat() for row in asking.select("as_of_date").distinct().collect()}
            days = sorted(dated.intersection(days))
        if not days:
            return None
        published = self.lake.read(self.spark, source.contract, days)
        keys = asking.select(*key).distinct()
        if not published.select(*key).join(keys, on=key, how="left_semi").limit(1).count():
            return None
        schema = validating.examined_schema(source.contract)
        return (
            published.join(keys, on=key, how="left_semi")
            .select(
                *published.columns,
                *[
                    F.lit(None).cast(field.dataType).alias(field.name)
                    for field in schema.fields
                    if field.name not in published.columns
                ],
            )
            .withColumn("verdict", F.lit(verdicts.KEPT))
            .select(*schema.names)
        )

    # ---- what a run finds ----------------------------------------------------------------------------------------------

    def customers(self) -> Reading:
        """The customers as they were read last, if that would come to the same today; else as a whole."""
        inspection = self.inspect(CUSTOMERS)
        before = incremental.last_read(self.lake, CUSTOMERS.name)
        if (
            before is not None
            and not inspection.unreadable
            and before.basis == self._basis_of_customers(inspection, before.account)
            and before.published == self._published(CUSTOMERS)
        ):
            rows = self._remembered_rows(CUSTOMERS, before)
            return Reading(inspection, rows, before.account, is_same=True, lineage=before.customers)
        if before is not None and self._only_came(inspection, before):
            # Who was seen before signs up no later.
            known = first_seen.again(self._remembered_rows(CUSTOMERS, before))
            new = {name for name, state in inspection.states.items() if before.files.get(name) != state}
            return self.whole(inspection.only_seen(new), today(self.settings), seen_before=known)
        return self.whole(inspection, today(self.settings))

    def _only_came(self, inspection: Inspection, before: LastRead) -> bool:
        """Whether there are customers because they were seen, and files have come since they were, and nothing else is new."""
        return (
            not inspection.files_of_its_own
            and before.folder is not None
            and before.basis.code == code_version(self.settings, CUSTOMERS.contract)
            and before.files.items() <= inspection.states.items()
            and not any(seen.joined for seen in inspection.seen_in)
        )

    def facts(self, source: Source, customers: Reading, last_day: date, missing: Collection[date]) -> Reading:
        """A source of facts as it was read last, if that would come to the same and no day is missing.

        Else the rows that came since then, where they are all that matters, or the whole source.
        """
        inspection = self.inspect(source)
        basis = self._basis_of_facts(inspection, customers, last_day)
        before = incremental.last_read(self.lake, source.name)
        if before is not None and before.basis == basis and not missing:
            nothing = self.spark.createDataFrame([], validating.examined_schema(source.contract))
            return Reading(inspection, nothing, before.account, is_more=True, is_same=True)
        if (
            before is not None
            and before.basis.code == basis.code
            and before.published == self._published(source)
            and before.customers is not None
            and before.customers == customers.lineage
            and before.basis.until is not None
            and before.basis.until <= last_day
            and all(day > before.basis.until for day in missing)
            and before.files.items() <= inspection.states.items()
            and all(name in before.files for name in inspection.beside)
        ):
            try:
                return self.more(inspection, last_day, customers.who, before)
            except DisplacedError:
                pass
        return self.whole(inspection, last_day, customers.who)

    def changed_days(self, found: Reading, days: Collection[date]) -> set[date]:
        """Published days whose rows are no longer what the whole source says."""
        if not days:
            return set()
        source = found.inspection.source
        rows = self.lake.read(self.spark, source.contract, [day.isoformat() for day in days])
        _, published = accounting.count(rows.withColumn("verdict", F.lit(verdicts.KEPT)), source.contents)
        # The customers of a day are those of the day before and the new ones.
        expected = found.hashes if source.as_of is None else accounting.accumulated(found.hashes, days)
        return {day for day in days if published.get(day) != expected.get(day)}

    def days_cut_anew(self, found: Reading, days: Collection[date]) -> set[date]:
        """Published days of the customers whose rows another time zone than that of the last reading makes others."""
        before = incremental.last_read(self.lake, CUSTOMERS.name)
        now = code_version(self.settings, CUSTOMERS.contract)
        if found.is_same or before is None or days_of(before.basis.code) == days_of(now):
            return set()
        return self.changed_days(found, days)

    def rows_of(self, found: Reading, days: Sequence[date]) -> DataFrame:
        """All rows of some days of facts as they are to be published, with the contract's columns."""
        contract = found.inspection.source.contract
        chosen = found.kept.filter(F.col("as_of_date").between(F.lit(days[0]), F.lit(days[-1])))
        if days[-1] - days[0] != (len(days) - 1) * ONE_DAY:
            chosen = chosen.filter(F.col("as_of_date").isin(*days))
        chosen = chosen.select(*contract.columns())
        there = (
            {day.isoformat() for day in days}.intersection(self.lake.partitions(contract)) if found.is_more else None
        )
        return chosen.unionByName(self.lake.read(self.spark, contract, there)) if there else chosen

    # ---- what is kept of it --------------------------------------------------------------------------------------------

    def publish_rejected(self, found: Reading) -> None:
        """Replace the source's rejected rows: a row that was mended at its source leaves the table by itself."""
        source, unreadable = found.inspection.source.name, found.inspection.unreadable
        rejected = found.settled.filter(~F.col("verdict").isin(*verdicts.NOT_REJECTED)).select(
            F.lit(source).alias("source"),
            "source_path",
            F.col("verdict").alias("reason"),
            F.coalesce(F.col("raw"), F.lit("")).alias("raw"),
            with_year(F.col("as_of_date")).alias("row_date"),
        )
        if found.is_more:
            # Those that were set aside (validating.set_aside) are among the settled rows, or rejected no more.
            in_the_future = (F.col("reason") == verdicts.OUTSIDE_WINDOW) & (
                F.col("row_date") >= F.lit(self.settings.start_date)
            )
            again = F.col("reason").isin(verdicts.UNREADABLE_FILE, verdicts.UNKNOWN_CUSTOMER) | in_the_future
            for_good = self.lake.read(self.spark, RejectedRows, [source]).filter(~F.coalesce(again, F.lit(False)))
            rejected = rejected.unionByName(for_good.select(*rejected.columns))
        if unreadable:
            rows = [(source, name, verdicts.UNREADABLE_FILE, why, None) for name, why in unreadable.items()]
            rejected = rejected.unionByName(self.spark.createDataFrame(rows, RejectedRows.struct()))
        staged = self.lake.stage(rejected, RejectedRows, partitions=[source], run_id=self.run_id)
        self.lake.commit(staged, run_id=self.run_id)

    def remember_customers(self, found: Reading) -> None:
        """Have the steps and runs that follow read the customers from here, while the source stays as it is."""
        if found.inspection.unreadable:
            return
        before = incremental.last_read(self.lake, CUSTOMERS.name)
        lineage = uuid.uuid4().hex
        if before is not None and before.customers:
            earlier = self._remembered_rows(CUSTOMERS, before)
            if not earlier.join(found.kept, on="customer_id", how="left_anti").limit(1).count():
                lineage = before.customers
        basis = self._basis_of_customers(found.inspection, found.account)
        self._remember(found, basis, lineage, found.kept)

    def remember_facts(self, found: Reading, customers: Reading, last_day: date) -> None:
        """Have the next run examine no more than what comes, and the rows that are set aside now."""
        aside = None
        may_change = {verdicts.UNKNOWN_CUSTOMER, verdicts.OUTSIDE_WINDOW}
        if found.account.waiting or may_change.intersection(found.account.rejected):
            aside = validating.set_aside(found.settled, today(self.settings))
        basis = self._basis_of_facts(found.inspection, customers, last_day)
        self._remember(found, basis, customers.lineage, aside)

    def _remember(self, found: Reading, basis: Basis, customers: str | None, rows: DataFrame | None) -> None:
        source = found.inspection.source
        read = LastRead(basis, found.account, found.inspection.states, self._published(source), customers)
        incremental.remember(self.lake, source.name, read, rows)

    def _basis_of_customers(self, inspection: Inspection, account: Account) -> Basis:
        """What the kept customers depend on: also on the clock, where some sign up in its future."""
        until = today(self.settings) if verdicts.OUTSIDE_WINDOW in account.rejected else None
        return Basis(inspection.hash, code_version(self.settings, CUSTOMERS.contract), until=until)

    def _basis_of_facts(self, inspection: Inspection, customers: Reading, last_day: date) -> Basis:
        code = code_version(self.settings, inspection.source.contract)
        return Basis(inspection.hash, code, customers.inspection.hash, last_day)

    def _remembered_rows(self, source: Source, before: LastRead) -> DataFrame:
        schema = validating.examined_schema(source.contract)
        return incremental.remembered_rows(self.lake, self.spark, before, schema)

    def _published(self, source: Source) -> Published:
        rejected = self.lake.fingerprint(RejectedRows, source.name)
        return Published(rejected, self.lake.fingerprint(source.contract) if source.as_of is None else "")


def _has_order(inspection: Inspection) -> bool:
    """Whether a later row of a file takes the place of an earlier one, and their positions were not asked for yet."""
    lines = inspection.mapping is not None and inspection.mapping.lines
    return inspection.source.later_file_wins and not lines and not inspection.with_positions


def _account_without(account: Account, aside: DataFrame) -> Account:
    """An account without the rows that were set aside, and without files that could not be read."""
    counts = {row["verdict"]: row["count"] for row in aside.groupBy("verdict").count().collect()}
    rejected = {
        reason: rows - counts.get(reason, 0)
        for reason, rows in account.rejected.items()
        if reason != verdicts.UNREADABLE_FILE and rows != counts.get(reason, 0)
    }
    return replace(account, waiting=account.waiting - counts.get(verdicts.WAITING, 0), rejected=rejected)


def _what(error: Exception) -> str:
    condition = getattr(error, "getCondition", lambda: None)()
    if DISK_FULL in str(error):
        condition = DISK_FULL
    return ", ".join(str(part) for part in (type(error).__name__, condition) if part)


@contextmanager
def ingestion(
    run_id: str, settings: Settings, sources: SourcesResource, engine: EngineResource, lake: LakeResource
) -> Iterator[Ingestion]:
    """The ingestion of a run; its intermediate rows are removed at the end, whatever happens.

    Raises TableDamagedError in place of an engine's error about a published file.
    """
    with lake.scratch(run_id) as scratch:
        try:
            yield Ingestion(run_id, settings, sources, engine, lake, scratch)
        except Exception as error:
            lake.name_damage(error)
            raise


def source_changes(
    settings: Settings,
    lake: LakeResource,
    leave_out: Mapping[type[Contract], Days],
    who: str,
    accept_missing: Collection[str] = (),
) -> dict[type[Contract], list[str]]:
    """Published days of the source tables whose rows are no longer what the source says; `leave_out` is not read."""
    published = {
        source: sorted(
            map(date.fromisoformat, set(lake.partitions(source.contract)) - set(leave_out.get(source.contract, ())))
        )
        for source in SOURCES.values()
    }
    if not any(published.values()):
        return {}
    engine = EngineResource(engine=settings.engine, timezone=settings.timezone)
    changed = {}
    sources = SourcesResource.of(settings, accept_missing)
    with engine, ingestion(who, settings, sources, engine, lake) as run:
        customers = run.whole(run.inspect(CUSTOMERS), today(settings))
        for source, days in published.items():
            if days:
                found = customers if source is CUSTOMERS else run.whole(run.inspect(source), days[-1], customers.who)
                changed[source.contract] = sorted(day.isoformat() for day in run.changed_days(found, days))
    return {contract: days for contract, days in changed.items() if days}


def trial(settings: Settings) -> dict[str, Reading]:
    """Each source as a run would read it today, from the first day there is; nothing is kept, and no table is touched.

    Of the readings the accounts, hashes and inspections can be used, not the rows.
    """
    found = {}
    with tempfile.TemporaryDirectory(prefix="engagement-trial-") as folder:
        alone = settings.model_copy(update={"lake": folder, "start_date": date(1970, 1, 1)})
        lake, sources = LakeResource.of(alone), SourcesResource.of(alone)
        engine = EngineResource(engine=alone.engine, timezone=alone.timezone)
        with engine, ingestion("trial", alone, sources, engine, lake) as run:
            customers = run.whole(run.inspect(CUSTOMERS), today(alone))
            for source in map(SOURCES.__getitem__, alone.sources_there):
                is_first = source is CUSTOMERS
                found[source.name] = (
                    customers if is_first else run.whole(run.inspect(source), today(alone), customers.who)
                )
    return found
