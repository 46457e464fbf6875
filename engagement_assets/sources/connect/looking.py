"""First step: which tables a folder holds, and a sample of each one's rows.

Files belong to one table when their names differ in numbers only, or when they lie side by side and have the same columns.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from engagement_assets.lake.stores import file_system
from engagement_assets.settings import is_url, local_path
from engagement_assets.sources.connect.found import NOISE, File, Found, Table
from engagement_assets.sources.connect.sampling import sample
from engagement_assets.sources.formats import format_of, packing_of

#: Endings that do not say the format to the reading, and probably tell it.
_PROBABLY = {
    **dict.fromkeys(("parq", "pq"), "parquet"),
    **dict.fromkeys(("txt", "psv", "tab", "tbl"), "csv"),
}

#: Files that hold tables but are not read -> what to do.
_OTHERS = {
    **dict.fromkeys(("xlsx", "xls", "ods"), "a workbook; save its sheet as CSV"),
    **dict.fromkeys(("avro", "orc", "feather", "arrow"), "not read; write it as Parquet"),
    **dict.fromkeys(("zip", "tar", "7z", "rar", "tgz"), "an archive; unpack it"),
    **dict.fromkeys(("db", "sqlite", "sqlite3", "duckdb", "sql"), "a database; export its tables as Parquet or CSV"),
}

#: Other endings of files that are no tables.
_NO_TABLES = re.compile(
    r"md|pdf|png|jpe?g|gif|svg|html?|xml|ya?ml|toml|ini|cfg|py|ipynb|sh|docx?|pptx?|crc|lock|css|js"
)


class NothingFoundError(ValueError):
    """A folder holds nothing that can be connected; the message says what it holds and what to do."""


def look(place: str) -> Found:
    """The tables in a folder, or the one that a single file is. Raises NothingFoundError."""
    folder, only = _folder(place)
    found = Found(folder)
    files = list(_files(folder, found))
    if only:
        files = [file for file in files if file.name == only]
        found.problems = {name: why for name, why in found.problems.items() if name == only}
    groups: dict[tuple[str, str, str], list[File]] = {}
    for file in sorted(files, key=lambda file: file.name):
        groups.setdefault((*file.pattern, file.format), []).append(file)
    sampled = []
    for group in groups.values():
        table = sample(folder, group, found)
        if table is not None:
            sampled.append((group, table))
    found.tables = [_with_paths(group, table, files) for group, table in _merged(sampled)]
    if not found.tables:
        problems = "; ".join(f"{name} is {why}" for name, why in list(found.problems.items())[:3])
        raise NothingFoundError(
            f"{place} holds no table that can be read{f' ({problems})' if problems else ''}; put exports of customers, orders "
            "or events there: Parquet, CSV, JSON, or a Delta table"
        )
    return found


def _folder(place: str) -> tuple[str, str]:
    """The folder to look at, and the one file that is meant, if it is one."""
    if is_url(place):
        return place.rstrip("/"), ""
    path = local_path(place)
    if path.is_dir():
        return str(path), ""
    if path.is_file():
        return str(path.parent), path.name
    raise NothingFoundError(f"{path} is no folder; name the folder that holds your files")


def _files(folder: str, found: Found) -> Iterator[File]:
    """The files that may be tables, with names below the folder."""
    entries = dict(_entries(folder))
    tables = {}
    for name in entries:
        root, mark, _ = f"/{name}".partition("/_delta_log/")
        if mark:
            tables[root.strip("/")] = "delta"
        elif name.endswith(".metadata.json") and "/metadata/" in f"/{name}":
            tables[f"/{name}".rpartition("/metadata/")[0].strip("/")] = "iceberg"
    for root, kind in tables.items():
        if kind == "iceberg":
            found.problems[root or "the folder"] = (
                "an Iceberg table, which is not read; write its rows as Parquet files"
            )
    for name, size in entries.items():
        if any(part.startswith(("_", ".")) for part in name.split("/")):
            continue
        table = next((root for root in tables if not root or name.startswith(f"{root}/")), None)
        if table is not None:
            if tables[table] == "delta" and name.endswith(".parquet"):
                yield File(name, size, "delta", "", table)
            continue
        told, packing = format_of(name), packing_of(name)
        endings = PurePosixPath(name).suffixes[: -1 if packing else None]
        ending = endings[-1].lower().lstrip(".") if endings else ""
        if ending in _OTHERS:
            found.problems[name] = _OTHERS[ending]
        elif told or ending in _PROBABLY or not _NO_TABLES.fullmatch(ending):
            yield File(name, size, told or _PROBABLY.get(ending, ""), packing or "")


def _entries(folder: str) -> Iterator[tuple[str, int]]:
    """Name below the folder and size of every file; links are followed, but not in a circle."""
    if is_url(folder):
        files, root = file_system(folder)
        for path, info in files.find(root, detail=True).items():
            yield path[len(root) :].lstrip("/"), int(info["size"] or 0)
        return
    seen = set()
    for base, folders, names in os.walk(folder, followlinks=True):
        state = Path(base).stat()
        if (state.st_dev, state.st_ino) in seen:
            folders.clear()
            continue
        seen.add((state.st_dev, state.st_ino))
        for name in names:
            path = Path(base, name)
            if path.is_file():
                yield path.relative_to(folder).as_posix(), path.stat().st_size


# ---- which files are one table -------------------------------------------------------------------------------------------


def _merged(sampled: Iterable[tuple[list[File], Table]]) -> list[tuple[list[File], Table]]:
    """The same tables, those with equal columns put together that lie side by side or have the same name."""
    merged: list[tuple[list[File], Table]] = []
    for group, table in sampled:
        for at, (others, other) in enumerate(merged):
            if table.format == other.format and _alike(group[0], table, others[0], other):
                merged[at] = ([*others, *group], _together(other, table))
                break
        else:
            merged.append((group, table))
    return merged


def _alike(file: File, table: Table, other_file: File, other: Table) -> bool:
    folder, stem = file.pattern
    other_folder, other_stem = other_file.pattern
    ours, theirs = set(table.columns), set(other.columns)
    similar = len(ours & theirs) >= 0.5 * len(ours | theirs)
    if folder == other_folder != "":
        return similar
    nameless = table.text.header or other.text.header
    return ours == theirs and len(ours) > 2 and not nameless and (folder == other_folder or stem == other_stem)


def _together(table: Table, more: Table) -> Table:
    names = list(dict.fromkeys([*table.columns, *more.columns]))
    blank, more_blank = [None] * table.rows, [None] * more.rows
    columns = {name: [*table.columns.get(name, blank), *more.columns.get(name, more_blank)] for name in names}
    shift = 1 + max(table.file_of, default=-1)
    encoding = next((each.text.encoding for each in (table, more) if each.text.encoding != "utf-8"), "utf-8")
    return replace(
        table,
        columns=columns,
        file_of=[*table.file_of, *(number + shift for number in more.file_of)],
        size=table.size + more.size,
        text=replace(table.text, encoding=encoding),
    )


def _with_paths(group: Sequence[File], table: Table, files: Iterable[File]) -> Table:
    """The table with the paths that name its files and no others."""
    names = {file.name for file in group}
    others = {file.name for file in files} - names
    if table.format == "delta":
        return replace(table, files=tuple(sorted(names)), paths=(group[0].table or ".",))
    top = os.path.commonpath([name.rpartition("/")[0] for name in names])
    above = [top, *map(str, PurePosixPath(top).parents)][:-1]
    alone = [folder for folder in above if folder and not any(name.startswith(f"{folder}/") for name in others)]
    if alone and "=" not in alone[-1] and not NOISE.search(alone[-1]):
        # The uppermost folder that holds nothing else; not one of a day or a year, beside which others will come.
        return replace(table, files=tuple(sorted(names)), paths=(alone[-1],))
    paths: list[str] = []
    alike = Counter(file.pattern for file in group)
    for pattern, file in {_pattern(file): file for file in group}.items():
        is_alone = alike[file.pattern] == 1 and "*/" not in pattern
        if is_alone or any(_matches(name, pattern) for name in others):
            paths += sorted(name for name in names if _matches(name, pattern))
        else:
            paths.append(pattern)
    return replace(table, files=tuple(sorted(names)), paths=tuple(dict.fromkeys(paths)))


def _pattern(file: File) -> str:
    folder, _ = file.pattern
    name = file.name.rpartition("/")[2]
    stem, dot, ends = name.partition(".")
    stem = re.sub(r"\*(?:[-_. ]*\*)+", "*", NOISE.sub("*", stem))
    return f"{folder}/{stem}{dot}{NOISE.sub('*', ends)}".lstrip("/")


def _matches(name: str, pattern: str) -> bool:
    parts, wanted = name.split("/"), pattern.split("/")
    return len(parts) == len(wanted) and all(map(fnmatchcase, parts, wanted))
