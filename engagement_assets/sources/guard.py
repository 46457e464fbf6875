"""Absence is not evidence: what is no longer found never empties what is published.

Every reading of a source passes here before anything of it is written. What looks like a folder that was moved, not mounted,
not readable or half copied stops the run; `--accept-missing SOURCE` (in the Dagster UI: `accept_missing` of the resource
`sources`) says once that it is meant.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import PurePosixPath

from engagement_assets.domain import remedies
from engagement_assets.lake.tables import LakeResource
from engagement_assets.settings import Settings
from engagement_assets.sources import incremental
from engagement_assets.sources.finding import Listing, SourcesResource
from engagement_assets.sources.formats import ENDINGS
from engagement_assets.sources.registry import SOURCES
from engagement_assets.sources.source import Source

#: Names in a message.
_NAMED = 3


class SourceMissingError(LookupError):
    """Something of a source is missing; the message says what, where it was looked for, and how to go on all the same."""


def require_sources(settings: Settings, lake: LakeResource, accept_missing: Collection[str] = ()) -> None:
    """Raise SourceMissingError where files of a source are fewer than were read before, or cannot be seen; none is opened."""
    sources = SourcesResource.of(settings, accept_missing)
    for source in SOURCES.values():
        present(sources, lake, source)


def present(sources: SourcesResource, lake: LakeResource, source: Source) -> Listing:
    """What a source's folder holds; raises SourceMissingError where that is less than before and not said to be meant."""
    listing = sources.look_up(source.name)
    if source.name not in sources.accept_missing:
        before = incremental.last_read(lake, source.name)
        published = sum(lake.partitions(source.contract).values())
        require_presence(source, sources.place(source.name), listing, before.files if before else {}, published)
    return listing


def require_presence(
    source: Source, place: str, listing: Listing, read_before: Mapping[str, str], published_rows: int
) -> None:
    """Raise SourceMissingError where the files of a source are fewer than they were, or cannot all be seen.

    Parameters: `place` is the source's folder; `read_before` the files that the last reading read, name -> state
    (`SourceFile.state`); `published_rows` the rows that are published of the source.
    """
    for name, problem in sorted(listing.problems.items()):
        raise _error(source, f"{name} {problem}")
    names = {file.name for file in listing.files}
    if not names and listing.ignored:
        kinds = Counter("".join(PurePosixPath(name).suffixes[-2:]) or "no ending" for name in listing.ignored)
        there = ", ".join(f"{count} of {kind}" for kind, count in kinds.most_common(_NAMED))
        raise _error(
            source, f"{place} holds no file that ends in {ENDINGS}, but {len(listing.ignored)} other(s): {there}"
        )
    if not names and (read_before or published_rows):
        before = (
            f"{len(read_before)} file(s) were read before" if read_before else f"{published_rows:,} rows are published"
        )
        raise _error(source, f"there is no file that ends in {ENDINGS} in {place}, and {before}")
    of_before = f"of {len(read_before)} file(s) that were read before"
    emptied = sorted(file.name for file in listing.files if not file.size and _had_bytes(read_before.get(file.name)))
    if emptied:
        raise _error(source, f"{len(emptied)} {of_before} are empty now: {_listed(emptied)}")
    # Which files of a Delta table count, its log says.
    by_log = tuple(f"{table}/".lstrip("/") for table in listing.tables)
    gone = sorted(name for name in set(read_before) - names if not name.startswith(by_log))
    if gone and len(names) < len(read_before):
        raise _error(source, f"{len(gone)} {of_before} are gone: {_listed(gone)}")
    lost = _lost(listing, gone, read_before)
    if lost:
        raise _error(source, f"{len(lost)} {of_before} are gone, and no other took their place: {_listed(lost)}")


def _had_bytes(state: str | None) -> bool:
    return state is not None and not state.startswith("0:")


def _lost(listing: Listing, gone: Collection[str], read_before: Mapping[str, str]) -> list[str]:
    """Which of the files that are `gone` have rows that no other file can hold.

    A file may have been moved (another one is in the same state), packed or unpacked, or its folder written anew: all that was
    in it is gone, and others are there.
    """
    new = {file.name: file.state for file in listing.files if file.name not in read_before}
    states, unpacked = set(new.values()), {_unpacked(name) for name in new}
    new_in = {str(PurePosixPath(name).parent) for name in new}
    standing_in = {str(PurePosixPath(file.name).parent) for file in listing.files if file.name in read_before}
    return sorted(
        name
        for name in gone
        if read_before[name] not in states
        and _unpacked(name) not in unpacked
        and str(PurePosixPath(name).parent) not in new_in - standing_in
    )


def _unpacked(name: str) -> str:
    return name.lower().removesuffix(".gz")


def require_readable(source: Source, unreadable: Mapping[str, str], read_before: Collection[str]) -> None:
    """Raise SourceMissingError where files that were read before cannot be read any more; `unreadable`: name -> why."""
    lost = sorted(set(unreadable).intersection(read_before))
    if lost:
        why = "; ".join(f"{name}: {unreadable[name]}" for name in lost[:_NAMED])
        raise _error(source, f"{len(lost)} file(s) that were read before cannot be read any more ({why})")


def require_rows(source: Source, kept: int, published: int, limit: float) -> None:
    """Raise SourceMissingError where a source holds fewer rows than are published of it, by more than the share `limit`."""
    if published and kept < published * (1 - limit):
        raise _error(
            source,
            f"{kept:,} rows would be left of the {published:,} that are published, {1 - kept / published:.0%} fewer "
            f"(ENGAGEMENT_MISSING_SHARE_LIMIT allows {limit:.0%})",
        )


def _error(source: Source, what: str) -> SourceMissingError:
    return SourceMissingError(
        f"{source.name}: {what}. Nothing was published. Put back what is missing, or name its folder in ENGAGEMENT_DATA; "
        f"if it is meant, go on once with {remedies.accept_missing(source.name)}"
    )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")
