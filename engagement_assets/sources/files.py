"""Looking at source files before an engine reads them, without an engine: what is broken, and what they hold.

One truncated file makes every engine give up the whole read, and some damage is read in silence: a Parquet file of no bytes
as one of no rows, a file whose name holds `[` as none at all. So each file is looked at first, and one that cannot be read
is left out with a reason. Text is unpacked and counted to its end; Parquet is known by its footer.
"""

from __future__ import annotations

import bz2
import codecs
import json
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import IO

import pyarrow as pa
import pyarrow.parquet as pq

#: Bytes looked at at once.
CHUNK = 1 << 20

#: A line longer than this (bytes) is no event but a file of another kind, and would not fit into an engine's memory.
LONGEST_LINE = 64 << 20

#: Objects whose keys are looked at.
_FIRST = 50

#: How an array of objects begins, and an object over several lines.
_DOCUMENT = re.compile(rb"(?:\xef\xbb\xbf)?\s*(\[\s*\{|\{\s*\n\s*\")")

_SPACE = re.compile(r"\s*")
_COMMA = re.compile(r"\s*,\s*")

#: From the end of an object of an array to the next.
_BETWEEN = re.compile(r"\}\s*,\s*(?=\{)")

_OTHER_ENCODINGS = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}

#: What pyarrow raises at files that are damaged, or made to look like something they are not.
PARQUET_FAULTS = (pa.ArrowException, OSError, ValueError, OverflowError, MemoryError)


class UnreadableFileError(ValueError):
    """A file cannot be read; the message says why and holds none of its contents."""


@dataclass(frozen=True)
class TextNote:
    """What was found of a text file: its rows, whether all of it is UTF-8, and why it cannot be read, if it cannot.

    A row is a line, of a JSON `document` a value of it, of a CSV file a record.
    """

    lines: int
    is_utf8: bool = True
    problem: str | None = None
    #: Whether it is JSON over several lines, or an array: no line of it is a row.
    document: bool = False
    #: Keys of the first objects, by which names are found that are spelled in other capitals.
    keys: Sequence[str] = ()


#: Opens the copy of a file that is written while the file is read.
OpenCopy = Callable[[], IO[bytes]]


def scan_text(
    stream: IO[bytes], packing: str | None, encoding: str = "utf-8", open_copy: OpenCopy | None = None
) -> TextNote:
    """Read a file of JSON to its end; what is wrong with it is told in the note. A last line needs no line break.

    A document, which no engine reads, is written to `open_copy` in passing, a value a line.
    """
    try:
        chunks = unpacked(stream, packing)
        if encoding != "utf-8":
            chunks = in_utf8(chunks, encoding)
        beginning = next(chunks, b"")
        chunks = chain([beginning], chunks) if beginning else chunks
        if not _is_document(beginning):
            return replace(_count(chunks), keys=_keys(beginning.split(b"\n", _FIRST)[:_FIRST]))
        copy = None if open_copy is None else open_copy()
        try:
            rows, first = 0, list[bytes]()
            for count, lines in values_of(chunks):
                rows += count
                first += lines.split(b"\n", _FIRST)[: _FIRST - len(first)] if len(first) < _FIRST else []
                if copy is not None:
                    copy.write(lines)
        finally:
            if copy is not None:
                copy.close()
        return TextNote(rows, document=True, keys=_keys(first))
    except UnreadableFileError as error:
        return TextNote(0, problem=str(error))


def _is_document(beginning: bytes) -> bool:
    """Whether a file that begins so is one JSON document, and not lines of which the first is a list."""
    if not _DOCUMENT.match(beginning):
        return False
    first, _, rest = beginning.lstrip().partition(b"\n")
    try:
        json.loads(first)
    except (ValueError, RecursionError):
        return True
    return not rest.strip()


def _keys(lines: Iterable[bytes]) -> tuple[str, ...]:
    """The keys of objects, one object a line; what is none has none."""
    found: dict[str, None] = {}
    for line in lines:
        try:
            value = json.loads(line.decode("utf-8-sig"))
        except (ValueError, RecursionError):
            continue
        found.update(dict.fromkeys(value) if isinstance(value, dict) else {})
    return tuple(found)


