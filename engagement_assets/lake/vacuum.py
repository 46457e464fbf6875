"""Removal of files that no version needs, or none that is kept.

A version stays readable until `retention` after it was replaced. Files that belong to no version are what dead runs left
behind; they go once they are older than a grace period, because a run that is still at work has such files too.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote

from deltalake import DeltaTable

from engagement_assets.lake.stores import file_system
from engagement_assets.lake.versions import commits, current_on


@dataclass(frozen=True)
class Removed:
    """Files that were deleted, and their bytes."""

    files: int = 0
    size: int = 0


def vacuum(table: DeltaTable, root: str, retention: timedelta, grace: timedelta) -> Removed:
    """Delete the files that no version younger than `retention` needs and that are themselves older than `grace`.

    The current version is always kept. Only for a writer: what a run of another process has staged counts as left behind.
    """
    # Not delta-rs's `vacuum`: it has one age for both kinds of files, reads the log once per version to keep, and commits twice.
    files, path = file_system(root)
    now = datetime.now(UTC)
    current = _paths(table)
    # Data files, and what a commit that was cut off left beside the log.
    old = _older_files(files, f"{path}/data", now - grace)
    old |= {
        name: size
        for name, size in _older_files(files, f"{path}/_delta_log", now - grace).items()
        if name.endswith(".tmp") or "#" in name
    }
    old = {name: size for name, size in old.items() if name[len(path) + 1 :] not in current}
    if not old:  # then earlier versions need not be looked at
        return Removed()
    known = commits(table)
    oldest = current_on(known, now - retention)
    needed = _needed(table, files, path, min(known) if oldest is None else oldest)
    return _remove(files, path, {name: size for name, size in old.items() if name[len(path) + 1 :] not in needed})


def remove_old(root: str, grace: timedelta) -> Removed:
    """Delete the files under a folder that are older than `grace`, and the folders that a run killed early left empty."""
    files, path = file_system(root)
    limit = datetime.now(UTC) - grace
    removed = _remove(files, path, _older_files(files, path, limit))
    there = files.find(path, withdirs=True, detail=True) if files.exists(path) else {}
    folders = [name for name, info in there.items() if info["type"] == "directory" and _changed(info) <= limit]
    _remove_empty(files, path, folders)
    return removed


def _needed(table: DeltaTable, files: Any, path: str, oldest: int) -> set[str]:
    """Paths of the files of a version and of all later ones."""
    needed = _paths(DeltaTable(table.table_uri, version=oldest))
    for number in range(oldest + 1, table.version() + 1):
        with files.open(f"{path}/_delta_log/{number:020d}.json", "r") as stream:
            actions = [json.loads(line) for line in stream if line.strip()]
        needed |= {unquote(action["add"]["path"]) for action in actions if "add" in action}
    return needed


def _paths(table: DeltaTable) -> set[str]:
    return {unquote(path) for path in table.get_add_actions(flatten=True).column("path").to_pylist()}


def _older_files(files: Any, path: str, limit: datetime) -> dict[str, int]:
    """The files under a folder that were written last before an instant, and their bytes."""
    found = files.find(path, detail=True) if files.exists(path) else {}
    return {name: int(info["size"] or 0) for name, info in found.items() if _changed(info) <= limit}


def _changed(info: dict[str, Any]) -> datetime:
    """When a file was written last. Now, where its store does not say: then it is never old enough."""
    stamp = info.get("mtime") or info.get("LastModified") or info.get("updated")
    if isinstance(stamp, (int, float)):
        return datetime.fromtimestamp(stamp, UTC)
    if isinstance(stamp, str):
        stamp = datetime.fromisoformat(stamp.replace("Z", "+00:00"))
    if isinstance(stamp, datetime):
        return stamp if stamp.tzinfo else stamp.replace(tzinfo=UTC)
    return datetime.now(UTC)


def _remove(files: Any, top: str, old: dict[str, int]) -> Removed:
    """Delete files, and the folders under `top` that become empty. Object stores have none."""
    for name in old:
        files.rm_file(name)
    _remove_empty(files, top, {name.rsplit("/", 1)[0] for name in old})
    return Removed(len(old), sum(old.values()))


def _remove_empty(files: Any, top: str, folders: Iterable[str]) -> None:
    for folder in sorted(folders, key=len, reverse=True):
        while len(folder) > len(top):
            try:
                if files.ls(folder):
                    break
                files.rmdir(folder)
            except OSError:  # an object store's folder is gone with its last object
                break
            folder = folder.rsplit("/", 1)[0]
