"""First step: which tables a folder holds, and a sample of each one's rows.

Files belong to one table when their names differ in numbers only, or when they lie side by side and have the same columns. Of
each table some files are looked at, and of each file some windows: what is read is bounded, whatever the folder holds.
"""

from __future__ import annotations

import bz2
import codecs
import csv
import gzip
import json
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from engagement_assets.lake.stores import file_system
from engagement_assets.settings import is_url, local_path
from engagement_assets.sources.connect.words import SNOWPLOW
from engagement_assets.sources.files import PARQUET_FAULTS
from engagement_assets.sources.formats import format_of, packing_of

#: Files of a table that are looked at, spread over their order.
_FILES = 6

#: Rows of a table that are looked at.
_ROWS = 30_000

#: Bytes at the beginning of a text file, and of each window further on.
_HEAD = 2 << 20
_WINDOW = 256 << 10
_WINDOWS = 8

#: Bytes that are unpacked of a packed file.
_UNPACKED = 64 << 20

#: Bytes of text files that are read through to know whether all of it is UTF-8.
_SCANNED = 2 << 30

#: Endings that do not say the format to the reading, and probably tell it.
_PROBABLY = {
    **dict.fromkeys(("parq", "pq"), "parquet"),
    **dict.fromkeys(("txt", "psv", "tab", "tbl"), "csv"),
}

_PACKED: dict[str, Callable[[IO[bytes]], Any]] = {
    "gzip": lambda stream: gzip.GzipFile(fileobj=stream),
    "bz2": bz2.BZ2File,
    "zstd": lambda stream: pa.CompressedInputStream(pa.PythonFile(stream, "r"), "zstd"),
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

_DELIMITERS = ",;\t|"

_NOISE = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{16,}|\d+", re.IGNORECASE)

_BOMS = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


class NothingFoundError(ValueError):
    """A folder holds nothing that can be connected; the message says what it holds and what to do."""


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
class _File:
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
            f"{part.split('=')[0]}=*" if "=" in part else _NOISE.sub("*", part) for part in folder.split("/")
        )
        return folders, re.sub(r"\*(?:[-_. ]*\*)+", "*", _NOISE.sub("*", stem))


def look(place: str) -> Found:
    """The tables in a folder, or the one that a single file is. Raises NothingFoundError."""
    folder, only = _folder(place)
    found = Found(folder)
    files = list(_files(folder, found))
    if only:
        files = [file for file in files if file.name == only]
        found.problems = {name: why for name, why in found.problems.items() if name == only}
    groups: dict[tuple[str, str, str], list[_File]] = {}
    for file in sorted(files, key=lambda file: file.name):
        groups.setdefault((*file.pattern, file.format), []).append(file)
    sampled = []
    for group in groups.values():
        table = _sample(folder, group, found)
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


def _files(folder: str, found: Found) -> Iterator[_File]:
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
                yield _File(name, size, "delta", "", table)
            continue
        told, packing = format_of(name), packing_of(name)
        endings = PurePosixPath(name).suffixes[: -1 if packing else None]
        ending = endings[-1].lower().lstrip(".") if endings else ""
        if ending in _OTHERS:
            found.problems[name] = _OTHERS[ending]
        elif told or ending in _PROBABLY or not _NO_TABLES.fullmatch(ending):
            yield _File(name, size, told or _PROBABLY.get(ending, ""), packing or "")


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


def _merged(sampled: Iterable[tuple[list[_File], Table]]) -> list[tuple[list[_File], Table]]:
    """The same tables, those with equal columns put together that lie side by side or have the same name."""
    merged: list[tuple[list[_File], Table]] = []
    for group, table in sampled:
        for at, (others, other) in enumerate(merged):
            if table.format == other.format and _alike(group[0], table, others[0], other):
                merged[at] = ([*others, *group], _together(other, table))
                break
        else:
            merged.append((group, table))
    return merged


def _alike(file: _File, table: Table, other_file: _File, other: Table) -> bool:
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


