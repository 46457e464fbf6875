"""Every page in a browser: it says what the tables say, and its controls, drill-throughs and downloads work.

The fixture `visit` fails a test on a console error and on a request to another host.
"""

from __future__ import annotations

from collections import Counter
from statistics import fmean

import pytest
from playwright.sync_api import expect

from engagement_assets.dashboard.site import PAGES
from engagement_assets_tests.browser.conftest import Visit
from engagement_assets_tests.worlds import Row, World

pytestmark = pytest.mark.browser

DAY, WEEK_BEFORE = "2026-06-30", "2026-06-23"


@pytest.fixture(scope="module")
def now(sample_world: World) -> list[Row]:
    """The latest snapshot."""
    return sample_world.rows("engagement_scores", DAY)


@pytest.fixture(scope="module")
def then(sample_world: World) -> dict[str, Row]:
    """The snapshot of a week before, by customer."""
    return sample_world.by_customer("engagement_scores", WEEK_BEFORE)


def german(rows: list[Row]) -> list[Row]:
    return [row for row in rows if row["country"] == "DE"]


def test_every_page_is_in_the_navigation_and_none_fails(visit: Visit) -> None:
    visit.open("/?country=DE&compare=7")
    for page in PAGES:
        visit.go(page)
        assert visit.page.url.endswith(f"{page.path}?compare=7&country=DE")
        assert visit.page.title() == f"{page.title} · Customer engagement"
        assert visit.page.locator(".state.failed").count() == 0
        assert not any(word in visit.page.locator("#page").inner_text() for word in ("nan", "None", "_30_days"))
        if page.path in ("/", "/at-risk", "/customers"):  # the others in `make test-slow`
            visit.is_accessible()
    visit.page.go_back()
    expect(visit.page.locator("#page h1")).to_have_text(PAGES[-2].title)


def test_overview(visit: Visit, now: list[Row], then: dict[str, Row]) -> None:
    visit.open("/")
    visit.says("status", f"Data as of {DAY}")
    visit.choose("country", "DE")
    visit.compare("7")
    here = german(now)
    visit.says("overview-cards", f"Total customers {len(here):,}")
    visit.says("overview-cards", f"Average score {fmean(row['engagement_score'] for row in here):.3f}")
    visit.says("overview-cards", f"Slipping customers {sum(row['is_slipping'] for row in here)}")
    visit.says("overview-cards", f"High risk by score {sum(row['is_high_risk'] for row in here) / len(here):.1%}")
    visit.says(
        "overview-cards", f"Average sessions {fmean(row['sessions_last_30_days'] for row in here):.2f} in 30 days"
    )
    theirs = sum(row["revenue_last_365_days"] for row in here if row["is_slipping"])
    visit.says("overview-cards", f"Slipping revenue {theirs:,.0f}")
    visit.says("overview-cards", f"Total customers {len(here):,}")
    counts = Counter(row["engagement_segment"] for row in here)
    assert {row["segment"]: int(row["customers"]) for row in visit.download("Segments")} == {
        segment: counts[segment] for segment in ("High", "Medium", "Low", "At Risk")
    }
    customer = visit.page.locator("#overview-customers a").first
    name = customer.inner_text()
    customer.click()
    expect(visit.page.locator(".customer-id")).to_have_text(name)
    assert "country=DE" in visit.page.url


def test_definitions_show_on_focus(visit: Visit) -> None:
    visit.open("/")
    visit.page.get_by_label("Slipping revenue:").focus()
    expect(visit.page.get_by_role("tooltip").filter(has_text="in the 365 days up to the snapshot")).to_be_visible()


def test_breakdown(visit: Visit, now: list[Row]) -> None:
    visit.open("/breakdown")
    visit.choose("segment", "Medium")
    visit.compare("7")
    medium = [row for row in now if row["engagement_segment"] == "Medium"]
    visit.says("breakdown-cards", f"Average monetary score {fmean(row['monetary_score'] for row in medium):.3f}")
    visit.page.locator("#breakdown-decomposition").get_by_text("Country", exact=True).click()
    visit.page.wait_for_url("**by=country**")
    visit.settle()
    here = german(medium)
    visit.says("breakdown-decomposition", f"DE {len(here)} {fmean(row['engagement_score'] for row in here):.3f}")
    rows = {row["group"]: row for row in visit.download("What the score is made of")}
    assert int(rows["DE"]["customers"]) == len(here)
    visit.page.locator("#breakdown-decomposition").get_by_role("link", name="DE", exact=True).click()
    visit.page.wait_for_url("**within=country%3ADE**")
    visit.settle()
    expect(visit.page.locator("#breakdown-decomposition .trail").first).to_contain_text(
        "All customers › DE", use_inner_text=True
    )
    visit.says("breakdown-scatter", "Click a point")


