"""How far a run is, told to whoever started it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass

import dagster as dg

from engagement_assets.dagster_internals.shop_runs import asset_of
from engagement_assets.domain.catalogue import daily_tables


@dataclass(frozen=True)
class Progress:
    """Where a run stands: steps finished of all, and what it is doing."""

    done: int
    total: int
    doing: str


Listener = Callable[[Progress], None]


_listener: ContextVar[Listener | None] = ContextVar("listener", default=None)


class _ProgressHandler(logging.Handler):
    """Turns Dagster's log records of a run into progress."""

    def __init__(self) -> None:
        super().__init__()
        self.tables = {table.table() for table in daily_tables()}
        self.done = 0
        self.doing = "starting"

    def emit(self, record: logging.LogRecord) -> None:
        listener = _listener.get()
        if listener is None:
            return
        meta = getattr(record, "dagster_meta", {}) or {}
        event: dg.DagsterEvent | None = meta.get("dagster_event")
        asset = asset_of(str(event.step_key)) if event is not None else ""
        if event is not None and event.is_step_start:
            self.doing = asset
        elif event is not None and event.is_step_success and asset.rpartition("/")[-1] in self.tables:
            self.done += 1
        elif event is None and record.levelno >= logging.INFO:
            self.doing = str(meta.get("orig_message") or record.getMessage())
        else:
            return
        listener(Progress(self.done, len(self.tables), self.doing))


@dg.logger(config_schema={}, description="Reports progress to the command line.")
def progress_logger(_: dg.InitLoggerContext) -> logging.Logger:
    """A Dagster logger that tells the caller of `run_days` how far the run is."""
    logger = logging.Logger("engagement.progress", level=logging.DEBUG)
    logger.addHandler(_ProgressHandler())
    return logger
