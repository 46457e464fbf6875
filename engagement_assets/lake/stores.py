"""Places of files: a local folder or an object store, and how a file is replaced there."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import fsspec
from fsspec.implementations.local import LocalFileSystem

from engagement_assets.settings import is_url


class StoreUnavailableError(RuntimeError):
    """The package that reaches a kind of object store is not installed; the message names it."""


def file_system(place: str, *, shared: bool = True) -> tuple[Any, str]:
    """The fsspec file system of a local path or URL, and the place as that file system names it.

    `shared`: the one object that this process has for it. Raises StoreUnavailableError where a package is missing.
    """
    if not is_url(place):
        found: tuple[Any, str] = fsspec.core.url_to_fs(place)
        return found
    try:
        # What is there changes by other hands than these: the engine writes, another process publishes.
        found = fsspec.core.url_to_fs(place, use_listings_cache=False, skip_instance_cache=not shared)
    except ImportError as error:
        scheme = place.split("://", 1)[0]
        extra = " (`pip install 'engagement-assets[s3]'`)" if scheme in ("s3", "s3a") else ""
        raise StoreUnavailableError(f"{place}: {error}{extra}") from None
    except ValueError as error:  # fsspec's word for a scheme that it does not know
        raise StoreUnavailableError(f"{place}: {error}") from None
    return found


@contextmanager
def replacing(place: Path) -> Iterator[Path]:
    """A draft to write beside a local file, whose place it takes at the end of the block.

    If the block fails, the file stays as it was and the draft is deleted.
    """
    draft = place.with_name(f".{place.name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        yield draft
        draft.replace(place)
    finally:
        draft.unlink(missing_ok=True)


def replace_file(place: str, contents: bytes) -> None:
    """Write a file, local or in an object store: readers find what was there before, or all of the new contents."""
    files, path = file_system(place)
    if not isinstance(files, LocalFileSystem):
        files.pipe_file(path, contents)  # an object appears as a whole
        return
    with replacing(Path(path)) as draft:
        draft.write_bytes(contents)


def make_private(place: str) -> None:
    """Make a local folder for its owner's eyes only; an object store has none to make."""
    if not is_url(place):
        Path(place).mkdir(parents=True, exist_ok=True)
        Path(place).chmod(0o700)


def remove(place: str) -> None:
    """Delete a file, or a folder with all that is in it; no matter if there is none."""
    files, path = file_system(place)
    if files.exists(path):
        files.rm(path, recursive=True)
