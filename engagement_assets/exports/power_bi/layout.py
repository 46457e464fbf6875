"""How a page is laid out: heading and slicers on top, rows of visuals below."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from engagement_assets.exports.power_bi.charts import COUNTRY, DATE, SEGMENT
from engagement_assets.exports.power_bi.visuals import (
    Box,
    Field,
    Json,
    Visual,
    back_button,
    drill_through,
    heading,
    is_one_of,
    short_id,
    slicer,
)

PAGE_SCHEMA = "https://developer.microsoft.com/json-schemas/fabric/item/report/definition/page/2.0.0/schema.json"

WIDTH, HEIGHT = 1280, 720
_EDGE, _GAP, _HEAD = 16, 12, 76

#: A row of a page: its share of the height, and the visuals with their shares of the width.
Row = tuple[float, Sequence[tuple[float, Visual]]]


@dataclass(frozen=True)
class Page:
    """A page: its title, what it is for, its rows of visuals, and what narrows it."""

    title: str
    purpose: str
    rows: Sequence[Row]
    filters: Sequence[tuple[Field, Sequence[str | bool]]] = ()
    drill_through_by: Field | None = None
    name: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", short_id("page", self.title))

    def as_json(self) -> Json:
        """The page's own file."""
        page: Json = {
            "$schema": PAGE_SCHEMA,
            "name": self.name,
            "displayName": self.title,
            "displayOption": "FitToPage",
            "height": HEIGHT,
            "width": WIDTH,
        }
        if self.drill_through_by:
            page |= drill_through(self.title, self.drill_through_by)
        if self.filters:
            page["filterConfig"] = {
                "filters": [is_one_of(self.title, found, *chosen) for found, chosen in self.filters]
            }
        return page

    def visuals(self) -> list[Json]:
        """The files of its visuals: heading and slicers on top, the rows below."""
        placed: list[tuple[Visual, Box]] = []
        left = _EDGE
        if self.drill_through_by:
            placed.append((back_button(), Box(_EDGE, _EDGE, 48, 48)))
            left += 48 + _GAP
        choices = [] if self.drill_through_by else _slicers()
        widths = {"Date": 270, "Country": 150, "Segment": 150}
        x = WIDTH - _EDGE - sum(widths[choice.name] + _GAP for choice in choices) + _GAP
        placed.append((heading(self.title, self.purpose), Box(left, _GAP, x - left - _GAP, _HEAD)))
        for choice in choices:
            placed.append((choice, Box(x, _GAP, widths[choice.name], _HEAD)))
            x += widths[choice.name] + _GAP
        y = _GAP + _HEAD + _GAP
        room = HEIGHT - y - _EDGE - _GAP * (len(self.rows) - 1)
        for share, cells in self.rows:
            height = round(room * share)
            across, x = WIDTH - 2 * _EDGE - _GAP * (len(cells) - 1), _EDGE
            for part, visual in cells:
                width = int(across * part)
                placed.append((visual, Box(x, y, width, height)))
                x += width + _GAP
            y += height + _GAP
        return [visual.as_json(self.title, box, order) for order, (visual, box) in enumerate(placed)]


def _slicers() -> list[Visual]:
    return [
        slicer("Date", DATE, mode="Between"),
        slicer("Country", COUNTRY, mode="Dropdown"),
        slicer("Segment", SEGMENT, mode="Dropdown"),
    ]
