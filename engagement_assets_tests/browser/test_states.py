"""What the pages look like off the beaten track: small screens, the dark, one snapshot, none, nonsense in the address."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from engagement_assets.dashboard.site import PAGES
from engagement_assets.settings import Settings
from engagement_assets_tests.browser.conftest import Visit, serving, visiting
from engagement_assets_tests.dashboard.lakes import copied
from engagement_assets_tests.worlds import World

pytestmark = pytest.mark.browser

CUSTOMER = "cid=C0000264"


def test_every_page_fits_a_small_screen_in_the_dark(browser: Browser, dashboard: str) -> None:
    with visiting(browser, dashboard, viewport={"width": 390, "height": 844}, color_scheme="dark") as visit:
        for page in PAGES:
            visit.open(f"{page.PATH}?compare=7&{CUSTOMER}")
            assert visit.page.evaluate("document.documentElement.scrollWidth") == 390
            assert visit.page.evaluate("document.documentElement.dataset.mantineColorScheme") == "dark"
            assert visit.page.locator(".state.failed").count() == 0
        # The navigation and the filters are behind the menu button, which a choice closes.
        visit.page.get_by_label("Navigation and filters").click()
        visit.page.locator("#nav").get_by_text("Behaviour", exact=True).click()
        expect(visit.page.locator("#page h1")).to_have_text("Behaviour")
        expect(visit.page.locator("#burger")).not_to_have_attribute("data-opened", "true")


def test_light_and_dark_can_be_switched(visit: Visit) -> None:
    visit.open("/")
    visit.page.locator("#scheme").click()
    expect(visit.page.locator("html")).to_have_attribute("data-mantine-color-scheme", "dark")
    visit.page.reload()
    expect(visit.page.locator("html")).to_have_attribute("data-mantine-color-scheme", "dark")


def test_a_lake_with_one_snapshot_says_what_is_missing(browser: Browser, sample_world: World, tmp_path: Path) -> None:
    lake = copied(sample_world.lake, tmp_path, ["2026-06-30"])
    with serving(Settings(lake=lake.root)) as address, visiting(browser, address) as visit:
        for page in PAGES:
            visit.open(f"{page.PATH}?{CUSTOMER}")
            assert visit.page.locator(".state.failed").count() == 0
        visit.open("/")
        assert "no earlier snapshot to compare with" in visit.text("status")
        assert "Nothing to compare with yet" in visit.text("overview-groups")
        assert "Total customers 600" in visit.text("overview-cards")


def test_an_empty_lake_says_what_to_do(browser: Browser, dashboard: str, tmp_path: Path) -> None:
    with serving(Settings(lake=str(tmp_path / "lake"))) as address, visiting(browser, address) as visit:
        for path in ("/", "/customer?cid=C1", "/monitoring?date=2026-06-30"):
            visit.open(path)
            assert "Nothing is published yet" in visit.text("page")
            assert "engagement run" in visit.text("page")


def test_nonsense_in_the_address_falls_back_and_is_told(visit: Visit) -> None:
    visit.open("/?date=../../x&country=%3Cscript%3Ealert(1)%3C/script%3E&segment=High&compare=7")
    status = visit.text("status")
    assert "The date in the address could not be read; this is the latest snapshot, 2026-06-30." in status
    assert "A country in the address is not in this data and was left out." in status
    assert "filtered to High" in status
    assert "segment=High" in visit.page.url
    visit.open("/no/such/page")
    assert "There is no such page" in visit.text("page")


def test_a_day_without_a_snapshot_is_told_with_what_builds_it(visit: Visit) -> None:
    visit.open("/?date=2026-06-10")
    assert "Data as of 2025-12-15" in visit.text("status")
    assert "engagement run --date 2026-06-10" in visit.text("status")


def test_one_failing_figure_leaves_the_others(
    browser: Browser, dashboard: str, sample_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("broken on purpose")

    monkeypatch.setattr("engagement_assets.dashboard.queries.overview.distribution", broken)
    with visiting(browser, dashboard) as visit:
        visit.open("/?compare=7")
        assert "This figure could not be made" in visit.text("overview-distribution")
        assert visit.page.locator(".state.failed").count() == 1
        assert "Total customers 600" in visit.text("overview-cards")


def test_charts_offer_no_upload(visit: Visit) -> None:
    visit.open("/?compare=7")
    titles = visit.page.locator(".modebar-btn").evaluate_all("all => all.map(each => each.dataset.title)")
    assert titles
    assert not any("share" in str(title).lower() or "cloud" in str(title).lower() for title in titles)
