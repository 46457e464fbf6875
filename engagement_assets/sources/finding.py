"""First step: which files a source has.

Files are looked up recursively under `<root>/<source>`; names that begin with `_` or `.` are other systems' leftovers and
are skipped, folders so named too. A file counts by the end of its name; what else there is, is reported, and so is what cannot
be looked at (guard.py).
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO

from dagster import ConfigurableResource
from pydantic import Field

from engagement_assets.lake.stores import file_system
from engagement_assets.settings import is_url, local_path
from engagement_assets.sources.registry import SOURCES


class SourceChangedError(RuntimeError):
    """A source file went away or changed while it was read; the message names it. Nothing was published."""


@dataclass(frozen=True)
class SourceFile:
    """A file of a source: full path, path relative to the root, bytes, and what tells two versions of that size apart."""

    path: str
    name: str
    size: int
    version: str

    @property
    def is_packed(self) -> bool:
        """Whether it is gzip."""
        return self.name.lower().endswith(".gz")

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
    """What a source's folder holds: its files, and the names of others."""

    files: list[SourceFile] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
    #: What cannot be looked at, with the reason; what is a table with a log of its own, with its kind.
    problems: dict[str, str] = field(default_factory=dict)
    tables: dict[str, str] = field(default_factory=dict)
    #: Files beside the source's folder that have its name.
    beside: list[str] = field(default_factory=list)


#: Path below the source's folder, full path, size (None: no file of bytes), and what tells two versions of that size apart.
_Entry = tuple[str, str, int | None, str]
_Inode = tuple[int, int]


class SourcesResource(ConfigurableResource):
    """The source files under `root` (local folder or object-store URL).

    `accept_missing` names the sources of which less than before is meant (sources/guard.py), for one run.
    """

    root: str
    accept_missing: list[str] = Field(
        default_factory=list, description="sources of which less than before is found, and that is meant"
    )

    @property
    def location(self) -> str:
        """The root as an absolute path or URL, without a slash at its end."""
        return self.root.rstrip("/") if is_url(self.root) else str(local_path(self.root))

    def find(self, source: str) -> list[SourceFile]:
        """The files of a source in the order of their names; none if its folder does not exist."""
        return self.look_up(source).files

    def look_up(self, source: str) -> Listing:
        """What is in the folder of a source and below. Links are followed; one that leads into a circle is left out."""
        base = f"{self.location}/{source}"
        found = Listing()
        entries = self._remote(base) if is_url(self.root) else _walk(Path(base), "", found)
        for relative, path, size, version in entries:
            name = _printable(f"{source}/{relative}" if relative else source)
            if size is None or not path.lower().endswith(SOURCES[source].files.endings):
                found.ignored.append(name)
            else:
                found.files.append(SourceFile(path, name, size, version))
        found.files.sort(key=lambda file: file.path)
        found.ignored.sort()
        for told in (found.problems, found.tables):
            for name in list(told):
                told[_printable(f"{source}/{name}".rstrip("/"))] = told.pop(name)
        if not is_url(self.root):
            found.beside = sorted(path.name for path in Path(self.location).glob(f"{source}.*") if path.is_file())
        return found

    def _remote(self, base: str) -> Iterator[_Entry]:
        files, folder = file_system(base)
        for path, info in files.find(folder, detail=True).items() if files.exists(folder) else ():
            relative = PurePosixPath(path).relative_to(PurePosixPath(folder))
            if not any(part.startswith(("_", ".")) for part in relative.parts):
                version = info.get("ETag") or info.get("mtime") or info.get("LastModified") or ""
                yield str(relative), files.unstrip_protocol(path), int(info["size"] or 0), str(version)

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


def _walk(folder: Path, relative: str, found: Listing, above: frozenset[_Inode] = frozenset()) -> Iterator[_Entry]:
    """The files below a local folder; what cannot be looked at, or is a table of its own, goes to `found`."""
    try:
        state = folder.stat()
        inside = above | {(state.st_dev, state.st_ino)}
        with os.scandir(folder) as listed:
            entries = sorted(listed, key=lambda entry: entry.name)
    except FileNotFoundError:
        if folder.is_symlink():
            found.problems[relative] = "is a link that leads nowhere"
        return
    except OSError as error:
        found.problems[relative] = f"cannot be listed ({error.strerror})"
        return
    if any(entry.name == "_delta_log" for entry in entries):
        found.tables[relative] = "a Delta"
        return
    if (folder / "metadata").is_dir() and any((folder / "metadata").glob("*.metadata.json")):
        found.tables[relative] = "an Iceberg"
        return
    for entry in entries:
        if entry.name.startswith(("_", ".")):
            continue
        below = f"{relative}/{entry.name}".lstrip("/")
        try:
            state = entry.stat()
        except FileNotFoundError:
            found.problems[below] = "is a link that leads nowhere"
            continue
        except OSError as error:
            found.problems[below] = f"cannot be looked at ({error.strerror})"
            continue
        if stat.S_ISDIR(state.st_mode):
            if (state.st_dev, state.st_ino) in inside:  # a link into a circle
                yield below, entry.path, None, ""
            else:
                yield from _walk(Path(entry.path), below, found, inside)
        elif stat.S_ISREG(state.st_mode):
            yield below, entry.path, state.st_size, str(state.st_mtime)
        else:  # a pipe would be waited for without end
            yield below, entry.path, None, ""


def _printable(name: str) -> str:
    """A name that can be written anywhere: bytes that are no UTF-8 are told by their numbers."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")
