"""Campaign audiences: who is in which, in what words, who is held out, how often anybody is contacted, who opted out."""

from __future__ import annotations

import csv
import hashlib
import json
from collections import Counter
from datetime import date, timedelta
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from engagement_assets.domain.campaign_policy import AudienceRule, CampaignPolicy
from engagement_assets.domain.contracts import EngagementScores, Sessions
from engagement_assets.domain.customer_filters import FILTERS, Above, Flag, Months, Names, Span, snapshot_sql
from engagement_assets.domain.days import days_between
from engagement_assets.engine import EngineResource
from engagement_assets.exports.audience_files import contacts, write_audiences
from engagement_assets.operations.erasure import forget
from engagement_assets.settings import Settings
from engagement_assets.sources.opt_outs import OptOutListError, read_opt_outs
from engagement_assets.transforms.campaign_audiences import AudienceRuleError, choose_audiences
from engagement_assets_tests.worlds import Row, World

DAY = "2025-03-31"


def carts(session_rows: list[Row], day: date) -> dict[str, date]:
    """The latest day within a week on which a customer left a cart."""
    left: dict[str, date] = {}
    for row in session_rows:
        if row["add_to_carts"] and not row["checkouts"] and timedelta(0) <= day - row["as_of_date"] < timedelta(7):
            left[row["customer_id"]] = max(row["as_of_date"], left.get(row["customer_id"], row["as_of_date"]))
    return left


def expected_audience(row: Row, cart: date | None) -> str | None:
    """The audience by the default rules, in plain Python."""
    if cart is not None and (row["last_order_date"] is None or row["last_order_date"] < cart):
        return "abandoned_cart"
    silence = row["recency_days"] or 0
    if 31 <= silence <= 119 and row["order_days"] >= 2:
        return "save_slipping"
    if row["value_segment"] in ("VIPs", "At-risk VIPs") and silence > 30:
        return "win_back_vips"
    if row["value_segment"] == "VIPs":
        return "reward_vips"
    if row["order_days"] == 1 and 14 <= silence <= 60:
        return "second_order"
    if row["lifecycle_stage"] == "New" or (row["lifecycle_stage"] == "Prospect" and row["tenure_days"] < 7):
        return "welcome_new"
    if row["total_orders"] == 0 and row["engaged_sessions_last_30_days"] >= 2:
        return "convert_browsers"
    if row["value_segment"] == "Dormant" and row["recency_days"] is not None and row["recency_days"] >= 60:
        return "wake_dormant"
    return None


def draw(text: str) -> float:
    """The share that a text draws."""
    return int(hashlib.sha256(text.encode()).hexdigest()[:8], 16) / 2**32


def test_everybody_is_in_the_first_audience_that_fits_and_is_drawn_alike(sample_world: World) -> None:
    sessions = sample_world.rows("sessions")
    seen: Counter[str] = Counter()
    for day in (date(2026, 6, 17), date(2026, 6, 30)):
        scores = sample_world.by_customer("engagement_scores", day.isoformat())
        found = sample_world.by_customer("campaign_audiences", day.isoformat())
        left = carts(sessions, day)
        expected = {name: expected_audience(row, left.get(name)) for name, row in scores.items()}
        assert {name: row["audience"] for name, row in found.items()} == {n: a for n, a in expected.items() if a}
        seen.update(row["audience"] for row in found.values())
        for name, row in found.items():
            assert row["is_holdout"] == (draw(f"1/{row['audience']}/{name}") < 0.1)
            days = (day - date(1970, 1, 1)).days
            assert row["is_contact_day"] == (days % 7 == int(draw(f"contact/{name}") * 7))
            assert row["is_to_contact"] == (row["is_contact_day"] and not row["is_holdout"])
            if row["audience"] in ("win_back_vips", "reward_vips", "second_order", "wake_dormant"):
                expected_loss = scores[name]["expected_revenue_90_days"] * (1 - scores[name]["return_chance"])
                assert row["priority"] == pytest.approx(expected_loss, rel=1e-12)
            if row["audience"] == "save_slipping":
                assert row["priority"] == pytest.approx(float(scores[name]["revenue_last_365_days"]), rel=1e-12)
    assert len(seen) == 8


