"""The brief: what happened since an earlier day, in a few sentences, each with its numbers; docs/brief.md states the rules.

A change is usual within two standard deviations of the mean of the weekly changes of the twelve weeks before: a shop that grows
every week grows as usual when it does so again. With fewer than four such weeks nobody can say what is usual, and the sentence
says that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from statistics import mean, stdev
from typing import Any, Literal

import duckdb

from engagement_assets.analysis.report import latest_day
from engagement_assets.domain.contracts import EngagementMetrics, EngagementScores, RejectedRows
from engagement_assets.domain.contracts.engagement import SEGMENTS
from engagement_assets.domain.days import as_date, days_between
from engagement_assets.domain.meanings.words import counted
from engagement_assets.lake.reading import opened
from engagement_assets.lake.tables import LakeResource
from engagement_assets.settings import Settings

WEEK = timedelta(days=7)

#: Weeks before that say what is usual, and the fewest of them that can.
WEEKS, FEWEST_WEEKS = 12, 4

#: Standard deviations of weekly changes within which a change is usual.
USUAL = 2

#: Customers named to be called first.
CALLED = 10

Verdict = Literal["better", "worse", "unchanged", "unknown", "told"]


@dataclass(frozen=True)
class Sentence:
    """A sentence of the brief: what it is about, its words, and the page of the dashboard with the list behind it.

    `verdict` is better, worse or unchanged against what is usual; unknown where too few weeks are there; told where
    nothing is judged.
    """

    topic: str
    text: str
    verdict: Verdict
    page: str


@dataclass(frozen=True)
class Brief:
    """What happened from one snapshot to another."""

    since: str
    day: str
    headline: str
    sentences: tuple[Sentence, ...]


@dataclass(frozen=True)
class Judged:
    """A number's change since the earlier day, and between what changes are usual in a week; None where that is not known."""

    change: float
    usual: tuple[float, float] | None
    #: Weeks before whose changes are known.
    weeks: int

    def verdict(self, show: Callable[[float], str], more_is_better: bool) -> Verdict:
        """Better or worse than usual; unchanged where the change is usual, or beyond it by less than is shown."""
        if self.usual is None:
            return "unknown"
        low, high = self.usual
        if show(min(max(self.change, low), high)) == show(self.change):
            return "unchanged"
        return "better" if (self.change > high) == more_is_better else "worse"

    def in_words(self, show: Callable[[float], str]) -> str:
        """What is usual, as the end of a sentence."""
        if self.usual is None:
            return f"{counted(self.weeks, 'earlier week')}: too few to say what is usual"
        low, high = (show(each) for each in self.usual)
        return f"usual in a week: {low} to {high}"


def judge(values: Mapping[date, float | None], day: date, since: date) -> Judged | None:
    """The change of a daily number from `since` to `day`; None where one of the two is not known."""
    now, before = values.get(day), values.get(since)
    if now is None or before is None:
        return None
    ends = [since - number * WEEK for number in range(WEEKS)]
    weeks = [(values.get(end), values.get(end - WEEK)) for end in ends]
    changes = [later - earlier for later, earlier in weeks if later is not None and earlier is not None]
    is_week = day - since == WEEK
    return Judged(now - before, _usual(changes) if is_week else None, len(changes))


def _usual(values: Sequence[float]) -> tuple[float, float] | None:
    if len(values) < FEWEST_WEEKS:
        return None
    spread = USUAL * stdev(values)
    return mean(values) - spread, mean(values) + spread


def make_brief(settings: Settings, day: str | None = None, since: str | None = None) -> Brief:
    """The brief of a snapshot (default: the latest) since another (default: a week before).

    Raises NotPublishedError where a snapshot that is asked for is not there.
    """
    lake = LakeResource.of(settings)
    chosen = latest_day(lake, EngagementScores, day)
    last = as_date(chosen)
    first = as_date(latest_day(lake, EngagementScores, since)) if since else last - WEEK
    published = set(lake.partitions(EngagementMetrics))
    wanted = [last, *(first - number * WEEK for number in range(WEEKS + 1))]
    days = sorted({each.isoformat() for each in wanted} & published)
    scored = sorted({chosen, first.isoformat()} & set(lake.partitions(EngagementScores)))
    with opened(lake, {EngagementMetrics: days, EngagementScores: scored, RejectedRows: None}) as connection:
        rows = connection.execute("FROM engagement_metrics").fetchall()
        metrics = {row[0]: dict(zip(EngagementMetrics.columns(), row, strict=True)) for row in rows}
        missing = [each for each in days_between(first, last)[1:] if each not in published]
        return of_facts(Facts(connection, metrics, first, last), missing)


