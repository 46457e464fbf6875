"""Erasing a customer from a lake: from every table and version, its log, rejected rows and what runs have noted.

Rows of the customer are dropped and every earlier version goes, because Delta keeps rows by keeping files. A file is written anew
with the columns that it has, so that tables of other versions of the package, too, lose the customer and nothing else.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import quote, unquote

import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet as pq
from deltalake import CommitProperties, DeltaTable
from deltalake.transaction import AddAction, RemoveAction

from engagement_assets.domain.contracts import TABLES, RawCustomers, RejectedRows
from engagement_assets.lake.damage import checksum
from engagement_assets.lake.erasures import add_erasure, note_unfinished, unfinished
from engagement_assets.lake.staging import now_in_milliseconds, statistics
from engagement_assets.lake.stores import file_system, remove, replace_file
from engagement_assets.lake.subject import SPACE, Subject, addresses, folded
from engagement_assets.lake.tables import LakeResource
from engagement_assets.lake.versions import CHECKSUMS

pc: Any = pyarrow.compute

#: Whatever a file's time says, in the future of the clock too.
_WHATEVER_AGE = timedelta(days=-36500)

#: Rows that are looked at together.
_ROWS_AT_ONCE = 200_000

_PERSON = ("customer_id", "email")


@dataclass(frozen=True)
class ErasedRows:
    """What was erased from a lake: table -> rows dropped, files deleted that held earlier versions or leftovers."""

    rows: Mapping[str, int]
    files: int


def subject_of(lake: LakeResource, customer_id: str) -> Subject:
    """Whom an identifier names, with the addresses that any version of raw_customers has, and who has such names too."""
    known = unfinished(lake.erasure_notes, customer_id)
    named = set(known.addresses)
    for rows in _people(lake):
        named |= addresses(rows.filter(_is_theirs(rows, known))["email"].to_pylist())
    files, path = file_system(lake.path(RejectedRows))
    for name in _data_files(files, path):
        for rows in _batches(files, name, ["raw"]):
            named = named.union(*(known.addresses_in(text or "") for text in rows["raw"].to_pylist()))
    shared, longer = set(known.shared), set(known.longer)
    for rows in _people(lake) if named or known.is_telling else ():
        others = rows.filter(pc.invert(_is_theirs(rows, known)))
        if known.is_telling:
            longer |= set(_with_word(_texts(others["customer_id"]), customer_id))
        for address in named:
            found = addresses(_with_word(pc.utf8_lower(pc.utf8_normalize(others["email"], "NFC")), address))
            shared |= found & {address}
            longer |= {other for other in found - named if address in other}
    return Subject(customer_id, frozenset(named - shared), frozenset(shared), frozenset(longer))


def whose_address(lake: LakeResource, address: str) -> list[str]:
    """The customers who have an e-mail address; nobody, where it is an identifier too."""
    found = set()
    for rows in _people(lake) if "@" in address else ():
        who = _texts(rows["customer_id"]).to_pylist()
        if address in who:
            return []
        emails = zip(who, rows["email"].to_pylist(), strict=True)
        found |= {customer for customer, email in emails if folded(address) in addresses([email])}
    return sorted(found)


def _with_word(texts: pa.ChunkedArray, word: str) -> list[str]:
    """The texts in which a word stands that no letter or digit goes on."""
    pattern = rf"(?:^|[^A-Za-z0-9]){re.escape(word)}(?:$|[^A-Za-z0-9])"
    return texts.filter(pc.match_substring_regex(texts, pattern)).to_pylist()


def _people(lake: LakeResource) -> Iterator[pa.Table]:
    """customer_id and email of every customer in any version of raw_customers, some rows at a time."""
    files, path = file_system(lake.path(RawCustomers))
    for name in _data_files(files, path):
        for rows in _batches(files, name, _PERSON):
            if "customer_id" in rows.column_names:
                columns = [rows[name] if name in rows.column_names else pa.nulls(len(rows)) for name in _PERSON]
                yield pa.table([column.cast(pa.string()) for column in columns], list(_PERSON))


def is_stored(lake: LakeResource, subject: Subject) -> bool:
    """Whether a lake holds anything of a customer, in whatever version, or knows that they are to be erased."""
    if lake.erasures.hash(subject.customer_id) in lake.erasures.hashes:
        return True
    files, path = file_system(lake.location)
    for name in _data_files(files, path):
        for rows in _batches(files, name, ["customer_id", "raw"]):
            if pc.any(_is_theirs(rows, subject)).as_py():
                return True
    return False


def erase(lake: LakeResource, subject: Subject) -> ErasedRows:
    """Erase a customer from a lake; its lock must be held (`lake.writing`). What stops halfway can be done again.

    They are put on the list of those who are left out first, so that no run brings them back while the sources still hold them.
    """
    add_erasure(lake.erasure_notes, subject.customer_id)
    note_unfinished(lake.erasure_notes, subject)
    dropped = {}
    for root in _tables(lake):
        dropped[root.rsplit("/", 1)[-1]] = _drop(DeltaTable(root), root, subject)
        _scrub_log(root)
    remove(lake.notes.folder)
    removed = sum(each.files for each in lake.vacuum(retention=_WHATEVER_AGE, grace=_WHATEVER_AGE).values())
    removed += sum(map(_remove_replaced, _tables(lake)))
    return ErasedRows({table: rows for table, rows in dropped.items() if rows}, removed)


def _tables(lake: LakeResource) -> list[str]:
    """The tables' folders, from the last table to the first, those of other versions of the package before them.

    What is built from others is older than they are afterwards, and so shows as outdated: its totals still count the customer.
    """
    files, path = file_system(lake.location)
    there = [name.rstrip("/").rsplit("/", 1)[-1] for name in files.ls(path, detail=False)] if files.exists(path) else []
    others = [name for name in sorted(there) if name not in TABLES]
    roots = [f"{lake.location}/{name}" for name in (*others, *reversed(TABLES)) if name in there]
    return [root for root in roots if DeltaTable.is_deltatable(root)]


def _data_files(files: Any, path: str) -> list[str]:
    """The data files that lie in a folder, whatever version of a table they belong to."""
    found = files.find(path) if files.exists(path) else []
    return [name for name in found if name.endswith(".parquet") and "/_delta_log/" not in name]


def _batches(files: Any, name: str, columns: Sequence[str]) -> Iterator[pa.Table]:
    """Some columns of a file, those that it has, piece by piece; nothing of a file that is gone or damaged: it is built anew."""
    try:
        with files.open(name, "rb") as stream:
            opened = pq.ParquetFile(stream)
            there = [column for column in columns if column in opened.schema_arrow.names]
            if "customer_id" in there or "raw" in there:
                for batch in opened.iter_batches(_ROWS_AT_ONCE, columns=there):
                    yield pa.Table.from_batches([batch])
    except (pa.ArrowException, OSError):
        return


def _texts(values: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.utf8_trim(values.cast(pa.string()), SPACE)


def _is_theirs(rows: pa.Table, subject: Subject) -> pa.ChunkedArray:
    """Which rows are the customer's: by the column that names them or, of rejected rows, by the text."""
    if "customer_id" in rows.column_names:
        return pc.fill_null(pc.equal(_texts(rows["customer_id"]), subject.customer_id), False)
    return pa.chunked_array([[subject.owns(text or "") for text in rows["raw"].to_pylist()]], pa.bool_())


