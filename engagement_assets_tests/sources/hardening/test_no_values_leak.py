"""What stands in a bad row stays there: no log, no error, no event and no metadata quotes it."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from engagement_assets.sources.ingestion import Ingestion
from engagement_assets_tests.sources.hardening.corpus import DAY, OPTIONS, read_sources
from engagement_assets_tests.worlds import World, failures

#: Part of every value of a bad row, and of every e-mail address.
CANARY = "canary.7f3a@secret.example"


def write_bad_rows(world: World) -> None:
    """Sources in which rows of every reason carry the canary."""
    when = datetime(2025, 3, 31, 12)
    world.customers(
        [
            {"customer_id": "c1", "email": CANARY},
            {"customer_id": "c1", "email": f"other.{CANARY}"},
            {"customer_id": None, "email": CANARY},
        ]
    )
    texts = {"signup_date": f"{CANARY} 1", "country": CANARY, "email": CANARY}
    world.customers([{"customer_id": f"x {CANARY}", **texts}], "texts.parquet")
    good = {"order_id": "o1", "customer_id": "c1", "order_date": when, "order_amount": "1"}
    world.orders(
        [
            good,
            {**good, "order_id": CANARY, "order_amount": CANARY},
            {**good, "order_id": CANARY, "customer_id": CANARY},
            {**good, "order_id": f"{CANARY} 2", "order_amount": "-1"},
            {**good, "order_id": f"{CANARY} 3", "order_amount": "9" * 30},
            {**good, "order_id": f"{CANARY} 4", "customer_id": f"nobody {CANARY}"},
            {**good, "order_id": f"{CANARY} 5"},
            {**good, "order_id": f"{CANARY} 5", "order_amount": "2"},
        ]
    )
    event = f'"customer_id":"c1","event_time":"{DAY}T12:00:00Z","event_type":"{CANARY}"'
    world.lines(
        [
            f"{{{event}}}",
            f"{{{event}",
            f"{CANARY}",
            f'{{"customer_id":"{CANARY}"}}',
            f'{{"customer_id":["{CANARY}"],"event_time":"{CANARY}"}}',
            f'{{"customer_id":"c1","event_time":"{CANARY}"}}',
            f'{{"customer_id":"nobody {CANARY}","event_time":"{DAY}","event_type":"page_view"}}',
        ]
    )
    (world.root / "raw" / "web_events" / "cut.jsonl.gz").write_bytes(b"\x1f\x8b" + CANARY.encode())
    (world.root / "raw" / "orders" / "no.parquet").write_bytes(b"PAR1" + CANARY.encode() * 20)


def all_that_is_kept(world: World) -> Iterator[str]:
    """Everything that Dagster stored: events with their metadata, errors, logs of the steps."""
    for run in world.instance.get_runs():
        for record in world.instance.all_logs(run.run_id):
            yield str(record.to_json())
    for path in (world.root / "home").rglob("*"):
        if path.is_file():
            yield path.read_bytes().decode("utf-8", "replace")


@pytest.mark.parametrize("limit", [1.0, 0.01], ids=["the run succeeds", "too many rows are rejected"])
def test_values_of_bad_rows_are_in_no_log_and_no_metadata(
    world: World, limit: float, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    world.options |= {**OPTIONS, "rejected_share_limit": limit, "rejected_share_warning": 0.01}
    write_bad_rows(world)
    result = world.run(DAY, expect=limit == 1.0)
    if limit == 1.0:
        assert any(CANARY in str(row["raw"]) for row in world.rows("rejected_rows"))
    else:
        assert "rejected share is at most" in failures(result)
    printed = capfd.readouterr()
    texts = [*all_that_is_kept(world), caplog.text, printed.out, printed.err, failures(result)]
    assert len(texts) > 20
    assert [text[:2000] for text in texts if CANARY in text or "canary" in text.lower().replace(CANARY, "")] == []


def test_the_message_of_an_engine_that_gives_up_is_not_passed_on(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Engines quote the value that they fail at."""
    world.options |= OPTIONS
    write_bad_rows(world)

    def give_up(*_: object) -> None:
        raise RuntimeError(f"The value '{CANARY}' of the type STRING cannot be cast")

    monkeypatch.setattr(Ingestion, "keep", give_up)
    result = read_sources(world, expect=False)
    assert "customers: the source could not be read (RuntimeError)" in failures(result)
    assert [text[:2000] for text in [*all_that_is_kept(world), failures(result)] if CANARY in text] == []


def test_a_name_of_a_file_or_folder_leads_nowhere_else(world: World) -> None:
    """Names that look like paths, partitions or commands, read as they are; nothing appears outside the lake."""
    world.options |= OPTIONS
    world.customers([{"customer_id": "c1"}])
    names = [
        "x..%2F..%2Fescape",
        "as_of_date=..",
        "partition=2025-03-31",
        "source=orders",
        "$(touch escape)",
        "';DROP TABLE x;--",
    ]
    for number, name in enumerate(names):
        event = {"customer_id": "c1", "event_time": f"{DAY}T12:00:00Z", "event_id": f"e{number}"}
        world.events([event], f"{name}/{name}.jsonl")
        world.lines(["{"], f"{name}/bad {name}.jsonl")
    before = {path for path in world.root.parent.rglob("*") if world.root not in path.parents}
    read_sources(world)
    assert {row["event_id"] for row in world.rows("raw_web_events")} == {f"e{n}" for n in range(len(names))}
    places = {row["source_path"] for row in world.rows("rejected_rows")}
    assert places == {f"web_events/{name}/bad {name}.jsonl" for name in names}
    assert {path for path in world.root.parent.rglob("*") if world.root not in path.parents} <= before
    assert not list(Path.cwd().glob("escape*"))
    assert {path.name for path in world.root.iterdir()} <= {"raw", "lake", "home", "export"}
    shutil.rmtree(world.root / "raw")
