"""The pages in their order, and what can be downloaded from them. A new page is a folder in pages/: page.py with a `PAGE`."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from engagement_assets.dashboard import pages
from engagement_assets.dashboard.exports import Export
from engagement_assets.dashboard.grids import export_of
from engagement_assets.dashboard.lists import LISTS
from engagement_assets.dashboard.visuals import Page, Visual

PAGES: tuple[Page, ...] = tuple(
    sorted(
        (import_module(f"{pages.__name__}.{folder.name}.page").PAGE for folder in iter_modules(pages.__path__)),
        key=lambda page: page.order,
    )
)

VISUALS: dict[str, Visual] = {visual.name: visual for page in PAGES for visual in page.visuals}

#: What can be downloaded as CSV, by name.
EXPORTS: dict[str, Export] = {name: export_of(name) for name in LISTS} | {
    visual.csv.name: visual.csv.export(visual.rows) for visual in VISUALS.values() if visual.csv
}


def page_at(path: str | None) -> Page | None:
    """The page of an address; None if there is none."""
    wanted = (path or "/").rstrip("/") or "/"
    return next((page for page in PAGES if wanted == page.path), None)


_ONE, _SESSIONS, _ROWS = (
    "is about one customer",
    "counts sessions, of which a customer has many",
    "counts rows and runs",
)
_COMPARISON = "compares two groups of customers; the table of the results opens both"
_PREDICTION = "judges predictions about an earlier snapshot"

#: What opens no list of customers, and why: a visual, or a part of one (a trace, a card, the rows of a table).
OPENS_NOTHING: dict[str, str] = {
    "behaviour-activity": _SESSIONS,
    "behaviour-cards: Sessions with an order": _SESSIONS,
    "behaviour-conversion": _SESSIONS,
    "behaviour-engaged": _SESSIONS,
    "behaviour-funnel: Sessions": _SESSIONS,
    "behaviour-weeks": "counts the visitors of each week; lists are of a day and its window",
    "campaigns-uplift": _COMPARISON,
    "campaigns-uplift-trend": _COMPARISON,
    "customer-cards": _ONE,
    "customer-history": _ONE,
    "customer-orders": _ONE,
    "customer-parts": _ONE,
    "customer-sessions": _ONE,
    "customer-why": _ONE,
    "high-common: rows": "its rows are traits; the first one opens both groups",
    "monitoring-checks": _ROWS,
    "monitoring-rejected": _ROWS,
    "monitoring-rows": _ROWS,
    "monitoring-runs": _ROWS,
    "monitoring-stability": "compares distributions of everybody",
    "monitoring-trend": _ROWS,
    "quality-calibration": _PREDICTION,
    "quality-deciles": _PREDICTION,
    "quality-lists": _PREDICTION,
    "quality-predictors": _PREDICTION,
    "quality-stability": _PREDICTION,
    "quality-weights": "counts under other weights; the file rank-ranges has each customer",
}
