"""The proof of an erasure: every file is searched for the customer, by other means than those that erased.

Bytes are searched for the identifier and the addresses in each spelling that files have: plain, or as JSON, URLs and HTML escape
them, in UTF-8, UTF-16 and Latin-1; tables are decoded, packed files unpacked, SQLite databases read row by row as well. What
the search cannot tell it says: an identifier such as `1` is everywhere, and only columns and fields of customers are compared.
"""

from __future__ import annotations

import bz2
import csv
import gzip
import html
import io
import json
import lzma
import re
import sqlite3
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet as pq

from engagement_assets.exports.csv_files import spreadsheet_safe
from engagement_assets.exports.erasing import written_files
from engagement_assets.lake.erasures import unfinished_note
from engagement_assets.lake.stores import file_system
from engagement_assets.lake.subject import Subject
from engagement_assets.lake.tables import LakeResource
from engagement_assets.settings import Settings, is_url, local_path
from engagement_assets.sources.opt_outs import OptOutListError, read_opt_outs

pc: Any = pyarrow.compute

_AT_ONCE = 8 << 20

#: What is looked at again with the next piece of a file: longer than any name as it may be spelled.
_OVERLAP = 1 << 16

_PACKED: dict[bytes, Callable[[Any], Any]] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ": lzma.open}

#: Columns of other people's CSV files that hold customers.
_OF_CUSTOMERS = re.compile(r"(customer|client|user|member)([ _-]?(id|no|nr|number|key|name))?|id")

_UNREADABLE = (
    pa.ArrowException,
    OSError,
    EOFError,
    ValueError,
    zlib.error,
    lzma.LZMAError,
    zipfile.BadZipFile,
    csv.Error,
    sqlite3.Error,
)


@dataclass
class Found:
    """What a search found: files of the product in which the customer is, files of others, the sources, what cannot be told."""

    searched: int = 0
    #: Files of the product, or columns of them.
    left: list[str] = field(default_factory=list)
    #: Files below the export folder that are not the product's, and are not touched.
    yours: list[str] = field(default_factory=list)
    #: Source files, and the list of opt-outs.
    sources: list[str] = field(default_factory=list)
    #: What cannot be told, in sentences.
    unsure: list[str] = field(default_factory=list)


@dataclass
class Look:
    """What a look into a file gave."""

    #: Whether the customer is in it.
    is_in: bool = False
    #: Columns in which they are mentioned, and in how many rows of others.
    mentions: Counter[str] = field(default_factory=Counter)
    #: Why not all of it could be judged.
    problem: str = ""
    #: Whether a customer may be a number there, without quotes.
    is_loose: bool = False

    def __bool__(self) -> bool:
        return self.is_in or bool(self.mentions)


class Pattern:
    """A pattern of bytes, and what must stand before it; looked for by its first bytes, which is many times as fast."""

    def __init__(self, before: str, pattern: str) -> None:
        self._likely = re.compile(pattern.encode("latin-1"), re.DOTALL)
        self.whole = re.compile(f"{before}(?:{pattern})".encode("latin-1"), re.DOTALL)

    def is_in(self, data: bytes) -> bool:
        """Whether it is found."""
        return any(self.whole.match(data, likely.start()) for likely in self._likely.finditer(data))


class Names:
    """Names in all their spellings, as patterns: of bytes, and of text, where what stands around them is not looked at."""

    def __init__(self, names: Iterable[str], *, any_case: bool = False, part_of_longer: str = "") -> None:
        ordered = sorted(names, key=len, reverse=True)
        self.text = "|".join(_spelled(name, any_case=any_case, binary=False) for name in ordered)
        # What ends an escape is a letter or a digit, and part of no name.
        begin = rf"(?:(?<![\w{part_of_longer}\x80-\xff])|(?<=%[0-9A-Fa-f]{{2}})|(?<=u[0-9A-Fa-f]{{4}})|(?<=\\[bfnrt]))"
        more = r"|-|\.[A-Za-z0-9]" if part_of_longer else ""
        # Backslashes before the first sign need not be counted: so each way to write it begins with a certain byte.
        each = (
            _spelled(name[0], any_case=any_case).replace(r"\\+", r"\\") + _spelled(name[1:], any_case=any_case)
            for name in ordered
        )
        self.bytes = Pattern(begin, f"(?:{'|'.join(each)})(?![A-Za-z0-9]{more})")


