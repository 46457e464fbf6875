"""A flipped bit anywhere in a published file is found by its checksum, whether or not the file can still be read."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from engagement_assets.domain.contracts import RawOrders
from engagement_assets.engine import EngineResource
from engagement_assets.lake import tables
from engagement_assets.lake.reading import opened
from engagement_assets.lake.tables import LakeResource
from engagement_assets_tests.integration.faults import writers

PER_REGION = 12


@pytest.fixture
def lake(tmp_path: Path, engine: EngineResource) -> LakeResource:
    """Three days of orders, and one without."""
    found = LakeResource(root=str(tmp_path / "lake"))
    rows = writers.next_rows(found, engine)
    found.commit(found.stage(rows, RawOrders, partitions=[*writers.DAYS, "2025-04-01"], run_id="test"), run_id="test")
    return found


def regions(place: Path) -> Iterator[tuple[str, int, int]]:
    """The parts of a Parquet file: what each is, where it begins and ends."""
    size, footer = place.stat().st_size, pq.read_metadata(place)
    yield "magic bytes", 0, 4
    for group in (footer.row_group(n) for n in range(footer.num_row_groups)):
        for column in (group.column(n) for n in range(group.num_columns)):
            begin, data = column.dictionary_page_offset, column.data_page_offset
            end = begin + column.total_compressed_size
            yield "dictionary", begin, data or end  # a file without rows has no data pages
            yield "data pages", data or end, end
    begin = size - 8 - int.from_bytes(place.read_bytes()[-8:-4], "little")
    yield "footer with statistics", begin, size - 8
    yield "length of the footer", size - 8, size - 4
    yield "magic bytes", size - 4, size


def test_a_flipped_bit_is_found_wherever_it_is(lake: LakeResource) -> None:
    chance = random.Random(1)
    flips: dict[str, int] = {}
    for file in lake.live_files(RawOrders):
        place = Path(lake.path(RawOrders), file.path)
        for what, begin, end in regions(place):
            for position in chance.sample(range(begin, end), min(PER_REGION, end - begin)):
                flipped = os.pread(number := os.open(place, os.O_RDWR), 1, position)
                try:
                    os.pwrite(number, bytes([flipped[0] ^ 1 << chance.randrange(8)]), position)
                    (found,) = lake.damage(RawOrders, verify=True)
                    assert found.path == str(place)
                    assert "its checksum is another" in str(found)
                finally:
                    os.pwrite(number, flipped, position)
                    os.close(number)
                flips[what] = flips.get(what, 0) + 1
        assert lake.damage(RawOrders, verify=True) == []
    assert set(flips) == {"magic bytes", "dictionary", "data pages", "footer with statistics", "length of the footer"}
    assert sum(flips.values()) > 300


def test_files_of_an_earlier_release_are_told_as_not_verifiable(
    lake: LakeResource, engine: EngineResource, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert lake.unverified(RawOrders) == []
    with monkeypatch.context() as as_before:
        as_before.setattr(tables, "CHECKSUMS", "nothing that is read")
        writers.commit_next(lake, engine)
    assert sorted(file.partition for file in lake.unverified(RawOrders)) == writers.DAYS
    assert lake.damage(RawOrders, verify=True) == []
    place = Path(lake.files(RawOrders, [writers.DAYS[0]])[0])
    place.write_bytes(place.read_bytes()[:100] + bytes(100) + place.read_bytes()[200:])
    (found,) = lake.damage(RawOrders, verify=True)
    assert "cannot be read" in str(found)


def test_checksums_outlast_checkpoints_and_later_commits(lake: LakeResource, engine: EngineResource) -> None:
    other = lake.stage(writers.next_rows(lake, engine), RawOrders, partitions=writers.DAYS, run_id="next")
    lake.commit(other.only(writers.DAYS[:1]), run_id="next")
    table = lake.delta(RawOrders)
    assert table is not None
    table.create_checkpoint()
    assert lake.unverified(RawOrders) == []
    with opened(lake, {RawOrders: None}) as connection:
        assert connection.execute("SELECT count(*) FROM raw_orders").fetchall() == [(3 * writers.ROWS,)]
