"""Customers: from typed source rows to one row per customer, and to a snapshot per day."""

from __future__ import annotations

from datetime import date

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from engagement_assets.sources import validating as examination
from engagement_assets.transforms import conversions
from engagement_assets.transforms.conversions import Kind

#: The date comes first: a row with a later sign-up never displaces one with an earlier, so no snapshot learns from later rows.
CONTENTS = ("signup_date", "country", "email", "customer_id")

UNKNOWN_COUNTRY = "unknown"

#: No customer of anybody signed up before; earlier dates are defaults of other systems.
EARLIEST_SIGNUP = date(1900, 1, 1)


def examine_customers(rows: DataFrame, kinds: dict[str, Kind], *, today: date) -> DataFrame:
    """Judge each customers row by itself.

    Parameters: `rows` has customer_id, signup_date, country, email (of the given kinds) and source_path.
    Returns: customer_id, signup_date, country, email, source_path, as_of_date (null), verdict, raw.
    """
    id_text, customer_id = conversions.identifier(F.col("customer_id"), kinds["customer_id"])
    date_text, signup = conversions.instant(F.col("signup_date"), kinds["signup_date"])
    country_text, country = conversions.label(F.col("country"), kinds["country"])
    email_text, email = conversions.label(F.col("email"), kinds["email"])
    signup_date = F.to_date(signup)
    verdict = examination.first_reason(
        F.when(id_text.isNull(), examination.MISSING_CUSTOMER),
        F.when(customer_id.isNull(), examination.WRONG_TYPE),
        F.when(date_text.isNull(), examination.MISSING_DATE),
        F.when(signup_date.isNull(), examination.WRONG_TYPE),
        F.when(country_text.isNotNull() & country.isNull(), examination.WRONG_TYPE),
        F.when(email_text.isNotNull() & email.isNull(), examination.WRONG_TYPE),
        F.when((signup_date < F.lit(EARLIEST_SIGNUP)) | (signup_date > F.lit(today)), examination.OUTSIDE_WINDOW),
    )
    raw = examination.as_json(
        id_text.alias("customer_id"),
        email_text.alias("email"),
        date_text.alias("signup_date"),
        country_text.alias("country"),
    )
    return rows.select(
        customer_id.alias("customer_id"),
        email.alias("email"),
        signup_date.alias("signup_date"),
        F.coalesce(country, F.lit(UNKNOWN_COUNTRY)).alias("country"),
        "source_path",
        F.lit(None).cast("date").alias("as_of_date"),
        verdict.alias("verdict"),
        examination.when_rejected(verdict, raw).alias("raw"),
    )


def settle_customers(examined: DataFrame) -> DataFrame:
    """Keep one row per customer_id: the earliest sign-up; exact repeats are duplicates, other rows conflicts."""
    settled = examination.settle_repeats(examined, key=["customer_id"], contents=CONTENTS)
    return examination.with_late_raw(settled, ["customer_id", "email", "signup_date", "country"])


def customers_as_of(customers: DataFrame, first: date, last: date) -> DataFrame:
    """Each customer once per day from the sign-up on, for the days `first` to `last`.

    Returns: as_of_date and the columns of `customers` (customer_id, email, signup_date, country).
    """
    begin = F.greatest(F.col("signup_date"), F.lit(first))
    return customers.filter(F.col("signup_date") <= F.lit(last)).select(
        F.explode(F.sequence(begin, F.lit(last))).alias("as_of_date"), "customer_id", "email", "signup_date", "country"
    )
