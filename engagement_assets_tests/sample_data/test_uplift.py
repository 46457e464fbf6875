"""A made-up campaign has the uplift that was asked for, and touches nobody who is held out."""

from __future__ import annotations

from datetime import date
from hashlib import sha256
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from engagement_assets.domain.campaign_policy import CampaignPolicy
from engagement_assets.sample_data import generate
from engagement_assets_tests.sample_data.reading import clean_tables
from engagement_assets_tests.worlds import World


def is_held_out(customer: str) -> bool:
    """A tenth of the audience, by the first eight digits of a hash."""
    return int(sha256(f"1/welcome_new/{customer}".encode()).hexdigest()[:8], 16) < 0.1 * 2**32


def ordering(folder: Path) -> dict[str, bool]:
    """Of those who signed up at least 14 days before the end: who ordered in the 14 days after."""
    with clean_tables(folder) as tables:
        rows = tables.execute(
            """
            SELECT c.customer_id, count(o.customer_id) > 0
            FROM customers c LEFT JOIN orders o ON o.customer_id = c.customer_id
                AND o.order_date::DATE BETWEEN c.signup_date::DATE + 1 AND c.signup_date::DATE + 14
            WHERE c.signup_date::DATE BETWEEN DATE '2025-01-01' AND DATE '2025-04-16' GROUP BY 1
            """
        ).fetchall()
    return dict(rows)


def test_so_many_more_of_the_treated_order_and_none_of_those_held_out(tmp_path: Path) -> None:
    shop = {"customers": 6_000, "first_day": date(2025, 1, 1), "last_day": date(2025, 4, 30), "bad_rows": False}
    generate(tmp_path / "as_ever", **shop)  # type: ignore[arg-type]
    generate(tmp_path / "welcomed", **shop, welcome_uplift=0.2)  # type: ignore[arg-type]
    before, after = ordering(tmp_path / "as_ever"), ordering(tmp_path / "welcomed")
    assert before.keys() == after.keys()
    held_out = {customer for customer in before if is_held_out(customer)}
    assert {customer for customer in before if before[customer] != after[customer]} & held_out == set()
    treated = before.keys() - held_out
    assert len(treated) > 1_000
    uplift = sum(after[customer] - before[customer] for customer in treated) / len(treated)
    assert uplift == pytest.approx(0.2, abs=0.03)


def test_most_of_the_treated_are_contacted_and_of_those_held_out_whom_a_mistake_concerns(tmp_path: Path) -> None:
    shop = {"customers": 3_000, "first_day": date(2025, 1, 1), "last_day": date(2025, 4, 30), "bad_rows": False}
    generate(tmp_path / "silent", **shop)  # type: ignore[arg-type]
    made = generate(tmp_path / "told", **shop, contacts=True, mistaken=0.3)  # type: ignore[arg-type]
    files = {place.relative_to(tmp_path / "silent"): place.read_bytes() for place in (tmp_path / "silent").rglob("*.*")}
    assert {name: (tmp_path / "told" / name).read_bytes() for name in files} == files
    contacts = pq.read_table(tmp_path / "told" / "contacts").to_pylist()
    assert len(contacts) == made["contacts"].kept == len({row["customer_id"] for row in contacts})
    assert {row["campaign"] for row in contacts} == {"welcome_new"}
    with clean_tables(tmp_path / "told") as tables:
        signups = dict(tables.execute("SELECT customer_id, signup_date::DATE FROM customers").fetchall())
    assert {(row["contacted_at"].date() - signups[row["customer_id"]]).days for row in contacts} == {1}
    new = {who for who, day in signups.items() if date(2025, 1, 1) <= day < date(2025, 4, 30)}
    held_out = {who for who in new if is_held_out(who)}
    reached = {row["customer_id"] for row in contacts}
    assert len(reached - held_out) / len(new - held_out) == pytest.approx(0.92, abs=0.03)
    assert len(reached & held_out) / len(held_out) == pytest.approx(0.3, abs=0.12)
    # Contacts go where sources without them are put in their place.
    generate(tmp_path / "told", **shop, overwrite=True)  # type: ignore[arg-type]
    assert not (tmp_path / "told" / "contacts").exists()


def test_the_draw_in_python_is_that_of_the_engine(sample_world: World) -> None:
    policy = CampaignPolicy()
    rows = sample_world.rows("campaign_audiences", "2026-06-30")
    assert {row["is_holdout"] for row in rows} == {True, False}
    for row in rows:
        assert row["is_holdout"] == policy.is_held_out(row["audience"], row["customer_id"])
