"""Results of campaigns: who entered an audience when and in which arm, what they did then, and what that says.

Who entered on the same day forms a cohort, one for each audience and arm. A cohort is counted once, whichever results it goes
into: what customers did within a horizon is the same on every day that looks back on it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from math import sqrt
from typing import Any

import numpy as np
from pyspark.sql import Column, DataFrame, SparkSession, Window
from pyspark.sql import functions as F

from engagement_assets.domain.campaign_findings import contaminated, in_words, judge
from engagement_assets.domain.contracts import CampaignResults
from engagement_assets.domain.days import ONE_DAY
from engagement_assets.domain.results_policy import ResultsPolicy
from engagement_assets.domain.uplift import (
    LEVEL,
    Interval,
    Moments,
    customers_needed,
    holm,
    holm_levels,
    newcombe,
    p_value,
    welch,
)

#: Days of entries that are counted at once.
COUNTED_DAYS = 60

#: Rows are numbered through all customers of a bucket: opening a window for each customer costs more than sorting them.
_BUCKETS = 64

#: Sums are whole numbers of such a part, so that they do not depend on the order of the rows.
_PARTS = 10**16

#: What is known of a customer on entry, and followed over each horizon.
COVARIATES = ("score", "revenue", "recency")
OUTCOMES = ("orders", "revenue", "sessions")

#: The draw failed where the arms differ in a covariate as they would by lot once in so many days with all their results.
_UNLIKELY = 100

#: Of fewer customers in an arm nobody can say whether it did.
LEAST_TO_COMPARE = 30

#: Audience, day of entry, whether held out.
Cohort = tuple[str, date, bool]

#: By name: customers, and the sums of values and of their squares, in `_PARTS`.
Sums = Mapping[str, int]


def count_cohorts(
    audiences: DataFrame,
    orders: DataFrame,
    sessions: DataFrame,
    policy: ResultsPolicy,
    first: date,
    last: date,
    contacts: DataFrame | None = None,
) -> dict[Cohort, Sums]:
    """Count the cohorts that entered from `first` to `last`.

    Parameters: `audiences` (as_of_date, audience, customer_id, is_holdout, engagement_score) from `again_after_days` before
    `first` on; `orders` (as_of_date, customer_id, order_amount), all of them, and `sessions` (as_of_date, customer_id,
    continues_previous_day) from `first` on, both as far as they are known; likewise `contacts` (as_of_date, customer_id,
    campaign), where there are any: without them nothing is joined for them, and nobody is counted as reached.
    """
    did = _did(orders, sessions)
    if contacts is not None:
        did = _with_contacts(did, contacts)
    entered = _entered(audiences, policy.again_after_days).filter(F.col("entered").between(F.lit(first), F.lit(last)))
    per_customer = (
        entered.join(did, on="customer_id", how="left")
        .withColumn("after", F.datediff("day", "entered"))
        .groupBy("audience", "entered", "customer_id")
        .agg(
            F.first("is_holdout").alias("is_holdout"),
            F.first("engagement_score").alias("score"),
            _money(F.when(F.col("after") <= 0, F.col("amount"))).alias("revenue"),
            (-F.max(F.when((F.col("after") <= 0) & (F.col("orders") > 0), F.col("after")))).alias("recency"),
            *[each for horizon in policy.horizons for each in _within(horizon)],
            *[_reached(horizon) for horizon in policy.horizons if contacts is not None],
        )
        .withColumn("revenue", F.log1p(F.col("revenue").cast("double")))
    )
    totals = [F.count(F.lit(1)).alias("customers"), F.count("recency").alias("buyers")]
    for name in COVARIATES:
        totals += _sums(name, _exactly)
    for horizon in policy.horizons:
        ordered = F.when(F.col(f"orders_{horizon}") > 0, 1).otherwise(0)
        totals.append(F.sum(ordered).alias(f"ordered_{horizon}"))
        if contacts is not None:
            totals.append(F.sum(f"reached_{horizon}").alias(f"reached_{horizon}"))
        for name in OUTCOMES:
            totals += _sums(f"{name}_{horizon}", lambda value: value)
    found: dict[Cohort, Sums] = {}
    for row in per_customer.groupBy("audience", "entered", "is_holdout").agg(*totals).collect():
        sums = row.asDict()
        cohort = sums.pop("audience"), sums.pop("entered"), sums.pop("is_holdout")
        counts = {name for name in sums if not name.endswith(("_total", "_squares"))}
        found[cohort] = {
            name: int(value) if name in counts else int(Fraction(value or 0) * _PARTS) for name, value in sums.items()
        }
    return found


def _entered(audiences: DataFrame, again_after: int) -> DataFrame:
    """Who came into an audience on which day (`entered`): was not in it on any of the `again_after` days before."""
    by_customer = Window.partitionBy("bucket").orderBy("customer_id", "audience", "as_of_date")
    before = audiences.withColumn("bucket", F.pmod(F.hash("customer_id"), F.lit(_BUCKETS))).select(
        *("audience", "customer_id", "is_holdout", "engagement_score"),
        F.col("as_of_date").alias("entered"),
        *[F.lag(name).over(by_customer).alias(f"{name}_before") for name in ("customer_id", "audience", "as_of_date")],
    )
    is_new = (
        (F.col("customer_id_before") != F.col("customer_id"))
        | (F.col("audience_before") != F.col("audience"))
        | (F.datediff("entered", "as_of_date_before") > again_after)
    )
    return before.filter(F.coalesce(is_new, F.lit(True))).select(
        "audience", "customer_id", "is_holdout", "engagement_score", "entered"
    )


def _did(orders: DataFrame, sessions: DataFrame) -> DataFrame:
    """What customers did when: `orders` and `sessions` of a `day`, and the `amount` of the orders."""
    ordered = orders.groupBy("customer_id", F.col("as_of_date").alias("day")).agg(
        F.count(F.lit(1)).alias("orders"), _money(F.col("order_amount")).alias("amount")
    )
    visited = (
        sessions.filter(~F.col("continues_previous_day"))
        .groupBy("customer_id", F.col("as_of_date").alias("day"))
        .agg(F.count(F.lit(1)).alias("sessions"))
    )
    nothing = F.lit(0).cast("long")
    return ordered.withColumn("sessions", nothing).unionByName(
        visited.withColumn("orders", nothing).withColumn("amount", nothing.cast("decimal(18,2)"))
    )


def _with_contacts(did: DataFrame, contacts: DataFrame) -> DataFrame:
    """What customers did, and the `campaign` of contacts, which are none of their deeds."""
    nothing = {name: F.lit(0).cast(kind) for name, kind in did.dtypes if name not in ("customer_id", "day")}
    contacted = contacts.select("customer_id", F.col("as_of_date").alias("day"), "campaign").distinct()
    return did.withColumn("campaign", F.lit(None).cast("string")).unionByName(contacted.withColumns(nothing))


def _reached(horizon: int) -> Column:
    """Whether a customer was contacted for the audience, from the day of the entry on."""
    is_meant = (F.col("campaign") == F.col("audience")) & F.col("after").between(0, horizon)
    return F.max(F.when(is_meant, 1).otherwise(0)).alias(f"reached_{horizon}")


def _within(horizon: int) -> list[Column]:
    """Of a customer: what happened on the days after the entry."""
    is_within = F.col("after").between(1, horizon)
    counts = [
        F.coalesce(F.sum(F.when(is_within, F.col(name))), F.lit(0)).alias(f"{name}_{horizon}")
        for name in ("orders", "sessions")
    ]
    return [*counts, _money(F.when(is_within, F.col("amount"))).alias(f"revenue_{horizon}")]


def _money(amount: Column) -> Column:
    """A sum of amounts, of a type whose square has room in a decimal on every engine."""
    return F.coalesce(F.sum(amount), F.lit(0)).cast("decimal(18,2)")


def _exactly(value: Column) -> Column:
    """A double as a decimal: sums of those do not depend on the order of the rows."""
    return value.cast("double").cast("decimal(38,16)")


def _sums(name: str, exactly: Callable[[Column], Column]) -> list[Column]:
    value = F.col(name)
    return [
        F.sum(exactly(value)).alias(f"{name}_total"),
        F.sum(exactly(value * value)).alias(f"{name}_squares"),
    ]


@dataclass(frozen=True)
class Arm:
    """The customers of an arm of a result: the sums of its cohorts."""

    sums: Sums

    @property
    def customers(self) -> int:
        """How many there are."""
        return self.sums.get("customers", 0)

    def ordered(self, horizon: int) -> int:
        """Those who ordered within a horizon."""
        return self.sums.get(f"ordered_{horizon}", 0)

    def reached(self, horizon: int) -> int:
        """Those who were contacted for the audience within a horizon."""
        return self.sums.get(f"reached_{horizon}", 0)

    def moments(self, name: str, number: str = "customers") -> Moments | None:
        """Mean and variance of a value over the customers, or over those of them that `number` counts."""
        total, squares = (self.sums.get(f"{name}_{end}", 0) for end in ("total", "squares"))
        return Moments.of(self.sums.get(number, 0), total, squares, _PARTS)


@dataclass(frozen=True)
class _Result:
    """An audience's treated and held out over a horizon, as of a day; `entered`: how many a day, all and held out.

    `has_contacts`: whether a contact of anybody is known of those days.
    """

    audience: str
    horizon: int
    treated: Arm
    held_out: Arm
    known: int
    unknown: int
    entered: tuple[float, float] | None
    has_contacts: bool


def results_of(
    spark: SparkSession,
    cohorts: Mapping[Cohort, Sums],
    published: Collection[date],
    policy: ResultsPolicy,
    start: date,
    days: Iterable[date],
    contacted: Collection[date] = (),
) -> DataFrame:
    """The results as of some days, from cohorts that `count_cohorts` counted.

    Parameters: `published` are the days whose audiences are; `start` is the first partition; `contacted` are the days on which
    anybody was contacted.
    Returns: the columns of the contract `campaign_results`: a row per audience and horizon with a customer in either arm.
    """
    summed = _Summed(cohorts)
    rows = []
    for day in days:
        results = [
            result
            for audience in summed.audiences
            for horizon in policy.horizons
            if (result := _result(summed, audience, horizon, published, policy, start, day, contacted))
        ]
        rows += _rows(results, policy, day)
    return spark.createDataFrame(rows, CampaignResults.struct())


class _Summed:
    """Sums of the cohorts of an audience and arm over any days, from running totals."""

    def __init__(self, cohorts: Mapping[Cohort, Sums]) -> None:
        self.audiences = sorted({audience for audience, *_ in cohorts})
        self._names = next((tuple(sums) for sums in cohorts.values()), ())
        self._first = min((entered for _, entered, _ in cohorts), default=date.max)
        last = max((entered for _, entered, _ in cohorts), default=self._first)
        self._days = (last - self._first).days + 1
        self._totals: dict[tuple[str, bool], Any] = {}
        for (audience, entered, is_holdout), sums in cohorts.items():
            # Whole numbers of any size: sums of squares are larger than a machine word.
            own = self._totals.setdefault(
                (audience, is_holdout), np.zeros((self._days + 1, len(self._names)), dtype=object)
            )
            own[(entered - self._first).days + 1] = list(sums.values())
        self._totals = {key: np.cumsum(own, axis=0) for key, own in self._totals.items()}

    def arm(self, audience: str, is_holdout: bool, first: date, last: date) -> Arm:
        """The cohorts that entered from `first` to `last`."""
        totals = self._totals.get((audience, is_holdout))
        if totals is None:
            return Arm({})
        begin, end = (min(max((each - self._first).days, 0), self._days) for each in (first, last + ONE_DAY))
        return Arm(dict(zip(self._names, totals[end] - totals[begin], strict=True)))

    def customers(self, audience: str, is_holdout: bool, days: Iterable[date]) -> int:
        """How many entered on these days."""
        totals = self._totals.get((audience, is_holdout))
        if totals is None:
            return 0
        entered = np.diff(totals[:, self._names.index("customers")])
        places = ((day - self._first).days for day in days)
        return int(sum(entered[place] for place in places if 0 <= place < self._days))


def _result(
    summed: _Summed,
    audience: str,
    horizon: int,
    published: Collection[date],
    policy: ResultsPolicy,
    start: date,
    day: date,
    contacted: Collection[date],
) -> _Result | None:
    first, last = policy.window(day, horizon)
    treated, held_out = (summed.arm(audience, is_holdout, first, last) for is_holdout in (False, True))
    if not treated.customers + held_out.customers:
        return None
    window = [first + number * ONE_DAY for number in range(policy.window_days)]
    known = [each for each in window if each in published]
    # On a day after one that is not known those count too who entered on that.
    whole = [each for each in known if each - ONE_DAY in published]
    kept_back, addressed = (summed.customers(audience, is_holdout, whole) for is_holdout in (True, False))
    entered = ((kept_back + addressed) / len(whole), kept_back / len(whole)) if whole else None
    unknown = sum(each >= start for each in window) - len(known)
    has_contacts = any(first <= each <= day for each in contacted)
    return _Result(audience, horizon, treated, held_out, len(known), unknown, entered, has_contacts)


def _rows(results: Sequence[_Result], policy: ResultsPolicy, day: date) -> list[tuple[Any, ...]]:
    """Results of a day as rows: each is a look, and allows for the others."""
    looks = [each for each in results if each.treated.customers and each.held_out.customers]
    chances = [p_value(*_shares(each)) for each in looks]
    adjusted = dict(zip(map(id, looks), zip(chances, holm(chances), holm_levels(chances), strict=True), strict=True))
    columns = CampaignResults.columns()
    judged = [_row(each, adjusted.get(id(each)), len(looks), policy, day) for each in results]
    return [tuple(row[name] for name in columns) for row in judged]


def _shares(result: _Result) -> tuple[int, int, int, int]:
    treated, held_out, horizon = result.treated, result.held_out, result.horizon
    return treated.ordered(horizon), treated.customers, held_out.ordered(horizon), held_out.customers


def _row(
    result: _Result, look: tuple[float, float, float] | None, looks: int, policy: ResultsPolicy, day: date
) -> dict[str, Any]:
    one, of_one, other, of_other = _shares(result)
    horizon = result.horizon
    uplift = newcombe(one, of_one, other, of_other) if look else None
    all_looks = newcombe(one, of_one, other, of_other, look[2]) if look else None
    means = {name: [arm.moments(f"{name}_{horizon}") for arm in (result.treated, result.held_out)] for name in OUTCOMES}
    uplifts = {name: welch(treated, held_out) for name, (treated, held_out) in means.items()}
    more = {name: found.times(of_one) if (found := uplifts[name]) else None for name in ("orders", "revenue")}
    share, held_out_share = (one + other) / (of_one + of_other), of_other / (of_one + of_other)
    planned = customers_needed(share, policy.least_uplift, held_out_share)
    lacking = None if planned is None else max(0, round(planned * held_out_share) - of_other)
    a_day, held_out_a_day = result.entered or (None, 0.0)
    most = held_out_a_day * policy.window_days
    # A window holds no more than that: where it takes more, waiting does not help.
    weeks = lacking / held_out_a_day / 7 if lacking and of_other + lacking <= most else None
    is_early = lacking is None or lacking > 0
    finding = judge(uplift, all_looks, is_early=is_early, least=policy.least_uplift)
    first, last = policy.window(day, horizon)
    reached, held_out_reached = (
        arm.reached(horizon) if result.has_contacts else None for arm in (result.treated, result.held_out)
    )
    return {
        "as_of_date": day,
        "audience": result.audience,
        "horizon_days": horizon,
        "entered_from": first,
        "entered_to": last,
        "days_known": result.known,
        "days_unknown": result.unknown,
        "entries_per_day": a_day,
        "treated": of_one,
        "held_out": of_other,
        "treated_ordered": one,
        "held_out_ordered": other,
        "treated_reached": reached,
        "held_out_reached": held_out_reached,
        "treated_share": one / of_one if of_one else None,
        "held_out_share": other / of_other if of_other else None,
        **_ends("share_uplift", uplift),
        "share_uplift_low_all_looks": all_looks.low if all_looks else None,
        "share_uplift_high_all_looks": all_looks.high if all_looks else None,
        "p_value": look[0] if look else None,
        "p_value_all_looks": look[1] if look else None,
        **{
            f"{arm}_{name}": found.mean if found else None
            for name, arms in means.items()
            for arm, found in zip(("treated", "held_out"), arms, strict=True)
        },
        **{key: value for name, found in uplifts.items() for key, value in _ends(f"{name}_uplift", found).items()},
        **{key: value for name, found in more.items() for key, value in _ends(f"incremental_{name}", found).items()},
        **_imbalances(result, looks),
        "looks": looks,
        "needed_1_point": customers_needed(share, 0.01, held_out_share),
        "needed_2_points": customers_needed(share, 0.02, held_out_share),
        "needed_5_points": customers_needed(share, 0.05, held_out_share),
        "held_out_lacking": lacking,
        "weeks_lacking": weeks,
        "is_early": is_early,
        "finding": finding,
        "verdict": in_words(
            finding,
            uplift,
            all_looks,
            more["revenue"],
            looks,
            is_early=is_early,
            lacking=lacking,
            weeks=weeks,
            window=policy.window_days,
            most=most or None,
            entries=None if a_day is None else a_day * policy.window_days,
            at_half=customers_needed(share, policy.least_uplift, 0.5),
        )
        + contaminated(of_other, held_out_reached),
    }


def _ends(name: str, found: Interval | None) -> dict[str, float | None]:
    ends = (found.difference, found.low, found.high) if found else (None, None, None)
    return dict(zip((name, f"{name}_low", f"{name}_high"), ends, strict=True))


def _imbalances(result: _Result, looks: int) -> dict[str, Any]:
    """How far the arms were apart on entry, and whether lot explains it."""
    level = 1 - 1 / (_UNLIKELY * max(1, looks) * len(COVARIATES))
    are_enough = min(result.treated.customers, result.held_out.customers) >= LEAST_TO_COMPARE
    found: dict[str, Any] = {"is_balanced": True if are_enough else None}
    for name in COVARIATES:
        number = "buyers" if name == "recency" else "customers"
        one, other = (arm.moments(name, number) for arm in (result.treated, result.held_out))
        apart = welch(one, other, max(LEVEL, level))
        found[f"{name}_imbalance"] = None
        if apart and one and other:
            spread = sqrt(((one.variance or 0.0) + (other.variance or 0.0)) / 2)
            found[f"{name}_imbalance"] = apart.difference / spread
            if min(one.number, other.number) >= LEAST_TO_COMPARE and not apart.low <= 0 <= apart.high:
                found["is_balanced"] = False
    return found
