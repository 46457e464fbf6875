"""One pandera model per table: its columns, their types and units, and the rules its rows keep."""

from engagement_assets.domain.contracts.base import Contract, Rule
from engagement_assets.domain.contracts.engagement import (
    CustomerFeatures,
    EngagementMetrics,
    EngagementScores,
    OrderAggregates,
    ReturnRates,
    Sessions,
)
from engagement_assets.domain.contracts.marketing import CampaignAudiences, CampaignResults, SegmentChanges
from engagement_assets.domain.contracts.monitoring import ScoreBacktest
from engagement_assets.domain.contracts.sources import (
    SOURCE_TABLES,
    RawContacts,
    RawCustomers,
    RawOrders,
    RawWebEvents,
    RejectedRows,
)

_CONTRACTS: tuple[type[Contract], ...] = (
    *SOURCE_TABLES.values(),
    Sessions,
    OrderAggregates,
    CustomerFeatures,
    ReturnRates,
    EngagementScores,
    EngagementMetrics,
    SegmentChanges,
    CampaignAudiences,
    CampaignResults,
    ScoreBacktest,
    RejectedRows,
)

TABLES: dict[str, type[Contract]] = {contract.table(): contract for contract in _CONTRACTS}

__all__ = [
    "TABLES",
    "CampaignAudiences",
    "CampaignResults",
    "Contract",
    "CustomerFeatures",
    "EngagementMetrics",
    "EngagementScores",
    "OrderAggregates",
    "RawContacts",
    "RawCustomers",
    "RawOrders",
    "RawWebEvents",
    "RejectedRows",
    "ReturnRates",
    "Rule",
    "ScoreBacktest",
    "SegmentChanges",
    "Sessions",
]
