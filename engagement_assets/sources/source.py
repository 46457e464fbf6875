"""What a source declares: where its rows come from, how each is judged, what identifies it, what is told of those that stay.

Each source is one file (`customers.py`, `orders.py`, `web_events.py`, `contacts.py`) with one declaration, `SOURCE`. The steps
that its rows go through are files too, in this order: finding, inspecting, reading, shaping (what `sources.toml` says of
columns), validating, deduplicating, accounting, incremental (what is remembered of a reading); `ingestion.py` leads through
them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from engagement_assets.domain import verdicts
from engagement_assets.domain.contracts import Contract
from engagement_assets.transforms.conversions import Conversion


@dataclass(frozen=True)
class Field:
    """A column of a source, and how a row is judged by it.

    `convert` is given the column as it was read and what it is there (transforms.conversions.Kind; of JSON, a column with the
    kind of each value). It gives the value as text, null where it is missing, and in the contract's type, null where the text
    cannot be converted.
    """

    name: str
    convert: Conversion
    #: The verdict on a row that has no value; None: it may lack one.
    missing: str | None = None
    #: The day that the value falls on, likewise: of the one field that a row is dated by.
    day: Conversion | None = None
    #: A verdict by the text alone, null for a good one.
    by_text: Callable[[Column], Column] | None = None
    #: What stands for a missing value.
    default: str | None = None
    #: Another name of the column, which counts before its own where `sources.toml` says nothing of the source.
    rather: str | None = None

    def verdicts(self) -> list[Column]:
        """The verdicts on a row by this field, the first that is not null counts. The row has `<name>` and `<name>_text`."""
        text, value = F.col(f"{self.name}_text"), F.col(self.name)
        by_text = [] if self.by_text is None else [self.by_text(text)]
        missing = [] if self.missing is None else [F.when(text.isNull(), self.missing)]
        return [*missing, *by_text, F.when(text.isNotNull() & value.isNull(), verdicts.WRONG_TYPE)]


@dataclass(frozen=True)
class ObservationWindow:
    """Which dates a row may have: from `first_day` on, not after `today`; those after `last_day` wait for their day."""

    first_day: date
    last_day: date
    today: date

    def verdict(self, day: Column) -> Column:
        """OUTSIDE_WINDOW, WAITING, or null for a day in the window."""
        outside = (day < F.lit(self.first_day)) | (day > F.lit(self.today))
        return F.when(outside, verdicts.OUTSIDE_WINDOW).when(day > F.lit(self.last_day), verdicts.WAITING)


@dataclass(frozen=True)
class RowWarning:
    """Rows that are kept and told of: a check that warns.

    `rows` gives them, from the rows of some days (as in the contract) and the customers (customer_id, signup_date). With
    `label` the check's metadata counts them by the values of that column, under its name in the plural.
    """

    name: str
    description: str
    condition: str
    rows: Callable[[DataFrame, DataFrame], DataFrame]
    label: str | None = None


@dataclass(frozen=True)
class Source:
    """A source of rows.

    Facts have a `day`, and are the rows of that day in their table. Of a source with `as_of`, each day of the table is made from
    all rows: `as_of(kept rows, first day, last day)`.
    """

    contract: type[Contract]
    #: In the order in which they are judged.
    fields: tuple[Field, ...]
    #: What identifies a row; rows without the last of these columns are no repeats of each other.
    key: tuple[str, ...]
    #: What tells rows of the same key apart. It begins with the row's date: a later row never displaces an earlier one.
    contents: tuple[str, ...]
    #: The verdicts on a row whose values are right, by its date: the first that is not null counts. WAITING must be among them
    #: for facts, and all may speak of columns of the contract only: rows that wait are judged again by these.
    in_time: Callable[[ObservationWindow], tuple[Column, ...]] = lambda window: (window.verdict(F.col("as_of_date")),)
    warnings: tuple[RowWarning, ...] = ()
    #: Whether files repeat rows to correct them, as a full dump a day does: the later file counts, by the files' names.
    later_file_wins: bool = False
    as_of: Callable[[DataFrame, date, date], DataFrame] | None = None

    @property
    def name(self) -> str:
        """The source's name, which is that of its folder, too."""
        return self.contract.table().removeprefix("raw_")

    @property
    def dated_by(self) -> Field:
        """The field that a row is dated by."""
        return next(field for field in self.fields if field.day is not None)

    @property
    def columns(self) -> dict[str, bool]:
        """The columns that a file has or may have -> whether it must; others are reported and ignored."""
        columns = self.contract.columns().items()
        return {name: not column.nullable for name, column in columns if name != "as_of_date"}
