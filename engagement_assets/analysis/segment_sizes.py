"""Segments that tell nobody apart, because they hold hardly anybody or nearly all: which, and what to set."""

from __future__ import annotations

from collections.abc import Mapping

from engagement_assets.domain.contracts.engagement import SEGMENTS
from engagement_assets.domain.monitoring_policy import MonitoringPolicy
from engagement_assets.domain.scoring_policy import ScoringPolicy
from engagement_assets.settings import PREFIX


def out_of_size(shares: Mapping[str, float], policy: MonitoringPolicy) -> dict[str, float]:
    """The segments whose share of the customers is below or above what the settings say, with their share."""
    found = {name: shares.get(name, 0.0) for name in SEGMENTS}
    return {
        name: share
        for name, share in found.items()
        if not policy.segment_least_share <= share <= policy.segment_most_share
    }


def remedies(policy: ScoringPolicy, *, has_sessions: bool) -> list[str]:
    """What may be set so that segments tell customers apart, of what is not set yet: environment variables, what they do."""
    ways = {
        f"{PREFIX}SCORING__SEGMENT_MODE=quantiles (segments of fixed shares)": policy.segment_mode == "thresholds",
        f"{PREFIX}SCORING__ORDER_SCALE=log1p (one customer's many orders do not press all others down)": (
            policy.order_scale == "none"
        ),
        f"{PREFIX}SCORING__ORDER_WEIGHT=1 {PREFIX}SCORING__SESSION_WEIGHT=0 (there are no web events)": (
            policy.session_weight > 0 and not has_sessions
        ),
    }
    return [way for way, helps in ways.items() if helps]
