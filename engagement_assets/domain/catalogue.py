"""Which partitions a partition is built from, and which published ones are older than something they were built from.

A table that is built from others has an entry in `READS`; the transform of the same name reads no more than that.
"""

from __future__ import annotations

from dataclasses import dataclass

from engagement_assets.domain.campaign_policy import CampaignPolicy
from engagement_assets.domain.contracts import (
    TABLES,
    CampaignAudiences,
    Contract,
    CustomerFeatures,
    EngagementMetrics,
    EngagementScores,
    OrderAggregates,
    RawCustomers,
    RawOrders,
    RawWebEvents,
    ScoreBacktest,
    SegmentChanges,
    Sessions,
)
from engagement_assets.domain.scoring_policy import ScoringPolicy

#: Days after a snapshot over which its score is judged.
HORIZONS = (30, 60, 90)


@dataclass(frozen=True)
class Read:
    """What partition `T` reads of another table: the days from `days_before` days before `T` to `T`; None: from the first.

    With `horizons` it reads what came after instead: the days after `T` up to the longest of these that is over.
    """

    table: type[Contract]
    days_before: int | None = 0
    horizons: tuple[int, ...] = ()


def reads(scoring: ScoringPolicy, campaigns: CampaignPolicy) -> dict[type[Contract], tuple[Read, ...]]:
    """What each table reads, in the order of the pipeline. Source tables read the sources, and no table."""
    two_windows = 2 * scoring.activity_window_days
    return {
        RawCustomers: (),
        RawOrders: (),
        RawWebEvents: (),
        Sessions: (Read(RawWebEvents, 1),),
        OrderAggregates: (Read(RawOrders, None), Read(RawCustomers)),
        CustomerFeatures: (Read(Sessions, two_windows - 1), Read(OrderAggregates), Read(RawCustomers)),
        EngagementScores: (Read(CustomerFeatures),),
        EngagementMetrics: (Read(EngagementScores),),
        # And the snapshot of the day before: what that is built from, so that it can be built again and outdate nothing.
        SegmentChanges: (
            Read(EngagementScores),
            Read(Sessions, two_windows),
            Read(RawOrders, None),
            Read(RawCustomers),
        ),
        CampaignAudiences: (Read(EngagementScores), Read(Sessions, campaigns.abandoned_cart_days - 1)),
        ScoreBacktest: (Read(EngagementScores), Read(RawOrders, None), Read(RawOrders, horizons=HORIZONS)),
    }


def daily_tables() -> list[type[Contract]]:
    """The tables with a partition per day."""
    return [contract for contract in TABLES.values() if "as_of_date" in contract.columns()]


#: Tables of facts. A run of one brings it up to date, whichever day it is asked for.
FACTS: tuple[type[Contract], ...] = (RawOrders, RawWebEvents, Sessions)
