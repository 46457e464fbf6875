"""Web events: what customers did on the web site, one row (of JSON: an object) each.

| field | what it holds |
|---|---|
| `customer_id` | who did it: a string, or a whole number, kept digit for digit |
| `event_time` | instant of the event: ISO 8601 text; without an offset in the business time zone |
| `event_type` | `page_view`, `add_to_cart`, `checkout`, or any other type, which counts as activity only, and is warned of |
| `event_id` | identifier, like `customer_id`; may be missing |

A blank line is no row. A line that is not exactly one JSON object (transforms/json_lines.py) is malformed; the others are judged
by these fields in this order, then by their date (the observation window). Rows of one `event_id` and day are repeats: the
earliest is kept. An event whose customer is in no customers file is rejected.
"""

from __future__ import annotations

from pyspark.sql import functions as F

from engagement_assets.domain import verdicts
from engagement_assets.domain.contracts import RawWebEvents
from engagement_assets.domain.contracts.sources import FUNNEL
from engagement_assets.sources.source import Field, RowWarning, Source
from engagement_assets.transforms import conversions

OTHER_TYPES = RowWarning(
    "known_event_types",
    f"Warning: event types other than {', '.join(FUNNEL)}. They count as activity, not in the funnel.",
    "event_type is in the funnel",
    lambda events, _: events.filter(~F.col("event_type").isin(*FUNNEL)),
    label="event_type",
)

SOURCE = Source(
    contract=RawWebEvents,
    fields=(
        Field("customer_id", conversions.identifier, missing=verdicts.MISSING_CUSTOMER),
        Field("event_time", conversions.instant, missing=verdicts.MISSING_DATE, day=conversions.day),
        Field("event_type", conversions.label, missing=verdicts.WRONG_TYPE),
        Field("event_id", conversions.identifier),
    ),
    key=("as_of_date", "event_id"),  # an id may come again on another day
    contents=("event_time", "customer_id", "event_type", "event_id"),
    warnings=(OTHER_TYPES,),
)
