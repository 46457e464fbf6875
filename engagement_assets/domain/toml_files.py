"""Reading a TOML file that people write: the first thing that is wrong in it is told with its line."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from typing import TypeVar

from pydantic import BaseModel, ValidationError

Model = TypeVar("Model", bound=BaseModel)


class MisfitError(ValueError):
    """Something at a place (keys from the outside in) does not fit."""

    def __init__(self, place: tuple[str, ...], what: str) -> None:
        self.place = place
        super().__init__(what)


def parse_toml(
    text: str, file: str, model: type[Model], error: type[ValueError], known_at: Callable[[tuple[str, ...]], str]
) -> Model:
    """What a file says, as the model; raises `error` for the first thing that is wrong, with file and line.

    `known_at` tells which keys there are at the place of one that is unknown.
    """
    try:
        said = tomllib.loads(text)
    except tomllib.TOMLDecodeError as fault:
        raise error(f"{file} is not TOML: {fault}") from None
    try:
        return model.model_validate(said)
    except ValidationError as fault:
        first = fault.errors(include_url=False)[0]
        cause = first.get("ctx", {}).get("error")
        place = tuple(str(part) for part in first["loc"]) + (cause.place if isinstance(cause, MisfitError) else ())
        what = str(cause) if cause is not None else first["msg"]
        if first["type"] == "extra_forbidden":
            what = f"there is no such key; {known_at(place)}"
        raise error(f"{file}, line {_line_of(text, place)} ({'.'.join(place)}): {what}") from None


def _line_of(text: str, place: tuple[str, ...]) -> int:
    """The line in which a key stands; that of the table around it where the key has none of its own."""
    lines = text.splitlines()
    best, table = 1, ""
    for number, line in enumerate(lines, 1):
        stripped = line.strip()
        if stripped.startswith("["):
            table = stripped.strip("[] ").replace('"', "").replace(" ", "")
            if ".".join(place).startswith(table) and table:
                best = number
        elif "=" in stripped and not stripped.startswith("#"):
            key = stripped.split("=", 1)[0].strip().strip("\"'")
            path = f"{table}.{key}".strip(".")
            if ".".join(place) == path or ".".join(place).startswith(f"{path}."):
                return number
    return best
