"""What monitoring looks at: a table's days, and what one query of its rows tells of the days asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from functools import cached_property
from typing import Any

from engagement_assets.analysis.monitoring.stability import band_sql
from engagement_assets.domain.contracts import Contract, EngagementScores, RejectedRows
from engagement_assets.domain.monitoring_policy import MonitoringPolicy
from engagement_assets.lake.reading import opened
from engagement_assets.lake.tables import LakeResource
from engagement_assets.settings import Settings

#: How far above the upper quartile a value must be to count as an outlier, in interquartile ranges.
FAR_OUT = 3

#: Measures whose outliers are counted; zeros are left out, most customers have them.
OUTLIER_COLUMNS = ("total_revenue", "average_order_value", "total_orders", "sessions_last_30_days")

#: Scores whose distribution is watched.
PSI_COLUMNS = ("engagement_score", "reference_score")

SEGMENT_COLUMNS = ("engagement_segment", "value_segment")

#: Days that an earlier snapshot may be old to count as the previous one.
PREVIOUS_DAYS = 7

#: Reasons for which rows are kept out without being at fault.
_NO_FAULT = ("outside_observation_window",)


class Look:
    """A table as monitoring looks at it: its days, and what one query of its rows tells of the days asked for."""

    def __init__(self, lake: LakeResource, settings: Settings, contract: type[Contract], days: Sequence[str]) -> None:
        self.lake = lake
        self.settings = settings
        self.contract = contract
        self.days = days

    @property
    def policy(self) -> MonitoringPolicy:
        """The thresholds."""
        return self.settings.monitoring

    @cached_property
    def published(self) -> dict[str, int]:
        """The published days with their rows."""
        return self.lake.partitions(self.contract)

    @cached_property
    def published_before_run(self) -> dict[str, int]:
        """The days with their rows as they were before the run that wrote last."""
        return self.lake.partitions_before_run(self.contract)

    def previous(self, day: str) -> str | None:
        """The latest snapshot of the week before a day; None if there is none."""
        return next(
            (before for n in range(1, PREVIOUS_DAYS + 1) if (before := earlier(day, n)) in self.published), None
        )

    def reference(self, day: str) -> str:
        """The snapshot that distributions are compared with beside the previous one, published or not."""
        chosen = self.policy.reference_date
        return chosen.isoformat() if chosen else earlier(day, self.policy.reference_days)

    @property
    def snapshots(self) -> dict[str, dict[str, Any]]:
        """Counts of the scores of the days asked for and of those they are compared with, in one query."""
        if isinstance(self._counted, Exception):
            raise self._counted
        return self._counted

    @cached_property
    def _counted(self) -> dict[str, dict[str, Any]] | Exception:
        # What cannot be read is asked for once too, not for each day and monitor.
        try:
            return self._count()
        except Exception as error:
            return error

    def _count(self) -> dict[str, dict[str, Any]]:
        wanted = {other for day in self.days for other in (day, self.previous(day), self.reference(day))}
        known = sorted(day for day in wanted if day is not None and day in self.published)
        nullable = [name for name, column in EngagementScores.columns().items() if column.nullable]
        limit = f"high_{{0}} + {FAR_OUT} * (high_{{0}} - low_{{0}})"
        fences = [
            f"quantile_cont({c}::DOUBLE, {q}) FILTER ({c} > 0) AS {name}_{c}"
            for c in OUTLIER_COLUMNS
            for name, q in (("low", 0.25), ("high", 0.75))
        ]
        counts = [
            *(f"count(*) FILTER ({name} IS NULL) AS empty_{name}" for name in nullable),
            *(f"histogram({band_sql(name)}) AS bands_{name}" for name in PSI_COLUMNS),
            *(f"histogram({name}) AS groups_{name}" for name in SEGMENT_COLUMNS),
            "count(*) FILTER (sessions_last_30_days > 0) AS with_sessions",
            *(f"count(*) FILTER ({c} > 0 AND high_{c} > low_{c}) AS positive_{c}" for c in OUTLIER_COLUMNS),
            *(f"count(*) FILTER ({c} > {limit.format(c)}) AS beyond_{c}" for c in OUTLIER_COLUMNS),
            *(
                f"count(*) FILTER ({c} > {self.policy.extreme_factor} * ({limit.format(c)})) AS extreme_{c}"
                for c in OUTLIER_COLUMNS
            ),
        ]
        query = f"""
            WITH fences AS (SELECT as_of_date, {", ".join(fences)} FROM engagement_scores GROUP BY as_of_date)
            SELECT as_of_date, count(*) AS customers, {", ".join(counts)}
            FROM engagement_scores JOIN fences USING (as_of_date) GROUP BY as_of_date
        """
        return {str(row["as_of_date"]): row for row in _rows(self.lake, {EngagementScores: known}, query)}

    @cached_property
    def rejected(self) -> dict[str, int]:
        """Rejected rows at fault of this table's source, by the day they speak of."""
        source = self.contract.table().removeprefix("raw_")
        query = """
            SELECT row_date, count(*) AS rows FROM rejected_rows
            WHERE row_date IS NOT NULL AND NOT list_contains($no_fault, reason) GROUP BY row_date
        """
        found = _rows(self.lake, {RejectedRows: [source]}, query, no_fault=list(_NO_FAULT))
        return {str(row["row_date"]): row["rows"] for row in found}


def _rows(
    lake: LakeResource, tables: Mapping[type[Contract], Sequence[str] | None], query: str, **parameters: Any
) -> list[dict[str, Any]]:
    with opened(lake, tables) as connection:
        cursor = connection.execute(query, parameters)
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def earlier(day: str, days: int) -> str:
    """The day so many days before."""
    return (date.fromisoformat(day) - timedelta(days=days)).isoformat()
