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
from engagement_assets.domain.contracts import CampaignResults, EngagementMetrics, EngagementScores, RejectedRows
from engagement_assets.domain.contracts.engagement import SEGMENTS
from engagement_assets.domain.days import as_date, days_between
from engagement_assets.domain.meanings.words import counted, enumerated
from engagement_assets.domain.money import whole
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
    """A sentence of the brief: what it is about, its words, and the address of the list behind it within the dashboard.

    `verdict` is better, worse or unchanged against what is usual; unknown where too few weeks are there; told where
    nothing is judged. `page` may have a query; the day is added to it. `customers` is how many are in the list; None where the
    page is no list of customers.
    """

    topic: str
    text: str
    verdict: Verdict
    page: str
    customers: int | None = None

    @property
    def opens(self) -> str:
        """What the link is called."""
        return "see more" if self.customers is None else counted(self.customers, "customer")

    def link(self, day: str) -> str:
        """The address within the dashboard, as of a day."""
        return f"{self.page}{'&' if '?' in self.page else '?'}date={day}"


@dataclass(frozen=True)
class Brief:
    """What happened from one snapshot to another."""

    since: str
    day: str
    headline: str
    sentences: tuple[Sentence, ...]

    @property
    def title(self) -> str:
        """The two days."""
        return f"{self.since} to {self.day}"


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
        """What is usual, and how far the change is beyond it, as the end of a sentence."""
        if self.usual is None:
            return f"{counted(self.weeks, 'earlier week')}: too few to say what is usual"
        low, high = self.usual
        beyond = self.change - min(max(self.change, low), high)
        is_beyond = self.verdict(show, more_is_better=True) != "unchanged"
        more = f", {show(abs(beyond)).lstrip('+')} {'above' if beyond > 0 else 'below'} that" if is_beyond else ""
        return f"usual in a week: {show(low)} to {show(high)}{more}"


def judge(values: Mapping[date, float | None], day: date, since: date) -> Judged | None:
    """The change of a daily number from `since` to `day`; None where one of the two is not known."""
    now, before = values.get(day), values.get(since)
    if now is None or before is None:
        return None
    ends = [since - number * WEEK for number in range(WEEKS)]
    weeks = [(values.get(end), values.get(end - WEEK)) for end in ends]
    changes = [later - earlier for later, earlier in weeks if later is not None and earlier is not None]
    is_week = day - since == WEEK
    return Judged(now - before, usual(changes) if is_week else None, len(changes))


def usual(values: Sequence[float], fewest: int = FEWEST_WEEKS) -> tuple[float, float] | None:
    """Between what values such as these lie: `USUAL` standard deviations around their mean; None where they are too few."""
    if len(values) < fewest:
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
    judged = sorted({chosen} & set(lake.partitions(CampaignResults)))
    tables = {EngagementMetrics: days, EngagementScores: scored, CampaignResults: judged, RejectedRows: None}
    with opened(lake, tables) as connection:
        rows = connection.execute("FROM engagement_metrics").fetchall()
        metrics = {row[0]: dict(zip(EngagementMetrics.columns(), row, strict=True)) for row in rows}
        missing = [each for each in days_between(first, last)[1:] if each not in published]
        return of_facts(Facts(connection, metrics, first, last, settings.currency), missing)


@dataclass(frozen=True)
class Facts:
    """What the brief is made of: a connection with engagement_scores of the two days and rejected_rows, and daily totals."""

    connection: duckdb.DuckDBPyConnection
    metrics: Mapping[date, Mapping[str, Any]]
    since: date
    day: date
    currency: str = ""

    def judged(self, of: Callable[[Mapping[str, Any]], float | None]) -> Judged | None:
        """A number of the daily totals, judged."""
        return judge({day: of(row) for day, row in self.metrics.items()}, self.day, self.since)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """What a question about the scores of the two days gives: `$since` and `$day` are these."""
        asked = {name: value for name, value in (("since", self.since), ("day", self.day)) if f"${name}" in query}
        return self.connection.execute(query, asked).fetchall()

    def usual_money(self, low: float, high: float) -> str:
        """What is usually spent in a week, as the end of a sentence."""
        return f"(usual in a week: {whole(max(low, 0), self.currency)} to {whole(high, self.currency)})"

    @property
    def span(self) -> str:
        """The time between the two snapshots, in words."""
        days = (self.day - self.since).days
        return "the week" if days == WEEK.days else f"the {days} days"


def of_facts(facts: Facts, missing: Sequence[str]) -> Brief:
    """The brief; `missing` are the days between the two that have no snapshot."""
    makers = (_score, _active, _revenue, _moved, _slipping, _converted, _campaigns)
    found = [sentence for make in makers if (sentence := make(facts)) is not None]
    sentences = (*found, _data(facts, missing))
    headline = _headline(sentences, facts.since in facts.metrics)
    return Brief(facts.since.isoformat(), facts.day.isoformat(), headline, sentences)


