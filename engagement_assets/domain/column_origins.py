"""From which columns each column of a table is computed: as its contract says, or handed on from a column of the same name.

What the columns of an audience are computed from, its rules say, which are settings.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from engagement_assets.domain.campaign_policy import CART, PLACEHOLDER, CampaignPolicy
from engagement_assets.domain.catalogue import CATALOGUE
from engagement_assets.domain.contracts import CampaignAudiences, Contract, EngagementScores
from engagement_assets.domain.contracts.base import columns_of

_scores = columns_of("engagement_scores")

_CARTS = (*columns_of("sessions")("as_of_date", "add_to_carts", "checkouts"), *_scores("last_order_date"))

_TEXT = re.compile(r"'(?:[^'\\]|\\.)*'")
_WORD = re.compile(r"\w+")


def column_origins(contract: type[Contract], campaigns: CampaignPolicy) -> dict[str, tuple[str, ...]]:
    """What each column depends on, as `table.column`; without columns that are the same in every snapshot.

    Empty for what is read from files.
    """
    upstream = {read.table for read in CATALOGUE[contract].reads if read.in_place_of is None}
    computed = audience_origins(campaigns) if contract is CampaignAudiences else contract.origins()
    found = {}
    for name in contract.columns():
        same = sorted(f"{table.table()}.{name}" for table in upstream if name in table.columns())
        if origins := computed.get(name, tuple(same)):
            found[name] = origins
    return found


def audience_origins(policy: CampaignPolicy) -> dict[str, tuple[str, ...]]:
    """Column of campaign_audiences -> the columns it is computed from, under these rules."""
    choice = _named(rule.condition for rule in policy.audiences)
    words = _known(name for rule in policy.audiences for name, _ in PLACEHOLDER.findall(rule.evidence))
    value, drop = (_named(getattr(rule, part) for rule in policy.audiences) for part in ("value", "drop"))
    drawn = _scores("customer_id")
    contact = _scores("as_of_date", "customer_id")
    origins = {
        "audience": choice,
        "recommended_action": choice,
        "evidence": (*choice, *words),
        "value": (*choice, *value),
        "drop_share": (*choice, *drop),
        "priority": (*choice, *value, *drop),
        "is_holdout": (*choice, *drawn),
        "is_contact_day": contact,
        "is_to_contact": (*choice, *contact),
    }
    return {name: tuple(dict.fromkeys(sources)) for name, sources in origins.items()}


def _named(texts: Iterable[str]) -> tuple[str, ...]:
    """The columns that SQL texts of audiences speak of."""
    return _known(word.lower() for text in texts for word in _WORD.findall(_TEXT.sub("", text)))


def _known(names: Iterable[str]) -> tuple[str, ...]:
    """Origins of the columns that an audience may speak of; other words are none."""
    found: dict[str, None] = {}
    for name in names:
        if name == CART:
            found |= dict.fromkeys(_CARTS)
        elif name in EngagementScores.columns():
            found |= dict.fromkeys(_scores(name))
    return tuple(found)
