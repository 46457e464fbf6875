"""What a reading of all sources keeps, without a run."""

from __future__ import annotations

from engagement_assets.engine import EngineResource
from engagement_assets.lake.tables import LakeResource
from engagement_assets.settings import Settings, today
from engagement_assets.sources.finding import SourcesResource
from engagement_assets.sources.ingestion import ingestion
from engagement_assets.sources.registry import CUSTOMERS, SOURCES

#: Source -> its kept rows, as texts in the order of their columns, and how many others there are of each verdict.
Kept = dict[str, tuple[list[tuple[str, ...]], dict[str, int]]]


def kept_rows(settings: Settings, engine: EngineResource) -> Kept:
    """The rows that a run would keep today, and what would become of the others."""
    lake, found, last = LakeResource.of(settings), {}, today(settings)
    with ingestion("test", settings, SourcesResource.of(settings), engine, lake) as run:
        customers = run.whole(run.inspect(CUSTOMERS), last)
        for source in SOURCES.values():
            reading = customers if source is CUSTOMERS else run.whole(run.inspect(source), last, customers.who)
            rows = reading.kept.select(*source.columns).collect()
            account = reading.account
            beside = {
                what: count
                for what, count in [*account.rejected.items(), *vars(account).items()]
                if isinstance(count, int) and count and what not in ("read", "kept")
            }
            found[source.name] = sorted(tuple(str(value) for value in row) for row in rows), beside
    return found
