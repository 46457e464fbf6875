"""What the customers do: visits made of web events, and orders on the web, by phone or in a shop."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engagement_assets.sample_data.columns import Rows
from engagement_assets.sample_data.people import BOT, COUNTRIES, People
from engagement_assets.sample_data.period import SECONDS_PER_DAY, Floats, Integers, Mask, Period

EVENT_TYPES = ("page_view", "add_to_cart", "checkout", "search", "wishlist")
PAGE_VIEW, ADD_TO_CART, CHECKOUT, SEARCH, WISHLIST = range(len(EVENT_TYPES))

#: How visits spread over the hours of the customer's own day: lunch and evening are busy, the night is not.
WEB_HOURS = (12, 6, 4, 3, 3, 5, 14, 26, 36, 42, 46, 54, 70, 58, 46, 46, 52, 62, 78, 98, 112, 104, 68, 32)
SHOP_HOURS = (0, 0, 0, 0, 0, 0, 0, 0, 10, 30, 45, 50, 35, 35, 45, 50, 55, 50, 25, 5, 0, 0, 0, 0)

#: A habit fades over the last days of interest, and is strongest in the days after sign-up.
FADE_DAYS = 60.0
EARLY_DAYS = 14.0
EARLY_FACTOR = 1.8

#: Parts of a visit: further page views (mean) of buying and other visits, share that leaves after one page.
FURTHER_VIEWS = 1.2
SHARE_BOUNCED = 0.3
#: Visits without an order that fill a cart, and of these that go to the checkout and stop there.
SHARE_ABANDONED = 0.16
SHARE_STOPPED_AT_CHECKOUT = 0.2
#: Page views that are a search, carts that are a wish list.
SHARE_SEARCH = 0.08
SHARE_WISHLIST = 0.05

#: Seconds between the events of a visit: median, spread (sigma of the logarithm), limits.
MEDIAN_PAUSE = 38.0
PAUSE_SPREAD = 1.1
PAUSE_LIMITS = (2, 1_500)
#: Pauses of exactly the length that still belongs to one session, in seconds, and how often they occur.
LONGEST_PAUSE = 1_800
SHARE_LONGEST_PAUSE = 0.004

#: Seconds from checkout to the order, at most.
CHECKOUT_SECONDS = 60

#: Spread of one customer's orders (sigma of the logarithm); amounts in cents are kept within limits.
ORDER_SPREAD = 0.5
AMOUNT_LIMITS = (150, 900_000)

#: Sessions of a bot, hours a session lasts, seconds between pages.
BOT_SESSIONS = (1, 4)
BOT_HOURS = (20, 60)
BOT_PAUSE = (180, 1_500)


@dataclass(frozen=True)
class Events(Rows):
    """Web events in the order of their times: index of the customer in the block, Unix time, index of the type."""

    customer: Integers
    second: Integers
    kind: Integers


@dataclass(frozen=True)
class Orders(Rows):
    """Orders in the order of their times: index of the customer in the block, Unix time, cents, whether in a shop."""

    customer: Integers
    second: Integers
    cents: Integers
    in_shop: Mask


def act(random: np.random.Generator, people: People, period: Period) -> tuple[Events, Orders]:
    """Let the customers visit and order within the period."""
    visitor, start = _occasions(random, people, people.visits_per_day, WEB_HOURS, period)
    buys = _may_order(people, visitor, start, period) & (random.random(len(visitor)) < people.conversion[visitor])
    newcomer, arrival = _first_visits(random, people, period)
    visitor, start = np.concatenate([visitor, newcomer]), np.concatenate([start, arrival])
    buys = np.concatenate([buys, np.ones(len(newcomer), np.bool_)])
    visit, second, kind = _visits(random, start, buys)
    checkouts = buys[visit] & (kind == CHECKOUT)
    web_second = second[checkouts] + random.integers(2, CHECKOUT_SECONDS, size=int(checkouts.sum()), endpoint=True)
    bot, bot_second = _bot_events(random, people, period)
    events = Events(visitor[visit], second, kind).joined(Events(bot, bot_second, np.full(len(bot), PAGE_VIEW)))
    caller, called = _occasions(random, people, people.shop_orders_per_day, SHOP_HOURS, period)
    ordering = _may_order(people, caller, called, period)
    customer = np.concatenate([visitor[visit[checkouts]], caller[ordering]])
    in_shop = np.arange(len(customer)) >= len(web_second)
    log_amount = people.log_basket[customer] + random.normal(0.0, ORDER_SPREAD, size=len(customer))
    cents = np.clip(np.round(np.exp(log_amount) * 100), *AMOUNT_LIMITS).astype(np.int64)
    orders = Orders(customer, np.concatenate([web_second, called[ordering]]), cents, in_shop)
    return events.take(_inside(events.second, period)), orders.take(_inside(orders.second, period))


def _occasions(
    random: np.random.Generator, people: People, per_day: Floats, hours: tuple[int, ...], period: Period
) -> tuple[Integers, Integers]:
    """When customers visit or call: their index, and Unix times, in no particular order.

    Candidates are drawn at the highest rate there is and kept with the probability of their own day.
    """
    highest = period.business.max() * EARLY_FACTOR
    begin = np.clip(people.spells[:, :, 0], 0, period.days)
    length = np.clip(people.spells[:, :, 1], 0, period.days) - begin
    count = random.poisson(per_day[:, None] * length * highest)
    owner = np.repeat(np.arange(count.size), count.ravel())
    customer, spell = owner // 2, owner % 2
    at = begin[customer, spell] + random.random(len(owner)) * length[customer, spell]
    day = np.minimum(at.astype(np.int64), period.days - 1)
    fading = np.clip((people.spells[customer, spell, 1] - at) / FADE_DAYS, 0.0, 1.0)
    early = np.where(at - people.spells[customer, spell, 0] < EARLY_DAYS, EARLY_FACTOR, 1.0)
    kept = random.random(len(owner)) * highest < period.business[day] * fading * early
    customer, day = customer[kept], day[kept]
    second = _times_of_day(random, people, customer, day, hours, period)
    # In the customer's own time zone the day of sign-up may begin before it does in UTC.
    after_signup = second >= period.begin + people.signup_day[customer] * SECONDS_PER_DAY
    return customer[after_signup], second[after_signup]


def _may_order(people: People, customer: Integers, second: Integers, period: Period) -> Mask:
    """Whether the customers are still ordering at these times, or again."""
    day = (second - period.begin) / SECONDS_PER_DAY
    first, again = people.orders_stop[customer].T
    return (day < first) | ((day >= people.spells[customer, 1, 0]) & (day < again))


def _first_visits(random: np.random.Generator, people: People, period: Period) -> tuple[Integers, Integers]:
    """The visits of those who sign up to order, on that day: index of the customer, Unix time."""
    customer = np.flatnonzero(people.orders_at_signup & (people.signup_day >= 0))
    day = people.signup_day[customer]
    second = _times_of_day(random, people, customer, day, WEB_HOURS, period)
    return customer, np.maximum(second, period.begin + day * SECONDS_PER_DAY)


def _times_of_day(
    random: np.random.Generator,
    people: People,
    customer: Integers,
    day: Integers,
    hours: tuple[int, ...],
    period: Period,
) -> Integers:
    """Unix times on the given days, at the given weights of the hours where the customers live."""
    hour = random.choice(len(hours), size=len(day), p=np.array(hours) / sum(hours))
    ahead = np.array([offset for _, offset, _ in COUNTRIES.values()])[people.country[customer]]
    return period.begin + day * SECONDS_PER_DAY + (hour - ahead) * 3_600 + random.integers(0, 3_600, size=len(day))


def _visits(random: np.random.Generator, start: Integers, buys: Mask) -> tuple[Integers, Integers, Integers]:
    """The events of visits: index of the visit, Unix time, type. Views come first, then carts, then the checkout."""
    visits = len(start)
    bounced = ~buys & (random.random(visits) < SHARE_BOUNCED)
    views = 1 + np.where(bounced, 0, random.poisson(FURTHER_VIEWS, size=visits))
    fills = buys | (~bounced & (random.random(visits) < SHARE_ABANDONED))
    carts = np.where(fills, 1 + random.poisson(0.2, size=visits), 0)
    checkouts = buys | (fills & (random.random(visits) < SHARE_STOPPED_AT_CHECKOUT))
    size = views + carts + checkouts
    visit = np.repeat(np.arange(visits), size)
    first = np.cumsum(size) - size
    place = np.arange(len(visit)) - first[visit]
    kind = np.where(place < views[visit], PAGE_VIEW, np.where(place < (views + carts)[visit], ADD_TO_CART, CHECKOUT))
    chance = random.random(len(kind))
    kind[(kind == PAGE_VIEW) & (place > 0) & (chance < SHARE_SEARCH)] = SEARCH
    kind[(kind == ADD_TO_CART) & ~buys[visit] & (chance < SHARE_WISHLIST)] = WISHLIST
    pause = np.exp(np.log(MEDIAN_PAUSE) + random.normal(0.0, PAUSE_SPREAD, size=len(kind)))
    pause = np.clip(pause, *PAUSE_LIMITS).astype(np.int64)
    pause[random.random(len(kind)) < SHARE_LONGEST_PAUSE] = LONGEST_PAUSE
    pause[place == 0] = 0
    since_all = np.cumsum(pause)
    return visit, start[visit] + since_all - since_all[first][visit], kind


def _bot_events(random: np.random.Generator, people: People, period: Period) -> tuple[Integers, Integers]:
    """Page views of bots, which never pause long enough for a session to end: index of the customer, Unix time."""
    customers, seconds = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for bot in np.flatnonzero(people.kind == BOT):
        for _ in range(random.integers(*BOT_SESSIONS, endpoint=True)):
            length = random.integers(*BOT_HOURS) * 3_600
            begin = period.begin + random.integers(0, period.days * SECONDS_PER_DAY)
            second = begin + np.cumsum(random.integers(*BOT_PAUSE, size=length // BOT_PAUSE[0]))
            second = second[second < begin + length]
            customers.append(np.full(len(second), bot))
            seconds.append(second)
    return np.concatenate(customers), np.concatenate(seconds)


def _inside(second: Integers, period: Period) -> Integers:
    """Places of the times within the period, in their order."""
    order = np.argsort(second, kind="stable")
    inside = (second[order] >= period.begin) & (second[order] < period.end)
    return order[inside]
