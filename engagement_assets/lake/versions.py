"""Versions of a table: which was current when, how long they are kept, and the removal of files that none needs.

A version stays readable until `retention` after it was replaced. Files that belong to no version are what dead runs left
behind; they go once they are older than a grace period, because a run that is still at work has such files too.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import unquote

from deltalake import DeltaTable

from engagement_assets.lake.stores import file_system

#: Tables keep their whole log and what it says of removed files: what may go, and when, is decided here.
TABLE_PROPERTIES = {
    "delta.enableExpiredLogCleanup": "false",
    "delta.logRetentionDuration": "interval 36500 days",
    "delta.deletedFileRetentionDuration": "interval 36500 days",
}


class VersionNotKeptError(LookupError):
    """No version of that time is there; the message says which are."""


@dataclass(frozen=True)
class Version:
    """A version of a table and the instant it was published."""

    number: int
    published: datetime


@dataclass(frozen=True)
class Removed:
    """Files that were deleted, and their bytes."""

    files: int = 0
    size: int = 0

    def __add__(self, other: Removed) -> Removed:
        return Removed(self.files + other.files, self.size + other.size)


def versions(table: DeltaTable) -> list[Version]:
    """The versions that the table's log tells of, the oldest first."""
    return [
        Version(entry["version"], datetime.fromtimestamp(entry["timestamp"] / 1000, timezone.utc))
        for entry in reversed(table.history())
    ]


def current_on(known: list[Version], when: datetime) -> Version | None:
    """The version that was current at an instant; None if the table was made later."""
    return next((version for version in reversed(known) if version.published <= when), None)


def version_on(table: DeltaTable, name: str, when: datetime) -> DeltaTable:
    """The table as it was at an instant. Raises VersionNotKeptError if it did not exist yet or its log is gone."""
    known = versions(table)
    found = current_on(known, when)
    if found is None:
        raise VersionNotKeptError(f"{name}: no version of {when:%Y-%m-%d %H:%M %Z} is there; {span(known, when)}")
    return DeltaTable(table.table_uri, version=found.number)


def span(known: list[Version], like: datetime) -> str:
    """Which versions there are, in words, in the time zone of `like`."""
    first, last = (version.published.astimezone(like.tzinfo) for version in (known[0], known[-1]))
    return f"the first is of {first:%Y-%m-%d %H:%M:%S %Z}, the latest of {last:%Y-%m-%d %H:%M:%S %Z}"


def vacuum(table: DeltaTable, root: str, retention: timedelta, grace: timedelta) -> Removed:
    """Delete the files that no version younger than `retention` needs and that are themselves older than `grace`.

    The current version is always kept. Only for a writer: what a run of another process has staged counts as left behind.
    """
    files, path = file_system(root)
    now = datetime.now(timezone.utc)
    removed = Removed()
    folders = set()
    current = set(_paths(table))
    old = [
        (name, info)
        for name, info in _leftover_candidates(files, path)
        if name[len(path) + 1 :] not in current and _changed(info) <= now - grace
    ]
    if not old:  # then earlier versions need not be looked at
        return removed
    known = versions(table)
    oldest = current_on(known, now - retention) or known[0]
    needed = _needed(table, files, path, oldest.number)
    for name, info in old:
        if name[len(path) + 1 :] in needed:
            continue
        files.rm_file(name)
        folders.add(name.rsplit("/", 1)[0])
        removed += Removed(1, int(info["size"] or 0))
    remove_empty(files, path, folders)
    return removed


def renew_checkpoint(table: DeltaTable, root: str) -> None:
    """Replace the checkpoints of a table's log by one of its current version; the log itself stays."""
    files, path = file_system(root)
    old = [name for name in files.find(f"{path}/_delta_log") if ".checkpoint." in name]
    table.create_checkpoint()
    for name in old:
        if not name.rsplit("/", 1)[1].startswith(f"{table.version():020d}."):
            files.rm_file(name)


def _needed(table: DeltaTable, files: Any, path: str, oldest: int) -> set[str]:
    """Paths of the files of a version and of all later ones."""
    needed = {str(found) for found in _paths(DeltaTable(table.table_uri, version=oldest))}
    for number in range(oldest + 1, table.version() + 1):
        with files.open(f"{path}/_delta_log/{number:020d}.json", "r") as stream:
            actions = [json.loads(line) for line in stream if line.strip()]
        needed |= {unquote(action["add"]["path"]) for action in actions if "add" in action}
    return needed


def _paths(table: DeltaTable) -> Iterable[str]:
    return [unquote(path) for path in table.get_add_actions(flatten=True).column("path").to_pylist()]


def _leftover_candidates(files: Any, path: str) -> Iterable[tuple[str, dict[str, Any]]]:
    """Data files, and what a commit that was cut off left beside the log."""
    for folder in (f"{path}/data", f"{path}/_delta_log"):
        if files.exists(folder):
            for name, info in files.find(folder, detail=True).items():
                if folder.endswith("/data") or name.endswith(".tmp") or "#" in name:
                    yield name, info


def _changed(info: dict[str, Any]) -> datetime:
    """When a file was written last. Now, where its store does not say: then it is never old enough."""
    stamp = info.get("mtime") or info.get("LastModified") or info.get("updated")
    if isinstance(stamp, (int, float)):
        return datetime.fromtimestamp(stamp, timezone.utc)
    if isinstance(stamp, str):
        stamp = datetime.fromisoformat(stamp.replace("Z", "+00:00"))
    if isinstance(stamp, datetime):
        return stamp if stamp.tzinfo else stamp.replace(tzinfo=timezone.utc)
    return datetime.now(timezone.utc)


def remove_empty(files: Any, top: str, folders: Iterable[str]) -> None:
    """Remove folders under `top` that have become empty, and those above them. Object stores have none."""
    for folder in sorted(folders, key=len, reverse=True):
        while len(folder) > len(top):
            try:
                if files.ls(folder):
                    break
                files.rmdir(folder)
            except OSError:  # an object store's folder is gone with its last object
                break
            folder = folder.rsplit("/", 1)[0]


def remove_old(root: str, grace: timedelta) -> Removed:
    """Delete files under a folder that are older than `grace`."""
    files, path = file_system(root)
    limit = datetime.now(timezone.utc) - grace
    removed = Removed()
    folders = set()
    for name, info in (files.find(path, detail=True) if files.exists(path) else {}).items():
        if _changed(info) <= limit:
            files.rm_file(name)
            folders.add(name.rsplit("/", 1)[0])
            removed += Removed(1, int(info["size"] or 0))
    remove_empty(files, path, folders)
    return removed
