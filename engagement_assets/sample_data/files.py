"""The files of a data set: open while blocks of customers are appended, put in place when all is written."""

from __future__ import annotations

import gzip
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from engagement_assets.domain.sources import SOURCES
from engagement_assets.sample_data.columns import line_bytes

#: A file that holds this many rows is full; the next one is begun, so that readers can share the work.
ROWS_PER_FILE = 500_000

#: Balance of speed and size of the packed files (zlib, 1 to 9).
_GZIP_LEVEL = 6

_ENDINGS = (".parquet", ".json", ".jsonl", ".ndjson", ".json.gz", ".jsonl.gz", ".ndjson.gz")


class TargetError(ValueError):
    """The data set cannot be written where it was asked for; the message says why and what to do."""


def check_target(to: Path, overwrite: bool) -> None:
    """Raise TargetError unless `to` is absent, empty, or holds nothing but sources that may be replaced.

    Hidden files beside the sources are left alone.
    """
    if not to.exists():
        return
    if not to.is_dir():
        raise TargetError(f"{to} is a file, not a folder; choose another folder")
    entries = [entry for entry in sorted(to.iterdir()) if not entry.name.startswith(".")]
    if not entries:
        return
    strange = next((found for entry in entries for found in _not_sources(entry)), None)
    if strange is not None:
        raise TargetError(
            f"{to} holds {strange.relative_to(to)}, which is no source file, so nothing in it is replaced; choose another folder"
        )
    if not overwrite:
        raise TargetError(
            f"{to} already holds sources; replace them with overwrite (--overwrite), or choose another folder"
        )


def _not_sources(entry: Path) -> Iterator[Path]:
    """Whatever at or below `entry` is no folder or file of a source."""
    if entry.is_symlink() or entry.name not in SOURCES or not entry.is_dir():
        yield entry
        return
    for path in sorted(entry.rglob("*")):
        if path.is_symlink() or (path.is_file() and not path.name.endswith(_ENDINGS)):
            yield path


@contextmanager
def put_in_place(to: Path) -> Iterator[Path]:
    """An empty folder beside `to` to write the sources into; they replace those in `to` if all went well.

    If anything fails, `to` is as it was. Only the folders named as sources are ever replaced.
    """
    to.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=f".{to.name}.", dir=to.parent))
    try:
        fresh, former = aside / "fresh", aside / "former"
        fresh.mkdir()
        former.mkdir()
        yield fresh
        to.mkdir(exist_ok=True)
        _swap(fresh, to, former)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _swap(fresh: Path, to: Path, former: Path) -> None:
    """Move the sources from `fresh` to `to`, and those that were there to `former`; undone if it fails half-way."""
    with ExitStack() as undo:
        for source in SOURCES:
            if (to / source).exists():
                (to / source).rename(former / source)
                undo.callback((former / source).rename, to / source)
        for source in (name for name in SOURCES if (fresh / name).exists()):
            (fresh / source).rename(to / source)
            undo.callback((to / source).rename, fresh / source)
        undo.pop_all()


class SourceFiles:
    """Files under `root` that are appended to; a context manager that closes them.

    A file is known by its name from `root` on, without its ending. Where that has a place for `{part}`, a full file is
    followed by the next part.
    """

    def __init__(self, root: Path, sources: Iterable[str]) -> None:
        """Files of these sources under `root`, an empty folder."""
        self._root = root
        self._open: dict[str, Any] = {}
        self._in_file: Counter[str] = Counter()
        self._part: Counter[str] = Counter()
        #: Rows written so far, by source.
        self.rows = dict.fromkeys(sources, 0)
        for source in self.rows:
            (root / source).mkdir()

    def __enter__(self) -> SourceFiles:
        return self

    def __exit__(self, *error: object) -> None:
        for writer in self._open.values():
            writer.close()

    def add_table(self, name: str, rows: pa.Table) -> None:
        """Append rows to a Parquet file; all rows of one name have the same schema."""
        if not rows.num_rows:
            return
        if name not in self._open:
            self._open[name] = pq.ParquetWriter(self._path(name, ".parquet"), rows.schema, compression="zstd")
        self._open[name].write_table(rows)
        self._count(name, rows.num_rows)

    def add_lines(self, name: str, lines: pa.Array, *, packed: bool) -> None:
        """Append texts, each with its line feed, to a file of JSON lines, packed with gzip or not."""
        if not len(lines):
            return
        if name not in self._open:
            path = self._path(name, ".jsonl.gz" if packed else ".jsonl")
            # Without a time in its header: the same rows give the same bytes.
            self._open[name] = gzip.GzipFile(path, "wb", _GZIP_LEVEL, mtime=0) if packed else path.open("wb")
        self._open[name].write(line_bytes(lines))
        self._count(name, len(lines))

    def _path(self, name: str, ending: str) -> Path:
        path = self._root / (name.format(part=self._part[name]) + ending)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def _count(self, name: str, rows: int) -> None:
        self.rows[name.split("/")[0]] += rows
        self._in_file[name] += rows
        if self._in_file[name] >= ROWS_PER_FILE and "{part}" in name:
            self._open.pop(name).close()
            self._in_file[name] = 0
            self._part[name] += 1
