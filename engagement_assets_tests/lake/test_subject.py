"""A rejected row is erased with its customer, and with nobody else."""

from __future__ import annotations

import pytest

from engagement_assets.lake.subject import Subject, addresses
from engagement_assets_tests.operations.hostile_shop import LINES, PEOPLE

KNOWN = {name: addresses([email]) for name, email in PEOPLE.items()}


def subject(name: str) -> Subject:
    """As a lake of these people gives it."""
    mine = KNOWN[name]
    others = [address for other, known in KNOWN.items() if other != name for address in known]
    longer = [other for other in (*PEOPLE, *others) if any(part in other != part for part in (name, *mine))]
    return Subject(name, mine.difference(others), mine.intersection(others), frozenset(longer))


@pytest.mark.parametrize("name", PEOPLE)
def test_a_rejected_row_is_its_customers_and_nobody_elses(name: str) -> None:
    found = {line for line in LINES if subject(name).owns(line)}
    assert found == {line for line, owners in LINES.items() if name in owners}


@pytest.mark.parametrize(
    ("name", "is_telling"),
    [
        *[
            ("1", False),
            ("007", False),
            ("2025-03-01", False),
            ("123456789", True),
            ("1e5", False),
            ("deadbeef", False),
        ],
        *[
            ("checkout", False),
            ("page_view", False),
            ("a-4711", True),
            ("José", True),
            ("李明华", True),
            ("a.*b", False),
        ],
        *[("4f3a9c1e-77aa-4b0e-9d3c-1f2e3d4c5b6a", True), ("ann@x.org", True)],
    ],
)
def test_an_identifier_tells_of_its_customer_wherever_it_stands_unless_it_is_a_number_or_a_word(
    name: str, is_telling: bool
) -> None:
    assert Subject(name).is_telling is is_telling
