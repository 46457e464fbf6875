"""A shim: the `dagster.yaml` of existing Dagster homes names this module."""

from engagement_assets.dagster_internals.event_log import PooledSqliteEventLogStorage as PooledSqliteEventLogStorage
