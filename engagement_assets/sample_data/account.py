"""What a generated data set holds, counted while it is made: an account to hold the pipeline's own against."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Tally:
    """Where each row of one source belongs. `written` = kept + blank + duplicates + superseded + all of `rejected`.

    It holds for a pipeline whose first partition is the first day generated, that is brought up to the last day
    generated or later, with UTC as its time zone.
    """

    #: Rows, or lines, in the files.
    written: int = 0
    #: Rows that are to be kept, odd but valid ones among them.
    kept: int = 0
    #: Blank lines.
    blank: int = 0
    #: Exact repeats of a row.
    duplicates: int = 0
    #: Rows of which a later row says something else.
    superseded: int = 0
    #: Rows to be rejected, by reason.
    rejected: Counter[str] = field(default_factory=Counter)
    #: Kept rows that are valid but unusual, by what is unusual about them; a row may be counted under several.
    odd: Counter[str] = field(default_factory=Counter)

    def add_faults(self, reason: str, rows: int) -> None:
        """Count rows that are not kept."""
        match reason:
            case "duplicate":
                self.duplicates += rows
            case "superseded":
                self.superseded += rows
            case "blank":
                self.blank += rows
            case _:
                self.rejected[reason] += rows

    def close(self, written: int) -> None:
        """Compare with the rows in the files. Raises AssertionError if they are not those that were counted."""
        self.written = written
        counted = self.kept + self.blank + self.duplicates + self.superseded + self.rejected.total()
        if counted != written:
            raise AssertionError(f"{written} rows were written but {counted} were counted; the generator is wrong")
