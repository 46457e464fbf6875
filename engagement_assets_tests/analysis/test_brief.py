"""The brief, on weeks worked by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from typer.testing import CliRunner

from engagement_assets.analysis import brief
from engagement_assets.analysis.brief import Brief, Facts, judge, of_facts
from engagement_assets.cli.app import app
from engagement_assets.exports.brief_files import as_markdown
from engagement_assets.settings import PREFIX
from engagement_assets_tests.worlds import World

DAY = date(2025, 3, 31)
WEEK = timedelta(days=7)
SINCE = DAY - WEEK

#: Customer, segment, orders, sessions of the window, slipping, revenue of a year: on the earlier day and on the later one.
BEFORE = [
    ("a", "High", 3, 2, False, 90),
    ("b", "Low", 1, 0, False, 10),
    ("c", "At Risk", 0, 4, False, 0),
    ("d", "Low", 2, 1, False, 50),
]
AFTER = [
    ("a", "Medium", 3, 0, True, 90),
    ("b", "Medium", 2, 1, False, 30),
    ("c", "Low", 1, 4, False, 5),
    ("d", "Low", 2, 0, True, 50),
]


def metrics(
    score: float, active: int, revenue: float, slipping: int = 0, slipping_revenue: float = 0
) -> dict[str, Any]:
    return {
        "customers": 4,
        "average_score": score,
        "status_active": active,
        "total_revenue": revenue,
        "slipping_customers": slipping,
        "slipping_revenue": slipping_revenue,
    }


def weeks_before(count: int) -> dict[date, dict[str, Any]]:
    """Snapshots up to the earlier day: the score goes up by 0.01 and down again, 90 and 110 are spent in turns."""
    days = [SINCE - number * WEEK for number in range(count)]
    spent = [sum(90 if week % 2 else 110 for week in range(number, 20)) for number in range(count)]
    return {day: metrics(0.41 if number % 2 else 0.40, 3, 5000 + spent[number]) for number, day in enumerate(days)}


def stands(row: tuple[Any, ...]) -> tuple[str, int | None]:
    """Status, and days since the last order: here whoever has a session is active, and ordered five days ago."""
    return ("Active" if row[3] else "Not Active"), (5 if row[3] and row[2] else None)


def made(
    totals: Mapping[date, Mapping[str, Any]],
    rejected: Sequence[tuple[str, date]] = (),
    missing: Sequence[str] = (),
    after: Sequence[tuple[Any, ...]] = AFTER,
    campaigns: Sequence[tuple[Any, ...]] = (),
) -> Brief:
    with duckdb.connect() as connection:
        connection.execute(
            "CREATE TABLE engagement_scores (as_of_date DATE, customer_id TEXT, engagement_segment TEXT, total_orders INT, "
            "sessions_last_30_days INT, is_slipping BOOL, revenue_last_365_days DOUBLE, engagement_status TEXT, recency_days INT)"
        )
        connection.execute(
            "CREATE TABLE campaign_results (as_of_date DATE, audience TEXT, horizon_days INT, finding TEXT, verdict TEXT, "
            "held_out_reached BIGINT)"
        )
        if campaigns:
            connection.executemany(
                "INSERT INTO campaign_results VALUES (?, ?, ?, ?, ?, ?)",
                [(DAY, *row, None)[:6] for row in campaigns],
            )
        connection.execute("CREATE TABLE rejected_rows (reason TEXT, row_date DATE)")
        for day, rows in ((SINCE, BEFORE), (DAY, after)):
            if day in totals:
                connection.executemany(
                    "INSERT INTO engagement_scores VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    [(day, *row, *stands(row)) for row in rows],
                )
        if rejected:
            connection.executemany("INSERT INTO rejected_rows VALUES (?, ?)", [list(row) for row in rejected])
        return of_facts(Facts(connection, totals, SINCE, DAY), missing)


def told(found: Brief) -> dict[str, tuple[str, str]]:
    return {sentence.topic: (sentence.verdict, sentence.text) for sentence in found.sentences}


def test_a_bad_week_is_told_with_what_is_unusual_and_whom_to_call() -> None:
    found = made(weeks_before(13) | {DAY: metrics(0.35, 3, 5000 + 2000 + 20, 2, 140)})
    words = told(found)
    # Changes of the score in twelve weeks: six of +0.01, six of -0.01; their standard deviation is 0.01044.
    assert words["score"] == (
        "worse",
        "The average score is 0.350, -0.050 since 2025-03-24 (usual in a week: -0.021 to +0.021, 0.029 below that).",
    )
    assert words["active"] == (
        "unchanged",
        "Steady: 3 of 4 customers are active (75%), +0 since 2025-03-24 (usual in a week: +0 to +0): 1 came, 2 went.",
    )
    # 90 and 110 in turns: 100, and twice 10.44.
    assert words["revenue"] == (
        "worse",
        "Customers spent 20 in the week to 2025-03-31 (usual in a week: 79 to 121).",
    )
    assert words["moved"] == (
        "told",
        "2 customers rose into a higher segment since 2025-03-24, 1 fell into a lower one.",
    )
    assert words["slipping"][0] == "worse"
    assert words["slipping"][1].endswith("they spent 140 in a year. To be called first: a, d.")
    assert words["converted"][1] == (
        "Of 1 browser of 2025-03-24 who had never bought, 1 bought; now 0 customers with sessions of late never bought."
    )
    assert words["data"][1] == "The data has no fault: every day is there, and no row was kept out."
    assert found.headline == "Worse than usual: the average score, revenue and slipping customers."


def test_growth_is_better_and_a_quiet_week_is_nothing_unusual() -> None:
    grown = made(
        weeks_before(13) | {DAY: metrics(0.48, 4, 5000 + 2000 + 500)}, after=[(*row[:4], False, 1) for row in AFTER]
    )
    assert grown.headline == "Better than usual: the average score, active customers and revenue."
    assert told(grown)["slipping"] == ("told", "Nobody is slipping.")
    quiet = made(weeks_before(13) | {DAY: metrics(0.41, 3, 5000 + 2000 + 100)}, after=BEFORE)
    assert quiet.headline == "Nothing unusual."
    assert told(quiet)["moved"][1] == "Nobody moved into another segment since 2025-03-24."


def test_broken_data_is_told_with_its_days_and_reasons() -> None:
    rejected = [
        ("negative_amount", DAY),
        ("negative_amount", SINCE),
        ("wrong_type", DAY - timedelta(days=1)),
        ("wrong_type", DAY),
    ]
    found = made(weeks_before(13) | {DAY: metrics(0.41, 3, 7100)}, rejected, ["2025-03-26"])
    assert told(found)["data"][1] == (
        "In the data of the week: 1 day without a snapshot (2025-03-26) and 3 rows kept out (2 wrong type, 1 negative amount)."
    )


def test_campaigns_are_told_by_their_longest_horizon_and_only_what_is_certain() -> None:
    week = weeks_before(13) | {DAY: metrics(0.41, 3, 7100)}
    save = [("save", 7, "no effect", "no effect seen"), ("save", 30, "works", "works: +3.1 points (1.2 to 5.0)")]
    few = ("win_back", 30, "too few held out", "too few held out")
    assert told(made(week, campaigns=[*save, few]))["campaigns"][1] == (
        "Of 2 campaigns: save (30 days) works: +3.1 points (1.2 to 5.0)."
    )
    assert told(made(week, campaigns=[save[0], few]))["campaigns"][1] == (
        "2 campaigns, and none shows an effect for certain; of 1 too few are held out to tell."
    )
    assert told(made(week, campaigns=[(*few, 3), save[0]]))["campaigns"][1] == (
        "2 campaigns, and none shows an effect for certain; of 1 too few are held out to tell. Held out and contacted all the "
        "same: win_back (3)."
    )
    assert "campaigns" not in told(made(week))


def test_the_first_weeks_and_one_day_alone_are_judged_by_nothing() -> None:
    few = made(weeks_before(4) | {DAY: metrics(0.1, 1, 5000)})
    assert told(few)["score"] == (
        "unknown",
        "The average score is 0.100, -0.300 since 2025-03-24 (3 earlier weeks: too few to say what is usual).",
    )
    assert few.headline == "Too few weeks are there to say what is usual."
    alone = made({DAY: metrics(0.1, 1, 5000)})
    assert alone.headline == "The first look: there is nothing to compare with."
    assert (
        told(alone)["score"][1] == "The average score is 0.100; there is no snapshot of 2025-03-24 to compare it with."
    )
    assert {"moved", "revenue"} & set(told(alone)) == set()


def test_growth_as_in_every_week_is_usual_and_a_standstill_is_not() -> None:
    values: dict[date, float | None] = {SINCE - number * WEEK: 100.0 - 10 * number - number % 2 for number in range(13)}
    for now, verdict in ((110.0, "unchanged"), (100.0, "worse"), (130.0, "better")):
        found = judge({**values, DAY: now}, DAY, SINCE)
        assert found is not None
        assert found.verdict(lambda number: f"{number:+.0f}", True) == verdict


def test_names_of_customers_are_no_markdown() -> None:
    rows = [("[a](http://x)", "Low", 1, 0, True, 9)]
    text = as_markdown(
        made(weeks_before(13) | {DAY: metrics(0.4, 3, 7100, 1, 9)}, after=rows), "http://127.0.0.1:8050/"
    )
    assert "\\[a\\](http://x)" in text
    assert "[1 customer](http://127.0.0.1:8050/customers?slipping=yes&date=2025-03-31)" in text


def test_the_command_says_it_and_writes_it(
    sample_world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"{PREFIX}LAKE", sample_world.lake.root)
    spoken = CliRunner().invoke(app, ["brief", "--date", "2026-06-30"])
    assert spoken.exit_code == 0
    assert "2026-06-23 to 2026-06-30" in spoken.stdout
    row = next(row for row in sample_world.rows("engagement_metrics", "2026-06-30"))
    assert f"{row['status_active']:,} of {row['customers']:,} customers are active" in spoken.stdout
    place = tmp_path / "brief.md"
    assert CliRunner().invoke(app, ["brief", "--date", "2026-06-30", "--to", str(place)]).exit_code == 0
    assert place.read_text(encoding="utf-8").startswith("# 2026-06-23 to 2026-06-30")
    refused = CliRunner().invoke(app, ["brief", "--date", "2020-01-01"])
    assert refused.exit_code == 1
    assert brief.CALLED == 10
