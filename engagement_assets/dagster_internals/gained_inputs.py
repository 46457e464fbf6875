"""Dependencies that assets have gained, entered with the days that were built before.

Dagster notes with each materialisation what it was built from, and shows a day as stale if its asset has gained a dependency.
`segment_changes` has always read the tables in `GAINED`, but up to 186a7d4 its definition did not say so. Its days are given
what the later definition would have noted: the newest materialisation that each of these tables had then.

Dagster has no public way to change an event; and a new materialisation would make the days' check results those of an older one.
"""

from __future__ import annotations

from typing import Any

from dagster import AssetKey
from dagster._core.definitions.data_version import (
    CODE_VERSION_TAG,
    NULL_DATA_VERSION,
    NULL_EVENT_POINTER,
    extract_data_version_from_entry,
    get_input_data_version_tag,
    get_input_event_pointer_tag,
)
from dagster._core.events import DagsterEventType
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage
from dagster._serdes import deserialize_value, serialize_value
from sqlalchemy import Connection, select

#: Asset -> the assets that have become its dependencies.
GAINED = {"segment_changes": ("raw_customers", "raw_orders", "sessions")}

_EVENTS = SqlEventLogStorageTable.c


def enter_gained_inputs(storage: SqlEventLogStorage) -> int:
    """Enter what is missing; returns how many materialisations lacked it."""
    changed = 0
    with storage.index_connection() as connection:
        for asset, inputs in GAINED.items():
            tags = [get_input_event_pointer_tag(AssetKey(each)) for each in inputs]
            lacking = _of(asset).where(
                _EVENTS.event.like(f"%{CODE_VERSION_TAG}%"), _EVENTS.event.not_like(f"%{tags[0]}%")
            )
            for number, partition, text in connection.execute(lacking).all():
                entry = deserialize_value(text, EventLogEntry)
                assert entry.asset_materialization is not None
                assert isinstance(entry.asset_materialization.tags, dict)
                for each in inputs:
                    entry.asset_materialization.tags.update(_newest(connection, each, partition, number))
                change = SqlEventLogStorageTable.update().where(_EVENTS.id == number)
                connection.execute(change.values(event=serialize_value(entry)))
                changed += 1
    return changed


def _of(asset: str) -> Any:
    return select(_EVENTS.id, _EVENTS.partition, _EVENTS.event).where(
        _EVENTS.asset_key == AssetKey(asset).to_string(),
        _EVENTS.dagster_event_type == DagsterEventType.ASSET_MATERIALIZATION.value,
    )


def _newest(connection: Connection, asset: str, partition: str, before: int) -> dict[str, str]:
    """The tags that name the newest materialisation of a partition before an event."""
    query = _of(asset).where(_EVENTS.partition == partition, _EVENTS.id < before).order_by(_EVENTS.id.desc()).limit(1)
    found = connection.execute(query).first()
    version = extract_data_version_from_entry(deserialize_value(found[2], EventLogEntry)) if found else None
    key = AssetKey(asset)
    return {
        get_input_data_version_tag(key): (version or NULL_DATA_VERSION).value,
        get_input_event_pointer_tag(key): str(found[0]) if found else NULL_EVENT_POINTER,
    }
