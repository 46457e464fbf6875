"""The figures of the pages against plain Python over the rows of the tables."""

from __future__ import annotations

import math
from collections import Counter
from datetime import date, timedelta
from statistics import fmean, pvariance
from typing import Any

import pytest

from engagement_assets.dashboard import lists, questions
from engagement_assets.dashboard.pages.at_risk import queries as risk
from engagement_assets.dashboard.pages.behaviour import queries as behaviour
from engagement_assets.dashboard.pages.breakdown import queries as breakdown
from engagement_assets.dashboard.pages.customer import queries as customer
from engagement_assets.dashboard.pages.high_value import queries as high_value
from engagement_assets.dashboard.pages.monitoring import queries as monitoring
from engagement_assets.dashboard.pages.overview import queries as overview
from engagement_assets.dashboard.pages.value import queries as value
from engagement_assets.dashboard.questions import Filters
from engagement_assets.dashboard.state import parse
from engagement_assets.dashboard.warehouse import Warehouse
from engagement_assets_tests.worlds import Row, World

DAY, BEFORE = "2026-06-30", "2026-06-23"
NONE: Filters = ((), (), ())
GERMAN: Filters = (("DE",), (), ())

both = pytest.mark.parametrize("filters", [NONE, GERMAN, (("DE", "FR"), ("Medium", "Low"), ("Core", "Dormant"))])


def rows(world: World, day: str, filters: Filters = NONE) -> list[Row]:
    columns = ("country", "engagement_segment", "value_segment")
    return [
        row
        for row in world.rows("engagement_scores", day)
        if all(not chosen or row[column] in chosen for column, chosen in zip(columns, filters, strict=True))
    ]


def close(found: Any, expected: Any) -> bool:
    return math.isclose(float(found), float(expected), rel_tol=1e-9, abs_tol=1e-12)


@both
def test_key_figures(warehouse: Warehouse, sample_world: World, filters: Filters) -> None:
    expected = rows(sample_world, DAY, filters)
    found = questions.key_figures(warehouse, DAY, filters)
    at_risk = [row for row in expected if row["is_high_risk"]]
    assert found["customers"] == len(expected) > 0
    assert close(found["average_score"], fmean(row["engagement_score"] for row in expected))
    assert close(found["high_risk_share"], len(at_risk) / len(expected))
    assert close(found["average_sessions"], fmean(row["sessions_last_30_days"] for row in expected))
    assert close(found["revenue_at_risk"], sum(row["total_revenue"] for row in at_risk))
    assert close(found["recency_part"] + found["frequency_part"] + found["monetary_part"], found["average_score"])


@both
def test_the_histogram_counts_everybody_once(warehouse: Warehouse, sample_world: World, filters: Filters) -> None:
    expected = Counter(
        (min(int(row["engagement_score"] * 20 + 1e-9), 19), row["engagement_segment"])
        for row in rows(sample_world, DAY, filters)
    )
    found = overview.distribution(warehouse, DAY, filters)
    assert {(row["bin"], row["segment"]): row["customers"] for row in found} == expected


def test_trends_agree_with_and_without_a_filter_that_takes_all(warehouse: Warehouse, sample_world: World) -> None:
    plain = questions.trend(warehouse, DAY, NONE)
    everybody = questions.trend(warehouse, DAY, ((), ("High", "Medium", "Low", "At Risk"), ()))
    assert [row["as_of_date"] for row in plain] == [row["as_of_date"] for row in everybody]
    for metrics, scores in zip(plain, everybody, strict=True):
        assert metrics["customers"] == scores["customers"]
        assert close(metrics["average_score"], scores["average_score"])
        assert close(metrics["high_risk_share"], scores["high_risk_share"])
    assert plain[-1]["customers"] == len(rows(sample_world, DAY))


def test_a_trend_ends_on_the_day_it_is_asked_for(warehouse: Warehouse) -> None:
    assert questions.trend(warehouse, BEFORE, NONE)[-1]["as_of_date"] == date(2026, 6, 23)


