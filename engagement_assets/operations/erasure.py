"""Erasing a customer: from every table and version, rejected rows, exports and intermediate files; then searching for them.

Rows of the customer are dropped and every earlier version goes, because Delta keeps rows by keeping files. The customer is
put on the erasure list first, so that no run brings them back while the sources still hold them.
"""

from __future__ import annotations

import csv
import json
import re
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyspark.sql.pandas.types import to_arrow_schema

from engagement_assets.domain.contracts import TABLES, Contract, RawCustomers, RejectedRows
from engagement_assets.domain.sources import SOURCES
from engagement_assets.exports.csv_files import spreadsheet_safe
from engagement_assets.exports.power_bi.project import CACHE
from engagement_assets.lake import versions
from engagement_assets.lake.staging import FOLDER_KEY, Staged, StagedFile, statistics
from engagement_assets.lake.stores import file_system
from engagement_assets.lake.tables import LakeResource
from engagement_assets.settings import Settings, is_url, local_path
from engagement_assets.sources import incremental

_NOW = timedelta()

Tell = Callable[[str], None]


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


@dataclass(frozen=True)
class Subject:
    """Who is to be forgotten: the identifier, and the e-mail addresses that the tables knew."""

    customer_id: str
    emails: tuple[str, ...]

    def is_in_text(self, text: str) -> bool:
        """Whether a rejected row speaks of them: a value of its JSON is theirs or, where it is no JSON, a word of it."""
        try:
            values = list(_leaves(json.loads(text)))
        except ValueError:
            return any(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text) for name in (self.customer_id, *self.emails))
        return any(str(value) == self.customer_id or value in self.emails for value in values)

    def is_in_bytes(self, data: bytes) -> bool:
        """Whether a file that is no table has their identifier in quotes, as JSON has it, or an address of theirs."""
        quoted = json.dumps(self.customer_id)[1:-1].encode()
        return bool(re.search(rb'"' + re.escape(quoted) + rb'\\*"', data)) or any(
            email.encode() in data for email in self.emails
        )


def forget(settings: Settings, lake: LakeResource, customer_id: str, tell: Tell | None = None) -> Erased:
    """Erase a customer. Waits for a run that is writing; what stops halfway can be done again."""
    done = Erased()
    with lake.writing("forget", tell):
        subject = Subject(customer_id, tuple(_emails(lake, customer_id)))
        lake.leave_out(customer_id)
        # From the last table to the first: what is built from others is older than they are afterwards, and so shows as
        # outdated: its totals and scales still count the customer.
        for contract in reversed(TABLES.values()):
            dropped = _drop(lake, contract, subject)
            if dropped:
                done.rows[contract.table()] = dropped
            _scrub_log(lake, contract, subject)
        for source in SOURCES:
            incremental.forget(lake, source)
        removed = lake.vacuum(retention=_NOW, grace=_NOW)
        done.files = sum(each.files for each in removed.values())
    done.rows |= _drop_from_exports(settings, subject)
    done.files += _drop_caches(settings)
    for name, is_found in search(settings, lake, subject):
        done.searched += 1
        if is_found:
            done.found.append(name)
    return done


# ---- tables ----------------------------------------------------------------------------------------------------------


def _emails(lake: LakeResource, customer_id: str) -> set[str]:
    """Addresses of the customer in any version of raw_customers."""
    files, path = file_system(lake.path(RawCustomers))
    found: set[str] = set()
    for name in files.find(f"{path}/data") if files.exists(f"{path}/data") else []:
        if name.endswith(".parquet"):
            with files.open(name, "rb") as stream:
                opened = pq.ParquetFile(stream)
                if "email" not in opened.schema_arrow.names:  # from before the column was there
                    continue
                rows = opened.read(columns=["customer_id", "email"])
            found |= set(rows.filter(pc.field("customer_id") == customer_id)["email"].to_pylist()) - {None, ""}
    return found


def _drop(lake: LakeResource, contract: type[Contract], subject: Subject) -> int:
    """Replace the partitions that hold rows of the customer by ones without; returns the rows dropped."""
    columns = contract.columns()
    if contract is not RejectedRows and "customer_id" not in columns:
        return 0
    files, path = file_system(lake.path(contract))
    run_id = f"forget-{uuid.uuid4().hex[:8]}"
    folder = f"data/{run_id}"
    held: dict[str, list[pa.Table]] = {}
    dropped: dict[str, int] = {}
    for partition, name in lake.live_files(contract):
        with files.open(f"{path}/{name}", "rb") as stream:
            rows = pq.ParquetFile(stream).read()
        if contract is RejectedRows:
            kept = rows.filter(
                pa.array([not subject.is_in_text(text or "") for text in rows["raw"].to_pylist()], pa.bool_())
            )
        else:
            kept = rows.filter(pc.field("customer_id") != subject.customer_id)
        held.setdefault(partition, []).append(kept)
        dropped[partition] = dropped.get(partition, 0) + rows.num_rows - kept.num_rows
    partitions = [partition for partition, rows in dropped.items() if rows]
    if not partitions:
        return 0
    schema = to_arrow_schema(contract.struct(), timezone="UTC")
    staged = []
    for partition in partitions:
        rest = pa.concat_tables([_completed(table, schema).cast(schema) for table in held[partition]])
        name = f"{folder}/{FOLDER_KEY}={partition}/part.parquet"
        files.makedirs(f"{path}/{name}".rsplit("/", 1)[0], exist_ok=True)
        with files.open(f"{path}/{name}", "wb") as stream:
            pq.write_table(rest, stream)
        with files.open(f"{path}/{name}", "rb") as stream:
            footer = pq.ParquetFile(stream).metadata
        staged.append(StagedFile(name, partition, footer.num_rows, files.size(f"{path}/{name}"), statistics(footer)))
    lake.commit(Staged(contract, lake.path(contract), folder, tuple(staged)), run_id=run_id)
    return sum(dropped.values())


