"""Same arguments, same rows; wrong arguments and interruptions change nothing; `data/raw` is what the generator makes."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from engagement_assets.sample_data import Tally, TargetError, files, generate, generator
from engagement_assets_tests import PROJECT
from engagement_assets_tests.sample_data.reading import everything, parquet_rows, text_lines

COMMITTED = PROJECT / "data" / "raw"


def make(to: Path, **arguments: Any) -> dict[str, Tally]:
    """A data set of seven weeks over three months, where the arguments do not say otherwise."""
    return generate(to, **{"first_day": date(2025, 1, 20), "last_day": date(2025, 3, 10), **arguments})


def all_lines(folder: Path) -> list[str]:
    """The lines of all files of events, sorted."""
    return sorted(line for lines in text_lines(folder).values() for line in lines)


def contents(folder: Path) -> dict[str, bytes]:
    """All files under `folder`, by their path."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


# ---- determinism -----------------------------------------------------------------------------------------------------


def test_the_same_arguments_give_the_same_files_byte_for_byte(tmp_path: Path) -> None:
    first = make(tmp_path / "a", customers=300, seed=5)
    second = make(tmp_path / "b", customers=300, seed=5)
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    assert first == second


def test_another_seed_gives_other_rows(tmp_path: Path) -> None:
    make(tmp_path / "a", customers=50, seed=5)
    make(tmp_path / "b", customers=50, seed=6)
    assert parquet_rows(tmp_path / "a") != parquet_rows(tmp_path / "b")


def test_blocks_are_appended_without_repeating_an_identifier(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generator, "CUSTOMERS_PER_BLOCK", 100)
    made = make(tmp_path / "raw", customers=250, bad_rows=False)
    for source, key in (("customers", 0), ("orders", 0)):
        tables = parquet_rows(tmp_path / "raw" / source)
        keys = [row[key] for rows in tables.values() for row in rows[1:]]
        assert len(set(keys)) == len(keys) == made[source].kept
    assert made["customers"].kept == 250
    assert len(set(all_lines(tmp_path / "raw"))) == made["web_events"].kept


def test_a_full_file_is_followed_by_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generator, "CUSTOMERS_PER_BLOCK", 100)
    whole = make(tmp_path / "whole", customers=300, bad_rows=False)
    monkeypatch.setattr(files, "ROWS_PER_FILE", 50)
    parts = make(tmp_path / "parts", customers=300, bad_rows=False)
    assert (tmp_path / "parts" / "orders" / "month=2025-02" / "part-1.parquet").exists()
    assert (tmp_path / "parts" / "web_events" / "month=2025-01" / "part-2.jsonl.gz").exists()
    assert whole == parts
    assert all_lines(tmp_path / "whole") == all_lines(tmp_path / "parts")


# ---- the committed data ----------------------------------------------------------------------------------------------


def test_the_committed_data_is_what_the_generator_makes(tmp_path: Path) -> None:
    """To renew it: `engagement sample --to data/raw --overwrite`."""
    generate(tmp_path / "raw")
    tables, lines = everything(tmp_path / "raw")
    committed_tables, committed_lines = everything(COMMITTED)
    assert list(tables) == list(committed_tables)
    assert list(lines) == list(committed_lines)
    for name in tables:
        assert tables[name] == committed_tables[name], name
    for name in lines:
        assert lines[name] == committed_lines[name], name


def test_the_committed_data_is_small_and_large_enough() -> None:
    sizes = [path.stat().st_size for path in COMMITTED.rglob("*") if path.is_file()]
    assert sum(sizes) < 3_000_000
    assert len(sizes) <= 40
    assert len(parquet_rows(COMMITTED / "customers")["customers.parquet"]) > 500
    assert len({path.parent.name for path in COMMITTED.glob("orders/*/*.parquet")}) == 18


# ---- wrong input -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"customers": 0}, "customers must be between 1 and"),
        ({"customers": 10_000_000}, "customers must be between 1 and"),
        ({"first_day": date(2025, 2, 1), "last_day": date(2025, 1, 31)}, "is before the first"),
        ({"seed": -1}, "seed must not be negative"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(tmp_path: Path, arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make(tmp_path / "raw", **arguments)
    assert list(tmp_path.iterdir()) == []


def test_existing_sources_are_replaced_only_when_asked(tmp_path: Path) -> None:
    target = tmp_path / "raw"
    make(target, customers=20, seed=1)
    (target / ".keep").touch()
    (target / "orders" / "month=1999-01").mkdir()
    (target / "orders" / "month=1999-01" / "part-0.parquet").touch()
    before = contents(target)
    with pytest.raises(TargetError, match="already holds sources; replace them with overwrite"):
        make(target, customers=30, seed=2)
    assert contents(target) == before

    make(target, customers=30, seed=2, overwrite=True)
    (tmp_path / "fresh").mkdir()
    make(tmp_path / "fresh", customers=30, seed=2)  # an empty folder needs no overwrite
    assert contents(target) == {**contents(tmp_path / "fresh"), ".keep": b""}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fresh", "raw"]


@pytest.mark.parametrize("strange", ["notes.txt", "orders/notes.txt", "photos/a.parquet", "orders", "web_events/a.csv"])
def test_a_folder_with_anything_else_in_it_is_never_touched(tmp_path: Path, strange: str) -> None:
    path = tmp_path / "raw" / strange
    path.parent.mkdir(parents=True)
    path.write_text("mine")
    with pytest.raises(
        TargetError, match=f"holds {re.escape(strange.removesuffix('/a.parquet'))}, which is no source file"
    ):
        make(tmp_path / "raw", customers=5, overwrite=True)
    assert contents(tmp_path / "raw") == {strange: b"mine"}


def test_links_are_not_followed_when_sources_are_replaced(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "a.parquet").write_text("mine")
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "orders").symlink_to(elsewhere)
    with pytest.raises(TargetError, match="holds orders, which is no source file"):
        make(tmp_path / "raw", customers=5, overwrite=True)
    assert contents(elsewhere) == {"a.parquet": b"mine"}


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "raw").write_text("mine")
    with pytest.raises(TargetError, match="is a file, not a folder"):
        make(tmp_path / "raw", customers=5)


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError("disk full")])
def test_an_interrupted_generation_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[BaseException] | BaseException
) -> None:
    target = tmp_path / "raw"
    make(target, customers=20, seed=1)
    before = contents(target)

    def fail(*args: object) -> None:
        raise error

    monkeypatch.setattr(generator, "write_events", fail)
    with pytest.raises((KeyboardInterrupt, OSError)):
        make(target, customers=20, seed=2, overwrite=True)
    assert contents(target) == before
    assert [path.name for path in tmp_path.iterdir()] == ["raw"]


def test_a_failure_while_moving_in_place_is_undone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "raw"
    make(target, customers=20, seed=1)
    before = contents(target)
    rename = Path.rename

    def fail_at_the_end(path: Path, to: Path) -> Path:
        if path.parent.name == "fresh" and path.name == "web_events":
            raise OSError("no space")
        return rename(path, to)

    monkeypatch.setattr(Path, "rename", fail_at_the_end)
    with pytest.raises(OSError, match="no space"):
        make(target, customers=20, seed=2, overwrite=True)
    assert contents(target) == before
