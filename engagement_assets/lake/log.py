"""The log of a table, which says what its versions are: opened, and named with what to do where it cannot be read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from deltalake import DeltaTable
from deltalake.exceptions import DeltaError, TableNotFoundError

from engagement_assets.domain import remedies
from engagement_assets.lake.damage import TableDamagedError
from engagement_assets.lake.stores import file_system
from engagement_assets.settings import is_url

#: Characters of another library's words that are shown.
_SHOWN = 150


class LogUnreadableError(TableDamagedError):
    """The log of a table is damaged, or may not be read; the message says what of it, and what to do."""


def open_table(root: str, version: int | None = None) -> DeltaTable | None:
    """A table in its current or an earlier version; None if there is none."""
    with _named(root):
        try:
            table = DeltaTable(root, version=version)
        except TableNotFoundError:
            return None
    last = Path(root, "_delta_log", f"{table.version():020d}.json")
    # No commit is empty; a reader of Delta passes over one that a full disk or a loss of power left so.
    if not is_url(root) and last.exists() and not last.stat().st_size:
        raise _unreadable(root, f"{last.name} is empty")
    return table


def history(table: DeltaTable, limit: int | None = None) -> list[dict[str, Any]]:
    """What the log tells of the commits, the latest first: `version`, `timestamp` (Unix ms) and what their writers noted."""
    # Not `DeltaTable.history`: it finds nothing in a folder whose name holds a #.
    uri = table.table_uri.rstrip("/")
    root = unquote(uri.removeprefix("file://")) if uri.startswith("file://") else uri
    with _named(root):
        files, log = file_system(f"{root}/_delta_log")
        numbers = range(table.version(), max(-1, table.version() - (limit or table.version() + 1)), -1)
        names = {f"{log}/{number:020d}.json": number for number in numbers}
        entries = files.cat(list(names), on_error="return")
        return [
            {**_commit_info(entries[name]), "version": number}
            for name, number in names.items()
            if not isinstance(entries[name], FileNotFoundError)
        ]


def _commit_info(entry: bytes | Exception) -> dict[str, Any]:
    if isinstance(entry, Exception):
        raise entry
    lines = [json.loads(line) for line in entry.splitlines() if b'"commitInfo"' in line]
    return next((line["commitInfo"] for line in lines if "commitInfo" in line), {})


@contextmanager
def _named(root: str) -> Iterator[None]:
    try:
        yield
    except TableNotFoundError:
        raise
    except (DeltaError, OSError, ValueError) as error:
        raise _unreadable(root, _fault(root) or " ".join(str(error).split())[:_SHOWN]) from None


def _unreadable(root: str, why: str) -> LogUnreadableError:
    table = root.rstrip("/").rsplit("/", 1)[-1]
    found = sorted(day for day in _partitions(root) if _is_day(day))
    return LogUnreadableError(
        f"{table}: the table's log in {root}/_delta_log cannot be read: {why}. Restore the folder from a backup, or move "
        f"{root} away and build its days anew from the sources: {remedies.build(*found[:1], *found[-1:])}"
    )


def _partitions(root: str) -> set[str]:
    """The partitions of which files lie in a local table's folder, published or not."""
    folders = () if is_url(root) else Path(root, "data").glob("*/*=*")
    return {folder.name.partition("=")[2] for folder in folders}


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _fault(root: str) -> str:
    """What is wrong with the entries of a local log; empty if that is not to be seen."""
    entries = [] if is_url(root) else sorted(Path(root, "_delta_log").glob("[0-9]*.json"))
    for number, entry in enumerate(entries):
        if int(entry.stem) != number:
            return f"{number:020d}.json is missing"
        try:
            for line in entry.read_text(encoding="utf-8").splitlines():
                json.loads(line)
        except OSError as error:
            return f"{entry.name} may not be read ({error.strerror})"
        except ValueError:
            return f"{entry.name} is damaged"
    return ""
