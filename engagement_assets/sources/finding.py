"""Where the source files are, what is in them, and how they are read.

Files are looked up recursively under `<root>/<source>`; names that begin with `_` or `.` are other systems' leftovers and
are skipped, folders so named too. Each file is looked at before an engine reads it. Parquet files of one source may differ in
their columns' types: files of the same types are read together, and each group is converted by itself.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial, reduce
from pathlib import Path, PurePosixPath
from typing import IO, Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq
from dagster import ConfigurableResource
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from engagement_assets.domain.contracts.sources import SOURCE_COLUMNS
from engagement_assets.lake.stores import file_system
from engagement_assets.settings import is_url, local_path
from engagement_assets.sources import copies
from engagement_assets.sources.files import (
    SourceFile,
    TextNote,
    UnreadableFileError,
    decode_parquet,
    look_at_parquet,
    scan_text,
)
from engagement_assets.sources.inspecting import Inspection, ParquetGroup, is_read_directly, kind_of
from engagement_assets.transforms.conversions import Kind

_ENDINGS = {
    "customers": (".parquet",),
    "orders": (".parquet",),
    "web_events": tuple(f".{kind}{packed}" for kind in ("json", "jsonl", "ndjson") for packed in ("", ".gz")),
}

#: From how many files on a row's origin is told by folder, and from how many folders on by source: one read per origin.
_MOST_ORIGINS = 40

#: Files looked at at the same time.
_LOOKS = 8

#: What is known of text files that were read to their end: path relative to the root -> version of the file, note.
Notes = MutableMapping[str, tuple[str, TextNote]]

T = TypeVar("T")


class SourceSchemaError(ValueError):
    """A source file lacks a required column, or has it twice; the message says which."""


class SourceChangedError(RuntimeError):
    """A source file went away or changed while it was read; the message names it. Nothing was published."""


class SourcesResource(ConfigurableResource):
    """The source files under `root` (local folder or object-store URL)."""

    root: str

    @property
    def location(self) -> str:
        """The root as an absolute path or URL, without a slash at its end."""
        return self.root.rstrip("/") if is_url(self.root) else str(local_path(self.root))

    def find(self, source: str) -> list[SourceFile]:
        """The files of a source in the order of their names; none if its folder does not exist."""
        return self._walk(source)[0]

    def _walk(self, source: str) -> tuple[list[SourceFile], list[str]]:
        """The files of a source, and the names of those that are none by their ending, or are no files."""
        files, base = file_system(f"{self.location}/{source}")
        found: list[SourceFile] = []
        ignored: list[str] = []
        if not files.exists(base):
            return found, ignored
        for path, info in sorted(files.find(base, detail=True).items()):
            name = PurePosixPath(path).relative_to(PurePosixPath(base))
            if any(part.startswith(("_", ".")) for part in name.parts):
                continue
            is_link = bool(info.get("islink"))
            # Pipes would be waited for without end, and links to folders could lead anywhere, also in circles.
            is_file = info.get("type", "file") == "file" or (is_link and Path(path).is_file())
            if not is_file or not path.lower().endswith(_ENDINGS[source]):
                ignored.append(_printable(f"{source}/{name}"))
                continue
            if is_link:  # what counts is the file that it leads to
                info = {"size": Path(path).stat().st_size, "mtime": Path(path).stat().st_mtime}
            version = info.get("ETag") or info.get("mtime") or info.get("LastModified") or ""
            full = files.unstrip_protocol(path) if is_url(self.root) else path
            found.append(SourceFile(full, _printable(f"{source}/{name}"), int(info["size"] or 0), str(version)))
        return found, ignored

    def open(self, file: SourceFile) -> IO[bytes]:
        """The bytes of a file. By its file system, not by its URL: a name with `*` or `::` in it is a name here."""
        files, _ = file_system(self.location)
        stream: IO[bytes] = files.open(files._strip_protocol(file.path) if is_url(self.root) else file.path, "rb")
        return stream

    # ---- before reading ----------------------------------------------------------------------------------------------

    def inspect(self, source: str, known: Notes | None = None) -> Inspection:
        """Look at each file of a source before it is read.

        `known` holds what was found of text files before; a file of the same version is not read again, and what is found
        now is put there. Raises SourceSchemaError for a missing required column.
        """
        found, ignored = self._walk(source)
        inspection = Inspection(source, tuple(found), ignored=tuple(ignored))
        if source == "web_events":
            return self._inspect_text(inspection, {} if known is None else known)
        return self._inspect_parquet(inspection)

    def _look(self, file: SourceFile, how: Callable[[IO[bytes]], T]) -> T:
        """What `how` finds in a file; raises UnreadableFileError, or SourceChangedError if the file is gone."""
        try:
            with self.open(file) as stream:
                return how(stream)
        except FileNotFoundError:
            raise _changed(file, "went away") from None
        except OSError as error:
            raise UnreadableFileError(f"it cannot be opened ({error.strerror or type(error).__name__})") from None

    def _inspect_text(self, inspection: Inspection, known: Notes) -> Inspection:
        def look(file: SourceFile) -> TextNote:
            version = f"{file.size}:{file.version}"
            before = known.get(file.name)
            if before is not None and before[0] == version:
                return before[1]
            try:
                note = self._look(file, partial(scan_text, packed=file.is_packed))
            except UnreadableFileError as error:
                return TextNote(0, problem=str(error))  # not remembered: rights may change, and the file does not
            known[file.name] = version, note
            return note

        with ThreadPoolExecutor(_LOOKS) as pool:
            notes = dict(zip((file.name for file in inspection.files), pool.map(look, inspection.files), strict=True))
        for name in set(known) - set(notes):
            del known[name]
        return replace(
            inspection,
            notes={name: note for name, note in notes.items() if note.problem is None},
            unreadable={name: note.problem for name, note in notes.items() if note.problem is not None},
        )

    def _inspect_parquet(self, inspection: Inspection) -> Inspection:
        def look(file: SourceFile) -> tuple[pa.Schema, pq.FileMetaData] | UnreadableFileError:
            try:
                return self._look(file, partial(look_at_parquet, size=file.size))
            except UnreadableFileError as error:
                return error

        with ThreadPoolExecutor(_LOOKS) as pool:
            looks = list(zip(inspection.files, pool.map(look, inspection.files), strict=True))
        groups: dict[Any, ParquetGroup] = {}
        unreadable = {}
        types: set[tuple[str, str]] = set()
        for file, seen in looks:
            if isinstance(seen, UnreadableFileError):
                unreadable[file.name] = str(seen)
                continue
            schema, footer = seen
            self._require_columns(inspection.source, file, schema.names)
            types |= {(column.name, str(column.type)) for column in schema}
            found = {n: schema.field(n).type for n in SOURCE_COLUMNS[inspection.source] if n in schema.names}
            copied = not is_read_directly(file, schema, footer, found)
            columns = {name: copies.copied_type(kind) if copied else kind for name, kind in found.items()}
            kinds = {name: kind_of(kind) for name, kind in found.items()}
            key = (tuple(columns.items()), tuple(kinds.items()))
            groups[key] = groups.get(key, ParquetGroup(columns, kinds)).with_file(file, footer.num_rows, copied)
        return replace(inspection, groups=tuple(groups.values()), unreadable=unreadable, types=tuple(sorted(types)))

    def _require_columns(self, source: str, file: SourceFile, found: Sequence[str]) -> None:
        missing = [name for name, required in SOURCE_COLUMNS[source].items() if required and name not in found]
        repeated = [name for name in SOURCE_COLUMNS[source] if found.count(name) > 1]
        if not missing and not repeated:
            return
        listed = ", ".join(f"'{name}'" for name in missing or repeated)
        raise SourceSchemaError(
            f"{source}: column {listed} is {'missing' if missing else 'there twice'} in {file.path} "
            f"(found: {', '.join(found)}); {'rename' if missing else 'drop'} the column in the file "
            "or take the file out of the folder"
        )

    # ---- reading -----------------------------------------------------------------------------------------------------

    def read_parquet(
        self, spark: SparkSession, inspection: Inspection, scratch: str
    ) -> Iterator[tuple[DataFrame, dict[str, Kind]]]:
        """Each group of files as a frame with the source's columns (missing optional ones null) and source_path.

        Copies of files that an engine cannot read are put under `scratch`.
        """
        wanted = SOURCE_COLUMNS[inspection.source]
        origins = _origins(inspection)
        for group in inspection.groups:
            # An explicit schema: an engine that has to find it out refuses types in columns that nobody asked for.
            schema = ", ".join(f"`{name}` {copies.spark_type(kind)}" for name, kind in group.columns.items())
            kinds: dict[str, Kind] = {name: group.kinds.get(name, "text") for name in wanted}
            columns = [
                F.col(name) if name in group.columns else F.lit(None).cast("string").alias(name) for name in wanted
            ]
            copy = partial(copies.copy_parquet, columns=list(group.columns))
            parts = []
            for origin, files in _by_origin(group.files, origins).items():
                paths = [
                    self._copy(file, scratch, ".parquet", copy) if file.name in group.copied else file.path
                    for file in files
                ]
                frame = spark.read.schema(schema).parquet(*paths)
                parts.append(frame.select(*columns, F.lit(origin).alias("source_path")))
            yield reduce(DataFrame.unionAll, parts), kinds

    def read_lines(self, spark: SparkSession, inspection: Inspection, scratch: str) -> DataFrame | None:
        """The lines of text files as a frame with `value` and source_path; None where there are none.

        One frame, so that what is done with it is planned once. Copies of files that an engine cannot read are put under
        `scratch`.
        """
        origins = _origins(inspection)
        readable = [file for file in inspection.files if file.name in inspection.notes and file.size > 0]
        copied = [
            file for file in readable if not inspection.notes[file.name].is_utf8 or not copies.has_plain_name(file)
        ]
        direct = [file for file in readable if file not in copied]
        # Sail reads no plain and packed files together.
        groups = [[f for f in direct if not f.is_packed], [f for f in direct if f.is_packed], copied]
        parts = []
        for group in groups:
            for origin, files in _by_origin(group, origins).items():
                paths = [file.path for file in files]
                if group is copied:
                    paths = [
                        self._copy(file, scratch, ".txt", partial(copies.copy_text, packed=file.is_packed))
                        for file in files
                    ]
                lines = spark.read.text(paths, lineSep="\n")
                parts.append(lines.select("value", F.lit(origin).alias("source_path")))
        return reduce(DataFrame.unionAll, parts) if parts else None

    def _copy(self, file: SourceFile, scratch: str, ending: str, how: Callable[[IO[bytes], IO[bytes]], None]) -> str:
        # Named by a number of its name's, not by its name, which may hold anything.
        name = hashlib.sha256(file.name.encode("utf-8", "surrogateescape")).hexdigest()[:32]
        target = f"{scratch}/copies/{name}{ending}"
        files, path = file_system(target)
        files.makedirs(path.rsplit("/", 1)[0], exist_ok=True)
        with self.open(file) as source, files.open(path, "wb") as copy:
            how(source, copy)
        return target

    # ---- after reading -----------------------------------------------------------------------------------------------

    def require_unchanged(self, inspection: Inspection) -> None:
        """Raise SourceChangedError if a file is not what it was when it was looked at. New files wait for the next run."""
        now = {file.name: file for file in self.find(inspection.source)}
        for file in inspection.files:
            if file.name not in now:
                raise _changed(file, "went away")
            if (now[file.name].size, now[file.name].version) != (file.size, file.version):
                raise _changed(file, "was changed")

    def damaged(self, inspection: Inspection) -> dict[str, str]:
        """Files that looked well and cannot be read all the same, with the reason: each is read to its end.

        For the case that an engine gave up; raises SourceChangedError if a file is not what it was.
        """
        self.require_unchanged(inspection)
        wanted = list(SOURCE_COLUMNS[inspection.source])
        found = {}
        for file in (file for group in inspection.groups for file in group.files):
            try:
                self._look(file, partial(decode_parquet, columns=wanted))
            except UnreadableFileError as error:
                found[file.name] = str(error)
        for file in (file for file in inspection.files if file.name in inspection.notes):
            note = self._look(file, partial(scan_text, packed=file.is_packed))
            if note.problem is not None:
                found[file.name] = note.problem
        return found


def _printable(name: str) -> str:
    """A name that can be written anywhere: bytes that are no UTF-8 are told by their numbers."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def _changed(file: SourceFile, what: str) -> SourceChangedError:
    return SourceChangedError(
        f"{file.path} {what} while the source was read; nothing of it was published: run again when no file is being written"
    )


def _origins(inspection: Inspection) -> str:
    """How a row's origin is told: by file, by folder where there are many files, by source where there are many folders."""
    if len(inspection.files) <= _MOST_ORIGINS:
        return "file"
    folders = {str(PurePosixPath(file.name).parent) for file in inspection.files}
    return "folder" if len(folders) <= _MOST_ORIGINS else "source"


def _by_origin(files: Sequence[SourceFile], origins: str) -> dict[str, list[SourceFile]]:
    grouped: dict[str, list[SourceFile]] = defaultdict(list)
    for file in files:
        folder = str(PurePosixPath(file.name).parent)
        grouped[{"file": file.name, "folder": folder, "source": file.name.split("/")[0]}[origins]].append(file)
    return grouped
