"""Which names are time zones."""

from __future__ import annotations

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

#: What the tz database has beside zones: placeholders, and the zone of a machine. Engines know none of these.
_NO_ZONES = ("Factory", "localtime", "posixrules")


def known_zone(name: str) -> str:
    """The name of a time zone; raises ValueError, which says how one is written, where it is none."""
    try:
        if name in _NO_ZONES:
            raise ValueError
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{name!r} is no IANA time zone; write for example Europe/Berlin or UTC") from None
    return name
