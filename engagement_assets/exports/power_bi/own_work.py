"""The model and the report of a project on disk: are they as the product wrote them last, or has somebody worked on them?"""

from __future__ import annotations

import re
from pathlib import Path

from engagement_assets.exports.folders import made
from engagement_assets.exports.written import content_hash, record, recorded
from engagement_assets.lake.stores import replacing

_FILES, _DEFAULTS = "files", "defaults"

#: A parameter of the model with its value.
_PARAMETER = re.compile(r'^(expression (\w+) = )"((?:[^"]|"")*)"(?= meta )', re.MULTILINE)


class Parts:
    """A folder with a project whose parts (subfolders) are each written as a whole or left alone.

    What Desktop keeps for itself (`.pbi`) and the values of the model's parameters may change; anything else makes a part
    somebody's work.
    """

    def __init__(self, folder: Path, parts: tuple[str, ...], parameters_in: str) -> None:
        self.folder, self._parts, self._parameters_in = folder, parts, parameters_in
        told = recorded(folder)
        self._written: dict[str, str] = told.get(_FILES, {})
        self._defaults: dict[str, str] = told.get(_DEFAULTS, {})

    def parameters(self, defaults: dict[str, str]) -> dict[str, str]:
        """The model's parameters: `defaults`, but for those to which somebody gave another value since these are in force."""
        try:
            text = (self.folder / self._parameters_in).read_text(encoding="utf-8")
        except (OSError, ValueError):
            return defaults
        found = {name: value.replace('""', '"') for _, name, value in _PARAMETER.findall(text)}
        before = defaults | self._defaults
        return defaults | {
            name: value for name, value in found.items() if before.get(name) == defaults.get(name) != value
        }

    def changed(self, files: dict[str, str]) -> dict[str, list[str]]:
        """The parts that are not as they were written, each with the files by which that shows; `files` are to be written.

        A file that is as it would be written now is nobody's.
        """
        found = {}
        for part in self._parts:
            there = {
                place.relative_to(self.folder).as_posix(): self._hash(place)
                for place in (self.folder / part).rglob("*")
                if place.is_file() and ".pbi" not in place.relative_to(self.folder).parts
            }
            ours = {name: hashed for name, hashed in self._written.items() if name.startswith(f"{part}/")}
            names = [
                name
                for name in sorted(there | ours)
                if there.get(name) not in (ours.get(name), self._hash_of(name, files.get(name)))
            ]
            # Where there is nothing at all, the part was deleted or never written.
            if there and names:
                found[part] = names
        return found

    def write(self, files: dict[str, str], leaving: tuple[str, ...], defaults: dict[str, str]) -> None:
        """Write the files but those of the parts to be left alone, and remove what was written earlier and is no part any more.

        `defaults` are the values that the parameters would have if nobody had given them others.
        """
        for name, text in files.items():
            if not name.startswith(tuple(f"{part}/" for part in leaving)):
                made((self.folder / name).parent)
                with replacing(self.folder / name) as draft:
                    draft.write_text(text, encoding="utf-8", newline="\n")
        written = {name: str(self._hash_of(name, text)) for name, text in files.items()}
        for part in self._parts:
            if part in leaving:
                written = {name: hashed for name, hashed in written.items() if not name.startswith(f"{part}/")}
                written |= {name: hashed for name, hashed in self._written.items() if name.startswith(f"{part}/")}
            else:
                self._remove_former(part, files)
        is_left = any(self._parameters_in.startswith(f"{part}/") for part in leaving)
        record(self.folder, {_FILES: written, _DEFAULTS: self._defaults if is_left else defaults})

    def _remove_former(self, part: str, files: dict[str, str]) -> None:
        for name in self._written:
            if name.startswith(f"{part}/") and name not in files:
                place = self.folder / name
                place.unlink(missing_ok=True)
                for above in place.parents:
                    if above == self.folder or not above.is_dir() or any(above.iterdir()):
                        break
                    above.rmdir()

    def _hash(self, place: Path) -> str:
        contents = place.read_bytes()
        if place == self.folder / self._parameters_in:
            contents = _PARAMETER.sub(r'\1""', contents.decode("utf-8", "replace")).encode()
        return content_hash(contents)

    def _hash_of(self, name: str, text: str | None) -> str | None:
        if text is None:
            return None
        return content_hash((_PARAMETER.sub(r'\1""', text) if name == self._parameters_in else text).encode())
