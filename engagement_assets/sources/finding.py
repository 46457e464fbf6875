"""First step: which files a source has.

Files are looked up recursively under `<root>/<source>`; names that begin with `_` or `.` are other systems' leftovers and
are skipped, folders so named too. A file counts by the end of its name; what else there is, is reported.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from dagster import ConfigurableResource

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


class SourcesResource(ConfigurableResource):
    """The source files under `root` (local folder or object-store URL)."""

    root: str

    @property
    def location(self) -> str:
        """The root as an absolute path or URL, without a slash at its end."""
        return self.root.rstrip("/") if is_url(self.root) else str(local_path(self.root))

    def find(self, source: str) -> list[SourceFile]:
        """The files of a source in the order of their names; none if its folder does not exist."""
        return self.look_up(source)[0]

    def look_up(self, source: str) -> tuple[list[SourceFile], list[str]]:
        """The files of a source, and the names of those that are none by their ending, or are no files."""
        files, base = file_system(f"{self.location}/{source}")
        found: list[SourceFile] = []
        ignored: list[str] = []
        if not files.exists(base):
            return found, ignored
        for path, info in sorted(files.find(base, detail=True).items()):
            relative = PurePosixPath(path).relative_to(PurePosixPath(base))
            if any(part.startswith(("_", ".")) for part in relative.parts):
                continue
            name = _printable(f"{source}/{relative}")
            is_link = bool(info.get("islink"))
            # Pipes would be waited for without end, and links to folders could lead anywhere, also in circles.
            is_file = info.get("type", "file") == "file" or (is_link and Path(path).is_file())
            if not is_file or not path.lower().endswith(SOURCES[source].files.endings):
                ignored.append(name)
                continue
            if is_link:  # what counts is the file that it leads to
                info = {"size": Path(path).stat().st_size, "mtime": Path(path).stat().st_mtime}
            version = info.get("ETag") or info.get("mtime") or info.get("LastModified") or ""
            full = files.unstrip_protocol(path) if is_url(self.root) else path
            found.append(SourceFile(full, name, int(info["size"] or 0), str(version)))
        return found, ignored

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


def _printable(name: str) -> str:
    """A name that can be written anywhere: bytes that are no UTF-8 are told by their numbers."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")