def _drop(table: DeltaTable, root: str, subject: Subject) -> int:
    """Replace the files that hold rows of the customer by ones without, in one transaction; returns the rows dropped."""
    # Not delta-rs's own `delete`: its files lie elsewhere, lack the column that they are partitioned by, and are in no order.
    files, path = file_system(root)
    run_id = f"forget-{uuid.uuid4().hex[:8]}"
    actions: list[AddAction | RemoveAction] = []
    sums: dict[str, str] = {}
    dropped, now = 0, now_in_milliseconds()
    columns = table.metadata().partition_columns
    for live in pa.table(table.get_add_actions(flatten=True)).to_pylist():
        old = unquote(live["path"])
        theirs = [_is_theirs(rows, subject) for rows in _batches(files, f"{path}/{old}", ["customer_id", "raw"])]
        rows = sum(int(pc.sum(each).as_py() or 0) for each in theirs)
        if not rows:
            continue
        dropped += rows
        new = f"data/{run_id}/{'/'.join(old.split('/')[2:]) or old}"
        files.makedirs(f"{path}/{new}".rsplit("/", 1)[0], exist_ok=True)
        _copy_without(files, f"{path}/{old}", f"{path}/{new}", subject)
        with files.open(f"{path}/{new}", "rb") as stream:
            stats = statistics(pq.ParquetFile(stream).metadata)
        values = {name: None if (value := live[f"partition.{name}"]) is None else str(value) for name in columns}
        actions += [
            RemoveAction(live["path"], True, now, live["size_bytes"], values),
            AddAction(added := quote(new, safe="/=-._~"), files.size(f"{path}/{new}"), values, now, True, stats),
        ]
        sums[added] = checksum(files, f"{path}/{new}")
    if actions:
        committed = CommitProperties(custom_metadata={"run_id": run_id, CHECKSUMS: json.dumps(sums)})
        table.create_write_transaction(actions, "append", table.schema(), columns, commit_properties=committed)
    return dropped


