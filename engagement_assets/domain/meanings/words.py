"""The settings in force as pieces of sentences: what the names in braces in a text stand for."""

from __future__ import annotations

from collections.abc import Iterable

from engagement_assets.domain.bands import STEADY
from engagement_assets.domain.campaign_policy import CampaignPolicy
from engagement_assets.domain.meanings.groups import GROUPS
from engagement_assets.domain.results_policy import ResultsPolicy
from engagement_assets.domain.score_parts import MEASURES, PARTS
from engagement_assets.domain.scoring_policy import PROSPECT_SESSIONS, Bounds, ScoringPolicy
from engagement_assets.domain.uplift import LEVEL


def counted(number: float, noun: str) -> str:
    """A number of things: `1 day`, `30 days`."""
    return f"{plain(number)} {noun}{'' if number == 1 else 's'}"


def plain(number: float) -> str:
    """A number as it was set: `0.7`, `10,000`."""
    return f"{number:,.10g}"


def enumerated(things: Iterable[str]) -> str:
    """Things in a sentence: `recency, frequency and revenue`."""
    *others, last = things
    return f"{', '.join(others)} and {last}" if others else last


#: Pieces that several texts share, each made of settings and of pieces before it.
_PIECES = {
    "engaged": "longer than {engaged_after}, or with two page views, or with a checkout (after the rule of Google Analytics 4)",
    "weights": enumerated(f"{{{part.weight}_percent}} {part.words}" for part in PARTS),
    "score": "A score is {weights}, each relative to the other customers of the same day.",
    "fixed_bounds": ", ".join(f"{each.label} {{{each.reference}}} {each.unit}".rstrip() for each in MEASURES),
    "reference_score": "the same formula on fixed bounds ({fixed_bounds}) instead of the day's own; it moves only when the "
    "customer does, so trends are read from it",
    "high_risk": "a buyer without an order for more than {window}, with at most {few_sessions} in the last {window} and a score "
    "below {high_risk_threshold}",
    "slipping": "a buyer with orders on {slipping_orders} or more, the latest more than {window} and less than {lapsed_after} "
    "ago",
    "engagement_band": "of buyers the segment, At Risk as Low; of others Medium from {prospect_sessions} in the last {window} "
    "on, else Low",
    "score_bands": "High from {high_threshold}, Medium from {medium_threshold}, Low from {low_threshold}, else Very low",
    "stability": "below 0.1 stable, from 0.1 worth a look, from 0.25 the distribution has shifted",
    **{column: ", ".join(f"{group.name} ({group.text})" for group in groups) for column, groups in GROUPS.items()},
}


def words_in_force(scoring: ScoringPolicy, campaigns: CampaignPolicy, results: ResultsPolicy) -> dict[str, str]:
    """What the names in braces stand for: numbers under the name of their setting, longer pieces under names of their own."""
    words = {}
    for name, value in scoring:
        if isinstance(value, Bounds):
            words[name] = f"{plain(value.low)} to {plain(value.high)}"
        elif isinstance(value, (int, float)):
            words[name] = plain(value)
            words[f"{name}_percent"] = f"{plain(100 * value)}%"
    is_ranked = scoring.segment_mode == "quantiles"
    rhythm = campaigns.contact_every_days
    words |= {
        "revenue_percentile": plain(100 * scoring.revenue_band_percentile),
        "steady": plain(STEADY),
        "window": counted(scoring.activity_window_days, "day"),
        "two_windows": counted(2 * scoring.activity_window_days, "day"),
        "lapsed_after": counted(scoring.lapsed_after_days, "day"),
        "slipping_orders": counted(scoring.slipping_order_days, "day"),
        "few_sessions": counted(scoring.low_sessions, "session"),
        "prospect_sessions": counted(PROSPECT_SESSIONS, "engaged session"),
        "session_gap": counted(scoring.session_gap_minutes, "minute"),
        "engaged_after": counted(scoring.engaged_session_seconds, "second"),
        "scored_orders": "ln(1 + orders so far)" if scoring.order_scale == "log1p" else "orders so far",
        "scored_revenue": "ln(1 + revenue)" if scoring.monetary_scale == "log1p" else "revenue",
        "window_fall": f"{_fall_in_a_window(scoring):.2f}",
        "contact_rhythm": "every day" if rhythm == 1 else f"once in {rhythm} days",
        "horizons": enumerated(plain(each) for each in results.horizons),
        "results_window": counted(results.window_days, "day"),
        "again_after": counted(results.again_after_days, "day"),
        "least_uplift": counted(100 * results.least_uplift, "point"),
        "results_level": f"{plain(100 * LEVEL)} %",
        "audience": ", ".join(f"{rule.name} ({rule.action})" for rule in campaigns.audiences),
    }
    for name, place in (("high", "top"), ("medium", "next"), ("low", "next")):
        by_place = f"the {place} {words[f'{name}_share_percent']} of customers"
        words[f"{name}_segment"] = by_place if is_ranked else f"from {words[f'{name}_threshold']}"
    for name, text in _PIECES.items():
        words[name] = text.format_map(words)
    return words


def _fall_in_a_window(scoring: ScoringPolicy) -> float:
    """What the days alone take from the reference score of a buyer whose recency is within the bounds."""
    bounds = scoring.reference_recency_days
    return scoring.recency_weight * min(1.0, scoring.activity_window_days / (bounds.high - bounds.low))
