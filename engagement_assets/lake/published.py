"""The published tables of a lake, for readers: which files are live, what they hold, and whether they are whole.

What is published changes in whole partitions only (`tables.py`), so that a reader sees a snapshot or its predecessor.
"""

from __future__ import annotations

import hashlib
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import reduce
from pathlib import Path

from dagster import ConfigurableResource
from deltalake import DeltaTable
from pydantic import PrivateAttr
from pyspark.sql import DataFrame, SparkSession

from engagement_assets.domain import remedies
from engagement_assets.domain.contracts import TABLES, Contract
from engagement_assets.lake import schema_changes, versions
from engagement_assets.lake.damage import Damage, TableDamagedError, what_is_wrong
from engagement_assets.lake.erasures import Erasures, read_erasures
from engagement_assets.lake.locks import DISK_FULL, LakeNotWritableError
from engagement_assets.lake.log import history, open_table
from engagement_assets.lake.notes import Notes
from engagement_assets.lake.staging import contents_of
from engagement_assets.lake.stores import file_system
from engagement_assets.lake.versions import DataFile, TableVersion, VersionNotKeptError, before_last_run
from engagement_assets.lake.zones import by_zone
from engagement_assets.settings import is_url, local_path

#: How long an object store's tables are taken to be unchanged, seconds; asking costs a request per table.
_URL_STAMP_SECONDS = 20.0


class NotPublishedError(LookupError):
    """A table or some of its partitions do not exist yet; the message names them and what builds them."""


