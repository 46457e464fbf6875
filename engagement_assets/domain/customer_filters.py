"""What a list of customers can be filtered by: the one description from which addresses, named lists, SQL and words are made.

A filter is a key and texts, as an address has them: `segment=High&segment=Medium`, `slipping=yes`, `recency=31..60`. Its SQL
speaks of `s`, a customer's row of the day's engagement_scores, and, where `reads` names one, of one other relation:

- `a`: the row of the day's campaign_audiences, if any
- `o`: the row of the comparison date's engagement_scores, if any
- `c`: the row of the day's segment_changes, if any
- `f`: `reached`, the number of the furthest stage of STAGES in the activity window, for those who had a session in it
- `results`: the day's campaign_results, `addressed`, the campaign_audiences of the days that they look back on, and the
  parameter $again_after of ENTERED
- `orders`: the orders up to the day; `opted_out`: `a`, and the parameter $opted_out, a list of who opted out
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from engagement_assets.domain.bands import STEADY
from engagement_assets.domain.contracts import EngagementScores
from engagement_assets.domain.contracts.engagement import (
    LIFECYCLE_STAGES,
    REVENUE_BANDS,
    RFM_SEGMENTS,
    SEGMENTS,
    STATUSES,
    VALUE_SEGMENTS,
)
from engagement_assets.domain.toml_files import MisfitError

#: The stages between looking and buying; a later one includes the ones before.
STAGES = ("Page view", "Add to cart", "Checkout", "Order")

#: Both bands of a high-value customer.
HIGH_VALUE = "s.revenue_band = 'High' AND s.engagement_segment IN ('High', 'Medium')"

#: The band of engagement that the value segments are made of.
ENGAGEMENT_BAND = (
    "CASE WHEN s.total_orders = 0 THEN CASE WHEN s.value_segment = 'Dormant' THEN 'Low' ELSE 'Medium' END "
    "WHEN s.engagement_segment = 'At Risk' THEN 'Low' ELSE s.engagement_segment END"
)

#: The place of a segment, High first.
_RANK = "list_position([" + ", ".join(f"'{segment}'" for segment in SEGMENTS) + "], {}.engagement_segment)"

#: Who entered an audience when, and in which arm: who was not in it on the $again_after days before. Most never leave for so long
#: and enter once; only the days of the others are sorted.
ENTERED = """
    (WITH stays AS (
        SELECT audience, customer_id, min(as_of_date) AS entered, arg_min(is_holdout, as_of_date) AS is_holdout,
               max(as_of_date) - min(as_of_date) + 1 - count(*) AS days_out
        FROM {addressed} GROUP BY audience, customer_id
    )
    SELECT audience, customer_id, is_holdout, entered FROM stays WHERE days_out < $again_after
    UNION ALL
    SELECT audience, customer_id, is_holdout, entered FROM (
        SELECT audience, customer_id, is_holdout, as_of_date AS entered,
               lag(as_of_date) OVER (PARTITION BY audience, customer_id ORDER BY as_of_date) AS before
        FROM {addressed} a SEMI JOIN (FROM stays WHERE days_out >= $again_after) s USING (audience, customer_id)
    ) WHERE before IS NULL OR entered - before > $again_after)
