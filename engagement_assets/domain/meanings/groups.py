"""The groups that customers are put into: their names in their order, who is in them, and what to do with them.

Texts hold the names of settings in braces; `Meanings` fills them in.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Group:
    """A group of customers: its name in the tables, who is in it, and what to do, where that follows from the group."""

    name: str
    text: str
    advice: str = ""


#: The groups by the column that holds their names.
GROUPS: dict[str, tuple[Group, ...]] = {
    "engagement_segment": (
        Group("High", "{high_segment}"),
        Group("Medium", "{medium_segment}"),
        Group("Low", "{low_segment}"),
        Group("At Risk", "all others"),
    ),
    "engagement_status": (
        Group("Active", "has ordered"),
        Group("Browsing Only", "never ordered, but has sessions in the last {window}"),
        Group("Not Active", "neither"),
    ),
    "revenue_band": (
        Group("High", "at or above percentile {revenue_percentile} of buyers' revenue"),
        Group("Low", "all others"),
    ),
    "value_segment": (
        Group(
            "VIPs",
            "highly engaged, high revenue",
            "Reward and keep close: early access, personal thanks, referral invitations. No discounts.",
        ),
        Group(
            "Converters-to-be",
            "engaged, revenue still low",
            "They come often and spend little: bundles, free shipping from a threshold, product advice.",
        ),
        Group(
            "Core",
            "medium engagement, high revenue",
            "Keep the rhythm: replenishment reminders, cross-sell, and a loyalty offer towards VIP.",
        ),
        Group(
            "At-risk VIPs",
            "low engagement, high revenue",
            "Win back first: personal contact, a time-limited offer, and ask what went wrong.",
        ),
        Group(
            "Dormant",
            "low engagement, low revenue",
            "Low-cost re-activation in a series of two or three mails; then rest the contact.",
        ),
    ),
    "lifecycle_stage": (
        Group("Prospect", "never ordered"),
        Group("New", "the first order at most {window} ago"),
        Group("Active", "the latest at most {window} ago"),
        Group("Reactivated", "the same, after {lapsed_after} of silence or more"),
        Group("Slipping", "the latest less than {lapsed_after} ago"),
        Group("Lapsed", "longer ago"),
    ),
    # By quintiles among the day's buyers, 5 is best: recency / number of orders.
    "rfm_segment": (
        Group("Champions", "5 / 4-5"),
        Group("Loyal Customers", "3-4 / 4-5"),
        Group("Potential Loyalists", "4-5 / 2-3"),
        Group("New Customers", "5 / 1"),
        Group("Promising", "4 / 1"),
        Group("Need Attention", "3 / 3"),
        Group("About to Sleep", "3 / 1-2"),
        Group("At Risk", "1-2 / 3-4"),
        Group("Cannot Lose Them", "1-2 / 5"),
        Group("Hibernating", "1-2 / 1-2"),
        Group("Prospects", "never ordered"),
    ),
}


def names(column: str) -> tuple[str, ...]:
    """The names of the groups of a column, in their order."""
    return tuple(group.name for group in GROUPS[column])


def group(column: str, name: str) -> Group:
    """A group by its name. Raises KeyError if there is none."""
    return {group.name: group for group in GROUPS[column]}[name]
