"""First step: which files a source has.

By default they are looked up recursively under `<root>/<source>`, or lie beside as `<root>/<source>.<ending>`; `sources.toml`
names other places. Names that begin with `_` or `.` are other systems' leftovers and are skipped, folders so named too. A file
counts by the end of its name; what else there is, is reported, and so is what cannot be looked at (guard.py). Of a Delta table
those files count that its log names.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO
from urllib.parse import unquote

from dagster import ConfigurableResource
from pydantic import Field

from engagement_assets.domain.source_mapping import Format, SourceMapping, SourceMappings
from engagement_assets.lake.foreign import ForeignTableError, delta_files
from engagement_assets.lake.stores import file_system
from engagement_assets.settings import Settings, is_url, local_path, read_mappings
from engagement_assets.sources.formats import format_of, packing_of


class SourceChangedError(RuntimeError):
    """A source file went away or changed while it was read; the message names it. Nothing was published."""


@dataclass(frozen=True)
class SourceFile:
    """A file of a source: full path, path relative to the root, bytes, and what tells two versions of that size apart."""

    path: str
    name: str
    size: int
    version: str
    format: Format = "parquet"
    #: Columns that stand in the names of folders (`month=2024-01`), or in the log of the table that the file is of.
    partition: tuple[tuple[str, str], ...] = ()

    @property
    def packing(self) -> str | None:
        """How the file is packed: gzip, bz2, zstd, or not at all."""
        return None if self.format == "parquet" else packing_of(self.name)

    @property
    def state(self) -> str:
        """What tells its versions apart, to be kept."""
        return f"{self.size}:{self.version}"

    def changed(self, what: str) -> SourceChangedError:
        """The error for a file that is not what it was."""
        return SourceChangedError(
            f"{self.path} {what} while the source was read; nothing of it was published: run again when no file is being "
            "written"
        )


def hash_of(files: Iterable[SourceFile]) -> str:
    """Changes when any of the files is added, removed or changed."""
    text = json.dumps(sorted((file.name, file.size, file.version) for file in files))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass
class Listing:
    """What there is of a source: its files, and the names of others; all relative to the root."""

    files: list[SourceFile] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
    #: What cannot be looked at, with the reason.
    problems: dict[str, str] = field(default_factory=dict)
    #: Delta tables, whose logs say which files count.
    tables: list[str] = field(default_factory=list)
    #: Names of files that belong to others, on which the source's rows depend.
    beside: set[str] = field(default_factory=set)


#: Path below the root, full path, size (None: no file of bytes), and what tells two versions of that size apart.
_Entry = tuple[str, str, int | None, str]
_Inode = tuple[int, int]

_GLOB = re.compile(r"[*?]")

#: What a folder holds that is a table of another system -> how a message begins that refuses it.
_ICEBERG = (
    "is an Iceberg table, whose own log says which of its files count; write it out as plain files or as a Delta table, and name "
    "their folder"
)


class SourcesResource(ConfigurableResource):
    """The source files under `root` (local folder or object-store URL), as `mappings_file` says what they are called.

    `accept_missing` names the sources of which less than before is meant (sources/guard.py), for one run.
    """

    root: str = Field(default="", description="none: the root and the mappings of the settings")
    mappings_file: str | None = Field(
        default=None, description="what files and columns are called; none: as by default"
    )
    accept_missing: list[str] = Field(
        default_factory=list, description="sources of which less than before is found, and that is meant"
    )

    @classmethod
    def of(cls, settings: Settings, accept_missing: Iterable[str] = ()) -> SourcesResource:
        """The sources that the settings name."""
        return cls(root=settings.data, mappings_file=settings.sources, accept_missing=list(accept_missing))

    @property
    def location(self) -> str:
        """The root as an absolute path or URL, without a slash at its end."""
        return self.root.rstrip("/") if is_url(self.root) else str(local_path(self.root))

    @property
    def mappings(self) -> SourceMappings | None:
        """What `sources.toml` says; None where there is none."""
        return None if self.mappings_file is None else read_mappings(self.mappings_file)

    def mapping(self, source: str) -> SourceMapping | None:
        """What `sources.toml` says of a source; None where the names of the README hold."""
        found: SourceMapping | None = getattr(self.mappings, source, None)
        return found

    def place(self, source: str) -> str:
        """Where the files of a source are looked up, for messages."""
        mapping = self.mapping(source)
        if mapping is None:
            return f"{self.location}/{source}"
        if not mapping.path:
            return " and ".join(self.place(seen) for seen in mapping.first_seen_in)
        return " and ".join(f"{self.location}/{path}" for path in mapping.path)

    def find(self, source: str) -> list[SourceFile]:
        """The files of a source in the order of their names; none if its folder does not exist."""
        return self.look_up(source).files

    def look_up(self, source: str) -> Listing:
        """What is in the places of a source. Links are followed; one that leads into a circle is left out."""
        found = Listing()
        if self.mappings is None:
            self._collect(source, None, found)
            if not found.files and not found.problems:
                self._collect(f"{source}.*", None, found)
        elif (mapping := self.mapping(source)) is not None:
            self._collect_all(mapping.path, mapping.format, found)
            others = [self.look_up(seen) for seen in mapping.first_seen_in]
            others += [self.look_up_paths(join.path, join.format) for join in mapping.joins.values()]
            found.beside = {file.name for each in others for file in each.files} - {file.name for file in found.files}
            for each in others:
                found.files += each.files
                found.tables += each.tables
                found.problems |= each.problems
        found.files = sorted({file.name: file for file in found.files}.values(), key=lambda file: file.path)
        found.ignored = sorted(set(found.ignored))
        return found

    def look_up_paths(self, paths: Sequence[str], kind: Format | None) -> Listing:
        """What is in some places below the root."""
        found = Listing()
        self._collect_all(paths, kind, found)
        found.files = sorted({file.name: file for file in found.files}.values(), key=lambda file: file.path)
        return found

    def _collect_all(self, paths: Sequence[str], kind: Format | None, found: Listing) -> None:
        for path in paths:
            self._collect(path.strip("/").removeprefix("./"), kind, found)

    def _collect(self, pattern: str, kind: Format | None, found: Listing) -> None:
        """Add what a path below the root, or a pattern of paths, stands for."""
        fixed = pattern.split("/")
        while any(_GLOB.search(part) for part in fixed):
            fixed.pop()
        base = "" if fixed == ["."] else "/".join(fixed)
        matches = _as_regex(pattern).fullmatch if _GLOB.search(pattern) else None
        tables: dict[str, str] = {}
        remote, place = is_url(self.root), f"{self.location}/{base}".rstrip("/")
        for below, path, size, version in (
            self._remote(place, base, tables) if remote else _local(place, base, found, tables)
        ):
            name = _printable(below)
            if matches is not None and not matches(name):
                continue
            named = format_of(name) if kind in (None, "delta") else kind
            if size is None or named is None:
                found.ignored.append(name)
            else:
                found.files.append(SourceFile(path, name, size, version, named, _partition_of(name)))
        for table, full in tables.items():
            if matches is None or matches(_printable(table)) or matches(_printable(f"{table}/part.parquet")):
                self._of_log(table, full, found)

    def _of_log(self, table: str, full: str, found: Listing) -> None:
        """Add the files of a Delta table, by its log."""
        name = _printable(table)
        found.tables.append(name)
        try:
            for file in delta_files(full):
                version = str(file.added)
                path = f"{full}/{file.path}"
                below = f"{name}/{_printable(file.path)}".lstrip("/")
                found.files.append(SourceFile(path, below, file.size, version, "parquet", file.partition))
        except ForeignTableError as error:
            found.problems[name] = f"is a Delta table that {error}"

    def _remote(self, place: str, base: str, tables: dict[str, str]) -> Iterator[_Entry]:
        files, folder = file_system(place)
        listed = files.find(folder, detail=True) if files.exists(folder) else {}
        logs = {path.split("/_delta_log/")[0] for path in listed if "/_delta_log/" in path}
        for table in logs:
            below = table[len(folder) :].strip("/")
            tables[f"{base}/{below}".strip("/")] = files.unstrip_protocol(table)
        for path, info in listed.items():
            relative = PurePosixPath(path).relative_to(PurePosixPath(folder))
            hidden = any(part.startswith(("_", ".")) for part in relative.parts)
            if not hidden and not any(path.startswith(f"{table}/") for table in logs):
                version = info.get("ETag") or info.get("mtime") or info.get("LastModified") or ""
                below = base if str(relative) == "." else f"{base}/{relative}".lstrip("/")
                yield below, files.unstrip_protocol(path), int(info["size"] or 0), str(version)

    def open(self, file: SourceFile) -> IO[bytes]:
        """The bytes of a file. By its file system, not by its URL: a name with `*` or `::` in it is a name here."""
        files, _ = file_system(self.location)
        stream: IO[bytes] = files.open(files._strip_protocol(file.path) if is_url(self.root) else file.path, "rb")
        return stream

    def require_unchanged(self, source: str, files: Iterable[SourceFile]) -> None:
        """Raise SourceChangedError if a file is not what it was when it was looked at. New files wait for the next run."""
        now = {file.name: file for file in self.find(source)}
        for file in files:
            if file.name not in now:
                raise file.changed("went away")
            if now[file.name].state != file.state:
                raise file.changed("was changed")


def _as_regex(pattern: str) -> re.Pattern[str]:
    """A pattern of paths as a regular expression: `*` and `?` stay within a name, `**/` stands for any folders."""
    text = (
        re.escape(pattern)
        .replace(r"\*\*/", "(?:.*/)?")
        .replace(r"\*\*", ".*")
        .replace(r"\*", "[^/]*")
        .replace(r"\?", "[^/]")
    )
    return re.compile(text, re.DOTALL)


def _partition_of(name: str) -> tuple[tuple[str, str], ...]:
    """The columns that stand in the names of a file's folders."""
    pairs = (part.split("=", 1) for part in name.split("/")[:-1] if "=" in part)
    return tuple((key, unquote(value)) for key, value in pairs)