class PublishedTables(ConfigurableResource):
    """The published tables under `root` (local folder or object-store URL).

    `retention_days`: how long a replaced version stays readable.
    """

    root: str
    retention_days: float = 30

    _current: dict[type[Contract], TableVersion] = PrivateAttr(default_factory=dict)
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
        return read_erasures(self.erasure_notes)

    @property
    def erasure_notes(self) -> Notes:
        """The list of those who are left out, and which erasures are not complete."""
        return Notes(f"{self.location}/.erased")

    # ---- versions and files -------------------------------------------------------------------------------------------

    def delta(self, contract: type[Contract]) -> DeltaTable | None:
        """The table's current version; None if it was never written. Raises LogUnreadableError if its log is damaged."""
        return open_table(self.path(contract))

    def current(self, contract: type[Contract]) -> TableVersion | None:
        """The table's current version, for readers; None if it was never written."""
        known = self._current.get(contract)
        if known is None or not known.is_still():
            table = self.delta(contract)
            if table is None:
                return None
            self._current[contract] = known = TableVersion(contract, table, self.path(contract))
        return known

    def version(self, contract: type[Contract], known_on: datetime | None = None) -> TableVersion | None:
        """The current version, or the one that was current at an instant; None if the table was never written.

        Raises VersionNotKeptError if the table did not exist then.
        """
        if known_on is None:
            return self.current(contract)
        table = self.delta(contract)
        if table is None:
            return None
        return TableVersion(contract, versions.version_on(table, contract.table(), known_on), self.path(contract))

    def stamp(self) -> tuple[object, ...]:
        """Something that changes whenever a table does; of an object store it changes every now and then instead."""
        if is_url(self.location):
            return (int(time.monotonic() / _URL_STAMP_SECONDS),)
        return tuple(versions.state_of(Path(self.path(contract), "_delta_log")) for contract in TABLES.values())

    def live_files(self, contract: type[Contract], known_on: datetime | None = None) -> list[DataFile]:
        """The published files of a table, those of days without rows too."""
        version = self.version(contract, known_on)
        return version.files if version is not None else []

    def partitions(self, contract: type[Contract], known_on: datetime | None = None) -> dict[str, int]:
        """The published partitions in their order, with their rows. A day without rows is published too, with 0."""
        counts: dict[str, int] = defaultdict(int)
        for file in self.live_files(contract, known_on):
            counts[file.partition] += file.rows
        return dict(sorted(counts.items()))

    def partitions_before_run(self, contract: type[Contract]) -> dict[str, int]:
        """The partitions with their rows as they were before the run that wrote last; empty where no such version is known."""
        current = self.current(contract)
        earlier = None if current is None else before_last_run(current.table)
        if earlier is None:
            return {}
        counts: dict[str, int] = defaultdict(int)
        for file in TableVersion(contract, earlier, self.path(contract)).files:
            counts[file.partition] += file.rows
        return dict(counts)

    def written_at(self, contract: type[Contract]) -> dict[str, int]:
        """When each published partition was written, in milliseconds of Unix time."""
        newest: dict[str, int] = defaultdict(int)
        for file in self.live_files(contract):
            newest[file.partition] = max(newest[file.partition], file.modified)
        return dict(newest)

    def made_with(self, contract: type[Contract]) -> Mapping[str, Mapping[str, str]]:
        """The settings and the code that each published partition was made with, as far as that is known."""
        current = self.current(contract)
        return current.made_with if current is not None else {}

    def fingerprint(self, contract: type[Contract], partition: str | None = None) -> str:
        """A hash that changes with what is published, of one partition or of all, whatever changed it."""
        paths = sorted(file.path for file in self.live_files(contract) if partition in (None, file.partition))
        return hashlib.sha256("\n".join(paths).encode()).hexdigest()[:16]

    def contents(self, contract: type[Contract], partitions: Iterable[str]) -> dict[str, str]:
        """A hash of the rows of published partitions.

        Files that releases up to 186a7d4 wrote have no checksum, and count by their names.
        """
        current, wanted = self.current(contract), set(partitions)
        if current is None:
            return {}
        files = (file for file in current.files if file.partition in wanted)
        return contents_of((file.partition, current.checksums.get(file.path, file.path)) for file in files)

    def published_at(self, contract: type[Contract]) -> datetime | None:
        """When the newest version was committed."""
        current = self.current(contract)
        stamp = history(current.table, 1)[0].get("timestamp") if current is not None else None
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
        version = self.version(contract, known_on)
        if version is None:
            return []
        chosen = version.with_rows(partitions)
        if known_on is None:
            self._require_fit(contract)
            for damage in self._damage(contract, chosen):
                raise TableDamagedError(str(damage))
        else:
            self._require_kept(version, chosen, f"{contract.table()}: the version of {known_on:%Y-%m-%d %H:%M %Z}")
        return [f"{self.path(contract)}/{file.path}" for file in chosen]

    def _require_kept(self, version: TableVersion, chosen: Iterable[DataFile], what: str) -> None:
        if version.schema_changes:
            raise VersionNotKeptError(
                f"{what} has other columns ({'; '.join(version.schema_changes)}); "
                "the version of this package that wrote it can show it"
            )
        files, path = file_system(self.path(version.contract))
        if not all(files.exists(f"{path}/{file.path}") for file in chosen):
            raise VersionNotKeptError(
                f"{what} is not kept any more; replaced versions "
                f"are kept for {self.retention_days:g} days (ENGAGEMENT_RETENTION_DAYS)"
            )

    def read(self, spark: SparkSession, contract: type[Contract], partitions: Iterable[str] | None = None) -> DataFrame:
        """The published rows of some partitions (all, if None), with exactly the contract's columns."""
        paths = self.files(contract, partitions)
        if not paths:
            return spark.createDataFrame([], contract.struct())
        self._handed_out |= {path: (contract, path.split("/partition=")[-1].split("/")[0]) for path in paths}
        frames = [spark.read.schema(contract.struct()).parquet(*group) for group in by_zone(paths, contract)]
        return reduce(DataFrame.unionAll, frames)

    def require(self, contract: type[Contract], partitions: Iterable[str]) -> None:
        """Raise NotPublishedError unless all these partitions are published."""
        published = self.partitions(contract)
        missing = sorted(set(partitions) - set(published))
        if missing:
            shown = ", ".join(missing[:5]) + (f" and {len(missing) - 5} more" if len(missing) > 5 else "")
            raise NotPublishedError(
                f"{contract.table()}: {len(missing)} partition(s) are not built: {shown}; "
                f"build them: {remedies.build(missing[0], missing[-1])}"
            )

    # ---- damage ------------------------------------------------------------------------------------------------------

    def damage(
        self, contract: type[Contract], partitions: Iterable[str] | None = None, *, verify: bool = False
    ) -> list[Damage]:
        """Published files that are missing or of another size; with `verify` also those of another checksum.

        Of files without one (`unverified`), those that cannot be decoded.
        """
        current = self.current(contract)
        if current is None:
            return []
        wanted = None if partitions is None else set(partitions)
        # Nobody reads files without rows, whatever becomes of them; but they are published.
        chosen = [file for file in current.files if wanted is None or file.partition in wanted]
        return list(self._damage(contract, chosen if verify else current.with_rows(wanted), verify=verify))

    def unverified(self, contract: type[Contract]) -> list[DataFile]:
        """Published files of an earlier release, which kept no checksums: damage that leaves them readable is not found."""
        current = self.current(contract)
        return [] if current is None else [file for file in current.files if file.path not in current.checksums]

    def _damage(
        self, contract: type[Contract], chosen: Sequence[DataFile], *, verify: bool = False
    ) -> Iterator[Damage]:
        root = self.path(contract)
        current = self.current(contract)
        known = current.checksums if verify and current is not None else {}
        files, path = file_system(root)
        # One listing of an object store instead of a question for each file.
        listed = files.find(f"{path}/data", detail=True) if is_url(root) and chosen else None
        for file in chosen:
            place, sum_of = f"{path}/{file.path}", known.get(file.path)
            what = what_is_wrong(files, place, file.size, verify=verify, known=sum_of, listed=listed)
            if what:
                yield Damage(contract, file.partition, f"{root}/{file.path}", what)

    def name_damage(self, error: Exception) -> None:
        """Raise the cause of an engine's error where it is known.

        TableDamagedError: one of the files that it read through `read` is damaged. LakeNotWritableError: the disk is full.
        """
        if isinstance(error, TableDamagedError):
            return
        if DISK_FULL in str(error):
            raise LakeNotWritableError(
                f"{DISK_FULL}: the disk of {self.location} (ENGAGEMENT_LAKE) is full. What was published stays; make room and "
                "run again"
            ) from error
        for path, (contract, partition) in self._handed_out.items():
            files, place = file_system(path)
            current = self.current(contract)
            known = current.checksums.get(path.removeprefix(f"{self.path(contract)}/")) if current is not None else None
            what = what_is_wrong(files, place, verify=True, known=known)
            if what:
                raise TableDamagedError(str(Damage(contract, partition, path, what))) from error

    # ---- tables of other versions of the package ---------------------------------------------------------------------

    def _require_fit(self, contract: type[Contract]) -> None:
        current = self.current(contract)
        if current is not None:
            schema_changes.require_none(current.schema_changes, contract)

    def schema_changes(self) -> dict[type[Contract], list[str]]:
        """The tables that do not fit their contracts, and what of them does not, in words."""
        versions = {contract: self.current(contract) for contract in TABLES.values()}
        return {
            contract: version.schema_changes
            for contract, version in versions.items()
            if version and version.schema_changes
        }
