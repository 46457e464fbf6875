"""Bounds of requests: what a page sends is answered, anything larger or of another shape gets a status and a sentence."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import pytest
from dash import Dash, Input, Output
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st

from engagement_assets.dashboard import column_filters, payloads
from engagement_assets.dashboard.app import build_app
from engagement_assets.dashboard.lists import LISTS, compiled
from engagement_assets.settings import Settings

CALLBACKS = "/_dash-update-component"

#: What Chromium sent, written down.
PAGE = {
    "output": "page.children",
    "outputs": {"id": "page", "property": "children"},
    "inputs": [
        {"id": "url", "property": "pathname", "value": "/"},
        {"id": "url", "property": "search", "value": ""},
    ],
    "changedPropIds": ["url.pathname", "url.search"],
    "parsedChangedPropsIds": ["url.pathname", "url.search"],
}
_PATTERN = '{"name":["MATCH"],"rev":["MATCH"],"type":"%s"}.%s'
_PARTS = (("grid", "getRowsResponse"), ("grid-export", "href"), ("grid-lines", "href"), ("grid-count", "children"))
_ID = {"name": "customers", "rev": "dd568a191e"}
_GRID = {**_ID, "type": "grid"}
GRID = {
    "output": f"..{'...'.join(_PATTERN % part for part in _PARTS)}..",
    "outputs": [{"id": {**_ID, "type": kind}, "property": prop} for kind, prop in _PARTS],
    "inputs": [
        {
            "id": _GRID,
            "property": "getRowsRequest",
            "value": {"startRow": 0, "endRow": 100, "sortModel": [], "filterModel": {}, "api": {}},
        }
    ],
    "changedPropIds": ['{"name":"customers","rev":"dd568a191e","type":"grid"}.getRowsRequest'],
    "state": [
        {"id": _GRID, "property": "id", "value": {"type": "grid", "name": "customers", "rev": "dd568a191e"}},
        {"id": "url", "property": "search", "value": "?compare=7"},
    ],
}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> FlaskClient:
    """A dashboard over no tables."""
    return build_app(Settings(lake=str(tmp_path_factory.mktemp("empty")))).server.test_client()


def changed(whole: Any, value: Any, *path: Any) -> Any:
    """A payload with another value at a place."""
    copy = deepcopy(whole)
    place = copy
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return copy


ASKED = ("inputs", 0, "value")
COLUMN = (*ASKED, "filterModel", "total_orders")
ONE = {"filterType": "number", "type": "equals", "filter": 1}
DEEP: Any = "x"
for _ in range(payloads.DEEPEST):
    DEEP = [DEEP]


def several(number: int) -> dict[str, Any]:
    return {"filterType": "number", "operator": "OR", "conditions": [ONE] * number}


@pytest.mark.parametrize(
    "body",
    [
        PAGE,
        GRID,
        changed(GRID, None, *ASKED),
        changed(GRID, 500, *ASKED, "endRow"),
        changed(GRID, several(column_filters.MOST_CONDITIONS), *COLUMN),
        changed(GRID, {**ONE, "filter": "ä" * column_filters.LONGEST_VALUE}, *COLUMN),
        changed(GRID, [{"colId": "total_orders", "sort": "desc", "type": "default"}] * 3, *ASKED, "sortModel"),
    ],
)
def test_what_a_page_sends_is_answered(client: FlaskClient, body: Any) -> None:
    assert client.post(f"{CALLBACKS}?endId=JKs8l0~3870e24039dc", json=body).status_code in (200, 204)


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (changed(GRID, several(6), *COLUMN), "at most 5 items"),
        (changed(GRID, {**ONE, "filter": "x" * 201}, *COLUMN), "at most 200 characters"),
        (changed(GRID, {f"c{n}": ONE for n in range(21)}, *ASKED, "filterModel"), "at most 20 items"),
        (
            changed(GRID, {f"c{n}": {**ONE, "filter": "x" * 90} for n in range(9)}, *ASKED, "filterModel"),
            "longer than 1,000 characters",
        ),
        (changed(GRID, {"conditions": [{"conditions": [DEEP]}]}, *COLUMN), "deeper than 16 levels"),
        (changed(GRID, {**ONE, "filter": {"$gt": 0}}, *COLUMN), "getRowsRequest: "),
        (changed(GRID, 501, *ASKED, "endRow"), "more than 500 rows at once"),
        (changed(GRID, -1, *ASKED, "startRow"), "greater than or equal to 0"),
        (changed(GRID, "0", *ASKED, "startRow"), "valid integer"),
        (changed(GRID, 10**20, *ASKED, "startRow"), "a number in it is too large"),
        (changed(GRID, float("nan"), *COLUMN), "a number in it is too large, or none"),
        (changed(GRID, float("inf"), *COLUMN), "a number in it is too large, or none"),
        (changed(GRID, [{"colId": "a", "sort": "asc"}] * 4, *ASKED, "sortModel"), "at most 3 items"),
        (changed(GRID, {**_GRID, "name": "rejected"}, "state", 0, "value"), "another id than its own"),
        (changed(GRID, {**_GRID, "type": "export"}, "inputs", 0, "id"), "other components than its callback"),
        (changed(PAGE, "a\0b", *ASKED), "what is no character"),
        (changed(PAGE, "\ud800", *ASKED), "what is no character"),
        (changed(PAGE, "x" * 8_193, *ASKED), "longer than 8,192 characters"),
        (changed(PAGE, ["/"], *ASKED), "pathname: "),
        (changed(PAGE, [0] * 5_001, "more"), "more than 5,000 values"),
        (changed(PAGE, DEEP, "more"), "deeper than 16 levels"),
        (changed(PAGE, "no.such", "output"), "no such callback"),
        (changed(PAGE, "title-sink.children", "output"), "no such callback"),
        (changed(PAGE, None, "output"), "names no callback"),
        (changed(PAGE, [], "inputs"), "other parts than its callback"),
        (changed(PAGE, "page", "inputs", 0, "id"), "other components than its callback"),
        (changed(PAGE, ["page.children"], "changedPropIds"), "does not look at"),
        ([PAGE], "names no callback"),
    ],
)
def test_more_than_that_is_refused_in_a_sentence(client: FlaskClient, body: Any, sentence: str) -> None:
    answer = client.post(CALLBACKS, data=json.dumps(body), content_type="application/json")
    assert answer.status_code == 400
    assert sentence in answer.text
    assert answer.text.endswith("Reload the page.\n")


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"{", 400),
        (b"\xff", 400),
        (b"[" * 100_000, 400),
        (b'{"a":' * 50_000, 400),
        (b"9" * 5_000, 400),
        (b" " * (payloads.LARGEST_BODY + 1), 413),
    ],
)
def test_what_is_no_json_or_too_long_is_refused(client: FlaskClient, data: bytes, status: int) -> None:
    answer = client.post(CALLBACKS, data=data, content_type="application/json")
    assert answer.status_code == status
    assert answer.mimetype == "text/plain"
    assert len(answer.text) > 20


def test_an_address_that_is_too_long_is_refused(client: FlaskClient) -> None:
    assert client.get("/?cid=" + "x" * 8_000).status_code == 200
    answer = client.get("/export/customers.csv?cid=" + "x" * 8_200)
    assert answer.status_code == 414
    assert "8,192" in answer.text


def test_a_callback_has_to_say_what_it_is_given() -> None:
    app = Dash(__name__, server=Flask(__name__))  # type: ignore[arg-type]
    app.callback(Output("a", "children"), Input("b", "relayoutData"))(lambda given: given)
    with pytest.raises(KeyError, match=r"b\.relayoutData: say its shape in payloads\.SHAPES"):
        payloads.register(app.server, app)


#: Any JSON, often with the names that filters have.
_NAMES = st.sampled_from(
    ["total_orders", "customer_id", "last_order_date", "type", "filter", "dateFrom", "conditions", "operator"]
)
_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["equals", "inRange", "OR"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_NAMES | st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


@given(_JSON)
def test_any_filters_are_read_or_refused_and_never_become_sql(filters: Any) -> None:
    for given_as in (filters, json.dumps(filters)):
        try:
            found = column_filters.read(given_as)
        except ValueError:
            continue
        condition, parameters = compiled(found, LISTS["customers"])
        for name in parameters:
            condition = condition.replace(f"${name}", "?")
        assert set(condition) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_.()<>=?, 0")
        assert column_filters.read(column_filters.written(found)) == found
