"""The origins of columns as Dagster takes them: column lineage."""

from __future__ import annotations

import dagster as dg

from engagement_assets.domain.column_origins import column_origins
from engagement_assets.domain.contracts import Contract
from engagement_assets.settings import Settings


def column_lineage(contract: type[Contract], settings: Settings) -> dg.TableColumnLineage | None:
    """The column lineage of a table under these settings; None if it reads no table."""
    found = column_origins(contract, settings.campaigns)
    if not found:
        return None
    return dg.TableColumnLineage(
        {
            name: [
                dg.TableColumnDep(dg.AssetKey(settings.asset_key(table)), column)
                for table, column in (each.split(".") for each in origins)
            ]
            for name, origins in found.items()
        }
    )