def _judged(facts: Facts, told: Sentence, column: str, show: Callable[[float], str], more_is_better: bool) -> Sentence:
    """A sentence about a daily number, with its change and what is usual."""
    found = facts.judged(lambda row: row[column])
    if found is None:
        return replace(told, text=f"{told.text}; there is no snapshot of {facts.since} to compare it with.")
    words = f"{told.text}, {show(found.change)} since {facts.since} ({found.in_words(show)})."
    return replace(told, text=words, verdict=found.verdict(show, more_is_better))


def _score(facts: Facts) -> Sentence | None:
    row = facts.metrics[facts.day]
    if row["average_score"] is None:
        return None
    told = Sentence("score", f"The average score is {row['average_score']:.3f}", "told", "/customers", row["customers"])
    return _judged(facts, told, "average_score", lambda number: f"{number:+.3f}", True)


def _whole(number: float) -> str:
    return f"{number:+,.0f}"


def _active(facts: Facts) -> Sentence | None:
    """Whether the shop gains or loses active customers, and how many came and went."""
    row, before = facts.metrics[facts.day], facts.metrics.get(facts.since)
    if not row["customers"]:
        return None
    active = row["status_active"]
    text = f"{active:,} of {row['customers']:,} customers are active ({active / row['customers']:.0%})"
    told = Sentence("active", text, "told", "/customers?status=Active", active)
    if before is None:
        return _judged(facts, told, "status_active", _whole, True)
    change = active - before["status_active"]
    told = replace(told, text=f"{'Growing' if change > 0 else 'Losing' if change < 0 else 'Steady'}: {text}")
    ((came, went),) = facts.rows(
        "SELECT count(*) FILTER (now.engagement_status = 'Active' AND before.engagement_status IS DISTINCT FROM 'Active'), "
        "count(*) FILTER (now.engagement_status <> 'Active' AND before.engagement_status = 'Active') "
        "FROM (FROM engagement_scores WHERE as_of_date = $day) now "
        "LEFT JOIN (FROM engagement_scores WHERE as_of_date = $since) before USING (customer_id)"
    )
    found = _judged(facts, told, "status_active", _whole, True)
    return replace(found, text=f"{found.text.removesuffix('.')}: {came:,} came, {went:,} went.")


def _revenue(facts: Facts) -> Sentence | None:
    """What was spent between the two days, against what was spent in each of the weeks before."""
    total = {day: float(row["total_revenue"]) for day, row in facts.metrics.items()}
    if facts.since not in total:
        return None
    spent = total[facts.day] - total[facts.since]
    days = (facts.day - facts.since).days
    ((buyers,),) = facts.rows(
        f"SELECT count(*) FROM engagement_scores WHERE as_of_date = $day AND recency_days < {days}"
    )
    page = f"/customers?recency=..{days - 1}"
    text = f"Customers spent {whole(spent, facts.currency)} in {facts.span} to {facts.day}"
    ends = [facts.since - number * WEEK for number in range(WEEKS)]
    spread = usual([total[end] - total[end - WEEK] for end in ends if end in total and end - WEEK in total])
    if facts.day - facts.since != WEEK or spread is None:
        return Sentence("revenue", f"{text}.", "told", page, buyers)
    low, high = spread
    verdict: Verdict = "unchanged" if low <= spent <= high else "better" if spent > high else "worse"
    return Sentence("revenue", f"{text} {facts.usual_money(low, high)}.", verdict, page, buyers)


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
    way, most = ("rose", rose) if rose >= fell else ("fell", fell)
    page = f"/customers?{way}=yes&compare={facts.since}"
    if not rose and not fell:
        return Sentence("moved", f"Nobody moved into another segment since {facts.since}.", "told", "/value")
    text = (
        f"{counted(rose, 'customer')} rose into a higher segment since {facts.since}, {fell:,} fell into a lower one."
    )
    return Sentence("moved", text, "told", page, most)


def _slipping(facts: Facts) -> Sentence:
    customers = facts.metrics[facts.day]["slipping_customers"] or 0
    if not customers:
        return Sentence("slipping", "Nobody is slipping.", "told", "/at-risk")
    revenue = facts.metrics[facts.day]["slipping_revenue"] or 0
    first = facts.rows(
        "SELECT customer_id FROM engagement_scores WHERE as_of_date = $day AND is_slipping "
        f"ORDER BY revenue_last_365_days DESC, customer_id LIMIT {CALLED}"
    )
    names = ", ".join(customer for (customer,) in first)
    called = f"they spent {whole(revenue, facts.currency)} in a year. To be called first: {names}."
    text = f"{counted(customers, 'customer')} {'is' if customers == 1 else 'are'} slipping and can still be saved"
    told = Sentence("slipping", text, "told", "/customers?slipping=yes", customers)
    found = _judged(facts, told, "slipping_customers", _whole, False)
    return replace(found, text=f"{found.text.removesuffix('.')}; {called}")


