"""When the monitoring checks warn, and when they call it an error."""

from __future__ import annotations

from datetime import date

from pydantic import BaseModel, ConfigDict, Field, model_validator

from engagement_assets.domain.scoring_policy import Share


class MonitoringPolicy(BaseModel):
    """When the monitoring checks warn, and when they call it an error. They never keep a day from being published."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    trailing_weeks: int = Field(
        4, ge=2, le=52, description="weeks before a day whose same weekdays it is compared with"
    )
    fewer_rows_warning: Share = Field(0.5, description="warn when a day has this share fewer rows than usual")
    fewer_rows_error: Share = Field(0.9, description="error when a day has this share fewer rows than usual")
    more_rows_warning: float = Field(
        2.0, gt=0, description="warn when a day has so many times more rows: 2 is three times"
    )
    more_rows_error: float = Field(
        9.0, gt=0, description="error when a day has so many times more rows: 9 is ten times"
    )
    customer_change_warning: float = Field(
        0.1, gt=0, description="warn when a snapshot has this share more or fewer customers than a week before"
    )
    customer_change_error: float = Field(
        0.3, gt=0, description="error when a snapshot has this share more or fewer customers than a week before"
    )
    null_change_warning: Share = Field(
        0.05, description="warn when a column's share of empty values moves so far in a day"
    )
    null_change_error: Share = Field(
        0.2, description="error when a column's share of empty values moves so far in a day"
    )
    psi_warning: float = Field(0.1, gt=0, description="warn from this population stability index of the scores on")
    psi_error: float = Field(0.25, gt=0, description="error from this population stability index of the scores on")
    reference_date: date | None = Field(
        None, description="snapshot the score distribution is compared with; none: that of reference_days before"
    )
    reference_days: int = Field(30, ge=2, le=3660, description="age of the reference snapshot, days, without a date")
    outlier_share_warning: Share = Field(
        0.1, description="warn when more of a measure's values are beyond 3 interquartile ranges"
    )
    outlier_share_error: Share = Field(
        0.25, description="error when more of a measure's values are beyond 3 interquartile ranges"
    )
    extreme_factor: float = Field(
        30, gt=1, description="a value so many times the outlier limit is extreme: one is a warning"
    )
    segment_change_warning: Share = Field(
        0.05, description="warn when a segment's share of customers moves so far in a day"
    )
    segment_change_error: Share = Field(
        0.15, description="error when a segment's share of customers moves so far in a day"
    )
    segment_least_share: Share = Field(
        0.01, description="warn when a segment holds a smaller share of the customers: it tells nobody apart"
    )
    segment_most_share: Share = Field(
        0.6, description="warn when a segment holds a larger share of the customers: it tells nobody apart"
    )
    history_days: int = Field(30, ge=2, le=3660, description="days before a day in which none should be missing")
    missing_days_error: int = Field(7, ge=1, description="error when so many days are missing; one is a warning")

    @model_validator(mode="after")
    def _ordered(self) -> MonitoringPolicy:
        paired = [name.removesuffix("_warning") for name in type(self).model_fields if name.endswith("_warning")]
        for name in paired:
            if getattr(self, f"{name}_warning") > getattr(self, f"{name}_error"):
                raise ValueError(f"{name}_warning must not exceed {name}_error")
        return self
