"""Lists judged by whom they hold of those who lapse, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from engagement_assets.analysis.backtest.lists import Candidates, judge_lists, lists_in_words


def forty_buyers(**changes: dict[int, float]) -> Candidates:
    """Forty buyers: all active a month before, silent for 40 days, not slipping, not at risk; some changed."""
    values = {
        "is_slipping": np.zeros(40, dtype=bool),
        "is_high_risk": np.zeros(40, dtype=bool),
        "score": np.full(40, 0.5),
        "recency_days": np.full(40, 40),
        "revenue_of_a_year": np.full(40, 10.0),
        "revenue": np.full(40, 10.0),
        "order_days_before": np.full(40, 2),
        "chance_before": np.full(40, 0.5),
    }
    for name, changed in changes.items():
        for number, value in changed.items():
            values[name][number] = value
    return Candidates(**values)


def test_lists_of_two_of_forty_hold_what_is_counted_by_hand() -> None:
    """Buyers 3, 4, 5 and 6 lapse; they spent 100, 50, 30 and 20 in a year. Each list has room for 5 % of forty: two."""
    found = forty_buyers(
        # 7 spent more than they, is slipping too, and comes back; 3 and 4 come next, and only 3 has room.
        is_slipping={3: True, 4: True, 7: True},
        is_high_risk={6: True},
        revenue_of_a_year={3: 100.0, 4: 50.0, 5: 30.0, 6: 20.0, 7: 400.0},
        score={5: 0.1, 6: 0.2},
        recency_days={20: 300, 21: 200},
    )
    after = np.ones(40, dtype=bool)
    after[[3, 4, 5, 6]] = False
    told = judge_lists(found, after)
    assert (told["list_length"], told["lapsing_customers"], told["lapsing_revenue"]) == (2, 4, 200.0)
    shares = {name: (told[f"{name}_holds"], told[f"{name}_holds_revenue"]) for name in ("slipping", "high_risk")}
    assert shares == {"slipping": (0.25, 0.5), "high_risk": (0.25, pytest.approx(0.1))}
    assert (told["lowest_score_holds"], told["lowest_score_holds_revenue"]) == (0.5, 0.25)
    assert (told["longest_silence_holds"], told["longest_silence_holds_revenue"]) == (0.0, 0.0)
    assert (told["random_holds"], told["random_holds_revenue"]) == (0.05, 0.05)
    assert "slipping customers 50%, high risk by score 10%, lowest score 25%" in lists_in_words(told)
    assert lists_in_words(told).endswith("Use the list of slipping customers here.")


def test_who_was_not_active_a_month_before_does_not_lapse() -> None:
    """One order day, a chance below one half, an order since, or none known: none of the four counts."""
    found = forty_buyers(
        order_days_before={0: 1}, chance_before={1: 0.49, 2: np.nan}, recency_days={3: 29}, is_slipping={0: True}
    )
    nobody = np.ones(40, dtype=bool)
    nobody[[0, 1, 2, 3]] = False
    told = judge_lists(found, nobody)
    assert (told["lapsing_customers"], told["slipping_holds"], told["random_holds"]) == (0, None, None)
    assert "Nobody" in lists_in_words(told)
    nobody[4] = False
    assert judge_lists(found, nobody)["lapsing_customers"] == 1


def test_nothing_is_told_where_no_chance_is_known() -> None:
    found = forty_buyers(chance_before=dict.fromkeys(range(40), np.nan))
    assert judge_lists(found, np.zeros(40, dtype=bool)) == {}
