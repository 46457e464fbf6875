"""An independent reading of DESIGN: from the raw files to the scores of a day, in plain Python, row by row.

Nothing of the product is used but the settings' defaults, which are repeated here by hand. It is slow and simple on purpose.
"""

from __future__ import annotations

import gzip
import json
import math
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

UTC = timezone.utc
WINDOW = 30
GAP = timedelta(minutes=30)
LARGEST_AMOUNT = 10**12


@dataclass
class Cleaned:
    """The rows of the sources that count, in UTC days, and what became of the others, as `source:reason`."""

    customers: dict[str, tuple[date, str]] = field(default_factory=dict)
    orders: list[tuple[str, datetime, Decimal]] = field(default_factory=list)
    events: list[tuple[str, datetime, str]] = field(default_factory=list)
    rejected: Counter[str] = field(default_factory=Counter)
    duplicates: Counter[str] = field(default_factory=Counter)
    read: Counter[str] = field(default_factory=Counter)
    blank: int = 0


def as_id(value: Any) -> str | None:
    """An identifier as text; integers digit for digit, whole floats without their fraction."""
    if value is None:
        return None
    if isinstance(value, float):
        return str(int(value)) if value == int(value) else None
    return str(value).strip(" ") or None


def as_instant(value: Any) -> datetime | None:
    """A date, a time or its ISO text as an instant; without an offset it is in UTC, the default business zone."""
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    try:
        return as_instant(datetime.fromisoformat(str(value).strip(" ").replace("Z", "+00:00")))
    except ValueError:
        return None


def as_money(value: Any) -> Decimal | str:
    """An amount in cents, rounded half up, or the reason why it is none."""
    try:
        amount = Decimal(repr(value) if isinstance(value, float) else str(value).strip(" "))
    except InvalidOperation:
        return "wrong_type"
    if not amount.is_finite():
        return "not_a_number"
    cents = amount.quantize(Decimal("0.01"), ROUND_HALF_UP)
    return cents if abs(cents) < Decimal(10) ** 16 else "wrong_type"


def parquet_rows(folder: Path) -> Iterator[dict[str, Any]]:
    """The rows of every Parquet file below a folder."""
    for path in sorted(folder.rglob("*.parquet")):
        yield from pq.ParquetFile(path).read().to_pylist()


