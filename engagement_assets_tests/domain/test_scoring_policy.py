"""The scoring policy: settings of an earlier release are still understood."""

from __future__ import annotations

import pytest

from engagement_assets.domain.scoring_policy import ScoringPolicy
from engagement_assets.settings import Settings


def test_the_bounds_of_the_stages_of_an_earlier_release_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENGAGEMENT_SCORING__AT_RISK_UNTIL_DAYS", "90")
    monkeypatch.setenv("ENGAGEMENT_SCORING__SLIPPING_UNTIL_DAYS", "45")
    assert Settings().scoring == ScoringPolicy(lapsed_after_days=90)
    monkeypatch.setenv("ENGAGEMENT_SCORING__LAPSED_AFTER_DAYS", "100")
    assert Settings().scoring == ScoringPolicy(lapsed_after_days=100)


def test_a_window_that_ends_after_customers_have_lapsed_is_refused() -> None:
    with pytest.raises(ValueError, match="activity_window_days must be below lapsed_after_days"):
        ScoringPolicy(activity_window_days=120)