def _completed(rows: pa.Table, schema: pa.Schema) -> pa.Table:
    """Rows with every column of the schema; files written before a column came to the contract lack it."""
    columns = [
        rows[field.name] if field.name in rows.column_names else pa.nulls(len(rows), field.type) for field in schema
    ]
    return pa.table(columns, names=schema.names)


def _scrub_log(lake: LakeResource, contract: type[Contract], subject: Subject) -> None:
    """Take the customer out of the file statistics in the table's log: the range of identifiers may begin or end with theirs."""
    table = lake.delta(contract)
    if table is None:
        return
    files, path = file_system(f"{lake.path(contract)}/_delta_log")
    touched = False
    for name in files.find(path):
        if name.endswith(".json") and subject.is_in_bytes(data := files.cat_file(name)):
            lines = [
                json.dumps(_without_range(json.loads(line))) for line in data.decode().splitlines() if line.strip()
            ]
            files.pipe_file(f"{name}.tmp", "".join(f"{line}\n" for line in lines).encode())
            files.mv(f"{name}.tmp", name)
            touched = True
    if touched:
        versions.renew_checkpoint(table, lake.path(contract))


def _without_range(action: dict[str, Any]) -> dict[str, Any]:
    if "add" in action and action["add"].get("stats"):
        stats = json.loads(action["add"]["stats"])
        action["add"]["stats"] = json.dumps({"numRecords": stats["numRecords"]})
    return action


# ---- exports ---------------------------------------------------------------------------------------------------------


def _drop_from_exports(settings: Settings, subject: Subject) -> dict[str, int]:
    """Drop the customer's rows from the CSV and JSON Lines files in the export folder; returns how many of which file."""
    dropped = {}
    for place in _exported(settings):
        if not _is_in_csv(place, subject):
            continue
        draft = place.with_name(f".{place.name}.{uuid.uuid4().hex[:8]}")
        rows = 0
        try:
            with place.open(newline="", encoding="utf-8") as old, draft.open("w", newline="", encoding="utf-8") as new:
                writer = csv.writer(new, lineterminator="\n")
                for row in csv.reader(old):
                    if _is_in_row(row, subject):
                        rows += 1
                    else:
                        writer.writerow(row)
            draft.replace(place)
        finally:
            draft.unlink(missing_ok=True)
        dropped[place.name] = rows
    for place in _json_lines(settings):
        lines = place.read_text(encoding="utf-8").splitlines(keepends=True)
        kept = [line for line in lines if not subject.is_in_text(line)]
        if len(kept) < len(lines):
            draft = place.with_name(f".{place.name}.{uuid.uuid4().hex[:8]}")
            draft.write_text("".join(kept), encoding="utf-8")
            draft.replace(place)
            dropped[place.name] = len(lines) - len(kept)
    return dropped


def _json_lines(settings: Settings) -> list[Path]:
    return [] if is_url(settings.export) else sorted(local_path(settings.export).rglob("*.jsonl"))


def _drop_caches(settings: Settings) -> int:
    """Delete the rows that Power BI Desktop has kept beside the project: it imports them again. Returns how many files."""
    caches = [] if is_url(settings.export) else list(local_path(settings.export).rglob(CACHE.name))
    for place in caches:
        place.unlink()
    return len(caches)


def _exported(settings: Settings) -> list[Path]:
    return [] if is_url(settings.export) else sorted(local_path(settings.export).rglob("*.csv"))


def _is_in_csv(place: Path, subject: Subject) -> bool:
    with place.open(newline="", encoding="utf-8") as stream:
        return any(_is_in_row(row, subject) for row in csv.reader(stream))


def _is_in_row(row: Sequence[str], subject: Subject) -> bool:
    names = {subject.customer_id, spreadsheet_safe(subject.customer_id), *subject.emails}
    return any(cell in names for cell in row)


# ---- the proof -------------------------------------------------------------------------------------------------------


def search(settings: Settings, lake: LakeResource, subject: Subject) -> Iterator[tuple[str, bool]]:
    """Every file of the lake, the export folder and the Dagster home, and whether the customer is found in it.

    Parquet files are decoded and their text columns compared; CSV files cell by cell; everything else byte by byte.
    """
    from engagement_assets.operations.dagster_home import existing_home

    places = [lake.location, settings.export if is_url(settings.export) else str(local_path(settings.export))]
    home = existing_home()
    if home is not None:
        places.append(str(home))
    for place in places:
        files, path = file_system(place)
        for name in files.find(path) if files.exists(path) else []:
            if name.endswith(".parquet"):
                with files.open(name, "rb") as stream:
                    yield name, _is_in_parquet(pq.ParquetFile(stream), subject)
            elif name.endswith(".csv") and not is_url(place):
                yield name, _is_in_csv(Path(name), subject)
            else:
                yield name, subject.is_in_bytes(files.cat_file(name))


def _is_in_parquet(file: pq.ParquetFile, subject: Subject) -> bool:
    names = [subject.customer_id, *subject.emails]
    for batch in file.iter_batches():
        for column in batch.schema:
            values = batch.column(column.name)
            if column.name == "raw":
                if any(subject.is_in_text(text or "") for text in values.to_pylist()):
                    return True
            elif pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
                if batch.filter(pc.field(column.name).isin(names)).num_rows:
                    return True
            elif pa.types.is_nested(column.type) and subject.is_in_bytes(
                json.dumps(values.to_pylist(), default=str).encode()
            ):
                return True
    return False


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for each in value.values():
            yield from _leaves(each)
    elif isinstance(value, list):
        for each in value:
            yield from _leaves(each)
    else:
        yield value
