"""How soon a page's last chart is there in Chromium, against a static page that draws the same charts with the same Plotly.

    python -m engagement_assets_tests.benchmarks.browser --lake data/lake            # at most twice as long
    python -m engagement_assets_tests.benchmarks.browser --lake big/lake --most 3    # a million customers

Both in the same browser, in turns, with what it has kept of scripts; medians. `first` is the very first opening, whose questions
nobody has asked yet: of a million customers it takes long, and the dashboard remembers the answers. The static page has its
figures in itself: it asks no question, and is no dashboard. Ends with 1 where a page takes longer than is allowed.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import plotly
from playwright.sync_api import Page, sync_playwright

from engagement_assets.dashboard.site import PAGES
from engagement_assets.dashboard.warehouse import Warehouse
from engagement_assets.domain.contracts import EngagementScores
from engagement_assets.settings import Settings
from engagement_assets_tests.browser.conftest import serving
from engagement_assets_tests.servers import headless_chromium

#: Everything that was asked for is there, and drawn; the time since the navigation began, milliseconds.
_DRAWN = """() => {
    const main = document.querySelector('#page');
    if (!main || !main.querySelector('h1') || main.querySelector('.mantine-Skeleton-root')) return false;
    const graphs = [...main.querySelectorAll('.dash-graph')];
    return graphs.every(graph => graph.querySelector('.main-svg')) ? performance.now() : false;
}"""

_FIGURES = """() => [...document.querySelectorAll('#page .js-plotly-plot')].map(
    plot => ({data: plot.data, layout: plot.layout, height: plot.offsetHeight}))"""

_STATIC = """<!doctype html><html><head><meta charset="utf-8"><script src="plotly.min.js"></script></head><body>
<script>
const figures = FIGURES;
const drawn = figures.map(figure => {
    const place = document.createElement('div');
    place.style.height = figure.height + 'px';
    document.body.append(place);
    return Plotly.newPlot(place, figure.data, figure.layout, {responsive: true});
});
Promise.all(drawn).then(() => { window.drawn = performance.now(); });
</script></body></html>"""

_PATIENCE_MS = 300_000


class _Files(SimpleHTTPRequestHandler):
    """Files that the browser may keep, as the dashboard's scripts are."""

    def end_headers(self) -> None:
        self.send_header("Cache-Control", "max-age=3600")
        super().end_headers()

    def log_message(self, format: str, *args: object) -> None:
        return


@contextmanager
def files_of(folder: Path) -> Iterator[str]:
    """A web server over a folder; gives its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Files, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def milliseconds(page: Page, address: str, script: str) -> float:
    """Open an address and wait until the script gives the time at which all is drawn."""
    page.goto(address)
    return float(page.wait_for_function(script, timeout=_PATIENCE_MS, polling="raf").json_value())


def measure(lake: str, rounds: int) -> Iterator[tuple[str, int, float, float, float]]:
    """Per page with charts: its title, how many, the first opening, the dashboard's median, the static page's, milliseconds."""
    settings = Settings(lake=lake)
    warehouse = Warehouse(settings)
    customer = warehouse.one(
        "SELECT min(customer_id) AS c FROM {s} WHERE total_orders > 0",
        s=(EngagementScores, [warehouse.catalogue().days[-1]]),
    )["c"]
    with (
        TemporaryDirectory() as temporary,
        serving(settings) as dashboard,
        sync_playwright() as playwright,
        headless_chromium(playwright) as browser,
    ):
        folder = Path(temporary)
        script = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
        (folder / "plotly.min.js").write_bytes(script.read_bytes())
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        with files_of(folder) as static:
            for each in PAGES:
                address = f"{dashboard}{each.path}" + (f"?cid={customer}" if each.path == "/customer" else "")
                first = milliseconds(page, address, _DRAWN)
                if not page.locator("#page .dash-graph").count():
                    continue
                page.wait_for_timeout(500)
                figures: list[dict[str, Any]] = page.evaluate(_FIGURES)
                text = json.dumps(figures).replace("</", "<\\/")
                (folder / "page.html").write_text(_STATIC.replace("FIGURES", text), encoding="utf-8")
                there = f"{static}/page.html"
                milliseconds(page, f"{there}?warm", "() => window.drawn || false")
                taken = [
                    (
                        milliseconds(page, address, _DRAWN),
                        milliseconds(page, f"{there}?{each.order}-{n}", "() => window.drawn || false"),
                    )
                    for n in range(rounds)
                ]
                ours, theirs = (statistics.median(times) for times in zip(*taken, strict=True))
                yield each.title, len(figures), first, ours, theirs


def main() -> None:
    """Measure and print a row per page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lake", required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--most", type=float, default=2.0, help="the ratio that is allowed")
    given = parser.parse_args()
    is_met = True
    sys.stdout.write(f"{'page':26}{'charts':>8}{'first':>8}{'dashboard':>12}{'static':>9}{'ratio':>8}   milliseconds\n")
    for title, charts, first, ours, theirs in measure(given.lake, given.rounds):
        is_met &= ours / theirs <= given.most
        verdict = "pass" if ours / theirs <= given.most else "FAIL"
        sys.stdout.write(f"{title:26}{charts:8}{first:8.0f}{ours:12.0f}{theirs:9.0f}{ours / theirs:8.2f}   {verdict}\n")
        sys.stdout.flush()
    sys.exit(0 if is_met else 1)


if __name__ == "__main__":
    main()
