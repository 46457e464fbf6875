"""Contacts: whom a campaign reached, one row per message, call or letter. A shop may be without this source.

| column | what it holds |
|---|---|
| `customer_id` | who was contacted: text, bytes, or whole numbers of any type, kept digit for digit |
| `contacted_at` | instant of the contact: timestamp, date, or ISO 8601 text; without an offset in the business time zone |
| `audience`, else `campaign` | the audience that it was meant for; the name of any other campaign counts for no audience |
| `channel` | any text; the column may be missing, and a missing value becomes `unknown` |

A row is judged by these in this order, then by its date (the observation window). Rows that are alike in all of them are repeats,
of which one is kept. A contact of a customer who is in no customers file is rejected.
"""

from __future__ import annotations

from engagement_assets.domain import verdicts
from engagement_assets.domain.contracts import RawContacts
from engagement_assets.sources.source import Field, Source
from engagement_assets.transforms import conversions

SOURCE = Source(
    contract=RawContacts,
    fields=(
        Field("customer_id", conversions.identifier, missing=verdicts.MISSING_CUSTOMER),
        Field("contacted_at", conversions.instant, missing=verdicts.MISSING_DATE, day=conversions.day),
        Field("campaign", conversions.label, missing=verdicts.MISSING_CAMPAIGN, rather="audience"),
        Field("channel", conversions.label, default="unknown"),
    ),
    key=("as_of_date", "contacted_at", "customer_id", "channel", "campaign"),
    contents=("contacted_at", "customer_id", "campaign", "channel"),
)
