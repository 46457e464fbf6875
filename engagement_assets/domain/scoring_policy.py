"""How a score, its segment and its risk flag are computed: weights, thresholds, windows and bounds, typed and validated."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from engagement_assets.domain.score_parts import MEASURES, PARTS, ScoredMeasure, ScorePart

#: Weights are compared with 1 to this; a sum of decimal fractions is rarely exact in binary.
_SUM_TOLERANCE = 1e-9

#: Settings of earlier releases that have another name now, and those that say nothing any more.
_RENAMED = {"at_risk_until_days": "lapsed_after_days"}
_DROPPED = ("slipping_until_days",)

#: Days of `sessions_last_7_days`.
WEEK_DAYS = 7

#: Engaged sessions in the activity window from which on a customer without orders counts as engaged.
PROSPECT_SESSIONS = 2

Share = Annotated[float, Field(ge=0, le=1)]


class Bounds(BaseModel):
    """The values that count as 0 and as 1 on a fixed scale; values beyond them are clamped."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    low: float = 0.0
    high: float

    @model_validator(mode="after")
    def _ordered(self) -> Bounds:
        if not self.low < self.high:
            raise ValueError(f"low ({self.low}) must be below high ({self.high})")
        return self


class ScoringPolicy(BaseModel):
    """How a score, its segment and its risk flag are computed. Changing any of these makes old snapshots stale."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    recency_weight: Share = Field(0.4, description="share of recency in the engagement score")
    frequency_weight: Share = Field(0.3, description="share of frequency in the engagement score")
    monetary_weight: Share = Field(0.3, description="share of monetary value in the engagement score")
    order_weight: Share = Field(0.6, description="share of orders in the frequency score")
    session_weight: Share = Field(0.4, description="share of sessions in the frequency score")
    order_scale: Literal["log1p", "none"] = Field(
        "none",
        description="none scores plain orders; log1p scores ln(1 + orders), where a few customers order far more",
    )
    monetary_scale: Literal["log1p", "none"] = Field(
        "log1p", description="revenue is heavy-tailed: log1p scores ln(1 + revenue), none scores plain revenue"
    )
    high_threshold: Share = Field(0.7, description="segment High from this score on")
    medium_threshold: Share = Field(0.4, description="segment Medium from this score on")
    low_threshold: Share = Field(0.2, description="segment Low from this score on, At Risk below")
    segment_mode: Literal["thresholds", "quantiles"] = Field(
        "thresholds",
        description="thresholds: segments by the score itself; quantiles: by its place among the customers",
    )
    high_share: Share = Field(
        0.2, description="quantiles: share of customers in segment High, those with the top scores"
    )
    medium_share: Share = Field(0.3, description="quantiles: share of customers in segment Medium")
    low_share: Share = Field(0.3, description="quantiles: share of customers in segment Low; the rest is At Risk")
    high_risk_threshold: Share = Field(0.3, description="high risk: buyers below this score, if the rest holds too")
    low_sessions: int = Field(1, ge=0, description="high risk: at most so many sessions in the activity window")
    revenue_band_percentile: Share = Field(
        0.75, description="revenue band High from this percentile of buyers' revenue on"
    )
    activity_window_days: int = Field(
        30, ge=1, le=365, description="days of the activity window, the as-of date included"
    )
    lapsed_after_days: int = Field(
        120, ge=2, description="Lapsed from so many days after the last order on; Slipping after the activity window"
    )
    slipping_order_days: int = Field(
        2, ge=1, description="who can be slipping has orders on so many days, or more: one purchase is no habit yet"
    )
    session_gap_minutes: int = Field(30, ge=1, le=1440, description="a longer silence starts a new session")
    engaged_session_seconds: float = Field(10.0, ge=0, description="a session longer than this is engaged")
    server_side_event_types: tuple[str, ...] = Field(
        (),
        description="event types that are not the customer's own activity (e.g. package_shipped); they start no session",
    )
    reference_recency_days: Bounds = Field(Bounds(low=0, high=365), description="fixed bounds of recency, days")
    reference_orders: Bounds = Field(Bounds(low=0, high=20), description="fixed bounds of total orders")
    reference_sessions: Bounds = Field(Bounds(low=0, high=20), description="fixed bounds of sessions in the window")
    reference_revenue: Bounds = Field(
        Bounds(low=0, high=10_000), description="fixed bounds of total revenue, currency units"
    )

    @model_validator(mode="before")
    @classmethod
    def _names_of_earlier_releases(cls, values: Any) -> Any:
        """0.1.0 had a stage At Risk between Slipping and Lapsed; where it ended, Slipping ends now."""
        if not isinstance(values, dict):
            return values
        named = {_RENAMED.get(name, name): value for name, value in values.items() if name not in _DROPPED}
        return {**named, **{name: values[name] for name in _RENAMED.values() if name in values}}

    @model_validator(mode="after")
    def _consistent(self) -> ScoringPolicy:
        for weights in (
            [part.weight for part in PARTS],
            *([m.share for m in part.measures if m.share] for part in PARTS),
        ):
            total = sum(getattr(self, name) for name in weights)
            if weights and abs(total - 1) > _SUM_TOLERANCE:
                raise ValueError(f"{' + '.join(weights)} must be 1, not {total:g}")
        if not self.low_threshold < self.medium_threshold < self.high_threshold:
            raise ValueError("thresholds must rise: low_threshold < medium_threshold < high_threshold")
        if self.high_share + self.medium_share + self.low_share > 1 + _SUM_TOLERANCE:
            raise ValueError("high_share + medium_share + low_share must not exceed 1")
        if self.activity_window_days >= self.lapsed_after_days:
            raise ValueError("activity_window_days must be below lapsed_after_days")
        for measure in MEASURES:
            if self.is_logarithmic(measure) and self.bounds(measure).low < 0:
                raise ValueError(f"{measure.reference}.low must not be negative on the log1p scale")
        return self

    def weight(self, part: ScorePart) -> float:
        """The share of a part in the engagement score."""
        return float(getattr(self, part.weight))

    def share(self, measure: ScoredMeasure) -> float:
        """The share of a measure in the score of its part."""
        return float(getattr(self, measure.share)) if measure.share else 1.0

    def bounds(self, measure: ScoredMeasure) -> Bounds:
        """The fixed bounds of a measure in the reference score."""
        found: Bounds = getattr(self, measure.reference)
        return found

    def is_logarithmic(self, measure: ScoredMeasure) -> bool:
        """Whether ln(1 + value) is scored, not the value."""
        return measure.scale is not None and getattr(self, measure.scale) == "log1p"

    @property
    def session_days(self) -> int:
        """Days of sessions that a snapshot is built from, the as-of date included: two activity windows, a week at least."""
        return max(2 * self.activity_window_days, WEEK_DAYS)

    def fingerprint(self) -> str:
        """Twelve hexadecimal digits that change with any value of the policy."""
        return fingerprint_of(self.model_dump(mode="json"))


def fingerprint_of(policy: Mapping[str, Any]) -> str:
    """The fingerprint of a policy as it was recorded, also by a release that knew other settings."""
    return hashlib.sha256(json.dumps(policy, sort_keys=True).encode()).hexdigest()[:12]
