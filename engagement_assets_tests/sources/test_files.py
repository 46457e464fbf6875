"""Looking at files piece by piece gives what looking at them whole would."""

from __future__ import annotations

import contextlib
import gzip
import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engagement_assets.sources import files
from engagement_assets.sources.files import TextNote, UnreadableFileError, scan_text, unpacked

PIECES = st.lists(
    st.sampled_from([b"a", b"\n", b"\r\n", b"\n\n", "é".encode(), "😀".encode(), b"\xff", b"\xc3", b"\0", b"x" * 40]),
    max_size=40,
)


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pieces of seven bytes, so that characters, lines and gzip members are cut everywhere."""
    monkeypatch.setattr(files, "CHUNK", 7)


def whole(content: bytes) -> TextNote:
    """What a look at the whole content says."""
    try:
        content.decode("utf-8")
        is_utf8 = True
    except UnicodeDecodeError:
        is_utf8 = False
    lines = content.split(b"\n")
    return TextNote(len(lines) - (lines[-1] == b""), is_utf8)


@settings(max_examples=300, deadline=None, database=None)
@given(pieces=PIECES)
def test_lines_and_encoding_are_the_same_in_pieces_and_packed(pieces: list[bytes]) -> None:
    content = b"".join(pieces)
    assert scan_text(io.BytesIO(content), packing=None) == whole(content)
    members = gzip.compress(content[:5]) + gzip.compress(content[5:])
    assert scan_text(io.BytesIO(members), packing="gzip") == whole(content)
    assert b"".join(unpacked(io.BytesIO(members), "gzip")) == content


@settings(max_examples=200, deadline=None, database=None)
@given(pieces=PIECES, cut=st.integers(1, 10_000))
def test_packed_data_that_is_cut_anywhere_is_refused(pieces: list[bytes], cut: int) -> None:
    packed = gzip.compress(b"".join(pieces))
    cut = cut % (len(packed) - 1) + 1
    assert scan_text(io.BytesIO(packed[:-cut]), packing="gzip").problem is not None


@settings(max_examples=200, deadline=None, database=None)
@given(pieces=PIECES, at=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_packed_data_with_one_wrong_bit_is_refused_or_the_same(pieces: list[bytes], at: int, bit: int) -> None:
    """Some bits of a gzip header stand for nothing: a time, a system. No other may change the contents unnoticed."""
    content = b"".join(pieces)
    packed = bytearray(gzip.compress(content))
    packed[at % len(packed)] ^= 1 << bit
    with contextlib.suppress(UnreadableFileError):
        assert b"".join(unpacked(io.BytesIO(bytes(packed)), "gzip")) == content


SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.text(max_size=5), st.floats(allow_nan=False, allow_infinity=False)
)
OBJECTS = st.lists(
    st.dictionaries(st.text(max_size=3), st.one_of(SCALARS, st.lists(SCALARS, max_size=2)), max_size=3), max_size=6
)


@settings(max_examples=200, deadline=None, database=None)
@given(
    objects=OBJECTS,
    indent=st.sampled_from([None, 0, 2]),
    as_array=st.booleans(),
    ascii_only=st.booleans(),
    cut=st.integers(1, 99),
)
def test_the_values_of_a_document_are_what_it_holds_however_it_is_cut(
    objects: list[dict[str, object]], indent: int | None, as_array: bool, ascii_only: bool, cut: int
) -> None:
    text = (
        json.dumps(objects, indent=indent, ensure_ascii=ascii_only)
        if as_array
        else "\n".join(json.dumps(each, indent=indent, ensure_ascii=ascii_only) for each in objects)
    )
    content = text.encode()
    pieces = [content[at : at + 7] for at in range(0, len(content), 7)]
    found = list(files.values_of(iter(pieces)))
    lines = b"".join(lines for _, lines in found).split(b"\n")[:-1]
    assert [json.loads(line) for line in lines] == objects
    assert sum(count for count, _ in found) == len(objects)
    if as_array:
        broken = content[: max(1, len(content) - cut % len(content))]
        if broken != content:
            with pytest.raises(UnreadableFileError, match="none was read"):
                list(files.values_of(iter([broken])))


def test_a_line_of_many_megabytes_is_told_before_an_engine_meets_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "LONGEST_LINE", 100)
    fits = b"x" * 100 + b"\n"
    assert scan_text(io.BytesIO(fits * 3), packing=None).problem is None
    problem = scan_text(io.BytesIO(fits + b"x" * 101 + b"\n"), packing=None).problem
    assert problem is not None
    assert "it has a line of more than" in problem
