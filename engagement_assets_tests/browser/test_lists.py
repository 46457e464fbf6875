"""Lists in a browser: a click opens the customers behind a number, and a list keeps its place, has a name, goes on paper."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from engagement_assets_tests.browser.conftest import Visit
from engagement_assets_tests.worlds import World

pytestmark = pytest.mark.browser

DAY = "2026-06-30"

#: On a page: what is clicked, and who is in the list. A point of a chart is clicked where the browser has drawn it.
CLICKS = [
    ("/", "#overview-segments .slice path >> nth=0", lambda row: row["engagement_segment"] == "High"),
    ("/behaviour", "#behaviour-orders .point path >> nth=1", lambda row: row["sessions_last_30_days"] == 1),
]


def lists(page: Page, customers: int) -> None:
    """Wait until the list says that it has so many customers."""
    expect(page.locator("#customers-list [role=status]")).to_have_text(f"{customers:,} customers")


def test_a_click_opens_the_list_and_back_leads_back(visit: Visit, sample_world: World) -> None:
    scores = sample_world.rows("engagement_scores", DAY)
    for path, selector, is_in in CLICKS:
        page = visit.page
        if not page.url.endswith(f"{path}?compare=7"):
            visit.open(f"{path}?compare=7")
        target = page.locator(selector)
        expected = sum(map(is_in, scores))
        target.scroll_into_view_if_needed()
        target.click(force=True)
        page.wait_for_url("**/customers?**")
        visit.settle()
        lists(page, expected)
        assert page.evaluate("document.activeElement.id") == "page"
        page.go_back()
        page.wait_for_url(f"**{path}?compare=7")
        visit.settle()


def test_a_list_keeps_its_order_its_filters_and_its_place(visit: Visit) -> None:
    page = visit.open("/customers?compare=7&status=Active")
    page.get_by_role("columnheader", name="Revenue").click()
    page.wait_for_url("**sort=total_revenue%3Adesc**")
    page.locator("#customers-list .ag-body-viewport").evaluate("each => each.scrollTop = 40 * 36")
    page.wait_for_url("**row=40**")
    visit.settle()
    rows = visit.download("Customers")
    cell = page.locator("#customers-list .grid-link", has_text=rows[42]["customer_id"])
    cell.click()
    expect(page.locator(".customer-id")).to_have_text(rows[42]["customer_id"])
    visit.says("customer-head", f"43 of {len(rows)} in customers")
    page.locator("#back").click()
    page.wait_for_url("**/customers?**status=Active**sort=total_revenue%3Adesc**row=40**")
    expect(page.locator("#customers-list .grid-link", has_text=rows[42]["customer_id"])).to_be_in_viewport()
    expect(page.get_by_role("columnheader", name="Revenue")).to_have_attribute("aria-sort", "descending")
    page.reload()
    visit.settle()
    expect(page.locator("#customers-list .grid-link", has_text=rows[42]["customer_id"])).to_be_attached()
    page.get_by_role("link", name="status Active").click()
    page.wait_for_url(lambda url: "status" not in url and "sort=total_revenue" in url)


def test_an_order_outlives_a_filter_that_is_set_right_after_it(visit: Visit) -> None:
    page = visit.open("/customers?compare=7&status=Active")
    page.get_by_role("columnheader", name="Revenue").click()
    page.wait_for_url("**sort=total_revenue%3Adesc**")
    page.get_by_label("Country").first.click()
    page.get_by_role("option", name="DE", exact=True).click()
    page.wait_for_url("**country=DE**")
    assert "sort=total_revenue%3Adesc" in page.url
    visit.settle()
    page.get_by_role("columnheader", name="Audience").click()
    page.wait_for_url("**sort=audience%3Aasc**")
    page.get_by_role("link", name="status Active").click()
    page.wait_for_url(lambda url: "status" not in url)
    assert "sort=audience%3Aasc" in page.url
    visit.settle()
    expect(page.get_by_role("columnheader", name="Audience")).to_have_attribute("aria-sort", "ascending")


def test_filters_are_set_on_the_page(visit: Visit, sample_world: World) -> None:
    page = visit.open("/customers?compare=7")
    page.get_by_text("Filter by more").click()
    page.get_by_label("Days since the last order").fill("31..60")
    page.keyboard.press("Enter")
    page.wait_for_url("**recency=31..60**")
    visit.settle()
    page.get_by_role("textbox", name="Slipping", exact=True).click()
    page.get_by_role("option", name="yes", exact=True).click()
    page.wait_for_url("**slipping=yes**")
    visit.settle()
    found = [
        row
        for row in sample_world.rows("engagement_scores", DAY)
        if row["is_slipping"] and 31 <= row["recency_days"] <= 60
    ]
    assert found
    lists(page, len(found))


def test_lists_with_a_name_are_in_the_navigation(visit: Visit, sample_world: World) -> None:
    page = visit.open("/value?compare=7&segment=Low")
    page.locator("#nav").get_by_text("Slipping in Germany", exact=True).click()
    page.wait_for_url("**/customers?compare=7&country=DE&slipping=yes**")
    visit.settle()
    german = [
        row for row in sample_world.rows("engagement_scores", DAY) if row["country"] == "DE" and row["is_slipping"]
    ]
    lists(page, len(german))
    visit.says("customers-filters", "Slipping in Germany")
    expect(page.locator("#nav [aria-current=page]").last).to_have_text("Slipping in Germany")


def test_the_search_takes_any_case_and_the_start_of_an_identifier(visit: Visit, sample_world: World) -> None:
    names = sorted(row["customer_id"] for row in sample_world.rows("engagement_scores", DAY))
    page = visit.open("/high-value?compare=7&segment=High")
    page.locator("#customer-search").fill(names[300].lower().replace("c0", "c", 1))
    page.keyboard.press("Enter")
    expect(page.locator(".customer-id")).to_have_text(names[300])
    start = names[0][:-2]
    page.locator("#customer-search").fill(start.lower())
    page.keyboard.press("Enter")
    page.wait_for_url("**/customers?**id=**")
    visit.settle()
    matching = sum(name.startswith(start) for name in names)
    assert matching > 1
    lists(page, matching)
    visit.says("customers-filters", f"identifier begins with {start.lower()}")


def test_a_grid_is_one_stop_for_the_keyboard(visit: Visit) -> None:
    page = visit.open("/customers?compare=7&lifecycle=Slipping")
    expect(page.locator("#customers-list .grid-link").first).to_be_visible()
    in_grid = "document.activeElement.closest('.ag-root-wrapper') !== null"
    page.get_by_label("Download as JSON Lines: Customers").focus()
    page.keyboard.press("Tab")
    assert page.evaluate(in_grid)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    assert page.evaluate(in_grid)
    page.keyboard.press("Tab")
    assert not page.evaluate(in_grid)


def test_a_printed_target_list_is_whole(visit: Visit, sample_world: World) -> None:
    page = visit.open("/at-risk?compare=7&target=no")
    slipping = {row["customer_id"] for row in sample_world.rows("engagement_scores", DAY) if row["is_slipping"]}
    expect(page.locator("#risk-customers .grid-link").first).to_have_text(re.compile("C"))
    # Some forty rows and a chart: more than a page, and not one for each row.
    assert 2 <= page.pdf(prefer_css_page_size=True).count(b"/Type /Page\n") <= 6
    page.emulate_media(media="print")
    expect(page.locator("#risk-customers .short tbody tr")).to_have_count(len(slipping))
    printed = page.locator("#risk-customers .short").inner_text()
    assert {name for name in slipping if name in printed} == slipping
    assert not page.locator("#risk-customers .ag-root-wrapper").is_visible()
    assert not page.locator("#nav").is_visible()
    page.emulate_media(media="screen")
