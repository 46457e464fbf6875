"""The proof of an erasure finds a customer in whatever spelling, packing and place, and nobody else."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import zipfile
from pathlib import Path
from urllib.parse import quote, quote_plus

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from engagement_assets.lake.subject import Subject
from engagement_assets.operations.erasure_search import Search
from engagement_assets_tests.worlds import World

WHO = 'Vi"ct\\im é/77 李'


def escaped(text: str) -> str:
    """Each character as JSON may escape it."""
    units = text.encode("utf-16-be")
    return "".join(f"\\u{units[i]:02X}{units[i + 1]:02x}" for i in range(0, len(units), 2))


def zipped(data: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/sharedStrings.xml", data)
    return stream.getvalue()


def parquet(**columns: object) -> bytes:
    stream = io.BytesIO()
    pq.write_table(pa.table({name: [values] for name, values in columns.items()}), stream)
    return stream.getvalue()


TEXT = f"x {WHO} x".encode()

SPELLED = {
    "plain.txt": TEXT,
    "in-json.txt": json.dumps({"a": WHO}).encode(),
    "in-json-in-json.txt": json.dumps(json.dumps({"a": WHO})).encode(),
    "escaped.txt": f"{{'{escaped(WHO)}".encode(),
    "url.txt": f"/u?x={quote(WHO)}".encode(),
    "form.txt": f"x={quote_plus(WHO)}".encode(),
    "page.html": f"<b>{WHO.replace(chr(34), '&quot;')}</b>".encode(),
    "utf-16.txt": f"x {WHO.replace('李', '')}, x".encode("utf-16"),
    "cell.csv": f'a,b\n1,"{WHO.replace(chr(34), chr(34) * 2)}"\n'.encode(),
    "packed.gz": gzip.compress(TEXT),
    "packed.bz2": bz2.compress(TEXT),
    "packed.xz": lzma.compress(TEXT),
    "cut.gz": gzip.compress(TEXT + bytes(range(256)) * 999)[:-9],
    "book.xlsx": zipped(TEXT),
    "note.parquet": parquet(note=f"x {WHO}"),
    "nested.parquet": parquet(add={"stats": json.dumps({"minValues": {"customer_id": WHO}})}),
    "customers.parquet": parquet(customer_id=f" {WHO} "),
    "far.txt": b"x" * (8 << 20) + b" " * 20 + TEXT,
}


@pytest.fixture
def place(world: World, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An export folder of a shop that has nothing else."""
    monkeypatch.setenv("DAGSTER_HOME", str(world.root / "home"))
    place = Path(world.settings.export)
    place.mkdir(parents=True)
    return place


def found(world: World, subject: Subject) -> set[str]:
    return {Path(name).name for name in Search(world.settings, world.lake, subject).everywhere(None).yours}


def test_a_customer_is_found_in_every_spelling_and_packing(world: World, place: Path) -> None:
    for name, data in SPELLED.items():
        (place / name).write_bytes(data)
    assert found(world, Subject(WHO)) == SPELLED.keys() - {"utf-16.txt"}
    assert "utf-16.txt" in found(world, Subject(WHO.replace("李", "")))  # without what Latin-1 does not have
    assert found(world, Subject(f"{WHO}8")) == found(world, Subject(f"X{WHO}")) == set()


def test_an_address_is_found_in_any_case_and_not_in_a_longer_one(world: World, place: Path) -> None:
    theirs = ("Ann@X.org", "<ANN@x.org>.", "mailto:ann%40x.org?x", "a\\nann@x.org", "\\u0061nn@x.org", "'ann@x.org'")
    others = ("joann@x.org", "mary-ann@x.org", "ann@x.org.uk", "ann@x.orga", "o'ann@x.org", "ann+x@x.org", "ann@y.org")
    for number, text in enumerate((*theirs, *others)):
        (place / f"{number}.txt").write_text(text)
    subject = Subject("1", frozenset({"ann@x.org"}), longer=frozenset({"o'ann@x.org"}))
    assert found(world, subject) == {f"{number}.txt" for number in range(len(theirs))}


def test_of_a_number_fields_and_columns_of_customers_are_compared(world: World, place: Path) -> None:
    theirs = {
        "a.jsonl": '{"customer_id": 1, "n": 2}',
        "b.jsonl": '{"customer_id":"1',
        "c.csv": "Customer ID;n\n1;2\n",
        "d.txt": r"{\"customer_id\": \" 1 \"}",
    }
    others = {
        "e.jsonl": '{"customer_id": 12, "n": 1}',
        "f.jsonl": '{"missing_customer_id": 1}',
        "g.csv": "customers;customer_id\n1;2\n",
        "h.txt": "1",
    }
    for name, text in (theirs | others).items():
        (place / name).write_text(text)
    assert found(world, Subject("1")) == theirs.keys()
