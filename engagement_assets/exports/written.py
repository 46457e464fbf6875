"""What the product wrote last into a folder that others work in too: by that it knows what is still its own.

A file whose contents differ from what was written, or that was not written by the product, is somebody's work: it is neither
overwritten nor deleted.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from engagement_assets.lake.stores import replacing

#: Beside the files; of each its path within the folder, and a hash of its contents.
RECORD = ".written.json"


def content_hash(contents: bytes) -> str:
    """A hash that is the same whatever ends the lines: version control changes that."""
    return hashlib.sha256(contents.replace(b"\r\n", b"\n")).hexdigest()


def recorded(folder: Path) -> dict[str, Any]:
    """What was recorded of a folder; empty where nothing was, or cannot be read."""
    try:
        found = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def record(folder: Path, told: dict[str, Any]) -> None:
    """Note what was written into a folder."""
    with replacing(folder / RECORD) as draft:
        draft.write_text(json.dumps(told, indent=1, sort_keys=True) + "\n", encoding="utf-8")
