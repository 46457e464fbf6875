"""Who the customers are: where they live, when they came, how often they visit, what they spend, when they lose interest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engagement_assets.sample_data.columns import Rows
from engagement_assets.sample_data.period import Floats, Integers, Mask, Period

#: Kinds of customers.
BUYER, BROWSER, IDLE, BOT = range(4)

#: Shares of buyers, of browsers who never buy, and of those who sign up and do nothing.
SHARES = (0.76, 0.17, 0.07)

#: One customer in this many is a program that reads pages for days; there is at least one.
CUSTOMERS_PER_BOT = 300

#: Country: share of the customers, hours ahead of UTC, basket size relative to the others.
COUNTRIES = {
    "DE": (0.27, 1, 1.00),
    "FR": (0.17, 1, 0.95),
    "GB": (0.15, 0, 1.15),
    "NL": (0.10, 1, 1.05),
    "ES": (0.08, 1, 0.80),
    "IT": (0.08, 1, 0.85),
    "US": (0.06, -5, 1.45),
    "PL": (0.05, 1, 0.60),
    "SE": (0.04, 1, 1.25),
}

#: Customers who had signed up before the first day, and over how many days before it.
SHARE_BEFORE = 0.35
DAYS_BEFORE = 240

#: Visits per day of an interested customer: mean, and shape of the gamma distribution (the smaller, the less equal).
BUYER_VISITS_PER_DAY = 0.098
BROWSER_VISITS_PER_DAY = 0.15
VISITS_SHAPE = 0.95

#: Nobody visits more often, on average.
MOST_VISITS_PER_DAY = 1.2

#: Share of visits that end in an order: parameters of the beta distribution.
CONVERSION_BETA = (3.1, 4.2)

#: Buyers who sign up because they are about to order: their first visit is on that day and ends in an order.
SHARE_SIGNING_UP_TO_ORDER = 0.65

#: Buyers who stop ordering before they stop looking, and after which part of their interest (least, most).
SHARE_ORDERING_ELSEWHERE = 0.25
ORDERS_STOP_AT = (0.1, 0.6)

#: Orders by phone or in a shop for each one on the web.
SHOP_ORDERS_PER_WEB_ORDER = 0.5

#: Basket of the median customer in currency units, and spread of baskets between customers (sigma of the logarithm).
MEDIAN_BASKET = 36.0
BASKET_SPREAD = 0.75

#: How long interest lasts from sign-up, in days: a share are gone soon, the others stay.
SHORT_INTEREST_DAYS = 90.0
LONG_INTEREST_DAYS = 480.0
SHARE_SHORT_INTEREST = 0.42

#: Lapsed customers who come back, days of silence at least and on average beyond that, days they stay.
SHARE_RETURNING = 0.27
LEAST_SILENCE_DAYS = 110.0
MEAN_FURTHER_SILENCE_DAYS = 80.0
RETURN_DAYS = 150.0
#: Those of them who come back to look only.
SHARE_RETURNING_TO_LOOK = 0.4


@dataclass(frozen=True)
class People(Rows):
    """Customers of a block; every array has one element per customer, but `spells`.

    `number` from 1; `signup_day` and `spells` in days from the first day (negative: before it); `spells` is
    (customers, 2 spells, begin and end): while a customer is interested; `orders_stop` is (customers, 2 spells): only days
    of the spell before it have orders. Rates are per day of interest.
    """

    number: Integers
    kind: Integers
    country: Integers
    signup_day: Integers
    spells: Floats
    orders_stop: Floats
    visits_per_day: Floats
    conversion: Floats
    orders_at_signup: Mask
    shop_orders_per_day: Floats
    log_basket: Floats


def make_people(random: np.random.Generator, first_number: int, count: int, period: Period) -> People:
    """Draw `count` customers, numbered from `first_number`."""
    kind = random.choice((BUYER, BROWSER, IDLE), size=count, p=SHARES)
    bots = random.choice(count, size=max(1, round(count / CUSTOMERS_PER_BOT)), replace=False)
    kind[bots] = BOT
    shares, _, baskets = (np.array(column) for column in zip(*COUNTRIES.values(), strict=True))
    country = random.choice(len(COUNTRIES), size=count, p=shares)
    signup_day = _signup_days(random, count, period)
    signup_day[bots] = np.minimum(signup_day[bots], 0)
    mean_visits = np.select([kind == BUYER, kind == BROWSER], [BUYER_VISITS_PER_DAY, BROWSER_VISITS_PER_DAY], 0.0)
    visits = np.minimum(random.gamma(VISITS_SHAPE, 1.0, size=count) * mean_visits / VISITS_SHAPE, MOST_VISITS_PER_DAY)
    conversion = np.where(kind == BUYER, random.beta(*CONVERSION_BETA, size=count), 0.0)
    spells = _spells(random, signup_day)
    return People(
        number=np.arange(first_number, first_number + count),
        kind=kind,
        country=country,
        signup_day=signup_day,
        spells=spells,
        orders_stop=_orders_stop(random, spells),
        visits_per_day=visits,
        conversion=conversion,
        orders_at_signup=(kind == BUYER) & (random.random(count) < SHARE_SIGNING_UP_TO_ORDER),
        shop_orders_per_day=visits * conversion * SHOP_ORDERS_PER_WEB_ORDER,
        log_basket=np.log(MEDIAN_BASKET * baskets[country]) + random.normal(0.0, BASKET_SPREAD, size=count),
    )


def _signup_days(random: np.random.Generator, count: int, period: Period) -> Integers:
    """Before the period more and more often towards its first day, within it evenly."""
    before = random.random(count) < SHARE_BEFORE
    earlier = -1 - np.floor(DAYS_BEFORE * random.random(count) ** 1.3)
    within = np.floor(period.days * random.random(count))
    return np.where(before, earlier, within).astype(np.int64)


def _spells(random: np.random.Generator, signup_day: Integers) -> Floats:
    """When each customer is interested: from sign-up for a while, and for some once more after a long silence."""
    count = len(signup_day)
    mean = np.where(random.random(count) < SHARE_SHORT_INTEREST, SHORT_INTEREST_DAYS, LONG_INTEREST_DAYS)
    end = signup_day + random.exponential(1.0, size=count) * mean
    again = end + LEAST_SILENCE_DAYS + random.exponential(MEAN_FURTHER_SILENCE_DAYS, size=count)
    stay = np.where(random.random(count) < SHARE_RETURNING, random.exponential(RETURN_DAYS, size=count), 0.0)
    return np.stack([np.stack([signup_day, end], axis=1), np.stack([again, again + stay], axis=1)], axis=1)


def _orders_stop(random: np.random.Generator, spells: Floats) -> Floats:
    """The day of each spell from which a customer only looks: for most its end, for some who come back its begin."""
    count = len(spells)
    begin, end = spells[:, 0, 0], spells[:, 0, 1]
    early = random.random(count) < SHARE_ORDERING_ELSEWHERE
    first = np.where(early, begin + random.uniform(*ORDERS_STOP_AT, size=count) * (end - begin), end)
    second = np.where(random.random(count) < SHARE_RETURNING_TO_LOOK, spells[:, 1, 0], spells[:, 1, 1])
    return np.stack([first, second], axis=1)