def _copy_without(files: Any, old: str, new: str, subject: Subject) -> None:
    """Write a file without the customer's rows: the same columns, the same order, groups of rows of the same size."""
    with files.open(old, "rb") as source, files.open(new, "wb") as target:
        opened = pq.ParquetFile(source)
        groups = range(opened.num_row_groups)
        codec = opened.metadata.row_group(0).column(0).compression
        with pq.ParquetWriter(target, opened.schema_arrow, compression=codec, store_schema=False) as writer:
            for group in groups:
                rows = opened.read_row_group(group)
                writer.write_table(rows.filter(pc.invert(_is_theirs(rows, subject))))


def _live(table: DeltaTable) -> set[str]:
    """The files of a table's current version, by their paths in its folder."""
    return {unquote(path) for path in table.get_add_actions(flatten=True).column("path").to_pylist()}


def _remove_replaced(root: str) -> int:
    """Delete the data files that are not live, wherever in the table's folder its writer put them; returns how many."""
    files, path = file_system(root)
    live = _live(DeltaTable(root))
    replaced = [name for name in _data_files(files, path) if name[len(path) + 1 :] not in live]
    for name in replaced:
        files.rm_file(name)
    return len(replaced)


def _scrub_log(root: str) -> None:
    """Take the ranges of identifiers of files that are not live any more out of the table's log: theirs may be an end of them."""
    log = f"{root}/_delta_log"
    live = _live(DeltaTable(root))
    files, path = file_system(log)
    names = files.find(path)
    for name in names:
        if name.endswith(".json"):
            actions = [json.loads(line) for line in files.cat_file(name).splitlines() if line.strip()]
            reduced = [_without_range(action, live) for action in actions]
            if any(reduced):
                lines = "".join(f"{json.dumps(action)}\n" for action in actions)
                replace_file(f"{log}/{name.rsplit('/', 1)[1]}", lines.encode())
    checkpoints = [name for name in names if ".checkpoint." in name]
    if checkpoints:
        # One of the current version in place of those that were made of the old log, which itself stays.
        table = DeltaTable(root)
        table.create_checkpoint()
        for name in checkpoints:
            if not name.rsplit("/", 1)[1].startswith(f"{table.version():020d}."):
                files.rm_file(name)


def _without_range(action: dict[str, Any], live: set[str]) -> bool:
    """Reduce what a line of the log says of a file that is not live to the number of its rows; returns whether it said more."""
    found = False
    for kind in ("add", "remove"):
        file = action.get(kind) or {}
        stats = json.loads(file.get("stats") or "{}")
        if stats.keys() - {"numRecords"} and unquote(file["path"]) not in live:
            file["stats"] = json.dumps({"numRecords": stats.get("numRecords", 0)})
            found = True
    return found