def test_days_are_left_out_evenly_where_rows_would_be_too_many(warehouse: Warehouse) -> None:
    days = [day for day in warehouse.catalogue().days if day >= "2026-06-17"]
    customers = len(warehouse.rows("SELECT 1 FROM {s}", s=(lists.EngagementScores, [DAY])))
    assert questions.thinned(warehouse, days, customers * 5) == days[1::3][-5:]
    assert questions.thinned(warehouse, days, 1)[-1] == DAY


@both
def test_groups_that_moved_most(warehouse: Warehouse, sample_world: World, filters: Filters) -> None:
    kinds = {
        "Country": "country",
        "Segment": "engagement_segment",
        "Value segment": "value_segment",
        "Status": "engagement_status",
    }
    changes = {}
    for kind, column in kinds.items():
        now: dict[str, list[float]] = {}
        then: dict[str, list[float]] = {}
        for target, day in ((now, DAY), (then, BEFORE)):
            for row in rows(sample_world, day, filters):
                target.setdefault(row[column], []).append(row["reference_score"])
        for name in set(now) & set(then):
            if min(len(now[name]), len(then[name])) >= overview.SMALLEST_GROUP:
                changes[kind, name] = (fmean(now[name]) - fmean(then[name]), len(now[name]) - len(then[name]))
    found = overview.group_movers(warehouse, DAY, BEFORE, filters)
    assert len(found) == min(len(changes), overview.GROUPS_SHOWN)
    largest = sorted((abs(change) for change, _ in changes.values()), reverse=True)
    for row, size in zip(found, largest, strict=False):
        change, people = changes[row["kind"], row["name"]]
        assert close(row["score_change"], change)
        assert row["customers_change"] == people
        assert close(abs(row["score_change"]), size)


@both
def test_newly_slipping_and_came_back(warehouse: Warehouse, sample_world: World, filters: Filters) -> None:
    then = {row["customer_id"]: row["is_slipping"] for row in rows(sample_world, BEFORE)}
    now = rows(sample_world, DAY, filters)
    new = [row for row in now if row["is_slipping"] and not then.get(row["customer_id"], False)]
    back = [row for row in now if (row["recency_days"] or 0) <= 30 and then.get(row["customer_id"], False)]
    found = risk.crossings(warehouse, DAY, BEFORE, filters)
    assert (found["new"], found["recovered"]) == (len(new), len(back))
    assert close(found["new_revenue"], sum(row["revenue_last_365_days"] for row in new))
    beside = risk.beside(warehouse, DAY, filters)
    assert beside["lapsed"] == sum((row["recency_days"] or 0) >= 120 for row in now)
    assert beside["too_early"] == 0


@both
def test_matrix_and_value_segments(warehouse: Warehouse, sample_world: World, filters: Filters) -> None:
    now = rows(sample_world, DAY, filters)
    cells = {
        (row["engagement"], row["revenue_band"]): row["customers"] for row in value.matrix(warehouse, DAY, filters)
    }

    def band(row: Row) -> str:
        if not row["total_orders"]:
            return "Medium" if row["engaged_sessions_last_30_days"] >= 2 else "Low"
        return "Low" if row["engagement_segment"] == "At Risk" else str(row["engagement_segment"])

    assert cells == Counter((band(row), row["revenue_band"]) for row in now)
    found = value.value_segments(warehouse, DAY, filters)
    for name, row in found.items():
        theirs = [each for each in now if each["value_segment"] == name]
        assert row["customers"] == len(theirs)
        assert close(row["revenue"], sum(each["total_revenue"] for each in theirs))
        assert row["orders"] == sum(each["total_orders"] for each in theirs)
    assert sum(row["customers"] for row in found.values()) == len(now)


def test_moves_between_segments(warehouse: Warehouse, sample_world: World) -> None:
    then = {row["customer_id"]: row["engagement_segment"] for row in rows(sample_world, BEFORE)}
    expected = Counter(
        (then.get(row["customer_id"], "New"), row["engagement_segment"]) for row in rows(sample_world, DAY, GERMAN)
    )
    found = value.moves(warehouse, DAY, BEFORE, GERMAN)
    assert {(row["source"], row["target"]): row["customers"] for row in found} == expected


