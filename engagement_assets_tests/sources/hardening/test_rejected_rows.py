"""Rejected rows as people use them: counted, explained, shown, mended at their source, gone."""

from __future__ import annotations

import stat
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import dagster as dg
import pytest
from typer.testing import CliRunner

from engagement_assets.cli.app import app
from engagement_assets.domain import verdicts
from engagement_assets.domain.verdicts import REASONS
from engagement_assets.settings import PREFIX
from engagement_assets_tests import PROJECT
from engagement_assets_tests.sources.hardening.corpus import DAY, OPTIONS, Outcome, read_sources
from engagement_assets_tests.worlds import World

DOCUMENTED = PROJECT / "docs" / "data_quality.md"


def rejects(world: World, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> tuple[int, str]:
    """Exit code and output of `engagement rejects`."""
    for name in ("lake", "data"):
        monkeypatch.setenv(PREFIX + name.upper(), str(getattr(world.settings, name)))
    done = CliRunner().invoke(app, ["rejects", *arguments])
    return done.exit_code, done.output


def test_rejected_rows_are_counted_by_source_and_reason_and_explained(
    embedded_outcome: Outcome, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, text = rejects(embedded_outcome.world, monkeypatch, "--limit", "3")
    assert code == 0
    counts = [
        line.split()[:3] for line in text.splitlines() if line.startswith(("customers ", "orders ", "web_events "))
    ]
    of_rows = embedded_outcome.tables["rejected_rows"]
    for source, reason, rows in (line for line in counts if line[2].isdigit()):
        assert int(rows) == sum((row["source"], row["reason"]) == (source, reason) for row in of_rows)
    assert "a value cannot be converted without loss" in text
    assert "personal data: do not pass them on" in text
    assert text.rstrip().endswith(f"3 of {len(of_rows):,} rows")


def test_rejected_rows_of_one_source_and_reason_are_shown(
    embedded_outcome: Outcome, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, text = rejects(embedded_outcome.world, monkeypatch, "--source", "web_events", "--reason", "unreadable_file")
    assert "web_events/cut.jsonl.gz  damaged gzip file: it ends before its data does (truncated)" in text
    assert "malformed_json" not in text
    assert "orders" not in text


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        ("--source", "there is no source 'clicks'; the sources are customers, orders, web_events"),
        (
            "--reason",
            "there is no reason 'clicks'; the reasons are malformed_json, malformed_line, wrong_type, missing_customer_id",
        ),
    ],
)
def test_a_wrong_name_is_answered_with_the_right_ones(
    world: World, monkeypatch: pytest.MonkeyPatch, option: str, sentence: str
) -> None:
    code, text = rejects(world, monkeypatch, option, "clicks")
    assert code == 2
    assert sentence in text


def test_nothing_rejected_is_said_so(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    assert rejects(world, monkeypatch) == (0, "No rows were kept out.\n")


def test_control_characters_of_a_row_do_not_reach_the_terminal(
    embedded_outcome: Outcome, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, text = rejects(embedded_outcome.world, monkeypatch, "--limit", "1000")
    assert "\\x00" in text
    assert "\\t" in text
    assert all(character.isprintable() or character == "\n" for character in text)


def test_the_folder_of_rejected_rows_is_readable_by_its_owner_only(embedded_outcome: Outcome) -> None:
    place = Path(embedded_outcome.world.settings.lake, "rejected_rows")
    assert stat.S_IMODE(place.stat().st_mode) == 0o700


def test_every_reason_is_explained_by_the_command_and_in_the_documents() -> None:
    rejected = {
        value
        for name, value in vars(verdicts).items()
        if name.isupper() and isinstance(value, str) and value not in verdicts.NOT_REJECTED
    }
    assert set(REASONS) == rejected
    text = DOCUMENTED.read_text(encoding="utf-8")
    for reason in REASONS:
        assert f"| `{reason}` |" in text


def test_counts_per_reason_are_numbers_in_the_checks_metadata(world: World) -> None:
    world.options |= OPTIONS
    world.customers([{"customer_id": "c1"}])
    world.lines(["{", "}", '{"customer_id":"c1"}'])
    result = read_sources(world)
    found = [
        evaluation.metadata
        for evaluation in result.get_asset_check_evaluations()
        if evaluation.check_name == "rejected_share" and evaluation.asset_key == dg.AssetKey("raw_web_events")
    ]
    assert {check["rejected_malformed_json"].value for check in found} == {2}
    assert {check["rejected_missing_date"].value for check in found} == {1}


def test_a_row_mended_at_its_source_leaves_the_table_and_enters_the_snapshot(world: World) -> None:
    """The way back that docs/data_quality.md describes."""
    world.options |= OPTIONS
    world.customers([{"customer_id": "c1"}, {"customer_id": None}])
    order = {"order_id": "o1", "customer_id": "c1", "order_date": datetime(2025, 3, 31, 9), "order_amount": "12,50 EUR"}
    world.orders([order, {**order, "order_id": "o2", "order_amount": "7"}])
    world.lines(['{"customer_id":"c1","event_time":"2025-03-31T09:00:00Z","event_type":"checkout"'])
    world.run(DAY)
    assert world.rejected() == {
        "customers:missing_customer_id": 1,
        "orders:wrong_type": 1,
        "web_events:malformed_json": 1,
    }
    before = world.by_customer("customer_features", DAY)
    assert set(before) == {"c1"}
    assert (before["c1"]["total_revenue"], before["c1"]["sessions_last_30_days"]) == (Decimal("7.00"), 0)

    world.customers([{"customer_id": "c1"}, {"customer_id": "c2"}])
    world.orders([{**order, "order_amount": "12.50"}, {**order, "order_id": "o2", "order_amount": "7"}])
    world.lines(['{"customer_id":"c1","event_time":"2025-03-31T09:00:00Z","event_type":"checkout"}'])
    world.run(DAY)
    assert world.rejected() == {}
    after = world.by_customer("customer_features", DAY)
    assert set(after) == {"c1", "c2"}
    assert (after["c1"]["total_revenue"], after["c1"]["sessions_last_30_days"]) == (Decimal("19.50"), 1)
