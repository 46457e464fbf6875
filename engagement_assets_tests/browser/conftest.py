"""One server and one browser for all browser tests; each test gets a page that minds console errors and foreign requests."""

from __future__ import annotations

import csv
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, Request, expect, sync_playwright

from engagement_assets.dashboard.server import open_server
from engagement_assets.dashboard.visuals import Page as DashboardPage
from engagement_assets.settings import Settings
from engagement_assets_tests.dashboard.lakes import history_of
from engagement_assets_tests.servers import headless_chromium, remembering_chromium
from engagement_assets_tests.worlds import World

#: Busy machines are slow; the tests wait for a state, never for a time.
PATIENCE_MS = 45_000


@contextmanager
def serving(settings: Settings) -> Iterator[str]:
    """A dashboard over these tables; gives its address."""
    server = open_server(settings, 0)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.effective_port}"
    finally:
        server.close()
        server.task_dispatcher.shutdown()
        thread.join(5)


@dataclass
class Visit:
    """A browser page on a dashboard, and what went wrong on it."""

    page: Page
    base: str
    troubles: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    unanswered: set[Request] = field(default_factory=set)

    def on_a_screen(self, width: int, scheme: Literal["light", "dark"]) -> None:
        """As wide as that, of somebody who likes it light or dark."""
        self.page.set_viewport_size({"width": width, "height": 900})
        self.page.emulate_media(color_scheme=scheme)

    def open(self, path: str) -> Page:
        """Open an address and wait until every figure is there."""
        self.page.goto(self.base + path)
        self.settle()
        return self.page

    def go(self, page: DashboardPage) -> None:
        """Go to another page by the navigation, open or not; faster than opening its address."""
        self.page.locator("#nav").get_by_text(page.title, exact=True).dispatch_event("click")
        expect(self.page.locator("#page h1")).to_have_text(page.title)
        self.settle()

    def settle(self) -> None:
        """Wait until the page is there and the server has answered everything."""
        expect(self.page.locator("#page h1").first).to_be_visible()
        quiet = 0
        while quiet < 3:
            self.page.wait_for_timeout(60)
            quiet = 0 if self.unanswered else quiet + 1
        expect(self.page.locator(".visual .mantine-Skeleton-root")).to_have_count(0)

    def says(self, visual: str, text: str) -> None:
        """Wait until a figure says this, in one line."""
        expect(self.page.locator(f"#{visual}")).to_contain_text(text, use_inner_text=True)

    def is_accessible(self) -> None:
        """Hold the page against axe's rules; what draws its own lines, and rows like those before them, are left out."""
        left_out = [
            [".js-plotly-plot"],
            [".ag-row:nth-child(n+4)"],
            [".short tr:nth-child(n+4)"],
            [".behind li:nth-child(n+3)"],
        ]
        found = Axe().run(self.page, context={"exclude": left_out}, options={"resultTypes": ["violations"]}).response
        serious = [
            (each["id"], [node["html"] for node in each["nodes"]][:3])
            for each in found["violations"]
            if each["impact"] in ("serious", "critical")
        ]
        assert serious == [], self.page.url

    def choose(self, control: str, option: str) -> None:
        """Pick an option of one of the filters."""
        self.page.locator(f"#{control}").click()
        self.page.get_by_role("option", name=option, exact=True).click()
        self.page.keyboard.press("Escape")
        self.page.wait_for_url(f"**{option.replace(' ', '+')}**")
        self.settle()

    def compare(self, days: str) -> None:
        """Compare with so many days back."""
        self.page.locator("#compare").get_by_text(days, exact=True).click()
        self.page.wait_for_url(f"**compare={days}**")
        self.settle()

    def download(self, label: str) -> list[dict[str, str]]:
        """The rows of a CSV file behind a link."""
        with self.page.expect_download() as started:
            self.page.get_by_label(f"Download as CSV: {label}", exact=True).click()
        with Path(started.value.path()).open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))


#: A list with a name.
LISTS = """
[german_slipping]
title = "Slipping in Germany"
where = { country = "DE", slipping = true }
"""


@pytest.fixture(scope="package")
def dashboard(sample_world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The dashboard over the sample data, with the history of the runs that built it, and a list with a name."""
    named = tmp_path_factory.mktemp("lists") / "lists.toml"
    named.write_text(LISTS, encoding="utf-8")
    settings = sample_world.settings.model_copy(update={"lists": str(named)})
    with history_of(sample_world), serving(settings) as address:
        yield address


# Not for the whole session: Playwright's event loop would be in the way of Dagster's. After `dashboard` for the same reason.
@pytest.fixture(scope="package")
def playwright(dashboard: str) -> Iterator[Playwright]:
    """What drives browsers."""
    with sync_playwright() as started:
        expect.set_options(timeout=PATIENCE_MS)
        yield started


@pytest.fixture(scope="package")
def browser(playwright: Playwright) -> Iterator[Browser]:
    """A Chromium for windows with nothing remembered."""
    with headless_chromium(playwright) as opened:
        yield opened


@contextmanager
def visiting(browser: Browser, base: str, **options: Any) -> Iterator[Visit]:
    """A page in a window of its own; console errors and requests to other hosts fail the test."""
    context = new_context(browser, **options)
    try:
        with watched(context, base) as visit:
            yield visit
    finally:
        context.close()


def new_context(browser: Browser, **options: Any) -> BrowserContext:
    """A browser window with nothing remembered."""
    context = browser.new_context(viewport=options.pop("viewport", {"width": 1440, "height": 900}), **options)
    context.set_default_timeout(PATIENCE_MS)
    return context


@contextmanager
def watched(context: BrowserContext, base: str) -> Iterator[Visit]:
    """A new page of a window, and what goes wrong on it."""
    visit = Visit(context.new_page(), base)
    visit.page.on(
        "console", lambda line: visit.troubles.append(line.text) if line.type in ("error", "warning") else None
    )
    visit.page.on("pageerror", lambda error: visit.troubles.append(str(error)))
    visit.page.on("request", lambda request: visit.unanswered.add(request))
    visit.page.on("requestfinished", lambda request: visit.unanswered.discard(request))
    visit.page.on("requestfailed", lambda request: visit.unanswered.discard(request))
    visit.page.on(
        "request",
        lambda request: None if request.url.startswith((base, "data:", "blob:")) else visit.foreign.append(request.url),
    )
    yield visit
    visit.page.close()
    assert visit.troubles == []
    assert visit.foreign == []


@pytest.fixture(scope="package")
def window(playwright: Playwright, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrowserContext]:
    """One window for most tests: what it has loaded once is not loaded and compiled again."""
    with remembering_chromium(playwright, tmp_path_factory.mktemp("profile")) as opened:
        opened.set_default_timeout(PATIENCE_MS)
        yield opened


@pytest.fixture
def visit(window: BrowserContext, dashboard: str) -> Iterator[Visit]:
    """A page on the dashboard over the sample data."""
    with watched(window, dashboard) as opened:
        yield opened