def lines(folder: Path) -> Iterator[str]:
    """The lines of every text file below a folder, packed ones unpacked."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            packed = path.read_bytes()
            text = (gzip.decompress(packed) if path.suffix == ".gz" else packed).decode("utf-8")
            yield from text.removesuffix("\n").split("\n")


def read_sources(root: Path, start: date, today: date) -> Cleaned:
    """Every row of the three sources, judged one by one."""
    out = Cleaned()
    candidates: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
    for row in parquet_rows(root / "customers"):
        out.read["customers"] += 1
        customer, signup = as_id(row["customer_id"]), as_instant(row["signup_date"])
        if customer is None:
            out.rejected["customers:missing_customer_id"] += 1
        elif row["signup_date"] is None or str(row["signup_date"]).strip(" ") == "":
            out.rejected["customers:missing_date"] += 1
        elif signup is None:
            out.rejected["customers:wrong_type"] += 1
        elif not date(1900, 1, 1) <= signup.date() <= today:
            out.rejected["customers:outside_observation_window"] += 1
        else:
            country = (row["country"] or "").strip(" ") or "unknown"
            candidates[customer].append((signup.date(), country, row.get("email") or "\U0010ffff"))
    for customer, rows in candidates.items():
        first, *others = sorted(rows)
        out.customers[customer] = first[:2]
        for other in others:
            if other == first:
                out.duplicates["customers"] += 1
            else:
                out.rejected["customers:conflicting_duplicate"] += 1
    _read_orders(root, start, today, out)
    _read_events(root, start, today, out)
    return out


def _read_orders(root: Path, start: date, today: date, out: Cleaned) -> None:
    candidates: dict[str, list[tuple[datetime, Decimal, str]]] = defaultdict(list)
    for row in parquet_rows(root / "orders"):
        out.read["orders"] += 1
        order, customer, when = as_id(row["order_id"]), as_id(row["customer_id"]), as_instant(row["order_date"])
        amount = as_money(row["order_amount"])
        if order is None:
            reason = "missing_order_id"
        elif customer is None:
            reason = "missing_customer_id"
        elif row["order_date"] is None or str(row["order_date"]).strip(" ") == "":
            reason = "missing_date"
        elif when is None:
            reason = "wrong_type"
        elif isinstance(amount, str):
            reason = amount
        elif not start <= when.date() <= today:
            reason = "outside_observation_window"
        elif amount < 0:
            reason = "negative_amount"
        elif amount > LARGEST_AMOUNT:
            reason = "amount_too_large"
        else:
            candidates[order].append((when, amount, customer))
            continue
        out.rejected[f"orders:{reason}"] += 1
    for rows in candidates.values():
        (when, amount, customer), *others = sorted(rows)
        for other in others:
            if other == (when, amount, customer):
                out.duplicates["orders"] += 1
            else:
                out.rejected["orders:conflicting_duplicate"] += 1
        if customer in out.customers:
            out.orders.append((customer, when, amount))
        else:
            out.rejected["orders:unknown_customer"] += 1


def _read_events(root: Path, start: date, today: date, out: Cleaned) -> None:
    candidates: dict[tuple[date, str], list[tuple[datetime, str, str]]] = defaultdict(list)
    kept: list[tuple[datetime, str, str]] = []
    for line in lines(root / "web_events"):
        out.read["web_events"] += 1
        text = line.removeprefix("\ufeff").strip(" \t\r\n")
        if not text:
            out.blank += 1
            continue
        try:
            row = json.loads(text, parse_float=str, parse_int=str)
        except ValueError:
            row = None
        if not isinstance(row, dict):
            out.rejected["web_events:malformed_json"] += 1
            continue
        customer, when, kind = as_id(row.get("customer_id")), row.get("event_time"), as_id(row.get("event_type"))
        instant = as_instant(when)
        if customer is None:
            reason = "missing_customer_id"
        elif when is None or str(when).strip(" ") == "":
            reason = "missing_date"
        elif instant is None or kind is None:
            reason = "wrong_type"
        elif not start <= instant.date() <= today:
            reason = "outside_observation_window"
        else:
            event = as_id(row.get("event_id"))
            if event is None:
                kept.append((instant, customer, kind))
            else:
                candidates[instant.date(), event].append((instant, customer, kind))
            continue
        out.rejected[f"web_events:{reason}"] += 1
    for rows in candidates.values():
        first, *others = sorted(rows)
        kept.append(first)
        for other in others:
            if other == first:
                out.duplicates["web_events"] += 1
            else:
                out.rejected["web_events:conflicting_duplicate"] += 1
    for instant, customer, kind in kept:
        if customer in out.customers:
            out.events.append((customer, instant, kind))
        else:
            out.rejected["web_events:unknown_customer"] += 1


def sessions_in(times: list[datetime], first: date, last: date) -> int:
    """Sessions of the gap rule that have an event on the days `first` to `last`."""
    count, previous, counted = 0, None, False
    for when in sorted(times):
        if previous is None or when - previous > GAP:
            counted = False
        if first <= when.date() <= last and not counted:
            count, counted = count + 1, True
        previous = when
    return count


def scale(values: dict[str, float | None], fixed: tuple[float, float] | None = None) -> dict[str, float | None]:
    """Min-max over the customers with a value, or on fixed bounds with values beyond them clamped."""
    present = [value for value in values.values() if value is not None]
    low, high = fixed or (min(present, default=0.0), max(present, default=0.0))
    if high == low:
        return {name: None if value is None else 0.0 for name, value in values.items()}
    return {
        name: None if value is None else (min(max(value, low), high) - low) / (high - low)
        for name, value in values.items()
    }


def composed(
    recency: dict[str, float | None],
    orders: dict[str, float | None],
    sessions: dict[str, float | None],
    revenue: dict[str, float | None],
    *,
    fixed: bool,
) -> dict[str, dict[str, float]]:
    """The component scores and the score of each customer, on the snapshot's bounds or on the fixed ones."""
    money = {name: math.log(1 + (value or 0.0)) for name, value in revenue.items()}
    parts = (
        scale(recency, (0, 365) if fixed else None),
        scale(orders, (0, 20) if fixed else None),
        scale(sessions, (0, 20) if fixed else None),
        scale(dict(money), (0.0, math.log(10_001)) if fixed else None),
    )
    result = {}
    for name in recency:
        r, o, s, m = (part[name] for part in parts)
        recency_score = 0.0 if r is None else 1 - r
        frequency = 0.6 * (o or 0.0) + 0.4 * (s or 0.0)
        score = 0.4 * recency_score + 0.3 * frequency + 0.3 * (m or 0.0)
        result[name] = {
            "recency_score": recency_score,
            "order_score": o or 0.0,
            "session_score": s or 0.0,
            "frequency_score": frequency,
            "monetary_score": m or 0.0,
            "engagement_score": score,
        }
    return result


