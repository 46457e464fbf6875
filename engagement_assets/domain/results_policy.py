"""How the results of campaigns are counted, with their defaults."""

from __future__ import annotations

import hashlib
from datetime import date
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from engagement_assets.domain.days import ONE_DAY


class ResultsPolicy(BaseModel):
    """Over which days customers are watched, who counts as newly addressed, which uplift is worth seeing."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    horizons: tuple[Annotated[int, Field(ge=1, le=365)], ...] = Field(
        (7, 14, 30),
        min_length=1,
        description="days after a customer enters an audience over which they are watched (JSON)",
    )
    window_days: int = Field(
        90, ge=1, le=730, description="a result counts who entered an audience on the latest so many days that are over"
    )
    again_after_days: int = Field(
        30, ge=1, le=365, description="a customer enters an audience anew after so many days out of it"
    )
    least_uplift: float = Field(
        0.02, gt=0, lt=1, description="uplift of the share who order that is worth seeing: 0.02 is two points"
    )

    @model_validator(mode="after")
    def _watched_once(self) -> ResultsPolicy:
        if list(self.horizons) != sorted(set(self.horizons)):
            raise ValueError("horizons rise from one to the next")
        if self.horizons[-1] > self.again_after_days:
            raise ValueError(
                f"a horizon of {self.horizons[-1]} days is longer than again_after_days ({self.again_after_days}): an order "
                "would count twice"
            )
        return self

    def fingerprint(self) -> str:
        """Twelve hexadecimal digits that change with any field."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:12]

    @property
    def days_of_entries(self) -> int:
        """How many days before a result the first of its customers entered."""
        return self.window_days + self.horizons[-1] - 1

    @property
    def days_of_audiences(self) -> int:
        """How many days before a result an audience counts: its customers entered then, or were in it already."""
        return self.days_of_entries + self.again_after_days

    def window(self, day: date, horizon: int) -> tuple[date, date]:
        """The first and the last day of the entries that a result counts."""
        last = day - horizon * ONE_DAY
        return last - (self.window_days - 1) * ONE_DAY, last
