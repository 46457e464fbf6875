"""The origins of columns as Dagster takes them: column lineage."""

from __future__ import annotations

import dagster as dg

from engagement_assets.domain.campaign_policy import CampaignPolicy
from engagement_assets.domain.column_origins import column_origins
from engagement_assets.domain.contracts import Contract


def column_lineage(contract: type[Contract], campaigns: CampaignPolicy) -> dg.TableColumnLineage | None:
    """The column lineage of a table under these rules of the audiences; None if it reads no table."""
    found = column_origins(contract, campaigns)
    if not found:
        return None
    return dg.TableColumnLineage(
        {
            name: [dg.TableColumnDep(dg.AssetKey(table), column) for table, column in (o.split(".") for o in origins)]
            for name, origins in found.items()
        }
    )
