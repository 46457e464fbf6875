"""Every number and place the pipeline depends on, typed, validated, with its default and unit.

Each is read from an environment variable: `ENGAGEMENT_` and the name in capitals; parts of the scoring policy with a
double underscore, e.g. `ENGAGEMENT_SCORING__RECENCY_WEIGHT=0.5`. `engagement settings` shows them all.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import date, datetime
from functools import cached_property
from pathlib import Path
from typing import Literal, TypeVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import fsspec
from pydantic import Field, SecretStr, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from engagement_assets.domain.campaign_policy import CampaignPolicy
from engagement_assets.domain.meanings import Meanings
from engagement_assets.domain.monitoring_policy import MonitoringPolicy
from engagement_assets.domain.named_lists import NamedList, parse_lists
from engagement_assets.domain.results_policy import ResultsPolicy
from engagement_assets.domain.scoring_policy import ScoringPolicy, Share
from engagement_assets.domain.source_mapping import SourceMappings, parse_mappings
from engagement_assets.domain.sources import OPTIONAL, SOURCES, in_words
from engagement_assets.domain.time_zones import known_zone

PREFIX = "ENGAGEMENT_"

T = TypeVar("T")

#: What may stand between the cells of CSV files that are written.
DELIMITERS = ",;|\t"

#: What the engines and Delta take for a pattern or an escape in the path of a table.
_NOT_IN_A_LAKE = "%*?[]{}\\"

#: A part of the key of an asset: two underscores stand between parts where Dagster names steps.
_PART = "[A-Za-z0-9]+(_[A-Za-z0-9]+)*"


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

    data: str = Field(
        "data/raw",
        description=f"folder or object-store URL with {in_words([f'{name}/' for name in SOURCES], 'and')}; "
        f"{in_words(OPTIONAL, 'and')} may be missing",
    )
    sources: str | None = Field(
        None,
        description="file that says what the files of the sources and their columns are called (`engagement connect` writes it); "
        "none: as in the README",
    )
    lists: str | None = Field(
        None,
        description="file of lists of customers that have a name, for the dashboard's navigation, the files for BI "
        "tools and as audiences (docs/dashboard.md); none: no list has one",
    )
    lake: str = Field("data/lake", description="folder or object-store URL of the published tables")
    export: str = Field("data/export", description="folder of the files for BI tools")
    export_days: int = Field(365, ge=1, description="days of sessions, scores and moves in the files for BI tools")
    export_rows: int = Field(
        15_000_000,
        ge=1,
        description="rows of a file with a history at the most; beyond it, days and older orders are left out",
    )
    export_parquet: bool = Field(True, description="the files for BI tools as Parquet too, beside CSV")
    export_delimiter: str = Field(
        ",", pattern=rf"^[{DELIMITERS}]$", description="what stands between the cells of the CSV files: , ; | or a tab"
    )
    export_byte_order_mark: bool = Field(
        False, description="the CSV files begin with a byte-order mark, by which Excel knows that they are UTF-8"
    )
    power_bi_data: str | None = Field(
        None, description="folder of the CSV files as the machine with Power BI knows it; none: the same as here"
    )
    engine: str = Field("embedded", description="embedded, local[N], spark://…, yarn, k8s://… or sc://…")
    start_date: date = Field(date(2025, 1, 1), description="first partition; earlier orders and events are rejected")
    currency: str = Field(
        "",
        max_length=12,
        pattern=r"^[^\s<>{}%0-9.,]*$",
        description="currency of the orders, as amounts show it: a sign such as € or a code such as EUR; none: bare numbers",
    )
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
    missing_share_limit: Share = Field(
        0.5, description="stop when a source holds this share fewer rows than are published of it"
    )
    retention_days: float = Field(30, ge=0, le=36500, description="days a replaced version of a table stays readable")
    leftover_hours: float = Field(24, ge=0, description="hours after which files of dead runs are removed")
    lock_wait_minutes: float = Field(60, ge=0, description="how long a run waits for another that is writing, minutes")
    dashboard_url: str = Field(
        "http://127.0.0.1:8050", description="address of the dashboard, for the links of the Dagster UI to its pages"
    )
    dashboard_hosts: str = Field(
        "",
        pattern=r"^[^/@]*$",
        description="names and addresses under which others reach the dashboard, separated by commas; loopback always may",
    )
    dashboard_users: str = Field(
        "data/dashboard_users.json",
        description="file with who may sign in to the dashboard; without it nobody has to (`engagement dashboard-user`)",
    )
    asset_key_prefix: str = Field(
        "",
        pattern=rf"^({_PART}(/{_PART})*)?$",
        description="what keys of assets begin with, such as north or shops/north, where several shops share a Dagster instance",
    )
    asset_owner: str = Field(
        "team:engagement",
        pattern=r"^(team:[A-Za-z0-9_-]+|[^\s@:]+@[^\s@]+\.[A-Za-z]{2,})$",
        description="owner of the assets: an e-mail address or team:NAME",
    )
    asset_domain: str = Field(
        "customer_engagement",
        pattern=r"^[A-Za-z0-9_.-]{1,63}$",
        description="value of the tag domain of the assets",
    )
    run_daily: bool = Field(
        False, description="switch the schedule and the sensors on from the start; otherwise that is done in the UI"
    )
    catch_up_days: int = Field(
        30, ge=0, description="days back to which the sensor builds snapshots that are missing; 0: none"
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
    run_retention_days: int | None = Field(
        None, ge=1, description="Dagster forgets runs and their events after so many days; none: it keeps them"
    )
    refresh_changed_settings: bool = Field(
        False,
        description="the sensor also rebuilds days that other settings or other code made; `engagement refresh` always does",
    )
    alert_webhook: SecretStr | None = Field(
        None, description="address that alerts are posted to as Slack-compatible JSON; never shown"
    )
    audience_webhook: SecretStr | None = Field(
        None, description="address that each day's audiences are posted to as JSON, once; never shown"
    )
    brief_webhook: SecretStr | None = Field(
        None, description="address that the brief of Sunday is posted to as Slack-compatible JSON; never shown"
    )
    brief_mail_to: str = Field("", description="addresses that the brief of Sunday is mailed to, separated by commas")
    brief_mail_from: str = Field("", description="address that the brief is mailed from")
    smtp: SecretStr | None = Field(
        None, description="mail server: smtp://user:password@host:587, or smtps:// for TLS from the start; never shown"
    )
    alert_level: Literal["warning", "error"] = Field(
        "warning", description="warning: alert of each failed check; error: of failed runs and errors only"
    )
    alert_log: str | None = Field(
        None, description="file that alerts are written to; none: alerts.log in the Dagster home"
    )
    monitoring: MonitoringPolicy = Field(
        default_factory=MonitoringPolicy, description="thresholds of the monitoring checks"
    )
    campaigns: CampaignPolicy = Field(
        default_factory=CampaignPolicy, description="audiences, hold-out, frequency cap, opt-outs"
    )
    results: ResultsPolicy = Field(
        default_factory=ResultsPolicy, description="horizons and windows of the results of campaigns"
    )
    scoring: ScoringPolicy = Field(default_factory=ScoringPolicy, description="weights, thresholds, windows, bounds")

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        return known_zone(value)

    @field_validator("sources")
    @classmethod
    def _right_mappings(cls, value: str | None) -> str | None:
        if value is not None:
            read_mappings(value)
        return value

    @field_validator("campaigns")
    @classmethod
    def _lists_are_audiences(cls, value: CampaignPolicy, info: ValidationInfo) -> CampaignPolicy:
        """Those of the named lists that say what to do come before the other audiences."""
        place = info.data.get("lists")
        named = parse_file(place, "ENGAGEMENT_LISTS", parse_lists).audiences if place else ()
        return CampaignPolicy(**{**dict(value), "audiences": (*named, *value.audiences)}) if named else value

    @field_validator("lake")
    @classmethod
    def _path_of_tables(cls, value: str) -> str:
        path = "" if is_url(value) else str(local_path(value))
        if strange := [sign for sign in _NOT_IN_A_LAKE if sign in path]:
            raise ValueError(
                f"{path} has {' and '.join(strange)} in it, which engines take for a pattern or an escape; name a folder without "
                f"any of {' '.join(_NOT_IN_A_LAKE)}"
            )
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

    @field_validator("alert_webhook", "audience_webhook", "brief_webhook")
    @classmethod
    def _web_address(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None or not value.get_secret_value().strip():
            return None
        if not value.get_secret_value().startswith(("https://", "http://")):
            raise ValueError(
                "an address begins with https:// or http://; this one is not shown, because it is a secret"
            )
        return value

    @field_validator("smtp")
    @classmethod
    def _mail_server(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None or not value.get_secret_value().strip():
            return None
        try:
            place = urlsplit(value.get_secret_value())
            is_right = place.scheme in ("smtp", "smtps") and bool(place.hostname) and place.port != 0
        except ValueError:
            is_right = False
        if not is_right:
            raise ValueError(
                "a mail server is smtp://host:587 or smtps://host:465, with user:password@ before the host where it wants "
                "them; this one is not shown, because it is a secret"
            )
        return value

    @model_validator(mode="after")
    def _shares_of_audiences(self) -> Settings:
        names = [rule.name for rule in self.campaigns.audiences]
        if unknown := sorted(set(self.campaigns.holdout_shares) - set(names)):
            raise ValueError(f"holdout_shares: {', '.join(unknown)} is no audience; there are {', '.join(names)}")
        return self

    @model_validator(mode="after")
    def _mail_is_whole(self) -> Settings:
        if self.brief_mail_to and not (self.smtp and "@" in self.brief_mail_from):
            raise ValueError(
                "brief_mail_to needs smtp and brief_mail_from as well: the mail server, and the address it is sent from"
            )
        return self

    @model_validator(mode="after")
    def _limits_ordered(self) -> Settings:
        if self.rejected_share_warning > self.rejected_share_limit:
            raise ValueError("rejected_share_warning must not exceed rejected_share_limit")
        return self

    def asset_key(self, name: str) -> list[str]:
        """The parts of the key of an asset."""
        return [*filter(None, self.asset_key_prefix.split("/")), name]

    @property
    def meanings(self) -> Meanings:
        """What numbers, columns and groups of customers mean under these settings."""
        return Meanings(self.scoring, self.campaigns, self.results)

    @cached_property
    def mappings(self) -> SourceMappings | None:
        """What the file of the sources says; None where there is none."""
        return None if self.sources is None else read_mappings(self.sources)

    @cached_property
    def sources_there(self) -> tuple[str, ...]:
        """The names of the sources, without those that a shop may lack and this one lacks.

        There is one where `sources.toml` names it, or, without that file, where its folder or file is; and where there was one
        before: what is gone has to be missed. Only local places are looked at: an object store is not asked whenever Dagster
        loads, so there `sources.toml` has to name it.
        """
        return tuple(name for name in SOURCES if name not in OPTIONAL or self._has(name))

    def _has(self, source: str) -> bool:
        if self.mappings is not None:
            is_meant = getattr(self.mappings, source) is not None
        else:
            data = local_path(self.data)
            is_meant = not is_url(self.data) and (os.path.lexists(data / source) or any(data.glob(f"{source}.*")))
        return is_meant or (not is_url(self.lake) and os.path.lexists(local_path(self.lake) / f"raw_{source}"))

    @cached_property
    def named_lists(self) -> dict[str, NamedList]:
        """The lists of customers that have a name."""
        return parse_file(self.lists, "ENGAGEMENT_LISTS", parse_lists).root if self.lists else {}

    @property
    def zone(self) -> ZoneInfo:
        """The business time zone."""
        return ZoneInfo(self.timezone)


def read_mappings(place: str) -> SourceMappings:
    """What `sources.toml` says; raises ValueError (MappingError) that says what is wrong with it, and where."""
    return parse_file(place, "ENGAGEMENT_SOURCES", parse_mappings)


def parse_file(place: str, variable: str, parse: Callable[[str, str], T]) -> T:
    """What a file that a setting names says; raises ValueError that says what is wrong with it, and where."""
    try:
        with fsspec.open(place, "rt", encoding="utf-8-sig") as file:
            text = file.read()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{place} cannot be read ({type(error).__name__}); it is named in {variable}") from None
    return parse(text, place)


def is_url(path: str) -> bool:
    """Whether a place is an object-store URL (`s3://…`) and not a local path."""
    return "://" in path


def local_path(path: str) -> Path:
    """A local place as an absolute path."""
    return Path(path).expanduser().resolve()


def today(settings: Settings) -> date:
    """Today's date in the business time zone."""
    return datetime.now(settings.zone).date()
