"""The statistics of campaign results by hand, with scipy and statsmodels: intervals, Holm, customers needed, the verdict."""

from __future__ import annotations

import math
from datetime import date, timedelta
from typing import Any

import duckdb
import numpy as np
from scipy.special import erfc, ndtri, stdtrit
from statsmodels.stats.multitest import multipletests

#: In the order of the sums; the last three are known on entry.
VALUES = ("orders", "revenue", "sessions", "score", "spent", "recency")

Z, POWER = float(ndtri(0.975)), float(ndtri(0.8))


def judge_campaigns(connection: duckdb.DuckDBPyConnection, columns: tuple[str, ...]) -> None:
    """Make the table `campaign_results`, with these columns, of the tables `arms` and `windows`."""
    found: Any = connection.execute("FROM arms").df()
    of_windows: Any = connection.execute("FROM windows").df()
    windows = {(row.day, row.horizon_days): row for row in of_windows.itertuples()}
    rows = []
    for day, of_day in found.groupby("day"):
        pairs = {
            key: {bool(arm.is_holdout): arm for arm in of_both.itertuples()}
            for key, of_both in of_day.groupby(["audience", "horizon_days"])
        }
        compared = [key for key, pair in pairs.items() if len(pair) == 2]
        chances = [_p_value(pairs[key][False], pairs[key][True]) for key in compared]
        levels = dict(zip(compared, _levels(chances), strict=True))
        adjusted = dict(zip(compared, multipletests(chances, method="holm")[1] if chances else (), strict=True))
        plain = dict(zip(compared, chances, strict=True))
        for key, pair in pairs.items():
            look = (plain[key], adjusted[key], levels[key]) if key in levels else None
            rows.append(_row(day.date(), key, pair, look, len(compared), windows[day, key[1]]))
    connection.execute(f"CREATE TABLE campaign_results ({', '.join(f'{name} {_type(name)}' for name in columns)})")
    if rows:
        connection.executemany(
            f"INSERT INTO campaign_results VALUES ({', '.join('?' * len(columns))})",
            [[row[name] for name in columns] for row in rows],
        )


def _type(name: str) -> str:
    if name in ("as_of_date", "entered_from", "entered_to"):
        return "DATE"
    if name in ("audience", "finding", "verdict"):
        return "VARCHAR"
    if name.startswith("is_"):
        return "BOOLEAN"
    if name in ("horizon_days", "days_known", "days_unknown", "looks"):
        return "INTEGER"
    counts = (
        *("treated", "held_out", "treated_ordered", "held_out_ordered", "held_out_lacking"),
        *("treated_reached", "held_out_reached"),
    )
    return "BIGINT" if name in counts or name.startswith("needed_") else "DOUBLE"


def _p_value(one: Any, other: Any) -> float:
    pooled = (one.ordered + other.ordered) / (one.customers + other.customers)
    error = math.sqrt(pooled * (1 - pooled) * (1 / one.customers + 1 / other.customers))
    if not error:
        return 1.0
    return float(erfc(abs(one.ordered / one.customers - other.ordered / other.customers) / error / math.sqrt(2)))


def _levels(chances: list[float]) -> list[float]:
    """Of each look, the error that Holm allows it, and from the first that fails on, what he allowed that one."""
    order = list(np.argsort(chances, kind="stable"))
    allowed = [0.05 / (len(order) - rank) for rank in range(len(order))]
    failed = next((rank for rank, place in enumerate(order) if chances[place] > allowed[rank]), len(order))
    levels = [0.0] * len(order)
    for rank, place in enumerate(order):
        levels[place] = allowed[min(rank, failed)]
    return levels


def _newcombe(one: Any, other: Any, error: float) -> tuple[float, float, float]:
    z = float(ndtri(1 - error / 2))

    def roots(arm: Any) -> tuple[float, float, float]:
        # The two p with |share - p| = z sqrt(p (1 - p) / n).
        n, share = arm.customers, arm.ordered / arm.customers
        a, b, c = 1 + z * z / n, -(2 * share + z * z / n), share * share
        root = math.sqrt(max(0.0, b * b - 4 * a * c))
        return share, (-b - root) / (2 * a), (-b + root) / (2 * a)

    (p1, l1, u1), (p2, l2, u2) = roots(one), roots(other)
    d = p1 - p2
    return d, d - math.sqrt((p1 - l1) ** 2 + (u2 - p2) ** 2), d + math.sqrt((u1 - p1) ** 2 + (p2 - l2) ** 2)


