"""Reading the sources of one run: looked at, read, examined, settled, every row accounted for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from engagement_assets.assets import ingestion as ing
from engagement_assets.contracts import Contract, RawCustomers, RawOrders, RawWebEvents
from engagement_assets.partitions import today
from engagement_assets.resources.engine import EngineResource
from engagement_assets.resources.erasures import read_erasures
from engagement_assets.resources.inspection import Inspection
from engagement_assets.resources.sources import SourceChangedError, SourcesResource
from engagement_assets.resources.tables import LakeResource
from engagement_assets.settings import Settings, is_url
from engagement_assets.transforms import customers as customers_step
from engagement_assets.transforms import examination
from engagement_assets.transforms import orders as orders_step
from engagement_assets.transforms import web_events as web_events_step
from engagement_assets.transforms.examination import ObservationWindow

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
        notes = ing.read_notes(self.lake, source)
        before = dict(notes)
        inspection = self.sources.inspect(source, notes)
        if notes != before:
            ing.remember_notes(self.lake, source, notes)
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
        return ing.take_stock(inspection, settled, customers_step.CONTENTS)

    def known_customers(self) -> DataFrame:
        """customer_id and signup_date of every customer in the source, whenever they signed up."""
        settled = self.customers(self.inspect("customers")).settled
        return settled.filter(F.col("verdict") == examination.KEPT).select("customer_id", "signup_date")

    def orders(self, inspection: Inspection, customers: DataFrame, last_day: date) -> ing.Ingestion:
        """The orders source."""

        def examine(inspection: Inspection) -> Iterator[DataFrame]:
            for rows, kinds in self.sources.read_parquet(self.spark, inspection, self.scratch):
                yield orders_step.examine_orders(rows, kinds, window=self.window(last_day))

        examined, inspection = self._examined(inspection, RawOrders, examine)
        settled = ing.keep(orders_step.settle_orders(examined, customers), f"{self.scratch}/orders-settled", self.spark)
        return ing.take_stock(inspection, settled, orders_step.CONTENTS)

    def web_events(self, inspection: Inspection, customers: DataFrame, last_day: date) -> ing.Ingestion:
        """The web events source."""

        def examine(inspection: Inspection) -> Iterator[DataFrame]:
            lines = self.sources.read_lines(self.spark, inspection, self.scratch)
            if lines is not None:
                yield web_events_step.examine_web_events(lines, window=self.window(last_day))

        examined, inspection = self._examined(inspection, RawWebEvents, examine)
        settled = web_events_step.settle_web_events(examined, customers)
        settled = ing.keep(settled, f"{self.scratch}/web_events-settled", self.spark)
        return ing.take_stock(inspection, settled, web_events_step.CONTENTS)

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
            together = read_erasures(self.lake.location).left_out(ing.source_rows(frames, schema, spark))
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
    """A reader whose intermediate rows are removed at the end, whatever happens. They are for the owner's eyes only.

    Raises TableDamagedError in place of an engine's error about a published file.
    """
    scratch = lake.scratch(run_id)
    if not is_url(scratch):
        Path(scratch).mkdir(parents=True, mode=0o700)
    try:
        yield Reader(settings, sources, engine, lake, scratch)
    except Exception as error:
        lake.name_damage(error)
        raise
    finally:
        lake.remove(scratch)
