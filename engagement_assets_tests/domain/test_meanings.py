"""No text says a default where another setting is in force: tables, Dagster, files, measures, Power BI, the dashboard."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engagement_assets.definitions import build_definitions
from engagement_assets.domain.campaign_policy import CampaignPolicy
from engagement_assets.domain.contracts import TABLES
from engagement_assets.domain.meanings import counted
from engagement_assets.domain.scoring_policy import Bounds, ScoringPolicy
from engagement_assets.exports.csv_files import write_dictionary
from engagement_assets.exports.star_schema import export_files
from engagement_assets.settings import Settings

UNUSUAL = ScoringPolicy(
    recency_weight=0.49,
    frequency_weight=0.35,
    monetary_weight=0.16,
    order_weight=0.58,
    session_weight=0.42,
    monetary_scale="none",
    high_threshold=0.81,
    medium_threshold=0.53,
    low_threshold=0.17,
    high_share=0.23,
    medium_share=0.31,
    low_share=0.19,
    high_risk_threshold=0.37,
    revenue_band_percentile=0.66,
    activity_window_days=17,
    slipping_until_days=41,
    at_risk_until_days=97,
    session_gap_minutes=23,
    engaged_session_seconds=42.5,
    reference_recency_days=Bounds(low=1, high=201),
    reference_orders=Bounds(low=2, high=33),
    reference_sessions=Bounds(low=3, high=44),
    reference_revenue=Bounds(low=5, high=54_321),
)

#: A default, as texts would say it, that is not part of a name such as `sessions_last_30_days`.
DEFAULTS = re.compile(
    r"(?<![\w.,])(0\.[234678]|0\.75|0\.03|[23467]0 ?%|75(th| ?%)?|7 days|10 seconds|30|60|120|365|10,000|0 to 20)(?![\w,]*\d|\w)"
    r"|\bln\b|logarithmic"
)

#: Days after a snapshot over which its score is judged are no setting.
HORIZONS = re.compile(r"30, 60 and 90 days|within 30 days ranks")


@pytest.fixture(scope="module")
def unusual() -> Settings:
    numbers = {name for name, value in ScoringPolicy() if isinstance(value, (int, float, Bounds))}
    same = {name for name in numbers if getattr(UNUSUAL, name) == getattr(ScoringPolicy(), name)}
    assert same == set(), "each number of the policy has to be another than by default"
    return Settings(scoring=UNUSUAL, campaigns=CampaignPolicy(contact_every_days=5, abandoned_cart_days=4))


def texts_of_tables(settings: Settings) -> Iterator[tuple[str, str]]:
    for name, contract in TABLES.items():
        yield name, contract.describe()
        for column, text in contract.descriptions(settings.meanings).items():
            yield f"{name}.{column}", text


def texts_of_dagster(settings: Settings) -> Iterator[tuple[str, str]]:
    definitions = build_definitions(settings)
    graph = definitions.resolve_asset_graph()
    for check in graph.asset_check_keys:
        text = str(graph.get_check_spec(check).description)
        # Those of monitoring say the limits of a policy of its own.
        yield check.to_user_string(), "monitoring" if text.startswith("Monitoring: ") else text
    for spec in definitions.resolve_all_asset_specs():
        yield spec.key.to_user_string(), str(spec.description)
        schema: Any = spec.metadata.get("dagster/column_schema")
        for column in schema.columns if schema else ():
            yield f"{spec.key.to_user_string()}.{column.name}", str(column.description)
    for definition in (*(definitions.jobs or ()), *(definitions.schedules or ()), *(definitions.sensors or ())):
        yield definition.name, str(getattr(definition, "description", ""))


def texts_of_files(settings: Settings, folder: Path) -> Iterator[tuple[str, str]]:
    files = export_files(settings)
    with write_dictionary(files, folder).path.open(newline="", encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            yield f"{row['table_name']}.{row['column_name']}", row["description"]
    for file in files:
        yield file.name, file.description


def test_no_text_of_a_table_or_a_file_says_a_default(unusual: Settings, tmp_path: Path) -> None:
    tables = dict(texts_of_tables(unusual))
    dagster = dict(texts_of_dagster(unusual))
    files = dict(texts_of_files(unusual, tmp_path))
    for texts in (tables, dagster, files):
        assert {place: text for place, text in texts.items() if DEFAULTS.search(HORIZONS.sub("", text))} == {}
        assert [place for place, text in texts.items() if not text or "{" in text] == []
    expected = {
        "is_high_risk": "has ordered and scores below 0.37",
        "engagement_segment": "by the engagement score: High (from 0.81), Medium (from 0.53), Low (from 0.17), "
        "At Risk (all others)",
        "revenue_band": "by total revenue: High (at or above percentile 66 of buyers' revenue), Low (all others)",
        "lifecycle_stage": "by the dates of orders: Prospect (never ordered), New (the first order within 17 days), "
        "Active (an order within 17 days), Slipping (the latest less than 41 days ago), At Risk (less than 97 days ago), "
        "Lapsed (longer ago), Reactivated (an order within 17 days, after 97 days of silence or more)",
        "sessions_last_30_days": "sessions with an event in the last 17 days, the as-of date included",
        "last_session_date": "latest day with a web event within the last 34 days; null if none",
        "total_orders_30_days_before": "orders as of 17 days before",
        "reference_score": "the same formula on fixed bounds (recency 1 to 201 days, orders 2 to 33, sessions in the window "
        "3 to 44, revenue 5 to 54,321): moves only when the customer does",
    }
    parts = {
        "frequency_score": "0.58 order score + 0.42 session score",
        "monetary_score": "revenue on the snapshot's scale",
        "recency_contribution": "0.49 times the recency score",
        "frequency_contribution": "0.35 times the frequency score",
        "monetary_contribution": "0.16 times the monetary score",
    }
    for column, text in (expected | parts).items():
        place = f"engagement_scores.{column}"
        assert (tables[place], files[place]) == (text, text)
        assert dagster[place].startswith(text)
    engaged = "longer than 42.5 seconds, or with two page views, or with a checkout"
    assert all(texts["sessions.is_engaged"].startswith(engaged) for texts in (tables, dagster, files))
    assert "once in 5 days" in dagster["campaign_audiences.is_contact_day"]
    assert (
        files["customers.recency_band"]
        == "recency score: High from 0.81, Medium from 0.53, Low from 0.17, else Very low"
    )


def test_segments_by_their_place_are_described_by_shares(unusual: Settings) -> None:
    ranked = Settings(scoring=UNUSUAL.model_copy(update={"segment_mode": "quantiles"}))
    text = dict(texts_of_tables(ranked))["engagement_scores.engagement_segment"]
    assert text == (
        "by the engagement score: High (the top 23% of customers), Medium (the next 31% of customers), "
        "Low (the next 19% of customers), At Risk (all others)"
    )


def test_things_are_counted_in_english() -> None:
    found = [counted(0, "day"), counted(1, "day"), counted(2, "day"), counted(0.5, "day"), counted(12_000, "order")]
    assert found == ["0 days", "1 day", "2 days", "0.5 days", "12,000 orders"]