def test_contributions_within_a_group(warehouse: Warehouse, sample_world: World) -> None:
    within = (("segment", "Medium"),)
    found = breakdown.groups(warehouse, DAY, NONE, "country", within)
    for row in found:
        theirs = [
            each
            for each in rows(sample_world, DAY)
            if each["engagement_segment"] == "Medium" and each["country"] == row["name"]
        ]
        assert row["customers"] == len(theirs)
        assert close(row["frequency"], fmean(each["frequency_contribution"] for each in theirs))
        assert close(row["recency"] + row["frequency"] + row["monetary"], row["score"])


@both
def test_high_value_customers(warehouse: Warehouse, sample_world: World, filters: Filters) -> None:
    buyers = [row for row in rows(sample_world, DAY, filters) if row["total_orders"]]
    high = [r for r in buyers if r["revenue_band"] == "High" and r["engagement_segment"] in ("High", "Medium")]
    found = high_value.profile(warehouse, DAY, filters)
    assert found[True]["customers"] == len(high)
    assert close(found[True]["revenue"], sum(row["total_revenue"] for row in high))
    assert found[True]["declining"] == sum((row["reference_score_change"] or 0) < -0.02 for row in high)
    assert found[False]["customers"] == len(buyers) - len(high)


@both
def test_the_funnel_counts_who_got_at_least_that_far(
    warehouse: Warehouse, sample_world: World, filters: Filters
) -> None:
    members = {row["customer_id"] for row in rows(sample_world, DAY, filters)}
    last = date.fromisoformat(DAY)
    window = {(last - timedelta(days=offset)).isoformat() for offset in range(30)}
    ordered = {
        (row["customer_id"], row["as_of_date"])
        for day in window
        for row in sample_world.rows("raw_orders", day)
        if row["customer_id"] in members
    }
    buyers = {customer_id for customer_id, _ in ordered}
    sessions = [0] * 4
    best: dict[str, int] = {}
    for day in window:
        for row in sample_world.rows("sessions", day):
            if row["customer_id"] not in members or row["continues_previous_day"]:
                continue
            if (row["customer_id"], row["as_of_date"]) in ordered:
                reached = 4
            elif row["checkouts"]:
                reached = 3
            else:
                reached = 2 if row["add_to_carts"] else 1 if row["page_views"] else 0
            for stage in range(reached):
                sessions[stage] += 1
            best[row["customer_id"]] = max(best.get(row["customer_id"], 0), reached)
    for customer_id in best:
        if customer_id in buyers:
            best[customer_id] = 4
    found = behaviour.funnel(warehouse, DAY, filters)
    assert found["sessions"] == sessions
    assert found["customers"] == [sum(reached > stage for reached in best.values()) for stage in range(4)]
    assert found["without_session"] == len(buyers - set(best))


def test_orders_by_sessions_counts_the_orders_of_the_window(warehouse: Warehouse, sample_world: World) -> None:
    last = date.fromisoformat(DAY)
    window = [(last - timedelta(days=offset)).isoformat() for offset in range(30)]
    orders = sum(len(sample_world.rows("raw_orders", day)) for day in window)
    found = behaviour.orders_by_sessions(warehouse, DAY, NONE)
    assert sum(row["orders"] for row in found) == orders
    assert sum(row["customers"] for row in found) == len(rows(sample_world, DAY))


