"""A visual: one part of a page with its own callback and its own error boundary.

A visual that fails says so in its place, and the others stay. Pages declare visuals; `register` wires them once.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import dash_mantine_components as dmc
import duckdb
from dash import Dash, Input, Output, html
from dash.development.base_component import Component

from engagement_assets.dashboard.components import card, failure
from engagement_assets.dashboard.markup import aria
from engagement_assets.dashboard.state import View, parse
from engagement_assets.dashboard.warehouse import Warehouse
from engagement_assets.lake.damage import TableDamagedError

log = logging.getLogger("engagement.dashboard")

Render = Callable[[Warehouse, View], Component]

#: A slower visual is written to the log, seconds.
_SLOW_SECONDS = 1.0


@dataclass(frozen=True)
class Visual:
    """A part of a page. `height` is kept free while it loads; `export` names the CSV of its rows; `bare` has no card."""

    name: str
    title: str
    render: Render
    meaning: str | None = None
    note: str | None = None
    height: int = 320
    export: str | None = None
    bare: bool = False


def place(visual: Visual) -> Component:
    """Where a visual will appear."""
    body = html.Div(
        dmc.Skeleton(height=visual.height, radius="md"),
        id=visual.name,
        className="visual",
    )
    if visual.bare:
        return body
    aside = export_link(visual.export, visual.title) if visual.export else None
    return card(visual.title, body, meaning=visual.meaning, aside=aside, note=visual.note)


def export_link(name: str, title: str) -> Component:
    """A link to a table as CSV; the address follows the filters."""
    return html.A(
        "CSV",
        id={"type": "export", "name": name},
        href=f"/export/{name}.csv",
        className="export",
        download="",
        **aria(label=f"Download as CSV: {title}"),
    )


def register(app: Dash, warehouse: Warehouse, visual: Visual) -> None:
    """Wire a visual to the URL."""

    @app.callback(Output(visual.name, "children"), Input("url", "search"))
    def draw(search: str | None) -> Any:
        return guarded(warehouse, visual.name, visual.render, search)


def guarded(warehouse: Warehouse, name: str, render: Render, search: str | None) -> Any:
    """A visual's content, or what is shown in its place."""
    started = time.perf_counter()
    try:
        view = parse(search, warehouse.catalogue())
        # Without a snapshot the whole page says so.
        return [] if view is None else render(warehouse, view)
    except TableDamagedError as error:
        log.error("%s failed: %s", name, error)
        return failure(str(error))
    except duckdb.BinderException:
        log.exception("%s failed", name)
        return failure(
            "This snapshot was built by an earlier version and lacks a column. Build it again: engagement run --date …"
        )
    except Exception:
        log.exception("%s failed", name)
        return failure()
    finally:
        seconds = time.perf_counter() - started
        if seconds > _SLOW_SECONDS:
            log.warning("%s took %.1f s", name, seconds)
