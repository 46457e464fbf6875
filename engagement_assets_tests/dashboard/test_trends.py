"""Trends mark the days from which on the scores were made with another policy."""

from __future__ import annotations

from datetime import date
from typing import Any

from engagement_assets.dashboard.questions import trend
from engagement_assets.dashboard.trends import Line, trend_figure
from engagement_assets.dashboard.warehouse import Warehouse

LINES = [Line("average_score", "Engagement score", "#000000", "solid")]


def rows(*policies: str | None) -> list[dict[str, Any]]:
    return [
        {"as_of_date": date(2026, 6, day), "average_score": 0.4, "policy": policy}
        for day, policy in enumerate(policies, 1)
    ]


def marked(found: list[dict[str, Any]]) -> list[date]:
    drawn = trend_figure(found, LINES, title="Average score", percent=False)
    assert len(drawn.layout.annotations) == len(drawn.layout.shapes)
    return [each.x for each in drawn.layout.annotations if each.text == "other scoring policy"]


def test_a_trend_is_marked_where_the_policy_changes_and_nowhere_else() -> None:
    assert marked(rows("a", "a", "b", "b", "a")) == [date(2026, 6, 3), date(2026, 6, 5)]
    assert marked(rows("a", "a", "a")) == []
    assert marked(rows(None, "a", None, "b")) == []  # what made a day is not known: nothing can be said


def test_each_day_of_a_trend_names_the_policy_it_was_made_with(warehouse: Warehouse) -> None:
    for filters in (((), (), ()), (("DE",), (), ())):
        found = trend(warehouse, "2026-06-30", filters)
        assert len(found) == 16
        assert {row["policy"] for row in found} == {warehouse.settings.scoring.fingerprint()}
