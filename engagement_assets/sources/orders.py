"""Orders: what customers bought, one row per order.

| column | what it holds |
|---|---|
| `order_id` | identifier: text, bytes, or whole numbers of any type, kept digit for digit |
| `customer_id` | who ordered, likewise |
| `order_date` | instant of the order: timestamp, date, or ISO 8601 text; without an offset in the business time zone |
| `order_amount` | currency units, rounded half up to cents: any number, or text of one |

A row is judged by these in this order, then by its date (the observation window), then by its amount: not below zero, not
above a trillion. Of rows of one `order_id` one is kept: of the earliest day, from the latest file, then of the earliest
instant and the smallest amount; those that an earlier file holds are superseded. An order whose customer is in no customers
file is rejected; one before its customer's sign-up stays, and is warned of.
"""

from __future__ import annotations

from pyspark.sql import Column
from pyspark.sql import functions as F

from engagement_assets.domain import verdicts
from engagement_assets.domain.contracts import RawOrders
from engagement_assets.sources.source import Field, ObservationWindow, RowWarning, Source
from engagement_assets.transforms import conversions

#: A larger order (currency units) is a defect of its source. Ten thousand of this size still add up within decimal(18,2).
LARGEST_AMOUNT = 10**12


def _in_time(window: ObservationWindow) -> tuple[Column, ...]:
    amount = F.col("order_amount")
    return (
        window.verdict(F.col("as_of_date")),
        F.when(amount < 0, verdicts.NEGATIVE_AMOUNT),
        F.when(amount > LARGEST_AMOUNT, verdicts.AMOUNT_TOO_LARGE),
    )


def _not_a_number(text: Column) -> Column:
    return F.when(conversions.is_not_a_number(text), verdicts.NOT_A_NUMBER)


BEFORE_SIGNUP = RowWarning(
    "orders_not_before_signup",
    "Warning: orders dated before their customer's sign-up. They stay, and count from the sign-up on.",
    "order date is not before signup_date",
    lambda orders, customers: orders.join(customers, on="customer_id", how="inner").filter(
        F.col("as_of_date") < F.col("signup_date")
    ),
)

SOURCE = Source(
    contract=RawOrders,
    fields=(
        Field("order_id", conversions.identifier, missing=verdicts.MISSING_ORDER),
        Field("customer_id", conversions.identifier, missing=verdicts.MISSING_CUSTOMER),
        Field("order_date", conversions.instant, missing=verdicts.MISSING_DATE, day=conversions.day),
        Field("order_amount", conversions.money, missing=verdicts.WRONG_TYPE, by_text=_not_a_number),
    ),
    key=("order_id",),
    contents=("order_date", "order_amount", "customer_id", "order_id"),
    in_time=_in_time,
    later_file_wins=True,
    warnings=(BEFORE_SIGNUP,),
)
