"""Erasing a customer: from the lake and the exports; then searching every file for them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from engagement_assets.exports import erasing as exports
from engagement_assets.lake import erasing
from engagement_assets.lake.erasures import unfinished_note
from engagement_assets.lake.stores import file_system
from engagement_assets.lake.subject import SPACE
from engagement_assets.lake.tables import LakeResource, Tell
from engagement_assets.operations.dagster_home import existing_home
from engagement_assets.operations.erasure_search import Found, Search
from engagement_assets.settings import Settings


@dataclass
class Erased:
    """What was erased, and what a search found afterwards."""

    #: Table -> rows dropped; the exported files by their names.
    rows: dict[str, int] = field(default_factory=dict)
    #: Files that were deleted because they held earlier versions or leftovers.
    files: int = 0
    found: Found = field(default_factory=Found)


class UnknownCustomerError(LookupError):
    """Nobody of that name is in the tables, in rejected rows, in exported files or in the sources; nothing was changed."""


def forget(settings: Settings, lake: LakeResource, customer_id: str, tell: Tell | None = None) -> Erased:
    """Erase a customer. Waits for a run that is writing; what stops halfway can be done again.

    Raises UnknownCustomerError if there is nothing to erase, and nothing to keep out.
    """
    name = customer_id.strip(SPACE)
    if customers := erasing.whose_address(lake, name):
        raise UnknownCustomerError(
            f"no customer '{name}': this is an e-mail address, of {', '.join(customers)}. Nothing was changed; "
            "name customers by their identifier"
        )
    files, path = file_system(lake.location)
    with lake.writing("forget", tell) if files.exists(path) else nullcontext():
        subject = erasing.subject_of(lake, name)
        if not (
            erasing.is_stored(lake, subject)
            or exports.rows_of(settings, name)
            or Search(settings, lake, subject).is_in_sources()
        ):
            raise UnknownCustomerError(
                f"no customer '{name}': no table, rejected row, exported file or source names them. Nothing was changed"
            )
        with lake.writing("forget", tell):
            erased = erasing.erase(lake, subject)
        rows = {**erased.rows, **exports.drop_rows(settings, name)}
        copies = exports.remove_copies(settings, name)
    home = existing_home()
    not_compacted = list(_compact(home)) if home else []
    found = Search(settings, lake, subject).everywhere(home)
    found.unsure += not_compacted
    if not found.left:
        lake.erasure_notes.remove(unfinished_note(lake.erasure_notes, name))
    return Erased(rows, erased.files + copies, found)


def _compact(home: Path) -> Iterator[str]:
    """Take what was deleted from Dagster's databases out of their files, too; yields what hinders it."""
    for place in sorted(home.rglob("*.db")):
        try:
            with closing(sqlite3.connect(place, timeout=2)) as database:
                database.execute("VACUUM")
                (is_busy, *_) = database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        except sqlite3.Error as error:
            yield f"{place} could not be compacted ({error}): what was deleted in it may still be in the file"
            continue
        if is_busy:
            yield f"{place} is in use: what was deleted in it may still be in the file; stop Dagster and repeat"