def quantile(values: list[float], share: float) -> float:
    """The linearly interpolated quantile (type 7 of Hyndman and Fan)."""
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def scores_of(sources: Cleaned, day: date) -> dict[str, dict[str, Any]]:
    """The snapshot of a day: per customer what `engagement_scores` says of them."""
    customers = {name: row for name, row in sources.customers.items() if row[0] <= day}
    before = day - timedelta(days=WINDOW)

    def orders_until(last: date) -> dict[str, list[tuple[datetime, Decimal]]]:
        found: dict[str, list[tuple[datetime, Decimal]]] = {name: [] for name in customers}
        for customer, when, amount in sources.orders:
            if customer in found and when.date() <= last:
                found[customer].append((when, amount))
        return found

    times: dict[str, list[datetime]] = {name: [] for name in customers}
    for customer, when, _ in sources.events:
        if customer in times and when.date() <= day:
            times[customer].append(when)
    recent = {name: sessions_in(whens, day - timedelta(days=29), day) for name, whens in times.items()}
    previous = {name: sessions_in(whens, day - timedelta(days=59), before) for name, whens in times.items()}

    def measures(last: date) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        bought = orders_until(last)
        return (
            {n: (last - max(when for when, _ in rows).date()).days if rows else None for n, rows in bought.items()},
            {n: len(rows) for n, rows in bought.items()},
            {n: sum((amount for _, amount in rows), Decimal(0)) for n, rows in bought.items()},
        )

    recency, count, revenue = measures(day)
    recency_before, count_before, revenue_before = measures(before)

    def floats(values: dict[str, Any]) -> dict[str, float | None]:
        return {name: None if value is None else float(value) for name, value in values.items()}

    scored = composed(floats(recency), floats(count), floats(recent), floats(revenue), fixed=False)
    reference = composed(floats(recency), floats(count), floats(recent), floats(revenue), fixed=True)
    reference_before = composed(
        floats(recency_before), floats(count_before), floats(previous), floats(revenue_before), fixed=True
    )
    buyers = [float(revenue[name]) for name in customers if count[name]]
    limit = quantile(buyers, 0.75) if buyers else math.inf
    ranked = sorted(row["engagement_score"] for row in scored.values())
    first = {name: min((when.date() for when, _ in rows), default=None) for name, rows in orders_until(day).items()}
    limits = [
        [
            quantile([float(values[name] or 0) for name in customers if count[name]], share)
            for share in (0.2, 0.4, 0.6, 0.8)
        ]
        if buyers
        else []
        for values in (recency, count, revenue)
    ]
    result = {}
    for name, (signup, country) in customers.items():
        score = scored[name]["engagement_score"]
        valuable = count[name] > 0 and float(revenue[name]) >= limit
        segment = "High" if score >= 0.7 else "Medium" if score >= 0.4 else "Low" if score >= 0.2 else "At Risk"
        band = "Low" if segment == "At Risk" else segment
        old = reference_before[name]["engagement_score"] if signup <= before else None
        now = reference[name]["engagement_score"]
        risky = count[name] > 0 and score < 0.3
        result[name] = {
            **scored[name],
            "country": country,
            "total_orders": count[name],
            "total_revenue": revenue[name],
            "recency_days": recency[name],
            "sessions_last_30_days": recent[name],
            "sessions_previous_30_days": previous[name],
            "reference_score": now,
            "reference_score_change": None if old is None else now - old,
            # Scores within rounding of each other count as equal, as they do where they are computed alike.
            "score_percentile": 100 * sum(other <= score + 1e-12 for other in ranked) / len(ranked),
            "engagement_segment": segment,
            "engagement_status": "Active" if count[name] else "Browsing Only" if recent[name] else "Not Active",
            "revenue_band": "High" if valuable else "Low",
            "value_segment": {
                ("High", True): "VIPs",
                ("High", False): "Converters-to-be",
                ("Medium", False): "Converters-to-be",
                ("Medium", True): "Core",
                ("Low", True): "At-risk VIPs",
                ("Low", False): "Dormant",
            }[band, valuable],
            "lifecycle_stage": stage(day, first[name], recency[name], recency_before[name]),
            **rfm((recency[name], count[name], revenue[name]), limits),
            "is_high_risk": risky,
            "risk_reasons": reasons(recency[name], previous[name], recent[name], old, now) if risky else None,
        }
    return result


