"""The groups that customers are put into: their names in their order, and who is in them.

What to do with a customer follows from the audience that they are in (campaign_policy.py).

Texts hold the names of settings in braces; `Meanings` fills them in.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Group:
    """A group of customers: its name in the tables, and who is in it."""

    name: str
    text: str


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
        Group("VIPs", "highly engaged, high revenue"),
        Group("Converters-to-be", "engaged, revenue still low"),
        Group("Core", "medium engagement, high revenue"),
        Group("At-risk VIPs", "low engagement, high revenue"),
        Group("Dormant", "low engagement, low revenue"),
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