@dataclass(frozen=True)
class Facts:
    """What the brief is made of: a connection with engagement_scores of the two days and rejected_rows, and daily totals."""

    connection: duckdb.DuckDBPyConnection
    metrics: Mapping[date, Mapping[str, Any]]
    since: date
    day: date

    def judged(self, of: Callable[[Mapping[str, Any]], float | None]) -> Judged | None:
        """A number of the daily totals, judged."""
        return judge({day: of(row) for day, row in self.metrics.items()}, self.day, self.since)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """What a question about the scores of the two days gives: `$since` and `$day` are these."""
        asked = {name: value for name, value in (("since", self.since), ("day", self.day)) if f"${name}" in query}
        return self.connection.execute(query, asked).fetchall()

    @property
    def span(self) -> str:
        """The time between the two snapshots, in words."""
        days = (self.day - self.since).days
        return "the week" if days == WEEK.days else f"the {days} days"


def of_facts(facts: Facts, missing: Sequence[str]) -> Brief:
    """The brief; `missing` are the days between the two that have no snapshot."""
    makers = (_score, _active, _revenue, _moved, _slipping, _converted)
    found = [sentence for make in makers if (sentence := make(facts)) is not None]
    sentences = (*found, _data(facts, missing))
    headline = _headline(sentences, facts.since in facts.metrics)
    return Brief(facts.since.isoformat(), facts.day.isoformat(), headline, sentences)


def _judged(
    facts: Facts, topic: str, page: str, text: str, column: str, show: Callable[[float], str], more_is_better: bool
) -> Sentence:
    """A sentence about a daily number, with its change and what is usual."""
    found = facts.judged(lambda row: row[column])
    if found is None:
        return Sentence(topic, f"{text}; there is no snapshot of {facts.since} to compare it with.", "told", page)
    words = f"{text}, {show(found.change)} since {facts.since} ({found.in_words(show)})."
    return Sentence(topic, words, found.verdict(show, more_is_better), page)


def _score(facts: Facts) -> Sentence | None:
    now = facts.metrics[facts.day]["average_score"]
    if now is None:
        return None
    text = f"The average score is {now:.3f}"
    return _judged(facts, "score", "/", text, "average_score", lambda number: f"{number:+.3f}", True)


def _whole(number: float) -> str:
    return f"{number:+,.0f}"


def _active(facts: Facts) -> Sentence | None:
    row = facts.metrics[facts.day]
    if not row["customers"]:
        return None
    share = row["status_active"] / row["customers"]
    text = f"{row['status_active']:,} of {row['customers']:,} customers are active ({share:.0%})"
    return _judged(facts, "active", "/behaviour", text, "status_active", _whole, True)


def _revenue(facts: Facts) -> Sentence | None:
    """What was spent between the two days, against what was spent in each of the weeks before."""
    total = {day: float(row["total_revenue"]) for day, row in facts.metrics.items()}
    if facts.since not in total:
        return None
    spent = total[facts.day] - total[facts.since]
    text = f"Customers spent {spent:,.2f} in {facts.span} to {facts.day}"
    ends = [facts.since - number * WEEK for number in range(WEEKS)]
    usual = _usual([total[end] - total[end - WEEK] for end in ends if end in total and end - WEEK in total])
    if facts.day - facts.since != WEEK or usual is None:
        return Sentence("revenue", f"{text}.", "told", "/value")
    low, high = usual
    verdict: Verdict = "unchanged" if low <= spent <= high else "better" if spent > high else "worse"
    return Sentence("revenue", f"{text} (usual in a week: {max(low, 0):,.2f} to {high:,.2f}).", verdict, "/value")


def _moved(facts: Facts) -> Sentence | None:
    if facts.since not in facts.metrics:
        return None
    ranks = " ".join(f"WHEN '{segment}' THEN {number}" for number, segment in enumerate(SEGMENTS))
    rank = f"CASE {{}}.engagement_segment {ranks} END"
    ((rose, fell),) = facts.rows(
        f"SELECT count(*) FILTER ({rank.format('now')} < {rank.format('before')}), "
        f"count(*) FILTER ({rank.format('now')} > {rank.format('before')}) "
        "FROM (FROM engagement_scores WHERE as_of_date = $day) now "
        "JOIN (FROM engagement_scores WHERE as_of_date = $since) before USING (customer_id)"
    )
    if not rose and not fell:
        return Sentence("moved", f"Nobody moved into another segment since {facts.since}.", "told", "/breakdown")
    text = (
        f"{counted(rose, 'customer')} rose into a higher segment since {facts.since}, {fell:,} fell into a lower one."
    )
    return Sentence("moved", text, "told", "/breakdown")


