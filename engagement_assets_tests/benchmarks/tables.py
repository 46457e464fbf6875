"""Build some tables for some days, in a process of its own.

python -m engagement_assets_tests.benchmarks.tables FIRST LAST TABLE [TABLE ...]
"""

from __future__ import annotations

import sys
from datetime import date

from engagement_assets.operations.dagster_home import local_instance
from engagement_assets.operations.runs import build_tables
from engagement_assets.settings import Settings


def main(first: str, last: str, tables: list[str]) -> int:
    """Exit code 1 if the run fails."""
    with local_instance() as instance:
        outcome = build_tables(Settings(), date.fromisoformat(first), date.fromisoformat(last), instance, tables=tables)
    return 0 if outcome.success else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
