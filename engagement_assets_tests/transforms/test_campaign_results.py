"""Results of campaigns against plain Python: who entered when, what they did, the same whichever days are computed together."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from statistics import mean
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from statsmodels.stats.proportion import confint_proportions_2indep
from statsmodels.stats.weightstats import CompareMeans, DescrStatsW

from engagement_assets.domain.contracts import CampaignResults
from engagement_assets.domain.results_policy import ResultsPolicy
from engagement_assets.engine import EngineResource
from engagement_assets.transforms.campaign_results import count_cohorts, results_of
from engagement_assets_tests.worlds import Row

START = date(2025, 1, 1)
POLICY = ResultsPolicy(horizons=(2, 5), window_days=12, again_after_days=6)
LAST = 39

#: Days whose audiences nobody published.
GAP = {11, 12, 20, 21, 22, 23, 24, 25, 26}


def on(day: int) -> date:
    return START + timedelta(day)


@dataclass
class Shop:
    """Members (day, audience, customer, held out, score), orders (day, customer, amount), sessions (day, customer, carried).

    And contacts (day, customer, campaign), if there are any.
    """

    members: list[tuple[int, str, str, bool, float]]
    orders: list[tuple[int, str, Decimal]]
    sessions: list[tuple[int, str, bool]]
    contacts: list[tuple[int, str, str]] = field(default_factory=list)

    def contacted(self, spark: SparkSession, until: int) -> DataFrame | None:
        """The contacts that are known on a day."""
        rows = [(on(day), *rest) for day, *rest in self.contacts if day <= until]
        return spark.createDataFrame(rows, "as_of_date date, customer_id string, campaign string") if rows else None

    def frames(self, spark: SparkSession, until: int) -> tuple[DataFrame, DataFrame, DataFrame]:
        """The tables as far as they are known on a day."""
        tables = (
            (
                self.members,
                "as_of_date date, audience string, customer_id string, is_holdout boolean, engagement_score double",
            ),
            (self.orders, "as_of_date date, customer_id string, order_amount decimal(18,2)"),
            (self.sessions, "as_of_date date, customer_id string, continues_previous_day boolean"),
        )
        members, orders, sessions = (
            spark.createDataFrame([(on(row[0]), *row[1:]) for row in rows if row[0] <= until], schema)
            for rows, schema in tables
        )
        return members, orders, sessions

    def entries(self) -> list[tuple[int, str, str, bool]]:
        """Day, audience, customer and arm of each entry: not in it on any of the six days before."""
        seen = {(day, audience, who): held for day, audience, who, held, _ in self.members}
        return [
            (day, audience, who, held)
            for (day, audience, who), held in seen.items()
            if not any((day - before, audience, who) in seen for before in range(1, 7))
        ]

    def did(self, who: str, after: int, horizon: int) -> tuple[int, Decimal, int]:
        """Orders, revenue and sessions in the days after an entry."""
        days = range(after + 1, after + horizon + 1)
        amounts = [amount for day, other, amount in self.orders if other == who and day in days]
        visits = sum(1 for day, other, carried in self.sessions if other == who and day in days and not carried)
        return len(amounts), sum(amounts, Decimal(0)), visits

    def is_reached(self, who: str, audience: str, after: int, horizon: int) -> bool:
        """Whether a contact for the audience falls on the day of an entry or in the days after it."""
        return any((day, who, audience) in self.contacts for day in range(after, after + horizon + 1))


@pytest.fixture(scope="module")
def spark(engine: EngineResource) -> SparkSession:
    return engine.spark_session


@pytest.fixture(scope="module")
def shop() -> Shop:
    """Forty days of two audiences that customers walk in and out of."""
    drawn = random.Random(3)
    customers = [f"c{number}" for number in range(60)]
    held = {(who, audience): drawn.random() < 0.4 for who in customers for audience in ("save", "wake")}
    members = []
    for who in customers:
        for audience in ("save", "wake"):
            is_in = drawn.random() < 0.4
            for day in range(LAST + 1):
                is_in = is_in != (drawn.random() < (0.25 if is_in else 0.06))
                if is_in and day not in GAP:
                    members.append((day, audience, who, held[who, audience], drawn.random()))
    orders = [
        (drawn.randrange(LAST + 1), drawn.choice(customers), Decimal(drawn.randrange(1, 90_000)) / 100)
        for _ in range(300)
    ]
    sessions = [(drawn.randrange(LAST + 1), drawn.choice(customers), drawn.random() < 0.1) for _ in range(500)]
    contacts = [
        (drawn.randrange(10, LAST + 1), drawn.choice(customers), drawn.choice(["save", "wake", "newsletter"]))
        for _ in range(300)
    ]
    return Shop(members, orders, sessions, contacts)


def results(
    spark: SparkSession, shop: Shop, first: int, last: int, *, pieces: int = 1, gap: Collection[int] = GAP
) -> list[Row]:
    """Results of days, of what is known on the last of them; their cohorts counted in so many pieces."""
    begin, end = max(0, first - POLICY.days_of_entries), last - POLICY.horizons[0]
    cohorts: dict[Any, Any] = {}
    bounds = [begin + (end + 1 - begin) * number // pieces for number in range(pieces + 1)]
    for low, high in pairwise(bounds):
        frames, contacts = shop.frames(spark, last), shop.contacted(spark, last)
        cohorts |= count_cohorts(*frames, POLICY, on(low), on(high - 1), contacts)
    published = {on(day) for day in range(last + 1) if day not in gap}
    contacted = {on(day) for day, *_ in shop.contacts}
    days = [on(day) for day in range(first, last + 1)]
    rows = results_of(spark, cohorts, published, POLICY, START, days, contacted).collect()
    return sorted((row.asDict() for row in rows), key=lambda row: [row[name] for name in CampaignResults.key()])


@pytest.mark.parametrize("day", [19, LAST])
def test_a_result_counts_the_entries_that_plain_python_finds_and_what_they_did(
    spark: SparkSession, shop: Shop, day: int
) -> None:
    found = results(spark, shop, day, day)
    assert len(found) == 4
    for row in found:
        horizon = row["horizon_days"]
        days = range(day - horizon - 11, day - horizon + 1)
        arms: dict[bool, list[tuple[int, Decimal, int]]] = {False: [], True: []}
        reached = {False: 0, True: 0}
        for entered, audience, who, held in shop.entries():
            if audience == row["audience"] and entered in days:
                arms[held].append(shop.did(who, entered, horizon))
                reached[held] += shop.is_reached(who, audience, entered, horizon)
        treated, held_out = arms[False], arms[True]
        assert (row["treated"], row["held_out"]) == (len(treated), len(held_out))
        assert min(len(treated), len(held_out)) > 3
        assert (row["treated_reached"], row["held_out_reached"]) == (reached[False], reached[True])
        assert 0 < reached[False] < len(treated)
        size = (
            f"{reached[True]} of {len(held_out)} held out were contacted ({100 * reached[True] / len(held_out):.1f}%)"
        )
        assert row["verdict"].endswith(f"; contaminated: {size}") == (reached[True] > 0)
        ordered = [sum(orders > 0 for orders, *_ in arm) for arm in (treated, held_out)]
        assert [row["treated_ordered"], row["held_out_ordered"]] == ordered
        ends = confint_proportions_2indep(ordered[0], len(treated), ordered[1], len(held_out), method="newcomb")
        assert (row["share_uplift_low"], row["share_uplift_high"]) == pytest.approx(tuple(ends), abs=1e-9)
        for place, name in enumerate(("orders", "revenue", "sessions")):
            one, other = ([float(each[place]) for each in arm] for arm in (treated, held_out))
            assert (row[f"treated_{name}"], row[f"held_out_{name}"]) == pytest.approx((mean(one), mean(other)))
            ends = CompareMeans(DescrStatsW(one), DescrStatsW(other)).tconfint_diff(usevar="unequal")
            assert (row[f"{name}_uplift_low"], row[f"{name}_uplift_high"]) == pytest.approx(tuple(ends), abs=1e-9)
        assert row["incremental_revenue"] == pytest.approx(
            float(sum(each[1] for each in treated)) - len(treated) * mean(float(each[1]) for each in held_out)
        )
        assert row["days_known"] + row["days_unknown"] == 12
        assert row["days_unknown"] == len(GAP & set(days))


def test_results_are_the_same_whichever_days_are_computed_together(spark: SparkSession, shop: Shop) -> None:
    together = results(spark, shop, 10, LAST)
    assert results(spark, shop, 10, LAST, pieces=4) == together
    for day in (12, 27):
        # A day of its own also knows nothing of what comes after it.
        alone = results(spark, shop, day, day)
        assert alone == [row for row in together if row["as_of_date"] == on(day)]
        assert alone


def test_contacts_change_nothing_but_what_is_said_of_them(spark: SparkSession, shop: Shop) -> None:
    """Intention to treat; and where nobody was contacted yet, nothing is known of who was reached."""
    told = {"treated_reached", "held_out_reached", "verdict"}
    contacted, silent = (results(spark, each, 10, LAST) for each in (shop, replace(shop, contacts=[])))
    assert [{name: row[name] for name in row.keys() - told} for row in contacted] == [
        {name: row[name] for name in row.keys() - told} for row in silent
    ]
    assert {(row["treated_reached"], row["held_out_reached"]) for row in silent} == {(None, None)}
    for row, without in zip(contacted, silent, strict=True):
        first = min(day for day, *_ in shop.contacts)
        assert (row["treated_reached"] is None) == (row["as_of_date"] < on(first))
        assert row["verdict"].partition("; contaminated: ")[0] == without["verdict"]


def test_who_is_in_an_audience_again_within_days_enters_once(spark: SparkSession) -> None:
    def entered(days: list[int]) -> Counter[date]:
        shop = Shop([(day, "save", "a", day > 9, 0.5) for day in days], [], [])
        cohorts = count_cohorts(*shop.frames(spark, LAST), POLICY, on(0), on(LAST))
        return Counter({day: sums["customers"] for (_, day, _), sums in cohorts.items()})

    assert entered([3, 4, 5]) == {on(3): 1}
    assert entered([3, 9]) == {on(3): 1}  # five days out of it
    assert entered([3, 10]) == {on(3): 1, on(10): 1}  # six
    assert entered([3, 8, 14, 21]) == {on(3): 1, on(21): 1}


@pytest.mark.parametrize(
    ("treated_a_day", "lacking", "verdict"),
    [
        # By statsmodels, samplesize_proportions_2indep_onetail(0.02, 0, 0.8, ratio): of 36 to 6 it is 1,563.9 and 260.7 held out;
        # half to half 387.3 each, which 42 are not.
        (3, 255, "too few customers: 12 days bring some 42, and it takes 780 even with half of them held out"),
        # Of 948 to 6 it is 31,811.2 and 201.3; half of 954 are enough.
        (
            79,
            195,
            "too few held out: about 200 more; 12 days bring some 6, so hold out a larger share (engagement holdout)",
        ),
    ],
)
def test_a_shop_with_too_few_to_tell_says_what_it_would_take(
    spark: SparkSession, treated_a_day: int, lacking: int, verdict: str
) -> None:
    """A customer held out every other day and some treated each day, of whom nobody orders: 2 points are 0 to 2 percent."""
    members = [
        (day, "save", f"{day}-{number}", not number and day % 2 == 0, 0.5)
        for day in range(LAST + 1)
        for number in range(treated_a_day + 1)
        if number or day % 2 == 0
    ]
    rows = results(spark, Shop(members, [(1, "somebody", Decimal(1))], []), LAST, LAST, gap=())
    assert [(row["treated"], row["held_out"]) for row in rows] == [(12 * treated_a_day, 6)] * 2
    assert [row["held_out_lacking"] for row in rows] == [lacking] * 2
    assert {row["verdict"] for row in rows} == {verdict}
    assert {(row["finding"], row["is_early"], row["is_balanced"]) for row in rows} == {("too few held out", True, None)}
