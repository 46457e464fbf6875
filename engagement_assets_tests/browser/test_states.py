"""What the pages look like off the beaten track: small screens, the dark, one snapshot, none, nonsense in the address."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, expect

from engagement_assets.dashboard.site import PAGES
from engagement_assets.dashboard.users import Users
from engagement_assets.dashboard.visuals import Visual
from engagement_assets.settings import Settings
from engagement_assets_tests.browser.conftest import Visit, new_context, serving, visiting
from engagement_assets_tests.dashboard.lakes import copied
from engagement_assets_tests.worlds import World

pytestmark = pytest.mark.browser

CUSTOMER = "cid=C0000264"


def test_every_page_fits_a_small_screen_in_the_dark(visit: Visit) -> None:
    visit.on_a_screen(390, "dark")
    visit.open(f"/customer?compare=7&{CUSTOMER}")
    assert visit.page.evaluate("document.documentElement.scrollWidth") == 390
    for page in PAGES:
        visit.go(page)
        assert visit.page.evaluate("document.documentElement.scrollWidth") == 390
        assert visit.page.evaluate("document.documentElement.dataset.mantineColorScheme") == "dark"
        assert visit.page.locator(".state.failed").count() == 0
    # A target list says who, why, how much money and what to do.
    visit.open("/at-risk?compare=7")
    row = visit.page.locator("#risk-customers .short tbody tr").first
    expect(row).to_contain_text("silent for", use_inner_text=True)
    expect(row.locator("td")).to_have_count(6)
    assert visit.page.evaluate("document.documentElement.scrollWidth") == 390
    # The navigation and the filters are behind the menu button, which a choice closes.
    visit.page.get_by_label("Navigation and filters").click()
    visit.page.locator("#nav").get_by_text("Behaviour", exact=True).click()
    expect(visit.page.locator("#page h1")).to_have_text("Behaviour")
    expect(visit.page.locator("#burger")).not_to_have_attribute("data-opened", "true")


@pytest.mark.slow  # smaller: `test_every_page_is_in_the_navigation_and_none_fails` holds some of them against the rules
@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (390, "dark")])
def test_every_page_is_accessible(visit: Visit, width: int, scheme: Literal["light", "dark"]) -> None:
    visit.on_a_screen(width, scheme)
    visit.open(f"/customer?compare=7&{CUSTOMER}")
    for page in PAGES:
        visit.go(page)
        visit.is_accessible()


def test_light_and_dark_can_be_switched(browser: Browser, dashboard: str) -> None:
    with visiting(browser, dashboard, color_scheme="light") as visit:
        visit.open("/customer")
        visit.page.locator("#scheme").click()
        expect(visit.page.locator("html")).to_have_attribute("data-mantine-color-scheme", "dark")
        visit.page.reload()
        expect(visit.page.locator("html")).to_have_attribute("data-mantine-color-scheme", "dark")


def test_a_lake_with_one_snapshot_says_what_is_missing(browser: Browser, sample_world: World, tmp_path: Path) -> None:
    lake = copied(sample_world.lake, tmp_path, ["2026-06-30"])
    with serving(Settings(lake=lake.root)) as address, visiting(browser, address) as visit:
        visit.open(f"/customer?{CUSTOMER}")
        for page in reversed(PAGES):
            visit.go(page)
            assert visit.page.locator(".state.failed").count() == 0
        visit.says("status", "no earlier snapshot to compare with")
        visit.says("overview-groups", "Nothing to compare with yet")
        visit.says("overview-cards", "Total customers 600")


def test_an_empty_lake_says_what_to_do(browser: Browser, dashboard: str, tmp_path: Path) -> None:
    with serving(Settings(lake=str(tmp_path / "lake"))) as address, visiting(browser, address) as visit:
        for path in ("/", "/customer?cid=C1", "/monitoring?date=2026-06-30"):
            visit.open(path)
            visit.says("page", "Nothing is published yet")
            visit.says("page", "engagement run")


def test_nonsense_in_the_address_falls_back_and_is_told(visit: Visit) -> None:
    visit.open("/?date=../../x&country=%3Cscript%3Ealert(1)%3C/script%3E&segment=High&compare=7")
    visit.says("status", "The date in the address could not be read; this is the latest snapshot, 2026-06-30.")
    visit.says("status", "A country in the address is not in this data and was left out.")
    visit.says("status", "filtered to segment High")
    assert "segment=High" in visit.page.url
    visit.open("/no/such/page")
    visit.says("page", "There is no such page")


def test_a_day_without_a_snapshot_is_told_with_what_builds_it(visit: Visit) -> None:
    visit.open("/?date=2026-06-10")
    visit.says("status", "Data as of 2025-12-15")
    visit.says("status", "engagement run --date 2026-06-10")


def test_one_failing_figure_leaves_the_others(visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(visual: Visual, *asked: Any) -> Any:
        if visual.name == "overview-distribution":
            raise RuntimeError("broken on purpose")
        return render(visual, *asked)

    render = Visual.render
    monkeypatch.setattr(Visual, "render", broken)
    visit.open("/?compare=7")
    visit.says("overview-distribution", "This figure could not be made")
    assert visit.page.locator(".state.failed").count() == 1
    visit.says("overview-cards", "Total customers 600")


def test_charts_offer_no_upload(visit: Visit) -> None:
    visit.open("/?compare=7")
    visit.page.locator(".js-plotly-plot").first.hover()
    expect(visit.page.locator(".modebar-btn").first).to_be_attached()
    titles = visit.page.locator(".modebar-btn").evaluate_all("all => all.map(each => each.dataset.title)")
    assert titles
    assert not any("share" in str(title).lower() or "cloud" in str(title).lower() for title in titles)


def test_a_browser_that_signs_in_sees_pages_and_gets_files(
    browser: Browser, sample_world: World, tmp_path: Path
) -> None:
    settings = sample_world.settings.model_copy(update={"dashboard_users": str(tmp_path / "users.json")})
    Users(settings).give("jörg", "a pässword of his")
    with serving(settings) as address:
        with visiting(
            browser, address, http_credentials={"username": "jörg", "password": "a pässword of his"}
        ) as visit:
            visit.open("/?compare=7")
            visit.says("overview-cards", "Total customers 600")
            assert len(visit.download("Segments")) == 4
        # Without a screen for the browser's own dialog, it is asked as a page's script would ask.
        context = new_context(browser)
        answer = context.request.get(address)
        assert (answer.status, "Sign in" in answer.text()) == (401, True)
        context.close()
