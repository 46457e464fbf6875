"""A shim: the `dagster.yaml` of existing Dagster homes names this module."""

from engagement_assets.dagster_internals.run_launcher import WatchedRunLauncher as WatchedRunLauncher
