"""What Dagster recorded: check results of a day, and the last runs. Read from its home; nothing is written there."""

from __future__ import annotations

import logging
import os
import threading
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engagement_assets.settings import Settings

if TYPE_CHECKING:
    from engagement_assets.dagster_internals.check_results import CheckResult

log = logging.getLogger("engagement.dashboard")

RUNS_SHOWN = 10


class NoHistoryError(LookupError):
    """There is no Dagster home to read from; the message says where one was looked for."""


@dataclass(frozen=True)
class Run:
    """A run as Dagster recorded it; times in the business time zone."""

    run_id: str
    job: str
    status: str
    days: str
    started: datetime | None
    seconds: float | None


class DagsterLog:
    """Dagster's event log. Opening it imports Dagster, which takes seconds: done once, in the background if asked."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._instance: Any = None

    def warm_up(self) -> None:
        """Open the log in the background."""

        def work() -> None:
            try:
                self._opened()
            except NoHistoryError:
                pass
            except Exception:
                log.exception("Dagster's log could not be opened")

        threading.Thread(target=work, daemon=True).start()

    def checks(self, day: str) -> list[CheckResult]:
        """The latest result of each check for a day, failed ones first."""
        # Only now, because importing Dagster takes seconds.
        from engagement_assets.dagster_internals.check_results import check_results

        return check_results(self._opened(), self._settings.asset_key_prefix, day)

    def runs(self) -> list[Run]:
        """The last runs, the latest first."""
        from engagement_assets.dagster_internals.names import (
            ASSET_PARTITION_RANGE_END_TAG,
            ASSET_PARTITION_RANGE_START_TAG,
        )
        from engagement_assets.dagster_internals.shop_runs import runs_of

        zone = self._settings.zone
        runs = []
        for record in islice(runs_of(self._opened(), self._settings.asset_key_prefix), RUNS_SHOWN):
            tags = record.dagster_run.tags
            first, last = tags.get(ASSET_PARTITION_RANGE_START_TAG), tags.get(ASSET_PARTITION_RANGE_END_TAG)
            days = f"{first} to {last}" if first and last else tags.get("dagster/partition", "")
            seconds = record.end_time - record.start_time if record.end_time and record.start_time else None
            started = datetime.fromtimestamp(record.start_time, zone) if record.start_time else None
            run = record.dagster_run
            runs.append(Run(run.run_id, run.job_name, run.status.value, days, started, seconds))
        return runs

    def _opened(self) -> Any:
        with self._lock:
            if self._instance is None:
                # Not `runs.dagster_home()`: that makes a home where there is none, and the dashboard only reads.
                home = Path(os.environ.get("DAGSTER_HOME") or ".dagster_home").expanduser().resolve()
                if not (home / "dagster.yaml").exists():
                    raise NoHistoryError(f"There is no Dagster home in {home.name}; the first run makes it.")
                os.environ["DAGSTER_HOME"] = str(home)
                import dagster as dg

                self._instance = dg.DagsterInstance.get()
            return self._instance
