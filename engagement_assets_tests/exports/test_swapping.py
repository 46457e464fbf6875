"""An export takes the place of the one before as a whole, whenever it is killed, and says what it is."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from engagement_assets.exports import swapping
from engagement_assets.exports.swapping import MANIFEST, swapped, tidy


class Killed(BaseException):
    """Stands for a signal: nothing catches it."""


def put(folder: Path, day: str, *names: str) -> None:
    files = []
    for name in names:
        (folder / name).write_text(f"{name} of {day}")
        files.append({"file": name, "sha256": hashlib.sha256(f"{name} of {day}".encode()).hexdigest()})
    (folder / MANIFEST).write_text(json.dumps({"as_of_date": day, "files": files}))


def days(folder: Path) -> set[str]:
    """The days that the files of a folder are of, by their contents."""
    return {place.read_text().split()[-1] for place in folder.glob("*.csv")}


def test_files_that_are_no_longer_part_of_it_go_unless_somebody_changed_them(tmp_path: Path) -> None:
    with swapped(tmp_path) as staging:
        put(staging, "monday", "a.csv", "b.csv", "c.csv")
    (tmp_path / "c.csv").write_text("my notes of yesterday")
    (tmp_path / "mine.csv").write_text("mine of yesterday")
    with swapped(tmp_path) as staging:
        put(staging, "tuesday", "a.csv")
        assert days(tmp_path) == {"monday", "yesterday"}
    assert {place.name for place in tmp_path.glob("*.csv")} == {"a.csv", "c.csv", "mine.csv"}
    assert (tmp_path / "a.csv").read_text() == "a.csv of tuesday"


def test_an_export_that_fails_or_is_killed_while_it_writes_changes_nothing(tmp_path: Path) -> None:
    with swapped(tmp_path) as staging:
        put(staging, "monday", "a.csv", "b.csv")
    before = {place.name: place.read_bytes() for place in tmp_path.iterdir()}
    with pytest.raises(FileNotFoundError), swapped(tmp_path) as staging:
        put(staging / "no such folder", "tuesday", "b.csv")
    assert {place.name: place.read_bytes() for place in tmp_path.iterdir()} == before
    # What a killed one leaves, the next one takes away.
    put(_made(tmp_path / ".export-12345678"), "tuesday", "a.csv")
    tidy(tmp_path)
    assert {place.name: place.read_bytes() for place in tmp_path.iterdir()} == before


@pytest.mark.parametrize("moves", range(4))
def test_one_that_is_killed_while_files_take_their_places_is_finished_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moves: int
) -> None:
    with swapped(tmp_path) as staging:
        put(staging, "monday", "a.csv", "b.csv", "gone.csv")
    left = moves
    replace = Path.replace

    def killing(place: Path, target: Path) -> Path:
        nonlocal left
        if not left:
            raise Killed
        left -= 1
        return replace(place, target)

    with monkeypatch.context() as patched:
        patched.setattr(swapping.Path, "replace", killing)
        with pytest.raises(Killed), swapped(tmp_path) as staging:
            put(staging, "tuesday", "a.csv", "b.csv", "new.csv")
    tidy(tmp_path)
    assert days(tmp_path) == {"tuesday"}
    assert {place.name for place in tmp_path.iterdir()} - {".export.lock"} == {"a.csv", "b.csv", "new.csv", MANIFEST}


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder
