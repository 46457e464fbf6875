"""The pages in their order. A new page is a module in pages/ and a line here."""

from __future__ import annotations

from types import ModuleType

from engagement_assets.dashboard.pages.at_risk import page as at_risk
from engagement_assets.dashboard.pages.behaviour import page as behaviour
from engagement_assets.dashboard.pages.breakdown import page as breakdown
from engagement_assets.dashboard.pages.campaigns import page as campaigns
from engagement_assets.dashboard.pages.customer import page as customer
from engagement_assets.dashboard.pages.high_value import page as high_value
from engagement_assets.dashboard.pages.monitoring import page as monitoring
from engagement_assets.dashboard.pages.overview import page as overview
from engagement_assets.dashboard.pages.quality import page as quality
from engagement_assets.dashboard.pages.value import page as value
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