def values_of(chunks: Iterator[bytes]) -> Iterator[tuple[int, bytes]]:
    """The values of a JSON document, each as a line: the elements of arrays, or values that follow one another; some at a time.

    Memory is bounded by the longest value. Raises UnreadableFileError where the document breaks off, or is no JSON.
    """
    scan = json.JSONDecoder().scan_once  # type: ignore[attr-defined]
    decode = codecs.getincrementaldecoder("utf-8-sig")().decode
    text, at, found, in_array, after_value, after_comma, more = "", 0, 0, False, False, False, True

    def problem(what: str) -> UnreadableFileError:
        return UnreadableFileError(f"it is one JSON document that {what} after {found:,} value(s), and none was read")

    while True:
        values: list[str] = []
        if after_comma:
            values, at = _plain_objects(text, at)
            found += len(values)
        while True:
            at = _SPACE.match(text, at).end()  # type: ignore[union-attr]
            if at == len(text):
                break
            sign = text[at]
            if sign == ("]" if in_array else "[") and not after_comma:
                in_array, after_value, at = sign == "[", False, at + 1
                continue
            if in_array and after_value and sign == ",":
                after_value, after_comma, at = False, True, at + 1
                continue
            if in_array and after_value:
                raise problem("is no JSON any more")
            try:
                _, end = scan(text, at)
                while end < len(text):
                    values.append(text[at:end])
                    found, after_value, after_comma, at = found + 1, True, False, end
                    # What follows nearly every value: a comma, and the next one.
                    comma = _COMMA.match(text, end) if in_array else None
                    if comma is None:
                        break
                    after_value, after_comma, at = False, True, comma.end()
                    _, end = scan(text, at)
                else:
                    if not more:
                        values.append(text[at:end])
                        found, after_value, after_comma, at = found + 1, True, False, end
                        continue
                    break  # it may go on
            except (StopIteration, ValueError, RecursionError):
                if not more or len(text) - at > LONGEST_LINE:
                    raise problem("is no JSON any more, or breaks off,") from None
                break
        if values:
            yield len(values), _as_lines(values)
        if not more:
            if in_array:
                raise problem("breaks off")
            return
        # A value may go on: as much again, so that a long one is not scanned for each piece of it.
        pieces, wanted = [text[at:]], max(CHUNK, len(text) - at)
        at = 0
        while more and wanted > 0:
            chunk = next(chunks, None)
            try:
                pieces.append(decode(chunk or b"", final=chunk is None))
            except UnicodeDecodeError:
                raise problem("is no UTF-8 any more; sources.toml says another encoding,") from None
            more, wanted = chunk is not None, wanted - len(pieces[-1])
        text = "".join(pieces)


def _plain_objects(text: str, at: int) -> tuple[list[str], int]:
    """The objects that begin at a place in an array, but for the last, and where that begins; none where one is not plain.

    A plain one has no other within it, no escapes, and as many quotes as end its strings: so a comma between two such objects is
    in no string, and nothing has to be parsed.
    """
    *values, last = _BETWEEN.split(text[at:])
    if all(
        value[:1] == "{"
        and value.count("{") == 1
        and value.count('"') % 2 == 0
        and "}" not in value
        and "\\" not in value
        for value in values
    ):
        return [f"{value}}}" for value in values], len(text) - len(last)
    return [], at


def _as_lines(values: Sequence[str]) -> bytes:
    """Values of JSON, which have line breaks between their parts only, as a line each."""
    text = "\n".join(values)
    if "\r" in text or text.count("\n") >= len(values):
        text = "\n".join(value.replace("\n", " ").replace("\r", " ") for value in values)
    return text.encode("utf-8", "surrogatepass") + b"\n"


