"""A campaign that works, for those who want to see one: of the new customers who are welcomed, more order."""

from __future__ import annotations

import numpy as np

from engagement_assets.domain.campaign_policy import CampaignPolicy
from engagement_assets.sample_data.activity import AMOUNT_LIMITS, Orders
from engagement_assets.sample_data.columns import customer_ids
from engagement_assets.sample_data.people import People
from engagement_assets.sample_data.period import SECONDS_PER_DAY, Mask, Period

#: The audience that new customers enter on the day they sign up.
AUDIENCE = "welcome_new"

#: Days after that in which the campaign brings its orders.
WATCHED_DAYS = 14


def are_held_out(people: People) -> Mask:
    """Whether each of the people is held out of the audience, by the default settings."""
    policy = CampaignPolicy()
    return np.array([policy.is_held_out(AUDIENCE, name) for name in customer_ids(people.number).to_pylist()], np.bool_)


def with_uplift(random: np.random.Generator, people: People, orders: Orders, period: Period, uplift: float) -> Orders:
    """Orders in the order of their times, those that the campaign brings among them.

    Of the new customers who are not held out (by the default settings), the share who order in the WATCHED_DAYS after their
    sign-up is higher by `uplift` (0 to 1): of those who would not have ordered, so many more do.
    """
    enters = (people.signup_day >= 0) & (people.signup_day + WATCHED_DAYS < period.days)
    after = (orders.second - period.begin) // SECONDS_PER_DAY - people.signup_day[orders.customer]
    has_ordered = np.zeros(len(people), np.bool_)
    has_ordered[orders.customer[(after >= 1) & (after <= WATCHED_DAYS)]] = True
    would_not = enters & ~has_ordered
    if not would_not.any():
        return orders
    chance = min(1.0, uplift / would_not[enters].mean())
    brought = np.flatnonzero(would_not & ~are_held_out(people) & (random.random(len(people)) < chance))
    second = period.begin + (people.signup_day[brought] + 1) * SECONDS_PER_DAY
    second += random.integers(0, (WATCHED_DAYS - 1) * SECONDS_PER_DAY, size=len(brought))
    cents = np.clip(np.round(np.exp(people.log_basket[brought]) * 100), *AMOUNT_LIMITS).astype(np.int64)
    together = orders.joined(Orders(brought, second, cents, np.ones(len(brought), np.bool_)))
    return together.take(np.argsort(together.second, kind="stable"))
