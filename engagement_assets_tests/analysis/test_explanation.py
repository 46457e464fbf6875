"""A customer's change between any two snapshots, against the snapshots themselves and the words of segment_changes."""

from __future__ import annotations

import csv
from datetime import date, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from engagement_assets.analysis.explanation import ExplanationError, explain_published
from engagement_assets.cli.app import app
from engagement_assets.lake.published import NotPublishedError
from engagement_assets_tests.worlds import World

FIRST, LAST = "2026-06-17", "2026-06-30"


def test_the_parts_are_the_difference_of_the_two_snapshots_to_the_last_place(sample_world: World) -> None:
    before, now = (sample_world.by_customer("engagement_scores", day) for day in ("2025-12-15", LAST))
    told = sorted(set(before) & set(now))[::12]
    assert len(told) > 30
    for name in told:
        found = explain_published(sample_world.settings, name, "2025-12-15", LAST)
        difference = now[name]["engagement_score"] - before[name]["engagement_score"]
        assert found.change.total == pytest.approx(difference, abs=1e-12)


@pytest.mark.slow  # smaller: the parts, above, and words by hand in transforms/test_segment_changes.py
def test_the_words_are_those_of_the_table_of_changes(sample_world: World) -> None:
    told = 0
    for number in range(1, 14):
        day = date(2026, 6, 17) + timedelta(days=number)
        for row in sample_world.rows("segment_changes", day.isoformat()):
            if row["movement"] != "New":
                eve = (day - timedelta(days=1)).isoformat()
                found = explain_published(sample_world.settings, row["customer_id"], eve, day.isoformat())
                assert found.words == row["explanation"]
                told += 1
    assert told > 40


def test_what_cannot_be_explained_is_said(sample_world: World) -> None:
    settings = sample_world.settings
    someone = sorted(sample_world.by_customer("engagement_scores", LAST))[0]
    with pytest.raises(ExplanationError, match=f"there is no customer 'nobody' in the snapshot of {FIRST}"):
        explain_published(settings, "nobody", FIRST, LAST)
    with pytest.raises(ExplanationError, match="has to be before"):
        explain_published(settings, someone, LAST, FIRST)
    with pytest.raises(NotPublishedError, match="2026-01-01"):
        explain_published(settings, someone, "2026-01-01", LAST)
    other = settings.model_copy(
        update={"scoring": settings.scoring.model_copy(update={"recency_weight": 0.5, "monetary_weight": 0.2})}
    )
    buyer = next(n for n, r in sample_world.by_customer("engagement_scores", FIRST).items() if r["recency_score"] > 0.5)
    with pytest.raises(ExplanationError, match=r"built with other settings .* `engagement run --date"):
        explain_published(other, buyer, FIRST, LAST)


def test_the_commands_print_the_parts_and_the_sensitivity(
    sample_world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("lake", "data", "start_date"):
        monkeypatch.setenv(f"ENGAGEMENT_{name.upper()}", str(getattr(sample_world.settings, name)))
    row = next(row for row in sample_world.rows("segment_changes", LAST) if row["movement"] == "Down")
    told = CliRunner().invoke(app, ["explain", row["customer_id"], "--from", "2026-06-29", "--to", LAST])
    assert told.exit_code == 0, told.output
    assert row["explanation"] in told.output
    assert f"{row['recency_ageing']:+.6f}" in told.output
    monkeypatch.setenv("ENGAGEMENT_EXPORT", str(tmp_path))
    weights = CliRunner().invoke(app, ["sensitivity", "--date", LAST, "--csv"])
    assert weights.exit_code == 0, weights.output
    assert "Weightings tried (each part at least 10 %)" in weights.output
    assert "No weights are suggested: no month's last snapshot has its next 30 days known." in weights.output
    with (tmp_path / "sensitivity.csv").open(newline="", encoding="utf-8") as stream:
        ranges = list(csv.DictReader(stream))
    assert {row["customer_id"] for row in ranges} == set(sample_world.by_customer("engagement_scores", LAST))
    always = [row["customer_id"] for row in ranges if row["always_high"] == "yes"]
    assert always
    assert all(name in weights.output for name in always[:10])
    assert [place.name for place in tmp_path.iterdir()] == ["sensitivity.csv"]
    wrong = CliRunner().invoke(app, ["explain", "nobody", "--from", FIRST])
    assert (wrong.exit_code, "Traceback" in wrong.output) == (1, False)
