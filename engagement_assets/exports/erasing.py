"""Taking a customer out of the files that the product wrote into the export folder; nothing else there is touched."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet as pq

from engagement_assets.analysis.backtest.sensitivity import RANGE_COLUMNS, RANGES_FILE
from engagement_assets.exports import audience_files, brief_files
from engagement_assets.exports.csv_files import BYTE_ORDER_MARK, FORMER_FILES, spreadsheet_safe
from engagement_assets.exports.power_bi.project import CACHE, project_folder
from engagement_assets.exports.star_schema import export_files
from engagement_assets.exports.swapping import renew, tidy
from engagement_assets.lake.stores import replacing
from engagement_assets.settings import DELIMITERS, Settings, is_url, local_path

pc: Any = pyarrow.compute

#: What `replacing` leaves where its process was killed.
_DRAFT = re.compile(r"\.(.+)\.[0-9a-f]{8}\.tmp")


def written_files(settings: Settings) -> list[Path]:
    """The files with rows in the export folder that the product wrote: by their place, their name and their columns."""
    if is_url(settings.export):
        return []
    folder = local_path(settings.export)
    return [
        place
        for place in sorted(
            (*folder.glob("*.csv"), *folder.glob("*.parquet"), *(folder / audience_files.FOLDER).glob("*.*"))
        )
        if place.is_file() and _columns(place) in _written_columns(settings, place)
    ]


def rows_of(settings: Settings, customer_id: str) -> dict[Path, int]:
    """The files that the product wrote and that have rows of a customer, and how many."""
    counted = {place: _count(place, customer_id) for place in written_files(settings)}
    return {place: rows for place, rows in counted.items() if rows}


def _count(place: Path, customer_id: str) -> int:
    if place.suffix == ".parquet":
        with pq.ParquetFile(place) as file:
            rows = file.read(["customer_id"]) if "customer_id" in file.schema_arrow.names else None
        return 0 if rows is None else rows.filter(pc.field("customer_id") == customer_id).num_rows
    return sum(customer == _name_in(place, customer_id) for _, customer in _records(place))


def drop_rows(settings: Settings, customer_id: str) -> dict[str, int]:
    """Drop a customer's rows from these files, in which others keep their bytes; returns how many of which file."""
    counted = rows_of(settings, customer_id)
    for place in counted:
        if place.suffix == ".parquet":
            with replacing(place) as draft:
                rows = pq.read_table(place, partitioning=None).filter(pc.field("customer_id") != customer_id)
                pq.write_table(rows, draft, compression="zstd")
            continue
        with replacing(place) as draft, draft.open("wb") as stream:
            kept = (text for text, customer in _records(place) if customer != _name_in(place, customer_id))
            stream.writelines(text.encode("utf-8", "surrogateescape") for text in kept)
    if counted:
        renew(local_path(settings.export))
    return {place.name: rows for place, rows in counted.items()}


def _name_in(place: Path, customer_id: str) -> str:
    return customer_id if place.suffix == ".jsonl" else spreadsheet_safe(customer_id)


def remove_copies(settings: Settings, customer_id: str) -> int:
    """Delete what killed exports left, the rows that Power BI Desktop keeps (it imports them again) and a brief that names the
    customer (the next publication writes it again). Returns how many files."""
    if is_url(settings.export):
        return 0
    folder = local_path(settings.export)
    tidy(folder)
    drafts = [
        place
        for place in (*folder.glob(".*.tmp"), *(folder / audience_files.FOLDER).glob(".*.tmp"))
        if (found := _DRAFT.fullmatch(place.name)) and _written_columns(settings, place.with_name(found[1]))
    ]
    caches = project_folder(settings).rglob(str(CACHE))
    copies = [*drafts, *brief_files.naming(settings, customer_id), *caches]
    for place in copies:
        place.unlink()
    return len(copies)


def _written_columns(settings: Settings, place: Path) -> list[list[str]]:
    """The columns that a file of the product has at a place: as this version writes it, or as the dictionary beside it says."""
    if place.parent.name == audience_files.FOLDER:
        return [list(audience_files.COLUMNS)] if place.suffix in (".csv", ".jsonl") else []
    if place.name == RANGES_FILE:
        return [["as_of_date", *RANGE_COLUMNS]]
    known = [[column.name for column in file.columns] for file in export_files(settings) if file.name == place.stem]
    if place.name in FORMER_FILES:
        known.append(FORMER_FILES[place.name])
    listed = []
    dictionary = place.parent / "data_dictionary.csv"
    try:
        with dictionary.open(newline="", encoding="utf-8-sig") as stream:
            rows = csv.DictReader(stream, delimiter=_delimiter(dictionary))
            listed = [row["column_name"] for row in rows if row["table_name"] == place.stem]
    except (OSError, ValueError, KeyError, csv.Error):
        pass
    return [*known, listed] if listed else known


def _columns(place: Path) -> list[str]:
    """The columns of a file by its first row; none where there is no row, or no text."""
    try:
        if place.suffix == ".parquet":
            return list(pq.read_schema(place).names)
        with place.open(newline="", encoding="utf-8-sig") as stream:
            if place.suffix == ".csv":
                return next(csv.reader(stream, delimiter=_delimiter(place)), [])
            first = json.loads(next(stream, "{}"))
            return list(first) if isinstance(first, dict) else []
    except (OSError, ValueError, csv.Error, pa.ArrowException):
        return []


def _delimiter(place: Path) -> str:
    """What stands between the names of a file's columns, which are plain words."""
    with place.open(encoding="utf-8-sig", errors="replace") as stream:
        head = stream.readline()
    return max(DELIMITERS, key=head.count)


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
        reader = csv.reader(_noted(stream, lines), delimiter=_delimiter(place))
        header = next(reader)
        names = [name.removeprefix(BYTE_ORDER_MARK) for name in header]
        for row in chain([header], reader):
            yield "".join(lines), dict(zip(names, row, strict=False)).get("customer_id")
            lines.clear()


def _noted(stream: Iterable[str], lines: list[str]) -> Iterator[str]:
    """The lines of a stream, each noted when it is asked for."""
    for line in stream:
        lines.append(line)
        yield line
