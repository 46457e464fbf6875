"""No text says a default where another setting is in force: tables, Dagster, files, measures, Power BI, the dashboard."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from engagement_assets.dashboard.lists import LISTS
from engagement_assets.dashboard.site import VISUALS
from engagement_assets.definitions import build_definitions
from engagement_assets.domain.campaign_policy import CampaignPolicy
from engagement_assets.domain.contracts import TABLES
from engagement_assets.domain.meanings import HELP, MEASURES, TEXTS, counted
from engagement_assets.domain.results_policy import ResultsPolicy
from engagement_assets.domain.scoring_policy import Bounds, ScoringPolicy
from engagement_assets.exports.csv_files import write_dictionary
from engagement_assets.exports.measures import measures
from engagement_assets.exports.measures.base import FORMATS
from engagement_assets.exports.power_bi.project import project_files
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
    low_sessions=2,
    lapsed_after_days=97,
    slipping_order_days=3,
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

#: What is no setting: the days after a snapshot over which its score and lists are judged, the day that the share at high risk is
#: held against, the place in the list of weightings.
FIXED = re.compile(
    r"30, 60 and 90 days|the (last )?365 days|in the last 7 days|within 30 days ranks|"
    r"30 days before the latest day shown|(at high risk|Slipping customers), against 30 days before|"
    r"Slipping customers 30 days before|60 days after|score, 60 days"
)


@pytest.fixture(scope="module")
def unusual() -> Settings:
    numbers = {name for name, value in ScoringPolicy() if isinstance(value, (int, float, Bounds))}
    same = {name for name in numbers if getattr(UNUSUAL, name) == getattr(ScoringPolicy(), name)}
    assert same == set(), "each number of the policy has to be another than by default"
    return Settings(
        scoring=UNUSUAL,
        campaigns=CampaignPolicy(contact_every_days=5, abandoned_cart_days=4),
        results=ResultsPolicy(horizons=(5, 11), window_days=77, again_after_days=13, least_uplift=0.05),
    )


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
    with write_dictionary(files, folder, settings, {}, duckdb.connect()).path.open(
        newline="", encoding="utf-8"
    ) as stream:
        for row in csv.DictReader(stream):
            yield f"{row['table_name']}.{row['column_name']}", row["description"]
    for file in files:
        yield file.name, file.description


def texts_of_power_bi(settings: Settings) -> Iterator[tuple[str, str]]:
    for name, text in project_files(settings, "data").items():
        if name.endswith(".tmdl"):
            for number, line in enumerate(text.splitlines()):
                if line.strip().startswith("///"):
                    yield f"{name}:{number}", line.strip()
        elif name.endswith("visual.json"):
            # Titles, alternative texts and the purpose of a page are text literals; colours, positions and choices too.
            for number, text_literal in enumerate(re.findall(r""""Value": "'(.+)'\"""", text)):
                yield f"{name}:{number}", text_literal


def texts_of_dashboard(settings: Settings) -> Iterator[tuple[str, str]]:
    meanings = settings.meanings
    yield from ((key, meanings.text(key)) for key in TEXTS)
    for name, visual in VISUALS.items():
        for text in (visual.title, visual.note, visual.meaning):
            yield f"{name}: {text}", meanings.text(text or name)
    for name, found in LISTS.items():
        for column in found.columns:
            yield f"{name}.{column.key}", meanings.text(column.meaning) or column.title


