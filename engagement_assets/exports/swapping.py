"""Files of an export that take the place of those of the export before, all of them or none.

They are written into a folder beside their places. Once that is complete it gets a name that says so, and its files are moved,
`export.json` last; whoever is killed in between leaves what the next export moves first. `export.json` says what the files are:
of which days, how many rows, what was left out, and the hash of each.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock

from engagement_assets.lake.stores import replacing

MANIFEST = "export.json"

_STAGING, _COMPLETE, _LOCK = ".export-", ".export-complete", ".export.lock"


@contextmanager
def swapped(target: Path) -> Iterator[Path]:
    """A folder to write files into, `export.json` among them, that take their places in `target` at the end of the block.

    Files of the export before that this one no longer has are removed, unless somebody has changed them. If the block fails,
    everything stays as it was. One process at a time writes to a folder.
    """
    with FileLock(target / _LOCK):
        _tidy(target)
        staging = target / f"{_STAGING}{uuid.uuid4().hex[:8]}"
        staging.mkdir()
        try:
            yield staging
            _move(staging.rename(target / _COMPLETE), target)
        finally:
            shutil.rmtree(staging, ignore_errors=True)


def tidy(target: Path) -> None:
    """Finish, or take back, what a killed export left in a folder."""
    if any(target.glob(f"{_STAGING}*")):
        with FileLock(target / _LOCK):
            _tidy(target)


def _tidy(target: Path) -> None:
    for left in target.glob(f"{_STAGING}*"):
        if left.name == _COMPLETE:
            _move(left, target)
        else:
            shutil.rmtree(left)


def renew(target: Path) -> None:
    """Bring the hashes and sizes in `export.json` up to date with files whose rows were taken out on purpose."""
    told = manifest(target)
    for each in told.get("files", []):
        place = target / each["file"]
        if place.is_file():
            each |= {"sha256": sha256(place), "size": place.stat().st_size}
    if told:
        with replacing(target / MANIFEST) as draft:
            draft.write_text(as_text(told), encoding="utf-8")


def as_text(told: dict[str, Any]) -> str:
    """The text of `export.json`."""
    return json.dumps(told, indent=2, ensure_ascii=False) + "\n"


def manifest(target: Path) -> dict[str, Any]:
    """What `export.json` of a folder says; empty where there is none that can be read."""
    try:
        found = json.loads((target / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def hashes(target: Path) -> dict[str, str]:
    """The files that `export.json` of a folder names, with their hashes."""
    listed = manifest(target).get("files")
    return {str(each["file"]): str(each["sha256"]) for each in listed} if isinstance(listed, list) else {}


def sha256(place: Path) -> str:
    """The hash of a file's contents."""
    found = hashlib.sha256()
    with place.open("rb") as stream:
        while block := stream.read(1 << 20):
            found.update(block)
    return found.hexdigest()


def _move(complete: Path, target: Path) -> None:
    before, now = hashes(target), hashes(complete)
    for name in set(before) - set(now):
        gone = target / Path(name).name
        if gone.is_file() and sha256(gone) == before[name]:
            gone.unlink()
    for place in sorted(complete.iterdir(), key=lambda place: (place.name == MANIFEST, place.name)):
        place.replace(target / place.name)
    complete.rmdir()
