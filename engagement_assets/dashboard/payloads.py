"""What a request may ask: how long, how many, how deep, and of which shape. Anything else gets 400, 413 or 414 and a sentence.

A page's callbacks are asked at one address with a JSON body, which Dash takes at its word. Here it is held against what the
callback was declared with, so that functions of pages get values of the shapes in `SHAPES` and of no other.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from dash import Dash
from flask import Flask, Response, request
from pydantic import BaseModel, Field, StrictInt, StrictStr, TypeAdapter, ValidationError, model_validator
from werkzeug.exceptions import BadRequest

from engagement_assets.dashboard.access import refusal
from engagement_assets.dashboard.column_filters import LARGEST_NUMBER, LONGEST_VALUE, ColumnFilters
from engagement_assets.dashboard.lists import LARGEST_BLOCK

#: Bytes of a body, characters of an address; what the pages send is below 2,000.
LARGEST_BODY, LONGEST_ADDRESS = 256 * 1024, 8_192

#: Levels and values of a JSON body, and characters of a text in it.
DEEPEST, MOST_VALUES, LONGEST_TEXT = 16, 5_000, LONGEST_ADDRESS

CALLBACKS = "/_dash-update-component"

Text = Annotated[StrictStr, Field(max_length=LONGEST_VALUE)]
Count = Annotated[StrictInt, Field(ge=0)]


class _Sort(BaseModel):
    colId: Text  # noqa: N815  (AG Grid's name)
    sort: Text


class _Block(BaseModel):
    """A grid's request for a block of rows."""

    startRow: Count  # noqa: N815
    endRow: Count  # noqa: N815
    sortModel: Annotated[list[_Sort], Field(max_length=3)] | None = None  # noqa: N815
    filterModel: ColumnFilters | None = None  # noqa: N815

    @model_validator(mode="after")
    def _not_too_many(self) -> _Block:
        if self.endRow - self.startRow > LARGEST_BLOCK:
            raise ValueError(f"it asks for more than {LARGEST_BLOCK} rows at once")
        return self


#: The shape of a component's property, wherever a callback reads it.
SHAPES: Mapping[str, TypeAdapter[Any]] = {
    "pathname": TypeAdapter(StrictStr | None),
    "search": TypeAdapter(StrictStr | None),
    "data": TypeAdapter(StrictStr | None),
    "id": TypeAdapter(dict[str, Text]),
    "value": TypeAdapter(Text | Annotated[list[Text], Field(max_length=500)] | None),
    "n_clicks": TypeAdapter(Count | None),
    "n_submit": TypeAdapter(Count | None),
    "getRowsRequest": TypeAdapter(_Block | None),
}


class _UnfitError(ValueError):
    """A request that cannot be meant; the message says why."""


def register(server: Flask, app: Dash) -> None:
    """Refuse what is too long or of another shape. Call it after all callbacks are declared."""
    server.config["MAX_CONTENT_LENGTH"] = LARGEST_BODY
    # Those of the browser alone have no function here.
    callbacks = {output: callback for output, callback in app.callback_map.items() if "callback" in callback}
    for callback in callbacks.values():
        for part in (*callback["inputs"], *callback["state"]):
            if part["property"] not in SHAPES:
                raise KeyError(f"a callback reads {part['id']}.{part['property']}: say its shape in payloads.SHAPES")

    @server.before_request
    def hold_to_bounds() -> Response | None:
        if len(request.environ.get("QUERY_STRING", "")) + len(request.path) > LONGEST_ADDRESS:
            return refusal(f"The address is longer than {LONGEST_ADDRESS:,} characters.", 414)
        if request.path != CALLBACKS or request.method != "POST":
            return None
        try:
            if request.args.keys() - {"endId"}:  # the page's own mark
                raise _UnfitError("it is about a callback in the background, and there are none")
            body = request.get_json()
            _check_size(body)
            _check_shape(body, callbacks)
        except (_UnfitError, RecursionError) as error:
            why = str(error) if isinstance(error, _UnfitError) else f"it is deeper than {DEEPEST} levels"
            return refusal(f"The request cannot be understood: {why}. Reload the page.", 400)
        except BadRequest:
            return refusal("The request cannot be understood: it is no JSON. Reload the page.", 400)
        return None


