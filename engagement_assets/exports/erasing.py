"""Taking a customer out of the files that the product wrote into the export folder; nothing else there is touched."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

from engagement_assets.analysis.backtest.sensitivity import RANGE_COLUMNS, RANGES_FILE
from engagement_assets.exports import audience_files
from engagement_assets.exports.csv_files import spreadsheet_safe
from engagement_assets.exports.power_bi.project import CACHE, project_folder
from engagement_assets.exports.star_schema import export_files
from engagement_assets.lake.stores import replacing
from engagement_assets.settings import Settings, is_url, local_path

#: What `replacing` leaves where its process was killed.
_DRAFT = re.compile(r"\.(.+)\.[0-9a-f]{8}\.tmp")


def written_files(settings: Settings) -> list[Path]:
    """The CSV and JSON Lines files in the export folder that the product wrote: by their place, their name and their columns."""
    if is_url(settings.export):
        return []
    folder = local_path(settings.export)
    return [
        place
        for place in sorted((*folder.glob("*.csv"), *(folder / audience_files.FOLDER).glob("*.*")))
        if place.is_file() and _columns(place) in _written_columns(settings, place)
    ]


def rows_of(settings: Settings, customer_id: str) -> dict[Path, int]:
    """The files that the product wrote and that have rows of a customer, and how many."""
    counted = {
        place: sum(customer == _name_in(place, customer_id) for _, customer in _records(place))
        for place in written_files(settings)
    }
    return {place: rows for place, rows in counted.items() if rows}


def drop_rows(settings: Settings, customer_id: str) -> dict[str, int]:
    """Drop a customer's rows from these files, in which others keep their bytes; returns how many of which file."""
    counted = rows_of(settings, customer_id)
    for place in counted:
        with replacing(place) as draft, draft.open("wb") as stream:
            kept = (text for text, customer in _records(place) if customer != _name_in(place, customer_id))
            stream.writelines(text.encode("utf-8", "surrogateescape") for text in kept)
    return {place.name: rows for place, rows in counted.items()}


def _name_in(place: Path, customer_id: str) -> str:
    return customer_id if place.suffix == ".jsonl" else spreadsheet_safe(customer_id)


def remove_copies(settings: Settings) -> int:
    """Delete what killed exports left and the rows that Power BI Desktop keeps: it imports them again. Returns how many files."""
    if is_url(settings.export):
        return 0
    folder = local_path(settings.export)
    drafts = [
        place
        for place in (*folder.glob(".*.tmp"), *(folder / audience_files.FOLDER).glob(".*.tmp"))
        if (found := _DRAFT.fullmatch(place.name)) and _written_columns(settings, place.with_name(found[1]))
    ]
    cache = project_folder(settings) / CACHE
    copies = [*drafts, cache] if cache.is_file() else drafts
    for place in copies:
        place.unlink()
    return len(copies)


def _written_columns(settings: Settings, place: Path) -> list[list[str]]:
    """The columns that a file of the product has at a place: as this version writes it, or as the dictionary beside it says."""
    if place.parent.name == audience_files.FOLDER:
        return [list(audience_files.COLUMNS)] if place.suffix in (".csv", ".jsonl") else []
    if place.name == RANGES_FILE:
        return [["as_of_date", *RANGE_COLUMNS]]
    known = [
        [column.name for column in file.columns] for file in export_files(settings) if file.file_name == place.name
    ]
    listed = []
    try:
        with (place.parent / "data_dictionary.csv").open(newline="", encoding="utf-8") as stream:
            listed = [row["column_name"] for row in csv.DictReader(stream) if row["table_name"] == place.stem]
    except (OSError, ValueError, KeyError, csv.Error):
        pass
    return [*known, listed] if listed else known


def _columns(place: Path) -> list[str]:
    """The columns of a file by its first row; none where there is no row, or no text."""
    try:
        with place.open(newline="", encoding="utf-8") as stream:
            if place.suffix == ".csv":
                return next(csv.reader(stream), [])
            first = json.loads(next(stream, "{}"))
            return list(first) if isinstance(first, dict) else []
    except (OSError, ValueError, csv.Error):
        return []


def _records(place: Path) -> Iterator[tuple[str, str | None]]:
    """Each record of a file as it is written there, and what its customer is called in it."""
    with place.open(newline="", encoding="utf-8", errors="surrogateescape") as stream:
        if place.suffix == ".jsonl":
            for line in stream:
                try:
                    yield line, json.loads(line)["customer_id"]
                except (ValueError, LookupError, TypeError):  # not a line of the product's
                    yield line, None
            return
        lines: list[str] = []
        reader = csv.reader(_noted(stream, lines))
        header = next(reader)
        for row in chain([header], reader):
            yield "".join(lines), dict(zip(header, row, strict=False)).get("customer_id")
            lines.clear()


def _noted(stream: Iterable[str], lines: list[str]) -> Iterator[str]:
    """The lines of a stream, each noted when it is asked for."""
    for line in stream:
        lines.append(line)
        yield line
