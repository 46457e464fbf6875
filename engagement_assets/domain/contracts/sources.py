"""Contracts of what is read: cleaned source rows, and the rows that were kept out."""

import pyspark.sql.types as T

from engagement_assets.domain.contracts.base import Contract, column
from engagement_assets.domain.sources import SOURCES, in_words

MONEY = T.DecimalType(18, 2)

#: Event types of the shopping funnel, in its order.
FUNNEL = ("page_view", "add_to_cart", "checkout")


class RawCustomers(Contract):
    """One row per customer who had signed up by the end of the as-of date."""

    as_of_date: T.DateType() = column("day the snapshot stands for")
    customer_id: T.StringType() = column("identifier of the customer, as text")
    email: T.StringType() = column("e-mail address; personal data, kept in this table only", nullable=True)
    signup_date: T.DateType() = column("day the customer signed up")
    country: T.StringType() = column("country of the customer; 'unknown' where the source has none")

    _row_rules = {"no customer after the as-of date": "signup_date <= as_of_date"}

    class Config:
        name = "raw_customers"
        strict = True
        unique = ["as_of_date", "customer_id"]


class RawOrders(Contract):
    """One row per order of the day: typed, cleaned, deduplicated, of a known customer."""

    as_of_date: T.DateType() = column("day of the order in the business time zone")
    order_id: T.StringType() = column("identifier of the order, as text")
    customer_id: T.StringType() = column("customer who ordered")
    order_date: T.TimestampType() = column("instant of the order")
    order_amount: T.DecimalType(18, 2) = column("amount of the order, currency units", ge=0)

    class Config:
        name = "raw_orders"
        strict = True
        unique = ["as_of_date", "order_id"]


class RawWebEvents(Contract):
    """One row per web event of the day: typed, cleaned, of a known customer."""

    as_of_date: T.DateType() = column("day of the event in the business time zone")
    customer_id: T.StringType() = column("customer who caused the event")
    event_time: T.TimestampType() = column("instant of the event")
    event_type: T.StringType() = column("page_view, add_to_cart, checkout, or any other type")
    event_id: T.StringType() = column("identifier of the event; null where the source has none", nullable=True)

    class Config:
        name = "raw_web_events"
        strict = True


class RawContacts(Contract):
    """One row per contact of the day: whom a campaign reached, and how. Only where there is a source of contacts."""

    as_of_date: T.DateType() = column("day of the contact in the business time zone")
    customer_id: T.StringType() = column("customer who was contacted")
    contacted_at: T.TimestampType() = column("instant of the contact")
    campaign: T.StringType() = column("the audience it was meant for, or the name of another campaign")
    channel: T.StringType() = column(
        "e-mail, telephone and the like; 'unknown' where the source does not say", nullable=True
    )

    class Config:
        name = "raw_contacts"
        strict = True
        unique = ["as_of_date", "customer_id", "contacted_at", "campaign", "channel"]


#: Source -> the contract of its table.
SOURCE_TABLES: dict[str, type[Contract]] = {
    contract.table().removeprefix("raw_"): contract for contract in (RawCustomers, RawOrders, RawWebEvents, RawContacts)
}


class RejectedRows(Contract):
    """One row per source row that was kept out, with the reason. Holds personal data."""

    _private = True

    source: T.StringType() = column(in_words(SOURCES, "or"), isin=list(SOURCES))
    source_path: T.StringType() = column("file or folder the row came from, relative to the sources")
    reason: T.StringType() = column("why the row was kept out")
    raw: T.StringType() = column("the row as text")
    row_date: T.DateType() = column("day the row speaks of; null where it has no readable date", nullable=True)

    class Config:
        name = "rejected_rows"
        strict = True
