"""CSV files: how they are written, and their records as text, a piece at a time."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import IO

import pyarrow as pa
import pyarrow.csv as arrow_csv

from engagement_assets.domain.source_mapping import SourceMapping
from engagement_assets.sources.files import PARQUET_FAULTS, UnreadableFileError, unpacked

#: What may separate values, where `sources.toml` does not say it: that which the first line has most of.
DELIMITERS = ",;\t|"

#: Bytes that are parsed at once; a record may not be longer.
_BLOCK = 8 << 20

#: Characters of a record that are kept where it has too many values, or too few.
_SHOWN = 10_000

#: The column of a copy that holds a record which is none, as text.
MALFORMED = "malformed"

#: Bytes that are looked at for the first line.
_BEGINNING = 1 << 16


_NOT_TEXT = 'it is no {} text; say its encoding in sources.toml: encoding = "cp1252"'


class _Pieces(io.RawIOBase):
    """A file of pieces that come one after the other."""

    def __init__(self, pieces: Iterator[bytes], quote: str) -> None:
        self._pieces, self._rest, self._quote = pieces, b"", quote.encode()
        self.quotes = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._rest = piece
            self.quotes += piece.count(self._quote) if self._quote else 0
        taken = min(len(buffer), len(self._rest))
        buffer[:taken], self._rest = self._rest[:taken], self._rest[taken:]
        return taken


def delimiter_of(beginning: bytes, mapping: SourceMapping) -> str:
    """What separates the values of a file that begins so."""
    if mapping.delimiter is not None:
        return mapping.delimiter
    text = beginning.decode(mapping.encoding, "replace")
    first = text.split("\n", 1)[0]
    if mapping.quote:
        first = "".join(first.split(mapping.quote)[::2])  # what stands in quotes separates nothing
    return max(DELIMITERS, key=first.count)


class CsvReader:
    """The records of a CSV file: `columns` names their values, `batches` gives them as text.

    Raises UnreadableFileError where the file is no text in the encoding that is said.
    """

    def __init__(self, stream: IO[bytes], packing: str | None, mapping: SourceMapping) -> None:
        self._mapping, self._malformed = mapping, list[str]()
        self._pieces = unpacked(stream, packing)
        self._beginning = b""
        for piece in self._pieces:
            self._beginning += piece
            if len(self._beginning) >= _BEGINNING:
                break
        self.delimiter = delimiter_of(self._beginning, mapping)
        #: The names of the columns; none of a file without a record.
        self.columns = list(mapping.header)
        self._header_lines = 0
        if not mapping.header:
            self._read_header()

    def _read_header(self) -> None:
        text = self._beginning.decode(self._mapping.encoding, "replace").removeprefix("\ufeff")
        lines = csv.reader(
            io.StringIO(text, newline=""),
            delimiter=self.delimiter,
            quotechar=self._mapping.quote or None,
            quoting=csv.QUOTE_MINIMAL if self._mapping.quote else csv.QUOTE_NONE,
        )
        try:
            self.columns = [name.strip() for name in next((record for record in lines if record), [])]
        except csv.Error:
            raise UnreadableFileError("its first line names no columns") from None
        self._header_lines = lines.line_num

    def batches(self, wanted: Mapping[str, str]) -> Iterator[pa.RecordBatch]:
        """The records, a piece at a time; `wanted`: name in the batch -> name of the column.

        A batch has MALFORMED beside them: the text of a record that has more or fewer values than there are columns; its values
        are null.
        """
        schema = pa.schema([*((name, pa.string()) for name in wanted), (MALFORMED, pa.string())])
        try:
            file = _Pieces(chain([self._beginning], self._pieces), self._mapping.quote)
            reader, last = self._open(file), None
            while (batch := _next(reader)) is not None:
                yield from self._noted(schema)
                if batch.num_rows:
                    last = batch.slice(batch.num_rows - 1)
                    arrays = [batch.column(self._named(name)) for name in wanted.values()]
                    yield pa.record_batch([*arrays, pa.nulls(batch.num_rows, pa.string())], schema=schema)
            yield from self._noted(schema)
            # What a quote opens and nothing closes is one value to the end of the file.
            if file.quotes % 2 and last is not None and any("\n" in (value[0].as_py() or "") for value in last.columns):
                raise UnreadableFileError("no readable CSV file: a quote is opened and not closed")
        except UnreadableFileError:
            raise
        except UnicodeError:
            raise UnreadableFileError(_NOT_TEXT.format(self._mapping.encoding)) from None
        except PARQUET_FAULTS as error:
            if "UTF8" in str(error):
                raise UnreadableFileError(_NOT_TEXT.format(self._mapping.encoding)) from None
            if "Empty CSV" not in str(error):
                raise UnreadableFileError(f"no readable CSV file ({type(error).__name__})") from None

    def _named(self, column: str) -> str:
        """What a column is called while it is read: by its number, because names may come twice where they are not wanted."""
        return f"c{self.columns.index(column)}"

    def _open(self, file: _Pieces) -> arrow_csv.CSVStreamingReader:
        names = [f"c{number}" for number in range(len(self.columns))]
        encoding = "utf8" if self._mapping.encoding in ("utf-8", "utf-8-sig") else self._mapping.encoding
        return arrow_csv.open_csv(
            pa.PythonFile(file, "r"),
            arrow_csv.ReadOptions(
                block_size=_BLOCK,
                use_threads=False,
                encoding=encoding,
                column_names=names,
                skip_rows=self._header_lines,
            ),
            arrow_csv.ParseOptions(
                delimiter=self.delimiter,
                quote_char=self._mapping.quote or False,
                newlines_in_values=bool(self._mapping.quote),
                invalid_row_handler=self._note,
            ),
            arrow_csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False),
        )

    def _note(self, row: arrow_csv.InvalidRow) -> str:
        self._malformed.append(row.text[:_SHOWN])
        return "skip"

    def _noted(self, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        if self._malformed:
            texts = pa.array(self._malformed, pa.string())
            nothing = [pa.nulls(len(texts), pa.string())] * (len(schema) - 1)
            yield pa.record_batch([*nothing, texts], schema=schema)
            self._malformed.clear()


def _next(reader: arrow_csv.CSVStreamingReader) -> pa.RecordBatch | None:
    try:
        return reader.read_next_batch()
    except StopIteration:
        return None
