"""Customers: who may order and browse, one row each.

| column | what it holds |
|---|---|
| `customer_id` | identifier: text, bytes, or whole numbers of any type, kept digit for digit |
| `email` | address; the column may be missing, and so may a value |
| `signup_date` | day of the sign-up: date, timestamp, or ISO 8601 text |
| `country` | any text; a missing value becomes `unknown` |

A row is judged by its identifier, its date, its country and its address, in this order; a sign-up before 1900 or in the
future of the clock is outside the observation window. Of rows of one `customer_id` one is kept:
of the earliest sign-up, from the latest file; those that an earlier file holds are superseded.
Partition `T` of `raw_customers` is everybody who had signed up by `T`, so a day is made from all rows.
"""

from __future__ import annotations

from datetime import date

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from engagement_assets.domain import verdicts
from engagement_assets.domain.contracts import RawCustomers
from engagement_assets.sources.source import Field, ObservationWindow, Source
from engagement_assets.transforms import conversions

#: No customer of anybody signed up before; earlier dates are defaults of other systems.
EARLIEST_SIGNUP = date(1900, 1, 1)


def customers_as_of(customers: DataFrame, first: date, last: date) -> DataFrame:
    """Each customer once per day from the sign-up on, for the days `first` to `last`.

    Returns: as_of_date and the columns of `customers` (customer_id, email, signup_date, country).
    """
    begin = F.greatest(F.col("signup_date"), F.lit(first))
    return customers.filter(F.col("signup_date") <= F.lit(last)).select(
        F.explode(F.sequence(begin, F.lit(last))).alias("as_of_date"), "customer_id", "email", "signup_date", "country"
    )


def _signed_up_in_time(window: ObservationWindow) -> tuple[Column, ...]:
    day = F.col("signup_date")
    return (F.when((day < F.lit(EARLIEST_SIGNUP)) | (day > F.lit(window.today)), verdicts.OUTSIDE_WINDOW),)


SOURCE = Source(
    contract=RawCustomers,
    fields=(
        Field("customer_id", conversions.identifier, missing=verdicts.MISSING_CUSTOMER),
        Field("signup_date", conversions.day, missing=verdicts.MISSING_DATE, day=conversions.day),
        Field("country", conversions.label, default="unknown"),
        Field("email", conversions.label),
    ),
    key=("customer_id",),
    contents=("signup_date", "country", "email", "customer_id"),
    in_time=_signed_up_in_time,
    later_file_wins=True,
    as_of=customers_as_of,
)
