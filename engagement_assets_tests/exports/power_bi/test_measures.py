"""The twins of the measures: asked of the exported files, against plain Python over the tables and against the dashboard."""

from __future__ import annotations

import math
from datetime import date, timedelta
from pathlib import Path
from statistics import fmean
from typing import Any

import duckdb
import pytest

from engagement_assets.dashboard import questions
from engagement_assets.dashboard.pages.behaviour import queries as behaviour
from engagement_assets.dashboard.pages.high_value import queries as high_value
from engagement_assets.dashboard.pages.monitoring import queries as monitoring
from engagement_assets.dashboard.pages.overview import queries as overview
from engagement_assets.dashboard.questions import Filters
from engagement_assets.dashboard.warehouse import Warehouse
from engagement_assets.domain.catalogue import daily_tables
from engagement_assets.exports.measures import by_key, measures
from engagement_assets.exports.power_bi.listing import listing
from engagement_assets.settings import Settings
from engagement_assets_tests import PROJECT
from engagement_assets_tests.exports.reading import loaded
from engagement_assets_tests.worlds import Row, World

DAY = date(2026, 6, 30)

#: Tables that have a day in each row.
TABLES_BY_DAY = [table.table() for table in daily_tables()]
EVERYBODY: Filters = ((), (), ())


@pytest.fixture(scope="module")
def twins(sample_world: World, sample_export: Path) -> dict[str, Any]:
    """Each measure's twin, asked of the exported files as whole; by the measure's key."""
    with loaded(sample_export) as connection:
        return {
            measure.key: connection.execute(measure.query).fetchall()[0][0]
            for measure in measures(sample_world.settings.scoring)
        }


def close(found: Any, expected: Any) -> bool:
    if isinstance(expected, (date, list)):
        return bool(found == expected)
    return math.isclose(float(found), float(expected), rel_tol=1e-9, abs_tol=1e-9)


def share(rows: list[Row], chosen: list[Row]) -> float:
    return len(chosen) / len(rows)


def mean(rows: list[Row], column: str) -> float:
    return fmean(float(row[column]) for row in rows if row[column] is not None)


def total(rows: list[Row], column: str) -> float:
    return sum(float(row[column]) for row in rows)


