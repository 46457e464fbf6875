"""What is recorded with every version of a table: the code and the settings that its rows depend on.

A table's code version is made of the code of the transform that computes it and of the settings that its rows depend on, as
`domain/catalogue.py` says. Nobody raises a number: a changed statement or a changed weight changes the versions of the tables
that depend on it, and Dagster then shows their older days as stale. A changed comment or docstring changes none.

**Tables of earlier releases.** Up to 186a7d4 all tables had one version, `3-<hash of all settings>-<time zone>-<first day>`, and
Dagster keeps it with each day it built. `SAME_ROWS` holds the hash of each transform that gives the same rows as that release
did. While a transform has that hash its table keeps a version of the old form, so that days of that release are not stale. Of the
settings only those count that the table depends on; the others are taken as they were by default. So where a setting that a
table does not depend on was another than the default, the table's days are shown as stale once; nothing builds them anew by
itself. An entry whose transform has changed since has no effect, and may be deleted.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from engagement_assets.domain.catalogue import CATALOGUE, SERVED, settings_of
from engagement_assets.domain.contracts import TABLES, Contract
from engagement_assets.domain.contracts.sources import SOURCE_TABLES
from engagement_assets.lake.code_hash import code_hash
from engagement_assets.settings import Settings

#: Table -> the hash of the code that gives the same rows as 186a7d4 did.
SAME_ROWS: Mapping[str, str] = {
    "raw_web_events": "1a9185bd9caf",
    "sessions": "916d26e312c8",
}

#: The version of all code in 186a7d4.
_OLD_CODE = "3"

#: The scoring policy of 186a7d4 by default.
_OLD_DEFAULTS: Mapping[str, Any] = {
    **{"recency_weight": 0.4, "frequency_weight": 0.3, "monetary_weight": 0.3, "monetary_scale": "log1p"},
    **{"order_weight": 0.6, "session_weight": 0.4, "revenue_band_percentile": 0.75, "segment_mode": "thresholds"},
    **{"high_threshold": 0.7, "medium_threshold": 0.4, "low_threshold": 0.2, "high_risk_threshold": 0.3},
    **{"high_share": 0.2, "medium_share": 0.3, "low_share": 0.3},
    **{"activity_window_days": 30, "slipping_until_days": 60, "at_risk_until_days": 120},
    **{"session_gap_minutes": 30, "engaged_session_seconds": 10.0, "server_side_event_types": []},
    "reference_recency_days": {"low": 0.0, "high": 365.0},
    "reference_orders": {"low": 0.0, "high": 20.0},
    "reference_sessions": {"low": 0.0, "high": 20.0},
    "reference_revenue": {"low": 0.0, "high": 10000.0},
}


def code_version(settings: Settings, contract: type[Contract]) -> str:
    """The version of a table: changes with the code of its transform and with the settings that its rows depend on."""
    code = code_of(contract)
    is_old = SAME_ROWS.get(contract.table()) == code
    _, campaigns = settings_of(contract)
    version = _version(settings, _OLD_CODE if is_old else code, contract)
    if campaigns:
        version += f"-{settings.campaigns.fingerprint()}"
    if CATALOGUE[contract].results:
        version += f"-{settings.results.fingerprint()}"
    source = next((name for name, table in SOURCE_TABLES.items() if table is contract), None)
    if settings.mappings is not None and source is not None:
        version += f"-{settings.mappings.hash_of(source)}"
    return version


def days_of(version: str) -> str:
    """What a code version of a table of a source says of its days: the time zone they are cut in, the first, the mapping."""
    return version.split("-", 2)[2]


def code_of(contract: type[Contract]) -> str:
    """The hash of the code that computes a table."""
    return code_hash(CATALOGUE[contract].transform, *CATALOGUE[contract].with_code)


def code_version_served(settings: Settings, asset: str) -> str:
    """The version of what is written from published tables: changes with those tables' code and scoring settings."""
    read = SERVED[asset]
    while not set(read) <= set(TABLES):  # files that are written from other files
        read = tuple(name for each in read for name in SERVED.get(each, (each,)))
    codes = {name: code_of(TABLES[name]) for name in read}
    return _version(settings, _hash(codes), *(TABLES[name] for name in read))


def commit_metadata(settings: Settings, contract: type[Contract]) -> dict[str, str]:
    """What is recorded with every version of a table: its code version, and the settings its rows depend on."""
    _, campaigns = settings_of(contract)
    return {
        "code_version": code_version(settings, contract),
        "package_version": version("engagement-assets"),
        "scoring_policy": settings.scoring.model_dump_json(),
        **({"campaign_policy": settings.campaigns.fingerprint()} if campaigns else {}),
    }


def _version(settings: Settings, code: str, *contracts: type[Contract]) -> str:
    fields, _ = settings_of(*contracts)
    policy = settings.scoring.model_dump(mode="json")
    chosen = {name: policy[name] for name in fields}
    depends_on = _hash({**_OLD_DEFAULTS, **chosen} if code == _OLD_CODE else chosen)
    return f"{code}-{depends_on}-{settings.timezone}-{settings.start_date}"


def _hash(values: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:12]
