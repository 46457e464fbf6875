"""Score percentiles against plain counting, ties and all, whether a snapshot is sorted at once or bucket by bucket."""

from __future__ import annotations

import random
from datetime import date

import pytest

from engagement_assets.engine import EngineResource
from engagement_assets.transforms import engagement_scores


@pytest.mark.parametrize("most_in_one_sort", [1_000, 0])
def test_percentile_counts_the_customers_with_this_score_or_a_lower_one(
    engine: EngineResource, monkeypatch: pytest.MonkeyPatch, most_in_one_sort: int
) -> None:
    monkeypatch.setattr(engagement_scores, "_MOST_IN_ONE_SORT", most_in_one_sort)
    drawn = random.Random(3)
    # The bounds of buckets, both ends of the scale, and many ties.
    scores = {
        date(2026, 6, 29): [drawn.choice([0.0, 1 / 64, 0.25, 0.5, 1.0, drawn.random()]) for _ in range(200)],
        date(2026, 6, 30): [0.4] * 3,
    }
    rows = [(day, score, len(of_day)) for day, of_day in scores.items() for score in of_day]
    frame = engine.spark_session.createDataFrame(rows, "as_of_date date, engagement_score double, customers long")
    found = engagement_scores.with_percentile(frame, most_customers=200).collect()
    assert len(found) == len(rows)
    for row in found:
        of_day = scores[row["as_of_date"]]
        at_most = sum(other <= row["engagement_score"] for other in of_day)
        assert row["score_percentile"] == pytest.approx(100 * at_most / len(of_day), abs=1e-12)
