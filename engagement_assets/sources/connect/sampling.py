"""A sample of a table's rows: some of its files, and of each file some windows, so that what is read is bounded."""

from __future__ import annotations

import bz2
import codecs
import csv
import gzip
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from engagement_assets.lake.stores import file_system
from engagement_assets.settings import is_url
from engagement_assets.sources.connect.found import File, Found, Table, Text
from engagement_assets.sources.connect.words import SNOWPLOW
from engagement_assets.sources.files import PARQUET_FAULTS
from engagement_assets.sources.formats import format_of

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

_PACKED: dict[str, Callable[[IO[bytes]], Any]] = {
    "gzip": lambda stream: gzip.GzipFile(fileobj=stream),
    "bz2": bz2.BZ2File,
    "zstd": lambda stream: pa.CompressedInputStream(pa.PythonFile(stream, "r"), "zstd"),
}

_DELIMITERS = ",;\t|"

_BOMS = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


def sample(folder: str, group: Sequence[File], found: Found) -> Table | None:
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


def _kind_of(files: Any, path: str, file: File) -> str:
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


def _chunks(files: Any, path: str, file: File) -> Iterator[bytes]:
    with files.open(path, "rb") as stream:
        unpacked = _PACKED[file.packing](stream) if file.packing else stream
        while chunk := unpacked.read(1 << 20):
            yield chunk


def _windows(files: Any, path: str, file: File) -> list[bytes]:
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


def _encoding(files: Any, path: str, file: File, windows: Sequence[bytes], known: str) -> str:
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
