"""Reading the published tables for people: a snapshot in a few figures, rows of a table, proposed reference bounds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb

from engagement_assets.analysis.segment_sizes import out_of_size, remedies
from engagement_assets.domain.contracts import TABLES, Contract, EngagementMetrics, EngagementScores, RejectedRows
from engagement_assets.domain.contracts.engagement import SEGMENTS
from engagement_assets.domain.score_parts import MEASURES
from engagement_assets.domain.scoring_policy import Bounds, ScoringPolicy
from engagement_assets.lake.published import NotPublishedError
from engagement_assets.lake.reading import opened
from engagement_assets.lake.staging import partition_column
from engagement_assets.lake.tables import LakeResource
from engagement_assets.settings import Settings

#: Percentiles that the reference bounds are proposed from.
LOW_PERCENTILE, HIGH_PERCENTILE = 0.01, 0.99

_MOST_VALUABLE = 5


class UnknownTableError(ValueError):
    """There is no such table or column; the message names those that exist."""


@dataclass(frozen=True)
class SnapshotReport:
    """A snapshot in a few figures."""

    as_of_date: str
    snapshots: int
    metrics: dict[str, Any]
    #: Segment, customers, revenue so far.
    segments: list[tuple[str, int, float]]
    #: Customer, revenue of the last 365 days, reasons: the slipping customers who spent most.
    slipping: list[tuple[str, float, str]]
    #: Reason, rows.
    rejected: list[tuple[str, int]]


@dataclass(frozen=True)
class Rows:
    """Some rows of a table: its columns, the rows, how many there are in all, and the partition they are from."""

    columns: list[str]
    rows: list[tuple[Any, ...]]
    total: int
    partition: str | None


@dataclass(frozen=True)
class ProposedBound:
    """Bounds of a measure now and as proposed, and the share of customers beyond the current ones."""

    measure: str
    setting: str
    current: Bounds
    proposed: Bounds
    beyond: float


@dataclass(frozen=True)
class SegmentShare:
    """A segment's share of a snapshot as built, its threshold, and what the mode `quantiles` would make of it."""

    segment: str
    share: float
    threshold: float | None
    wanted_share: float
    #: The threshold that would give the share wanted; None for the lowest segment.
    equal_threshold: float | None


@dataclass(frozen=True)
class Proposal:
    """Proposed reference bounds and the snapshot they come from."""

    as_of_date: str
    bounds: list[ProposedBound]
    segments: list[SegmentShare]
    #: Segments that hold hardly anybody or nearly all, and what may be set against it.
    out_of_size: dict[str, float]
    remedies: list[str]


def latest_day(lake: LakeResource, contract: type[Contract], day: str | None, known_on: datetime | None = None) -> str:
    """The day asked for, or the latest published one. Raises NotPublishedError if it does not exist."""
    published = list(lake.partitions(contract, known_on))
    if not published:
        raise NotPublishedError(f"{contract.table()}: nothing is published yet; build it with `engagement run`")
    if day is None:
        return published[-1]
    if known_on is None:
        lake.require(contract, [day])
    elif day not in published:
        raise NotPublishedError(
            f"{contract.table()}: {day} was not built yet on {known_on:%Y-%m-%d %H:%M %Z}; "
            f"the {len(published)} day(s) built by then are of {published[0]} to {published[-1]}"
        )
    return day


def snapshot_report(settings: Settings, day: str | None = None) -> SnapshotReport:
    """The figures of a snapshot (default: the latest)."""
    lake = LakeResource.of(settings)
    chosen = latest_day(lake, EngagementScores, day)
    tables = {EngagementScores: [chosen], EngagementMetrics: [chosen], RejectedRows: None}
    with opened(lake, tables) as connection:
        found = connection.execute("FROM engagement_metrics").fetchall()
        segments = connection.execute(
            "SELECT engagement_segment, count(*), coalesce(sum(total_revenue), 0) FROM engagement_scores "
            "GROUP BY 1 ORDER BY max(engagement_score) DESC"
        ).fetchall()
        slipping = connection.execute(
            "SELECT customer_id, revenue_last_365_days, slipping_reasons FROM engagement_scores WHERE is_slipping "
            f"ORDER BY revenue_last_365_days DESC, customer_id LIMIT {_MOST_VALUABLE}"
        ).fetchall()
        rejected = connection.execute(
            "SELECT reason, count(*) FROM rejected_rows GROUP BY 1 ORDER BY 2 DESC, 1"
        ).fetchall()
    if not found:
        raise NotPublishedError(
            f"engagement_metrics: {chosen} is not built; build it with `engagement run --date {chosen}`"
        )
    named = dict(zip(EngagementMetrics.columns(), found[0], strict=True))
    return SnapshotReport(chosen, len(lake.partitions(EngagementScores)), named, segments, slipping, rejected)


