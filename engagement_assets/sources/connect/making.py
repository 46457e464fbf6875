"""What the proposals of all sources share: who the customers are, which column is picked, how a table is written, its times."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from statistics import median
from typing import Any

from engagement_assets.domain.source_mapping import ISO
from engagement_assets.sources.connect import words
from engagement_assets.sources.connect.fitting import IDENTIFIERS, Scored, View, key_of
from engagement_assets.sources.connect.found import Table, Text
from engagement_assets.sources.connect.proposals import BY_BOTH, SURE, Asking, Connection, Guess, Proposal

#: How much less likely the next best column has to be for a guess not to be asked about.
_APART = 0.08

#: Share of rows with a value from which on the others are faults, and no kind of rows of their own.
MOSTLY = 0.9


@dataclass
class Making:
    """The proposals under way: who answers, the tables, which of them is which source; what is known so far."""

    asking: Asking
    views: Sequence[View]
    by_source: dict[str, View]
    result: Connection = field(default_factory=Connection)

    joined: set[int] = field(default_factory=set)
    #: Table and column that names the customer -> the column of the customers that has its values.
    keys: dict[tuple[int, str], str] = field(default_factory=dict)
    #: Before everything that orders and events tell of.
    first_year: int = 9999
    #: The column of the customers that identifies them, where the others' rows say so.
    customer_key: str | None = None

    # ---- who --------------------------------------------------------------------------------------------------------

    def customer_ids(self, customers: View | None, others: Sequence[View]) -> Mapping[int, list[Scored]]:
        """Of each other table, the columns that may name the customer; what is found among the customers counts more."""
        keys: dict[str, set[Any]] = {}
        if customers is not None:
            _, key = key_of(customers)
            others_of_it = [
                name
                for name, column in customers.columns.items()
                if words.is_identifier(name) and column.uniqueness > 0.97 and column.filled > 0.97
            ]
            names = dict.fromkeys((key, *others_of_it, customers.best("email")[1]))
            keys = {name: customers.columns[name].identifiers for name in names if name}
        found: dict[int, list[Scored]] = {}
        for view in others:
            scored = []
            for score, name in view.candidates("customer_id"):
                column = view.columns[name]
                own = column.identifiers
                overlaps = {key: len(known & own) / len(own) for key, known in keys.items()}
                key = max(overlaps, key=overlaps.__getitem__, default="")
                if key and overlaps[key] > 0.1:
                    self.keys[id(view), name] = key
                    score += 0.5 * overlaps[key] * column.filled
                scored.append((score, name))
            found[id(view)] = sorted(scored, key=lambda each: -each[0])
        return found

    # ---- one column ---------------------------------------------------------------------------------------------------

    def pick(self, proposal: Proposal, view: View, role: str, candidates: Sequence[Scored], what: str) -> str | None:
        """The column for a role, asked for where it is not clear."""
        if not candidates:
            return None
        (score, name), *others = candidates
        close = [(other, text) for other, text in others if score - other < _APART]
        if (score < SURE or close) and others:
            options = [name, *(text for _, text in others[:5])]
            chosen = self.asking.choose(
                f"{proposal.source}: which column of {view.table.name} is {what}?",
                [f"{text}  ({self.looks(view, text)})" for text in options],
                0,
            )
            score, name = (score if not chosen else 1.0), options[chosen]
        why = BY_BOTH if score >= SURE else "the likeliest by its values; look at it"
        proposal.columns[role] = Guess(name, self.looks(view, name), score, why)
        return name

    @staticmethod
    def looks(view: View, text: str) -> str:
        """How the values of a column are told of, if it is one."""
        column = view.columns.get(text)
        if column is None:
            return "product of numbers"
        return column.looks

    @staticmethod
    def say_nobody(proposal: Proposal, view: View, who: str) -> None:
        """Leave out rows of guests, where one value stands for all of them."""
        counts = view.columns[who].counts
        usual = median(counts.values())
        nobody = [value for value in counts if str(value).casefold() in words.NOBODY and counts[value] > 2 * usual]
        if nobody:
            told = f"{who} not in {quoted(nobody)}"
            proposal.say("where", [*proposal.said.get("where", ()), told], "rows of guests belong to no customer")

    def say_whole_numbers(self, proposal: Proposal) -> None:
        """Say that identifiers are whole numbers where they are written as decimals: elsewhere they may not be."""
        view = next((view for view in self.views if view.table is proposal.table), None)
        for role, guess in proposal.columns.items() if view is not None else ():
            column = view.columns.get(guess.text) if view is not None else None
            if role in IDENTIFIERS and column is not None and column.is_whole_decimals:
                proposal.say("whole_number_ids", True, f"{guess.text} has whole numbers that are written as decimals")

    # ---- how the table is written, and its times ------------------------------------------------------------------------

    def begin(self, source: str, table: Table) -> Proposal:
        """A proposal that says where the table's files are, and how they are written."""
        proposal = Proposal(source, table)
        proposal.say("path", table.paths[0] if len(table.paths) == 1 else list(table.paths))
        if table.is_untold:
            proposal.say("format", table.format, "the ends of the names do not say it")
        plain = Text()
        for key in ("delimiter", "quote", "encoding", "header"):
            value = getattr(table.text, key)
            if value != getattr(plain, key) and table.format in ("csv", "json"):
                reason = {
                    "encoding": "not all of it is UTF-8; correct it where names look wrong" if value == "cp1252" else ""
                }
                proposal.say(key, list(value) if key == "header" else value, reason.get(key, ""))
        if table.text.header:
            proposal.why["header"] = "the files do not begin with the names of their columns"
        return proposal

    def say_times(self, proposal: Proposal, view: View, name: str) -> None:
        """Say how the times of a column are spelled, and of which time zone they are."""
        spelling = view.columns[name].spelling
        if spelling is None:
            return
        if proposal.source != "customers":
            self.first_year = min(self.first_year, view.columns[name].first_year or self.first_year)
        form = spelling.format
        if spelling.other is not None:
            readings = {"%d": "day first", "%m": "month first"}
            options = (form, spelling.other)
            usual = self._usual_order
            best = int(usual is not None and not form.startswith(usual))
            chosen = best
            if usual is None:
                chosen = self.asking.choose(
                    f"{proposal.source}: {name} may be read in two ways; which comes first?",
                    [f"{readings[each[:2]]}  ({each})" for each in options],
                    best,
                )
            form = options[chosen]
            as_well = f"the values would fit {options[1 - chosen]} as well"
            proposal.why["time_format"] = "other columns tell the order" if usual else as_well
        if form != ISO:
            proposal.say("time_format", form)
        told = bool(spelling.fixed_zone or re.search(r"utc|gmt", words.squashed(name)))
        if (told and spelling.zone != "told") or spelling.fixed_zone or view.table.text.header == words.SNOWPLOW:
            proposal.say("timezone", "UTC", f"{name} says so" if told else "all times of Snowplow are")

    @cached_property
    def _usual_order(self) -> str | None:
        """Whether day or month comes first in the columns that tell; None where none does, or both."""
        spellings = (column.spelling for view in self.views for column in view.columns.values())
        found = {each.format[:2] for each in spellings if each is not None and each.other is None}
        first = found & {"%d", "%m"}
        return first.pop() if len(first) == 1 else None

    def say_updates(self, proposal: Proposal, view: View, dated: str) -> None:
        """Say which column tells the later of two versions of a row."""
        score, name = view.best("updated_at")
        ours, theirs = (view.columns[each].spelling if each else None for each in (dated, name))
        if score >= SURE and name != dated and theirs and (ours is None or ours.format == theirs.format):
            proposal.columns["updated_at"] = Guess(name, self.looks(view, name), score, "tells later versions of a row")


def quoted(values: Iterable[str]) -> str:
    """Values as a list in a condition."""
    return json.dumps(list(values), ensure_ascii=False)
