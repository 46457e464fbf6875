"""What is proposed of customers: from a table of theirs, or from the rows of the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from engagement_assets.sources.connect.fitting import View, key_of
from engagement_assets.sources.connect.making import MOSTLY, Making
from engagement_assets.sources.connect.proposals import BY_BOTH, Guess, Proposal


def customers_of(
    making: Making, view: View | None, made: Mapping[str, Proposal | None], seen_in: Sequence[str]
) -> Proposal | None:
    """The customers of a table, or of the others' rows where there is none (`seen_in`: the sources that name customers)."""
    if view is None:
        return _customers_among(making, seen_in)
    proposal = making.begin("customers", view.table)
    score, key = key_of(view)
    if making.customer_key and making.customer_key != key:
        score, key = 0.9, making.customer_key
    proposal.columns["customer_id"] = Guess(key, making.looks(view, key), score, "another one in each row")
    signup = None
    if view.candidates("signup_date"):
        signup = making.pick(proposal, view, "signup_date", view.candidates("signup_date"), "the sign-up")
    _say_person(making, proposal, view, key)
    if signup is not None:
        making.say_times(proposal, view, signup)
        making.say_updates(proposal, view, signup)
    elif not seen_in:
        return None
    if signup is None or (view.columns[signup].filled < MOSTLY and seen_in):
        proposal.say("first_seen_in", list(seen_in), "who has no sign-up date signs up on the first day seen")
    if signup is None:
        proposal.columns["signup_date"] = Guess(f"= {making.first_year}-01-01", "", 1.0, "of those never seen")
    return proposal


def _customers_among(making: Making, seen_in: Sequence[str]) -> Proposal:
    """Customers from the others' rows, where no table has them."""
    proposal = Proposal("customers", None)
    for name in seen_in:
        view = making.by_source.get(name) or making.by_source["web_events"]
        if not proposal.columns:
            _say_person(making, proposal, view, "")
    proposal.say("first_seen_in", list(seen_in), "no table has the customers: each signs up on the first day seen")
    return proposal


def _say_person(making: Making, proposal: Proposal, view: View, key: str) -> None:
    for role in ("email", "country"):
        score, name = view.best(role)
        if name and score >= 0.6 and (name != key or role == "email"):
            proposal.columns[role] = Guess(name, making.looks(view, name), score, BY_BOTH)
