"""Published files that cannot be read any more: found, and named with what to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow.parquet as pq

from engagement_assets.domain.contracts import Contract


class TableDamagedError(RuntimeError):
    """A published file is missing, has another size than was committed, or cannot be decoded; the message names it."""


@dataclass(frozen=True)
class Damage:
    """A published file that cannot be read, and what is wrong with it."""

    contract: type[Contract]
    partition: str
    path: str
    what: str

    def __str__(self) -> str:
        return (
            f"{self.contract.table()}: {self.path} {self.what}; `engagement refresh --verify` builds what it held "
            f"({self.partition}) anew from the sources, or restore the file from a backup"
        )


def what_is_wrong(
    files: Any,
    place: str,
    size: int | None = None,
    *,
    decode: bool = False,
    listed: Mapping[str, Mapping[str, Any]] | None = None,
) -> str:
    """What is wrong with a file in a file system; empty if nothing is.

    `size` is what was committed, None if it does not matter. With `decode` the file is read to its end. `listed` is what a
    listing of the folder gave, where there is one.
    """
    if place not in listed if listed is not None else not files.exists(place):
        return "is missing"
    found = files.size(place) if listed is None else listed[place]["size"]
    if size is not None and found != size:
        return f"has {found} bytes instead of {size}"
    if not decode:
        return ""
    try:
        with files.open(place, "rb") as stream:
            for _ in pq.ParquetFile(stream).iter_batches():
                pass
    except Exception as error:
        return f"cannot be decoded ({type(error).__name__})"
    return ""