def read_table(
    settings: Settings,
    table: str,
    day: str | None = None,
    customer: str | None = None,
    columns: list[str] | None = None,
    limit: int = 20,
    known_on: datetime | None = None,
) -> Rows:
    """Rows of a published table, of one day (default: the latest) and, where asked, of one customer.

    `known_on`: as the table was at that instant. Raises VersionNotKeptError if that version is not there.
    """
    contract = TABLES.get(table)
    if contract is None:
        raise UnknownTableError(f"there is no table {table!r}; the tables are {', '.join(TABLES)}")
    known = list(contract.columns())
    strange = [name for name in columns or [] if name not in known]
    if strange:
        raise UnknownTableError(f"{table} has no column {', '.join(strange)}; its columns are {', '.join(known)}")
    if customer is not None and "customer_id" not in known:
        raise UnknownTableError(f"{table} has no customers to choose from")
    lake = LakeResource.of(settings)
    daily = partition_column(contract) == "as_of_date"
    partition = latest_day(lake, contract, day, known_on) if daily else None
    chosen = columns or known
    order = ", ".join(f'"{name}"' for name in (contract.key() or chosen[:3]))
    listed = ", ".join(f'"{name}"' for name in chosen)
    rows_of, parameters = f"FROM {table}", {}
    if customer is not None:
        rows_of, parameters = f"{rows_of} WHERE customer_id = $customer", {"customer": customer}
    with opened(lake, {contract: [partition] if partition else None}, known_on) as connection:
        total = connection.execute(f"SELECT count(*) {rows_of}", parameters).fetchall()[0][0]
        query = f"SELECT {listed} {rows_of} ORDER BY {order} LIMIT {int(limit)}"
        rows = connection.execute(query, parameters).fetchall()
    return Rows(chosen, rows, total, partition)


def propose_bounds(settings: Settings, day: str | None = None) -> Proposal:
    """Bounds from the 1st and 99th percentiles of a snapshot; recency over buyers, the rest over all customers."""
    lake = LakeResource.of(settings)
    chosen = latest_day(lake, EngagementScores, day)
    policy = settings.scoring
    bounds = []
    with opened(lake, {EngagementScores: [chosen]}) as connection:
        for measure in MEASURES:
            column, current = measure.column, policy.bounds(measure)
            label = f"{measure.label}, {measure.unit}" if measure.unit else measure.label
            row = connection.execute(
                f"SELECT quantile_cont({column}::DOUBLE, {LOW_PERCENTILE}), quantile_cont({column}::DOUBLE, {HIGH_PERCENTILE}), "
                f"avg(({column} < {current.low} OR {column} > {current.high})::INT) FROM engagement_scores"
            ).fetchall()[0]
            low, high = (round(value, 2) if value is not None else None for value in row[:2])
            proposed = Bounds(low=low, high=high) if low is not None and high is not None and low < high else current
            bounds.append(ProposedBound(label, measure.reference, current, proposed, float(row[2] or 0)))
        shares = _segment_shares(connection, policy)
        has_sessions = connection.execute("SELECT coalesce(max(sessions_last_30_days), 0) > 0 FROM engagement_scores")
        held = {each.segment: each.share for each in shares}
        found = out_of_size(held, settings.monitoring) if any(held.values()) else {}
        ways = remedies(policy, has_sessions=bool(has_sessions.fetchall()[0][0]))
        return Proposal(chosen, bounds, shares, found, ways)


def _segment_shares(scores: duckdb.DuckDBPyConnection, policy: ScoringPolicy) -> list[SegmentShare]:
    wanted = [policy.high_share, policy.medium_share, policy.low_share]
    wanted.append(max(0.0, 1.0 - sum(wanted)))
    thresholds = [policy.high_threshold, policy.medium_threshold, policy.low_threshold, None]
    places = [max(0.0, 1.0 - sum(wanted[: number + 1])) for number in range(3)]
    counts = dict(scores.execute("SELECT engagement_segment, count(*) FROM engagement_scores GROUP BY 1").fetchall())
    quantiles = "SELECT quantile_cont(engagement_score, $places) FROM engagement_scores"
    limits = scores.execute(quantiles, {"places": places}).fetchall()[0][0] or [None] * 3
    customers = max(1, sum(counts.values()))
    return [
        SegmentShare(name, counts.get(name, 0) / customers, threshold, share, limit)
        for name, threshold, share, limit in zip(SEGMENTS, thresholds, wanted, [*limits, None], strict=True)
    ]
