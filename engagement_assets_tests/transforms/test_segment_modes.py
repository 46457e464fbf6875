"""Segments by quantiles: the shares of the settings, ties together, on the sample data's own features."""

from __future__ import annotations

import math
from collections import Counter

import pytest
from pydantic import ValidationError

from engagement_assets.analysis.report import propose_bounds
from engagement_assets.domain.contracts import CustomerFeatures, ReturnRates
from engagement_assets.domain.scoring_policy import ScoringPolicy
from engagement_assets.engine import EngineResource
from engagement_assets.transforms.engagement_scores import score_customers
from engagement_assets_tests.worlds import World

DAY = "2026-06-30"


def test_quantiles_give_the_shares_of_the_settings_and_ties_stay_together(
    sample_world: World, engine: EngineResource
) -> None:
    policy = ScoringPolicy(segment_mode="quantiles", high_share=0.1, medium_share=0.25, low_share=0.15)
    features = sample_world.lake.read(engine.spark_session, CustomerFeatures, [DAY])
    rates = sample_world.lake.read(engine.spark_session, ReturnRates, [DAY])
    scored = score_customers(features, rates, policy, sample_world.settings.start_date)
    rows = scored.select("engagement_score", "engagement_segment").collect()
    found = sorted(((row[0], row[1]) for row in rows), reverse=True)
    customers = len(found)
    segment_of: dict[float, str] = {}
    for score, segment in found:
        # Whoever has so many customers at or above them, ties and all, by plain counting.
        above = sum(other > score + 1e-12 for other, _ in found)
        expected = (
            "High"
            if above < 0.1 * customers
            else "Medium"
            if above < 0.35 * customers
            else "Low"
            if above < 0.5 * customers
            else "At Risk"
        )
        assert segment == expected
        assert segment_of.setdefault(score, segment) == segment
    counts = Counter(segment for _, segment in found)
    assert counts["High"] / customers == pytest.approx(0.1, abs=0.01)


def test_orders_on_the_log1p_scale_are_scored_by_their_logarithm(sample_world: World, engine: EngineResource) -> None:
    features = sample_world.lake.read(engine.spark_session, CustomerFeatures, [DAY])
    rates = sample_world.lake.read(engine.spark_session, ReturnRates, [DAY])
    start = sample_world.settings.start_date
    scored = score_customers(features, rates, ScoringPolicy(order_scale="log1p"), start).collect()
    most = max(row["total_orders"] for row in scored)
    plain = sample_world.by_customer("engagement_scores", DAY)
    for row in scored:
        expected = math.log(1 + row["total_orders"]) / math.log(1 + most)  # who never ordered has 0 orders
        assert row["order_score"] == pytest.approx(expected, abs=1e-12)
        gained = 0.3 * 0.6 * (expected - row["total_orders"] / most)
        then = plain[row["customer_id"]]["engagement_score"]
        assert row["engagement_score"] == pytest.approx(then + gained, abs=1e-12)


def test_calibration_shows_the_shares_and_the_thresholds_that_quantiles_stand_for(sample_world: World) -> None:
    rows = sample_world.rows("engagement_scores", DAY)
    proposal = propose_bounds(sample_world.settings, DAY)
    counts = Counter(row["engagement_segment"] for row in rows)
    assert {each.segment: each.share for each in proposal.segments} == {
        name: counts[name] / len(rows) for name in ("High", "Medium", "Low", "At Risk")
    }
    for each, share in zip(proposal.segments[:3], (0.2, 0.5, 0.8), strict=True):
        assert each.equal_threshold is not None
        reached = sum(row["engagement_score"] >= each.equal_threshold for row in rows)
        # Equal scores may be many: at least the share reaches it, and above it fewer do.
        assert reached >= int(share * len(rows))
        assert sum(row["engagement_score"] > each.equal_threshold + 1e-12 for row in rows) <= share * len(rows) + 1


def test_shares_of_more_than_everybody_are_refused() -> None:
    with pytest.raises(ValidationError, match="must not exceed 1"):
        ScoringPolicy(high_share=0.5, medium_share=0.4, low_share=0.2)
