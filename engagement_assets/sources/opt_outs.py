"""The opt-out list: customers who are never addressed, whatever a rule says."""

from __future__ import annotations

import fsspec

from engagement_assets.settings import Settings


class OptOutListError(ValueError):
    """The opt-out list is named in the settings and cannot be read; nobody is addressed until it can."""


def read_opt_outs(settings: Settings) -> frozenset[str]:
    """The identifiers in the opt-out list: the first column of a CSV or text file, a heading `customer_id` left out.

    Raises OptOutListError if the settings name a file that cannot be read.
    """
    place = settings.campaigns.opt_out
    if place is None:
        return frozenset()
    try:
        with fsspec.open(place, "rt", encoding="utf-8-sig") as file:
            cells = [line.split(",")[0].strip().strip('"') for line in file]
    except (OSError, UnicodeDecodeError) as error:
        raise OptOutListError(
            f"the opt-out list {place} cannot be read ({type(error).__name__}); it is named in "
            "ENGAGEMENT_CAMPAIGNS__OPT_OUT, and nobody is addressed without it"
        ) from None
    return frozenset(cell for cell in cells if cell and cell != "customer_id")
