"""What a range computes at once: consecutive days, no more than so many, and no more rows than fit."""

from __future__ import annotations

import pytest

from engagement_assets.domain.days import chunks

DAYS = ["2026-02-27", "2026-02-28", "2026-03-01", "2026-03-05", "2026-03-06"]


@pytest.mark.parametrize(
    ("size", "rows", "most_rows", "expected"),
    [
        (31, None, 10, [[0, 1, 2], [3, 4]]),  # a gap in the days ends a chunk
        (2, None, 10, [[0, 1], [2], [3, 4]]),
        (31, [4, 6, 1, 5, 6], 10, [[0, 1], [2], [3], [4]]),
        (31, [11, 12, 1, 2, 3], 10, [[0], [1], [2], [3, 4]]),  # a day is never divided
        (31, [0, 0, 0, 0, 0], 10, [[0, 1, 2], [3, 4]]),
    ],
)
def test_chunks(size: int, rows: list[int] | None, most_rows: int, expected: list[list[int]]) -> None:
    told = None if rows is None else dict(zip(DAYS, rows, strict=True))
    assert list(chunks(DAYS, size, told, most_rows)) == [[DAYS[n] for n in chunk] for chunk in expected]