def _spelled(name: str, *, any_case: bool = False, binary: bool = True) -> str:
    """A name as it may be written, as a pattern: of bytes, each as the character of its number, or of text."""
    return "".join(
        f"(?:{'|'.join(sorted(_spellings(sign, any_case, binary), key=len, reverse=True))})" for sign in name
    )


def _spellings(sign: str, any_case: bool, binary: bool) -> set[str]:
    found = set()
    for each in {sign, sign.lower(), sign.upper()} if any_case else {sign}:
        encodings = [each.encode(name, "ignore").decode("latin-1") for name in ("utf-8", "latin-1")]
        found |= {re.escape(text) for text in (encodings if binary else [each]) if text}
        if html.escape(each) != each:
            found.add(html.escape(each))
        units = each.encode("utf-16-be")
        found.add("".join(rf"\\+u{_digits(units[i : i + 2])}" for i in range(0, len(units), 2)))
        found.add("".join(f"%{_digits(bytes([byte]))}" for byte in each.encode("utf-8")))
        if each in "\\\"'/":
            found.add(rf"\\+{re.escape(each)}")
        if each in "\"'":  # twice, in CSV and SQL
            found.add(each * 2)
        if each == " ":
            found.add(r"\+")
    return found


def _field(name: str, quoted: str, number: str) -> str:
    """A field of JSON, or what is left of one, that names a customer, as a pattern."""
    quote = r"""\\*["']"""
    value = rf"""(?:{quote}){quoted} *(?:{name}){number} *(?:\\*["',;}}\]\r\n]|$)"""
    return rf"customer_id(?:{quote})?\s*[:=]\s*{value}"


def _pieces(stream: Any) -> Iterator[bytes]:
    """What can be read of a stream, in large pieces; raises what stops the reading only then."""
    read, gathered = getattr(stream, "read1", stream.read), bytearray()
    try:
        while piece := read(_AT_ONCE):
            gathered += piece
            if len(gathered) >= _AT_ONCE:
                yield bytes(gathered)
                gathered.clear()
    except _UNREADABLE:
        yield bytes(gathered)
        raise
    yield bytes(gathered)


def _digits(data: bytes) -> str:
    """Bytes in hexadecimal digits, small or capital, as a pattern."""
    return "".join(f"[{digit}{digit.upper()}]" if digit.isalpha() else digit for digit in data.hex())


