"""What becomes of a source row: it is kept, or set aside, or rejected for a reason that is explained here."""

from __future__ import annotations

KEPT = "kept"
BLANK = "blank line"
#: Dated after the last day to be built.
WAITING = "waiting"
DUPLICATE = "duplicate"
#: A later row says something else of the same customer or order.
SUPERSEDED = "superseded"
ERASED = "erased customer"
#: Left out by a condition of `sources.toml`.
FILTERED = "filtered"
#: A further line of an order, whose lines are summed up in the first.
SUMMED = "summed up"

#: A row that was kept by an earlier reading, and would not be any more. No verdict that lasts: everything is examined anew.
DISPLACED = "displaced"

#: Verdicts that are no rejection.
NOT_REJECTED = (KEPT, BLANK, WAITING, DUPLICATE, SUPERSEDED, ERASED, FILTERED, SUMMED, DISPLACED)

MALFORMED_JSON = "malformed_json"
MALFORMED_LINE = "malformed_line"
WRONG_TYPE = "wrong_type"
MISSING_CUSTOMER = "missing_customer_id"
MISSING_ORDER = "missing_order_id"
MISSING_DATE = "missing_date"
MISSING_CAMPAIGN = "missing_campaign"
NEGATIVE_AMOUNT = "negative_amount"
AMOUNT_TOO_LARGE = "amount_too_large"
NOT_A_NUMBER = "not_a_number"
UNKNOWN_CURRENCY = "unknown_currency"
OUTSIDE_WINDOW = "outside_observation_window"
UNKNOWN_CUSTOMER = "unknown_customer"
CONFLICT = "conflicting_duplicate"
UNREADABLE_FILE = "unreadable_file"

#: Reason -> what it means, and what to do at the source. docs/data_quality.md tells the same in a table.
REASONS: dict[str, tuple[str, str]] = {
    MALFORMED_JSON: (
        "the line is not exactly one JSON object in UTF-8",
        "write one object per line, keys given once, nested at most 100 deep",
    ),
    MALFORMED_LINE: (
        "the line of a CSV file has more or fewer values than there are columns",
        "enclose values that hold the delimiter in quotes",
    ),
    WRONG_TYPE: (
        "a value cannot be converted without loss",
        "write ids as text or whole numbers, dates as YYYY-MM-DD or ISO 8601 date-times, amounts as plain numbers",
    ),
    MISSING_CUSTOMER: ("there is no customer_id", "fill it in; rows of guests belong to no customer"),
    MISSING_ORDER: ("there is no order_id", "fill it in"),
    MISSING_DATE: ("there is no date", "fill it in"),
    MISSING_CAMPAIGN: ("there is no campaign", "name the audience that the contact was meant for"),
    NEGATIVE_AMOUNT: ("the amount is below zero", "keep refunds out of the orders, or write what was kept"),
    AMOUNT_TOO_LARGE: ("the amount is above a trillion currency units", "write the amount in currency units"),
    NOT_A_NUMBER: ("the amount is NaN or infinite", "write the amount"),
    UNKNOWN_CURRENCY: ("the currency has no rate in sources.toml", "add its rate there"),
    OUTSIDE_WINDOW: (
        "the date is before the first partition, or in the future",
        "correct the date, or move ENGAGEMENT_START_DATE",
    ),
    UNKNOWN_CUSTOMER: ("the customer is in no customers file", "add the customer, or correct the id"),
    CONFLICT: (
        "another row with the same id and other contents was kept: that of the earlier day, of one day the first",
        "leave one row per id",
    ),
    UNREADABLE_FILE: ("the whole file cannot be read; the row says why", "write or copy the file again"),
}
