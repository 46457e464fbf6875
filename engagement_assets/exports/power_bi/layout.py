"""How a page is laid out: heading and slicers on top, rows of visuals below."""

from __future__ import annotations

from engagement_assets.exports.power_bi.charts import COUNTRY, DATE, SEGMENT
from engagement_assets.exports.power_bi.visuals import (
    Box,
    Field,
    Json,
    Visual,
    back_button,
    drill_through,
    heading,
    only_where,
    short_id,
    slicer,
)

WIDTH, HEIGHT = 1280, 720
_EDGE, _GAP, _HEAD = 16, 12, 76

_SLICERS = (
    ("Date", DATE, "Between", 270),
    ("Country", COUNTRY, "Dropdown", 150),
    ("Segment", SEGMENT, "Dropdown", 150),
)


class Page:
    """A page: its title, what it is for, its visuals row by row (each of 100 percent of the width), and what narrows it."""

    def __init__(
        self,
        title: str,
        purpose: str,
        *shown: Visual,
        only: Field | None = None,
        drill_through_by: Field | None = None,
    ) -> None:
        self.name = short_id("page", title)
        self._title, self._purpose, self._shown = title, purpose, shown
        self._only, self._drill_through_by = only, drill_through_by

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

    def visuals(self) -> list[Json]:
        """The content of the files of its visuals: heading and slicers on top, the rows below."""
        placed: list[tuple[Visual, Box]] = []
        left = _EDGE
        if self._drill_through_by:
            placed.append((back_button(), (_EDGE, _EDGE, 48, 48)))
            left += 48 + _GAP
        choices = () if self._drill_through_by else _SLICERS
        x = WIDTH - _EDGE - sum(width + _GAP for *_, width in choices) + _GAP
        placed.append((heading(self._title, self._purpose), (left, _GAP, x - left - _GAP, _HEAD)))
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
                placed.append((visual, (x, y, width, height)))
                x += width + _GAP
            y += height + _GAP
        return [visual.as_json(self._title, box, order) for order, (visual, box) in enumerate(placed)]
