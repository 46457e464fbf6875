"""docs/bi.md: whoever has the files and that page alone gets the figures of the main pages."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import duckdb
import pytest

from engagement_assets_tests import PROJECT
from engagement_assets_tests.worlds import World


@pytest.fixture(scope="module")
def answers(sample_export: Path) -> list[list[tuple[Any, ...]]]:
    """What each query of the page gives in the folder of the files."""
    text = (PROJECT / "docs" / "bi.md").read_text(encoding="utf-8")
    queries = [
        query
        for block in re.findall(r"```sql\n(.*?)```", text, re.DOTALL)
        for query in block.split(";")
        if query.strip()
    ]
    with duckdb.connect() as connection:
        connection.execute(f"SET file_search_path = '{sample_export}'")
        return [connection.execute(query).fetchall() for query in queries]


def test_each_query_of_the_page_gives_what_the_tables_say(
    answers: list[list[tuple[Any, ...]]], sample_world: World
) -> None:
    overview, segments, slipping, valued, stages, calendar, campaigns = answers
    metrics = {row["as_of_date"]: row for row in sample_world.rows("engagement_metrics")}
    assert len(overview) == 15
    for day, customers, score, falling, share in overview:
        row = metrics[day]
        assert (customers, falling) == (row["customers"], row["slipping_customers"])
        assert (score, share) == pytest.approx((row["average_score"], row["high_risk_share"]))
    scores = sample_world.rows("engagement_scores", "2026-06-30")
    assert sum(row[2] for row in segments) == len(scores) == 600
    assert sum(row[3] for row in segments) == sum(row["total_revenue"] for row in scores)
    expected = sorted(
        (row for row in scores if row["is_slipping"]),
        key=lambda row: (-row["revenue_last_365_days"], row["customer_id"]),
    )
    assert [row[0] for row in slipping] == [row["customer_id"] for row in expected]
    # 80 of 356 buyers.
    assert valued == [(80, pytest.approx(80 / 356), 43)]
    assert [row[1] for row in stages] == sorted((row[1] for row in stages), reverse=True)
    assert stages[0][1] == 168
    assert {row[0] for row in calendar} == {
        "Monday",
        "Tuesday",
        "Wednesday",
        "Thursday",
        "Friday",
        "Saturday",
        "Sunday",
    }
    begun = [row for row in sample_world.rows("sessions") if not row["continues_previous_day"]]
    assert sum(row[2] for row in calendar) == len([r for r in begun if r["as_of_date"].isoformat() >= "2025-07-01"])
    judged = sample_world.rows("campaign_results", "2026-06-30")
    columns = (
        "audience",
        "horizon_days",
        "treated",
        "held_out",
        "share_uplift",
        "share_uplift_low",
        "share_uplift_high",
    )
    assert [(*row[:7], row[8]) for row in campaigns] == [
        (*(row[name] for name in columns), row["verdict"]) for row in judged
    ]
