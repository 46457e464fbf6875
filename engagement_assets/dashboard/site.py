"""The pages in their order. A new page is a module in pages/ and a line here."""

from __future__ import annotations

from types import ModuleType

from engagement_assets.dashboard.pages import (
    at_risk,
    behaviour,
    breakdown,
    campaigns,
    customer,
    high_value,
    monitoring,
    overview,
    quality,
    value,
)
from engagement_assets.dashboard.visuals import Visual

PAGES: tuple[ModuleType, ...] = (
    overview,
    breakdown,
    value,
    at_risk,
    high_value,
    behaviour,
    campaigns,
    quality,
    customer,
    monitoring,
)


def visuals_of(page: ModuleType, meaning: dict[str, str]) -> dict[str, Visual]:
    """A page's visuals by name."""
    found: dict[str, Visual] = page.visuals(meaning)
    return found


def page_at(path: str | None) -> ModuleType | None:
    """The page of an address; None if there is none."""
    wanted = (path or "/").rstrip("/") or "/"
    return next((page for page in PAGES if wanted == page.PATH), None)
