"""The origins of columns as Dagster takes them: column lineage."""

from __future__ import annotations

import dagster as dg

from engagement_assets.domain.catalogue import daily_tables
from engagement_assets.domain.column_origins import column_origins
from engagement_assets.domain.contracts import Contract
from engagement_assets.domain.contracts.sources import SOURCE_TABLES
from engagement_assets.settings import Settings


def column_lineage(contract: type[Contract], settings: Settings) -> dg.TableColumnLineage | None:
    """The column lineage of a table under these settings: of a mapped source, the columns of its files; None if there is none."""
    source = next((name for name, table in SOURCE_TABLES.items() if table is contract), None)
    mapping = None if source is None or settings.mappings is None else getattr(settings.mappings, source)
    if mapping is not None:
        files = dg.AssetKey(["files", str(source)])
        return dg.TableColumnLineage(
            {
                name: [dg.TableColumnDep(files, column) for column in term.columns]
                for name, term in mapping.terms.items()
                if name in contract.columns() and term.columns
            }
        )
    found = column_origins(contract, settings.campaigns)
    there = {table.table() for table in daily_tables(settings.sources_there)}
    if not found:
        return None
    return dg.TableColumnLineage(
        {
            name: [
                dg.TableColumnDep(dg.AssetKey(settings.asset_key(table)), column)
                for table, column in (each.split(".") for each in origins)
                if table in there
            ]
            for name, origins in found.items()
        }
    )
