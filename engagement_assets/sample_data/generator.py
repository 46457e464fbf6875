"""The generator: customers in blocks, each block from random numbers of its own, into files that are put in place at the end."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np

from engagement_assets.domain.sources import SOURCES
from engagement_assets.sample_data.account import Tally
from engagement_assets.sample_data.activity import act
from engagement_assets.sample_data.contacts_source import write_contacts
from engagement_assets.sample_data.customers_source import write_customers
from engagement_assets.sample_data.events_source import write_events
from engagement_assets.sample_data.faults import Faults
from engagement_assets.sample_data.files import SourceFiles, check_target, put_in_place
from engagement_assets.sample_data.orders_source import write_orders
from engagement_assets.sample_data.people import make_people
from engagement_assets.sample_data.period import Period
from engagement_assets.sample_data.uplift import with_uplift

#: Customers that are held in memory at once. Part of what the seed means: another number gives other rows.
CUSTOMERS_PER_BLOCK = 10_000

#: Customer numbers have seven digits.
MOST_CUSTOMERS = 9_999_999


def generate(
    to: Path | str,
    *,
    customers: int = 600,
    first_day: date = date(2025, 1, 1),
    last_day: date = date(2026, 6, 30),
    seed: int = 7,
    bad_rows: bool = True,
    welcome_uplift: float = 0.0,
    contacts: bool = False,
    mistaken: float = 0.0,
    overwrite: bool = False,
) -> dict[str, Tally]:
    """Write the sources of a shop into the folder `to`, and say exactly what each of them holds.

    Parameters: `first_day` and `last_day` are included and in UTC; `seed` >= 0, the same arguments give the same rows;
    `welcome_uplift` (0 to 1): by so much the share who order is higher among new customers who are not held out of the
    audience welcome_new;
    `contacts`: whether there is a source of contacts as well, which says that most of these were welcomed, and of those who are
    held out the share `mistaken` (0 to 1);
    `bad_rows` adds a small share of every kind of row that the pipeline must reject or remove, and files with other types;
    `overwrite` replaces sources that are in `to` already.
    Raises: TargetError where `to` cannot be written to, ValueError for arguments that make no sense; `to` is then unchanged.
    """
    if not 1 <= customers <= MOST_CUSTOMERS:
        raise ValueError(f"customers must be between 1 and {MOST_CUSTOMERS:,}, not {customers:,}")
    if last_day < first_day:
        raise ValueError(f"the last day ({last_day}) is before the first ({first_day}); swap them")
    if not 0 <= welcome_uplift < 1:
        raise ValueError(f"the uplift must be from 0 to less than 1, not {welcome_uplift}")
    if not 0 <= mistaken <= 1:
        raise ValueError(f"the share of those who are contacted by mistake must be from 0 to 1, not {mistaken}")
    if mistaken and not contacts:
        raise ValueError("nobody is contacted by mistake where there are no contacts; ask for them too")
    if seed < 0:
        raise ValueError(f"seed must not be negative, but is {seed}")
    folder = Path(to).expanduser().resolve()
    check_target(folder, overwrite)
    period = Period(first_day, last_day)
    tallies = {source: Tally() for source in SOURCES if contacts or source != "contacts"}
    with put_in_place(folder) as place, SourceFiles(place, tallies) as files:
        for block, seeds in enumerate(np.random.SeedSequence(seed).spawn(-(-customers // CUSTOMERS_PER_BLOCK))):
            # Faults are drawn from numbers of their own: the good rows are the same with and without them.
            random, fault_random, uplift_random, contact_random = (
                np.random.Generator(np.random.Philox(child)) for child in seeds.spawn(4)
            )
            faults = Faults(fault_random, is_first_block=block == 0) if bad_rows else None
            first = 1 + block * CUSTOMERS_PER_BLOCK
            people = make_people(random, first, min(CUSTOMERS_PER_BLOCK, customers + 1 - first), period)
            events, orders = act(random, people, period)
            if welcome_uplift:
                orders = with_uplift(uplift_random, people, orders, period, welcome_uplift)
            write_customers(random, people, period, faults, files, tallies["customers"])
            write_orders(block, people, orders, period, faults, files, tallies["orders"])
            if contacts:
                write_contacts(contact_random, people, period, mistaken, files, tallies["contacts"])
            write_events(block, people, events, period, faults, files, tallies["web_events"])
        for source, tally in tallies.items():
            tally.close(files.rows[source])
    return tallies
