"""The contacts source: new customers are welcomed on the day after they signed up, those who are held out by mistake only."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from engagement_assets.sample_data.account import Tally
from engagement_assets.sample_data.columns import customer_ids, instants
from engagement_assets.sample_data.files import SourceFiles
from engagement_assets.sample_data.people import People
from engagement_assets.sample_data.period import SECONDS_PER_DAY, Period
from engagement_assets.sample_data.uplift import AUDIENCE, are_held_out

#: Of those who are to be addressed, who is reached; of those who are reached, who by telephone and not by e-mail.
SHARE_REACHED = 0.92
_SHARE_BY_TELEPHONE = 0.2


def write_contacts(
    random: np.random.Generator, people: People, period: Period, mistaken: float, files: SourceFiles, tally: Tally
) -> None:
    """Append the contacts of a block; of those who are held out the share `mistaken` (0 to 1) is contacted all the same."""
    enters = (people.signup_day >= 0) & (people.signup_day + 1 < period.days)
    share = np.where(are_held_out(people), mistaken, SHARE_REACHED)
    chosen = np.flatnonzero(enters & (random.random(len(people)) < share))
    second = period.begin + (people.signup_day[chosen] + 1) * SECONDS_PER_DAY
    second += random.integers(0, SECONDS_PER_DAY, size=len(chosen))
    by_telephone = random.random(len(chosen)) < _SHARE_BY_TELEPHONE
    rows = {
        "customer_id": customer_ids(people.number[chosen]),
        "contacted_at": instants(second),
        "campaign": pa.array([AUDIENCE] * len(chosen), pa.string()),
        "channel": pa.array(np.where(by_telephone, "telephone", "e-mail")),
    }
    tally.kept += len(chosen)
    files.add_table("contacts/part-{part}", pa.table(rows))
