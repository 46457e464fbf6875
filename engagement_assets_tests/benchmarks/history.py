"""Read one customer's scores of all published days; prints the days found and the seconds it took.

python -m engagement_assets_tests.benchmarks.history CUSTOMER_ID
"""

from __future__ import annotations

import sys
import time

from engagement_assets.domain.contracts import EngagementScores
from engagement_assets.lake.reading import opened
from engagement_assets.lake.tables import LakeResource
from engagement_assets.settings import Settings


def main(customer: str) -> None:
    """One reading, opening the table included."""
    started = time.monotonic()
    with opened(LakeResource.of(Settings()), {EngagementScores: None}) as connection:
        found = connection.execute(
            "SELECT * FROM engagement_scores WHERE customer_id = $customer ORDER BY as_of_date", {"customer": customer}
        ).fetchall()
    print(len(found), f"{time.monotonic() - started:.3f}")  # noqa: T201 - what the caller reads


if __name__ == "__main__":
    main(sys.argv[1])