def _with_paths(group: Sequence[_File], table: Table, files: Iterable[_File]) -> Table:
    """The table with the paths that name its files and no others."""
    names = {file.name for file in group}
    others = {file.name for file in files} - names
    if table.format == "delta":
        return replace(table, files=tuple(sorted(names)), paths=(group[0].table or ".",))
    top = os.path.commonpath([name.rpartition("/")[0] for name in names])
    above = [top, *map(str, PurePosixPath(top).parents)][:-1]
    alone = [folder for folder in above if folder and not any(name.startswith(f"{folder}/") for name in others)]
    if alone and "=" not in alone[-1] and not _NOISE.search(alone[-1]):
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


def _pattern(file: _File) -> str:
    folder, _ = file.pattern
    name = file.name.rpartition("/")[2]
    stem, dot, ends = name.partition(".")
    stem = re.sub(r"\*(?:[-_. ]*\*)+", "*", _NOISE.sub("*", stem))
    return f"{folder}/{stem}{dot}{_NOISE.sub('*', ends)}".lstrip("/")


def _matches(name: str, pattern: str) -> bool:
    parts, wanted = name.split("/"), pattern.split("/")
    return len(parts) == len(wanted) and all(map(fnmatchcase, parts, wanted))


# ---- samples -------------------------------------------------------------------------------------------------------------


