"""The customers source: `customers/customers.parquet`, and a few rows of an older system whose dates are text."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from engagement_assets.sample_data import faults as faulty
from engagement_assets.sample_data.account import Tally
from engagement_assets.sample_data.columns import customer_ids, joined, replaced, texts
from engagement_assets.sample_data.faults import Faults
from engagement_assets.sample_data.files import SourceFiles
from engagement_assets.sample_data.people import COUNTRIES, People
from engagement_assets.sample_data.period import SECONDS_PER_DAY, Period

#: Addresses are made of these; the domains are reserved for examples (RFC 2606).
_FIRST_NAMES = (
    "anna",
    "ben",
    "clara",
    "david",
    "emma",
    "felix",
    "greta",
    "hugo",
    "ines",
    "jonas",
    "klara",
    "leo",
    "mia",
    "noah",
)
_LAST_NAMES = (
    "becker",
    "costa",
    "dubois",
    "evans",
    "fischer",
    "garcia",
    "jansen",
    "kowalski",
    "martin",
    "novak",
    "rossi",
)
_DOMAINS = ("example.com", "example.org")

#: Default dates of other systems, and dates that are none.
_LONG_AGO = date(1899, 12, 30)
_WRONG_DATES = ("31.12.2024", "2025-02-30", "last spring")

#: Bad rows that are customers of their own, and how their identifiers begin.
_FRESH = {"missing_date": "M", "wrong_type": "W", "outside_observation_window": "T"}

#: Days by which the sign-up of a conflicting second row is later.
_CONFLICT_DAYS = 3


def write_customers(
    random: np.random.Generator, people: People, period: Period, faults: Faults | None, files: SourceFiles, tally: Tally
) -> None:
    """Append the customers of a block, and damaged rows if there are `faults`."""
    good = _table(random, people, period)
    tally.kept += len(people)
    if faults is not None:
        good = _with_gaps(good, faults, tally)
        bad, old = _bad_rows(good, faults, tally)
        text_only = pa.schema([(name, pa.string()) for name in good.schema.names])
        files.add_table("customers/former_shop", pa.Table.from_pylist(old, text_only))
        good = pa.concat_tables([good, pa.Table.from_pylist(bad, good.schema)])
    files.add_table("customers/customers", good)


def _table(random: np.random.Generator, people: People, period: Period) -> pa.Table:
    count = len(people)
    days = people.signup_day + period.begin // SECONDS_PER_DAY

    def any_of(names: tuple[str, ...]) -> pa.Array:
        return pa.array(names).take(pa.array(random.integers(0, len(names), size=count)))

    email = joined(any_of(_FIRST_NAMES), ".", any_of(_LAST_NAMES), texts(people.number), "@", any_of(_DOMAINS))
    country = pa.array(list(COUNTRIES)).take(pa.array(people.country))
    signup = pa.array(days.astype(np.int32)).cast(pa.date32())
    columns = {"email": email, "signup_date": signup, "country": country}
    return pa.table({"customer_id": customer_ids(people.number), **columns})


def _with_gaps(good: pa.Table, faults: Faults, tally: Tally) -> pa.Table:
    """Take the address of some customers and the country of others."""
    for name, share in (("email", faulty.SHARE_WITHOUT_EMAIL), ("country", faulty.SHARE_WITHOUT_COUNTRY)):
        mask = faults.mask(share, good.num_rows)
        tally.odd[f"without_{name}"] += int(mask.sum())
        gaps = pa.nulls(int(mask.sum()), pa.string())
        column = replaced(good[name].combine_chunks(), mask, gaps)
        good = good.set_column(good.schema.get_field_index(name), name, column)
    return good


def _bad_rows(good: pa.Table, faults: Faults, tally: Tally) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Rows to be rejected or removed: those with typed dates, and those of the older system."""
    bad: list[dict[str, Any]] = []
    old: list[dict[str, Any]] = []
    every = np.arange(good.num_rows)
    for reason, number, place in faults.draw(faulty.CUSTOMER_SHARES, good.num_rows, tally, usual=every):
        row = good.slice(place, 1).to_pylist()[0]
        wrong: dict[str, list[dict[str, Any]]] = {
            "missing_customer_id": [{"customer_id": blank} for blank in faulty.BLANKS],
            "missing_date": [{"signup_date": None}],
            "wrong_type": [{"signup_date": text} for text in _WRONG_DATES],
            # One before and one after the dates that are accepted.
            "outside_observation_window": [{"signup_date": day} for day in (_LONG_AGO, faulty.FUTURE.date())],
            "conflicting_duplicate": [{"signup_date": row["signup_date"] + timedelta(days=_CONFLICT_DAYS)}],
            "duplicate": [{}],
        }
        if reason in _FRESH:
            row |= {"customer_id": f"{_FRESH[reason]}{row['customer_id'][1:]}", "email": None}
        (old if reason == "wrong_type" else bad).append({**row, **wrong[reason][number % len(wrong[reason])]})
    return bad, old