def stage(day: date, first: date | None, recency: int | None, recency_before: int | None) -> str:
    """The lifecycle stage by the dates of the orders."""
    if first is None or recency is None:
        return "Prospect"
    if (day - first).days < WINDOW:
        return "New"
    if recency < WINDOW:
        return "Reactivated" if recency_before is not None and recency_before >= 120 else "Active"
    return "Slipping" if recency < 60 else "At Risk" if recency < 120 else "Lapsed"


#: Named segments by the quintile of recency (rows, 1 to 5) and of frequency (columns, 1 to 5).
RFM_NAMES = (
    ("Hibernating", "Hibernating", "At Risk", "At Risk", "Cannot Lose Them"),
    ("Hibernating", "Hibernating", "At Risk", "At Risk", "Cannot Lose Them"),
    ("About to Sleep", "About to Sleep", "Need Attention", "Loyal Customers", "Loyal Customers"),
    ("Promising", "Potential Loyalists", "Potential Loyalists", "Loyal Customers", "Loyal Customers"),
    ("New Customers", "Potential Loyalists", "Potential Loyalists", "Champions", "Champions"),
)


def rfm(values: tuple[int | None, int, Any], limits: list[list[float]]) -> dict[str, Any]:
    """The quintiles of a customer among the buyers, and their named segment."""
    if not values[1]:
        return {"rfm_recency": None, "rfm_frequency": None, "rfm_monetary": None, "rfm_segment": "Prospects"}
    r, f, m = (sum(float(value or 0) > limit for limit in of) for value, of in zip(values, limits, strict=True))
    return {
        "rfm_recency": 5 - r,
        "rfm_frequency": 1 + f,
        "rfm_monetary": 1 + m,
        "rfm_segment": RFM_NAMES[4 - r][f],
    }


def reasons(recency: int | None, previous: int, recent: int, old: float | None, now: float) -> str:
    """Why a customer is at high risk, in words."""
    texts = [f"no order for {recency} day{'' if recency == 1 else 's'}"]
    if recent < previous:
        texts.append(f"sessions down {math.floor(100 * (previous - recent) / previous + 0.5)} % on the 30 days before")
    if old is not None and math.floor((old - now) * 100 + 0.5) >= 1:
        texts.append(f"score down {math.floor((old - now) * 100 + 0.5) / 100:.2f} in 30 days")
    return "; ".join(texts)
