"""Erasing a customer: from the lake and the exports; then searching every file for them."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from engagement_assets.exports.csv_files import spreadsheet_safe
from engagement_assets.exports.power_bi.project import CACHE
from engagement_assets.lake.erasing import Subject, erase
from engagement_assets.lake.stores import file_system, replacing
from engagement_assets.lake.tables import LakeResource, Tell
from engagement_assets.operations.dagster_home import existing_home
from engagement_assets.settings import Settings, is_url, local_path


@dataclass
class Erased:
    """What was erased, and what a search found afterwards."""

    #: Table -> rows dropped; the exported files by their names.
    rows: dict[str, int] = field(default_factory=dict)
    #: Files that were deleted because they held earlier versions or leftovers.
    files: int = 0
    #: Files that were searched, and those in which the customer is still found.
    searched: int = 0
    found: list[str] = field(default_factory=list)


def forget(settings: Settings, lake: LakeResource, customer_id: str, tell: Tell | None = None) -> Erased:
    """Erase a customer. Waits for a run that is writing; what stops halfway can be done again."""
    erased = erase(lake, customer_id, tell)
    done = Erased(
        {**erased.rows, **_drop_from_exports(settings, erased.subject)}, erased.files + _drop_caches(settings)
    )
    for name, is_found in search(settings, lake, erased.subject):
        done.searched += 1
        if is_found:
            done.found.append(name)
    return done


# ---- exports ---------------------------------------------------------------------------------------------------------


def _drop_from_exports(settings: Settings, subject: Subject) -> dict[str, int]:
    """Drop the customer's rows from the CSV and JSON Lines files in the export folder; returns how many of which file."""
    dropped = {}
    for place in _exported(settings, "*.csv"):
        if not _is_in_csv(place, subject):
            continue
        rows = 0
        with (
            replacing(place) as draft,
            place.open(newline="", encoding="utf-8") as old,
            draft.open("w", newline="", encoding="utf-8") as new,
        ):
            writer = csv.writer(new, lineterminator="\n")
            for row in csv.reader(old):
                if _is_in_row(row, subject):
                    rows += 1
                else:
                    writer.writerow(row)
        dropped[place.name] = rows
    for place in _exported(settings, "*.jsonl"):
        lines = place.read_text(encoding="utf-8").splitlines(keepends=True)
        kept = [line for line in lines if not subject.is_in_text(line)]
        if len(kept) < len(lines):
            with replacing(place) as draft:
                draft.write_text("".join(kept), encoding="utf-8")
            dropped[place.name] = len(lines) - len(kept)
    return dropped


def _drop_caches(settings: Settings) -> int:
    """Delete the rows that Power BI Desktop has kept beside the project: it imports them again. Returns how many files."""
    caches = _exported(settings, CACHE.name)
    for place in caches:
        place.unlink()
    return len(caches)


def _exported(settings: Settings, pattern: str) -> list[Path]:
    return [] if is_url(settings.export) else sorted(local_path(settings.export).rglob(pattern))


def _is_in_csv(place: Path, subject: Subject) -> bool:
    with place.open(newline="", encoding="utf-8") as stream:
        return any(_is_in_row(row, subject) for row in csv.reader(stream))


def _is_in_row(row: Sequence[str], subject: Subject) -> bool:
    names = {subject.customer_id, spreadsheet_safe(subject.customer_id), *subject.emails}
    return any(cell in names for cell in row)


# ---- the proof -------------------------------------------------------------------------------------------------------


def search(settings: Settings, lake: LakeResource, subject: Subject) -> Iterator[tuple[str, bool]]:
    """Every file of the lake, the export folder and the Dagster home, and whether the customer is found in it.

    CSV files are compared cell by cell; the others as the lake compares its own.
    """
    home = existing_home()
    places = [lake.location, settings.export if is_url(settings.export) else str(local_path(settings.export))]
    for place in places if home is None else [*places, str(home)]:
        files, path = file_system(place)
        for name in files.find(path) if files.exists(path) else []:
            if name.endswith(".csv") and not is_url(place):
                yield name, _is_in_csv(Path(name), subject)
            else:
                yield name, subject.is_in_file(files, name)