def _slipping(facts: Facts) -> Sentence:
    customers = facts.metrics[facts.day]["slipping_customers"] or 0
    if not customers:
        return Sentence("slipping", "Nobody is slipping.", "told", "/at-risk")
    revenue = facts.metrics[facts.day]["slipping_revenue"] or 0
    first = facts.rows(
        "SELECT customer_id FROM engagement_scores WHERE as_of_date = $day AND is_slipping "
        f"ORDER BY revenue_last_365_days DESC, customer_id LIMIT {CALLED}"
    )
    called = f"they spent {revenue:,.2f} in a year. To be called first: {', '.join(customer for (customer,) in first)}."
    text = f"{counted(customers, 'customer')} {'is' if customers == 1 else 'are'} slipping and can still be saved"
    found = _judged(facts, "slipping", "/at-risk", text, "slipping_customers", _whole, False)
    return replace(found, text=f"{found.text.removesuffix('.')}; {called}")


def _converted(facts: Facts) -> Sentence | None:
    """Who browsed and had never bought, and what became of them."""
    ((browsing,),) = facts.rows(
        "SELECT count(*) FROM engagement_scores WHERE as_of_date = $day AND total_orders = 0 AND sessions_last_30_days > 0"
    )
    now = f"{counted(browsing, 'customer')} with sessions of late never bought"
    if facts.since not in facts.metrics:
        return Sentence("converted", f"{now}.", "told", "/behaviour") if browsing else None
    ((bought, before),) = facts.rows(
        "SELECT count(*) FILTER (now.total_orders > 0), count(*) "
        "FROM (FROM engagement_scores WHERE as_of_date = $day) now "
        "JOIN (FROM engagement_scores WHERE as_of_date = $since) before USING (customer_id) "
        "WHERE before.total_orders = 0 AND before.sessions_last_30_days > 0"
    )
    if not before and not browsing:
        return None
    text = f"Of {counted(before, 'browser')} of {facts.since} who had never bought, {bought:,} bought; now {now}."
    return Sentence("converted", text, "told", "/behaviour")


def _data(facts: Facts, missing: Sequence[str]) -> Sentence:
    rejected = facts.connection.execute(
        "SELECT reason, count(*) FROM rejected_rows WHERE row_date > $since AND row_date <= $day GROUP BY 1 ORDER BY 2 DESC, 1",
        {"since": facts.since, "day": facts.day},
    ).fetchall()
    parts = []
    if missing:
        parts.append(f"{counted(len(missing), 'day')} without a snapshot ({', '.join(missing[:3])})")
    if rejected:
        kept_out = ", ".join(f"{count:,} {reason}" for reason, count in rejected[:3])
        parts.append(f"{counted(sum(count for _, count in rejected), 'row')} kept out ({kept_out})")
    if not parts:
        return Sentence(
            "data", "The data has no fault: every day is there, and no row was kept out.", "told", "/quality"
        )
    return Sentence("data", f"In the data of {facts.span}: {' and '.join(parts)}.", "told", "/quality")


def _headline(sentences: Sequence[Sentence], has_before: bool) -> str:
    if not has_before:
        return "The first look: there is nothing to compare with."
    unusual = [f"{each.topic} ({each.verdict})" for each in sentences if each.verdict in ("better", "worse")]
    if unusual:
        return f"Unusual: {', '.join(unusual)}."
    if all(each.verdict in ("told", "unknown") for each in sentences):
        return "Too few weeks are there to say what is usual."
    return "Nothing unusual."


def as_markdown(brief: Brief, dashboard: str) -> str:
    """The brief as Markdown, each sentence with a link to its page of the dashboard."""
    lines = [f"# {brief.since} to {brief.day}", "", f"**{brief.headline}**", ""]
    for sentence in brief.sentences:
        lines.append(f"- {_escaped(sentence.text)} [list]({dashboard.rstrip('/')}{sentence.page}?date={brief.day})")
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    """A text whose names cannot be taken for Markdown."""
    return "".join(f"\\{sign}" if sign in "\\`*_[]<>#|" else sign for sign in text)
