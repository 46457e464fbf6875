"""What the product's numbers, columns and groups mean, with the settings in force: the one home of these texts.

Table contracts, Dagster's column schema, the data dictionary, the measures, Power BI and the dashboard's help take them from
here. A text names a setting in braces (`{window}`, `{high_risk_threshold}`); `Meanings.filled` puts in what is in force.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from engagement_assets.domain.campaign_policy import CampaignPolicy
from engagement_assets.domain.meanings.groups import GROUPS, Group, group, names
from engagement_assets.domain.meanings.help import HELP
from engagement_assets.domain.meanings.measures import MEASURES, MeasureMeaning
from engagement_assets.domain.meanings.words import counted, enumerated, words_in_force
from engagement_assets.domain.results_policy import ResultsPolicy
from engagement_assets.domain.scoring_policy import ScoringPolicy

__all__ = [
    "GROUPS",
    "HELP",
    "MEASURES",
    "TEXTS",
    "Group",
    "Meanings",
    "MeasureMeaning",
    "counted",
    "enumerated",
    "group",
    "names",
]

#: What each measure, and each chart and list of the dashboard, means.
TEXTS: dict[str, str] = {**{key: measure.text for key, measure in MEASURES.items()}, **HELP}


class Meanings:
    """The texts under these settings."""

    def __init__(
        self, scoring: ScoringPolicy, campaigns: CampaignPolicy | None = None, results: ResultsPolicy | None = None
    ) -> None:
        words = words_in_force(scoring, campaigns or CampaignPolicy(), results or ResultsPolicy())
        self.words: Mapping[str, str] = MappingProxyType(words)

    def filled(self, text: str) -> str:
        """A text with the settings in force in place of the names in braces. Raises KeyError for a name that is none."""
        return text.format_map(self.words)

    def text(self, meaning: str) -> str:
        """A text of `TEXTS` by its key, or the words themselves, filled."""
        return self.filled(TEXTS.get(meaning, meaning))
