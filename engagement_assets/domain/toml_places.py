"""Where something stands in a TOML file, so that an error can name its line."""

from __future__ import annotations


class MisfitError(ValueError):
    """Something at a place (keys from the outside in) does not fit."""

    def __init__(self, place: tuple[str, ...], what: str) -> None:
        self.place = place
        super().__init__(what)


def line_of(text: str, place: tuple[str, ...]) -> int:
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