#: Who browses and has never bought.
_BROWSERS = "/customers?orders=0&sessions=1.."


def _converted(facts: Facts) -> Sentence | None:
    """Who browsed and had never bought, and what became of them."""
    ((browsing,),) = facts.rows(
        "SELECT count(*) FROM engagement_scores WHERE as_of_date = $day AND total_orders = 0 AND sessions_last_30_days > 0"
    )
    now = f"{counted(browsing, 'customer')} with sessions of late never bought"
    if facts.since not in facts.metrics:
        return Sentence("converted", f"{now}.", "told", _BROWSERS, browsing) if browsing else None
    ((bought, before),) = facts.rows(
        "SELECT count(*) FILTER (now.total_orders > 0), count(*) "
        "FROM (FROM engagement_scores WHERE as_of_date = $day) now "
        "JOIN (FROM engagement_scores WHERE as_of_date = $since) before USING (customer_id) "
        "WHERE before.total_orders = 0 AND before.sessions_last_30_days > 0"
    )
    if not before and not browsing:
        return None
    text = f"Of {counted(before, 'browser')} of {facts.since} who had never bought, {bought:,} bought; now {now}."
    return Sentence("converted", text, "told", _BROWSERS, browsing)


def _campaigns(facts: Facts) -> Sentence | None:
    """What campaigns brought: those that work or harm, else that none shows an effect; per audience over its longest horizon."""
    found = facts.rows(
        "SELECT audience, horizon_days, finding, verdict, held_out_reached FROM campaign_results WHERE as_of_date = $day "
        "QUALIFY row_number() OVER (PARTITION BY audience ORDER BY horizon_days DESC) = 1 ORDER BY audience"
    )
    if not found:
        return None
    told = [
        f"{audience} ({days} days) {verdict}"
        for audience, days, finding, verdict, _ in found
        if finding in ("works", "harms")
    ]
    # The verdicts that are told say it themselves.
    others = [
        f"{audience} ({reached:,})"
        for audience, _, finding, _, reached in found
        if reached and finding not in ("works", "harms")
    ]
    also = f" Held out and contacted all the same: {', '.join(others)}." if others else ""
    if told:
        text = f"Of {counted(len(found), 'campaign')}: {'; '.join(told)}.{also}"
        return Sentence("campaigns", text, "told", "/campaigns")
    few = sum(finding in ("too few held out", "nobody held out") for _, _, finding, *_ in found)
    why = f"; of {few:,} too few are held out to tell" if few else ""
    return Sentence(
        "campaigns",
        f"{counted(len(found), 'campaign')}, and none shows an effect for certain{why}.{also}",
        "told",
        "/campaigns",
    )


def _data(facts: Facts, missing: Sequence[str]) -> Sentence:
    rejected = facts.connection.execute(
        "SELECT reason, count(*) FROM rejected_rows WHERE row_date > $since AND row_date <= $day GROUP BY 1 ORDER BY 2 DESC, 1",
        {"since": facts.since, "day": facts.day},
    ).fetchall()
    parts = []
    if missing:
        parts.append(f"{counted(len(missing), 'day')} without a snapshot ({', '.join(missing[:3])})")
    if rejected:
        kept_out = ", ".join(f"{count:,} {reason.replace('_', ' ')}" for reason, count in rejected[:3])
        parts.append(f"{counted(sum(count for _, count in rejected), 'row')} kept out ({kept_out})")
    if not parts:
        return Sentence(
            "data", "The data has no fault: every day is there, and no row was kept out.", "told", "/monitoring"
        )
    return Sentence("data", f"In the data of {facts.span}: {' and '.join(parts)}.", "told", "/monitoring")


#: What the headline calls that which is unusual.
_SUBJECTS = {
    "score": "the average score",
    "active": "active customers",
    "revenue": "revenue",
    "slipping": "slipping customers",
}


def _headline(sentences: Sequence[Sentence], has_before: bool) -> str:
    if not has_before:
        return "The first look: there is nothing to compare with."
    unusual = {
        verdict: [_SUBJECTS[each.topic] for each in sentences if each.verdict == verdict]
        for verdict in ("worse", "better")
    }
    told = [f"{verdict} than usual: {enumerated(subjects)}" for verdict, subjects in unusual.items() if subjects]
    if told:
        return f"{'; '.join(told).capitalize()}."
    if all(each.verdict in ("told", "unknown") for each in sentences):
        return "Too few weeks are there to say what is usual."
    return "Nothing unusual."