def in_utf8(chunks: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    """Pieces of a text in another encoding, as UTF-8."""
    decoder = codecs.getincrementaldecoder(encoding)()
    for chunk in chain(chunks, [None]):
        try:
            text = decoder.decode(chunk or b"", final=chunk is None)
        except UnicodeDecodeError as error:
            raise UnreadableFileError(f"it is no {encoding} text ({error.reason})") from None
        if text:
            yield text.removeprefix("\ufeff").encode("utf-8", "replace")


def _chunks(stream: IO[bytes]) -> Iterator[bytes]:
    while chunk := stream.read(CHUNK):
        yield chunk


def unpacked(stream: IO[bytes], packing: str | None) -> Iterator[bytes]:
    """The contents of a file in pieces; raises UnreadableFileError where what it is packed with is damaged."""
    if packing == "gzip":
        return _gunzipped(stream)
    if packing is None:
        return _chunks(stream)
    return _decompressed(stream, packing)


def _decompressed(stream: IO[bytes], packing: str) -> Iterator[bytes]:
    opened = bz2.BZ2File(stream) if packing == "bz2" else pa.CompressedInputStream(pa.PythonFile(stream, "r"), packing)
    while True:
        try:
            piece = opened.read(CHUNK)
        except (OSError, EOFError, ValueError):
            raise UnreadableFileError(f"damaged {packing} file, or none: its data cannot be unpacked") from None
        if not piece:
            return
        yield piece


def _gunzipped(stream: IO[bytes]) -> Iterator[bytes]:
    """The contents of a gzip file, of one member or several.

    Stricter than Python's own reader, which passes over zeros after the last member; the engines do not.
    """
    member, waiting, begun = zlib.decompressobj(wbits=31), b"", False
    while True:
        packed = waiting or stream.read(CHUNK)
        if not packed:
            if begun and not member.eof:
                raise UnreadableFileError("damaged gzip file: it ends before its data does (truncated)")
            return
        if member.eof:
            if not packed.startswith(b"\x1f"):
                raise UnreadableFileError("damaged gzip file: other bytes follow its data")
            member = zlib.decompressobj(wbits=31)
        begun = True
        try:
            piece = member.decompress(packed, CHUNK)
        except zlib.error:
            raise UnreadableFileError("damaged gzip file, or none: its data cannot be unpacked") from None
        waiting = member.unused_data if member.eof else member.unconsumed_tail
        if piece:
            yield piece


def _count(chunks: Iterator[bytes]) -> TextNote:
    breaks, in_line, is_utf8, first, last = 0, 0, True, True, b"\n"
    decoder = codecs.getincrementaldecoder("utf-8")()
    pending = False
    for chunk in chunks:
        if first:
            first = False
            for mark, name in _OTHER_ENCODINGS.items():
                if chunk.startswith(mark):
                    return TextNote(
                        0, False, f"it is {name} text; save it in UTF-8, or say so in sources.toml: encoding"
                    )
        breaks += chunk.count(b"\n")
        at = chunk.find(b"\n")
        if in_line + (len(chunk) if at < 0 else at) > LONGEST_LINE:
            return TextNote(0, is_utf8, f"it has a line of more than {LONGEST_LINE >> 20} MiB; is it a file of lines?")
        in_line = in_line + len(chunk) if at < 0 else len(chunk) - 1 - chunk.rfind(b"\n")
        if is_utf8 and (pending or not chunk.isascii()):
            try:
                decoder.decode(chunk)
                pending = bool(decoder.getstate()[0])
            except UnicodeDecodeError:
                is_utf8 = False
        last = chunk[-1:]
    return TextNote(breaks + (last != b"\n"), is_utf8 and not pending)


def look_at_parquet(stream: IO[bytes], size: int) -> tuple[pa.Schema, pq.FileMetaData]:
    """Schema and footer of a Parquet file; raises UnreadableFileError where it has none, or one that cannot be true."""
    if size == 0:
        raise UnreadableFileError("no Parquet file: it is empty (0 bytes)")
    try:
        opened = pq.ParquetFile(stream)
        schema, footer = opened.schema_arrow, opened.metadata
        columns = [
            footer.row_group(group).column(index)
            for group in range(footer.num_row_groups)
            for index in range(footer.num_columns)
        ]
        ends = [
            min(column.data_page_offset, column.dictionary_page_offset or column.data_page_offset)
            + column.total_compressed_size
            for column in columns
        ]
    except PARQUET_FAULTS as error:
        raise UnreadableFileError(f"no readable Parquet file ({_first_line(error)})") from None
    if any(end > size for end in ends):
        raise UnreadableFileError("damaged Parquet file: it is shorter than its footer says (truncated)")
    return schema, footer


def decode_parquet(stream: IO[bytes], columns: Sequence[str]) -> None:
    """Read the columns to their end; raises UnreadableFileError where pages are damaged or text is no UTF-8."""
    try:
        opened = pq.ParquetFile(stream)
        present = [name for name in columns if name in opened.schema_arrow.names]
        for batch in opened.iter_batches(columns=present):
            batch.validate(full=True)
    except PARQUET_FAULTS as error:
        raise UnreadableFileError(f"damaged Parquet file ({_first_line(error)})") from None


def _first_line(error: BaseException) -> str:
    text = (str(error).splitlines() or [""])[0][:120]
    if "UTF8" in text:
        return "text that is no UTF-8"
    # The kind of the fault only, where the text could hold what the file holds.
    return text if "Parquet" in text else type(error).__name__