def test_who_is_slipping_is_addressed_and_who_has_long_been_silent_is_not_rewarded(sample_world: World) -> None:
    scores = sample_world.by_customer("engagement_scores", "2026-06-30")
    found = sample_world.by_customer("campaign_audiences", "2026-06-30")
    slipping = {name for name, row in scores.items() if row["is_slipping"]}
    assert {found[name]["audience"] for name in slipping} <= {"save_slipping", "abandoned_cart"}
    assert len(slipping) > 40
    rewarded = [scores[name]["recency_days"] for name, row in found.items() if row["audience"] == "reward_vips"]
    assert max(rewarded) <= 30
    browsers = [
        row for row in scores.values() if row["total_orders"] == 0 and row["engaged_sessions_last_30_days"] >= 2
    ]
    assert {row["value_segment"] for row in browsers} == {"Converters-to-be"}


def test_nobody_is_contacted_twice_in_a_week(sample_world: World) -> None:
    """Fourteen days: whoever is in an audience throughout is contacted twice, a week apart; held-out customers never."""
    contacted: dict[str, list[date]] = {}
    held = set()
    for row in sample_world.rows("campaign_audiences"):
        if row["as_of_date"] >= date(2026, 6, 17):
            if row["is_to_contact"]:
                contacted.setdefault(row["customer_id"], []).append(row["as_of_date"])
            if row["is_holdout"]:
                held.add((row["customer_id"], row["audience"]))
    gaps = {(b - a).days for days in contacted.values() for a, b in zip(sorted(days), sorted(days)[1:], strict=False)}
    assert gaps == {7}
    assert len(contacted) > 100
    members = {(row["customer_id"], row["audience"]) for row in sample_world.rows("campaign_audiences")}
    assert 0.05 < len(held) / len(members) < 0.16


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, engine: object) -> World:
    """Four customers: a cart left behind, one that was bought, one who opted out, one who is new; everybody every day."""
    world = World(tmp_path_factory.mktemp("shop"))
    opted_out = world.root / "opt-out.csv"
    opted_out.write_text("customer_id,since\nmute,2025-01-01\n")
    world.options["campaigns"] = CampaignPolicy(contact_every_days=1, holdout_share=0.0, opt_out=str(opted_out))
    world.options["start_date"] = date(2025, 3, 1)
    world.customers([{"customer_id": name} for name in ("cart", "buys", "mute", "=new")])
    bought = (("buys", "2025-03-30", 9.5), ("=new", "2025-03-31", 5.0))
    world.orders([{"order_id": n, "customer_id": n, "order_date": day, "order_amount": a} for n, day, a in bought])
    world.events(
        [
            {"customer_id": name, "event_time": "2025-03-29T10:00:00Z", "event_type": "add_to_cart"}
            for name in ("cart", "buys", "mute")
        ]
    )
    world.run(DAY)
    return world


def test_a_cart_that_was_bought_later_is_not_abandoned_and_who_opted_out_is_left_alone(shop: World) -> None:
    found = shop.by_customer("campaign_audiences", DAY)
    assert {name: row["audience"] for name, row in found.items()} == {
        "cart": "abandoned_cart",
        "buys": "welcome_new",
        "=new": "welcome_new",
    }
    assert found["cart"]["evidence"] == "left a cart 2 days ago and has not ordered since; 0 orders so far"
    assert found["buys"]["evidence"] == "signed up 89 days ago; 1 order so far"


def test_files_for_channels_hold_whom_to_contact_and_are_safe_to_open(shop: World) -> None:
    day, written = write_audiences(shop.settings, shop.lake)
    assert day == DAY
    assert {files.audience: files.customers for files in written} == {
        "abandoned_cart": 1,
        "save_slipping": 0,
        "win_back_vips": 0,
        "reward_vips": 0,
        "second_order": 0,
        "welcome_new": 2,
        "convert_browsers": 0,
        "wake_dormant": 0,
    }
    folder = Path(shop.settings.export, "audiences")
    with (folder / "welcome_new.csv").open(newline="") as file:
        row, _ = sorted(csv.DictReader(file), key=lambda row: row["customer_id"])
    assert (row["customer_id"], row["recommended_action"]) == ("'=new", "Welcome and show what there is")
    lines = (folder / "welcome_new.jsonl").read_text().splitlines()
    assert {json.loads(line)["customer_id"] for line in lines} == {"buys", "=new"}
    assert (folder / "wake_dormant.csv").read_text().count("\n") == 1


