"""The sources by name, in the order they are read; whatever works on sources goes through these."""

from __future__ import annotations

from importlib import import_module

from engagement_assets.domain import sources
from engagement_assets.sources.source import Source

SOURCES: dict[str, Source] = {
    name: import_module(f"engagement_assets.sources.{name}").SOURCE for name in sources.SOURCES
}

#: The customers, whose rows decide which rows of the other sources are kept.
CUSTOMERS = SOURCES["customers"]