def _check_size(body: object) -> None:
    """Count values and levels, and look at every text and number."""
    values = 0
    waiting: list[tuple[object, int]] = [(body, 1)]
    while waiting:
        value, level = waiting.pop()
        values += 1
        if values > MOST_VALUES:
            raise _UnfitError(f"it holds more than {MOST_VALUES:,} values")
        if level > DEEPEST:
            raise _UnfitError(f"it is deeper than {DEEPEST} levels")
        if isinstance(value, dict):
            waiting += [(part, level + 1) for pair in value.items() for part in pair]
        elif isinstance(value, list):
            waiting += [(part, level + 1) for part in value]
        elif isinstance(value, str):
            if len(value) > LONGEST_TEXT:
                raise _UnfitError(f"a text in it is longer than {LONGEST_TEXT:,} characters")
            if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
                raise _UnfitError("a text in it holds what is no character")
        elif isinstance(value, int | float) and not abs(value) <= LARGEST_NUMBER:  # nor is NaN
            raise _UnfitError("a number in it is too large, or none")


def _check_shape(body: object, callbacks: Mapping[str, Any]) -> None:
    """Hold a body against the callback that it names: the same inputs, states and outputs, of the shapes that they have."""
    if not isinstance(body, dict) or not isinstance(body.get("output"), str):
        raise _UnfitError("it names no callback")
    callback = callbacks.get(body["output"])
    if callback is None:
        raise _UnfitError("there is no such callback")
    wild: dict[str, list[object]] = {}
    given = [
        item
        for key, declared in (("inputs", callback["inputs"]), ("state", callback["state"]))
        for item in _items(body.get(key, []), [(part["id"], part["property"]) for part in declared], wild)
    ]
    for item in given:
        try:
            SHAPES[item["property"]].validate_python(item.get("value"))
        except ValidationError as error:
            fault = error.errors(include_url=False, include_context=False, include_input=False)[0]
            raise _UnfitError(f"{item['property']}: {fault['msg'].removeprefix('Value error, ')}") from None
        if item["property"] == "id" and item.get("value") != item["id"]:
            raise _UnfitError("a component has another id than its own")
    several = body["output"].startswith("..")
    named = [name.rpartition(".")[::2] for name in body["output"].strip(".").split("...")]
    outputs = body.get("outputs")
    list(_items(outputs if several else [outputs], named, wild))
    asked = {f"{_text(item['id'])}.{item['property']}" for item in given}
    changed = body.get("changedPropIds", [])
    if not isinstance(changed, list) or not all(isinstance(each, str) and each in asked for each in changed):
        raise _UnfitError("something changed that the callback does not look at")


def _items(given: object, declared: list[tuple[str, str]], wild: dict[str, list[object]]) -> Iterator[dict[str, Any]]:
    """The items of a part of the body, one for each component. `wild`: the components that each pattern stood for so far."""
    if not isinstance(given, list) or len(given) != len(declared):
        raise _UnfitError("it has other parts than its callback")
    for part, (name, prop) in zip(given, declared, strict=True):
        pattern = json.loads(name) if name.startswith("{") else name
        every = isinstance(pattern, dict) and ["ALL"] in pattern.values()
        items = part if every else [part]
        if not isinstance(items, list) or not all(_is(item, pattern, prop) for item in items):
            raise _UnfitError("it has other components than its callback")
        if every and wild.setdefault(name, [item["id"] for item in items]) != [item["id"] for item in items]:
            raise _UnfitError("it names some components in one place that it leaves out in another")
        yield from items


def _is(item: object, pattern: str | dict[str, Any], prop: str) -> bool:
    """Whether an item is the property of a component that a declared id, or pattern of ids, stands for."""
    if not isinstance(item, dict) or item.get("property") != prop:
        return False
    if isinstance(pattern, str):
        return bool(item.get("id") == pattern)
    found = item.get("id")
    return (
        isinstance(found, dict)
        and found.keys() == pattern.keys()
        and all(
            isinstance(found[key], str) and (isinstance(wanted, list) or found[key] == wanted)
            for key, wanted in pattern.items()
        )
    )


def _text(component: str | dict[str, str]) -> str:
    """An id as Dash writes it into the names of properties."""
    return component if isinstance(component, str) else json.dumps(component, sort_keys=True, separators=(",", ":"))