def test_who_opts_out_after_the_build_is_in_no_file(shop: World, tmp_path: Path) -> None:
    listed = tmp_path / "now.txt"
    listed.write_text("mute\ncart\n")
    settings = shop.settings.model_copy(
        update={"campaigns": shop.settings.campaigns.model_copy(update={"opt_out": str(listed)})}
    )
    assert {row["customer_id"] for row in contacts(settings, shop.lake)[1]} == {"buys", "=new"}
    missing = settings.model_copy(
        update={"campaigns": settings.campaigns.model_copy(update={"opt_out": str(tmp_path / "none.txt")})}
    )
    with pytest.raises(OptOutListError, match=r"none\.txt cannot be read .* nobody is addressed"):
        read_opt_outs(missing)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"condition": "no_such_column > 1"}, "audience mine: its condition is not a condition"),
        ({"condition": "total_orders"}, "audience mine: its condition is not a condition"),
        ({"value": "customer_id"}, "audience mine: its value is not a number"),
        ({"evidence": "{e_mail} says"}, "audience mine: its evidence names 'e_mail'"),
    ],
)
def test_a_rule_that_does_not_fit_is_named(engine: EngineResource, changes: dict[str, str], message: str) -> None:
    spark: SparkSession = engine.spark_session
    rule = {"name": "mine", "condition": "total_orders > 1", "action": "Greet", "evidence": "{total_orders|order}"}
    policy = CampaignPolicy(audiences=(AudienceRule(**{**rule, **changes}),))
    scores = spark.createDataFrame([], EngagementScores.struct())
    sessions = spark.createDataFrame([], Sessions.struct())
    with pytest.raises(AudienceRuleError, match=message):
        choose_audiences(scores, sessions, (), policy, date(2025, 3, 1), date(2025, 3, 1))


def test_every_filter_of_the_snapshot_is_a_condition_of_an_audience(engine: EngineResource) -> None:
    """As the named lists make them; the values are those that the address could have."""
    spark: SparkSession = engine.spark_session
    said = {Flag: "yes", Span: "0.1..1", Above: "2.5", Months: "2025-03", Names: "DE"}
    rules = [
        AudienceRule(name=f"list_{number}", action="Greet", evidence="listed", condition=snapshot_sql(((key, texts),)))
        for number, (key, each) in enumerate(FILTERS.items())
        if each.reads == "s" and key != "id"
        for texts in [getattr(each, "choices", ())[:2] or (said[type(each)],)]
    ]
    assert len(rules) > 20
    scores = spark.createDataFrame([], EngagementScores.struct())
    sessions = spark.createDataFrame([], Sessions.struct())
    days = (date(2025, 3, 1), date(2025, 3, 1))
    assert choose_audiences(scores, sessions, (), CampaignPolicy(audiences=tuple(rules)), *days).count() == 0


def test_an_erased_customer_is_in_no_audience_file(
    shop: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Last in this file: it changes the lake."""
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    write_audiences(shop.settings, shop.lake)
    done = forget(shop.settings, shop.lake, "cart")
    assert (done.found.left, done.rows["campaign_audiences"]) == ([], 1)
    assert (done.rows["abandoned_cart.csv"], done.rows["abandoned_cart.jsonl"]) == (1, 1)
    assert Path(shop.settings.export, "audiences", "abandoned_cart.jsonl").read_text() == ""


def test_an_audience_may_have_a_share_of_its_own_held_out(sample_world: World, engine: EngineResource) -> None:
    day = date(2026, 6, 30)
    frames = [
        sample_world.lake.read(engine.spark_session, table, days)
        for table, days in (
            (EngagementScores, [day.isoformat()]),
            (Sessions, days_between(date(2026, 6, 24), day)),
        )
    ]
    policy = CampaignPolicy(holdout_shares={"welcome_new": 0.5})
    found = choose_audiences(frames[0], frames[1], (), policy, day, day).collect()
    drawn = {row["customer_id"]: draw(f"1/{row['audience']}/{row['customer_id']}") for row in found}
    for row in found:
        assert row["is_holdout"] == (drawn[row["customer_id"]] < (0.5 if row["audience"] == "welcome_new" else 0.1))
    # What was published before there were such shares has the fingerprint it had.
    assert CampaignPolicy().fingerprint() == "b1449def7180"
    assert policy.fingerprint() != CampaignPolicy().fingerprint()
    with pytest.raises(ValueError, match="nobody is no audience"):
        Settings(campaigns=CampaignPolicy(holdout_shares={"nobody": 0.5}))
