"""What is proposed for a folder: per source a mapping, of each guess how sure it is and why; and who is asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Protocol

from engagement_assets.sources.connect.found import Table

#: From which likeness on a guess is not asked about.
SURE = 0.8

#: Why most columns are what they are.
BY_BOTH = "name and values"


class Asking(Protocol):
    """Who answers where a guess is unsure."""

    def choose(self, question: str, options: Sequence[str], best: int) -> int:
        """The number of the option that is meant."""

    def rate(self, question: str) -> Decimal | None:
        """A number above zero; None where nobody knows."""


@dataclass(frozen=True)
class Guess:
    """What a column of the contract is made of, how that looks, how sure it is, and why."""

    text: str
    looks: str
    sure: float
    why: str


@dataclass
class Proposal:
    """What one source of sources.toml is to say."""

    source: str
    table: Table | None
    columns: dict[str, Guess] = field(default_factory=dict)
    #: Other keys of the mapping -> value; reasons by key.
    said: dict[str, Any] = field(default_factory=dict)
    why: dict[str, str] = field(default_factory=dict)

    def say(self, key: str, value: Any, why: str = "") -> None:
        """Set a key of the mapping, with the reason."""
        self.said[key] = value
        if why:
            self.why[key] = why

    @property
    def mapping(self) -> dict[str, Any]:
        """As `SourceMapping` has it."""
        columns = {name: guess.text for name, guess in self.columns.items()}
        return {**self.said, **({"columns": columns} if columns else {})}


@dataclass
class Connection:
    """What is proposed for a folder, and what is told beside it."""

    proposals: dict[str, Proposal] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