def test_value(visit: Visit, now: list[Row], then: dict[str, Row]) -> None:
    visit.open("/value")
    visit.compare("7")
    visit.choose("country", "DE")
    here = german(now)
    core = [row for row in here if row["value_segment"] == "Core"]
    revenue = sum(row["total_revenue"] for row in here)
    theirs = sum(row["total_revenue"] for row in core)
    visit.says(
        "value-matrix",
        f"Core {len(core)} customers ({len(core) / len(here):.1%}) {theirs:,.0f} revenue ({theirs / revenue:.1%})",
    )
    moved = Counter(
        (
            then[row["customer_id"]]["engagement_segment"] if row["customer_id"] in then else "New",
            row["engagement_segment"],
        )
        for row in here
    )
    found = visit.download("Moves between segments")
    assert {(row["from"], row["to"]): int(row["customers"]) for row in found} == moved
    visit.page.locator("#value-matrix").get_by_text("Core", exact=True).click()
    visit.page.wait_for_url("**/customers?**engagement=Medium&revenue-band=High**")
    visit.settle()
    best = max(core, key=lambda row: row["engagement_score"])
    expect(visit.page.locator("#customers-list .grid-head")).to_contain_text(f"{len(core)} customers")
    cell = visit.page.locator("#customers-list .grid-link").first
    expect(cell).to_have_text(best["customer_id"])
    cell.click()
    expect(visit.page.locator(".customer-id")).to_have_text(best["customer_id"])
    visit.says("customer-head", f"1 of {len(core)} in customers")


def test_at_risk(visit: Visit, now: list[Row], then: dict[str, Row], sample_world: World) -> None:
    visit.open("/at-risk")
    visit.compare("7")
    visit.choose("country", "DE")
    risky = sorted(
        (row for row in german(now) if row["is_slipping"]),
        key=lambda row: (-row["revenue_last_365_days"], -row["total_revenue"], row["customer_id"]),
    )
    audiences = sample_world.by_customer("campaign_audiences", DAY)
    to_send = [row for row in risky if not audiences[row["customer_id"]]["is_holdout"]]
    new = [row for row in risky if not (row["customer_id"] in then and then[row["customer_id"]]["is_slipping"])]
    visit.says("risk-cards", f"Slipping now {len(risky)}")
    visit.says("risk-beside", f"Newly slipping {len(new)} since {WEEK_BEFORE}")
    grid = visit.page.locator("#risk-customers")
    expect(grid.locator(".grid-head")).to_contain_text(f"{len(to_send)} customers")
    expect(grid.locator(".grid-link").first).to_have_text(to_send[0]["customer_id"])
    expect(grid.get_by_text(to_send[0]["slipping_reasons"], exact=True).first).to_be_visible()
    # Sorted by what is expected, the download and the neighbours follow.
    grid.get_by_role("columnheader", name="Expected").click()
    ranked = sorted(to_send, key=lambda row: (-row["expected_revenue_90_days"], row["customer_id"]))
    expect(grid.locator(".grid-link").first).to_have_text(ranked[0]["customer_id"])
    found = visit.download("At-risk customers")
    assert [row["customer_id"] for row in found] == [row["customer_id"] for row in ranked]
    grid.locator(".grid-link").first.click()
    expect(visit.page.locator(".customer-id")).to_have_text(ranked[0]["customer_id"])
    visit.page.get_by_text("Next ›").click()
    expect(visit.page.locator(".customer-id")).to_have_text(found[1]["customer_id"])
    visit.says("customer-head", f"2 of {len(to_send)} in at-risk customers")


