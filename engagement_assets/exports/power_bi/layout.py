"""How a page is laid out: heading and slicers on top, rows of visuals below."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from engagement_assets.domain.meanings import enumerated
from engagement_assets.exports.power_bi.charts import COUNTRY, DATE, SEGMENT, chart
from engagement_assets.exports.power_bi.visuals import (
    Box,
    Field,
    Json,
    Visual,
    back_button,
    drill_through,
    heading,
    only_where,
    properties,
    short_id,
    slicer,
)

WIDTH, HEIGHT = 1280, 720
_EDGE, _GAP, _HEAD = 16, 12, 76

_SLICERS = (
    ("Date", DATE, "Between", 250),
    ("Country", COUNTRY, "Dropdown", 140),
    ("Segment", SEGMENT, "Dropdown", 140),
)

#: Width of the card with the day that the page stands for.
_DAY_WIDTH = 150

#: Which slicers change what a field shows, by their names.
Heed = Callable[[Field], set[str]]


class Page:
    """A page: its title, what it is for, its visuals row by row (each of 100 percent of the width), and what narrows it."""

    def __init__(
        self,
        title: str,
        purpose: str,
        *shown: Visual,
        only: Field | None = None,
        drill_through_by: Field | None = None,
        day: Field = "Snapshot",
    ) -> None:
        self.name = short_id("page", title)
        self._title, self._purpose, self._shown = title, purpose, shown
        self._only, self._drill_through_by, self._day = only, drill_through_by, day

    def as_json(self) -> Json:
        """The content of the page's own file."""
        return {
            "name": self.name,
            "displayName": self._title,
            "displayOption": "FitToPage",
            "height": HEIGHT,
            "width": WIDTH,
            **(drill_through(self._title, self._drill_through_by) if self._drill_through_by else {}),
            **(only_where(self._title, self._only) if self._only else {}),
        }

    def visuals(self, heed: Heed) -> list[Json]:
        """The content of the files of its visuals: heading and slicers on top, the rows below.

        `heed` says of a field which slicers change what it shows; a visual that takes no heed of one says so.
        """
        placed: list[tuple[Visual, Box]] = []
        left = _EDGE
        if self._drill_through_by:
            placed.append((back_button(), (_EDGE, _EDGE, 48, 48)))
            left += 48 + _GAP
        choices = () if self._drill_through_by else _SLICERS
        x = WIDTH - _EDGE - sum(width + _GAP for *_, width in choices) - _DAY_WIDTH
        placed.append((heading(self._title, self._purpose), (left, _GAP, x - left - _GAP, _HEAD)))
        placed.append((chart("day", "cardVisual", 0, 0).showing(Data=self._day), (x, _GAP, _DAY_WIDTH, _HEAD)))
        x += _DAY_WIDTH + _GAP
        for name, column, mode, width in choices:
            placed.append((slicer(name, column, mode), (x, _GAP, width, _HEAD)))
            x += width + _GAP
        rows: list[list[Visual]] = [[]]
        for visual in self._shown:
            if sum(each.width for each in rows[-1]) == 100:
                rows.append([])
            rows[-1].append(visual)
        y = _GAP + _HEAD + _GAP
        room = HEIGHT - y - _EDGE - _GAP * (len(rows) - 1)
        for row in rows:
            across, x = WIDTH - 2 * _EDGE - _GAP * (len(row) - 1), _EDGE
            height = round(room * row[0].height / 100)
            for visual in row:
                width = int(across * visual.width / 100)
                note = _without_heed(visual, heed) if choices and visual.kind != "slicer" else None
                if note:
                    subtitle = {"subTitle": [properties(show=True, text=note)]}
                    visual = replace(visual, container={**visual.container, **subtitle})
                placed.append((visual, (x, y, width, height)))
                x += width + _GAP
            y += height + _GAP
        return [visual.as_json(self._title, box, order) for order, (visual, box) in enumerate(placed)]


def _without_heed(visual: Visual, heed: Heed) -> str | None:
    """In words, which slicers a visual, or a part of what it shows, takes no heed of; None: of none."""
    unmoved: dict[tuple[str, ...], list[Field]] = {}
    shown = [field for field in visual.fields() if "[" not in field] or visual.fields()[:1]
    for field in shown:
        others = tuple(name for name, *_ in _SLICERS if name not in heed(field))
        if others:
            unmoved.setdefault(others, []).append(field)
    notes = []
    for others, fields in unmoved.items():
        which = "" if len(fields) == len(shown) else f"{enumerated(fields)}: "
        notes.append(f"{which}not by {enumerated(name.lower() for name in others)}")
    return "; ".join(notes).capitalize() or None
