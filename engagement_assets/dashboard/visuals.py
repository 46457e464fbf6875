"""Pages and their visuals, as data. A visual is a part of a page with its own question, CSV file and error boundary.

A visual that fails says so in its place, and the others stay. A page is drawn in one answer: at each of them Dash compares every
component of the page with what it was, so that an answer for each visual took most of a page's time.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

import duckdb
from dash import Dash, html
from dash.development.base_component import Component

from engagement_assets.dashboard.components import card, failure, message, no_comparison, no_customers
from engagement_assets.dashboard.dagster_log import NoHistoryError
from engagement_assets.dashboard.exports import Csv, export_link
from engagement_assets.dashboard.questions import Question
from engagement_assets.dashboard.state import View, parse
from engagement_assets.dashboard.warehouse import Warehouse
from engagement_assets.domain.meanings import Meanings
from engagement_assets.lake.damage import TableDamagedError

log = logging.getLogger("engagement.dashboard")

Draw = TypeVar("Draw", bound=Callable[..., Component])

#: A slower visual is written to the log, seconds.
_SLOW_SECONDS = 1.0

#: Draws the visuals of a page side by side: most of their time is DuckDB's, which lets others work meanwhile.
_DRAWING = ThreadPoolExecutor(max_workers=8, thread_name_prefix="visual")


@dataclass(frozen=True)
class Visual:
    """A part of a page.

    `draw` gets the warehouse and the view; where `rows` asks a question, also what it answers. Where that is nothing, `empty`
    is said; None means that the question needs a comparison date and there is none.
    `title` may name settings in braces. `meaning`: a key of `Meanings.text`, or the words themselves. `csv`: its rows as a file.
    `bare` has no card; `beside` puts it next to the visual before it on a wide screen, and says how wide the two are (a class of
    the stylesheet).
    """

    name: str
    title: str
    draw: Callable[..., Component]
    rows: Question | None = None
    meaning: str | None = None
    note: str | None = None
    csv: Csv | None = None
    empty: Component | Callable[[View], Component] = field(default_factory=no_customers)
    bare: bool = False
    beside: Literal["halves", "wide-narrow", "narrow-wide"] | None = None

    def render(self, warehouse: Warehouse, view: View) -> Component:
        """The visual for a view."""
        if self.rows is None:
            return self.draw(warehouse, view)
        rows = self.rows(warehouse, view)
        if rows is None:
            return no_comparison()
        if rows:
            return self.draw(warehouse, view, rows)
        return self.empty(view) if callable(self.empty) else self.empty

    def framed(self, meanings: Meanings, drawn: Any, search: str | None) -> Component:
        """The visual in its card, with a link to its rows."""
        body = html.Div(drawn, id=self.name, className="visual")
        if self.bare:
            return body
        title = meanings.filled(self.title)
        aside = export_link(self.csv.name, title, search=search) if self.csv else None
        meaning = self.meaning and meanings.text(self.meaning)
        return card(title, body, meaning=meaning, aside=aside, note=self.note)


@dataclass
class Page:
    """A page: its address, what it is called and for, its place in the navigation, its visuals from top to bottom.

    `register` wires what the page answers beyond drawing: clicks.
    """

    path: str
    title: str
    purpose: str
    order: int
    register: Callable[[Dash, Warehouse], None] | None = None
    visuals: list[Visual] = field(default_factory=list)

    def visual(self, name: str, title: str, rows: Question | None = None, **more: Any) -> Callable[[Draw], Draw]:
        """Makes what is decorated draw the next visual of the page; the other arguments are those of `Visual`."""

        def add(draw: Draw) -> Draw:
            self.visuals.append(Visual(name, title, draw, rows, **more))
            return draw

        return add

    def layout(self, warehouse: Warehouse, search: str | None) -> list[Component]:
        """The page with its visuals, for what the address says."""
        drawing = {
            visual.name: _DRAWING.submit(copy_context().run, _drawn, visual, warehouse, search)
            for visual in self.visuals
        }
        framed = {
            visual.name: visual.framed(warehouse.meanings, drawing[visual.name].result(), search)
            for visual in self.visuals
        }
        lines: list[list[Visual]] = []
        for visual in self.visuals:
            if visual.beside:
                lines[-1].append(visual)
            else:
                lines.append([visual])
        return [
            html.Div([framed[visual.name] for visual in line], className=f"row {line[-1].beside}")
            if len(line) > 1
            else framed[line[0].name]
            for line in lines
        ]


def _drawn(visual: Visual, warehouse: Warehouse, search: str | None) -> Any:
    """A visual, or what is wrong with it."""
    started = time.perf_counter()
    try:
        view = parse(search, warehouse.catalogue())
        # Without a snapshot the whole page says so.
        return [] if view is None else visual.render(warehouse, view)
    except NoHistoryError as error:
        return message(
            "No run history",
            f"{error} Set DAGSTER_HOME to the home of the runs, then start the dashboard again.",
        )
    except TableDamagedError as error:
        log.error("%s failed: %s", visual.name, error)
        return failure(str(error))
    except duckdb.BinderException:
        log.exception("%s failed", visual.name)
        return failure(
            "This snapshot was built by an earlier version and lacks a column. Build it again: engagement run --date …"
        )
    except Exception:
        log.exception("%s failed", visual.name)
        return failure()
    finally:
        seconds = time.perf_counter() - started
        if seconds > _SLOW_SECONDS:
            log.warning("%s took %.1f s", visual.name, seconds)
