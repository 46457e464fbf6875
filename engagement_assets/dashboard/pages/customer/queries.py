"""Questions of a customer's page."""

from __future__ import annotations

from datetime import date, timedelta

from engagement_assets.analysis.explanation import BOUNDS_SQL, CUSTOMER_SQL
from engagement_assets.dashboard.questions import thinned, where, window
from engagement_assets.dashboard.warehouse import Row, Warehouse, remembered
from engagement_assets.domain.contracts import CampaignAudiences, EngagementScores, RawOrders, Sessions
from engagement_assets.domain.customer_filters import plain_id, plain_id_sql
from engagement_assets.domain.score_parts import PARTS

#: Rows that a customer's history may look through; beyond it, days are left out evenly.
HISTORY_ROWS = 60_000_000

SUGGESTIONS = 8


@remembered
def profile(warehouse: Warehouse, day: str, customer: str) -> Row | None:
    """A customer's row of a snapshot; None if there is none."""
    rows = warehouse.rows(
        "SELECT * FROM {scores} s WHERE customer_id = $customer",
        {"customer": customer},
        scores=(EngagementScores, [day]),
    )
    return rows[0] if rows else None


@remembered
def audience(warehouse: Warehouse, day: str, customer: str) -> Row | None:
    """The audience that a customer is in, with action, evidence, hold-out; None if in none."""
    rows = warehouse.rows(
        "SELECT audience, recommended_action, evidence, is_holdout FROM {audiences} WHERE customer_id = $customer",
        {"customer": customer},
        audiences=(CampaignAudiences, [day]),
    )
    return rows[0] if rows else None


@remembered
def meant(warehouse: Warehouse, day: str, text: str) -> list[str]:
    """Whom an identifier that somebody typed means: one customer, two of several, or nobody.

    The one who is called exactly so; else so but for case, or but for zeros before numbers; else those whose identifier
    begins so.
    """
    begins, parameters = where(((), (), ()), chosen=(("id", (text,)),))
    rows = warehouse.rows(
        f"""
        SELECT customer_id, CASE WHEN customer_id = $text THEN 0 WHEN lower(customer_id) = lower($text) THEN 1
                                 WHEN {plain_id_sql("customer_id")} = $plain THEN 2 ELSE 3 END AS likeness
        FROM {{scores}} s WHERE {begins} QUALIFY likeness = min(likeness) OVER () ORDER BY customer_id LIMIT 2
        """,
        {**parameters, "text": text, "plain": plain_id(text)},
        scores=(EngagementScores, [day]),
    )
    return [row["customer_id"] for row in rows]


@remembered
def similar_ids(warehouse: Warehouse, day: str, customer: str) -> list[str]:
    """Identifiers that contain what was asked for, or end like it."""
    rows = warehouse.rows(
        f"""
        SELECT customer_id FROM {{scores}} s WHERE contains(lower(customer_id), lower($customer))
        ORDER BY length(customer_id), customer_id LIMIT {SUGGESTIONS}
        """,
        {"customer": customer},
        scores=(EngagementScores, [day]),
    )
    return [row["customer_id"] for row in rows]


@remembered
def segment_average(warehouse: Warehouse, day: str, segment: str) -> Row:
    """Mean score and its parts of a segment, whatever the filters."""
    return warehouse.one(
        f"""
        SELECT count(*) AS customers, avg(engagement_score) AS score,
               {", ".join(f"avg({part.score}) AS {part.name}" for part in PARTS)}
        FROM {{scores}} s WHERE engagement_segment = $segment
        """,
        {"segment": segment},
        scores=(EngagementScores, [day]),
    )


@remembered
def percentiles(warehouse: Warehouse, day: str, *scores: float) -> Row:
    """Percent of customers with these scores of the parts or lower ones, in the order of the parts."""
    shares = ", ".join(f"100 * avg(({part.score} <= ${part.name})::INT) AS {part.name}" for part in PARTS)
    return warehouse.one(
        f"SELECT {shares} FROM {{scores}} s",
        {part.name: score for part, score in zip(PARTS, scores, strict=True)},
        scores=(EngagementScores, [day]),
    )


@remembered
def history(warehouse: Warehouse, day: str, customer: str) -> list[Row]:
    """Score, reference score and segment of a customer on the days up to `day`."""
    days = [found for found in warehouse.catalogue().days if found <= day][-365:]
    return warehouse.rows(
        """
        SELECT as_of_date, engagement_score AS score, reference_score AS reference, engagement_segment AS segment
        FROM {scores} s WHERE customer_id = $customer ORDER BY as_of_date
        """,
        {"customer": customer},
        scores=(EngagementScores, thinned(warehouse, days, HISTORY_ROWS)),
    )


@remembered
def change(warehouse: Warehouse, before: str, day: str, customer: str) -> tuple[list[Row], list[Row]]:
    """A customer on two days, and the scales of both snapshots: what `explanation.explain` needs."""
    scores = (EngagementScores, [before, day])
    return (
        warehouse.rows(CUSTOMER_SQL, {"customer": customer}, scores=scores),
        warehouse.rows(BOUNDS_SQL, scores=scores),
    )


@remembered
def orders(warehouse: Warehouse, day: str, customer: str) -> list[Row]:
    """A customer's orders up to a day, the first one first."""
    days = [found for found in warehouse.days(RawOrders) if found <= day]
    return warehouse.rows(
        """
        SELECT as_of_date AS day, order_id, order_amount AS amount FROM {orders} o
        WHERE customer_id = $customer ORDER BY order_date, order_id
        """,
        {"customer": customer},
        orders=(RawOrders, days),
    )


@remembered
def sessions(warehouse: Warehouse, day: str, customer: str) -> list[Row]:
    """Per day of the window: sessions and engaged ones; days without any are there too."""
    rows = warehouse.rows(
        """
        SELECT as_of_date AS day, count(*) FILTER (NOT continues_previous_day) AS sessions,
               count(*) FILTER (is_engaged AND NOT continues_previous_day) AS engaged
        FROM {sessions} v WHERE customer_id = $customer GROUP BY 1
        """,
        {"customer": customer},
        sessions=(Sessions, window(warehouse, Sessions, day)),
    )
    found = {row["day"]: row for row in rows}
    last = date.fromisoformat(day)
    length = warehouse.settings.scoring.activity_window_days
    days = [last - timedelta(days=offset) for offset in range(length)][::-1]
    return [found.get(each, {"day": each, "sessions": 0, "engaged": 0}) for each in days]
