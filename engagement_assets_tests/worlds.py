"""Small sources and a lake of a test's own: written from plain lists, run through Dagster, read back as plain rows."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG

from engagement_assets.definitions import build_definitions
from engagement_assets.domain.contracts import TABLES
from engagement_assets.lake.tables import LakeResource
from engagement_assets.operations.dagster_home import LOCAL_INSTANCE
from engagement_assets.pipeline.automation import DAILY_JOB
from engagement_assets.settings import Settings
from engagement_assets_tests import PROJECT

NO_CAPTURED_OUTPUT = """
compute_logs:
  module: dagster._core.storage.noop_compute_log_manager
  class: NoOpComputeLogManager
"""

Row = dict[str, Any]

#: The committed sample data and its first day.
SAMPLE_DATA = PROJECT / "data" / "raw"
SAMPLE_START = date(2025, 1, 1)


@dataclass
class World:
    """Sources under `root`/raw, tables under `root`/lake, a Dagster home under `root`/home."""

    root: Path
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def settings(self) -> Settings:
        """Settings of this world; `options` change them."""
        places = {name: str(self.root / name) for name in ("lake", "export")}
        # Just before the two windows of 31 March, so that few days are filled in.
        return Settings(**{"data": str(self.root / "raw"), "start_date": date(2025, 1, 30), **places, **self.options})

    @cached_property
    def instance(self) -> dg.DagsterInstance:
        """The Dagster instance, with the home that the product makes for a single machine."""
        home = self.root / "home"
        if not (home / "history").exists():
            shutil.copytree(_new_home().name, home, dirs_exist_ok=True)
        return _opened(home)

    @property
    def lake(self) -> LakeResource:
        """The tables."""
        return LakeResource.of(self.settings)

    # ---- sources -----------------------------------------------------------------------------------------------------

    def customers(
        self, rows: Sequence[Row], name: str = "customers.parquet", types: Mapping[str, pa.DataType] = {}
    ) -> None:
        """Write a customers file: customer_id, signup_date and country are filled in where a row lacks them."""
        defaults = {"customer_id": None, "email": None, "signup_date": date(2025, 1, 1), "country": "DE"}
        self.parquet("customers", name, [{**defaults, **row} for row in rows], types)

    def orders(self, rows: Sequence[Row], name: str = "orders.parquet", types: Mapping[str, pa.DataType] = {}) -> None:
        """Write an orders file."""
        self.parquet("orders", name, rows, types)

    def parquet(self, source: str, name: str, rows: Sequence[Row], types: Mapping[str, pa.DataType] = {}) -> None:
        """Write rows as a Parquet file of a source; `types` override what pyarrow infers."""
        place = self.root / "raw" / source / name
        place.parent.mkdir(parents=True, exist_ok=True)
        columns = {key: pa.array([row[key] for row in rows], type=types.get(key)) for key in rows[0]}
        pq.write_table(pa.table(columns), place)

    def events(self, rows: Sequence[Row], name: str = "events.jsonl") -> None:
        """Write events as JSON lines; event_type is page_view where a row lacks it."""
        self.lines([json.dumps({"event_type": "page_view", **row}) for row in rows], name)

    def lines(self, lines: Sequence[str], name: str = "events.jsonl") -> None:
        """Write lines of text as a web events file."""
        place = self.root / "raw" / "web_events" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")

    # ---- runs --------------------------------------------------------------------------------------------------------

    def run(
        self,
        first: str,
        last: str | None = None,
        *,
        expect: bool | None = True,
        tables: Sequence[str] | None = None,
        accept_missing: Sequence[str] = (),
    ) -> dg.ExecuteInProcessResult:
        """Build a day or a range of days, of all tables or some; asserts the outcome that is expected (None: either)."""
        config: dict[str, Any] = {"loggers": {"progress": {}}}
        if accept_missing:
            config["resources"] = {"sources": {"config": {"accept_missing": list(accept_missing)}}}
        job = build_definitions(self.settings).resolve_job_def(DAILY_JOB)
        if last is None:
            tags, partition = {}, first
        else:
            tags, partition = {ASSET_PARTITION_RANGE_START_TAG: first, ASSET_PARTITION_RANGE_END_TAG: last}, None
        result = job.execute_in_process(
            instance=self.instance,
            tags=tags,
            partition_key=partition,
            asset_selection=None if tables is None else [dg.AssetKey(table) for table in tables],
            raise_on_error=False,
            run_config=config,
        )
        if expect is not None and result.success != expect:
            raise AssertionError(failures(result) or "the run succeeded, but should have failed")
        return result

    # ---- tables ------------------------------------------------------------------------------------------------------

    def rows(self, table: str, day: str | None = None) -> list[Row]:
        """The published rows of a table, of one day or of all, in the order of their columns."""
        contract = TABLES[table]
        paths = self.lake.files(contract, [day] if day else None)
        names = list(contract.columns())
        if not paths:
            return []
        with duckdb.connect() as connection:
            connection.execute("SET TimeZone = 'UTC'")
            found = connection.execute(
                "SELECT COLUMNS(*) FROM read_parquet($paths, hive_partitioning = false) ORDER BY ALL", {"paths": paths}
            ).fetchall()
        return [dict(zip(names, row, strict=True)) for row in found]

    def by_customer(self, table: str, day: str) -> dict[str, Row]:
        """The rows of a day by customer_id."""
        return {row["customer_id"]: row for row in self.rows(table, day)}

    def rejected(self) -> dict[str, int]:
        """Rejected rows by source and reason, as `source:reason`."""
        counts: dict[str, int] = {}
        for row in self.rows("rejected_rows"):
            key = f"{row['source']}:{row['reason']}"
            counts[key] = counts.get(key, 0) + 1
        return counts

    def metadata(self, result: dg.ExecuteInProcessResult, asset: str) -> dict[str, Any]:
        """Metadata of an asset's latest materialisation in a run, as plain values."""
        events = [e for e in result.get_asset_materialization_events() if e.asset_key == dg.AssetKey(asset)]
        return {key: value.value for key, value in events[-1].materialization.metadata.items()}


def _opened(home: Path) -> dg.DagsterInstance:
    base = str(home / "history" / "runs")
    # Without the capture of each step's output, which starts four processes a run.
    config = LOCAL_INSTANCE.replace("history/runs", base) + NO_CAPTURED_OUTPUT
    (home / "dagster.yaml").write_text(config, encoding="utf-8")
    return dg.DagsterInstance.from_config(str(home))


@cache
def _new_home() -> tempfile.TemporaryDirectory[str]:
    """A Dagster home in which nothing has happened: its databases are copied faster than made."""
    folder = tempfile.TemporaryDirectory(prefix="engagement-home-")
    _opened(Path(folder.name)).dispose()
    return folder


def failures(result: dg.ExecuteInProcessResult) -> str:
    """Why the steps of a run failed."""
    texts = []
    for event in result.all_events:
        if event.is_step_failure:
            data = event.step_failure_data
            texts.append(f"{event.step_key}: {data.error.to_string() if data.error else ''} {data.user_failure_data}")
    return "\n".join(texts)