def _local(place: str, base: str, found: Listing, tables: dict[str, str]) -> Iterator[_Entry]:
    """The file at a local place, or the files below it."""
    path = Path(place)
    if path.is_file():
        state = path.stat()
        yield base, place, state.st_size, str(state.st_mtime)
    else:
        yield from _walk(path, base, found, tables)


def _walk(
    folder: Path, relative: str, found: Listing, tables: dict[str, str], above: frozenset[_Inode] = frozenset()
) -> Iterator[_Entry]:
    """The files below a local folder; what cannot be looked at goes to `found`, Delta tables go to `tables`."""
    try:
        state = folder.stat()
        inside = above | {(state.st_dev, state.st_ino)}
        with os.scandir(folder) as listed:
            entries = sorted(listed, key=lambda entry: entry.name)
    except FileNotFoundError:
        if folder.is_symlink():
            found.problems[_printable(relative)] = "is a link that leads nowhere"
        return
    except OSError as error:
        found.problems[_printable(relative)] = f"cannot be listed ({error.strerror})"
        return
    if any(entry.name == "_delta_log" for entry in entries):
        tables[relative] = str(folder)
        return
    if (folder / "metadata").is_dir() and any((folder / "metadata").glob("*.metadata.json")):
        found.problems[_printable(relative)] = _ICEBERG
        return
    for entry in entries:
        if entry.name.startswith(("_", ".")):
            continue
        below = f"{relative}/{entry.name}".lstrip("/")
        try:
            state = entry.stat()
        except FileNotFoundError:
            found.problems[_printable(below)] = "is a link that leads nowhere"
            continue
        except OSError as error:
            found.problems[_printable(below)] = f"cannot be looked at ({error.strerror})"
            continue
        if stat.S_ISDIR(state.st_mode):
            if (state.st_dev, state.st_ino) in inside:  # a link into a circle
                yield below, entry.path, None, ""
            else:
                yield from _walk(Path(entry.path), below, found, tables, inside)
        elif stat.S_ISREG(state.st_mode):
            yield below, entry.path, state.st_size, str(state.st_mtime)
        else:  # a pipe would be waited for without end
            yield below, entry.path, None, ""


def _printable(name: str) -> str:
    """A name that can be written anywhere: bytes that are no UTF-8 are told by their numbers."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")