def _moments(arm: Any, place: int) -> tuple[Any, ...]:
    n = int(arm.buyers if place == 5 else arm.customers)
    total, squares = float(arm.totals[place]), float(arm.squares[place])
    return n, total / n if n else None, (squares - total * total / n) / (n - 1) if n > 1 else None


def _welch(one: tuple[Any, ...], other: tuple[Any, ...], error: float) -> tuple[float, float, float] | None:
    (n1, m1, v1), (n2, m2, v2) = one, other
    if v1 is None or v2 is None or v1 + v2 <= 1e-18:
        return None
    se = v1 / n1 + v2 / n2
    df = se**2 / ((v1 / n1) ** 2 / (n1 - 1) + (v2 / n2) ** 2 / (n2 - 1))
    half = float(stdtrit(df, 1 - error / 2)) * math.sqrt(se)
    return m1 - m2, m1 - m2 - half, m1 - m2 + half


def _needed(share: float, uplift: float, of_one: int, of_other: int) -> int | None:
    if not of_one or not of_other or share + uplift > 1:
        return None
    ratio = of_other / of_one
    mixed = (share + uplift + share * ratio) / (1 + ratio)
    null = math.sqrt(mixed * (1 - mixed) * (1 + 1 / ratio))
    real = math.sqrt((share + uplift) * (1 - share - uplift) + share * (1 - share) / ratio)
    return math.ceil(((Z * null + POWER * real) / uplift) ** 2 * (1 + ratio))


def _row(
    day: date, key: tuple[str, int], pair: dict[bool, Any], look: tuple[float, ...] | None, looks: int, window: Any
) -> dict[str, Any]:
    audience, horizon = key[0], int(key[1])
    one, other = pair.get(False), pair.get(True)
    of_one, of_other = (int(arm.customers) if arm else 0 for arm in (one, other))
    did_one, did_other = (int(arm.ordered) if arm else 0 for arm in (one, other))
    row: dict[str, Any] = {
        "as_of_date": day,
        "audience": audience,
        "horizon_days": horizon,
        "entered_from": day - timedelta(horizon + 89),
        "entered_to": day - timedelta(horizon),
        "days_known": int(window.known),
        "days_unknown": int(window.unknown),
        "entries_per_day": sum(int(arm.newly) for arm in (one, other) if arm) / int(window.whole)
        if window.whole
        else None,
        "treated": of_one,
        "held_out": of_other,
        "treated_ordered": did_one,
        "held_out_ordered": did_other,
        "treated_reached": None,  # these shops have no contacts
        "held_out_reached": None,
        "treated_share": did_one / of_one if of_one else None,
        "held_out_share": did_other / of_other if of_other else None,
        "looks": looks,
        "p_value": look and look[0],
        "p_value_all_looks": look and look[1],
    }
    uplift = _newcombe(one, other, 0.05) if look else None
    allowing = _newcombe(one, other, look[2]) if look else None
    _put(row, "share_uplift", uplift)
    row["share_uplift_low_all_looks"], row["share_uplift_high_all_looks"] = allowing[1:] if allowing else (None, None)
    apart_by = 0.01 / 3 / max(1, looks)
    balanced = True
    earned = None
    for place, name in enumerate(VALUES):
        moments = [_moments(arm, place) if arm else (0, None, None) for arm in (one, other)]
        if place < 3:
            row[f"treated_{name}"], row[f"held_out_{name}"] = moments[0][1], moments[1][1]
            found = _welch(moments[0], moments[1], 0.05)
            _put(row, f"{name}_uplift", found)
            if place < 2:
                more = tuple(each * of_one for each in found) if found else None
                _put(row, f"incremental_{name}", more)
                earned = more
        else:
            found = _welch(moments[0], moments[1], apart_by)
            spread = math.sqrt((moments[0][2] + moments[1][2]) / 2) if found else 0
            row[f"{'revenue' if name == 'spent' else name}_imbalance"] = found[0] / spread if found else None
            if found and min(moments[0][0], moments[1][0]) >= 30:
                balanced &= found[1] <= 0 <= found[2]
    row["is_balanced"] = balanced if min(of_one, of_other) >= 30 else None
    share = (did_one + did_other) / (of_one + of_other)
    for points, name in ((1, "needed_1_point"), (2, "needed_2_points"), (5, "needed_5_points")):
        row[name] = _needed(share, points / 100, of_one, of_other)
    planned = row["needed_2_points"]
    lacking = None if planned is None else max(0, round(planned * of_other / (of_one + of_other)) - of_other)
    a_day = int(other.newly) / int(window.whole) if other and window.whole and other.newly else None
    weeks = lacking / a_day / 7 if lacking and a_day and of_other + lacking <= a_day * 90 else None
    row |= {"held_out_lacking": lacking, "weeks_lacking": weeks, "is_early": lacking is None or lacking > 0}
    row["finding"], row["verdict"] = _verdict(row, uplift, allowing, earned, looks, a_day)
    return row


