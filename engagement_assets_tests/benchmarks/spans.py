"""A command of the product that tells where its time went: by kind of work, not by step.

    python -m engagement_assets_tests.benchmarks.spans run --from FIRST --to LAST

Prints, last, a line per kind: seconds, a tab, the kind. Work within other work is told once, under its own kind. While a chunk is
checked and published the next is built, so that the kinds may add up to more than the time from launch to end, which is the last
line. The engine computes a table when it is written: a transform is in the building of its table.
"""

from __future__ import annotations

import time

_BEGAN = time.monotonic()

import atexit  # noqa: E402 - the clock comes first
import functools  # noqa: E402
import threading  # noqa: E402
from collections import defaultdict  # noqa: E402
from collections.abc import Callable, Iterator  # noqa: E402
from contextlib import contextmanager  # noqa: E402
from typing import Any  # noqa: E402

STARTING = "starting Python, importing, opening Dagster"
REST = "Dagster between all these"
WHOLE = "from launch to end"


class Spans:
    """Seconds by kind; of what several threads do at the same time, each second counts for each."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self.busy: list[tuple[float, float]] = []
        self._local = threading.local()

    @contextmanager
    def span(self, kind: str) -> Iterator[None]:
        """Count the time of the block, less that of spans within it."""
        within: list[float] = self._local.__dict__.setdefault("within", [])
        began = time.monotonic()
        within.append(0.0)
        try:
            yield
        finally:
            ended = time.monotonic()
            self.seconds[kind] += ended - began - within.pop()
            if within:
                within[-1] += ended - began
            else:
                self.busy.append((began, ended))

    def watch(self, owner: Any, name: str, kind: str | Callable[..., str]) -> None:
        """Count the calls of a function; `kind` may depend on its arguments."""
        called = getattr(owner, name)

        @functools.wraps(called)
        def counted(*arguments: Any, **named: Any) -> Any:
            with self.span(kind if isinstance(kind, str) else kind(*arguments, **named)):
                return called(*arguments, **named)

        setattr(owner, name, counted)

    def covered(self) -> float:
        """Seconds in which at least one thread was within a span."""
        total = until = 0.0
        for began, ended in sorted(self.busy):
            total += max(0.0, ended - max(began, until))
            until = max(until, ended)
        return total

    def tell(self) -> None:
        """Print the lines."""
        longest_first = sorted(self.seconds.items(), key=lambda kind: -kind[1])
        whole = time.monotonic() - _BEGAN
        for kind, seconds in [*longest_first, (REST, whole - self.covered()), (WHOLE, whole)]:
            print(f"{seconds:.3f}\t{kind}")  # noqa: T201 - what the caller reads


def main() -> None:
    """Watch the product's rooms, then be its command."""
    from engagement_assets.analysis.backtest.evaluation import Backtest
    from engagement_assets.analysis.monitoring.look import Look
    from engagement_assets.cli import main as command
    from engagement_assets.dagster_internals.event_log import PooledSqliteEventLogStorage
    from engagement_assets.engine import EngineResource
    from engagement_assets.lake.tables import LakeResource
    from engagement_assets.operations import runs
    from engagement_assets.pipeline.publication import Publication
    from engagement_assets.sources.ingestion import Ingestion

    spans = Spans()
    spans.watch(EngineResource, "_start_embedded", "starting the engine")
    for name in ("inspect", "customers", "facts", "remember_customers", "remember_facts"):
        spans.watch(Ingestion, name, "examining sources")
    spans.watch(LakeResource, "stage", lambda _, __, contract, **___: f"building and writing {contract.table()}")
    spans.watch(Publication, "_audit", "checks: contracts")
    spans.watch(Look, "_count", "checks: monitoring")
    for name in ("commit", "discard", "_vacuum_quietly"):
        spans.watch(LakeResource, name, "publishing")
    spans.watch(Backtest, "judge", "comparing snapshots with what came after")
    spans.watch(PooledSqliteEventLogStorage, "store_event", "storing Dagster's events")
    spans.watch(runs, "export_published", "files for BI tools")
    first_run = runs.build_tables

    def build_tables(*arguments: Any, **named: Any) -> Any:
        began = time.monotonic()
        spans.seconds[STARTING] += began - _BEGAN
        spans.busy.append((_BEGAN, began))
        return first_run(*arguments, **named)

    runs.build_tables = build_tables
    atexit.register(spans.tell)
    command()


if __name__ == "__main__":
    main()
