"""The one list of measures: the DAX of each for Power BI, and its twin, a DuckDB query over the exported files.

The twin is an aggregate expression (`sql`) over one file of the star schema (`source`); the web dashboard asks with the same
expressions of the tables. Where no row matches, DAX gives blank, and a count or sum of the twin gives 0. docs/power_bi.md lists
them side by side.
"""

from __future__ import annotations

from functools import cache

from engagement_assets.domain.bands import STEADY
from engagement_assets.domain.meanings import MEASURES, Meanings
from engagement_assets.domain.meanings.measures import MONEY
from engagement_assets.domain.scoring_policy import ScoringPolicy
from engagement_assets.exports.measures.base import DAY, TABLE_NAMES, Measure, formatted
from engagement_assets.exports.measures.behaviour import behaviour
from engagement_assets.exports.measures.campaigns import campaigns
from engagement_assets.exports.measures.monitoring import monitoring
from engagement_assets.exports.measures.over_time import over_time
from engagement_assets.exports.measures.snapshot import snapshot

__all__ = ["DAY", "STEADY", "TABLE_NAMES", "Measure", "by_key", "measures", "select"]


@cache
def measures(policy: ScoringPolicy, currency: str = "") -> tuple[Measure, ...]:
    """Every measure under these settings, folder by folder; `currency` is that of amounts of money."""
    meanings = Meanings(policy)
    return tuple(
        Measure(
            key,
            label,
            folder,
            (unit == MONEY and currency) or unit,
            formatted(unit, currency),
            meanings.filled(text),
            dax,
            source,
            sql,
        )
        for folder, source, formulas in (*snapshot(), *over_time(), *campaigns(), *behaviour(policy), *monitoring())
        for key, (dax, sql) in formulas.items()
        for label, unit, text in (MEASURES[key],)
    )


def by_key(policy: ScoringPolicy) -> dict[str, Measure]:
    """The measures by their keys."""
    return {measure.key: measure for measure in measures(policy)}


def select(policy: ScoringPolicy, *keys: str) -> str:
    """The twins of some measures as a SELECT list, each under its key."""
    found = by_key(policy)
    return ", ".join(f"{found[key].sql} AS {key}" for key in keys)
