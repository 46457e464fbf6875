"""Delta tables of others, that sources are read from: which of their files count, by their log."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

#: What a table may ask of its readers, and is not done here -> what it is, and how its owner does without.
_NOT_READ = {
    "deletionVectors": "has deletion vectors; `REORG TABLE … APPLY (PURGE)` and switching them off write them out",
    "columnMapping": "maps column names; write it out with plain names",
}


class ForeignTableError(ValueError):
    """A Delta table cannot be read as a source; the message says why and what to do."""


@dataclass(frozen=True)
class ForeignFile:
    """A data file of a table's latest version: its path in the table, bytes, when it was added (Unix ms), its partition."""

    path: str
    size: int
    added: int
    partition: tuple[tuple[str, str], ...]


def delta_files(root: str) -> Iterator[ForeignFile]:
    """The files that hold the rows of a Delta table (local folder or URL) in its latest version.

    Raises ForeignTableError where its log cannot be read, or asks more of a reader than is done here.
    """
    try:
        table = DeltaTable(root)
        asked = set(table.protocol().reader_features or ())
        if (table.metadata().configuration or {}).get("delta.columnMapping.mode", "none") != "none":
            asked.add("columnMapping")
        actions: list[dict[str, Any]] = pa.table(table.get_add_actions(flatten=False)).to_pylist()
    except (DeltaError, OSError, ValueError) as error:
        raise ForeignTableError(f"has a log that cannot be read ({' '.join(str(error).split())[:120]})") from None
    for feature, why in _NOT_READ.items():
        if feature in asked:
            raise ForeignTableError(why)
    for action in actions:
        partition = action.get("partition") or action.get("partition_values") or {}
        yield ForeignFile(
            unquote(action["path"]),
            action["size_bytes"],
            action["modification_time"],
            tuple((name, "" if value is None else str(value)) for name, value in partition.items()),
        )