def test_every_twin_is_what_plain_python_makes_of_the_tables(twins: dict[str, Any], sample_world: World) -> None:
    scores = sample_world.rows("engagement_scores", DAY.isoformat())
    history = sample_world.rows("engagement_scores")
    year = DAY - timedelta(days=364)
    history = [row for row in history if row["as_of_date"] >= year]
    metrics = sample_world.rows("engagement_metrics")
    moves = [row for row in sample_world.rows("segment_changes") if row["as_of_date"] >= year]
    sessions = [row for row in sample_world.rows("sessions") if row["as_of_date"] >= year]
    orders = [row for row in sample_world.rows("raw_orders") if row["as_of_date"] >= year]
    risky = [row for row in scores if row["is_high_risk"]]
    slipping = [row for row in scores if row["is_slipping"]]
    # The two lists of the export: of one who is in both, twice.
    listed = [row for row in scores if row["is_slipping"] and row["country"] == "DE"]
    listed += [row for row in scores if row["total_orders"] >= 5]
    addressed = sample_world.rows("campaign_audiences", DAY.isoformat())
    # Audiences of fifteen days are published: nobody's fourteen days after the entry are over.
    results = sample_world.rows("campaign_results", DAY.isoformat())
    assert {row["horizon_days"] for row in results} == {7}
    buyers = [row for row in scores if row["total_orders"] > 0]
    valued = [
        row for row in scores if row["revenue_band"] == "High" and row["engagement_segment"] in ("High", "Medium")
    ]
    begun = [row for row in sessions if not row["continues_previous_day"]]
    recent = [row for row in begun if row["as_of_date"] > DAY - timedelta(days=30)]
    bought = {(row["customer_id"], row["as_of_date"]) for row in orders}
    stages = [visited(row, bought) for row in recent]
    people = [best(name, recent, bought) for name in {row["customer_id"] for row in recent}]
    expected: dict[str, Any] = {
        "customers": len(scores),
        "average_score": mean(scores, "engagement_score"),
        "average_reference_score": mean(scores, "reference_score"),
        "high_risk_customers": len(risky),
        "high_risk_share": share(scores, risky),
        "average_sessions": mean(scores, "sessions_last_30_days"),
        "revenue": total(scores, "total_revenue"),
        "revenue_at_risk": total(risky, "total_revenue"),
        "slipping_customers": len(slipping),
        "slipping_revenue": total(slipping, "revenue_last_365_days"),
        "expected_revenue_slipping": total(slipping, "expected_revenue_90_days"),
        "slipping_share": share(scores, slipping),
        "slipping_loss": sum(float(r["revenue_last_365_days"]) * 90 / 365 * (1 - r["return_chance"]) for r in slipping),
        "slipping_return_share": mean(slipping, "return_chance"),
        "lapsed_customers": len([row for row in scores if (row["recency_days"] or 0) >= 120]),
        "orders": total(scores, "total_orders"),
        "average_order": total(scores, "total_revenue") / total(scores, "total_orders"),
        **{part: mean(scores, f"{part}_score") for part in ("recency", "frequency", "monetary")},
        **{f"{part}_part": mean(scores, f"{part}_contribution") for part in ("recency", "frequency", "monetary")},
        "buyers": len(buyers),
        "high_value_customers": len(valued),
        "high_value_revenue": total(valued, "total_revenue"),
        "high_value_share": len(valued) / len(buyers),
        "high_value_declining": len([row for row in valued if (row["reference_score_change"] or 0) < -0.02]),
        "at_risk_vips": len([row for row in scores if row["value_segment"] == "At-risk VIPs"]),
        "average_recency": mean(scores, "recency_days"),
        "average_change": mean(scores, "reference_score_change"),
        "average_percentile": mean(scores, "score_percentile"),
        "last_order_day": max(row["last_order_date"] for row in buyers),
        "audience_customers": len(addressed),
        "to_contact": len([row for row in addressed if row["is_to_contact"]]),
        "held_out": len([row for row in addressed if row["is_holdout"]]),
        "audience_priority": total(addressed, "priority"),
        # Of the audiences together.
        "entries": sum(row["treated"] + row["held_out"] for row in results),
        "results_treated": sum(row["treated"] for row in results),
        "results_held_out": sum(row["held_out"] for row in results),
        "revenue_earned": sum(row["incremental_revenue"] or 0 for row in results),
        **dict.fromkeys(("treated_ordered", "held_out_ordered", "uplift", "uplift_low", "uplift_high", "verdict")),
        **dict.fromkeys(("orders_earned", "revenue_earned_low", "revenue_earned_high")),
        "listed_customers": len(listed),
        "listed_revenue": total(listed, "total_revenue"),
        "window_sessions": len(recent),
        "day_shown": DAY,
        "daily_customers": len(scores),
        "daily_buyers": len(buyers),
        "daily_score": mean(scores, "engagement_score"),
        "daily_reference_score": mean(scores, "reference_score"),
        "daily_sessions": mean(scores, "sessions_last_30_days"),
        "daily_revenue": total(scores, "total_revenue"),
        "daily_high_risk_customers": len(risky),
        "daily_high_risk_share": share(scores, risky),
        "daily_slipping_customers": len(slipping),
        "daily_slipping_share": share(scores, slipping),
        "daily_slipping_revenue": total(slipping, "revenue_last_365_days"),
        # The day 30 days before is not published in this world.
        "high_risk_share_before": None,
        "slipping_customers_before": None,
        "score_on_day": mean(history, "engagement_score"),
        "reference_score_on_day": mean(history, "reference_score"),
        "segment_moves": len(
            [row for row in moves if row["previous_segment"] not in (None, row["engagement_segment"])]
        ),
        "newly_at_risk": len([row for row in moves if row["is_high_risk"] and not row["previous_is_high_risk"]]),
        "recovered": len([row for row in moves if not row["is_high_risk"] and row["previous_is_high_risk"]]),
        "customers_at_stage": [sum(stage >= number for stage in people) for number in (1, 2, 3, 4)],
        "sessions_at_stage": [sum(stage >= number for stage in stages) for number in (1, 2, 3, 4)],
        "sessions_in_window": len(recent),
        "sessions": len(begun),
        "all_sessions": len(begun),
        "all_orders": len(orders),
        "all_order_revenue": total(orders, "order_amount"),
        "engaged_sessions": len([row for row in begun if row["is_engaged"]]),
        "engaged_share": share(begun, [row for row in begun if row["is_engaged"]]),
        # However long ago.
        "orders_on_days": len(sample_world.rows("raw_orders")),
        "order_revenue": total(sample_world.rows("raw_orders"), "order_amount"),
        "orders_per_customer": (total(scores, "total_orders") - total(scores, "total_orders_30_days_before"))
        / len(scores),
        "snapshot_day": DAY,
        "published_days": len(metrics),
        "table_rows": sum(len(sample_world.rows(name)) for name in TABLES_BY_DAY),
        "rejected_rows": len(sample_world.rows("rejected_rows")),
        "never_ordered_share": share(scores, [row for row in scores if row["recency_days"] is None]),
        "no_session_share": share(scores, [row for row in scores if row["last_session_date"] is None]),
        "stability": index(history, DAY, DAY - timedelta(days=7)),
        "files_that_differ": 0,
    }
    assert set(twins) == set(expected)
    wrong = {
        key: (twins[key], value)
        for key, value in expected.items()
        if not (twins[key] is None if value is None else close(twins[key], value))
    }
    assert wrong == {}


def visited(session: Row, bought: set[tuple[str, date]]) -> int:
    """The furthest stage of a session: 4 if the customer ordered on its day."""
    if (session["customer_id"], session["as_of_date"]) in bought:
        return 4
    counts = (session["page_views"], session["add_to_carts"], session["checkouts"])
    return max([number for number, count in enumerate(counts, 1) if count], default=0)


