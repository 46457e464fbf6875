"""Customers who are to be left out of everything, as salted hashes: who they were cannot be read from the list.

Whoever has the list and a guess can try the guess, so the list lies in the lake with the owner's rights only. Beside it lies whom
an erasure is of that is not complete: what stops halfway still knows the addresses when it is done again.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection
from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from engagement_assets.domain import verdicts
from engagement_assets.lake.notes import Notes
from engagement_assets.lake.subject import Subject

_NOTE = "customers"

#: The customer in what is left of an object of JSON.
_NAMED = r"""[{,\s"']customer_id["']\s*:\s*["']?([^"',}]+)"""

#: What is noted of a subject beside the identifier.
_SETS = ("addresses", "shared", "longer")


@dataclass(frozen=True)
class Erasures:
    """The list of a lake."""

    salt: str
    hashes: Collection[str]

    def hash(self, customer_id: str) -> str:
        """What stands for a customer in the list."""
        return hashlib.sha256(f"{self.salt}{customer_id}".encode()).hexdigest()

    def left_out(self, examined: DataFrame) -> DataFrame:
        """Examined rows with those of erased customers marked ERASED, and their text dropped."""
        if not self.hashes:
            return examined
        # A rejected line may name them although it is no row.
        named = F.trim(F.regexp_extract("raw", _NAMED, 1))
        who = F.coalesce("customer_id", F.when(named != "", named))
        hashed = F.sha2(F.concat(F.lit(self.salt), who), 256)
        is_erased = F.coalesce(hashed.isin(*sorted(self.hashes)), F.lit(False))
        return examined.select(
            *[name for name in examined.columns if name not in ("verdict", "raw")],
            F.when(is_erased, verdicts.ERASED).otherwise(F.col("verdict")).alias("verdict"),
            F.when(~is_erased, F.col("raw")).alias("raw"),
        ).select(*examined.columns)


def read_erasures(notes: Notes) -> Erasures:
    """The list of a lake; an empty one if nobody was erased. One that is there and cannot be read is an error."""
    found = notes.read(_NOTE)
    if found is None:
        return Erasures(secrets.token_hex(16), ())
    return Erasures(found["salt"], tuple(found["customers"]))


def add_erasure(notes: Notes, customer_id: str) -> None:
    """Put a customer on the list."""
    known = read_erasures(notes)
    notes.write(_NOTE, {"salt": known.salt, "customers": sorted({*known.hashes, known.hash(customer_id)})})


def note_unfinished(notes: Notes, subject: Subject) -> None:
    """Note whom an erasure is of that has begun."""
    listed = {name: sorted(getattr(subject, name)) for name in _SETS}
    notes.write(unfinished_note(notes, subject.customer_id), {"customer_id": subject.customer_id, **listed})


def unfinished(notes: Notes, customer_id: str) -> Subject:
    """Whom an erasure was of that has begun and is not complete; without addresses if there is none."""
    try:
        found = notes.read(unfinished_note(notes, customer_id)) or {}
        return Subject(customer_id, **{name: frozenset(found.get(name, ())) for name in _SETS})
    except (OSError, ValueError, AttributeError):
        return Subject(customer_id)


def unfinished_note(notes: Notes, customer_id: str) -> str:
    """The name of the note on an erasure that has begun."""
    return f"unfinished-{read_erasures(notes).hash(customer_id)[:16]}"
