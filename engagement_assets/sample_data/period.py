"""The days that are generated, and how busy each of them is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cached_property
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

#: Arrays with an element per row.
Integers: TypeAlias = NDArray[np.int64]
Floats: TypeAlias = NDArray[np.float64]
Mask: TypeAlias = NDArray[np.bool_]

SECONDS_PER_DAY = 86_400
_UNIX_EPOCH = date(1970, 1, 1)
_WEEKDAY_OF_EPOCH = _UNIX_EPOCH.weekday()

#: How busy the days of a week are, Monday first; 1 is an average day.
WEEK = (0.95, 0.92, 0.93, 0.95, 0.90, 1.05, 1.30)

#: Busy times of a year: day of the year of the peak, how much busier than usual, spread in days.
#: Christmas shopping, the week of sales before it, and the summer lull.
YEAR = ((346, 0.9, 11.0), (331, 0.8, 2.5), (212, -0.35, 22.0), (172, 0.3, 12.0))
_DAYS_PER_YEAR = 365


@dataclass(frozen=True)
class Period:
    """The days from `first_day` to `last_day`, both included."""

    first_day: date
    last_day: date

    @property
    def days(self) -> int:
        """How many days there are."""
        return (self.last_day - self.first_day).days + 1

    @property
    def begin(self) -> int:
        """The first second, Unix time."""
        return (self.first_day - _UNIX_EPOCH).days * SECONDS_PER_DAY

    @property
    def end(self) -> int:
        """The second after the last one, Unix time."""
        return self.begin + self.days * SECONDS_PER_DAY

    @cached_property
    def months(self) -> tuple[str, ...]:
        """The months touched, as `2025-03`, in order."""
        return tuple(np.unique(self._dates.astype("datetime64[M]")).astype(str))

    @cached_property
    def business(self) -> Floats:
        """How busy each day is, by season and weekday; 1 is an average day of an average week."""
        weekly = np.array(WEEK)[(self._dates.astype(np.int64) + _WEEKDAY_OF_EPOCH) % len(WEEK)]
        of_year = (self._dates - self._dates.astype("datetime64[Y]")).astype(np.int64) + 1
        yearly = np.ones(self.days)
        for peak, height, spread in YEAR:
            away = np.abs(of_year - peak)
            away = np.minimum(away, _DAYS_PER_YEAR - away)
            yearly += height * np.exp(-0.5 * (away / spread) ** 2)
        return weekly * yearly

    @cached_property
    def _dates(self) -> NDArray[np.datetime64]:
        return np.arange(np.datetime64(self.first_day), np.datetime64(self.last_day) + 1)

    def month_of(self, second: Integers) -> Integers:
        """Index in `months` of Unix times within the period."""
        months = second.astype("datetime64[s]").astype("datetime64[M]").astype(np.int64)
        return months - self._dates[0].astype("datetime64[M]").astype(np.int64)

    def by_month(self, second: Integers) -> Iterator[tuple[str, slice]]:
        """Each month with the places of its times; `second` are Unix times within the period, in order."""
        bounds = np.searchsorted(self.month_of(second), np.arange(len(self.months) + 1))
        yield from zip(self.months, map(slice, bounds, bounds[1:]), strict=True)


def moment(second: int) -> datetime:
    """A Unix time as a date-time in UTC."""
    return datetime.fromtimestamp(second, UTC)
