"""Erasing a customer from a lake: from every table and version, its log, rejected rows and what runs have noted.

Rows of the customer are dropped and every earlier version goes, because Delta keeps rows by keeping files.
"""

from __future__ import annotations

import json
import re
import uuid
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from pyspark.sql.pandas.types import to_arrow_schema

from engagement_assets.domain.contracts import TABLES, Contract, RawCustomers, RejectedRows
from engagement_assets.domain.sources import SOURCES
from engagement_assets.lake.staging import FOLDER_KEY, staged_files
from engagement_assets.lake.stores import file_system, replace_file
from engagement_assets.lake.tables import LakeResource, Tell

_AT_ONCE = timedelta()


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

    def is_in_file(self, files: Any, name: str) -> bool:
        """Whether they are found in a file: one of a table is decoded and its text compared, any other searched byte by byte."""
        if not name.endswith(".parquet"):
            return self.is_in_bytes(files.cat_file(name))
        with files.open(name, "rb") as stream:
            return any(self._is_in_rows(rows) for rows in pq.ParquetFile(stream).iter_batches())

    def _is_in_rows(self, rows: pa.RecordBatch) -> bool:
        names = [self.customer_id, *self.emails]
        for column, values in zip(rows.schema, rows.columns, strict=True):
            if column.name == "raw":
                found = any(self.is_in_text(text or "") for text in values.to_pylist())
            elif pa.types.is_nested(column.type):
                found = self.is_in_bytes(json.dumps(values.to_pylist(), default=str).encode())
            else:
                is_text = pa.types.is_string(column.type) or pa.types.is_large_string(column.type)
                found = is_text and bool(rows.filter(pc.field(column.name).isin(names)).num_rows)
            if found:
                return True
        return False


@dataclass(frozen=True)
class ErasedRows:
    """What was erased from a lake: of whom, table -> rows dropped, files deleted that held earlier versions or leftovers."""

    subject: Subject
    rows: Mapping[str, int]
    files: int


def erase(lake: LakeResource, customer_id: str, tell: Tell | None = None) -> ErasedRows:
    """Erase a customer from a lake. Waits for a run that is writing; what stops halfway can be done again.

    They are put on the list of those who are left out first, so that no run brings them back while the sources still hold them.
    """
    with lake.writing("forget", tell):
        subject = Subject(customer_id, tuple(_emails(lake, customer_id)))
        lake.leave_out(customer_id)
        dropped = {}
        # From the last table to the first: what is built from others is older than they are afterwards, and so shows as
        # outdated: its totals and scales still count the customer.
        for contract in reversed(TABLES.values()):
            dropped[contract.table()] = _drop(lake, contract, subject)
            _scrub_log(lake, contract, subject)
        for source in SOURCES:
            lake.notes.remove(source)
        removed = lake.vacuum(retention=_AT_ONCE, grace=_AT_ONCE)
    files = sum(each.files for each in removed.values())
    return ErasedRows(subject, {table: rows for table, rows in dropped.items() if rows}, files)


def _emails(lake: LakeResource, customer_id: str) -> set[str]:
    """Addresses of the customer in any version of raw_customers."""
    files, path = file_system(lake.path(RawCustomers))
    names = files.find(f"{path}/data") if files.exists(f"{path}/data") else []
    schema = pa.schema([("customer_id", pa.string()), ("email", pa.string())])
    tables = [name for name in names if name.endswith(".parquet")]
    # Files from before the column was there have null in it.
    rows = ds.dataset(tables, schema, filesystem=files).to_table(filter=pc.field("customer_id") == customer_id)
    return set(rows["email"].to_pylist()) - {None, ""}


def _drop(lake: LakeResource, contract: type[Contract], subject: Subject) -> int:
    """Replace the partitions that hold rows of the customer by ones without; returns the rows dropped."""
    # Not delta-rs's own `delete`: its files lie elsewhere, lack the column that they are partitioned by, and are in no order.
    if contract is not RejectedRows and "customer_id" not in contract.columns():
        return 0
    root = lake.path(contract)
    files, path = file_system(root)
    run_id = f"forget-{uuid.uuid4().hex[:8]}"
    folder = f"data/{run_id}"
    live: dict[str, list[str]] = defaultdict(list)
    for file in lake.live_files(contract):
        live[file.partition].append(f"{path}/{file.path}")
    schema = to_arrow_schema(contract.struct(), timezone="UTC")
    dropped: dict[str, int] = {}
    for partition, names in live.items():
        rows = ds.dataset(names, schema, filesystem=files).to_table()
        if contract is RejectedRows:
            others = [not subject.is_in_text(text or "") for text in rows["raw"].to_pylist()]
            kept = rows.filter(pa.array(others, pa.bool_()))
        else:
            kept = rows.filter(pc.field("customer_id") != subject.customer_id)
        if kept.num_rows < rows.num_rows:
            dropped[partition] = rows.num_rows - kept.num_rows
            place = f"{path}/{folder}/{FOLDER_KEY}={partition}"
            files.makedirs(place, exist_ok=True)
            with files.open(f"{place}/part.parquet", "wb") as stream:
                pq.write_table(kept, stream)
    if dropped:
        lake.commit(staged_files(contract, root, folder, list(dropped)), run_id=run_id)
    return sum(dropped.values())


def _scrub_log(lake: LakeResource, contract: type[Contract], subject: Subject) -> None:
    """Take the customer out of the file statistics in the table's log: the range of identifiers may begin or end with theirs."""
    table = lake.delta(contract)
    if table is None:
        return
    log = f"{lake.path(contract)}/_delta_log"
    files, path = file_system(log)
    names = files.find(path)
    touched = False
    for name in names:
        if name.endswith(".json") and subject.is_in_bytes(data := files.cat_file(name)):
            lines = [json.dumps(_without_range(json.loads(line))) for line in data.splitlines() if line.strip()]
            replace_file(f"{log}/{name.rsplit('/', 1)[1]}", "".join(f"{line}\n" for line in lines).encode())
            touched = True
    if touched:
        # One checkpoint of the current version in place of those that were made of the old log, which itself stays.
        table.create_checkpoint()
        for name in names:
            if ".checkpoint." in name and not name.rsplit("/", 1)[1].startswith(f"{table.version():020d}."):
                files.rm_file(name)


def _without_range(action: dict[str, Any]) -> dict[str, Any]:
    if "add" in action and action["add"].get("stats"):
        stats = json.loads(action["add"]["stats"])
        action["add"]["stats"] = json.dumps({"numRecords": stats["numRecords"]})
    return action


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, (dict, list)):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _leaves(each)
    else:
        yield value