def _sample(folder: str, group: Sequence[_File], found: Found) -> Table | None:
    """A table with a sample of its rows; None where none can be read, and the reason goes to `found`."""
    files, root = file_system(folder)
    step = max(1, -(-len(group) // _FILES))
    chosen = list(dict.fromkeys([*group[::step], group[-1]]))
    rows: list[dict[str, Any]] = []
    file_of: list[int] = []
    kind, text = group[0].format, Text()
    names: dict[str, None] = {}
    for number, file in enumerate(chosen):
        path = f"{root.rstrip('/')}/{file.name}"
        try:
            if not kind:
                kind = _kind_of(files, path, file)
            if not kind:
                return None
            if kind in ("parquet", "delta"):
                with files.open(path, "rb") as stream:
                    some = _of_parquet(stream, _ROWS // len(chosen))
            else:
                windows = _windows(files, path, file)
                text = replace(text, encoding=_encoding(files, path, file, windows, text.encoding))
                if kind == "json":
                    some = _of_json(windows, text.encoding)
                else:
                    text, some = _of_csv(windows, text, bool(number))
        except (*PARQUET_FAULTS, EOFError, csv.Error) as error:
            found.problems[file.name] = f"unreadable ({str(error).splitlines()[0][:80] if str(error) else 'damaged'})"
            continue
        hive = dict(part.split("=", 1) for part in file.name.split("/")[:-1] if "=" in part)
        some = some[: _ROWS // len(chosen)]
        for row in some:
            row |= {name: value for name, value in hive.items() if name not in row}
            names |= dict.fromkeys(row)
        rows += some
        file_of += [number] * len(some)
    wrapped = (
        kind == "json" and len(rows) == 1 and next((name for name, value in rows[0].items() if value is _LIST), None)
    )
    if wrapped:
        found.problems[group[0].name] = f"one object around a list; `jq -c '.{wrapped}[]' FILE` writes it as lines"
        return None
    columns = {name: values for name in names if (values := [_plain(row.get(name)) for row in rows]) is not None}
    if not rows or not columns:
        found.problems.setdefault(group[0].name, "without rows that can be read")
        return None
    size = sum(file.size for file in group)
    untold = kind != "delta" and format_of(group[0].name) is None
    return Table(kind, (), (), size, columns, file_of, text, untold)


def _plain(value: Any) -> Any:
    """A value as text, but for times; None where there is none."""
    if value is None or value is _LIST or isinstance(value, (date, datetime)):
        return None if value is _LIST else value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return None if value != value else str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, bytes):
        return value.hex()
    return str(value).strip() or None


#: Stands for a list, of which no column is made.
_LIST = object()


def _flat(row: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in row.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", _LIST if isinstance(value, (list, tuple)) else value


def _kind_of(files: Any, path: str, file: _File) -> str:
    """The format of a file whose name does not tell it; nothing where it is no table."""
    beginning = next(_chunks(files, path, file), b"")
    if beginning.startswith(b"PAR1"):
        return "parquet"
    if beginning.lstrip().startswith((b"{", b"[")):
        return "json"
    if b"\0" in beginning[:4096]:
        return ""
    lines = beginning.decode("utf-8", "replace").splitlines()[:100]
    delimiter, _ = _delimiter(lines)
    return "csv" if len(lines) > 2 and delimiter and len(lines[0].split(delimiter)) > 2 else ""


def _of_parquet(stream: IO[bytes], rows: int) -> list[dict[str, Any]]:
    opened = pq.ParquetFile(stream)
    groups = opened.metadata.num_row_groups
    chosen = sorted({0, groups // 2, groups - 1}) if groups else []
    found = []
    for group in chosen:
        batch = next(opened.iter_batches(max(1, rows // len(chosen)), row_groups=[group]), None)
        if batch is not None:
            columns = [_values(column) for column in batch.columns]
            names = batch.schema.names
            found += [dict(_flat(dict(zip(names, values, strict=True)))) for values in zip(*columns, strict=True)]
    return found


def _values(column: pa.Array) -> list[Any]:
    try:
        values: list[Any] = column.to_pylist()
    except (pa.ArrowException, ValueError, OverflowError):
        return [None] * len(column)  # days that Python has no dates for
    return values


def _chunks(files: Any, path: str, file: _File) -> Iterator[bytes]:
    with files.open(path, "rb") as stream:
        unpacked = _PACKED[file.packing](stream) if file.packing else stream
        while chunk := unpacked.read(1 << 20):
            yield chunk


def _windows(files: Any, path: str, file: _File) -> list[bytes]:
    """The beginning of a text file and pieces of its rest; each ends with a line where it has more than one."""
    if file.packing:
        beginning, rest, read = b"", [], 0
        for chunk in _chunks(files, path, file):
            read += len(chunk)
            if len(beginning) < _HEAD:
                beginning += chunk
            else:
                rest.append(chunk[:_WINDOW])
            if read >= _UNPACKED:
                break
        rest = rest[:: max(1, len(rest) // _WINDOWS)]
        is_whole = read < _UNPACKED and not rest
    else:
        with files.open(path, "rb") as stream:
            beginning = stream.read(_HEAD)
            rest = []
            is_whole = file.size <= _HEAD
            for number in range(1, _WINDOWS) if not is_whole else ():
                stream.seek(_HEAD + (file.size - _HEAD) * number // _WINDOWS)
                rest.append(stream.read(_WINDOW))
    if any(map(beginning.startswith, _BOMS)):
        return [beginning[: len(beginning) // 2 * 2]]
    return [
        beginning if is_whole or b"\n" not in beginning else beginning[: beginning.rindex(b"\n") + 1],
        *(piece[piece.index(b"\n") + 1 : piece.rindex(b"\n") + 1] for piece in rest if piece.count(b"\n") > 1),
    ]


def _encoding(files: Any, path: str, file: _File, windows: Sequence[bytes], known: str) -> str:
    """UTF-8 where all of it is that; else UTF-16 by its mark, or the usual one of Windows."""
    for mark, name in _BOMS.items():
        if windows[0].startswith(mark):
            return name
    if known != "utf-8":
        return known
    decoder = codecs.getincrementaldecoder("utf-8")()
    pending, read = False, 0
    for chunk in _chunks(files, path, file):
        read += len(chunk)
        if pending or not chunk.isascii():
            try:
                decoder.decode(chunk)
                pending = bool(decoder.getstate()[0])
            except UnicodeDecodeError:
                return "cp1252"
        if read >= (_UNPACKED if is_url(path) or file.packing else _SCANNED):
            break
    return "utf-8"


def _decoded(window: bytes, encoding: str) -> str:
    return window.decode(encoding, "replace").removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}")


def _of_json(windows: Sequence[bytes], encoding: str) -> list[dict[str, Any]]:
    """Objects of JSON lines, of one array, or of objects over several lines; what is broken is passed over."""
    decoder = json.JSONDecoder()
    found: list[dict[str, Any]] = []
    for number, window in enumerate(windows):
        text, at = _decoded(window, encoding), 0
        is_array = not number and text.lstrip().startswith("[")
        if is_array:
            at = text.index("[") + 1
        while at < len(text) and len(found) < _ROWS:
            at = _after_space(text, at)
            try:
                value, at = decoder.raw_decode(text, at)
            except (ValueError, RecursionError):
                at = text.find("\n", at) + 1 or len(text)
                continue
            if isinstance(value, Mapping):
                found.append(dict(_flat(value)))
        if is_array:
            break
    return found


_BETWEEN = re.compile(r"[\s,\]]*")


def _after_space(text: str, at: int) -> int:
    between = _BETWEEN.match(text, at)
    return between.end() if between else at


def _delimiter(lines: Sequence[str]) -> tuple[str, str]:
    """Delimiter and quote by which the most lines have the same number of values, more than one; else a comma."""
    best, found = (0.0, 0, 0), ("", '"')
    for quote in ('"', ""):
        for delimiter in _DELIMITERS:
            widths = Counter(map(len, _parsed(lines, delimiter, quote)))
            if not widths:
                continue
            width, count = widths.most_common(1)[0]
            first = len(next(iter(_parsed(lines[:20], delimiter, quote)), ()))
            share = count / sum(widths.values()) * (1 if first == width else 0.5)
            score = (round(share, 2), width, int(bool(quote)))
            if width > 1 and share > 0.5 and score > best:
                best, found = score, (delimiter, quote)
    return found


def _parsed(lines: Iterable[str], delimiter: str, quote: str) -> Iterator[list[str]]:
    quoting = {"quotechar": quote} if quote else {"quoting": csv.QUOTE_NONE}
    reader = csv.reader(lines, delimiter=delimiter or ",", **quoting)
    return (row for row in reader if row)


def _of_csv(windows: Sequence[bytes], text: Text, is_known: bool) -> tuple[Text, list[dict[str, Any]]]:
    """Rows of CSV windows, and how they are written; `is_known`: by another file of the table."""
    parts = [_decoded(window, text.encoding).splitlines(keepends=True) for window in windows]
    if not is_known:
        delimiter, quote = _delimiter(parts[0][:300])
        text = replace(text, delimiter=delimiter or ",", quote=quote)
    rows = [list(_parsed(part, text.delimiter, text.quote)) for part in parts]
    if not rows[0]:
        return text, []
    first, *others = rows[0]
    if is_known and text.header:
        names, body = text.header, [first, *others]
    elif is_known or _is_header(first, others[:200]):
        names, body = tuple(name.strip() for name in first), others
    else:
        is_snowplow = len(first) == len(SNOWPLOW) and text.delimiter == "\t"
        names = SNOWPLOW if is_snowplow else tuple(f"column_{number}" for number in range(1, len(first) + 1))
        text, body = replace(text, header=names), [first, *others]
    width = len(names)
    whole = (row for part in (body, *rows[1:]) for row in part if len(row) == width)
    return text, [dict(zip(names, row, strict=True)) for row in whole]


_NO_NAME = re.compile(
    r"[-+]?[\d.,:/ ]*\d[\d.,:/ -]*(?:[TZ].*)?|[^@\s]+@[^@\s]+|.*\d{4}-\d\d-\d\d.*|true|false|null|", re.I
)


def _is_header(first: Sequence[str], others: Sequence[Sequence[str]]) -> bool:
    """Whether the first row of a file names its columns: every value may be a name, and none is told twice."""
    names = [name.strip() for name in first]
    unlike = [name for name in names if _NO_NAME.fullmatch(name)]
    if others and len(unlike) <= 1 and len(set(names)) == len(names):
        # Names do not come again as values, but for an odd one.
        again = sum(name in {row[at].strip() for row in others if at < len(row)} for at, name in enumerate(names))
        return again <= len(names) // 4
    return not others and not unlike