"""

#: Characters of the identifier that is looked for.
LONGEST_ID = 100

#: What a customer was on the comparison date who was none yet.
NOBODY_YET = "none"

Reads = Literal["s", "a", "o", "c", "f", "orders", "results", "opted_out"]

#: A value as SQL: a parameter's name, or the value itself, quoted.
Quote = Callable[[str | float], str]

#: Filters that are set: key and texts, in the order of FILTERS.
Chosen = tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True)
class CustomerFilter(ABC):
    """A filter; `title` is what it is about, in words."""

    key: str
    title: str
    sql: str
    reads: Reads = "s"

    @abstractmethod
    def read(self, texts: Sequence[str]) -> tuple[str, ...]:
        """The texts as they are written; raises ValueError that says what may be written."""

    @abstractmethod
    def condition(self, texts: tuple[str, ...], quote: Quote) -> str:
        """The SQL condition."""

    def words(self, texts: tuple[str, ...]) -> str:
        """What the filter leaves, in words."""
        return f"{self.title} {' or '.join(texts)}"


@dataclass(frozen=True)
class Names(CustomerFilter):
    """One of some names; without `choices` any short text is a name."""

    choices: tuple[str, ...] = ()

    def read(self, texts: Sequence[str]) -> tuple[str, ...]:
        if self.choices:
            if unknown := [text for text in texts if text not in self.choices]:
                raise ValueError(f"{unknown[0]!r} is no {self.title}; there are {', '.join(self.choices)}")
            return tuple(choice for choice in self.choices if choice in texts)
        if not all(0 < len(text) <= 100 for text in texts) or len(texts) > 100:
            raise ValueError(f"a {self.title} has 1 to 100 characters")
        return tuple(dict.fromkeys(texts))

    def condition(self, texts: tuple[str, ...], quote: Quote) -> str:
        return f"{self.sql} IN ({', '.join(quote(text) for text in texts)})"


@dataclass(frozen=True)
class Stage(Names):
    """A stage of STAGES, by its number; `sql` compares the furthest one with it."""

    def condition(self, texts: tuple[str, ...], quote: Quote) -> str:
        return " OR ".join(f"{self.sql} {STAGES.index(text) + 1}" for text in texts)


@dataclass(frozen=True)
class Empty(Names):
    """Whether columns are empty."""

    def condition(self, texts: tuple[str, ...], quote: Quote) -> str:
        return " AND ".join(f"s.{text} IS NULL" for text in texts)

    def words(self, texts: tuple[str, ...]) -> str:
        return super().words(tuple(text.replace("_", " ") for text in texts))


@dataclass(frozen=True)
class Months(Names):
    """Months, `2026-05`; `sql` is a date."""

    def read(self, texts: Sequence[str]) -> tuple[str, ...]:
        if not all(re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", text) for text in texts):
            raise ValueError("a month is written as 2026-05")
        return super().read(texts)

    def condition(self, texts: tuple[str, ...], quote: Quote) -> str:
        month = f"substr(cast({self.sql} AS string), 1, 7) IN ({', '.join(quote(text) for text in texts)})"
        if self.reads == "orders":
            return f"s.customer_id IN (SELECT orders.customer_id FROM {{all_orders}} orders WHERE {month})"
        return month


@dataclass(frozen=True)
class Flag(CustomerFilter):
    """Yes or no."""

    def read(self, texts: Sequence[str]) -> tuple[str, ...]:
        if len(set(texts)) != 1 or texts[0] not in ("yes", "no"):
            raise ValueError("write yes or no")
        return (texts[0],)

    def condition(self, texts: tuple[str, ...], quote: Quote) -> str:
        return f"{'' if texts[0] == 'yes' else 'NOT '}coalesce({self.sql}, false)"

    def words(self, texts: tuple[str, ...]) -> str:
        return self.title if texts[0] == "yes" else f"not {self.title}"


@dataclass(frozen=True)
class Target(Flag):
    """Whether those are left out whom nobody may address: the held out, and who opted out; `no` leaves everybody in."""

    def condition(self, texts: tuple[str, ...], quote: Quote) -> str:
        return (
            f"NOT coalesce({self.sql}, false) AND NOT list_contains($opted_out, s.customer_id)"
            if texts[0] == "yes"
            else "true"
        )

    def words(self, texts: tuple[str, ...]) -> str:
        return f"{'without' if texts[0] == 'yes' else 'with'} {self.title}"


@dataclass(frozen=True)
class Span(CustomerFilter):
    """From one number to another, `3..5`, `13..`, `..30`: both included, but of a score the second only where it is 1."""

    is_score: bool = False

    def read(self, texts: Sequence[str]) -> tuple[str, ...]:
        text = texts[0] if len(texts) == 1 else ""
        found = re.fullmatch(r"(\d{1,12}(?:\.\d{1,12})?)?(\.\.)?(\d{1,12}(?:\.\d{1,12})?)?", text)
        if not found or not (found[1] or found[3]) or (found[2] is None and found[3]):
            raise ValueError("write numbers as 3..5, 13.., ..30 or 4")
        low, high = found[1], found[3] if found[2] else found[1]
        if low and high and float(low) > float(high):
            raise ValueError(f"{low} is above {high}")
        return (f"{low or ''}..{high or ''}",)

    def condition(self, texts: tuple[str, ...], quote: Quote) -> str:
        low, _, high = texts[0].partition("..")
        # Rounded as the bands of charts are, so that a score on the border falls on the same side.
        value = f"round({self.sql}, 10)" if self.is_score else self.sql
        parts = [f"{value} >= {quote(float(low))}"] if low else []
        if high:
            parts.append(f"{value} {'<' if self.is_score and float(high) < 1 else '<='} {quote(float(high))}")
        return " AND ".join(parts)

    def words(self, texts: tuple[str, ...]) -> str:
        low, _, high = texts[0].partition("..")
        if low == high:
            return f"{self.title} {low}"
        return f"{self.title} {f'{low} to {high}' if low and high else f'from {low}' if low else f'up to {high}'}"


@dataclass(frozen=True)
class Above(Span):
    """Above a number, `250.5`, which is not included."""

    def read(self, texts: Sequence[str]) -> tuple[str, ...]:
        try:
            value = float(texts[0]) if len(texts) == 1 else -1
        except ValueError:
            value = -1
        if not 0 <= value < 1e15 or len(texts[0]) > 30:
            raise ValueError("write a number from 0 on")
        return (texts[0],)

    def condition(self, texts: tuple[str, ...], quote: Quote) -> str:
        return f"cast({self.sql} AS double) > {quote(float(texts[0]))}"

    def words(self, texts: tuple[str, ...]) -> str:
        return f"{self.title} above {float(texts[0]):,.2f}".removesuffix(".00")


@dataclass(frozen=True)
class Judged(CustomerFilter):
    """Whom a result of campaigns counts in an arm: `save_slipping:14:treated`, `save_slipping:14:held-out`."""

    def read(self, texts: Sequence[str]) -> tuple[str, ...]:
        if len(texts) != 1 or not re.fullmatch(r"[a-z][a-z0-9_]{0,39}:[1-9]\d{0,2}:(treated|held-out)", texts[0]):
            raise ValueError(
                "write an audience, days and an arm, as save_slipping:14:treated or save_slipping:14:held-out"
            )
        return (texts[0],)

    def condition(self, texts: tuple[str, ...], quote: Quote) -> str:
        audience, horizon, arm = texts[0].split(":")
        return (
            f"{self.sql} IN (SELECT e.customer_id FROM {ENTERED} e JOIN {{results}} r "
            "ON r.audience = e.audience AND e.entered BETWEEN r.entered_from AND r.entered_to "
            f"WHERE e.audience = {quote(audience)} AND r.horizon_days = {quote(int(horizon))} "
            f"AND e.is_holdout = {str(arm == 'held-out').lower()})"
        )

    def words(self, texts: tuple[str, ...]) -> str:
        audience, horizon, arm = texts[0].split(":")
        return f"{arm.replace('-', ' ')} in {audience}, {self.title} over {horizon} days"


@dataclass(frozen=True)
class IdStart(CustomerFilter):
    """How identifiers begin, whatever their case and the zeros that lead their numbers: `c26` begins C000264 and C000026."""

    def read(self, texts: Sequence[str]) -> tuple[str, ...]:
        if len(texts) != 1 or not 0 < len(texts[0].strip()) <= LONGEST_ID:
            raise ValueError(f"an identifier has 1 to {LONGEST_ID} characters")
        return (texts[0].strip(),)

    def condition(self, texts: tuple[str, ...], quote: Quote) -> str:
        return (
            f"(starts_with(lower({self.sql}), {quote(texts[0].lower())}) "
            f"OR starts_with({plain_id_sql(self.sql)}, {quote(plain_id(texts[0]))}))"
        )


def plain_id(text: str) -> str:
    """An identifier in small letters, its numbers without zeros before them: `C000264` is `c264`, `007` is `7`."""
    return re.sub(r"(^|[^0-9])0+([0-9])", r"\1\2", text.strip().lower())


def plain_id_sql(column: str) -> str:
    """The same as a DuckDB expression."""
    return rf"regexp_replace(lower({column}), '(^|[^0-9])0+([0-9])', '\1\2', 'g')"


_NULLABLE = tuple(name for name, column in EngagementScores.columns().items() if column.nullable)

FILTERS: dict[str, CustomerFilter] = {
    each.key: each
    for each in (
        Names("country", "country", "s.country"),
        Names("segment", "segment", "s.engagement_segment", choices=SEGMENTS),
        Names("value", "value segment", "s.value_segment", choices=VALUE_SEGMENTS),
        Names("status", "status", "s.engagement_status", choices=STATUSES),
        Names("lifecycle", "stage", "s.lifecycle_stage", choices=LIFECYCLE_STAGES),
        Names("rfm", "RFM segment", "s.rfm_segment", choices=RFM_SEGMENTS),
        Names("engagement", "engagement", ENGAGEMENT_BAND, choices=("High", "Medium", "Low")),
        Names("revenue-band", "revenue band", "s.revenue_band", choices=REVENUE_BANDS),
        Names("audience", "audience", f"coalesce(a.audience, '{NOBODY_YET}')", "a"),
        Flag("to-contact", "to contact today", "a.is_to_contact", "a"),
        Flag("held-out", "held out", "a.is_holdout", "a"),
        Flag("slipping", "slipping", "s.is_slipping"),
        Flag("high-risk", "at high risk by score", "s.is_high_risk"),
        Flag("high-value", "high-value", HIGH_VALUE),
        Flag("declining", "declining", f"s.reference_score_change < -{STEADY}"),
        Flag("newly-slipping", "newly slipping", "s.is_slipping AND NOT coalesce(o.is_slipping, false)", "o"),
        Flag("came-back", "came back", "o.is_slipping AND s.lifecycle_stage IN ('Active', 'Reactivated')", "o"),
        Flag("rose", "in a higher segment than before", f"{_RANK.format('s')} < {_RANK.format('o')}", "o"),
        Flag("fell", "in a lower segment than before", f"{_RANK.format('s')} > {_RANK.format('o')}", "o"),
        Span("score", "score", "s.engagement_score", is_score=True),
        Span("sessions", "sessions", "s.sessions_last_30_days"),
        Span("recency", "days since the last order", "s.recency_days"),
        Span("orders", "orders", "s.total_orders"),
        Span("new-orders", "orders in the window", "s.total_orders - s.total_orders_30_days_before"),
        Span("revenue", "revenue", "s.total_revenue"),
        Above("revenue-above", "revenue", "s.total_revenue"),
        Above("average-order-above", "average order", "s.average_order_value"),
        Above("orders-above", "orders", "s.total_orders"),
        Above("sessions-above", "sessions", "s.sessions_last_30_days"),
        Months("cohort", "signed up in", "s.signup_date"),
        Months("ordered-in", "ordered in", "orders.as_of_date", "orders"),
        Stage("stage", "reached", "f.reached >=", "f", choices=STAGES),
        Stage("stopped-at", "went no further than", "f.reached =", "f", choices=STAGES),
        Names(
            "was-segment",
            "before in segment",
            f"coalesce(o.engagement_segment, '{NOBODY_YET}')",
            "o",
            choices=(*SEGMENTS, NOBODY_YET),
        ),
        Names(
            "was-lifecycle",
            "before in stage",
            f"coalesce(o.lifecycle_stage, '{NOBODY_YET}')",
            "o",
            choices=(*LIFECYCLE_STAGES, NOBODY_YET),
        ),
        Names(
            "arrived",
            "came on the day to stage",
            "CASE WHEN c.lifecycle_stage <> coalesce(c.previous_lifecycle_stage, '') THEN c.lifecycle_stage END",
            "c",
            choices=LIFECYCLE_STAGES,
        ),
        Judged("result", "result", "s.customer_id", "results"),
        Empty("without", "without", "", choices=_NULLABLE),
        IdStart("id", "identifier begins with", "s.customer_id"),
        Target("target", "who is held out or opted out", "a.is_holdout", "opted_out"),
    )
}


def chosen(given: Mapping[str, Sequence[str]]) -> tuple[Chosen, tuple[str, ...]]:
    """The filters among some keys and texts, in their order; and for those that cannot be meant, what is wrong."""
    found: list[tuple[str, tuple[str, ...]]] = []
    wrong = []
    for key, each in FILTERS.items():
        if texts := given.get(key):
            try:
                found.append((key, each.read(texts)))
            except ValueError as error:
                wrong.append(f"{key}: {error}")
    return tuple(found), tuple(wrong)


def condition(filters: Chosen, quote: Quote) -> str:
    """The SQL condition of filters; `true` where there are none."""
    return " AND ".join(f"({FILTERS[key].condition(texts, quote)})" for key, texts in filters) or "true"


def words(filters: Chosen) -> str:
    """What filters leave, in words."""
    return ", ".join(FILTERS[key].words(texts) for key, texts in filters)


def snapshot_sql(filters: Chosen) -> str:
    """The SQL condition over the columns of engagement_scores, for an audience; raises MisfitError where one reads more."""
    for key, texts in filters:
        if FILTERS[key].reads != "s" or isinstance(FILTERS[key], IdStart):
            raise MisfitError(
                (key,), f"{FILTERS[key].words(texts)!r} is not told by the snapshot alone; an audience needs that"
            )
        if any(sign in text for text in texts for sign in "'\\"):
            raise MisfitError((key,), f"an audience takes no quotes and backslashes: {', '.join(texts)}")
    text = condition(filters, lambda value: f"'{value}'" if isinstance(value, str) else repr(value))
    return re.sub(r"\bs\.(?=[a-z])", "", text)
