"""Snapshots judged by what came after: worked by hand, through the pipeline, and in the sample data."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from scipy.special import hyp2f1
from scipy.stats import spearmanr
from sklearn.metrics import average_precision_score, roc_auc_score

from engagement_assets.analysis.backtest import bg_nbd, evaluation
from engagement_assets.analysis.backtest.bg_nbd import Purchases
from engagement_assets.analysis.backtest.evaluation import Judgement, judgements_in_words, open_backtest
from engagement_assets.domain.contracts import ScoreBacktest
from engagement_assets.lake import staleness
from engagement_assets_tests.worlds import Row, World


def order(number: int, customer: str, day: str, amount: float = 10.0) -> Row:
    return {"order_id": f"o{number}", "customer_id": customer, "order_date": day, "order_amount": amount}


#: Last orders before 31 January are of the 25th, 20th, 15th and 10th; after it a and c order again.
ORDERS = [
    order(1, "a", "2025-01-25"),
    order(2, "b", "2025-01-20"),
    order(3, "c", "2025-01-15"),
    order(4, "d", "2025-01-10"),
    order(5, "a", "2025-02-10", 60),
    order(6, "c", "2025-03-02", 40),
]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, engine: object) -> World:
    """Four buyers and one who never ordered. Built for 31 January, then for 2 March: 30 days are over, 60 are not."""
    world = World(tmp_path_factory.mktemp("shop"), options={"start_date": date(2025, 1, 5)})
    world.customers([{"customer_id": name} for name in ("a", "b", "c", "d", "never")])
    world.orders(ORDERS)
    world.run("2025-01-31")
    return world


def test_a_snapshot_is_judged_once_its_horizon_is_over_and_again_when_an_order_comes_late(shop: World) -> None:
    """By recency a, b, c, d; within 30 days, through 2 March, a and c order: 3 of 4 pairs are in order, AUC 0.75.

    The precision at a's place is 1, at c's 2/3: an average precision of 5/6. The top tenth of four customers is 0.4 of a.
    """
    assert shop.rows("score_backtest", "2025-01-31") == []
    assert "2025-01-31" in shop.lake.partitions(ScoreBacktest)

    shop.run("2025-03-02")
    rows = {(row["horizon_days"], row["predictor"]): row for row in shop.rows("score_backtest", "2025-01-31")}
    assert {horizon for horizon, _ in rows} == {30}
    recency = rows[30, "recency"]
    assert (recency["customers"], recency["ordered_again"], recency["base_rate"]) == (4, 2, 0.5)
    assert recency["auc"] == pytest.approx(0.75)
    assert recency["average_precision"] == pytest.approx(5 / 6)
    assert recency["lift_top_decile"] == pytest.approx(2.0)
    assert recency["spend_share_top_decile"] == pytest.approx(0.4 * 60 / 100)
    assert (recency["auc_gain"], recency["high_risk_customers"]) == (0.0, None)
    # The last day of a month has intervals, if those of four customers.
    assert recency["auc_low"] <= 0.75 <= recency["auc_high"]
    assert staleness.outdated(shop.lake, shop.settings) == {}

    shop.orders([*ORDERS, order(7, "d", "2025-02-20")])
    shop.run("2025-03-02")
    recency = next(r for r in shop.rows("score_backtest", "2025-01-31") if r["predictor"] == "recency")
    # Of the pairs of b with a, c and d, only that with a is in order.
    assert (recency["ordered_again"], recency["auc"]) == (3, pytest.approx(1 / 3))


def test_the_sample_data_is_judged_as_scikit_learn_judges_it(sample_world: World) -> None:
    """15 December is built as a single day; the months after it are in the facts."""
    day = "2025-12-15"
    judged = {(r["horizon_days"], r["predictor"]): r for r in sample_world.rows("score_backtest", day)}
    assert len(judged) == 24
    buyers = {n: r for n, r in sample_world.by_customer("engagement_scores", day).items() if r["total_orders"]}
    for horizon in (30, 60, 90):
        later = {
            row["customer_id"]
            for row in sample_world.rows("raw_orders")
            if 0 < (row["as_of_date"] - date.fromisoformat(day)).days <= horizon
        }
        happened = [name in later for name in buyers]
        predictors = {
            "score": [row["engagement_score"] for row in buyers.values()],
            "reference_score": [row["reference_score"] for row in buyers.values()],
            "recency": [-row["recency_days"] for row in buyers.values()],
            "frequency": [row["total_orders"] for row in buyers.values()],
            "rfm_quintiles": [r["rfm_recency"] + r["rfm_frequency"] + r["rfm_monetary"] for r in buyers.values()],
        }
        for name, values in predictors.items():
            row = judged[horizon, name]
            assert row["auc"] == pytest.approx(roc_auc_score(happened, values), abs=1e-12)
            assert row["average_precision"] == pytest.approx(average_precision_score(happened, values), abs=1e-12)
            assert row["ordered_again"] == sum(happened)
        expected = expected_purchases_of(sample_world, buyers, date.fromisoformat(day), horizon)
        row = judged[horizon, "bg_nbd"]
        assert row["auc"] == pytest.approx(roc_auc_score(happened, expected), abs=1e-9)
        assert row["average_precision"] == pytest.approx(average_precision_score(happened, expected), abs=1e-9)
        assert row["auc_gain"] == pytest.approx(row["auc"] - judged[horizon, "recency"]["auc"], abs=1e-12)
        assert judged[horizon, "score"]["high_risk_customers"] == sum(row["is_high_risk"] for row in buyers.values())


def expected_purchases_of(world: World, buyers: dict[str, Row], day: date, horizon: int) -> list[float]:
    """By the published formula from the orders up to the day; only the four parameters are those of the code under test."""
    bought: dict[str, set[date]] = {name: set() for name in buyers}
    for row in world.rows("raw_orders"):
        if row["as_of_date"] <= day and row["customer_id"] in bought:
            bought[row["customer_id"]].add(row["as_of_date"])
    x, recency, age = (
        np.array(values, dtype=float)
        for values in zip(
            *[(len(days) - 1, (max(days) - min(days)).days, (day - min(days)).days) for days in bought.values()],
            strict=True,
        )
    )
    of = bg_nbd.fit(Purchases(x, recency, age))
    assert of is not None
    assert len(set(x)) > 20
    series = hyp2f1(of.r + x, of.b + x, of.a + of.b + x - 1, horizon / (of.alpha + age + horizon))
    ahead = 1 - ((of.alpha + age) / (of.alpha + age + horizon)) ** (of.r + x) * series
    odds = of.a / np.where(x > 0, of.b + x - 1, 1) * ((of.alpha + age) / (of.alpha + recency)) ** (of.r + x)
    found: list[float] = ((of.a + of.b + x - 1) / (of.a - 1) * ahead / (1 + (x > 0) * odds)).tolist()
    return found


def test_how_much_of_a_ranking_persists_is_told_from_one_snapshot_as_from_two(shop: World) -> None:
    """That of 2 March, judged by 1 April, against that of 31 January as it was published."""
    shop.run("2025-04-01")
    rows = {r["predictor"]: r for r in shop.rows("score_backtest", "2025-03-02")}
    before, now = (shop.by_customer("engagement_scores", day) for day in ("2025-01-31", "2025-03-02"))
    buyers = sorted(name for name, row in before.items() if row["total_orders"])
    for predictor, column in {
        "score": "engagement_score",
        "recency": "recency_days",
        "frequency": "total_orders",
    }.items():
        values = [[float(snapshot[name][column]) for name in buyers] for snapshot in (before, now)]
        if len(set(values[0])) > 1:
            assert rows[predictor]["rank_persistence"] == pytest.approx(spearmanr(*values).statistic, abs=1e-12)
        else:
            assert rows[predictor]["rank_persistence"] is None
    assert rows["score"]["rank_persistence"] < 0.9  # c and d ordered again, a and b did not
    assert (rows["bg_nbd"]["auc"], rows["bg_nbd"]["customers"]) == (None, 4)


def test_snapshots_are_judged_alike_however_many_are_read_together(
    shop: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def judged(*days: date) -> list[Judgement]:
        with open_backtest(shop.lake, shop.settings.scoring, days, date(2025, 4, 1)) as backtest:
            return backtest.judge(days)

    one, other = date(2025, 1, 31), date(2025, 3, 2)
    together = judged(one, other)
    assert {(row["as_of_date"], row["horizon_days"]) for row in together} == {(one, 30), (one, 60), (other, 30)}
    assert [*judged(one), *judged(other)] == together
    monkeypatch.setattr(evaluation, "_MOST_ROWS", 1)
    monkeypatch.setattr(evaluation, "_MOST_ROWS_AT_A_TIME", 1)
    assert judged(one, other) == together


def verdict(
    horizon: int,
    customers: int,
    score: float | None,
    recency: float | None,
    gain: tuple[float, float] | tuple[None, None] = (None, None),
    spend_share: float | None = None,
    model: float | None = None,
) -> str:
    row = {"horizon_days": horizon, "customers": customers, "auc_gain_low": gain[0], "auc_gain_high": gain[1]}
    areas = {"score": score, "recency": recency, "bg_nbd": model}
    rows = [
        {**row, "predictor": name, "auc": auc, "spend_share_top_decile": spend_share} for name, auc in areas.items()
    ]
    return judgements_in_words([{**row, "predictor": "score", "horizon_days": horizon - 1}, *rows])


def test_the_verdict_says_whether_the_score_beats_recency() -> None:
    assert verdict(90, 1200, 0.731, 0.683, (0.03, 0.06), 0.534, 0.742) == (
        "Over 90 days the score tells better than recency alone which of 1,200 buyers order again: AUC 0.731 against 0.683 "
        "(+0.048, 95 % interval +0.030 to +0.060). A BG/NBD model, fitted to each customer's orders, has AUC 0.742 (-0.011 for "
        "the score). The top 10 % by score brought 53 % of what was spent."
    )
    assert "No BG/NBD model could be fitted" in verdict(90, 4, 0.731, 0.683)
    assert "tells no better than recency alone" in verdict(90, 50, 0.70, 0.68, (-0.02, 0.06))
    assert "tells worse than recency alone" in verdict(90, 50, 0.60, 0.68, (-0.12, -0.03))
    assert "all or none ordered within 30 days" in verdict(30, 5, None, None)
    assert judgements_in_words([]).startswith("The days after this snapshot are not known yet")
