"""Published files that are not what was written: found, and named with what to do."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow.parquet as pq

from engagement_assets.domain.contracts import Contract

#: Bytes of a file that are looked at at once, and hexadecimal digits of a checksum.
_CHUNK, _DIGITS = 1 << 20, 32


class TableDamagedError(RuntimeError):
    """A published file is missing, or has another size or checksum than was committed; the message names it."""


@dataclass(frozen=True)
class Damage:
    """A published file that is not what was written, and what is wrong with it."""

    contract: type[Contract]
    partition: str
    path: str
    what: str

    def __str__(self) -> str:
        return (
            f"{self.contract.table()}: {self.path} {self.what}; `engagement refresh --verify` builds what it held "
            f"({self.partition}) anew from the sources, or restore the file from a backup"
        )


def checksum(files: Any, place: str) -> str:
    """The checksum of a file in a file system: the beginning of its SHA-256."""
    found = hashlib.sha256()
    with files.open(place, "rb") as stream:
        while chunk := stream.read(_CHUNK):
            found.update(chunk)
    return found.hexdigest()[:_DIGITS]


def what_is_wrong(
    files: Any,
    place: str,
    size: int | None = None,
    *,
    verify: bool = False,
    known: str | None = None,
    listed: Mapping[str, Mapping[str, Any]] | None = None,
) -> str:
    """What is wrong with a file in a file system; empty if nothing is.

    `size` is what was committed, None if it does not matter. With `verify` the file is read to its end and compared with its
    `known` checksum; one without, of an earlier release, is decoded. `listed` is what a listing of the folder gave, if
    there is one.
    """
    if place not in listed if listed is not None else not files.exists(place):
        return "is missing"
    found = files.size(place) if listed is None else listed[place]["size"]
    if size is not None and found != size:
        return f"has {found} bytes instead of {size}"
    if not verify:
        return ""
    try:
        if known is not None:
            return "" if checksum(files, place) == known else "is not what was written: its checksum is another"
        with files.open(place, "rb") as stream:
            for _ in pq.ParquetFile(stream).iter_batches():
                pass
    except Exception as error:
        return f"cannot be read ({type(error).__name__})"
    return ""
