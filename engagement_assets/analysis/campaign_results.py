"""What campaigns brought, for people: the results of a day, and how many to hold out to see an uplift."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from engagement_assets.analysis.report import latest_day
from engagement_assets.domain.contracts import CampaignResults
from engagement_assets.domain.uplift import customers_needed
from engagement_assets.lake.reading import opened
from engagement_assets.lake.tables import LakeResource
from engagement_assets.settings import Settings

#: Shares of an audience that may be held out, beside the one that is set.
SHARES = (0.05, 0.1, 0.2, 0.3, 0.5)


class NoResultError(LookupError):
    """There is nothing to tell of an audience; the message says why, and what there is."""


def results(
    settings: Settings, day: str | None = None, audience: str | None = None
) -> tuple[str, list[dict[str, Any]]]:
    """The results of a day (default: the latest), of one audience or of all. Raises NotPublishedError, NoResultError."""
    lake = LakeResource.of(settings)
    chosen = latest_day(lake, CampaignResults, day)
    with opened(lake, {CampaignResults: [chosen]}) as connection:
        found = connection.execute("FROM campaign_results ORDER BY audience, horizon_days").fetchall()
    rows = [dict(zip(CampaignResults.columns(), row, strict=True)) for row in found]
    names = [rule.name for rule in settings.campaigns.audiences]
    if audience is not None and audience not in {*names, *(row["audience"] for row in rows)}:
        raise NoResultError(f"{audience!r} is no audience; there are {', '.join(names)}")
    kept = [row for row in rows if audience in (None, row["audience"])]
    if not kept:
        days = settings.results.horizons[0]
        raise NoResultError(
            f"{audience or 'no audience'} has {'no' if audience else 'a'} result of {chosen} yet: it takes {days} days from "
            "the day a customer enters an audience, and audiences of the days before it (engagement run --from … --to …)"
        )
    return chosen, kept


@dataclass(frozen=True)
class Plan:
    """What a share held out costs and when it tells: `customers` it takes, in so many `weeks`; None where they never come."""

    share: float
    customers: int | None
    weeks: float | None


def plans(settings: Settings, result: dict[str, Any], uplift: float) -> list[Plan]:
    """What each share held out would take to see an uplift of an audience, from a result of it."""
    ordered = (result["treated_ordered"] + result["held_out_ordered"]) / (result["treated"] + result["held_out"])
    a_day = result["entries_per_day"]
    found = []
    for share in sorted({*SHARES, settings.campaigns.share_held_out(result["audience"])}):
        needed = customers_needed(ordered, uplift, share)
        comes = needed is not None and a_day and needed <= a_day * settings.results.window_days
        found.append(Plan(share, needed, needed / a_day / 7 if comes and needed else None))
    return found
