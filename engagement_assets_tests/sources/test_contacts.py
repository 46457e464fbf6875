"""Contacts: the source that a shop may be without, read as the others are; what becomes of each row is worked by hand."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from engagement_assets_tests.worlds import Row, World, failures

DAY, NEXT = "2025-03-30", "2025-03-31"
TABLES = ("raw_customers", "raw_contacts")


@pytest.fixture
def shop(world: World) -> World:
    """Two customers, and the first partition on DAY."""
    world.options |= {"start_date": date(2025, 3, 30), "rejected_share_limit": 1.0}
    world.customers([{"customer_id": "a"}, {"customer_id": "007"}])
    return world


def put(world: World, name: str, text: str) -> None:
    place = Path(world.settings.data, name)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text, encoding="utf-8")


def contacts(world: World, day: str) -> list[tuple[str, str, str, str]]:
    """Customer, time of the day, campaign and channel of each contact."""
    return [
        (row["customer_id"], row["contacted_at"].strftime("%H:%M"), row["campaign"], row["channel"])
        for row in world.rows("raw_contacts", day)
    ]


def test_contacts_are_judged_as_rows_of_the_other_sources_are(shop: World) -> None:
    def row(customer: str | None, when: object, campaign: str | None = "wake", channel: str | None = "e-mail") -> Row:
        return {"customer_id": customer, "contacted_at": when, "campaign": campaign, "channel": channel}

    good = row("a", f"{DAY} 10:00")
    rows = [good, good, row("a", f"{DAY} 10:00", channel=None), row("007", f"{NEXT}T23:59+02:00")]
    bad = [
        *(row(None, DAY), row("", DAY), row("nobody", DAY), row("a", None), row("a", "soon"), row("a", DAY, None)),
        *(row("a", "2025-03-29"), row("a", (datetime.now(UTC) + timedelta(days=3)).isoformat())),
    ]
    waits = row("a", "2025-04-02")
    shop.parquet("contacts", "2025/one.parquet", [*rows, *bad, waits])
    # Without a channel; a file that says audience means it, whatever its campaign.
    put(shop, "contacts/two.csv", f"Customer_ID,contacted_at,Audience,campaign\na,{NEXT},save,spring sale\n")
    lines = [{"customer_id": 7, "contacted_at": NEXT, "AUDIENCE": "save", "channel": "letter"}]
    lines += [{"customer_id": "a", "contacted_at": NEXT, "campaign": "sale"}]
    put(shop, "contacts/three.jsonl", "".join(f"{json.dumps(line)}\n" for line in lines[:1]))
    put(shop, "contacts/four.jsonl", f"{json.dumps(lines[1])}\n\n{{\n")
    found = shop.metadata(shop.run(DAY, NEXT, tables=TABLES), "raw_contacts")
    assert contacts(shop, DAY) == [("a", "10:00", "wake", "e-mail"), ("a", "10:00", "wake", "unknown")]
    assert contacts(shop, NEXT) == [
        ("007", "21:59", "wake", "e-mail"),
        ("a", "00:00", "sale", "unknown"),
        ("a", "00:00", "save", "unknown"),
    ]
    assert shop.rejected() == {
        "contacts:missing_customer_id": 2,
        "contacts:unknown_customer": 2,  # nobody, and 7, which is not 007
        "contacts:missing_date": 1,
        "contacts:wrong_type": 1,
        "contacts:missing_campaign": 1,
        "contacts:outside_observation_window": 2,
        "contacts:malformed_json": 1,
    }
    counted = (
        "rows_read",
        "rows_kept",
        "rows_rejected",
        "duplicates_removed",
        "rows_waiting_for_their_day",
        "blank_lines",
    )
    assert [found[name] for name in counted] == [18, 5, 10, 1, 1, 1]


def test_contacts_are_mapped_as_the_other_sources_are(shop: World) -> None:
    put(
        shop,
        "crm/export.csv",
        "Kunde;Zeit;Aktion;Art;Status\na;31.03.2025 01:30;Fr\u00fchling;Mail;ok\n"
        "a;30.03.2025 12:00;Newsletter;Mail;ok\na;30.03.2025 12:00;Newsletter;Mail;bounced\n",
    )
    put(
        shop,
        "sources.toml",
        """
        [customers]
        path = "customers"
        columns = { customer_id = "customer_id", signup_date = "signup_date", country = "country" }
        [contacts]
        path = "crm/*.csv"
        where = ['Status == "ok"']
        time_format = "%d.%m.%Y %H:%M"
        timezone = "Europe/Berlin"
        columns = { customer_id = "Kunde", contacted_at = "Zeit", campaign = "Aktion", channel = "Art" }
        campaigns = { "Fr\u00fchling" = "save_slipping" }
        """,
    )
    shop.options["sources"] = str(Path(shop.settings.data, "sources.toml"))
    found = shop.metadata(shop.run(DAY, NEXT, tables=TABLES), "raw_contacts")
    assert contacts(shop, DAY) == [
        ("a", "10:00", "Newsletter", "Mail"),
        ("a", "23:30", "save_slipping", "Mail"),  # half past one in Berlin, in summer
    ]
    assert contacts(shop, NEXT) == []
    assert (found["rows_read"], found["filtered_rows"]) == (3, 1)


def test_a_file_without_a_column_that_it_must_have_is_told_of(shop: World) -> None:
    put(shop, "contacts/one.csv", f"customer_id,contacted_at\na,{DAY}\n")
    told = failures(shop.run(DAY, tables=TABLES, expect=False))
    assert "contacts: column 'campaign' is missing in" in told


def test_contacts_come_file_by_file_and_are_missed_when_they_are_gone(shop: World) -> None:
    head = "customer_id,contacted_at,campaign\n"
    put(shop, "contacts/1.csv", f"{head}a,{DAY},wake\n")
    shop.run(DAY, tables=TABLES)
    put(shop, "contacts/2.csv", f"{head}a,{DAY},wake\n007,{DAY},wake\n007,{NEXT},save\n")
    found = shop.metadata(shop.run(NEXT, tables=TABLES), "raw_contacts")
    assert found["source_files_examined"] == 1
    assert contacts(shop, DAY) == [("007", "00:00", "wake", "unknown"), ("a", "00:00", "wake", "unknown")]
    assert contacts(shop, NEXT) == [("007", "00:00", "save", "unknown")]
    folder = Path(shop.settings.data, "contacts")
    folder.rename(folder.with_name("away"))
    told = failures(shop.run(NEXT, tables=TABLES, expect=False))
    assert "contacts: there is no file" in told
    assert "2 file(s) were read before. Nothing was published." in told
    assert len(shop.rows("raw_contacts")) == 3
    shop.run(NEXT, tables=TABLES, accept_missing=["contacts"])
    assert shop.rows("raw_contacts") == []
