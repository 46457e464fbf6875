"""Population stability index: how far a distribution moved from an earlier one, by the shares of its bands.

The index is the sum over the bands of (new - old) * ln(new / old). Below 0.1 it is read as stable, from 0.25 on as shifted:
Siddiqi, Credit Risk Scorecards (2006).
"""

from __future__ import annotations

import math
from collections.abc import Mapping

#: Equal-width bands of a score in [0, 1]; an empty band counts as this share.
BANDS = 10
EMPTY = 1e-4


def population_stability(old: Mapping[int, int], new: Mapping[int, int]) -> float:
    """The index of two counts per band, the bands numbered from 0; both need at least one row."""
    total_old, total_new = sum(old.values()), sum(new.values())
    index = 0.0
    for band in range(BANDS):
        was = max(old.get(band, 0) / total_old, EMPTY)
        now = max(new.get(band, 0) / total_new, EMPTY)
        index += (now - was) * math.log(now / was)
    return index


def band_sql(column: str) -> str:
    """The band of a score as a DuckDB expression; 1 belongs to the last band."""
    # Rounded, so that a score on the border of a band falls on the same side however it was added up.
    return f"least(floor(round({column} * {BANDS}, 9))::INT, {BANDS - 1})"
