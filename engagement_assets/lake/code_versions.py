"""What is recorded with every version of a table: the settings and the code its rows depend on."""

from __future__ import annotations

from importlib.metadata import version

from engagement_assets.settings import Settings

#: Raised by hand when a transform gives other rows for the same input; Dagster then shows older snapshots as outdated.
TRANSFORMS_VERSION = "3"


def code_version(settings: Settings) -> str:
    """Changes with the transforms and with every setting that a snapshot's values depend on."""
    return f"{TRANSFORMS_VERSION}-{settings.scoring.fingerprint()}-{settings.timezone}-{settings.start_date}"


def commit_metadata(settings: Settings) -> dict[str, str]:
    """What is recorded with every version of a table: the settings its rows depend on."""
    return {
        "code_version": code_version(settings),
        "package_version": version("engagement-assets"),
        "scoring_policy": settings.scoring.model_dump_json(),
    }
