"""The days that are generated, and how busy each of them is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

SECONDS_PER_DAY = 86_400
_UNIX_EPOCH = date(1970, 1, 1)

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
        return tuple(dict.fromkeys(day.strftime("%Y-%m") for day in self._each_day))

    @cached_property
    def month_of_day(self) -> NDArray[np.int64]:
        """For each day the index of its month in `months`."""
        place = {month: number for number, month in enumerate(self.months)}
        return np.array([place[day.strftime("%Y-%m")] for day in self._each_day])

    @cached_property
    def business(self) -> NDArray[np.float64]:
        """How busy each day is, by season and weekday; 1 is an average day of an average week."""
        weekly = np.array([WEEK[day.weekday()] for day in self._each_day])
        of_year = np.array([day.timetuple().tm_yday for day in self._each_day])
        yearly = np.ones(self.days)
        for peak, height, spread in YEAR:
            away = np.abs(of_year - peak)
            away = np.minimum(away, _DAYS_PER_YEAR - away)
            yearly += height * np.exp(-0.5 * (away / spread) ** 2)
        return weekly * yearly

    @cached_property
    def _each_day(self) -> tuple[date, ...]:
        return tuple(self.first_day + timedelta(days=number) for number in range(self.days))

    def month_of(self, second: NDArray[np.int64]) -> NDArray[np.int64]:
        """Index in `months` of Unix times within the period."""
        return self.month_of_day[(second - self.begin) // SECONDS_PER_DAY]


def moment(second: int) -> datetime:
    """A Unix time as a date-time in UTC."""
    return datetime.fromtimestamp(second, timezone.utc)
