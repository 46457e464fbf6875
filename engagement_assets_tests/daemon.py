"""Dagster's daemon, as far as tests of sensors need it: in this process, one look at a time."""

from __future__ import annotations

import dagster as dg

from engagement_assets.definitions import build_definitions
from engagement_assets_tests.worlds import World


class Daemon:
    """What Dagster's daemon does with a sensor, in this process: it keeps the cursor, and starts what is asked for."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.cursors: dict[str, str | None] = {}

    def tick(self, name: str) -> dg.RunRequest | str:
        """The run that a sensor asks for; its reason where it asks for none."""
        definitions = build_definitions(self.world.settings)
        sensor = definitions.resolve_sensor_def(name)
        with dg.build_sensor_context(
            instance=self.world.instance, definitions=definitions, cursor=self.cursors.get(name), sensor_name=name
        ) as context:
            found = sensor.evaluate_tick(context)
            self.cursors[name] = found.cursor
        return found.run_requests[0] if found.run_requests else found.skip_message or ""

    def start(self, request: dg.RunRequest, job: str, *, expect: bool = True) -> None:
        """The run that was asked for; asserts its outcome."""
        result = (
            build_definitions(self.world.settings)
            .resolve_job_def(job)
            .execute_in_process(
                instance=self.world.instance,
                tags=request.tags,
                partition_key=request.tags.get("dagster/partition"),
                asset_selection=request.asset_selection,
                raise_on_error=False,
            )
        )
        assert result.success == expect
