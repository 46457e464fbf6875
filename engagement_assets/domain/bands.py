"""Red, yellow and green bands. Each carries a word, so that nothing hangs on a colour alone."""

from __future__ import annotations

from engagement_assets.domain.scoring_policy import ScoringPolicy

#: A mood is a colour class (`good`, `watch`, `bad`), a word says it.
Band = tuple[str, str]

#: Days since the last order.
RECENT_DAYS, LONG_AGO_DAYS = 30, 90

#: Sessions in the window from which a customer counts as active.
ACTIVE_SESSIONS = 4


def recency(days: int | None) -> Band:
    """How long ago the last order was."""
    if days is None:
        return "bad", "never ordered"
    if days <= RECENT_DAYS:
        return "good", "recent"
    return ("watch", "fading") if days <= LONG_AGO_DAYS else ("bad", "long ago")


def sessions(number: int) -> Band:
    """How active a customer is on the web."""
    if number >= ACTIVE_SESSIONS:
        return "good", "active"
    return ("watch", "some") if number else ("bad", "none")


def score(value: float, policy: ScoringPolicy) -> Band:
    """How engaged a customer is, against the thresholds of the policy."""
    if value >= policy.high_risk_threshold:
        return "good", "safe"
    return ("watch", "low") if value >= policy.low_threshold else ("bad", "very low")


def change(value: float | None) -> Band:
    """Where the reference score has gone in 30 days."""
    if value is None:
        return "watch", "new"
    if abs(value) <= STEADY:
        return "watch", "steady"
    return ("good", "rising") if value > 0 else ("bad", "falling")


def legend(policy: ScoringPolicy) -> list[tuple[str, str]]:
    """The bands in words: (mood, what it stands for)."""
    return [
        (
            "good",
            f"Green: ordered within {RECENT_DAYS} days; {ACTIVE_SESSIONS} sessions or more; score from "
            f"{policy.high_risk_threshold:g}; rising",
        ),
        (
            "watch",
            f"Yellow: {RECENT_DAYS + 1} to {LONG_AGO_DAYS} days; 1 to {ACTIVE_SESSIONS - 1} sessions; score from "
            f"{policy.low_threshold:g}; steady",
        ),
        ("bad", f"Red: more than {LONG_AGO_DAYS} days; no session; score below {policy.low_threshold:g}; falling"),
    ]


#: A change of the reference score within this counts as steady.
STEADY = 0.02
