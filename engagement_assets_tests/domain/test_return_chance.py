"""Which earlier days are counted, and what a cell says: worked by hand."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

import pytest

from engagement_assets.domain.return_chance import CELLS, chances, day_of, known_from, steps_before

START = date(2010, 12, 1)


def days_counted(day: date) -> list[date]:
    return [day_of(step) for step in steps_before(day, START)]


def test_the_earlier_days_are_multiples_of_15_days_whose_90_days_are_over() -> None:
    # 2011-01-11 is day 14985 = 999 * 15, the first one 30 days after the first partition; 90 days later it is known.
    assert known_from(START) == date(2011, 4, 11)
    assert days_counted(date(2011, 4, 10)) == []
    assert days_counted(date(2011, 4, 11)) == days_counted(date(2011, 4, 25)) == [date(2011, 1, 11)]
    assert days_counted(date(2011, 4, 26)) == [date(2011, 1, 11), date(2011, 1, 26)]
    late = days_counted(date(2011, 9, 9))
    assert late == [
        date(2011, 3, 27),
        *[date(2011, month, day) for month, day in ((4, 11), (4, 26), (5, 11), (5, 26), (6, 10))],
    ]
    # The first partition may be 30 days before a multiple itself.
    assert known_from(date(2010, 12, 12)) == date(2011, 4, 11)
    assert known_from(date(2010, 12, 13)) == date(2011, 4, 26)


def test_a_cell_is_drawn_towards_what_its_row_and_its_column_say() -> None:
    """Ten bought once and in the last week, of whom five came back; thirty once and 30 to 44 days ago, of whom six did.

    Shop: 11.5 of 41. Rows, with 20 customers of the shop's share: (5 + 20 * 11.5/41) / 30 and (6 + 20 * 11.5/41) / 50; the column
    (11 + 20 * 11.5/41) / 60. Odds multiply where logits add up.
    """
    found = chances({(0, 1): 10, (30, 1): 30}, {(0, 1): 5, (30, 1): 6})
    shop = Fraction(23, 82)

    def odds(share: Fraction) -> Fraction:
        return share / (1 - share)

    def expected(counted: int, back: int, row: Fraction, column: Fraction) -> float:
        towards = odds(row) * odds(column) / odds(shop)
        return float((back + 20 * towards / (1 + towards)) / (counted + 20))

    recent, silent = (5 + 20 * shop) / 30, (6 + 20 * shop) / 50
    once = (11 + 20 * shop) / 60
    assert found[0, 1] == pytest.approx(expected(10, 5, recent, once), abs=1e-14)
    assert found[30, 1] == pytest.approx(expected(30, 6, silent, once), abs=1e-14)
    # Nobody stood there: what the row says, the column saying what the shop says.
    assert found[0, 9] == pytest.approx(float(recent), abs=1e-14)
    assert set(found) == set(CELLS)


def test_all_and_none_have_a_chance_and_nobody_has_none() -> None:
    assert 0.9 < chances({(0, 1): 30}, {(0, 1): 30})[0, 1] < 1
    assert 0 < chances({(0, 1): 30}, {})[0, 1] < 0.1
    assert chances({}, {}) == {}
