"""Looking at source files before an engine reads them, without an engine: what is broken, and what they hold.

One truncated file makes every engine give up the whole read, and some damage is read in silence: a Parquet file of no bytes
as one of no rows, a file whose name holds `[` as none at all. So each file is looked at first, and one that cannot be read
is left out with a reason. Text is unpacked and counted to its end; Parquet is known by its footer.
"""

from __future__ import annotations

import codecs
import json
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import IO

import pyarrow as pa
import pyarrow.parquet as pq

#: Bytes looked at at once.
CHUNK = 1 << 20

#: A line longer than this (bytes) is no event but a file of another kind, and would not fit into an engine's memory.
LONGEST_LINE = 64 << 20

#: A JSON document of more than so many bytes is not taken apart to say how much it holds.
LARGEST_DOCUMENT = 64 << 20

_LINES_WANTED = " and not one object on each line, and none was read; `jq -c '{}' FILE` writes it as lines"

#: How an array begins, and an object over several lines.
_DOCUMENT = re.compile(rb"\s*(\[|\{\s*\n\s*\")")

_SPACE = re.compile(r"\s*")

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
    """What was found of a text file: its lines, whether all of it is UTF-8, and why it cannot be read, if it cannot."""

    lines: int
    is_utf8: bool = True
    problem: str | None = None


def scan_text(stream: IO[bytes], packed: bool) -> TextNote:
    """Read a text file to its end; what is wrong with it is told in the note. A last line needs no line break."""
    try:
        chunks = unpacked(stream) if packed else _chunks(stream)
        beginning = next(chunks, b"")
        if _DOCUMENT.match(beginning):
            # Not lines, by its look: told by what it holds, or every line of it would be a fault of its own.
            content = beginning + b"".join(islice(chunks, LARGEST_DOCUMENT // CHUNK))
            return _document(content) or _count(iter([content, *chunks]))
        return _count(chain([beginning], chunks) if beginning else chunks)
    except UnreadableFileError as error:
        return TextNote(0, problem=str(error))


def _document(content: bytes) -> TextNote | None:
    """A note of a file that is one JSON array, or objects over several lines each; None where it is something else."""
    try:
        text, found, at = content.decode(), 0, 0
        if text.lstrip().startswith("["):
            found = len(json.loads(text))
            return TextNote(0, problem=f"it is one JSON array of {found:,} element(s){_LINES_WANTED.format('.[]')}")
        decoder = json.JSONDecoder()
        while (at := _SPACE.match(text, at).end()) < len(text):  # type: ignore[union-attr]
            _, at = decoder.raw_decode(text, at)
            found += 1
    except (ValueError, RecursionError):
        return None
    return TextNote(0, problem=f"it is pretty-printed JSON, {found:,} object(s){_LINES_WANTED.format('.')}")


def _chunks(stream: IO[bytes]) -> Iterator[bytes]:
    while chunk := stream.read(CHUNK):
        yield chunk


def unpacked(stream: IO[bytes]) -> Iterator[bytes]:
    """The contents of a gzip file, of one member or several, in pieces; raises UnreadableFileError where it is damaged.

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
                    return TextNote(0, False, f"it is {name} text; JSON is UTF-8: save it in that encoding")
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
