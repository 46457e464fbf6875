"""Contracts of what is read: cleaned source rows, and the rows that were kept out."""

import pandera.pyspark as pa
import pyspark.sql.types as T

from engagement_assets.domain.contracts.base import Contract
from engagement_assets.domain.sources import SOURCES, in_words

MONEY = T.DecimalType(18, 2)

#: Event types of the shopping funnel, in its order.
FUNNEL = ("page_view", "add_to_cart", "checkout")


class RawCustomers(Contract):
    """One row per customer who had signed up by the end of the as-of date."""

    as_of_date: T.DateType() = pa.Field(nullable=False, description="day the snapshot stands for")
    customer_id: T.StringType() = pa.Field(nullable=False, description="identifier of the customer, as text")
    email: T.StringType() = pa.Field(
        nullable=True, description="e-mail address; personal data, kept in this table only"
    )
    signup_date: T.DateType() = pa.Field(nullable=False, description="day the customer signed up")
    country: T.StringType() = pa.Field(
        nullable=False, description="country of the customer; 'unknown' where the source has none"
    )

    _row_rules = {"no customer after the as-of date": "signup_date <= as_of_date"}

    class Config:
        name = "raw_customers"
        strict = True
        unique = ["as_of_date", "customer_id"]


class RawOrders(Contract):
    """One row per order of the day: typed, cleaned, deduplicated, of a known customer."""

    as_of_date: T.DateType() = pa.Field(nullable=False, description="day of the order in the business time zone")
    order_id: T.StringType() = pa.Field(nullable=False, description="identifier of the order, as text")
    customer_id: T.StringType() = pa.Field(nullable=False, description="customer who ordered")
    order_date: T.TimestampType() = pa.Field(nullable=False, description="instant of the order")
    order_amount: T.DecimalType(18, 2) = pa.Field(
        nullable=False, ge=0, description="amount of the order, currency units"
    )

    class Config:
        name = "raw_orders"
        strict = True
        unique = ["as_of_date", "order_id"]


class RawWebEvents(Contract):
    """One row per web event of the day: typed, cleaned, of a known customer."""

    as_of_date: T.DateType() = pa.Field(nullable=False, description="day of the event in the business time zone")
    customer_id: T.StringType() = pa.Field(nullable=False, description="customer who caused the event")
    event_time: T.TimestampType() = pa.Field(nullable=False, description="instant of the event")
    event_type: T.StringType() = pa.Field(
        nullable=False, description="page_view, add_to_cart, checkout, or any other type"
    )
    event_id: T.StringType() = pa.Field(
        nullable=True, description="identifier of the event; null where the source has none"
    )

    class Config:
        name = "raw_web_events"
        strict = True


#: Source -> the contract of its table.
SOURCE_TABLES: dict[str, type[Contract]] = {
    contract.table().removeprefix("raw_"): contract for contract in (RawCustomers, RawOrders, RawWebEvents)
}


class RejectedRows(Contract):
    """One row per source row that was kept out, with the reason. Holds personal data."""

    _private = True

    source: T.StringType() = pa.Field(nullable=False, isin=list(SOURCES), description=in_words(SOURCES, "or"))
    source_path: T.StringType() = pa.Field(
        nullable=False, description="file or folder the row came from, relative to the sources"
    )
    reason: T.StringType() = pa.Field(nullable=False, description="why the row was kept out")
    raw: T.StringType() = pa.Field(nullable=False, description="the row as text")
    row_date: T.DateType() = pa.Field(
        nullable=True, description="day the row speaks of; null where it has no readable date"
    )

    class Config:
        name = "rejected_rows"
        strict = True
