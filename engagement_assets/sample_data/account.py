"""What a generated data set holds, counted while it is made: an account to hold the pipeline's own against."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class SourceAccount:
    """Where each row of one source belongs. `written` = kept + blank + duplicates + all of `rejected`.

    It holds for a pipeline whose first partition is the first day generated, that is brought up to the last day
    generated or later, with UTC as its time zone.
    """

    #: Rows, or lines, in the files.
    written: int
    #: Rows that are to be kept, odd but valid ones among them.
    kept: int
    #: Blank lines.
    blank: int
    #: Exact repeats of a row.
    duplicates: int
    #: Rows to be rejected, by reason.
    rejected: dict[str, int]
    #: Kept rows that are valid but unusual, by what is unusual about them; a row may be counted under several.
    odd: dict[str, int]

    @property
    def rejected_share(self) -> float:
        """Rejected rows among those written."""
        return sum(self.rejected.values()) / self.written if self.written else 0.0


@dataclass(frozen=True)
class GeneratedData:
    """A finished data set: its folder and what each source in it holds."""

    folder: Path
    #: By the name of the source: customers, orders, web_events.
    accounts: dict[str, SourceAccount]

    @property
    def customers(self) -> int:
        """Valid customers."""
        return self.accounts["customers"].kept

    @property
    def orders(self) -> int:
        """Valid orders."""
        return self.accounts["orders"].kept

    @property
    def events(self) -> int:
        """Valid web events."""
        return self.accounts["web_events"].kept


@dataclass
class Tally:
    """A SourceAccount that is still being counted."""

    kept: int = 0
    blank: int = 0
    duplicates: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    odd: Counter[str] = field(default_factory=Counter)

    def close(self, written: int) -> SourceAccount:
        """The finished account. Raises AssertionError if the rows in the files are not those that were counted."""
        counted = self.kept + self.blank + self.duplicates + self.rejected.total()
        if counted != written:
            raise AssertionError(f"{written} rows were written but {counted} were counted; the generator is wrong")
        return SourceAccount(
            written,
            self.kept,
            self.blank,
            self.duplicates,
            dict(sorted(self.rejected.items())),
            dict(sorted(self.odd.items())),
        )