def test_no_text_of_a_table_or_a_file_says_a_default(unusual: Settings, tmp_path: Path) -> None:
    tables = dict(texts_of_tables(unusual))
    dagster = dict(texts_of_dagster(unusual))
    files = dict(texts_of_files(unusual, tmp_path))
    for texts in (tables, dagster, files):
        assert {place: text for place, text in texts.items() if DEFAULTS.search(FIXED.sub("", text))} == {}
        assert [place for place, text in texts.items() if not text or "{" in text] == []
    expected = {
        "is_high_risk": "a buyer without an order for more than 17 days, with at most 2 sessions in the last 17 days and a score "
        "below 0.37",
        "is_slipping": "a buyer with orders on 3 days or more, the latest more than 17 days and less than 97 days ago; null "
        "where release 0.1.0 built what it is computed from",
        "engagement_segment": "by the engagement score: High (from 0.81), Medium (from 0.53), Low (from 0.17), "
        "At Risk (all others)",
        "revenue_band": "by total revenue: High (at or above percentile 66 of buyers' revenue), Low (all others)",
        "lifecycle_stage": "by the dates of orders: Prospect (never ordered), New (the first order at most 17 days ago), "
        "Active (the latest at most 17 days ago), Reactivated (the same, after 97 days of silence or more), Slipping (the latest "
        "less than 97 days ago), Lapsed (longer ago)",
        "sessions_last_30_days": "sessions with an event in the last 17 days, the as-of date included",
        "last_session_date": "latest day with a web event within the last 34 days; null if none",
        "total_orders_30_days_before": "orders as of 17 days before",
        "reference_score": "the same formula on fixed bounds (recency 1 to 201 days, orders 2 to 33, sessions in the window "
        "3 to 44, revenue 5 to 54,321) instead of the day's own; it moves only when the customer does, so trends are read "
        "from it",
    }
    parts = {
        "frequency_score": "0.58 order score + 0.42 session score",
        "monetary_score": "revenue between the day's lowest and highest",
        "recency_contribution": "0.49 times the recency score",
        "frequency_contribution": "0.35 times the frequency score",
        "monetary_contribution": "0.16 times the monetary score",
    }
    for column, text in (expected | parts).items():
        place = f"engagement_scores.{column}"
        assert (tables[place], files[place]) == (text, text)
        assert dagster[place].startswith(text)
    engaged = "longer than 42.5 seconds, or with two page views, or with a checkout"
    assert all(texts["sessions.is_engaged"].startswith(engaged) for texts in (tables, dagster))
    assert (
        files["session_days.engaged_sessions"] == f"of them, engaged: {engaged} (after the rule of Google Analytics 4)"
    )
    assert "once in 5 days" in dagster["campaign_audiences.is_contact_day"]
    assert (
        files["customers.recency_band"]
        == "recency score: High from 0.81, Medium from 0.53, Low from 0.17, else Very low"
    )


def test_no_measure_no_page_of_power_bi_and_no_help_says_a_default(unusual: Settings) -> None:
    measured = {measure.key: measure.description for measure in measures(unusual.scoring)}
    project = dict(texts_of_power_bi(unusual))
    helped = dict(texts_of_dashboard(unusual))
    for texts in (measured, project, helped):
        assert {place: text for place, text in texts.items() if DEFAULTS.search(FIXED.sub("", text))} == {}
        assert [place for place, text in texts.items() if not text or "{" in text] == []
    # A measure means the same in Power BI and on the dashboard.
    assert {key: helped[key] for key in measured} == measured
    assert set(measured.values()) <= {text.removeprefix("/// ") for text in project.values()}
    expected = {
        "average_score": "Mean engagement score of the customers. A score is 49% recency, 35% frequency and 16% monetary value, "
        "each relative to the other customers of the same day.",
        "high_risk_customers": "Customers at high risk by their score. Each is a buyer without an order for more than 17 days, "
        "with at most 2 sessions in the last 17 days and a score below 0.37.",
        "slipping_customers": "Customers who can still be saved. Each is a buyer with orders on 3 days or more, the latest more "
        "than 17 days and less than 97 days ago.",
        "average_sessions": "Mean number of web sessions per customer in the 17 days up to the day. A silence of more than "
        "23 minutes starts a new session.",
        "frequency": "Mean frequency score: 58% orders so far between the day's fewest and most, 42% sessions of the last "
        "17 days between the day's fewest and most.",
        "monetary": "Mean monetary score: revenue between the day's lowest and highest.",
        "recency_part": "Mean of 0.49 times the recency score; the contributions add up to the score.",
        # 0.49 * 17 / (201 - 1) = 0.0417
        "high_value_declining": "High-value customers whose reference score (fixed scale) fell by more than 0.02 in 17 days. "
        "A buyer who does nothing for 17 days falls by about 0.04.",
        "sessions_in_window": "Sessions that began in the 17 days up to the snapshot.",
        "orders_per_customer": "Orders of the 17 days up to the snapshot, by customers.",
        "no_session_share": "Share of customers without a web event in the 34 days up to the snapshot.",
        "engaged_share": "Share of sessions longer than 42.5 seconds, or with two page views, or with a checkout "
        "(after the rule of Google Analytics 4).",
    }
    assert {key: measured[key] for key in expected} == expected
    assert "Sessions in 17 days against orders so far; the area is revenue" in project.values()
    assert helped["matrix"] == (
        "Engagement band (of buyers the segment, At Risk as Low; of others Medium from 2 engaged sessions in the last 17 days "
        "on, else Low) by revenue band: High (at or above percentile 66 of buyers' revenue), Low (all others)."
    )
    assert helped["scatter"].startswith("Each point is a customer: sessions in 17 days against orders so far;")
    assert "whose day it is, once in 5 days." in helped["audiences"]
    assert "with that of 17 days before" in helped["predictors"]
    assert "in 5 and 11 days after" in helped["campaign_results"]


def test_measures_and_help_have_keys_of_their_own_and_every_unit_a_format() -> None:
    assert MEASURES.keys() & HELP.keys() == set()
    assert {measure.unit for measure in MEASURES.values()} == FORMATS.keys()
    assert MEASURES.keys() == {measure.key for measure in measures(ScoringPolicy())}


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
