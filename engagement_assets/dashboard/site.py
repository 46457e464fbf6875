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