def _put(row: dict[str, Any], name: str, found: tuple[float, ...] | None) -> None:
    for end, value in zip(("", "_low", "_high"), found or (None, None, None), strict=True):
        row[name + end] = value


def _verdict(
    row: dict[str, Any], uplift: Any, allowing: Any, earned: Any, looks: int, a_day: float | None
) -> tuple[str, str]:
    if uplift is None:
        return "nobody held out", "nobody to compare with: either nobody was held out, or everybody was"
    points = [100 * each for each in uplift]
    early = "; an early look: fewer held out than planned" if row["is_early"] else ""
    seen = f"{points[0]:+.1f} points ({points[1]:.1f} to {points[2]:.1f})"
    if allowing[1] > 0 or allowing[2] < 0:
        finding, money = "works" if allowing[1] > 0 else "harms", ""
        if earned:
            money = f", about {_two(abs(earned[0]))} {'earned' if earned[0] >= 0 else 'lost'}"
            if earned[1] <= 0 <= earned[2]:
                money += f" (not certain: {_two(earned[1])} to {_two(earned[2])})"
        return finding, f"{finding}: {seen}{money}{early}"
    if uplift[1] > 0 or uplift[2] < 0:
        return "perhaps", (
            f"perhaps: {seen}; allowing for {looks} looks {100 * allowing[1]:+.1f} to {100 * allowing[2]:+.1f}{early}"
        )
    if not row["is_early"] or (uplift[1] > -0.02 and uplift[2] < 0.02):
        return "no effect", f"no effect seen: between {points[1]:+.1f} and {points[2]:+.1f} points"
    if row["held_out_lacking"] is None:
        return "too few held out", "too few held out"
    both = row["treated"] + row["held_out"]
    more = f"too few held out: about {_two(row['held_out_lacking'])} more"
    if row["weeks_lacking"] is not None:
        weeks = max(1, round(row["weeks_lacking"]))
        return "too few held out", f"{more}, some {weeks} week{'' if weeks == 1 else 's'}"
    enter, half = row["entries_per_day"], _needed((row["treated_ordered"] + row["held_out_ordered"]) / both, 0.02, 1, 1)
    if enter is not None and half is not None and half > enter * 90:
        return "too few held out", (
            f"too few customers: 90 days bring some {_two(enter * 90)}, and it takes {_two(half)} even with half of them held out"
        )
    bring = f"90 days bring some {_two(a_day * 90)}, so " if a_day else ""
    return "too few held out", f"{more}; {bring}hold out a larger share (engagement holdout)"


def _two(number: float) -> str:
    """Two digits that mean something."""
    if not number:
        return "0"
    return f"{round(number, 1 - math.floor(math.log10(abs(number)))):,.0f}"
