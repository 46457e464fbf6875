"""The settings in force as pieces of sentences: what the names in braces in a text stand for."""

from __future__ import annotations

from collections.abc import Iterable

from engagement_assets.domain.bands import STEADY
from engagement_assets.domain.campaign_policy import CampaignPolicy
from engagement_assets.domain.meanings.groups import GROUPS
from engagement_assets.domain.score_parts import MEASURES, PARTS
from engagement_assets.domain.scoring_policy import Bounds, ScoringPolicy


def counted(number: float, noun: str) -> str:
    """A number of things: `1 day`, `30 days`."""
    return f"{plain(number)} {noun}{'' if number == 1 else 's'}"


def plain(number: float) -> str:
    """A number as it was set: `0.7`, `10,000`."""
    return f"{number:,.10g}"


def percent(share: float) -> str:
    """A share as it was set: `40%`, `12.5%`."""
    return f"{plain(100 * share)}%"


def enumerated(things: Iterable[str]) -> str:
    """Things in a sentence: `recency, frequency and revenue`."""
    *others, last = things
    return f"{', '.join(others)} and {last}" if others else last


def words_in_force(scoring: ScoringPolicy, campaigns: CampaignPolicy) -> dict[str, str]:
    """What the names in braces stand for: numbers under the name of their setting, longer pieces under names of their own."""
    words = {name: plain(value) for name, value in scoring if isinstance(value, (int, float))}
    words |= {
        "revenue_band_percentile": plain(100 * scoring.revenue_band_percentile),
        "steady": plain(STEADY),
        "window": counted(scoring.activity_window_days, "day"),
        "two_windows": counted(2 * scoring.activity_window_days, "day"),
        "slipping_until": counted(scoring.slipping_until_days, "day"),
        "at_risk_until": counted(scoring.at_risk_until_days, "day"),
        "session_gap": counted(scoring.session_gap_minutes, "minute"),
        "engaged": f"longer than {counted(scoring.engaged_session_seconds, 'second')}, or with two page views, or with a "
        "checkout (after the rule of Google Analytics 4)",
        "weights": enumerated(f"{percent(scoring.weight(part))} {part.words}" for part in PARTS),
        "order_share": percent(scoring.order_weight),
        "session_share": percent(scoring.session_weight),
        "scored_revenue": "ln(1 + revenue)" if scoring.monetary_scale == "log1p" else "revenue",
        "fixed_bounds": ", ".join(f"{m.label} {_range(scoring.bounds(m))} {m.unit}".rstrip() for m in MEASURES),
        # What the days alone take from the reference score of a buyer whose recency is within the bounds.
        "window_fall": f"{_fall_in_a_window(scoring):.2f}",
        "contact_rhythm": "every day"
        if campaigns.contact_every_days == 1
        else f"once in {campaigns.contact_every_days} days",
        "audience": ", ".join(f"{rule.name} ({rule.action})" for rule in campaigns.audiences),
        **_segments(scoring),
    }
    listed = {
        column: ", ".join(f"{group.name} ({group.text.format_map(words)})" for group in groups)
        for column, groups in GROUPS.items()
    }
    return words | listed


def _segments(scoring: ScoringPolicy) -> dict[str, str]:
    limits = (scoring.high_threshold, scoring.medium_threshold, scoring.low_threshold)
    from_scores = [f"from {plain(limit)}" for limit in limits]
    shares = (scoring.high_share, scoring.medium_share, scoring.low_share)
    places = [f"{percent(share)} of customers" for share in shares]
    of_customers = [f"the top {places[0]}", f"the next {places[1]}", f"the next {places[2]}"]
    chosen = of_customers if scoring.segment_mode == "quantiles" else from_scores
    return {
        **dict(zip(("high_segment", "medium_segment", "low_segment"), chosen, strict=True)),
        "score_bands": f"High {from_scores[0]}, Medium {from_scores[1]}, Low {from_scores[2]}, else Very low",
    }


def _range(bounds: Bounds) -> str:
    return f"{plain(bounds.low)} to {plain(bounds.high)}"


def _fall_in_a_window(scoring: ScoringPolicy) -> float:
    bounds = scoring.reference_recency_days
    return scoring.recency_weight * min(1.0, scoring.activity_window_days / (bounds.high - bounds.low))
