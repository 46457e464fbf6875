"""Orders: from typed source rows to one clean row per order."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from engagement_assets.sources import validating as examination
from engagement_assets.sources.validating import ObservationWindow
from engagement_assets.transforms import conversions
from engagement_assets.transforms.conversions import Kind

#: The date comes first: a later row never displaces an earlier one.
CONTENTS = ("order_date", "order_amount", "customer_id", "order_id")

#: What identifies an order.
KEY = ("order_id",)

#: A larger order (currency units) is a defect of its source. Ten thousand of this size still add up within decimal(18,2).
LARGEST_AMOUNT = 10**12


def examine_orders(rows: DataFrame, kinds: dict[str, Kind], *, window: ObservationWindow) -> DataFrame:
    """Judge each orders row by itself.

    Parameters: `rows` has order_id, customer_id, order_date, order_amount (of the given kinds) and source_path.
    Returns: as_of_date, order_id, customer_id, order_date, order_amount, source_path, verdict, raw.
    """
    order_text, order_id = conversions.identifier(F.col("order_id"), kinds["order_id"])
    customer_text, customer_id = conversions.identifier(F.col("customer_id"), kinds["customer_id"])
    date_text, order_date = conversions.instant(F.col("order_date"), kinds["order_date"])
    amount_text, amount = conversions.money(F.col("order_amount"), kinds["order_amount"])
    day = F.to_date(order_date)
    verdict = examination.first_reason(
        F.when(order_text.isNull(), examination.MISSING_ORDER),
        F.when(order_id.isNull(), examination.WRONG_TYPE),
        F.when(customer_text.isNull(), examination.MISSING_CUSTOMER),
        F.when(customer_id.isNull(), examination.WRONG_TYPE),
        F.when(date_text.isNull(), examination.MISSING_DATE),
        F.when(order_date.isNull(), examination.WRONG_TYPE),
        F.when(conversions.is_not_a_number(amount_text), examination.NOT_A_NUMBER),
        F.when(amount.isNull(), examination.WRONG_TYPE),
        *_in_its_time(window, day, amount),
    )
    raw = examination.as_json(
        order_text.alias("order_id"),
        customer_text.alias("customer_id"),
        date_text.alias("order_date"),
        amount_text.alias("order_amount"),
    )
    return rows.select(
        day.alias("as_of_date"),
        order_id.alias("order_id"),
        customer_id.alias("customer_id"),
        order_date.alias("order_date"),
        amount.alias("order_amount"),
        "source_path",
        verdict.alias("verdict"),
        examination.when_rejected(verdict, raw).alias("raw"),
    )


def judge_in_time(window: ObservationWindow) -> Column:
    """The verdict on an order whose values are right, once its day may have come."""
    return examination.first_reason(*_in_its_time(window, F.col("as_of_date"), F.col("order_amount")))


def _in_its_time(window: ObservationWindow, day: Column, amount: Column) -> tuple[Column, ...]:
    return (
        window.verdict(day),
        F.when(amount < 0, examination.NEGATIVE_AMOUNT),
        F.when(amount > LARGEST_AMOUNT, examination.AMOUNT_TOO_LARGE),
    )


def require_customers(settled: DataFrame, customers: DataFrame) -> DataFrame:
    """Keep only orders of known customers (column customer_id)."""
    settled = examination.settle_unknown_customers(settled, customers)
    return examination.with_late_raw(settled, ["order_id", "customer_id", "order_date", "order_amount"])