def week_of(day: date, last: date) -> date | None:
    """The last day of the week, counted back from a day, that a day is in; None beyond twelve weeks."""
    back = (last - day).days
    return last - timedelta(days=back // 7 * 7) if 0 <= back < 7 * 12 else None


@both
def test_sessions_that_were_followed_by_an_order(warehouse: Warehouse, sample_world: World, filters: Filters) -> None:
    members = {row["customer_id"] for row in rows(sample_world, DAY, filters)}
    bought = {(row["customer_id"], row["as_of_date"]) for row in sample_world.rows("raw_orders")}
    last = date.fromisoformat(DAY) - timedelta(days=7)
    told: dict[date, list[tuple[bool, bool]]] = {}
    for visit in sample_world.rows("sessions"):
        week = week_of(visit["as_of_date"], last)
        if week and visit["customer_id"] in members and not visit["continues_previous_day"]:
            after = [(visit["customer_id"], visit["as_of_date"] + timedelta(days=n)) in bought for n in range(8)]
            told.setdefault(week, []).append((any(after[:2]), any(after)))
    found = behaviour.conversion(warehouse, DAY, filters)
    assert [row["as_of_date"] for row in found] == sorted(told)
    assert len(found) == 12 or filters not in (NONE, GERMAN)
    for row in found:
        visits = told[row["as_of_date"]]
        assert row["sessions"] == len(visits)
        assert close(row["one_day"], fmean(early for early, _ in visits))
        assert close(row["followed"], fmean(late for _, late in visits))


@both
def test_how_far_the_visitors_of_a_week_get(warehouse: Warehouse, sample_world: World, filters: Filters) -> None:
    members = {row["customer_id"]: row for row in rows(sample_world, DAY, filters)}
    bought = {(row["customer_id"], row["as_of_date"]) for row in sample_world.rows("raw_orders")}
    weeks: dict[date, dict[str, int]] = {}
    window: dict[str, int] = {}
    for visit in sample_world.rows("sessions"):
        who, day = visit["customer_id"], visit["as_of_date"]
        week = week_of(day, date.fromisoformat(DAY))
        if week is None or who not in members or visit["continues_previous_day"]:
            continue
        looked = 2 if visit["add_to_carts"] else 1 if visit["page_views"] else 0
        stage = 4 if (who, day) in bought else 3 if visit["checkouts"] else looked
        reached = weeks.setdefault(week, {})
        reached[who] = max(reached.get(who, 0), stage)
        if day > date.fromisoformat(DAY) - timedelta(days=30):
            window[who] = max(window.get(who, 0), stage)
    found = behaviour.stages_by_week(warehouse, DAY, filters)
    assert [row["as_of_date"] for row in found] == sorted(weeks)
    for row in found:
        stages = weeks[row["as_of_date"]].values()
        assert row["visitors"] == len(stages)
        for number, name in ((2, "cart"), (3, "checkout"), (4, "order")):
            assert close(row[name], fmean(stage >= number for stage in stages))
    # By group: who ordered on a day without a session got to an order, too.
    for who, day in bought:
        if who in window and day > date.fromisoformat(DAY) - timedelta(days=30):
            window[who] = 4
    for row in behaviour.stages_by_group(warehouse, DAY, filters):
        column = {"country": "country", "segment": "engagement_segment"}[row["kind"]]
        stages_of = [stage for who, stage in window.items() if members[who][column] == row["name"]]
        assert row["customers"] == [sum(stage >= number for stage in stages_of) for number in (1, 2, 3, 4)]


@both
def test_what_drives_the_score(warehouse: Warehouse, sample_world: World, filters: Filters) -> None:
    members = rows(sample_world, DAY, filters)
    found = breakdown.drivers(warehouse, DAY, filters)
    names = ("recency", "frequency", "monetary")
    assert found["customers"] == len(members)
    assert close(found["score"], sum(found[name] for name in names))
    assert close(sum(found[f"{name}_spread"] for name in names), 1)
    scores = [row["engagement_score"] for row in members]
    for name in names:
        parts = [row[f"{name}_contribution"] for row in members]
        assert close(found[name], fmean(parts))
        shared = fmean(
            (part - fmean(parts)) * (score - fmean(scores)) for part, score in zip(parts, scores, strict=True)
        )
        assert math.isclose(found[f"{name}_spread"], shared / pvariance(scores), rel_tol=1e-9)
        assert close(found[f"{name}_score"], fmean(row[f"{name}_score"] for row in members))


def test_activity_by_weekday_and_hour(warehouse: Warehouse, sample_world: World) -> None:
    last = date.fromisoformat(DAY)
    expected: Counter[tuple[int, int]] = Counter()
    for offset in range(30):
        for row in sample_world.rows("sessions", (last - timedelta(days=offset)).isoformat()):
            if not row["continues_previous_day"]:
                expected[row["session_start"].isoweekday(), row["session_start"].hour] += 1
    found = behaviour.activity(warehouse, DAY, NONE)
    assert {(row["weekday"], row["hour"]): row["sessions"] for row in found} == expected


def test_cohorts(warehouse: Warehouse, sample_world: World) -> None:
    cohort_of = {row["customer_id"]: row["signup_date"].replace(day=1) for row in rows(sample_world, DAY)}
    active: dict[tuple[date, int], set[str]] = {}
    for row in sample_world.rows("raw_orders"):
        day, cohort = row["as_of_date"], cohort_of.get(row["customer_id"])
        if cohort is not None and day <= date.fromisoformat(DAY):
            month = (day.year - cohort.year) * 12 + day.month - cohort.month
            active.setdefault((cohort, month), set()).add(row["customer_id"])
    sizes = Counter(cohort_of.values())
    found = behaviour.cohorts(warehouse, DAY, NONE)
    assert {row["cohort"] for row in found} == set(sorted(sizes)[-12:])
    for row in found:
        assert row["size"] == sizes[row["cohort"]]
        if row["month"] is not None:
            assert row["customers"] == len(active[row["cohort"], row["month"]])


def test_population_stability_index_by_hand() -> None:
    old, new = {0: 50, 1: 50}, {0: 25, 1: 75}
    assert close(
        monitoring.population_stability(old, new),
        (0.25 - 0.5) * math.log(0.25 / 0.5) + (0.75 - 0.5) * math.log(0.75 / 0.5),
    )
    assert monitoring.population_stability(old, old) == 0


def test_a_distribution_that_did_not_move_is_stable(warehouse: Warehouse) -> None:
    found = monitoring.stability(warehouse, DAY, BEFORE, NONE)
    assert set(found) == set(monitoring.PSI_COLUMNS)
    assert all(0 <= index < 0.1 for index in found.values())


def test_nulls_and_rejected_rows(warehouse: Warehouse, sample_world: World) -> None:
    now = rows(sample_world, DAY)
    found = monitoring.nulls(warehouse, DAY, NONE)
    assert close(found["recency_days"], sum(row["recency_days"] is None for row in now) / len(now))
    assert found["others"] == 0
    assert {f"{row['source']}:{row['reason']}": row["rows"] for row in monitoring.rejected(warehouse)} == (
        sample_world.rejected()
    )


def test_rows_per_day_show_gaps_between_snapshots(warehouse: Warehouse) -> None:
    days = monitoring.rows_per_day(warehouse, "engagement_scores", DAY)
    assert days["2026-06-16"] is None
    assert days[DAY] == days["2026-06-30"] is not None


def test_a_customer_by_their_orders_and_sessions(warehouse: Warehouse, sample_world: World) -> None:
    who = max(rows(sample_world, DAY), key=lambda row: row["sessions_last_30_days"] * bool(row["total_orders"]))
    found = customer.orders(warehouse, DAY, who["customer_id"])
    assert len(found) == who["total_orders"]
    assert sum(row["amount"] for row in found) == who["total_revenue"]
    visits = customer.sessions(warehouse, DAY, who["customer_id"])
    assert len(visits) == 30
    assert sum(row["sessions"] for row in visits) == who["sessions_last_30_days"]
    history = customer.history(warehouse, DAY, who["customer_id"])
    assert history[-1]["score"] == who["engagement_score"]


def test_previous_and_next_follow_the_order_of_the_list(warehouse: Warehouse, sample_world: World) -> None:
    at_risk = [row for row in rows(sample_world, DAY) if row["is_slipping"]]
    order = [
        row["customer_id"] for row in sorted(at_risk, key=lambda row: (row["engagement_score"], row["customer_id"]))
    ]
    view = parse(f"?cid={order[3]}&from=at-risk&target=no&sort=engagement_score:asc", warehouse.catalogue())
    assert view is not None
    found = lists.neighbours(warehouse, view, "at-risk", order[3])
    assert found is not None
    assert (found["previous"], found["next"], found["place"], found["size"]) == (order[2], order[4], 4, len(order))
