"""What values look like: spellings of times, numbers, and no value in what is shown."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

import pytest

from engagement_assets.sources.connect.shapes import Column


def column(*values: Any, files: Sequence[int] = ()) -> Column:
    return Column("x", values, files or [0] * len(values))


@pytest.mark.parametrize(
    ("values", "format"),
    [
        (("2024-01-31", "2024-02-01"), "iso"),
        (("2024-01-31 10:00:00", "2024-02-01 10:00:00.5"), "iso"),
        (("2019-10-01 00:00:00 UTC", "2019-10-01 00:00:04 UTC"), "iso"),
        (("2024-01-31T10:00:00Z", "2024-01-31T10:00:00+0100", "2024-01-31 10:00:00 +01"), "iso"),
        (("12/1/2010 8:26", "12/13/2010 18:26"), "%m/%d/%Y %H:%M"),
        (("31/01/2024 10:00:00", "01/02/2024 10:00:00"), "%d/%m/%Y %H:%M:%S"),
        (("31.01.24", "01.02.24"), "%d.%m.%y"),
        (("2024/01/31 10:00", "2024/02/01 23:59"), "%Y/%m/%d %H:%M"),
        (("01/31/2024 10:00 PM", "02/01/2024 01:00 AM"), "%m/%d/%Y %I:%M %p"),
        (("31.01.2024 10:00 UTC", "01.02.2024 10:00 UTC"), "%d.%m.%Y %H:%M UTC"),
        (("31 Jan 2024", "1 Feb 2024"), "%d %b %Y"),
        (("Jan 31, 2024", "Feb 1, 2024"), "%b %d, %Y"),
        (("20240131", "20240201"), "%Y%m%d"),
        (("1704067200", "1704153600"), "epoch_s"),
        (("1704067200000", "1704153600123"), "epoch_ms"),
        (("1704067200000000", "1704153600123456"), "epoch_us"),
        (("1704067200000000000", "1704153600123456789"), "epoch_ns"),
    ],
)
def test_how_times_are_spelled(values: tuple[str, ...], format: str) -> None:
    spelling = column(*values).spelling
    assert spelling is not None
    assert (spelling.format, spelling.other) == (format, None)


@pytest.mark.parametrize("values", [("536365", "C536379"), ("9.99", "12.50"), ("ann@x.example",), ("99/99/2024",), ()])
def test_what_is_no_time(values: tuple[str, ...]) -> None:
    assert column(*values).spelling is None


def test_days_and_months_that_may_be_both_are_told_as_unclear() -> None:
    slashed, dotted = column("01/02/2024", "03/04/2024").spelling, column("01.02.2024", "03.04.2024").spelling
    assert slashed is not None
    assert (slashed.format, slashed.other) == ("%m/%d/%Y", "%d/%m/%Y")
    assert dotted is not None
    assert (dotted.format, dotted.other) == ("%d.%m.%Y", None)  # nobody puts the month first there


def test_one_value_that_is_a_day_above_twelve_decides() -> None:
    usual = [f"{day:02}/{month:02}/2024 10:00" for day in range(1, 13) for month in range(1, 13)]
    spelling = column(*usual, "13/01/2024 10:00").spelling
    assert spelling is not None
    assert (spelling.format, spelling.other) == ("%d/%m/%Y %H:%M", None)


def test_zones_are_noticed() -> None:
    def zone(*values: Any) -> tuple[str, str | None]:
        spelling = column(*values).spelling
        assert spelling is not None
        return spelling.zone, spelling.fixed_zone

    assert zone("2024-01-31 10:00:00") == ("none", None)
    assert zone("2024-01-31 10:00:00Z", "2024-01-31 10:00:00") == ("some", None)
    assert zone("2024-01-31T10:00:00+02:00") == ("told", None)
    assert zone("31.01.2024 10:00 GMT", "01.02.2024 10:00 GMT") == ("told", "UTC")


def test_numbers_with_a_point_a_comma_and_none() -> None:
    assert [str(number) for number in column("1.50", "-2", None, "3").numbers] == ["1.50", "-2", "3"]
    german = column("1.234,50", "0,99")
    assert (german.decimal, [str(number) for number in german.numbers]) == (",", ["1234.50", "0.99"])
    american = column("$1,234.50", "USD 0.99", "1,000", "12")
    assert (american.decimal, [str(number) for number in american.numbers]) == (".", ["1234.50", "0.99", "1000", "12"])
    french = column("1 234,50 €", "0,99 €")
    assert (french.decimal, [str(number) for number in french.numbers]) == (",", ["1234.50", "0.99"])
    assert column("12", "a", "b").numbers == []
    assert column("12", "13").has_cents is False
    assert column("12", "13.5").has_cents is True


def test_uniqueness_is_looked_at_file_by_file_because_full_dumps_repeat_everything() -> None:
    assert column("a", "b", "a", "b", files=[0, 0, 1, 1]).uniqueness == 1
    assert column("a", "a", "b", "b").uniqueness == 0.5


def test_what_is_shown_has_the_shape_of_the_values_and_not_the_values() -> None:
    assert column("ann.lee@shop.example", "bob.ray@shop.example").looks == "text a.a@a.a"
    assert column("C10001", "C10002").looks == "text a99999"
    assert column("4929123412341234").looks == "number 9…9"
    assert column("2024-01-31 10:00:00").looks == "time 9999-99-99 99:99:99"
    assert column(datetime(2024, 1, 31, tzinfo=UTC)).looks == "timestamp"
    assert column(date(2024, 1, 31)).looks == "date"
    assert column(None).looks == "empty"
