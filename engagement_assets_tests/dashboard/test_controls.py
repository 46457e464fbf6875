"""The controls of the frame show what the address says, and leave alone what they show already."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask.testing import FlaskClient

from engagement_assets.dashboard.app import build_app
from engagement_assets_tests.worlds import World

#: The controls of the sample's latest snapshot, as the address without a query has them.
DEFAULTS: dict[str, Any] = {
    "as-of": "2026-06-30",
    "compare": "30",
    "compare-day": "2025-12-15",
    "country": [],
    "segment": [],
    "value": [],
}


@pytest.fixture(scope="module")
def client(sample_world: World) -> FlaskClient:
    return build_app(sample_world.settings).server.test_client()


def set_anew(client: FlaskClient, search: str, shown: dict[str, Any]) -> dict[str, Any]:
    """The controls whose value the server sets, for an address and what the controls show."""
    (called,) = (
        each
        for each in json.loads(client.get("/_dash-dependencies").text)
        if "as-of.value" in each["output"] and [given["id"] for given in each["inputs"]] == ["url"]
    )
    outputs = [part.rsplit(".", 1) for part in called["output"].strip(".").split("...")]
    body = {
        "output": called["output"],
        "outputs": [{"id": name, "property": what} for name, what in outputs],
        "inputs": [{"id": "url", "property": "search", "value": search}],
        "changedPropIds": ["url.search"],
        "state": [{**given, "value": shown[given["id"]]} for given in called["state"]],
    }
    answer = json.loads(client.post("/_dash-update-component", json=body).text)["response"]
    return {name: given["value"] for name, given in answer.items() if "value" in given}


def test_a_control_is_set_to_what_the_address_says(client: FlaskClient) -> None:
    found = set_anew(client, "?compare=7&country=DE", DEFAULTS)
    assert found == {"compare": "7", "compare-day": "2026-06-23", "country": ["DE"]}


def test_a_control_that_shows_it_already_is_left_alone(client: FlaskClient) -> None:
    """Somebody may be choosing another value there while the answer comes; it would be undone."""
    assert set_anew(client, "", DEFAULTS) == {}
    assert set_anew(client, "?country=DE", {**DEFAULTS, "country": ["DE"]}) == {}
