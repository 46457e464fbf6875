"""The web events source: a folder of JSON lines per month, packed but for two of them."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from engagement_assets.sample_data import faults as faulty
from engagement_assets.sample_data.account import Tally
from engagement_assets.sample_data.activity import CHECKOUT, EVENT_TYPES, PAGE_VIEW, WISHLIST, Events
from engagement_assets.sample_data.columns import TWO_HOURS_AHEAD, customer_ids, instant_texts, joined, replaced, texts
from engagement_assets.sample_data.faults import Faults
from engagement_assets.sample_data.files import SourceFiles
from engagement_assets.sample_data.people import People
from engagement_assets.sample_data.period import Integers, Period, moment

#: Event numbers: the first one, and how many a block of customers may use.
FIRST_EVENT = 10_000_000_000
EVENTS_PER_BLOCK = 100_000_000

#: Months from the first whose files are not packed.
PLAIN_MONTHS = (1, 2)

#: How far before the first day an early event is, at most.
_DAYS_EARLY = 40

#: A field that is left out.
_ABSENT = object()


def write_events(
    block: int, people: People, events: Events, period: Period, faults: Faults | None, files: SourceFiles, tally: Tally
) -> None:
    """Append the web events of a block, and damaged lines if there are `faults`."""
    first = FIRST_EVENT + block * EVENTS_PER_BLOCK
    number = first + np.arange(len(events))
    tally.kept += len(events)
    tally.odd["not_in_the_funnel"] += int((events.kind > CHECKOUT).sum())
    second = events.second
    times = instant_texts(second)
    ids = joined(',"event_id":"e', texts(number), '"')
    if faults is not None:
        ahead = faults.mask(faulty.SHARE_OTHER_OFFSET, len(events))
        times = replaced(times, ahead, instant_texts(second[ahead], offset=TWO_HOURS_AHEAD))
        nameless = faults.mask(faulty.SHARE_WITHOUT_EVENT_ID, len(events))
        ids = replaced(ids, nameless, pa.array([""] * int(nameless.sum()), pa.string()))
        tally.odd["other_offset"] += int(ahead.sum())
        tally.odd["without_event_id"] += int(nameless.sum())
    lines = joined(
        '{"customer_id":"',
        customer_ids(people.number[events.customer]),
        '","event_time":"',
        times,
        '","event_type":"',
        pa.array(EVENT_TYPES).take(pa.array(events.kind)),
        '"',
        ids,
        "}\n",
    )
    if faults is not None:
        bad = _bad_lines(lines, events, np.flatnonzero(~nameless), first + len(events), period, faults, tally)
        second = np.concatenate([second, np.array([at for at, _ in bad], np.int64)])
        lines = pa.concat_arrays([lines, pa.array([f"{line}\n" for _, line in bad], pa.string())])
        order = np.argsort(second, kind="stable")
        second, lines = second[order], lines.take(pa.array(order))
    for place, (label, part) in enumerate(period.by_month(second)):
        files.add_lines(f"web_events/month={label}/part-{{part}}", lines[part], packed=place not in PLAIN_MONTHS)


def _bad_lines(
    lines: pa.Array, events: Events, named: Integers, next_number: int, period: Period, faults: Faults, tally: Tally
) -> list[tuple[int, str]]:
    """Lines to be rejected or passed over: pairs of a Unix time, which says where the line goes, and the line.

    `named`: places of the events that have an event_id.
    """
    made: list[tuple[int, str]] = []
    # The kept one of two conflicting rows is the first in the alphabet: page_view before wishlist.
    views = named[events.kind[named] == PAGE_VIEW]
    drawn = faults.draw(faulty.EVENT_SHARES, len(events), tally, usual=named, conflicting_duplicate=views)
    for reason, number, place in drawn:
        line = lines[place].as_py().rstrip("\n")
        if reason not in ("duplicate", "conflicting_duplicate"):
            line = _line({**json.loads(line), "event_id": f"e{next_number}"})
            next_number += 1
        made.append((int(events.second[place]), _bad_line(reason, number, line, period)))
    return made


def _bad_line(reason: str, number: int, line: str, period: Period) -> str:
    """`line` with the fault of `reason`; `number` chooses among the faults there are."""
    if reason == "duplicate":
        return line
    if reason == "blank":
        return ("", "  ", "\t")[number % 3]
    if reason == "malformed_json":  # ways in which a line stops being one JSON object
        malformed = [
            line[: len(line) // 2],
            f"{line} {line}",
            f"{line} -- end of batch",
            line.replace('"', "'"),
            f"[{line}]",
            f"{line[:-1]},}}",
            "502 Bad Gateway",
        ]
        return malformed[number % len(malformed)]
    event: dict[str, Any] = json.loads(line)
    early = moment(period.begin) - timedelta(days=1 + number % _DAYS_EARLY)
    faults: dict[str, list[dict[str, Any]]] = {
        "conflicting_duplicate": [{"event_type": EVENT_TYPES[WISHLIST]}],
        "unknown_customer": [{"customer_id": f"G{event['customer_id'][1:]}"}],
        "outside_observation_window": [{"event_time": time.isoformat()} for time in (early, faulty.FUTURE)],
        "missing_customer_id": [
            *({"customer_id": value} for value in faulty.BLANKS),
            {"customer_id": _ABSENT},
            {"customer_id": _ABSENT, "customerId": event["customer_id"]},
        ],
        "missing_date": [*({"event_time": value} for value in faulty.BLANKS), {"event_time": _ABSENT}],
        "wrong_type": [
            {"event_time": "yesterday"},
            {"event_type": None},
            {"event_time": "2025-02-30T10:00:00Z"},
            {"event_time": 1_741_012_345},
            {"event_type": _ABSENT},
            {"event_time": "12:30"},
        ],
    }
    spoilt = {**event, **faults[reason][number % len(faults[reason])]}
    return _line({key: value for key, value in spoilt.items() if value is not _ABSENT})


def _line(event: dict[str, Any]) -> str:
    return json.dumps(event, separators=(",", ":"))
