"""The list of the score's parts: another part is another entry, and the contracts and settings that entries name exist."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from engagement_assets.domain.contracts import CustomerFeatures
from engagement_assets.domain.score_parts import KINDS, MEASURES, PARTS
from engagement_assets.domain.scoring_policy import ScoringPolicy
from engagement_assets_tests import PROJECT


def test_what_the_entries_name_exists() -> None:
    settings, features = set(ScoringPolicy.model_fields), set(CustomerFeatures.columns())
    assert {part.weight for part in PARTS} | {measure.reference for measure in MEASURES} <= settings
    assert {name for measure in MEASURES for name in (measure.share, measure.scale) if name} <= settings
    assert {name for measure in MEASURES for name in (measure.column, measure.column_before)} <= features
    assert all(set(measure.titles) <= set(measure.causes) <= set(KINDS) for measure in MEASURES)


def test_a_fourth_part_is_one_entry() -> None:
    """Engaged sessions, weighted 0.1, between Bob's 0 and Ann's 4; Cid has 3, then 1. Everything else stands still.

    Cid is in the middle by recency, orders and sessions, and at the bottom by revenue:
    0.3 * 0.5 + 0.3 * 0.5 + 0.3 * 0 + 0.1 * 3/4 = 0.375, then 0.1 * 1/4 less: 0.325, below the threshold 0.35 of Medium.
    The reference score has it on 0 to 10: 0.1 * 0.3, then 0.1 * 0.1.
    """
    command = [sys.executable, "-m", "engagement_assets_tests.domain.fourth_part"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=PROJECT, check=False, timeout=240)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["faults"] == [{}, {}]
    earlier, later = found["scores"]
    assert [row["depth_score"] for row in (earlier, later)] == pytest.approx([0.75, 0.25], abs=1e-15)
    assert [row["engagement_score"] for row in (earlier, later)] == pytest.approx([0.375, 0.325], abs=1e-15)
    assert later["depth_contribution"] == pytest.approx(0.025, abs=1e-15)
    assert earlier["reference_score"] - later["reference_score"] == pytest.approx(0.02, abs=1e-15)
    # Ann 0.1, Bob 0, Cid 0.025.
    assert found["metrics"]["average_depth_contribution"] == pytest.approx(0.125 / 3, abs=1e-15)
    (change,) = found["changes"]
    assert (change["customer_id"], change["movement"]) == ("cid", "Down")
    assert [
        change[name] for name in ("depth_behaviour", "behaviour", "depth_rescaling", "score_change")
    ] == pytest.approx([-0.05, -0.05 + change["recency_behaviour"], 0, -0.05], abs=1e-15)
    assert found["words"] == change["explanation"] == "Medium to Low: 2 fewer engaged sessions (-0.050)"
    assert found["titles"][-2:] == ["Others: recency", "Others: orders, sessions, revenue, engaged sessions"]
    # Ways to give ten tenths to four parts, one each at least.
    assert found["weightings"] == 84
    assert found["bands"] == {"ann": "High", "bob": "Very low", "cid": "Low"}
    assert found["described"] == "depth score: High from 0.7, Medium from 0.35, Low from 0.2, else Very low"
    # Of both days: Ann twice 0.1, Cid 0.075 and 0.025.
    assert found["measure"] == ["Average depth contribution", pytest.approx(0.3 / 6, abs=1e-15)]
    assert found["power_bi"] >= 3
    assert found["cards"][-1] == "Average depth score"