def test_a_row_opens_by_keyboard(visit: Visit) -> None:
    visit.open("/high-value?compare=7")
    cell = visit.page.locator("#high-customers .grid-link").first
    expect(cell).not_to_have_text("")
    name = cell.inner_text()
    cell.focus()
    visit.page.keyboard.press("Enter")
    expect(visit.page.locator(".customer-id")).to_have_text(name)


def test_high_value(visit: Visit, now: list[Row]) -> None:
    visit.open("/high-value")
    visit.compare("7")
    visit.choose("country", "DE")
    here = german(now)
    high = [r for r in here if r["revenue_band"] == "High" and r["engagement_segment"] in ("High", "Medium")]
    revenue, whole = sum(row["total_revenue"] for row in high), sum(row["total_revenue"] for row in here)
    visit.says("high-cards", f"High-value customers {len(high)}")
    visit.says("high-cards", f"Share of all revenue {revenue / whole:.1%}")
    declining = visit.download("Whose score falls")
    falling = {row["customer_id"] for row in high if (row["reference_score_change"] or 0) < -0.02}
    assert {row["customer_id"] for row in declining} <= falling
    visit.says("high-cards", f"Declining {len(falling)}")
    visit.page.locator("#high-declining a").first.click()
    expect(visit.page.locator(".customer-id")).to_have_text(declining[0]["customer_id"])


def test_behaviour(visit: Visit, now: list[Row]) -> None:
    visit.open("/behaviour")
    visit.compare("7")
    visit.choose("country", "DE")
    here = german(now)
    rows = visit.download("Orders by number of sessions")
    assert sum(int(row["customers"]) for row in rows) == len(here)
    assert int(rows[0]["customers"]) == sum(row["sessions_last_30_days"] == 0 for row in here)
    stages = {row["stage"]: row for row in visit.download("Conversion and drop-off")}
    first, second = (int(stages[name]["customers"]) for name in ("Page view", "Add to cart"))
    visit.says("behaviour-stages", f"Add to cart {second} {second / first:.1%} {1 - second / first:.1%}")
    visit.says("behaviour-cohorts", "Signed up")


def test_customer(visit: Visit, now: list[Row]) -> None:
    who = max(now, key=lambda row: (row["sessions_last_30_days"] * bool(row["total_orders"]), row["customer_id"]))
    visit.open("/customer")
    visit.says("customer-head", "Choose a customer")
    visit.page.locator("#customer-search").fill(who["customer_id"])
    visit.page.keyboard.press("Enter")
    expect(visit.page.locator(".customer-id")).to_have_text(who["customer_id"])
    visit.settle()
    visit.compare("7")
    visit.choose("country", "DE")
    visit.says("customer-cards", f"Engagement score {who['engagement_score']:.3f}")
    visit.says("customer-cards", f"Revenue so far {who['total_revenue']:,.2f} {who['total_orders']:,} orders")
    visit.says("customer-cards", f"Sessions, 30 days {who['sessions_last_30_days']:,}")
    visit.says("customer-parts", f"Engagement {who['engagement_score']:.3f}")
    assert len(visit.download("Orders")) == who["total_orders"]
    visit.open("/customer?cid=C00001")
    visit.says("customer-head", "There is no customer “C00001”")
    visit.page.locator("#customer-head a").first.click()
    expect(visit.page.locator(".customer-id")).to_be_visible()


def test_monitoring(visit: Visit, sample_world: World, now: list[Row]) -> None:
    visit.open("/monitoring")
    visit.compare("7")
    visit.choose("country", "DE")
    visit.says("monitoring-rows", f"Engagement scores {len(now):,}")
    found = visit.download("Rejected rows")
    assert {f"{row['source']}:{row['reason']}": int(row["rows"]) for row in found} == sample_world.rejected()
    never = sum(row["recency_days"] is None for row in german(now)) / len(german(now))
    visit.says("monitoring-nulls", f"Days since last order {never:.1%}")
    visit.says("monitoring-checks", "checks passed")
    expect(visit.page.locator("#monitoring-runs a").first).to_have_attribute(
        "href",
        "http://127.0.0.1:3000/runs/"
        + next(record.dagster_run.run_id for record in sample_world.instance.get_run_records(limit=1)),
    )
    who = visit.page.locator("#monitoring-outliers a[href^='/customer?']").first
    name = who.inner_text()
    who.click()
    expect(visit.page.locator(".customer-id")).to_have_text(name)
