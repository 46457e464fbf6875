"""Contacts that come when results are published already: what they say, where people see it, and that the rest stays as it is."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime, timedelta
from typing import Any

import dagster as dg
import pytest
from typer.testing import CliRunner

from engagement_assets.cli.app import app
from engagement_assets.dashboard.site import VISUALS
from engagement_assets.dashboard.state import parse
from engagement_assets.dashboard.warehouse import Warehouse
from engagement_assets.domain.campaign_policy import CampaignPolicy
from engagement_assets.domain.results_policy import ResultsPolicy
from engagement_assets.operations.erasure import forget
from engagement_assets.settings import PREFIX
from engagement_assets_tests.dashboard.test_campaign_figures import said
from engagement_assets_tests.worlds import Row, World

FIRST = date(2025, 3, 25)
DAYS = [(FIRST + timedelta(n)).isoformat() for n in range(7)]
#: Up to DAYS[4] there are no contacts; then those of all days come.
BEFORE, NOW = DAYS[4], DAYS[5]
TOLD = {"treated_reached", "held_out_reached", "verdict"}


def checks(result: dg.ExecuteInProcessResult, name: str) -> list[tuple[bool, str]]:
    """Whether a check of the results passed, and its severity."""
    return [
        (each.passed, each.severity.value) for each in result.get_asset_check_evaluations() if each.check_name == name
    ]


def by_hand(members: list[Row], contacts: list[Row], day: str, horizon: int) -> Counter[bool]:
    """Of the arms of `welcome_new`, who was contacted for it from the day of entry to the end of the horizon."""
    entries: dict[str, Row] = {}
    for row in sorted(members, key=lambda row: row["as_of_date"]):
        if row["audience"] == "welcome_new":
            entries.setdefault(row["customer_id"], row)
    reached: Counter[bool] = Counter()
    for who, row in entries.items():
        days = [row["as_of_date"] + timedelta(n) for n in range(horizon + 1)]
        if days[-1] <= date.fromisoformat(day):
            reached[row["is_holdout"]] += any(
                each["customer_id"] == who and each["campaign"] == "welcome_new" and each["contacted_at"].date() in days
                for each in contacts
            )
    return reached


@pytest.mark.slow  # smaller: transforms/test_campaign_results.py
def test_contacts_tell_whom_a_campaign_reached_and_change_nothing_else(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.options |= {
        "start_date": FIRST,
        "campaigns": CampaignPolicy(holdout_share=0.5),
        "results": ResultsPolicy(horizons=(1, 2), window_days=7, again_after_days=30),
    }
    people = [f"c{number}" for number in range(30)]
    signups = {who: FIRST + timedelta(number % 4) for number, who in enumerate(people)}
    world.customers([{"customer_id": who, "signup_date": day} for who, day in signups.items()])
    first = world.run(DAYS[0], BEFORE)
    silent = world.rows("campaign_results")
    assert {(row["treated_reached"], row["held_out_reached"]) for row in silent} == {(None, None)}
    assert checks(first, "held_out_left_alone") == []
    assert not (world.root / "lake" / "raw_contacts").exists()
    assert not any("contact" in step.step_key for step in first.all_events if step.step_key)

    # Every third is contacted on the next day, every fourth two days later, whatever their arm; all have the newsletter.
    contacts: list[dict[str, Any]] = []
    for number, (who, day) in enumerate(signups.items()):
        noon = datetime(day.year, day.month, day.day, 12)
        contacts += [{"customer_id": who, "contacted_at": noon, "campaign": "newsletter"}]
        contacts += [
            {"customer_id": who, "contacted_at": noon + timedelta(later), "campaign": "welcome_new"}
            for each, later in ((3, 1), (4, 2))
            if number % each == 0
        ]
    world.parquet("contacts", "crm.parquet", contacts)
    second = world.run(NOW)
    members = world.rows("campaign_audiences")
    results = [row for row in world.rows("campaign_results") if row["audience"] == "welcome_new"]
    assert {row["as_of_date"].isoformat() for row in results} == set(DAYS[1:6])  # earlier ones are told anew
    for row in results:
        arms = by_hand(members, contacts, row["as_of_date"].isoformat(), row["horizon_days"])
        assert (row["treated_reached"], row["held_out_reached"]) == (arms[False], arms[True])
    assert any(row["treated_reached"] and row["held_out_reached"] for row in results)
    again = [row for row in results if row["as_of_date"].isoformat() <= BEFORE]
    assert [{name: row[name] for name in row.keys() - TOLD} for row in again] == [
        {name: row[name] for name in row.keys() - TOLD} for row in silent if row["audience"] == "welcome_new"
    ]
    assert checks(second, "held_out_left_alone") == [(False, "WARN")]

    # Where people see it.
    for name in ("data", "lake", "start_date"):
        monkeypatch.setenv(PREFIX + name.upper(), str(getattr(world.settings, name)))
    told = CliRunner().invoke(app, ["results", "--audience", "welcome_new"]).output
    row = next(row for row in results if (row["as_of_date"].isoformat(), row["horizon_days"]) == (NOW, 2))
    reached, treated, held_out = row["treated_reached"], row["treated"], row["held_out"]
    size = f"{row['held_out_reached']} of {held_out} held out were contacted ({row['held_out_reached'] / held_out:.1%})"
    assert row["verdict"].endswith(f"; contaminated: {size}")
    assert f"{reached} of {treated} treated were reached ({reached / treated:.1%})" in told
    assert size in told
    assert "Contaminated: who was held out was contacted all the same." in told
    warehouse = Warehouse(world.settings)
    view = parse("", warehouse.catalogue())
    assert view is not None
    page = said(VISUALS["campaigns-results"].render(warehouse, view))
    assert "Verdict Treated ordered reached Held out ordered reached" in page
    assert f"{reached / treated:.1%} " in page
    assert size in page
    assert "Contacts" in said(VISUALS["monitoring-rows"].render(warehouse, view))

    # Nobody who is erased is among them, nor comes back from the files.
    gone = next(iter(people))
    assert forget(world.settings, world.lake, gone).rows["raw_contacts"] == 3
    world.run(DAYS[6])
    assert gone not in {row["customer_id"] for row in world.rows("raw_contacts")}
    assert len(world.rows("raw_contacts")) == len(contacts) - 3
