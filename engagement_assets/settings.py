"""Every number and place the pipeline depends on, typed, validated, with its default and unit.

Each is read from an environment variable: `ENGAGEMENT_` and the name in capitals; parts of the scoring policy with a
double underscore, e.g. `ENGAGEMENT_SCORING__RECENCY_WEIGHT=0.5`. `engagement settings` shows them all.
"""

from __future__ import annotations

import hashlib
import json
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from engagement_assets.domain.campaign_policy import CampaignPolicy

PREFIX = "ENGAGEMENT_"

#: Weights are compared with 1 to this; a sum of decimal fractions is rarely exact in binary.
_SUM_TOLERANCE = 1e-9

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
    high_risk_threshold: Share = Field(0.3, description="buyers below this score are at high risk")
    revenue_band_percentile: Share = Field(
        0.75, description="revenue band High from this percentile of buyers' revenue on"
    )
    activity_window_days: int = Field(
        30, ge=1, le=365, description="days of the activity window, the as-of date included"
    )
    slipping_until_days: int = Field(
        60, ge=1, description="lifecycle stage Slipping up to so many days after the last order"
    )
    at_risk_until_days: int = Field(
        120, ge=1, description="lifecycle stage At Risk up to so many days after the last order, Lapsed from then on"
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

    @model_validator(mode="after")
    def _consistent(self) -> ScoringPolicy:
        total = self.recency_weight + self.frequency_weight + self.monetary_weight
        if abs(total - 1) > _SUM_TOLERANCE:
            raise ValueError(f"recency_weight + frequency_weight + monetary_weight must be 1, not {total:g}")
        total = self.order_weight + self.session_weight
        if abs(total - 1) > _SUM_TOLERANCE:
            raise ValueError(f"order_weight + session_weight must be 1, not {total:g}")
        if not self.low_threshold < self.medium_threshold < self.high_threshold:
            raise ValueError("thresholds must rise: low_threshold < medium_threshold < high_threshold")
        if self.high_share + self.medium_share + self.low_share > 1 + _SUM_TOLERANCE:
            raise ValueError("high_share + medium_share + low_share must not exceed 1")
        if self.slipping_until_days > self.at_risk_until_days:
            raise ValueError("slipping_until_days must not exceed at_risk_until_days")
        if self.monetary_scale == "log1p" and self.reference_revenue.low < 0:
            raise ValueError("reference_revenue.low must not be negative on the log1p scale")
        return self

    @property
    def session_gap(self) -> timedelta:
        """The longest silence within one session."""
        return timedelta(minutes=self.session_gap_minutes)

    def fingerprint(self) -> str:
        """Twelve hexadecimal digits that change with any value of the policy."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]


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
    history_days: int = Field(30, ge=2, le=3660, description="days before a day in which none should be missing")
    missing_days_error: int = Field(7, ge=1, description="error when so many days are missing; one is a warning")

    @model_validator(mode="after")
    def _ordered(self) -> MonitoringPolicy:
        for name in (
            "fewer_rows",
            "more_rows",
            "customer_change",
            "null_change",
            "psi",
            "outlier_share",
            "segment_change",
        ):
            if getattr(self, f"{name}_warning") > getattr(self, f"{name}_error"):
                raise ValueError(f"{name}_warning must not exceed {name}_error")
        return self


class Settings(BaseSettings):
    """Where things are, which engine computes, which days exist, what runs by itself, and the policies."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        frozen=True,
        extra="ignore",
        validate_default=True,
        hide_input_in_errors=True,
    )

    data: str = Field("data/raw", description="folder or object-store URL with customers/, orders/ and web_events/")
    lake: str = Field("data/lake", description="folder or object-store URL of the published tables")
    export: str = Field("data/export", description="folder of the CSV files for BI tools")
    export_days: int = Field(365, ge=1, description="days of orders, sessions, scores and moves in the CSV files")
    export_rows: int = Field(
        1_000_000, ge=1, description="rows of a CSV file with a history at the most; whole days are left out beyond it"
    )
    power_bi_data: str | None = Field(
        None, description="folder of the CSV files as the machine with Power BI knows it; none: the same as here"
    )
    engine: str = Field("embedded", description="embedded, local[N], spark://…, yarn, k8s://… or sc://…")
    start_date: date = Field(date(2025, 1, 1), description="first partition; earlier orders and events are rejected")
    timezone: str = Field("UTC", description="business time zone in which days are cut")
    dagster_url: str = Field(
        "http://127.0.0.1:3000", description="address of the Dagster UI, for the dashboard's links to runs"
    )
    chunk_days: int = Field(31, ge=1, le=366, description="days computed at once in a range")
    chunk_rows: int = Field(
        1_500_000,
        ge=1,
        description="about the most rows computed at once in a range, if a day has no more; bounds memory",
    )
    rows_per_file: int = Field(
        5_000_000,
        ge=1,
        description="about the most rows in a file; Apache Spark writes a day of more as several, in parallel",
    )
    rejected_share_warning: Share = Field(0.05, description="warn when more of a source's rows are rejected")
    rejected_share_limit: Share = Field(0.5, description="stop when more of a source's rows are rejected")
    retention_days: float = Field(30, ge=0, le=36500, description="days a replaced version of a table stays readable")
    leftover_hours: float = Field(24, ge=0, description="hours after which files of dead runs are removed")
    lock_wait_minutes: float = Field(60, ge=0, description="how long a run waits for another that is writing, minutes")
    dashboard_url: str = Field(
        "http://127.0.0.1:8050", description="address of the dashboard, for the links of the Dagster UI to its pages"
    )
    run_daily: bool = Field(
        False, description="switch the schedule and the sensors on from the start; otherwise that is done in the UI"
    )
    ready_by_hour: int = Field(
        6, ge=0, le=23, description="hour at which yesterday's snapshot has to be published, business time zone"
    )
    examine_minutes: float = Field(
        60, ge=0, description="new source files are examined at most once in so many minutes by the sensor"
    )
    refresh_days: int = Field(
        90,
        ge=1,
        description="days back to which the sensor rebuilds outdated snapshots; `engagement refresh` does the rest",
    )
    alert_webhook: SecretStr | None = Field(
        None, description="address that alerts are posted to as Slack-compatible JSON; never shown"
    )
    audience_webhook: SecretStr | None = Field(
        None, description="address that each day's audiences are posted to as JSON, once; never shown"
    )
    alert_level: Literal["warning", "error"] = Field(
        "warning", description="warning: alert of each failed check; error: of failed runs and errors only"
    )
    alert_log: str | None = Field(
        None, description="file that alerts are written to; none: alerts.log in the Dagster home"
    )
    monitoring: MonitoringPolicy = Field(
        default_factory=lambda: MonitoringPolicy(), description="thresholds of the monitoring checks"
    )
    campaigns: CampaignPolicy = Field(
        default_factory=lambda: CampaignPolicy(), description="audiences, hold-out, frequency cap, opt-outs"
    )
    scoring: ScoringPolicy = Field(
        default_factory=lambda: ScoringPolicy(), description="weights, thresholds, windows, bounds"
    )

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"{value!r} is no IANA time zone; write for example Europe/Berlin or UTC") from None
        return value

    @field_validator("engine")
    @classmethod
    def _known_engine(cls, value: str) -> str:
        if value.startswith("sc://") and ";token=" in value.lower():
            raise ValueError(
                "the address holds a token, and the Dagster UI shows the address; "
                "put the token into SPARK_CONNECT_AUTHENTICATE_TOKEN"
            )
        if value in ("embedded", "yarn", "local") or value.startswith(("local[", "spark://", "k8s://", "sc://")):
            return value
        raise ValueError(
            f"{value!r} is no engine; use embedded, local[*], spark://host:7077, yarn, k8s://… or sc://host:15002"
        )

    @field_validator("alert_webhook", "audience_webhook")
    @classmethod
    def _web_address(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None or not value.get_secret_value().strip():
            return None
        if not value.get_secret_value().startswith(("https://", "http://")):
            raise ValueError(
                "an address begins with https:// or http://; this one is not shown, because it is a secret"
            )
        return value

    @model_validator(mode="after")
    def _limits_ordered(self) -> Settings:
        if self.rejected_share_warning > self.rejected_share_limit:
            raise ValueError("rejected_share_warning must not exceed rejected_share_limit")
        return self

    @property
    def zone(self) -> ZoneInfo:
        """The business time zone."""
        return ZoneInfo(self.timezone)


def as_date(text: str) -> date:
    """A partition key as a date. Raises ValueError for anything but YYYY-MM-DD."""
    parsed = date.fromisoformat(text)
    if parsed.isoformat() != text:
        raise ValueError(f"{text!r} is no date of the form YYYY-MM-DD")
    return parsed


def is_url(path: str) -> bool:
    """Whether a place is an object-store URL (`s3://…`) and not a local path."""
    return "://" in path


def local_path(path: str) -> Path:
    """A local place as an absolute path."""
    return Path(path).expanduser().resolve()