def best(customer: str, sessions: list[Row], bought: set[tuple[str, date]]) -> int:
    """The furthest stage of a customer with sessions: 4 if they ordered in the window."""
    if any((customer, DAY - timedelta(days=back)) in bought for back in range(30)):
        return 4
    return max(visited(session, set()) for session in sessions if session["customer_id"] == customer)


def index(history: list[Row], new: date, old: date) -> float:
    """The population stability index over ten bands, an empty one counting as 0.0001."""

    def shares(day: date) -> list[float]:
        scores = [row["engagement_score"] for row in history if row["as_of_date"] == day]
        counts = [0] * 10
        for score in scores:
            counts[min(int(score * 10 + 1e-9), 9)] += 1
        return [max(count / len(scores), 0.0001) for count in counts]

    return sum((now - was) * math.log(now / was) for now, was in zip(shares(new), shares(old), strict=True))


def asked(query: str, metrics: list[date], groups: list[tuple[object, ...]]) -> object:
    """What a twin says of daily metrics and groups of customers: day, step of the score, customers, high-risk customers."""
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE engagement_metrics (as_of_date DATE)")
        connection.execute(
            "CREATE TABLE daily_groups (as_of_date DATE, score_bucket_order INT, customers INT, high_risk_customers INT)"
        )
        connection.executemany("INSERT INTO engagement_metrics VALUES (?)", [(day,) for day in metrics])
        connection.executemany("INSERT INTO daily_groups VALUES (?, ?, ?, ?)", groups)
        return connection.execute(query).fetchall()[0][0]


def test_the_share_at_risk_of_thirty_days_before_is_that_days() -> None:
    days = [date(2026, 5, 1) + timedelta(days=number) for number in range(41)]
    groups: list[tuple[object, ...]] = [(day, 3, 100, number) for number, day in enumerate(days)]
    query = by_key(Settings().scoring)["high_risk_share_before"].query
    assert asked(query, days, groups) == 0.1
    assert asked(query, days, [row for row in groups if row[3] != 10]) is None


def test_the_stability_index_is_empty_without_the_day_a_week_before() -> None:
    query = by_key(Settings().scoring)["stability"].query
    day, before = date(2026, 6, 30), date(2026, 6, 23)
    assert asked(query, [day], [(day, 7, 5, 0)]) is None
    # All moved from one band to another: twice (1 - 0.0001) * ln(1 / 0.0001).
    found = asked(query, [before, day], [(day, 7, 5, 0), (before, 8, 9, 0)])
    assert close(found, 2 * 0.9999 * math.log(10_000))
    # The two halves of a tenth are one band.
    assert close(asked(query, [before, day], [(day, 6, 5, 0), (before, 7, 9, 0)]), 0)


def test_the_dashboard_says_the_same(twins: dict[str, Any], warehouse: Warehouse) -> None:
    """Of the tables, by its own ways where it does not ask with the twins."""
    day, before = DAY.isoformat(), (DAY - timedelta(days=7)).isoformat()
    figures = questions.key_figures(warehouse, day, EVERYBODY)
    assert len(figures) > 10
    assert all(close(twins[key], value) for key, value in figures.items())
    funnel = behaviour.funnel(warehouse, day, EVERYBODY)
    assert twins["customers_at_stage"] == funnel["customers"]
    assert twins["sessions_at_stage"] == funnel["sessions"]
    assert close(twins["stability"], monitoring.stability(warehouse, day, before, EVERYBODY)["engagement_score"])
    profile = high_value.profile(warehouse, day, EVERYBODY)[True]
    assert (twins["high_value_customers"], twins["high_value_declining"]) == (
        profile["customers"],
        profile["declining"],
    )
    assert close(twins["high_value_revenue"], profile["revenue"])
    assert twins["customers"] == sum(overview.segments(warehouse, day, EVERYBODY).values())
    trend = questions.trend(warehouse, day, EVERYBODY)
    assert close(twins["daily_score"], trend[-1]["average_score"])
    assert close(twins["daily_high_risk_share"], trend[-1]["high_risk_share"])
    visits = behaviour.engaged(warehouse, day, EVERYBODY)
    assert twins["sessions_in_window"] == sum(row["sessions"] for row in visits)


def test_names_and_keys_are_unique_and_formats_are_known() -> None:
    found = measures(Settings().scoring)
    assert len({measure.key for measure in found}) == len({measure.name.casefold() for measure in found}) == len(found)
    assert by_key(Settings().scoring).keys() == {measure.key for measure in found}
    formats = {"0.000", "0.00", "#,0", "#,0.0", "#,0.00", "0.0%", "yyyy-mm-dd", "+0.000;-0.000;0.000"}
    formats |= {"+0.0%;-0.0%;0.0%", ""}
    assert {measure.format for measure in found} == formats


def test_the_document_lists_the_measures_as_they_are() -> None:
    """`engagement power-bi` and the dashboard use the list; docs/power_bi.md shows it."""
    document = "docs/power_bi.md"
    text = (PROJECT / document).read_text(encoding="utf-8")
    assert listing(Settings().scoring) in text, (
        f"write it anew: python -m engagement_assets.exports.power_bi.listing {document}"
    )
