"""The file system of a place: a local folder or an object store."""

from __future__ import annotations

from typing import Any

import fsspec

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