class Search:
    """A search for one customer."""

    def __init__(self, settings: Settings, lake: LakeResource, subject: Subject) -> None:
        self._settings, self._lake, self._subject = settings, lake, subject
        name = Names([subject.customer_id])
        self._wanted = [name] if subject.is_telling else []
        if subject.addresses:
            self._wanted.append(Names(subject.addresses, any_case=True, part_of_longer=r".+\-"))
        self._text = "|".join(names.text for names in self._wanted)
        self._longer = Names(subject.longer, any_case=True) if subject.longer else None
        number = r"(?:\.0+)?" if subject.customer_id.isdigit() else ""
        self._field_text = r"(?:^|[^A-Za-z0-9_])" + _field(name.text, "?", number)
        # What the product and Dagster write has identifiers in quotes; a number is a count there.
        self._fields = {
            is_loose: Pattern("(?<![A-Za-z0-9_])", _field(_spelled(subject.customer_id), *how))
            for is_loose, how in {True: ("?", number), False: ("", "")}.items()
        }

    def everywhere(self, home: Path | None) -> Found:
        """Search lake, export folder, Dagster home and sources."""
        found = Found()
        unread: list[str] = []
        mentions: Counter[str] = Counter()
        skipped = unfinished_note(self._lake.erasure_notes, self._subject.customer_id)
        ours = {str(place) for place in written_files(self._settings)}
        export = self._settings.export if is_url(self._settings.export) else str(local_path(self._settings.export))
        log = self._settings.alert_log and str(local_path(self._settings.alert_log))
        for place in [self._lake.location, export, *([str(home)] if home else []), *([log] if log else [])]:
            for name, look in self._files(place, is_loose=place == export):
                if f"/.erased/{skipped}" in name:
                    continue
                found.searched += 1
                if look.problem:
                    unread.append(f"{name} {look.problem}")
                if place == export and name not in ours:
                    found.yours += [name] if look else []
                elif look.is_in:
                    found.left.append(name)
                else:
                    table = name[len(place) + 1 :].split("/")[0] if place == self._lake.location else name
                    mentions.update({f"{table} ({column})": rows for column, rows in look.mentions.items()})
        found.sources = list(self._sources(unread))
        found.unsure = [
            *self._limits(home),
            *(f"{where}: named in {rows} row(s) of others" for where, rows in mentions.items()),
        ]
        found.unsure += [f"not judged: {what}" for what in unread]
        return found

    def is_in_sources(self) -> bool:
        """Whether a source file names them."""
        return any(True for _ in self._sources([]))

    def _sources(self, unread: list[str]) -> Iterator[str]:
        """The source files, and the list of opt-outs, that name them."""
        data = self._settings.data if is_url(self._settings.data) else str(local_path(self._settings.data))
        for name, look in self._files(data, is_loose=True):
            if look.problem:
                unread.append(f"{name} {look.problem}")
            if look:
                yield name
        try:
            if self._subject.customer_id in read_opt_outs(self._settings):
                yield str(self._settings.campaigns.opt_out)
        except OptOutListError as error:
            unread.append(str(error))

    def _limits(self, home: Path | None) -> Iterator[str]:
        """What is not searched for, or not there."""
        subject = self._subject
        if not subject.is_telling:
            yield (
                f"an identifier such as {subject.customer_id} stands in many places by chance: columns and fields of "
                "customers were compared, and no other text was searched for it"
            )
        if subject.shared:
            yield f"{len(subject.shared)} address(es) of theirs are another customer's too, and were not searched for"
        if (
            home
            and (home / "dagster.yaml").exists()
            and "postgres" in (home / "dagster.yaml").read_text(encoding="utf-8")
        ):
            yield "Dagster keeps its events in PostgreSQL: that database was not searched"

    # ---- files -------------------------------------------------------------------------------------------------------

    def _files(self, place: str, *, is_loose: bool = False) -> Iterator[tuple[str, Look]]:
        """Each file at a place, and what a look into it gave."""
        files, path = file_system(place)
        for name in sorted(files.find(path)) if files.exists(path) else ():
            look = Look(is_loose=is_loose)
            try:
                with files.open(name, "rb") as stream:
                    self._look(files, name, stream, look)
            except _UNREADABLE as error:
                look.problem = f"cannot be read to its end ({type(error).__name__})"
            look.is_in |= self._is_in(name[len(path) :].encode("utf-8", "surrogateescape"))
            yield name, look

    def _look(self, files: Any, name: str, stream: Any, look: Look) -> None:
        head = stream.read(16)
        stream.seek(0)
        packed = next((opened for magic, opened in _PACKED.items() if head.startswith(magic)), None)
        if head.startswith(b"PAR1"):
            for batch in pq.ParquetFile(stream).iter_batches():
                self._look_at_rows(batch, look)
        elif head.startswith(b"SQLite format 3"):
            look.is_in = self._is_in_database(name) or self._is_in_stream(stream, Look())
        elif packed:
            with packed(stream) as unpacked:
                look.is_in = self._is_in_stream(unpacked, look)
        elif head.startswith(b"PK\x03\x04"):
            with zipfile.ZipFile(stream) as archive:
                for member in archive.namelist():
                    with archive.open(member) as unpacked:
                        look.is_in |= self._is_in_stream(unpacked, look)
        elif name.lower().endswith(".csv"):
            self._look_at_cells(stream, look)
            with files.open(name, "rb") as again:  # cells of a file that is no CSV file after all
                if not look and self._is_in_stream(again, look):
                    look.mentions["text"] = 1
        else:
            look.is_in = self._is_in_stream(stream, look)
            if name.endswith(("-wal", "-shm")):
                look.problem = ""

    def _look_at_rows(self, batch: pa.RecordBatch, look: Look) -> None:
        for column, values in zip(batch.schema, batch.columns, strict=True):
            if column.name == "customer_id" and not pa.types.is_nested(column.type):
                texts = pc.utf8_trim(values.cast(pa.string()), " ")
                if pa.types.is_floating(column.type) or pa.types.is_decimal(column.type):
                    texts = pc.replace_substring_regex(texts, r"\.0*$", "")
                look.is_in |= bool(pc.any(pc.equal(texts, self._subject.customer_id)).as_py())
            elif pa.types.is_nested(column.type):
                look.is_in |= self._is_in(json.dumps(values.to_pylist(), default=str).encode("utf-8", "surrogatepass"))
            elif (
                pa.types.is_string(column.type)
                or pa.types.is_large_string(column.type)
                or pa.types.is_dictionary(column.type)
            ):
                texts = values.cast(pa.string())
                for text in texts.filter(pc.match_substring_regex(texts, self._field_text)).to_pylist():
                    if self._is_of_another(text):
                        look.mentions[column.name] += 1
                    else:
                        look.is_in = True
                if self._text:
                    likely = texts.filter(pc.match_substring_regex(texts, self._text)).to_pylist()
                    rows = sum(self._is_in(text.encode()) for text in likely)
                    look.mentions.update({column.name: rows} if rows else {})

    def _is_of_another(self, text: str) -> bool:
        """Whether a text is a row of another customer, in which theirs is a field of something else."""
        try:
            row = json.loads(text)
        except (ValueError, RecursionError):
            return False
        customer = row.get("customer_id") if isinstance(row, dict) else None
        return isinstance(customer, (str, int)) and str(customer).strip(" ") not in ("", self._subject.customer_id)

    def _look_at_cells(self, stream: Any, look: Look) -> None:
        text = io.TextIOWrapper(stream, encoding="utf-8", errors="surrogateescape", newline="")
        header_line = text.readline()
        delimiter = max(",;\t|", key=header_line.count)
        header = next(csv.reader([header_line], delimiter=delimiter), [])
        theirs = {self._subject.customer_id, spreadsheet_safe(self._subject.customer_id)}
        names = [name.strip(" \ufeff") for name in header]
        of_customers = [number for number, name in enumerate(names) if _OF_CUSTOMERS.fullmatch(name.lower())]
        for row in csv.reader(text, delimiter=delimiter):
            look.is_in |= any(row[number].strip(" ") in theirs for number in of_customers if number < len(row))
            if self._is_in("\x1f".join(row).encode("utf-8", "surrogateescape")):
                # A customer whose identifier holds theirs is another.
                cells = [cell for number, cell in enumerate(row) if number not in of_customers]
                if self._is_in("\x1f".join(cells).encode("utf-8", "surrogateescape")):
                    look.mentions["text"] += 1

    def _is_in_database(self, name: str) -> bool:
        """Whether they are in a row of a SQLite database: a long value is in pieces in its file."""
        with closing(sqlite3.connect(f"{Path(name).as_uri()}?mode=ro", uri=True)) as database:
            database.text_factory = bytes
            tables = [
                row[0].decode() for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            ]
            return any(
                self._is_in(value)
                for table in tables
                for row in database.execute('SELECT * FROM "{}"'.format(table.replace('"', '""')))
                for value in row
                if isinstance(value, bytes)
            )

    def _is_in_stream(self, stream: Any, look: Look) -> bool:
        rest = b""
        for piece in _pieces(stream):
            data = rest + piece
            if b"\0" in piece:
                look.problem = "is no text, and was searched byte by byte"
                if self._is_in(data.replace(b"\0", b""), look.is_loose):  # UTF-16
                    return True
            if self._is_in(data, look.is_loose):
                return True
            rest = data[-_OVERLAP:]
        return False

    def _is_in(self, data: bytes, is_loose: bool = False) -> bool:
        if self._fields[is_loose].is_in(data):
            return True
        return any(
            names.bytes.is_in(data)
            and (self._longer is None or names.bytes.is_in(self._longer.bytes.whole.sub(b" ", data)))
            for names in self._wanted
        )
