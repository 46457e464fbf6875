"""What is found in a folder: its files, the tables that they are, and a sample of each one's rows."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

#: What tells the files of one table apart.
NOISE = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{16,}|\d+", re.IGNORECASE)


@dataclass(frozen=True)
class Text:
    """How a CSV or JSON file is written."""

    encoding: str = "utf-8"
    delimiter: str = ","
    quote: str = '"'
    #: The names of its columns, where the file does not begin with them.
    header: tuple[str, ...] = ()


@dataclass(frozen=True)
class Table:
    """Files that are one table, and a sample of its rows."""

    format: str
    files: tuple[str, ...]
    #: As `path` in sources.toml names them.
    paths: tuple[str, ...]
    size: int
    #: Column (nested ones with dots, those of folder names too) -> values; empty ones are None.
    columns: Mapping[str, Sequence[Any]]
    #: Of each row, the number of its file.
    file_of: Sequence[int]
    text: Text = Text()
    #: Whether the ends of the names do not say the format.
    is_untold: bool = False

    @property
    def name(self) -> str:
        """How it is told of."""
        return self.paths[0] if len(self.paths) == 1 else f"{self.paths[0]} and {len(self.paths) - 1} more"

    @property
    def rows(self) -> int:
        """Rows of the sample."""
        return len(self.file_of)


@dataclass
class Found:
    """What a folder holds."""

    place: str
    tables: list[Table] = field(default_factory=list)
    #: File or folder -> why it is not read.
    problems: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class File:
    """A file that may be part of a table."""

    name: str
    size: int
    format: str
    packing: str
    #: The folder of the Delta table that it belongs to.
    table: str = ""

    @cached_property
    def pattern(self) -> tuple[str, str]:
        """Folder and name without what tells the files of one table apart."""
        if self.format == "delta":
            return self.table, "*"
        folder, _, name = self.name.rpartition("/")
        stem = name.split(".")[0]
        folders = "/".join(
            f"{part.split('=')[0]}=*" if "=" in part else NOISE.sub("*", part) for part in folder.split("/")
        )
        return folders, re.sub(r"\*(?:[-_. ]*\*)+", "*", NOISE.sub("*", stem))
