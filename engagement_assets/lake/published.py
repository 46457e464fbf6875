"""The published tables of a lake, for readers: which files are live, what they hold, and whether they are whole.

What is published changes in whole partitions only (`tables.py`), so that a reader sees a snapshot or its predecessor.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from dagster import ConfigurableResource
from deltalake import DeltaTable
from deltalake.exceptions import TableNotFoundError
from pydantic import PrivateAttr
from pyspark.sql import DataFrame, SparkSession

from engagement_assets.domain.contracts import TABLES, Contract
from engagement_assets.lake import evolution, versions
from engagement_assets.lake.current import CurrentVersion, files_of
from engagement_assets.lake.damage import Damage, TableDamagedError, what_is_wrong
from engagement_assets.lake.erasures import Erasures, read_erasures
from engagement_assets.lake.notes import Notes
from engagement_assets.lake.staging import partition_column
from engagement_assets.lake.stores import file_system
from engagement_assets.settings import is_url, local_path


class NotPublishedError(LookupError):
    """A table or some of its partitions do not exist yet; the message names them and what builds them."""


class PublishedTables(ConfigurableResource):
    """The published tables under `root` (local folder or object-store URL).

    `retention_days`: how long a replaced version stays readable.
    """

    root: str
    retention_days: float = 30

    _current: dict[type[Contract], CurrentVersion] = PrivateAttr(default_factory=dict)
    _handed_out: dict[str, tuple[type[Contract], str]] = PrivateAttr(default_factory=dict)

    @property
    def location(self) -> str:
        """The root as an absolute path or URL, without a slash at its end."""
        return self.root.rstrip("/") if is_url(self.root) else str(local_path(self.root))

    def path(self, contract: type[Contract]) -> str:
        """Where a table lives."""
        return f"{self.location}/{contract.table()}"

    @property
    def notes(self) -> Notes:
        """What runs have noted for later ones, beside the tables. Losing any of it costs time only."""
        return Notes(f"{self.location}/.last_read")

    @property
    def erasures(self) -> Erasures:
        """Who is left out of everything, on request."""
        return read_erasures(self._erased)

    @property
    def _erased(self) -> Notes:
        return Notes(f"{self.location}/.erased")

    # ---- versions and files -------------------------------------------------------------------------------------------

    def delta(self, contract: type[Contract], known_on: datetime | None = None) -> DeltaTable | None:
        """The table's current version, or the one that was current at an instant; None if it was never written.

        Raises VersionNotKeptError if the table did not exist then.
        """
        try:
            table = DeltaTable(self.path(contract))
        except TableNotFoundError:
            return None
        return table if known_on is None else versions.version_on(table, contract.table(), known_on)

    def current(self, contract: type[Contract]) -> CurrentVersion | None:
        """The table's current version, for readers; None if it was never written."""
        known = self._current.get(contract)
        if known is None or not known.is_still():
            table = self.delta(contract)
            if table is None:
                return None
            self._current[contract] = known = CurrentVersion(contract, table, self.path(contract))
        return known

    def _live_files(self, contract: type[Contract]) -> list[dict[str, Any]]:
        current = self.current(contract)
        return current.files if current is not None else []

    def live_files(self, contract: type[Contract]) -> Iterator[tuple[str, str]]:
        """Partition and path, relative to the table, of each published file, those of days without rows too."""
        for file in self._live_files(contract):
            yield file["partition"], file["path"]

    def partitions(self, contract: type[Contract], known_on: datetime | None = None) -> dict[str, int]:
        """The published partitions in their order, with their rows. A day without rows is published too, with 0."""
        counts: dict[str, int] = defaultdict(int)
        if known_on is None:
            files = self._live_files(contract)
        else:
            table = self.delta(contract, known_on)
            files = files_of(contract, table) if table is not None else []
        for file in files:
            counts[file["partition"]] += file["rows"]
        return dict(sorted(counts.items()))

    def written_at(self, contract: type[Contract]) -> dict[str, int]:
        """When each published partition was written, in milliseconds of Unix time."""
        newest: dict[str, int] = {}
        for file in self._live_files(contract):
            newest[file["partition"]] = max(newest.get(file["partition"], 0), int(file["modified"]))
        return newest

    def fingerprint(self, contract: type[Contract], partition: str | None = None) -> str:
        """Changes with what is published, of one partition or of all, whatever changed it."""
        paths = sorted(file["path"] for file in self._live_files(contract) if partition in (None, file["partition"]))
        return hashlib.sha256("\n".join(paths).encode()).hexdigest()[:16]

    def last_commit(self, contract: type[Contract]) -> dict[str, Any]:
        """What `commit` recorded with the table's newest version; empty if there is none."""
        current = self.current(contract)
        return current.table.history(1)[0] if current is not None else {}

    def published_at(self, contract: type[Contract]) -> datetime | None:
        """When the newest version was committed, in UTC."""
        stamp = self.last_commit(contract).get("timestamp")
        return datetime.fromtimestamp(stamp / 1000).astimezone() if stamp else None

    def files(
        self,
        contract: type[Contract],
        partitions: Iterable[str] | None = None,
        known_on: datetime | None = None,
    ) -> list[str]:
        """Full paths of the published Parquet files, for any reader (DuckDB's `read_parquet`, pandas, Spark).

        Raises TableDamagedError if one of them is missing or has not the size that was committed: some readers skip a
        missing file without a word. Of an earlier version, raises VersionNotKeptError where a file is gone. Raises
        SchemaChangedError if the columns do not fit the contract.
        """
        return [path for path, _ in self.files_and_gaps(contract, partitions, known_on)]

    def files_and_gaps(
        self,
        contract: type[Contract],
        partitions: Iterable[str] | None = None,
        known_on: datetime | None = None,
    ) -> list[tuple[str, frozenset[str]]]:
        """As `files`, each with the columns that it lacks: those that came to the contract after it was written, null in it."""
        if known_on is None:
            self._require_fit(contract)
            current = self.current(contract)
            table, live = (current.table, current.files) if current is not None else (None, [])
        else:
            table = self.delta(contract, known_on)
            live = files_of(contract, table) if table is not None else []
        if table is None:
            return []
        if known_on is not None and (misfits := evolution.misfits(table, contract, partition_column(contract))):
            raise versions.VersionNotKeptError(
                f"{contract.table()}: the version of {known_on:%Y-%m-%d %H:%M %Z} has other columns ({'; '.join(misfits)}); "
                "the version of this package that wrote it can show it"
            )
        live = _chosen(live, partitions)
        root = self.path(contract)
        files, path = file_system(root)
        if known_on is not None:
            if not all(files.exists(f"{path}/{file['path']}") for file in live):
                raise versions.VersionNotKeptError(
                    f"{contract.table()}: the version of {known_on:%Y-%m-%d %H:%M %Z} is not kept any more; replaced versions "
                    f"are kept for {self.retention_days:g} days (ENGAGEMENT_RETENTION_DAYS)"
                )
        else:
            # One listing of an object store instead of a question for each file.
            listed = files.find(f"{path}/data", detail=True) if is_url(root) and live else None
            for file in live:
                what = what_is_wrong(files, f"{path}/{file['path']}", file["size"], listed=listed)
                if what:
                    raise TableDamagedError(str(Damage(contract, file["partition"], f"{root}/{file['path']}", what)))
        gaps = evolution.lacking(table, contract, [file["modified"] for file in live])
        return [(f"{root}/{file['path']}", lacks) for file, lacks in zip(live, gaps, strict=True)]

    def read(self, spark: SparkSession, contract: type[Contract], partitions: Iterable[str] | None = None) -> DataFrame:
        """The published rows of some partitions (all, if None), with exactly the contract's columns."""
        paths = self.files(contract, partitions)
        if not paths:
            return spark.createDataFrame([], contract.struct())
        self._handed_out |= {path: (contract, path.split("/partition=")[-1].split("/")[0]) for path in paths}
        return spark.read.schema(contract.struct()).parquet(*paths)

    def require(self, contract: type[Contract], partitions: Iterable[str]) -> None:
        """Raise NotPublishedError unless all these partitions are published."""
        published = self.partitions(contract)
        missing = sorted(set(partitions) - set(published))
        if missing:
            shown = ", ".join(missing[:5]) + (f" and {len(missing) - 5} more" if len(missing) > 5 else "")
            raise NotPublishedError(
                f"{contract.table()}: {len(missing)} partition(s) are not built: {shown}; "
                f"build them with `engagement run --from {missing[0]} --to {missing[-1]}`"
            )

    # ---- damage ------------------------------------------------------------------------------------------------------

    def damage(
        self, contract: type[Contract], partitions: Iterable[str] | None = None, *, decode: bool = False
    ) -> list[Damage]:
        """Published files that are missing or of another size; with `decode` also those that cannot be read to their end."""
        files, path = file_system(self.path(contract))
        found = []
        chosen = _chosen(self._live_files(contract), partitions)
        listed = files.find(f"{path}/data", detail=True) if is_url(self.location) and chosen else None
        for file in chosen:
            what = what_is_wrong(files, f"{path}/{file['path']}", file["size"], decode=decode, listed=listed)
            if what:
                found.append(Damage(contract, file["partition"], f"{self.path(contract)}/{file['path']}", what))
        return found

    def name_damage(self, error: Exception) -> None:
        """Raise TableDamagedError from an engine's error if one of the files it read through `read` cannot be decoded."""
        if isinstance(error, TableDamagedError):
            return
        for path, (contract, partition) in self._handed_out.items():
            files, place = file_system(path)
            what = what_is_wrong(files, place, decode=True)
            if what:
                raise TableDamagedError(str(Damage(contract, partition, path, what))) from error

    # ---- tables of other versions of the package ---------------------------------------------------------------------

    def _require_fit(self, contract: type[Contract]) -> None:
        current = self.current(contract)
        if current is not None:
            evolution.require_no(current.misfits, contract)

    def misfits(self) -> dict[type[Contract], list[str]]:
        """The tables that do not fit their contracts, and what of them does not, in words."""
        found = {}
        for contract in TABLES.values():
            current = self.current(contract)
            if current is not None and current.misfits:
                found[contract] = current.misfits
        return found


def _chosen(live: Iterable[dict[str, Any]], partitions: Iterable[str] | None) -> list[dict[str, Any]]:
    """The files of some partitions (None: all) that have rows, in the partitions' order."""
    wanted = None if partitions is None else set(partitions)
    found = [file for file in live if (wanted is None or file["partition"] in wanted) and file["rows"] > 0]
    return sorted(found, key=lambda file: (file["partition"], file["path"]))
